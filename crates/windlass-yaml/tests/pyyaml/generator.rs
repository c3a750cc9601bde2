//! Random YAML: all kinds of scalars, collections, anchors and merge keys, written in all styles, with odd indentation,
//! comments and lines that are broken. The same seed gives the same documents.

use std::fmt::Write as _;

/// Numbers that look random (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// Plain scalars of every kind that YAML 1.1 knows, and those that nearly are.
const PLAIN: &[&str] = &[
    "yes",
    "No",
    "ON",
    "off",
    "true",
    "False",
    "TRUE",
    "y",
    "n",
    "tRue",
    "~",
    "null",
    "Null",
    "NULL",
    "nil",
    "0",
    "-0",
    "+12",
    "-7",
    "007",
    "0644",
    "089",
    "0o17",
    "0x1F",
    "0xg",
    "-0x1f",
    "0b101",
    "0b2",
    "1_000",
    "_1",
    "1__0",
    "1:30",
    "-1:30:15",
    "1:60",
    "190:20:30.15",
    "1.5",
    "-.5",
    ".5",
    "5.",
    "1e3",
    "1.0e3",
    "1.0e+3",
    "1.5E-2",
    "1_0.5_0",
    ".inf",
    "-.INF",
    "+.inf",
    ".nan",
    ".NaN",
    "inf",
    "2001-01-31",
    "2001-1-1",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "2001-12-14 21:59:43Z",
    "2001-12-14 2:59:43",
    "2001-13-01a",
    "10:30",
    "=",
    "<",
    "<<x",
    "a",
    "b",
    "word",
    "two words",
    "it's",
    "a:b",
    "a#b",
    "http://host:80/x?y#z",
    "-x",
    "?x",
    ":x",
    "x:",
    "/path",
    "a, b",
    "{{ x }}",
    "x {{ y }} z",
    "é ü",
    "日本",
    "😀 x",
    "x]y",
    "-",
    "- x",
    "--",
    "...x",
    "%x",
    "1.2.3",
    "a\\nb",
    "12e03",
    "9223372036854775807",
    "18446744073709551616",
    "0.1",
    "100000000000000000000.5",
    "1e400",
    "'",
    "\"x",
    "!x",
    "&x y",
    "*x",
    "|",
    "> x",
    "@x",
    "`x",
    "? x",
    "a: b",
    "a # c",
    "x -",
];

/// Such that may stand as they are in most places.
const SIMPLE: &[&str] = &[
    "a",
    "b",
    "c1",
    "key",
    "yes",
    "1",
    "0644",
    "two words",
    "~",
    "1.5",
    "x-y",
    "/p",
    "é",
    "null",
    "2001-01-31",
];

const QUOTED: &[&str] = &[
    "",
    " ",
    "text",
    "yes",
    "0644",
    "a: b",
    "a # b",
    "- x",
    "tab\there",
    "é",
    "{{ x }}",
    "it is",
    "end ",
    " begin",
    "x\\y",
    "%",
    "日本 😀",
    "#",
    "...",
    "---",
];

const ESCAPES: &[&str] = &[
    "\\n",
    "\\t",
    "\\\"",
    "\\\\",
    "\\x41",
    "\\u00e9",
    "\\U0001F600",
    "\\0",
    "\\e",
    "\\ ",
    "\\/",
    "\\_",
    "\\N",
    "\\L",
    "\\a",
];

const TAGS: &[&str] = &[
    "!!str",
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!map",
    "!!seq",
    "!!omap",
    "!!pairs",
    "!!binary",
    "!!timestamp",
];

/// A writer of one document.
struct Writer<'a> {
    random: &'a mut Random,
    out: String,
    anchors: usize,
}

/// Some YAML, most of it without mistakes.
pub fn document(random: &mut Random) -> String {
    let mut writer = Writer { random, out: String::new(), anchors: 0 };
    let count = if writer.random.one_in(12) { 2 } else { 1 };
    for number in 0..count {
        writer.head(number);
        writer.block(0, 0, Place::Document);
    }
    if writer.random.one_in(15) {
        writer.out.push_str("...\n");
    }
    let text = writer.out;
    if random.one_in(6) { spoiled(&text, random) } else { text }
}

/// A text with one thing in it changed.
fn spoiled(text: &str, random: &mut Random) -> String {
    const PARTS: &[&str] = &[
        " ", "\n", ":", ": ", "-", "- ", "#", " #", "'", "\"", "[", "]", "{", "}", ",", "&", "*", "!", "|",
        ">", "\t", "  ", "\n ", "x", "? ", "%", "@", "\r\n", "---\n", "...\n", "\\",
    ];
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let at = random.below(places.len());
    let (from, to) = (places[at], places.get(at + 1).copied().unwrap_or(text.len()));
    match random.below(3) {
        0 => format!("{}{}", &text[..from], &text[to..]),
        1 => format!("{}{}{}", &text[..from], random.of(PARTS), &text[from..]),
        _ => format!("{}{}{}", &text[..from], random.of(PARTS), &text[to..]),
    }
}

/// Where a node is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a line.
    Document,
    /// Behind `key:`.
    Value,
    /// Behind `-` or `?`.
    Item,
}

impl Writer<'_> {
    fn head(&mut self, number: usize) {
        if self.random.one_in(15) {
            self.out.push_str("# first a comment\n");
        }
        if number > 0 || self.random.one_in(3) {
            self.out.push_str("---");
            self.end_of_line();
        }
    }

    fn end_of_line(&mut self) {
        let end = match self.random.below(24) {
            0 => " # a comment\n",
            1 => " \n",
            2 => "\n\n",
            3 => "\n# at the margin\n",
            4 => "\n    # indented\n",
            5 => "   # x: y\n",
            _ => "\n",
        };
        self.out.push_str(end);
    }

    fn indent(&mut self, count: usize) {
        self.out.push_str(&" ".repeat(count));
    }

    /// What may stand in front of a node; whether there is something.
    fn properties(&mut self, scalar: bool) -> bool {
        let before = self.out.len();
        if self.random.one_in(9) {
            self.anchors += 1;
            write!(self.out, "&n{} ", self.anchors).unwrap();
        }
        if self.random.one_in(if scalar { 14 } else { 30 }) {
            let tag =
                if scalar { self.random.of(TAGS) } else { self.random.of(&["!!map", "!!seq", "!!omap"]) };
            write!(self.out, "{tag} ").unwrap();
        }
        self.out.len() > before
    }

    /// A node in block style whose lines are indented by `indent` at least; ends with a line break. The line it begins
    /// in, if any, ends with what it belongs to.
    fn block(&mut self, indent: usize, depth: usize, place: Place) {
        let inline = place != Place::Document;
        if inline {
            self.out.push(' ');
        }
        let choice = self.random.below(if depth > 3 { 9 } else { 16 });
        match choice {
            0 if inline => {
                self.out.pop();
                self.end_of_line();
            }
            0..=3 => self.scalar_line(indent),
            4 if self.anchors > 0 => {
                let number = 1 + self.random.below(self.anchors);
                write!(self.out, "*n{number}").unwrap();
                self.end_of_line();
            }
            4..=5 => self.text_block(indent),
            6 => {
                self.properties(false);
                self.flow(depth, indent);
                self.end_of_line();
            }
            7 => {
                self.quoted(indent);
                self.end_of_line();
            }
            8..=11 => self.map(indent, depth, place),
            _ => self.list(indent, depth, place),
        }
    }

    fn scalar_line(&mut self, indent: usize) {
        self.properties(true);
        if self.random.one_in(3) {
            let text = self.random.of(PLAIN);
            self.out.push_str(text);
        } else {
            let text = self.random.of(SIMPLE);
            self.out.push_str(text);
            if self.random.one_in(8) {
                self.broken_lines(indent);
            }
        }
        self.end_of_line();
    }

    /// More lines of a plain scalar.
    fn broken_lines(&mut self, indent: usize) {
        for _ in 0..=self.random.below(2) {
            self.out.push('\n');
            if self.random.one_in(4) {
                self.out.push('\n');
            }
            let more = 1 + self.random.below(3);
            self.indent(indent + more);
            let text = self.random.of(&["more", "1", "and more words", "yes", "x #y", "é"]);
            self.out.push_str(text);
        }
    }

    fn quoted(&mut self, indent: usize) {
        self.properties(true);
        let double = self.random.one_in(2);
        self.out.push(if double { '"' } else { '\'' });
        for _ in 0..=self.random.below(3) {
            let text = self.random.of(QUOTED);
            let text = if double { text.replace('\\', "\\\\") } else { text.to_owned() };
            self.out.push_str(&text);
            match self.random.below(8) {
                0 if double => {
                    let escape = self.random.of(ESCAPES);
                    self.out.push_str(escape);
                }
                1 if double => {
                    self.out.push_str("\\\n");
                    self.indent(indent + 1);
                }
                0 | 1 => self.out.push_str("''"),
                2 => {
                    self.out.push_str(if self.random.one_in(3) { " \n\n" } else { "\n" });
                    let more = self.random.below(4);
                    self.indent((indent + more).max(1));
                }
                _ => {}
            }
        }
        self.out.push(if double { '"' } else { '\'' });
    }

    /// `|` and `>`.
    fn text_block(&mut self, indent: usize) {
        self.properties(true);
        let sign = self.random.of(&["|", ">"]);
        let keep = self.random.of(&["", "", "-", "+"]);
        let more = 1 + self.random.below(3);
        let explicit = self.random.one_in(6);
        self.out.push_str(sign);
        // The indentation counts from that of the collection around.
        let told = if explicit && indent > 0 { (more).to_string() } else { String::new() };
        if self.random.one_in(2) {
            write!(self.out, "{keep}{told}").unwrap();
        } else {
            write!(self.out, "{told}{keep}").unwrap();
        }
        self.out.push_str(if self.random.one_in(8) { " # a comment\n" } else { "\n" });
        let own = if indent > 0 { indent - 1 + more } else { more };
        for number in 0..=self.random.below(4) {
            if self.random.one_in(5) {
                let blanks = self.random.below(own + 1);
                if self.random.one_in(2) {
                    self.indent(blanks);
                }
                self.out.push('\n');
                continue;
            }
            self.indent(own);
            if number > 0 && self.random.one_in(4) {
                self.out.push_str(if self.random.one_in(4) { "\t" } else { "  " });
            }
            let text = self.random.of(&[
                "text",
                "a: b",
                "# no comment",
                "- x",
                "more text",
                "'quote",
                "é {{ x }}",
                "trailing ",
                "...",
            ]);
            self.out.push_str(text);
            self.out.push('\n');
        }
        if self.random.one_in(4) {
            self.out.push('\n');
        }
    }

    fn key(&mut self, depth: usize, number: usize) {
        match self.random.below(22) {
            0 => self.out.push_str("yes"),
            1 => self.out.push_str("'quoted key'"),
            2 => self.out.push_str("\"k\\x41\""),
            3 => {
                let text = self.random.of(SIMPLE);
                self.out.push_str(text);
            }
            4 => write!(self.out, "{number}").unwrap(),
            5 => self.out.push_str("two words"),
            6 if depth < 2 => self.out.push_str("&key named"),
            7 => self.out.push_str("!!str 12"),
            _ => write!(self.out, "k{number}").unwrap(),
        }
        if self.random.one_in(20) {
            self.out.push(' ');
        }
        self.out.push(':');
    }

    /// Ends the line for a collection to begin, unless it may begin in the line of its `-`; how far it is indented.
    fn begin(&mut self, indent: usize, place: Place) -> (usize, bool) {
        match place {
            Place::Document => (indent, false),
            Place::Item if self.random.one_in(2) => {
                // Compact: its other lines stand below its beginning.
                let line = self.out.rfind('\n').map_or(0, |at| at + 1);
                let more = self.random.below(3);
                self.indent(more);
                (self.out[line..].chars().count(), true)
            }
            _ => {
                self.properties(false);
                self.out.truncate(self.out.trim_end_matches(' ').len());
                self.end_of_line();
                let more = self.random.below(3);
                (indent + more, false)
            }
        }
    }

    fn map(&mut self, indent: usize, depth: usize, place: Place) {
        let (own, mut begun) = self.begin(indent, place);
        for number in 0..=self.random.below(4) {
            if !std::mem::take(&mut begun) {
                self.indent(own);
            }
            if self.anchors > 0 && self.random.one_in(8) {
                let anchor = 1 + self.random.below(self.anchors);
                if self.random.one_in(3) {
                    let other = 1 + self.random.below(self.anchors);
                    write!(self.out, "<<: [*n{anchor}, *n{other}]").unwrap();
                } else {
                    write!(self.out, "<<: *n{anchor}").unwrap();
                }
                self.end_of_line();
                continue;
            }
            if self.random.one_in(25) {
                self.out.push('?');
                self.block(own + 1, depth + 1, Place::Item);
                if self.random.one_in(4) {
                    continue;
                }
                self.indent(own);
                self.out.push(':');
                self.block(own + 1, depth + 1, Place::Item);
                continue;
            }
            self.key(depth, number);
            // A list may stand in the column of its key.
            if depth < 4 && self.random.one_in(8) {
                self.end_of_line();
                self.items(own, depth + 1, false);
            } else {
                self.block(own + 1, depth + 1, Place::Value);
            }
        }
    }

    fn list(&mut self, indent: usize, depth: usize, place: Place) {
        let (own, begun) = self.begin(indent, place);
        self.items(own, depth, begun);
    }

    fn items(&mut self, own: usize, depth: usize, mut begun: bool) {
        for _ in 0..=self.random.below(3) {
            if !std::mem::take(&mut begun) {
                self.indent(own);
            }
            self.out.push('-');
            self.block(own + 1, depth + 1, Place::Item);
        }
    }

    /// A node between brackets or within.
    fn flow(&mut self, depth: usize, indent: usize) {
        let list = self.random.one_in(2);
        self.out.push(if list { '[' } else { '{' });
        let count = self.random.below(4);
        for number in 0..count {
            self.flow_space(indent);
            if !list {
                match self.random.below(12) {
                    0 => {
                        self.out.push_str("alone");
                        self.flow_comma(number, count, indent);
                        continue;
                    }
                    1 => self.out.push_str("\"q\":"),
                    2 => self.out.push_str("? x :"),
                    _ => {
                        self.key(depth, number);
                    }
                }
                self.out.push(' ');
            } else if self.random.one_in(12) {
                self.out.push_str("pair: ");
            }
            self.flow_node(depth, indent);
            self.flow_comma(number, count, indent);
        }
        self.flow_space(indent);
        self.out.push(if list { ']' } else { '}' });
    }

    fn flow_comma(&mut self, number: usize, count: usize, indent: usize) {
        if number + 1 < count || self.random.one_in(6) {
            self.flow_space(indent);
            self.out.push(',');
            if !self.random.one_in(5) {
                self.out.push(' ');
            }
        }
    }

    fn flow_space(&mut self, indent: usize) {
        match self.random.below(14) {
            0 => self.out.push(' '),
            1 => {
                let more = self.random.below(3);
                self.out.push_str(if self.random.one_in(3) { " # in brackets\n" } else { "\n" });
                self.indent((indent + more).max(1));
            }
            _ => {}
        }
    }

    fn flow_node(&mut self, depth: usize, indent: usize) {
        match self.random.below(12) {
            0 if self.anchors > 0 => {
                let number = 1 + self.random.below(self.anchors);
                write!(self.out, "*n{number} ").unwrap();
            }
            1 => self.quoted(indent),
            2 | 3 if depth < 4 => {
                self.properties(false);
                self.flow(depth + 1, indent);
            }
            4 => {
                let text = self.random.of(PLAIN);
                self.out.push_str(text);
            }
            5 => {}
            _ => {
                self.properties(true);
                let text = self.random.of(SIMPLE);
                self.out.push_str(text);
            }
        }
    }
}
