//! Texts: Jinja's own filters and Ansible's.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::methods::text::{capitalize, pad_to, split_lines};
use crate::template::eval::methods::{self, percent};
use crate::template::eval::val::{Args, R, Val, failed};
use crate::template::plugin::Bound;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("upper", &[], |it, b| Ok(Val::from(b.text(it)?.to_uppercase()))),
    Filter::new("lower", &[], |it, b| Ok(Val::from(b.text(it)?.to_lowercase()))),
    Filter::new("capitalize", &[], |it, b| Ok(Val::from(capitalize(&b.text(it)?)))),
    Filter::new("title", &[], |it, b| Ok(Val::from(title(&b.text(it)?)))),
    Filter::new("string", &[], |it, b| match &b.value {
        text @ Val::Str(_) => Ok(text.clone()),
        Val::Tuple(items) => {
            let shown = it.repr(&b.value)?;
            let comma = if items.len() == 1 { "," } else { "" };
            Ok(Val::from(format!("({}{comma})", &shown[1..shown.len() - 1])))
        }
        other => Ok(Val::from(it.str(other)?)),
    }),
    Filter::new("trim", &["chars"], |it, b| {
        let text = b.text(it)?;
        Ok(Val::from(match b.str(it, 0)? {
            Some(chars) => text.trim_matches(|c| chars.contains(c)),
            None => text.trim(),
        }))
    }),
    Filter::apart("replace", &["old!", "new!", "count"], |it, b| {
        let (text, old, new) = (b.text(it)?, b.str_or(it, 0, "")?, b.str_or(it, 1, "")?);
        Ok(Val::from(match b.int(2)? {
            Some(count) if count >= 0 => {
                text.replacen(&old, &new, usize::try_from(count).unwrap_or(usize::MAX))
            }
            _ => text.replace(&old, &new),
        }))
    }),
    Filter::new("center", &["width"], |it, b| {
        let width = b.size(0, 80)?;
        Ok(Val::from(pad_to(&b.text(it)?, width, ' ', "center")))
    }),
    Filter::new("indent", &["width", "first", "blank"], indent),
    Filter::new("truncate", &["length", "killwords", "end", "leeway"], truncate),
    Filter::new("wordwrap", &["width", "break_long_words", "wrapstring", "break_on_hyphens"], wordwrap),
    Filter::new("wordcount", &[], |it, b| {
        let text = b.text(it)?;
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
        Ok(Val::from(words.count()))
    }),
    Filter::new("striptags", &[], |it, b| Ok(Val::from(strip_tags(&b.text(it)?)))),
    Filter::new("escape", &[], |it, b| Ok(Val::from(escape(&b.text(it)?)))),
    Filter::new("e", &[], |it, b| Ok(Val::from(escape(&b.text(it)?)))),
    Filter::new("forceescape", &[], |it, b| Ok(Val::from(escape(&b.text(it)?)))),
    Filter::new("safe", &[], |_, b| Ok(b.value.clone())),
    Filter::new("xmlattr", &["autospace"], xmlattr),
    Filter::new("urlize", &["trim_url_limit", "nofollow", "target", "rel"], urlize),
    Filter::new("urlencode", &[], urlencode),
    Filter::new("urldecode", &[], |it, b| {
        if !matches!(b.value, Val::Str(_)) {
            return Err(failed(format!("'{}' object has no attribute 'replace'", b.value.type_name())));
        }
        Ok(Val::from(percent_decode(&b.text(it)?.replace('+', " "))))
    }),
    Filter::new("format", &["*", "**"], |it, b| {
        let template = b.text(it)?;
        if !b.named.is_empty() && !b.rest.is_empty() {
            return Err(failed("can't handle positional and keyword arguments at the same time"));
        }
        let values = if b.named.is_empty() {
            Val::tuple(std::mem::take(&mut b.rest))
        } else {
            Val::dict(b.named.drain(..).map(|(k, v)| (crate::vars::Key::from(&*k), v)).collect())
        };
        Ok(Val::from(percent::format(it, &template, &values)?))
    }),
    Filter::new("pprint", &[], |it, b| Ok(Val::from(it.repr(&b.value)?))),
    Filter::new("split", &["sep", "maxsplit"], |it, b| {
        if !matches!(b.value, Val::Str(_)) {
            return Err(failed(format!(
                "descriptor 'split' for 'str' objects doesn't apply to a '{}' object",
                b.value.type_name()
            )));
        }
        let args = Args { pos: vec![b.val(0), b.val(1)], named: Vec::new() };
        methods::call(it, &b.value.clone(), "split", args)
    }),
    Filter::new("quote", &[], |it, b| {
        let text = if b.value.is_none() { String::new() } else { b.text(it)? };
        Ok(Val::from(shell_quote(&text)))
    }),
    Filter::new(
        "comment",
        &[
            "style",
            "newline",
            "beginning",
            "prefix",
            "prefix_count",
            "decoration",
            "postfix",
            "postfix_count",
            "end",
        ],
        comment,
    ),
];

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || "-([{<".contains(c);
    }
    out
}

fn indent(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let pad = match b.raw(0) {
        Some(Val::Str(text)) => text.as_str().to_owned(),
        _ => " ".repeat(b.size(0, 4)?),
    };
    let first = b.flag(it, 1, false)?;
    let blank = b.flag(it, 2, false)?;
    let newline = "\n";
    let mut lines = split_lines(&format!("{text}\n"), false);
    let mut out = String::with_capacity(text.len() + 16);
    if first {
        out.push_str(&pad);
    }
    for (i, line) in lines.drain(..).enumerate() {
        if i > 0 {
            out.push_str(newline);
            if blank || !line.is_empty() {
                out.push_str(&pad);
            }
        }
        out.push_str(&line);
    }
    Ok(Val::from(out))
}

fn truncate(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let length = b.size(0, 255)?;
    let kill_words = b.flag(it, 1, false)?;
    let end = match b.raw(2) {
        Some(v) => it.str(v)?,
        None => "...".to_owned(),
    };
    let leeway = b.size(3, 5)?;
    let chars: Vec<char> = text.chars().collect();
    let end_length = end.chars().count();
    if length < end_length {
        return Err(failed(format!("expected length >= {end_length}, got {length}")));
    }
    if chars.len() <= length + leeway {
        return Ok(Val::from(text));
    }
    let kept: String = chars[..length - end_length].iter().collect();
    if kill_words {
        return Ok(Val::from(kept + &end));
    }
    let kept = kept.rsplit_once(' ').map_or(kept.as_str(), |(head, _)| head).to_owned();
    Ok(Val::from(kept + &end))
}

fn wordwrap(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let width = b.size(0, 79)?.max(1);
    let break_long = b.flag(it, 1, true)?;
    let newline = b.str_or(it, 2, "\n")?;
    let hyphens = b.flag(it, 3, true)?;
    let mut out = Vec::new();
    for line in split_lines(&text, false) {
        out.push(wrap(&line, width, break_long, hyphens).join(&newline));
    }
    Ok(Val::from(out.join(&newline)))
}

/// Python's `textwrap.wrap` of one line.
fn wrap(line: &str, width: usize, break_long: bool, hyphens: bool) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut blank = false;
    for c in line.chars() {
        if !current.is_empty() && c.is_whitespace() != blank {
            chunks.push(std::mem::take(&mut current));
        }
        blank = c.is_whitespace();
        current.push(c);
        if hyphens && c == '-' && current.chars().count() > 1 {
            chunks.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        chunks.push(current);
    }
    let mut lines = Vec::new();
    let mut row = String::new();
    for mut chunk in chunks {
        if row.is_empty() && !lines.is_empty() && chunk.trim().is_empty() {
            continue;
        }
        loop {
            let (have, more) = (row.chars().count(), chunk.chars().count());
            if have + more <= width {
                row.push_str(&chunk);
                break;
            }
            if more > width && break_long {
                let room = width.saturating_sub(have);
                let cut: String = chunk.chars().take(room).collect();
                chunk = chunk.chars().skip(room).collect();
                row.push_str(&cut);
                // What was cut ends the row as it is, with the blanks in front of it.
                lines.push(std::mem::take(&mut row));
                continue;
            }
            if row.trim().is_empty() {
                row = chunk;
                break;
            }
            lines.push(row.trim_end().to_owned());
            row = String::new();
            if chunk.trim().is_empty() {
                break;
            }
        }
    }
    if !row.trim_end().is_empty() {
        lines.push(row.trim_end().to_owned());
    }
    lines
}

/// HTML's special characters as entities.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<!--") {
        out.push_str(&rest[..at]);
        rest = rest[at..].find("-->").map_or("", |end| &rest[at + end + 3..]);
    }
    out.push_str(rest);
    let mut plain = String::new();
    let mut inside = false;
    for c in out.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    joined
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

fn xmlattr(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let autospace = b.flag(it, 0, true)?;
    let mut parts = Vec::new();
    for (key, value) in it.pairs(&b.value)? {
        value.check()?;
        if value.is_none() {
            continue;
        }
        let name = key.to_string();
        if name.contains([' ', '/', '>', '=']) {
            return Err(failed(format!("Invalid character in attribute name: '{name}'")));
        }
        parts.push(format!("{}=\"{}\"", escape(&name), escape(&it.str(&value)?)));
    }
    let text = parts.join(" ");
    Ok(Val::from(if autospace && !text.is_empty() { format!(" {text}") } else { text }))
}

fn urlize(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let words = text.split(' ').map(|word| {
        let is_url = word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www.");
        if !is_url {
            return escape(word);
        }
        let href = if word.starts_with("www.") { format!("https://{word}") } else { word.to_owned() };
        format!("<a href=\"{}\" rel=\"noopener\">{}</a>", escape(&href), escape(word))
    });
    Ok(Val::from(words.collect::<Vec<_>>().join(" ")))
}

/// Percent-encodes all but unreserved characters and those in `safe`.
pub(crate) fn percent_encode(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || (c.is_ascii() && safe.contains(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Undoes percent-encoding.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let decoded = (bytes[i] == b'%')
            .then(|| text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        match decoded {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urlencode(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let mut pairs = Vec::new();
    if b.value.is_dict() {
        for (key, value) in it.pairs(&b.value)? {
            pairs.push((key.to_string(), it.str(&value)?));
        }
    } else if b.value.is_seq() {
        for pair in it.items(&b.value)? {
            let parts = it.items(&pair)?;
            let [key, value] = parts.as_slice() else {
                return Err(failed("not a valid non-string sequence or mapping object"));
            };
            pairs.push((it.str(key)?, it.str(value)?));
        }
    } else {
        return Ok(Val::from(percent_encode(&b.text(it)?, "/")));
    }
    let quoted = |text: &str| percent_encode(text, " ").replace(' ', "+");
    let parts: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", quoted(k), quoted(v))).collect();
    Ok(Val::from(parts.join("&")))
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_quote(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn comment(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let style = b.str_or(it, 0, "plain")?;
    // Decoration, beginning and end.
    let (decoration, begin, end) = match style.as_str() {
        "plain" => ("# ", "", ""),
        "erlang" => ("% ", "", ""),
        "c" => ("// ", "", ""),
        "cblock" => (" * ", "/*", " */"),
        "xml" => (" - ", "<!--", "-->"),
        other => return Err(failed(format!("Invalid style '{other}'."))),
    };
    let newline = b.str_or(it, 1, "\n")?;
    let decoration = b.str_or(it, 5, decoration)?;
    let edge_default = decoration.trim_end().to_owned();
    let begin = b.str_or(it, 2, begin)?;
    let end = b.str_or(it, 8, end)?;
    let prefix = b.str_or(it, 3, &edge_default)?;
    let postfix = b.str_or(it, 6, &edge_default)?;
    let prefix_count = b.size(4, 1)?;
    let postfix_count = b.size(7, 1)?;
    let mut out = String::new();
    if !begin.is_empty() {
        out.push_str(&begin);
        out.push_str(&newline);
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out.push_str(&line.repeat(prefix_count.min(1000)));
    }
    let body = format!("{decoration}{}", text.replace(&newline, &format!("{newline}{decoration}")));
    // An empty line gets no blank at its end, but for the last one.
    let bare = format!("{}{newline}", decoration.trim_end());
    out.push_str(&body.replace(&format!("{decoration}{newline}"), &bare));
    for _ in 0..postfix_count.min(1000) {
        out.push_str(&newline);
        out.push_str(&postfix);
    }
    if !end.is_empty() {
        out.push_str(&newline);
        out.push_str(&end);
    }
    Ok(Val::from(out))
}
