//! Lookups in INI and CSV files.

use super::files::read;
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

/// `name key=value key=value`: the older way to give options inside a term.
fn term_options(term: &str) -> (String, Vec<(String, String)>) {
    let words = shlex::split(term).unwrap_or_else(|| vec![term.to_owned()]);
    let mut names = Vec::new();
    let mut options = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some((key, value)) => options.push((key.to_owned(), value.to_owned())),
            None => names.push(word),
        }
    }
    (names.join(" "), options)
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

/// Sections with their entries, in order.
type Ini = Vec<(String, Vec<(String, String)>)>;

fn parse_ini(text: &str, case_sensitive: bool) -> Ini {
    let mut out: Ini = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            out.push((name.to_owned(), Vec::new()));
            continue;
        }
        if line.starts_with(char::is_whitespace)
            && let Some((_, entries)) = out.last_mut()
            && let Some((_, value)) = entries.last_mut()
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = match trimmed.find(['=', ':']) {
            Some(at) => (trimmed[..at].trim(), trimmed[at + 1..].trim()),
            None => (trimmed, ""),
        };
        let key = if case_sensitive { key.to_owned() } else { key.to_lowercase() };
        if let Some((_, entries)) = out.last_mut() {
            entries.push((key, value.to_owned()));
        }
    }
    out
}

fn ini(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let (name, inline) = term_options(&term);
        let file = setting(it, call, &inline, "file", "ansible.ini")?;
        let kind = setting(it, call, &inline, "type", "ini")?;
        let section = setting(it, call, &inline, "section", "global")?;
        let by_pattern = setting(it, call, &inline, "re", "false")?;
        let by_pattern = filters::to_bool(&Val::from(by_pattern)).unwrap_or(false);
        let case = setting(it, call, &inline, "case_sensitive", "false")?;
        let case = filters::to_bool(&Val::from(case)).unwrap_or(false);
        if let Some((wrong, _)) = inline.iter().find(|(n, _)| !INI_OPTIONS.contains(&n.as_str())) {
            return Err(failed(format!("'{name} {wrong}' is not a valid option.")));
        }
        let found = read(it, "files", &file, "file")?;
        let text = found.as_str().unwrap_or_default();
        let heading = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with(['#', ';']));
        if kind != "properties" && heading.is_some_and(|l| !l.starts_with('[')) {
            return Err(failed("File contains no section headers."));
        }
        let (parsed, section) = if kind == "properties" {
            (parse_ini(&format!("[java_properties]\n{text}"), case), "java_properties".to_owned())
        } else {
            (parse_ini(text, case), section)
        };
        let entries: Vec<&(String, String)> =
            parsed.iter().filter(|(n, _)| *n == section || n == "DEFAULT").flat_map(|(_, e)| e).collect();
        if !parsed.iter().any(|(n, _)| *n == section) {
            return Err(failed(format!("No section '{section}' in '{file}'.")));
        }
        if by_pattern {
            let regex = filters::compile_regex(&name, false, false, false)?;
            for (key, value) in entries {
                if regex.is_match(key).map_err(|e| failed(e.to_string()))? {
                    out.push(it.derived(&[&found], value.clone()));
                }
            }
            continue;
        }
        let interpolation = setting(it, call, &inline, "interpolation", "true")?;
        let plain = kind == "properties" || filters::to_bool(&Val::from(interpolation)) == Some(false);
        let wanted = if case { name.clone() } else { name.to_lowercase() };
        match entries.iter().rev().find(|(key, _)| *key == wanted) {
            Some((_, value)) if plain => out.push(it.derived(&[&found], value.clone())),
            Some((_, value)) => {
                let value = interpolate(value, &entries, 0)?;
                out.push(it.derived(&[&found], value));
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
fn interpolate(value: &str, entries: &[&(String, String)], depth: usize) -> R<String> {
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
            out.push_str(&interpolate(found, entries, depth + 1)?);
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
    for term in call.texts(it)? {
        let (key, inline) = term_options(&term);
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
        let found = read(it, "files", &file, "file")?;
        let table = rows(found.as_str().unwrap_or_default(), delimiter);
        let hit = table
            .iter()
            .find(|row| row.get(key_column) == Some(&key))
            .map(|row| row.get(column).cloned().ok_or_else(|| failed("list index out of range")));
        match hit {
            Some(value) => {
                let value = value?;
                out.push(it.derived(&[&found], value));
            }
            None => {
                if let Some(value) = call.get("default") {
                    out.push(value.clone());
                } else if let Some((_, value)) = inline.iter().find(|(n, _)| n == "default") {
                    out.push(Val::from(value.as_str()));
                }
            }
        }
    }
    Ok(out)
}
