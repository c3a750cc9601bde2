//! Methods of texts.

use super::{arg, brace, need, need_str, opt_int};
use crate::template::eval::Interp;
use crate::template::eval::val::{Args, R, Val, failed};

/// Longest text that padding makes.
const MAX_WIDTH: i64 = 10_000_000;

pub(super) fn call(it: &mut Interp<'_>, of: &Val, s: &str, name: &str, args: Args) -> R {
    let made: String = match name {
        "upper" => s.to_uppercase(),
        "lower" => s.to_lowercase(),
        "casefold" => s.to_lowercase().replace('ß', "ss"),
        "capitalize" => capitalize(s),
        "title" => title(s),
        "swapcase" => s
            .chars()
            .flat_map(|c| -> Vec<char> {
                if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
            })
            .collect(),
        "strip" | "lstrip" | "rstrip" => strip(s, name, &args)?.to_owned(),
        "center" | "ljust" | "rjust" => pad(s, name, &args)?,
        "zfill" => {
            let width = width(&args)?;
            let (sign, digits) = match s.strip_prefix(['+', '-']) {
                Some(rest) => (&s[..1], rest),
                None => ("", s),
            };
            let missing = width.saturating_sub(s.chars().count());
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
        "replace" => {
            let (old, new) = (need_str(&args, 0, name)?, need_str(&args, 1, name)?);
            match opt_int(&args, 2, "count")? {
                Some(count) if count >= 0 => {
                    s.replacen(&old, &new, usize::try_from(count).unwrap_or(usize::MAX))
                }
                _ => s.replace(&old, &new),
            }
        }
        "removeprefix" => {
            let prefix = need_str(&args, 0, name)?;
            s.strip_prefix(&prefix).unwrap_or(s).to_owned()
        }
        "removesuffix" => {
            let suffix = need_str(&args, 0, name)?;
            s.strip_suffix(&suffix).unwrap_or(s).to_owned()
        }
        "expandtabs" => {
            let size =
                usize::try_from(opt_int(&args, 0, "tabsize")?.unwrap_or(8).clamp(0, 1000)).unwrap_or(8);
            expand_tabs(s, size)
        }
        "encode" | "decode" => s.to_owned(),
        "translate" => {
            let table = need(&args, 0, name)?;
            let mut out = String::new();
            for c in s.chars() {
                match it.entry(&table, &crate::vars::Key::Int(i64::from(c as u32)))? {
                    None => out.push(c),
                    Some(Val::None) => {}
                    Some(Val::Int(code)) => {
                        out.extend(u32::try_from(code).ok().and_then(char::from_u32));
                    }
                    Some(text) => out.push_str(&it.str(&text)?),
                }
            }
            out
        }
        "format" => brace::format(it, s, &args.pos, &args.named)?,
        "format_map" => {
            let map = need(&args, 0, name)?;
            let named: Vec<_> = it.pairs(&map)?.into_iter().map(|(k, v)| (k.to_string().into(), v)).collect();
            brace::format(it, s, &[], &named)?
        }
        "join" => {
            let items = need(&args, 0, name)?;
            let mut parts = Vec::new();
            let items = it.items(&items).map_err(|e| match e.kind {
                crate::template::TemplateErrorKind::Failed => failed("can only join an iterable"),
                _ => e,
            })?;
            for (i, item) in items.iter().enumerate() {
                match item {
                    Val::Str(text) => parts.push(text.as_str().to_owned()),
                    other => {
                        other.check()?;
                        let found = other.type_name();
                        return Err(failed(format!(
                            "sequence item {i}: expected str instance, {found} found"
                        )));
                    }
                }
            }
            let text = parts.join(s);
            let mut from: Vec<&Val> = items.iter().collect();
            from.push(of);
            return Ok(it.derived(&from, text));
        }
        _ => return other(it, of, s, name, &args),
    };
    let mut from: Vec<&Val> = vec![of];
    from.extend(&args.pos);
    Ok(it.derived(&from, made))
}

fn other(it: &Interp<'_>, of: &Val, s: &str, name: &str, args: &Args) -> R {
    let all = |test: fn(char) -> bool| Val::Bool(!s.is_empty() && s.chars().all(test));
    let list = |parts: Vec<String>| Val::list(parts.into_iter().map(|p| it.part(of, p)).collect());
    Ok(match name {
        "isdecimal" => all(|c| {
            c.is_numeric()
                && !c.is_alphabetic()
                && !"²³¹½¼¾".contains(c)
                && !('\u{2070}'..='\u{218b}').contains(&c)
        }),
        "isdigit" => all(|c| c.is_ascii_digit() || (c.is_numeric() && !c.is_ascii())),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => Val::Bool(s.is_ascii()),
        "isprintable" => Val::Bool(s.chars().all(|c| !c.is_control())),
        "isidentifier" => Val::Bool(
            s.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic())
                && s.chars().all(|c| c == '_' || c.is_alphanumeric()),
        ),
        "islower" => Val::Bool(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase)),
        "isupper" => Val::Bool(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase)),
        "istitle" => Val::Bool(s.chars().any(char::is_alphabetic) && title(s) == s),
        "startswith" | "endswith" => {
            let (tail, _) = window(s, args, 1)?;
            let hit =
                |part: &str| if name == "startswith" { tail.starts_with(part) } else { tail.ends_with(part) };
            match need(args, 0, name)? {
                Val::Str(part) => Val::Bool(hit(part.as_str())),
                Val::Tuple(parts) => Val::Bool(parts.iter().filter_map(Val::as_str).any(hit)),
                other => {
                    let found = other.type_name();
                    return Err(failed(format!(
                        "{name} first arg must be str or a tuple of str, not {found}"
                    )));
                }
            }
        }
        "count" => {
            let part = need_str(args, 0, name)?;
            let (tail, _) = window(s, args, 1)?;
            Val::from(if part.is_empty() { tail.chars().count() + 1 } else { tail.matches(&part).count() })
        }
        "find" | "index" | "rfind" | "rindex" => {
            let part = need_str(args, 0, name)?;
            let (tail, offset) = window(s, args, 1)?;
            let beyond = opt_int(args, 1, "start")?.is_some_and(|at| at > s.chars().count() as i64);
            let found = if beyond {
                None
            } else if name.starts_with('r') {
                tail.rfind(&part)
            } else {
                tail.find(&part)
            };
            match found {
                Some(at) => Val::from(offset + tail[..at].chars().count()),
                None if name.ends_with("find") => Val::Int(-1),
                None => return Err(failed("substring not found")),
            }
        }
        "partition" | "rpartition" => {
            let sep = need_str(args, 0, name)?;
            if sep.is_empty() {
                return Err(failed("empty separator"));
            }
            let split = if name == "partition" { s.split_once(&sep) } else { s.rsplit_once(&sep) };
            let parts = match split {
                Some((a, b)) => [a, sep.as_str(), b],
                None if name == "partition" => [s, "", ""],
                None => ["", "", s],
            };
            Val::tuple(parts.iter().map(|p| it.part(of, (*p).to_owned())).collect())
        }
        "splitlines" => {
            let keep = matches!(arg(args, 0, "keepends"), Some(Val::Bool(true)));
            list(split_lines(s, keep))
        }
        "split" | "rsplit" => {
            let max = opt_int(args, 1, "maxsplit")?.filter(|m| *m >= 0).and_then(|m| usize::try_from(m).ok());
            let sep = match arg(args, 0, "sep") {
                None | Some(Val::None) => None,
                Some(Val::Str(sep)) => Some(sep),
                Some(other) => {
                    return Err(failed(format!("must be str or None, not {}", other.type_name())));
                }
            };
            match sep {
                Some(sep) if sep.as_str().is_empty() => return Err(failed("empty separator")),
                Some(sep) => list(split_by(s, sep.as_str(), max, name == "rsplit")),
                None => list(split_blanks(s, max, name == "rsplit")),
            }
        }
        _ => return Err(failed(format!("'str' object has no attribute '{name}'"))),
    })
}

/// The part of a text between two optional bounds, and where it starts in characters.
fn window<'s>(s: &'s str, args: &Args, at: usize) -> R<(&'s str, usize)> {
    let (start, end) = (opt_int(args, at, "start")?, opt_int(args, at + 1, "end")?);
    if start.is_none() && end.is_none() {
        return Ok((s, 0));
    }
    let len = i64::try_from(s.chars().count()).unwrap_or(i64::MAX);
    let fix = |bound: i64| if bound < 0 { (bound + len).max(0) } else { bound.min(len) };
    let (start, end) = (fix(start.unwrap_or(0)), fix(end.unwrap_or(len)));
    let byte =
        |chars: i64| s.char_indices().nth(usize::try_from(chars).unwrap_or(0)).map_or(s.len(), |(i, _)| i);
    let (from, to) = (byte(start), byte(end));
    Ok((s.get(from..to.max(from)).unwrap_or_default(), usize::try_from(start).unwrap_or(0)))
}

fn width(args: &Args) -> R<usize> {
    match need(args, 0, "width")?.as_int() {
        Some(width) => Ok(usize::try_from(width.clamp(0, MAX_WIDTH)).unwrap_or(0)),
        None => Err(failed("'str' object cannot be interpreted as an integer")),
    }
}

fn pad(s: &str, how: &str, args: &Args) -> R<String> {
    let fill = match args.pos.get(1).and_then(Val::as_str) {
        None => ' ',
        Some(text) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => return Err(failed("The fill character must be exactly one character long")),
            }
        }
    };
    Ok(pad_to(s, width(args)?, fill, how))
}

/// Pads a text on one side or both.
pub fn pad_to(s: &str, width: usize, fill: char, how: &str) -> String {
    let missing = width.saturating_sub(s.chars().count());
    let repeat = |n: usize| fill.to_string().repeat(n);
    match how {
        "ljust" => format!("{s}{}", repeat(missing)),
        "rjust" => format!("{}{s}", repeat(missing)),
        _ => {
            // Python puts the odd blank to the left where the width is odd.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{s}{}", repeat(left), repeat(missing - left))
        }
    }
}

fn strip<'s>(s: &'s str, name: &str, args: &Args) -> R<&'s str> {
    let chars: Option<Vec<char>> = match args.pos.first() {
        None | Some(Val::None) => None,
        Some(Val::Str(chars)) => Some(chars.as_str().chars().collect()),
        Some(_) => return Err(failed(format!("{name} arg must be None or str"))),
    };
    let hit = |c: char| chars.as_ref().map_or_else(|| c.is_whitespace(), |chars| chars.contains(&c));
    Ok(match name {
        "lstrip" => s.trim_start_matches(hit),
        "rstrip" => s.trim_end_matches(hit),
        _ => s.trim_matches(hit),
    })
}

/// Python's `capitalize`.
pub fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(first) => {
            // Of a letter that becomes several, only the first is a capital.
            let mut upper = first.to_uppercase();
            let mut out: String = upper.next().into_iter().collect();
            out.extend(upper.flat_map(char::to_lowercase));
            out + &chars.as_str().to_lowercase()
        }
        None => String::new(),
    }
}

fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

fn expand_tabs(s: &str, size: usize) -> String {
    let mut out = String::with_capacity(s.len());
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' => {
                let blanks = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

/// Python's `splitlines`.
pub fn split_lines(s: &str, keep: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = String::new();
    let mut chars = s.chars().peekable();
    let mut open = false;
    while let Some(c) = chars.next() {
        open = true;
        if matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        ) {
            if keep {
                line.push(c);
            }
            if c == '\r' && chars.peek() == Some(&'\n') {
                chars.next();
                if keep {
                    line.push('\n');
                }
            }
            out.push(std::mem::take(&mut line));
            open = false;
        } else {
            line.push(c);
        }
    }
    if open {
        out.push(line);
    }
    out
}

fn split_by(s: &str, sep: &str, max: Option<usize>, from_right: bool) -> Vec<String> {
    let own = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect();
    match (max, from_right) {
        (None, _) => own(s.split(sep).collect()),
        (Some(max), false) => own(s.splitn(max + 1, sep).collect()),
        (Some(max), true) => {
            let mut parts: Vec<&str> = s.rsplitn(max + 1, sep).collect();
            parts.reverse();
            own(parts)
        }
    }
}

fn split_blanks(s: &str, max: Option<usize>, from_right: bool) -> Vec<String> {
    let Some(max) = max else { return s.split_whitespace().map(str::to_owned).collect() };
    let mut out = Vec::new();
    let mut rest = s.trim();
    while !rest.is_empty() {
        if out.len() == max {
            out.push(rest.to_owned());
            break;
        }
        let cut = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(at) = cut else {
            out.push(rest.to_owned());
            break;
        };
        if from_right {
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            out.push(rest[at + width..].to_owned());
            rest = rest[..at].trim_end();
        } else {
            out.push(rest[..at].to_owned());
            rest = rest[at..].trim_start();
        }
    }
    if from_right {
        out.reverse();
    }
    out
}
