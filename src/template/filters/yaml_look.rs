//! Which ways of writing a text YAML allows, as PyYAML sees it.

/// What the characters of a text allow.
pub(super) struct Look {
    pub(super) line_breaks: bool,
    block_plain: bool,
    flow_plain: bool,
    pub(super) single: bool,
    /// It can be written line by line.
    pub(super) block: bool,
}

impl Look {
    pub(super) fn plain(&self, in_flow: bool) -> bool {
        if in_flow { self.flow_plain } else { self.block_plain }
    }

    pub(super) fn at(text: &str, unicode: bool) -> Self {
        if text.is_empty() {
            return Self {
                line_breaks: false,
                block_plain: false,
                flow_plain: false,
                single: true,
                block: false,
            };
        }
        let (mut block, mut flow, mut breaks, mut special) = (false, false, false, false);
        let (mut space_break, mut break_space, mut trailing_space, mut trailing_break) =
            (false, false, false, false);
        let (mut leading_space, mut leading_break) = (false, false);
        if text.starts_with("---") || text.starts_with("...") {
            block = true;
            flow = true;
        }
        let chars: Vec<char> = text.chars().collect();
        let blank = |c: Option<&char>| {
            c.is_none_or(|c| {
                matches!(c, '\0' | ' ' | '\t' | '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
            })
        };
        let mut preceded = true;
        let (mut previous_space, mut previous_break) = (false, false);
        for (i, c) in chars.iter().copied().enumerate() {
            let followed = blank(chars.get(i + 1));
            if i == 0 {
                match c {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                    | '@' | '`' => {
                        block = true;
                        flow = true;
                    }
                    '?' | ':' => {
                        flow = true;
                        block |= followed;
                    }
                    '-' if followed => {
                        block = true;
                        flow = true;
                    }
                    _ => {}
                }
            } else {
                match c {
                    ',' | '?' | '[' | ']' | '{' | '}' => flow = true,
                    ':' => {
                        flow = true;
                        block |= followed;
                    }
                    '#' if preceded => {
                        block = true;
                        flow = true;
                    }
                    _ => {}
                }
            }
            let is_break = matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
            breaks |= is_break;
            if !(c == '\n' || (' '..='~').contains(&c)) {
                let printable = c == '\u{85}' || (is_printable(c) && c != '\u{feff}');
                if !(printable && unicode) {
                    special = true;
                }
            }
            if c == ' ' {
                leading_space |= i == 0;
                trailing_space |= i + 1 == chars.len();
                break_space |= previous_break;
                previous_space = true;
                previous_break = false;
            } else if is_break {
                leading_break |= i == 0;
                trailing_break |= i + 1 == chars.len();
                space_break |= previous_space;
                previous_space = false;
                previous_break = true;
            } else {
                previous_space = false;
                previous_break = false;
            }
            preceded = blank(Some(&c));
        }
        let mut out = Self {
            line_breaks: breaks,
            block_plain: !block,
            flow_plain: !flow,
            single: true,
            block: !(trailing_space || space_break || special),
        };
        if leading_space || leading_break || trailing_space || trailing_break {
            out.block_plain = false;
            out.flow_plain = false;
        }
        if break_space {
            out.block_plain = false;
            out.flow_plain = false;
            out.single = false;
        }
        if space_break || special {
            out.block_plain = false;
            out.flow_plain = false;
            out.single = false;
        }
        if breaks {
            out.block_plain = false;
            out.flow_plain = false;
        }
        out
    }
}

/// Whether a character outside of ASCII stands for itself.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
}
