//! Syntax errors in words, with advice for the mistakes that people make.

use std::sync::Arc;

use granit_parser::ErrorKind;

use crate::error::YamlError;
use crate::node::{Node, Yaml};
use crate::source::{SourceFile, Span};

/// A key that is itself a list or a mapping; nearly always a template without quotes.
pub(crate) fn unhashable(key: &Node, parent: &Span) -> YamlError {
    let text = &parent.file.text;
    if text.get(parent.start..).is_some_and(|rest| rest.starts_with("{{")) {
        let line_end = text[parent.start..].find('\n').map_or(text.len(), |i| parent.start + i);
        let close = text[parent.start..line_end].rfind("}}").map_or(line_end, |i| parent.start + i + 2);
        let span = Span::new(&parent.file, parent.start, close);
        return YamlError::new("a value that starts with `{{` must be quoted", span.clone())
            .label("YAML reads this as a mapping")
            .hint(quote_advice(&span));
    }
    let what = if matches!(key.value, Yaml::Seq(_)) { "a list" } else { "a mapping" };
    YamlError::new(format!("{what} cannot be the key of a mapping"), key.span.clone())
        .hint("quote the key if it is meant as text")
}

pub(crate) fn unknown_tag(tag: &str, span: Span) -> YamlError {
    let hint = match tag {
        "!Vault" | "!VAULT" | "!vault_encrypted" => "did you mean `!vault`?",
        "!Unsafe" | "!UNSAFE" => "did you mean `!unsafe`?",
        _ => {
            "a value that begins with `!` must be quoted; known tags are `!vault`, `!unsafe` and YAML's own (`!!str`, ...)"
        }
    };
    YamlError::quoting(format!("unknown tag `{tag}`"), "unknown tag", span).hint(hint)
}

/// `key: {{ x }} y` as it should have been written, from the place of the braces on.
fn quote_advice(span: &Span) -> String {
    let line = span.file.line(span.line).unwrap_or_default();
    let rest: String = line.chars().skip(span.column as usize - 1).collect();
    let rest = rest.trim_end();
    // Keep a comment out of the quotes.
    let rest = rest.find(" #").map_or(rest, |at| rest[..at].trim_end());
    if rest.contains('"') {
        format!("write '{}'", rest.replace('\'', "''"))
    } else {
        format!("write \"{}\"", rest.replace('\\', "\\\\"))
    }
}

/// What the scanner found wrong, with the place moved to what the user has to change.
pub(crate) fn scan_error(file: &Arc<SourceFile>, kind: &ErrorKind, at: usize) -> YamlError {
    let span = char_span(file, at);
    if let Some(found) = unquoted_template(file, span.line) {
        return found;
    }
    if let Some(found) = tab_indent(file, kind, span.line) {
        return found;
    }
    if matches!(kind, ErrorKind::InvalidQuotedScalarIndent)
        && let Some(found) = open_quote(file, &span)
    {
        return found;
    }
    if matches!(kind, ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement)
        && let Some(found) = runs_on(file, &span)
    {
        return found;
    }
    let (message, hint) = describe(kind, file, &span);
    let bare = match kind {
        ErrorKind::UnknownAnchor => Some("unknown anchor"),
        ErrorKind::UnexpectedCharacter { .. } => Some("a value cannot start with this character"),
        ErrorKind::Custom(_) => Some("not valid YAML"),
        _ => None,
    };
    let mut out = match bare {
        Some(bare) => YamlError::quoting(message, bare, span.clone()),
        None => YamlError::new(message, span.clone()),
    };
    if let Some(moved) = place(kind, file, &span) {
        out.span = moved;
    }
    match hint {
        Some(hint) => out.hint(hint),
        None => out,
    }
}

/// The span of the character at an offset, or of nothing at the end of the file.
fn char_span(file: &Arc<SourceFile>, at: usize) -> Span {
    let len = file.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span::new(file, at, at + len)
}

/// `key: {{ x }} more` or `- {{ x }}` on the line of the error or the one before it.
fn unquoted_template(file: &Arc<SourceFile>, line: u32) -> Option<YamlError> {
    for number in [line, line.saturating_sub(1)] {
        let Some(text) = file.line(number) else { continue };
        let from = ["{{ ", "{{"].iter().find_map(|open| {
            [": ", "- "].iter().find_map(|lead| text.find(&format!("{lead}{open}")).map(|i| i + lead.len()))
        });
        let Some(from) = from else { continue };
        // In a block scalar or behind a quote the braces are no mistake.
        if text[..from].contains(['"', '\'', '#']) {
            continue;
        }
        let whole = Span::of_line(file, number);
        let start = whole.start - (text.len() - text.trim_start().len()) + from;
        let end = file.text[start..].find("}}").map_or(whole.end, |i| (start + i + 2).min(whole.end));
        let span = Span::new(file, start, end);
        let hint = quote_advice(&span);
        let error = YamlError::new("a value that starts with `{{` must be quoted", span);
        return Some(error.label("YAML reads this as a mapping").hint(hint));
    }
    None
}

/// A quoted value that runs into the next key: its opening quote is the mistake.
fn open_quote(file: &Arc<SourceFile>, span: &Span) -> Option<YamlError> {
    let before = &file.text[..span.start];
    let (at, _) = before
        .char_indices()
        .rev()
        .find(|(i, c)| matches!(c, '"' | '\'') && before[..*i].ends_with([' ', '\n', '[', '{', ',', '\t']))?;
    let hint = "close it, or double a `'` that is part of the text";
    Some(YamlError::new("a quote is never closed", Span::new(file, at, at + 1)).hint(hint))
}

/// A `key:` on a line that still belongs to the value above it: the mistake is in the line above.
fn runs_on(file: &Arc<SourceFile>, span: &Span) -> Option<YamlError> {
    let line = file.line(span.line)?;
    let colon = line.chars().take(span.column as usize - 1).collect::<String>();
    if colon.contains(": ") {
        return None;
    }
    let (number, above) = (1..span.line).rev().find_map(|n| {
        let text = file.line(n)?;
        (!text.trim().is_empty() && !text.trim_start().starts_with('#')).then_some((n, text))
    })?;
    let place = Span::of_line(file, number);
    let entry = above.trim_start().trim_start_matches("- ").trim_end();
    if let Some((open, rest)) = [('[', ']'), ('{', '}')].into_iter().find_map(|(open, close)| {
        let at = entry.find(open)?;
        (entry.matches(open).count() > entry.matches(close).count()).then_some((open, at))
    }) {
        let from =
            place.start + (above.trim_start().len() - entry.len().min(above.trim_start().len())) + rest;
        let from =
            if file.text.get(from..).is_some_and(|t| t.starts_with(open)) { from } else { place.start };
        return Some(
            YamlError::new(format!("this `{open}` is never closed"), Span::new(file, from, from + 1))
                .hint(format!("close it, or quote the value if the `{open}` is part of the text")),
        );
    }
    if entry.contains(": ") {
        let indent = |text: &str| text.len() - text.trim_start().len();
        let message = "a `key:` below a key that already has a value";
        let hint = if indent(line) > indent(above) {
            "indent this line like the one above, or remove the value there"
        } else {
            "check the indentation of this line"
        };
        return Some(YamlError::new(message, Span::of_line(file, span.line)).hint(hint));
    }
    if entry.ends_with(':') {
        return None;
    }
    Some(YamlError::new("this line is no `key: value`", place).hint(missing_colon(entry)))
}

fn tab_indent(file: &Arc<SourceFile>, kind: &ErrorKind, line: u32) -> Option<YamlError> {
    let known = matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    );
    let text = file.line(line)?;
    let indent = &text[..text.len() - text.trim_start().len()];
    let in_indent = indent.contains('\t');
    if !known && !in_indent {
        return None;
    }
    let line_start = Span::of_line(file, line).start - indent.len();
    let tab = text.find('\t').unwrap_or(0);
    let len = text[tab..].bytes().take_while(|b| *b == b'\t').count();
    let span = Span::new(file, line_start + tab, line_start + tab + len);
    let (message, hint) = if in_indent {
        ("a tab cannot indent YAML", "indent with spaces")
    } else {
        ("a tab is not allowed here", "use spaces")
    };
    Some(YamlError::new(message, span).label("here is a tab").hint(hint))
}

/// For errors that show late: the place where the mistake began.
fn place(kind: &ErrorKind, file: &Arc<SourceFile>, span: &Span) -> Option<Span> {
    match kind {
        ErrorKind::UnclosedQuotedScalar => Some(Span { end: span.end.max(span.start), ..span.clone() }),
        ErrorKind::UnclosedFlowCollection { open } => {
            // The scanner may report the end of the file; the bracket is what the user looks for.
            (!file.text[span.start..].starts_with(*open)).then_some(())?;
            let at = file.text[..span.start].rfind(*open)?;
            Some(Span::new(file, at, at + 1))
        }
        _ => None,
    }
}

fn describe(kind: &ErrorKind, file: &Arc<SourceFile>, span: &Span) -> (String, Option<String>) {
    use ErrorKind as K;
    let line = file.line(span.line).unwrap_or_default();
    let plain = |message: &str| (message.to_owned(), None);
    let hinted = |message: &str, hint: &str| (message.to_owned(), Some(hint.to_owned()));
    match kind {
        K::MappingValueNotAllowed | K::InvalidColonPlacement => (
            "a second `: ` in one line".to_owned(),
            Some(
                second_colon(line, span)
                    .unwrap_or_else(|| "quote the value, or check the indentation".to_owned()),
            ),
        ),
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => hinted(
            "text behind a closing quote",
            "a value that starts with a quote must end with it: quote the whole value, and the inner quotes otherwise",
        ),
        K::ExpectedBlockMappingKey => (
            "did not find the next key of this mapping".to_owned(),
            Some(after_quote(line).unwrap_or_else(|| {
                "check that this line is indented like the keys above it, and that quotes are closed"
                    .to_owned()
            })),
        ),
        K::UnclosedQuotedScalar => {
            hinted("a quote is never closed", "close it, or double a `'` that is part of the text")
        }
        K::DocumentIndicatorInQuotedScalar => {
            hinted("`---` or `...` inside a quoted value", "is the quote closed before it?")
        }
        K::UnknownQuotedScalarEscape => {
            hinted("unknown escape in double quotes", "write `\\\\` for a backslash, or use single quotes")
        }
        K::InvalidQuotedScalarHexEscape
        | K::InvalidUnicodeEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate => {
            hinted("not a valid character escape", "use single quotes if no escape is meant")
        }
        K::InvalidQuotedScalarIndent => {
            hinted("a quoted value must stay indented on its next lines", "is the quote closed?")
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            ("this line is no `key: value`".to_owned(), Some(missing_colon(line)))
        }
        K::UnexpectedCharacter { character } => (
            format!("a value cannot start with `{}`", character.escape_default()),
            Some("quote the value".to_owned()),
        ),
        K::UnknownAnchor => (
            format!("unknown anchor `{}`", span_word(file, span)),
            Some("a value that begins with `*` is an alias: quote it if it is meant as text".to_owned()),
        ),
        K::MissingAnchorOrAliasName => hinted(
            "`&` or `*` without a name",
            "a value that begins with `&` or `*` must be quoted if it is text",
        ),
        K::UndeclaredTagHandle | K::MissingTagUri | K::InvalidTagTerminator | K::UnclosedVerbatimTag => {
            hinted("not a valid tag", "a value that begins with `!` must be quoted if it is text")
        }
        K::ExpectedFlowMappingSeparator | K::UnexpectedEofFlowMapping => {
            hinted("expected `,` or `}`", "is a `}` or a comma missing, or a value in need of quotes?")
        }
        K::ExpectedFlowSequenceSeparator
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofImplicitFlowMapping => {
            hinted("expected `,` or `]`", "is a `]` or a comma missing, or a value in need of quotes?")
        }
        K::UnclosedFlowCollection { open } => (
            format!("this `{open}` is never closed"),
            Some(format!("close it, or quote the value if the `{open}` is part of the text")),
        ),
        K::MisplacedFlowCollectionEnd => hinted(
            "a closing bracket without an opening one",
            "quote the value if the bracket is part of the text",
        ),
        K::MismatchedFlowCollectionEnd { open, close } => (format!("`{open}` is closed by `{close}`"), None),
        K::InvalidIndentation | K::InvalidFlowScalarIndent => {
            hinted("wrong indentation", "entries of one mapping or list begin in the same column")
        }
        K::BlockSequenceEntryNotAllowed | K::ExpectedBlockSequenceEntry | K::InvalidBlockEntryWhitespace => {
            hinted(
                "a list item (`-`) cannot stand here",
                "check the indentation of this line and of the one above",
            )
        }
        K::BlockEntryInFlowCollection => hinted("`- ` inside brackets", "separate the items by commas"),
        K::MappingKeyNotAllowed
        | K::InvalidMappingValueWhitespace
        | K::FlowMappingValueAdjacentCollection => {
            hinted("a `key: value` cannot stand here", "check the indentation, or quote the value")
        }
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => hinted(
            "text behind `|` or `>`",
            "the text of a block begins on the next line; quote the value if it begins with `|` or `>`",
        ),
        K::InvalidBlockScalarIndent => hinted(
            "wrong indentation in a block of text",
            "its first lines may not be indented more than its text",
        ),
        K::CommentInterceptedScalar => {
            hinted("a comment inside a value of several lines", "use `|` or `>` for the text")
        }
        K::CommentNotSeparated => {
            hinted("a comment needs a space before its `#`", "quote the value if the `#` is part of it")
        }
        K::PlainScalarStartsWithDashFlowIndicator => hinted("`-` before a bracket", "quote the value"),
        K::RecursionLimitExceeded => plain("the document is nested too deeply"),
        K::InvalidDocumentEnd => plain("text behind `...`"),
        K::BomInsideDocument => hinted("a byte-order mark inside the file", "save the file without it"),
        K::InvalidDirectiveTerminator
        | K::MissingDirectiveName
        | K::InvalidDirectiveName
        | K::MissingYamlVersion
        | K::MissingYamlVersionSeparator
        | K::YamlVersionTooLong
        | K::UnsupportedYamlMajorVersion
        | K::DuplicateVersionDirective
        | K::DuplicateTagDirective
        | K::InvalidTagDirectiveTerminator
        | K::ExpectedTagDirectiveBang
        | K::MissingDocumentEndBeforeDirective => hinted(
            "not a valid directive",
            "a line that begins with `%` is a directive: quote the value if it is text",
        ),
        K::ExpectedDocumentStart => hinted("did not expect this here", "check the indentation of this line"),
        K::UnexpectedEof | K::UnexpectedEofBlockMapping | K::UnexpectedEofBlockSequence => {
            plain("the file ends too early")
        }
        K::ExpectedNodeContent => {
            hinted("expected a value here", "quote the value if it begins with a special character")
        }
        K::Custom(message) => (message.clone(), None),
        _ => plain("not valid YAML"),
    }
}

/// `key: a: b` with the value in quotes.
fn second_colon(line: &str, span: &Span) -> Option<String> {
    let (key, value) = line.split_once(": ")?;
    let (key, value) = (key.trim_start(), value.trim());
    let offset = line.len() - line.trim_start().len() + key.len();
    // The error must be about a colon further right than the first.
    if (span.column as usize) <= offset + 1 || value.is_empty() || key.contains(['"', '\'', '{', '[']) {
        return None;
    }
    Some(if value.contains('"') {
        format!("quote the value: {key}: '{}'", value.replace('\'', "''"))
    } else {
        format!("quote the value: {key}: \"{}\"", value.replace('\\', "\\\\"))
    })
}

/// `key: "a" b`: the value goes on behind its quote.
fn after_quote(line: &str) -> Option<String> {
    let value = line.split_once(": ")?.1.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let close = value[1..].find(quote)?;
    let behind = value[close + 2..].trim();
    (!behind.is_empty() && !behind.starts_with('#'))
        .then(|| "a value that starts with a quote must end with it: quote the whole value".to_owned())
}

fn missing_colon(line: &str) -> String {
    let text = line.trim();
    let glued = text.split_once(':').filter(|(key, value)| {
        !key.is_empty()
            && !key.contains([' ', '"', '\'', '{', '['])
            && !value.is_empty()
            && !value.starts_with([' ', '/'])
    });
    match glued {
        Some((key, value)) => format!("put a space behind the colon: {key}: {value}"),
        None => "is a colon missing, or is the value before it not closed?".to_owned(),
    }
}

fn span_word(file: &Arc<SourceFile>, span: &Span) -> String {
    let rest = file.text.get(span.start..).unwrap_or_default();
    rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'))
        .next()
        .unwrap_or_default()
        .to_owned()
}
