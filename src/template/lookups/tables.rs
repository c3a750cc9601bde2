//! Lookups in INI and CSV files.

use super::files::{find, read_encoded};
use super::{Call, Lookup, of};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::filters;

/// Options that may stand in the term of `ini`.
const INI_OPTIONS: &[&str] = &[
    "file",
    "type",
    "section",
    "re",
    "case_sensitive",
    "encoding",
    "default",
    "allow_no_value",
    "allow_none",
    "interpolation",
];
/// Options that may stand in the term of `csvfile`.
const CSV_OPTIONS: &[&str] = &["file", "delimiter", "col", "keycol", "encoding", "default", "quotechar"];

pub(super) const LOOKUPS: &[Lookup] = &[of("ini", ini), of("csvfile", csvfile)];

/// `name key=value key=value`: the older way to give options inside a term. Quotes in the name are part of it.
fn term_options(term: &str) -> R<(String, Vec<(String, String)>)> {
    let split = crate::playbook::freeform::split(term, false).map_err(|e| failed(e.to_string()))?;
    Ok((split.raw, split.pairs))
}

fn setting(
    it: &mut Interp<'_>,
    call: &Call,
    inline: &[(String, String)],
    name: &str,
    default: &str,
) -> R<String> {
    if let Some((_, value)) = inline.iter().find(|(n, _)| n == name) {
        return Ok(value.clone());
    }
    Ok(call.str(it, name)?.unwrap_or_else(|| default.to_owned()))
}

/// Keys with what they are set to; some stand alone.
type Entry = (String, Option<String>);
/// Sections with their entries, in order.
type Ini = Vec<(String, Vec<Entry>)>;

/// Reads sections as Python does: nothing may be there twice, and keys without a value only if that is allowed.
fn parse_ini(text: &str, name: &str, case_sensitive: bool, no_value: bool) -> R<Ini> {
    let mut out: Ini = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if out.iter().any(|(known, _)| known == section) && section != "DEFAULT" {
                return Err(failed(format!(
                    "While reading from '<???>' [line {number:2}]: section '{section}' already exists"
                )));
            }
            out.push((section.to_owned(), Vec::new()));
            continue;
        }
        if line.starts_with(char::is_whitespace)
            && let Some((_, entries)) = out.last_mut()
            && let Some((_, Some(value))) = entries.last_mut()
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = match trimmed.find(['=', ':']) {
            Some(at) => (trimmed[..at].trim(), Some(trimmed[at + 1..].trim())),
            None if no_value => (trimmed, None),
            None => {
                return Err(failed(format!(
                    "Source contains parsing errors: '<???>'\n\t[line {number:2}]: '{line}\\n'"
                )));
            }
        };
        let key = if case_sensitive { key.to_owned() } else { key.to_lowercase() };
        if let Some((section, entries)) = out.last_mut() {
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(failed(format!(
                    "Duplicate option in '{name}': While reading from '<???>' [line {number:2}]: option '{key}' in section '{section}' already exists"
                )));
            }
            entries.push((key, value.map(str::to_owned)));
        }
    }
    Ok(out)
}

fn ini(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let (name, inline) = term_options(&term)?;
        let file = setting(it, call, &inline, "file", "ansible.ini")?;
        let kind = setting(it, call, &inline, "type", "ini")?;
        let section = setting(it, call, &inline, "section", "global")?;
        let by_pattern = setting(it, call, &inline, "re", "false")?;
        let by_pattern = filters::to_bool(&Val::from(by_pattern)).unwrap_or(false);
        let case = setting(it, call, &inline, "case_sensitive", "false")?;
        let case = filters::to_bool(&Val::from(case)).unwrap_or(false);
        if let Some((wrong, _)) = inline.iter().find(|(n, _)| !INI_OPTIONS.contains(&n.as_str())) {
            return Err(failed(format!("'{}' is not a valid option.", format!("{name} {wrong}").trim())));
        }
        if name.is_empty() && !inline.is_empty() {
            return Err(failed(format!(
                "No key to look up was provided as first term within string inline options: {term}"
            )));
        }
        let mut no_value = false;
        for option in ["allow_no_value", "allow_none"] {
            let given = setting(it, call, &inline, option, "false")?;
            no_value |= filters::to_bool(&Val::from(given)).unwrap_or(false);
        }
        let encoding = setting(it, call, &inline, "encoding", "utf-8")?;
        let found = read_encoded(it, "files", &file, "file", &encoding)?;
        let text = found.as_str().unwrap_or_default();
        let heading = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with(['#', ';']));
        if kind != "properties" && heading.is_some_and(|l| !l.starts_with('[')) {
            return Err(failed("File contains no section headers."));
        }
        let (parsed, section) = if kind == "properties" {
            let text = format!("[java_properties]\n{text}");
            (parse_ini(&text, &file, case, no_value)?, "java_properties".to_owned())
        } else {
            (parse_ini(text, &file, case, no_value)?, section)
        };
        let entries: Vec<&Entry> =
            parsed.iter().filter(|(n, _)| *n == section || n == "DEFAULT").flat_map(|(_, e)| e).collect();
        if !parsed.iter().any(|(n, _)| *n == section) {
            return Err(failed(format!("No section '{section}' in '{file}'.")));
        }
        if by_pattern {
            let regex = filters::compile_regex(&name, false, false, false)?;
            for (key, value) in entries {
                if regex.is_match(key).map_err(|e| failed(e.to_string()))? {
                    out.extend(value.as_ref().map(|value| it.taken(&found, value.clone())));
                }
            }
            continue;
        }
        let interpolation = setting(it, call, &inline, "interpolation", "true")?;
        let plain = kind == "properties" || filters::to_bool(&Val::from(interpolation)) == Some(false);
        let wanted = if case { name.clone() } else { name.to_lowercase() };
        match entries.iter().rev().find(|(key, _)| *key == wanted) {
            Some((_, None)) => {}
            Some((_, Some(value))) if plain => out.push(it.taken(&found, value.clone())),
            Some((_, Some(value))) => {
                let value = interpolate(value, &entries, 0)?;
                out.push(it.taken(&found, value));
            }
            None => {
                let overwrite = call.get("default").cloned();
                match overwrite.or_else(|| {
                    inline.iter().find(|(n, _)| n == "default").map(|(_, v)| Val::from(v.as_str()))
                }) {
                    Some(value) => out.push(value),
                    None if kind == "properties" => out.push(Val::from("")),
                    None => out.push(Val::from("")),
                }
            }
        }
    }
    Ok(out)
}

/// `%(name)s` is another entry of the section, `%%` a percent sign.
fn interpolate(value: &str, entries: &[&Entry], depth: usize) -> R<String> {
    if depth > 10 {
        return Err(failed(format!("Recursion limit exceeded in value substitution: {value}")));
    }
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = tail.strip_prefix('(').and_then(|t| t.split_once(")s")) {
            let wanted = name.to_lowercase();
            let found = entries.iter().rev().find(|(key, _)| key.to_lowercase() == wanted);
            let Some((_, found)) = found else {
                return Err(failed(format!(
                    "Bad value substitution: the value contains the reference '{name}', which is no option"
                )));
            };
            out.push_str(&interpolate(found.as_deref().unwrap_or_default(), entries, depth + 1)?);
            rest = after;
        } else {
            return Err(failed(format!("'%' must be followed by '%' or '(', found: '%{tail}'")));
        }
    }
    Ok(out + rest)
}

/// The rows of a table with quotes as Python's `csv` reads them.
fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if quoted => cell.push(c),
            c if c == delimiter => row.push(std::mem::take(&mut cell)),
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                out.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        out.push(row);
    }
    out
}

fn csvfile(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    if call.terms.is_empty() {
        return Err(failed("Search key is required but was not found"));
    }
    for term in call.texts(it)? {
        let (key, inline) = term_options(&term)?;
        let file = setting(it, call, &inline, "file", "ansible.csv")?;
        let delimiter = setting(it, call, &inline, "delimiter", "TAB")?;
        let delimiter = if matches!(delimiter.as_str(), "TAB" | "\\t") {
            '\t'
        } else {
            delimiter.chars().next().unwrap_or('\t')
        };
        if key.is_empty() {
            return Err(failed("Search key is required but was not found"));
        }
        if let Some((wrong, _)) = inline.iter().find(|(n, _)| !CSV_OPTIONS.contains(&n.as_str())) {
            return Err(failed(format!("'{wrong}' is not a valid option")));
        }
        let number = |name: &str, text: String| {
            text.parse::<usize>().map_err(|_| {
                failed(format!(
                    "Config '{name}' for 'csvfile' lookup plugin from 'Direct' has an invalid value: Invalid value provided for 'int': '{text}'"
                ))
            })
        };
        let column = number("col", setting(it, call, &inline, "col", "1")?)?;
        let key_column = number("keycol", setting(it, call, &inline, "keycol", "0")?)?;
        if find(it, "files", &file).is_none() {
            return Err(failed(format!("[Errno 2] No such file or directory: '{file}'")));
        }
        let encoding = setting(it, call, &inline, "encoding", "utf-8")?;
        let found = read_encoded(it, "files", &file, "file", &encoding)?;
        let table = rows(found.as_str().unwrap_or_default(), delimiter);
        let hit = table
            .iter()
            .find(|row| row.get(key_column) == Some(&key))
            .map(|row| row.get(column).cloned().ok_or_else(|| failed("list index out of range")));
        match hit {
            Some(value) => {
                let value = value?;
                out.push(it.taken(&found, value));
            }
            None => {
                if let Some(value) = call.get("default").cloned() {
                    out.extend(if value.is_seq() { it.items(&value)? } else { vec![value] });
                } else if let Some((_, value)) = inline.iter().find(|(n, _)| n == "default") {
                    out.push(Val::from(value.as_str()));
                }
            }
        }
    }
    Ok(out)
}
