//! Regular expressions in Python's syntax.

use super::{Filter, mistakes};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use fancy_regex::{Captures, Regex};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use windlass_agent::text::pattern::Template;

pub(super) const FILTERS: &[Filter] = &[
    Filter::apart(
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        replace,
    ),
    Filter::apart("regex_findall", &["regex!", "multiline", "ignorecase"], findall),
    Filter::apart("regex_search", &["regex!", "*", "**"], search),
    Filter::new("regex_escape", &["re_type"], escape),
];

/// A compiled pattern; compiled ones are kept.
pub(crate) fn compile(
    pattern: &str,
    ignore_case: bool,
    multiline: bool,
    dot_all: bool,
) -> R<std::sync::Arc<Regex>> {
    type Store = Mutex<HashMap<String, std::sync::Arc<Regex>>>;
    static STORE: OnceLock<Store> = OnceLock::new();
    let mut flags = String::new();
    for (set, flag) in [(ignore_case, 'i'), (multiline, 'm'), (dot_all, 's')] {
        if set {
            flags.push(flag);
        }
    }
    let source =
        if flags.is_empty() { translate(pattern) } else { format!("(?{flags}){}", translate(pattern)) };
    let store = STORE.get_or_init(Store::default);
    if let Some(found) = store.lock().unwrap_or_else(PoisonError::into_inner).get(&source) {
        return Ok(found.clone());
    }
    if let Some(mistake) = mistakes::find(pattern) {
        return Err(failed(mistake.to_string()));
    }
    let regex =
        Regex::new(&source).map_err(|e| failed(format!("Invalid regular expression {pattern:?}: {e}")))?;
    let regex = std::sync::Arc::new(regex);
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    if store.len() > 2000 {
        store.clear();
    }
    store.insert(source, regex.clone());
    Ok(regex)
}

/// All that a pattern finds, as Python finds it: nothing is found also right behind something.
fn find_all<'t>(regex: &Regex, text: &'t str) -> R<Vec<Captures<'t>>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at <= text.len() {
        let Some(found) = regex.captures_from_pos(text, at).map_err(|e| failed(e.to_string()))? else {
            break;
        };
        let Some(whole) = found.get(0) else { break };
        at = whole.end();
        if whole.start() == whole.end() {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        out.push(found);
    }
    Ok(out)
}

/// Python's spelling of a pattern as the engine reads it.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') => out.push_str(r"\z"),
                // Escapes of characters that mean nothing special.
                Some(
                    e @ ('/' | '"' | '\'' | '<' | '>' | '@' | '%' | ',' | ':' | ';' | '=' | '!' | '_' | '`'
                    | ' ' | '~' | '&' | '#'),
                ) => {
                    if matches!(e, '~' | '&' | '#') {
                        out.push('\\')
                    }
                    out.push(e);
                }
                Some(e) => {
                    out.push('\\');
                    out.push(e);
                }
                None => out.push('\\'),
            },
            '[' if in_class => out.push_str(r"\["),
            '[' => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                // A bracket that comes first is one of the characters.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class && chars.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            '-' if in_class && chars.peek() == Some(&'-') => out.push_str(r"\-"),
            // `$` also matches in front of a newline that ends the text.
            '$' if !in_class => out.push_str(r"(?:$|(?=\n\z))"),
            '{' if !in_class => {
                let rest: String = chars.clone().take_while(|c| *c != '}').collect();
                let counts =
                    !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == ',') && rest != ",";
                if rest.starts_with(',') && counts {
                    // Python counts from nothing where the lower bound is left out.
                    out.push_str("{0");
                } else {
                    out.push_str(if counts { "{" } else { r"\{" });
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn replace(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let pattern = b.str_or(it, 0, "")?;
    let replacement = b.str_or(it, 1, "")?;
    let ignore_case = b.flag(it, 2, false)?;
    let multiline = b.flag(it, 3, false)?;
    let limit = b.size(4, 0)?;
    let regex = compile(&pattern, ignore_case, multiline, false)?;
    let template = Template::parse(&replacement).map_err(|error| failed(error.msg))?;
    template.check(&regex).map_err(|error| failed(error.to_string()))?;
    let mut out = String::with_capacity(text.len());
    let (mut last, mut count) = (0, 0);
    for found in find_all(&regex, &text)? {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[last..whole.start()]);
        template.fill(&found, &mut out);
        last = whole.end();
        count += 1;
        if limit > 0 && count == limit {
            break;
        }
    }
    out.push_str(&text[last..]);
    let wanted = b.size(5, 0)?;
    if wanted > 0 && count != wanted {
        return Err(failed(format!(
            "'{pattern}' should match {wanted} times, but matches {count} times in '{text}'"
        )));
    }
    Ok(Val::from(out))
}

fn findall(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let pattern = b.str_or(it, 0, "")?;
    let multiline = b.flag(it, 1, false)?;
    let ignore_case = b.flag(it, 2, false)?;
    let regex = compile(&pattern, ignore_case, multiline, false)?;
    let mut out = Vec::new();
    for found in find_all(&regex, &text)? {
        let group = |i: usize| Val::from(found.get(i).map_or("", |m| m.as_str()));
        out.push(match found.len() {
            1 => group(0),
            2 => group(1),
            n => Val::tuple((1..n).map(group).collect()),
        });
    }
    Ok(Val::list(out))
}

fn search(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let pattern = b.str_or(it, 0, "")?;
    let (mut ignore_case, mut multiline) = (false, false);
    for (name, value) in &b.named {
        let set = it.truthy(value)?;
        match &**name {
            "ignorecase" => ignore_case = set,
            "multiline" => multiline = set,
            // Ansible does not look at others.
            _ => {}
        }
    }
    let regex = compile(&pattern, ignore_case, multiline, false)?;
    let found = regex.captures(&text).map_err(|e| failed(e.to_string()))?;
    let Some(found) = found else { return Ok(Val::None) };
    if b.rest.is_empty() {
        return Ok(Val::from(found.get(0).map_or("", |m| m.as_str())));
    }
    let mut out = Vec::new();
    for wanted in &b.rest {
        let wanted = it.str(wanted)?;
        let group = if let Some(name) = wanted.strip_prefix("\\g<").and_then(|w| w.strip_suffix('>')) {
            match name.parse::<usize>() {
                Ok(i) if i < found.len() => found.get(i),
                Ok(_) => return Err(failed("no such group")),
                Err(_) if regex.capture_names().flatten().any(|n| n == name) => found.name(name),
                Err(_) => return Err(failed("no such group")),
            }
        } else if let Some(index) = wanted.strip_prefix('\\').and_then(|w| w.parse::<usize>().ok()) {
            if index >= found.len() {
                return Err(failed("no such group"));
            }
            found.get(index)
        } else if wanted.starts_with('\\') {
            // Two backslashes, as in texts that were quoted twice.
            return Err(failed("'NoneType' object has no attribute 'group'"));
        } else {
            return Err(failed("Unknown argument"));
        };
        out.push(group.map_or(Val::None, |m| Val::from(m.as_str())));
    }
    Ok(Val::list(out))
}

fn escape(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let kind = b.str_or(it, 0, "python")?;
    let special: &str = match kind.as_str() {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "[].^$*\\",
        "posix_extended" => return Err(failed("Regex type (posix_extended) not yet implemented")),
        other => return Err(failed(format!("Invalid regex type ({other})"))),
    };
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Val::from(out))
}
