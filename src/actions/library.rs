//! Modules that a playbook brings along in a folder `library`: programs that are sent to the host and run there. Each finds its
//! arguments in a file whose path is its own only argument, and prints its result as a JSON object.

use super::content::Content;
use super::{ActionRef, Cx, Kind, lacking};
use crate::engine::result::TaskOutcome;
use crate::vars::value::{map_to_json, scalar_text};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use windlass_protocol::args::{parse_bool, python_text};
use windlass_protocol::{Json, JsonMap, Outcome};

/// Ends of names of files that are no modules.
const NO_MODULES: &[&str] =
    &["pyc", "pyo", "swp", "bak", "rpm", "md", "txt", "rst", "yaml", "yml", "ini", "json", "ps1"];
/// A module in which this stands finds its arguments as JSON in its file, and as `name=value` otherwise.
const WANTS_JSON: &[u8] = b"WANT_JSON";
/// A module in which this stands gets its arguments in the place of it.
const PLACE_OF_JSON: &[u8] = b"<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>";

/// The module of that name in the first of these folders that has one.
pub fn find(name: &str, folders: &[PathBuf]) -> Option<ActionRef> {
    static KNOWN: OnceLock<Mutex<HashMap<PathBuf, ActionRef>>> = OnceLock::new();
    let name = name.strip_prefix("ansible.legacy.").unwrap_or(name);
    if name.is_empty() || name.contains(['/', '.']) {
        return None;
    }
    let path = folders.iter().find_map(|folder| file_in(folder, name))?;
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    // Made once for each file: actions live as long as the process.
    let made = || ActionRef {
        spec: lacking::named(name),
        kind: Kind::Own(Box::leak(path.clone().into_boxed_path())),
    };
    Some(*known.entry(path.clone()).or_insert_with(made))
}

fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_module = |path: &Path| {
        let end = path.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
        path.file_stem().is_some_and(|stem| stem == name) && !NO_MODULES.contains(&&*end) && path.is_file()
    };
    let entries = std::fs::read_dir(folder).ok()?;
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|p| is_module(p)).collect();
    found.sort();
    found.into_iter().next()
}

/// Runs a module of a folder `library`.
pub(super) async fn run(cx: &Cx<'_>, path: &Path) -> TaskOutcome {
    let name = cx.exec.task.action.spec.name;
    if cx.keywords.check {
        // Nothing says whether it would keep its hands off.
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.skipped_itself = true;
        out.set("msg", format!("remote module ({name}) does not support check mode"));
        return out;
    }
    let mut program = match cx.exec.shared.loader.content(path) {
        Ok(opened) => opened.plain.to_vec(),
        Err(error) => return TaskOutcome::failure(format!("cannot read {}: {error}", path.display())),
    };
    if has(&program, b"ansible.module_utils") {
        let mut out =
            TaskOutcome::failure(format!("the module {name} is written in Python, by Ansible's own library"));
        out.hint =
            Some("Windlass runs modules of other kinds: programs that read a file of arguments".to_owned());
        return out;
    }
    let args = arguments(cx, name);
    let text = serde_json::to_vec(&args).unwrap_or_default();
    let binary = has(&program[..program.len().min(1024)], b"\0");
    let file = if has(&program, PLACE_OF_JSON) {
        program = replaced(&program, PLACE_OF_JSON, &text);
        None
    } else if binary || has(&program, WANTS_JSON) {
        Some(text)
    } else {
        Some(pairs(&args).into_bytes())
    };
    let interpreter = match interpreter(cx, &program) {
        Ok(interpreter) => interpreter,
        Err(error) => return TaskOutcome::of_template(&error),
    };
    if interpreter.is_empty() && !binary {
        return TaskOutcome::failure(format!("module ({name}) is missing interpreter line"));
    }
    let mut request = JsonMap::new();
    request.insert("name".to_owned(), Json::from(name));
    request.insert("interpreter".to_owned(), Json::from(interpreter));
    let mut blobs = vec![("module".to_owned(), Content::of(program).source)];
    blobs.extend(file.map(|file| ("arguments".to_owned(), Content::of(file).source)));
    match cx.remote.request("windlass.own_module", request, blobs, None).await {
        Ok(outcome) if outcome.failed => TaskOutcome::from_agent(outcome),
        Ok(outcome) => result(&outcome.values()),
        Err(error) => error.into(),
    }
}

/// The arguments of the task, and what the original tells modules besides.
fn arguments(cx: &Cx<'_>, name: &str) -> JsonMap {
    let mut args = map_to_json(&cx.args);
    args.shift_remove("_raw_params");
    let told = [
        ("check_mode", Json::Bool(false)),
        ("diff", Json::Bool(cx.keywords.diff)),
        ("no_log", Json::Bool(cx.keywords.no_log)),
        ("verbosity", Json::from(cx.exec.shared.options.verbosity)),
        ("version", Json::from(crate::ANSIBLE_VERSION)),
        ("module_name", Json::from(name)),
    ];
    args.extend(told.into_iter().map(|(name, value)| (format!("_ansible_{name}"), value)));
    args
}

/// `name=value` for each argument, quoted for a shell.
fn pairs(args: &JsonMap) -> String {
    let quoted = |value: &Json| {
        let text = python_text(value);
        let safe = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
        if !text.is_empty() && text.chars().all(safe) {
            text
        } else {
            format!("'{}'", text.replace('\'', r#"'"'"'"#))
        }
    };
    args.iter().map(|(name, value)| format!("{name}={} ", quoted(value))).collect()
}

/// The words of the program's first line that name its interpreter; a variable `ansible_NAME_interpreter` goes over it.
fn interpreter(cx: &Cx<'_>, program: &[u8]) -> Result<Vec<String>, crate::template::TemplateError> {
    let line = program.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else { return Ok(Vec::new()) };
    let words = String::from_utf8_lossy(line).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let Some(first) = words.first() else { return Ok(words) };
    let name = first.rsplit('/').next().unwrap_or(first);
    let Some(other) = cx.layers.find(&format!("ansible_{name}_interpreter")) else { return Ok(words) };
    let other = cx.exec.shared.templar.render(other, &cx.templates())?;
    match scalar_text(&other).filter(|text| !text.is_empty() && !text.starts_with("auto")) {
        Some(other) => Ok(std::iter::once(other).chain(words.into_iter().skip(1)).collect()),
        None => Ok(words),
    }
}

/// What a module printed as a result.
fn result(said: &JsonMap) -> TaskOutcome {
    let text = |name: &str| said.get(name).and_then(Json::as_str).unwrap_or_default();
    let (mut values, junk) = match object_in(text("stdout")) {
        Ok(found) => found,
        Err(reason) => {
            let mut out = TaskOutcome::failure(format!("Module result deserialization failed: {reason}"));
            out.hint =
                Some("see stdout and stderr for what it printed: one JSON object is expected".to_owned());
            out.set("module_stdout", text("stdout"));
            out.set("module_stderr", text("stderr"));
            out.set("rc", crate::vars::Value::from(said.get("rc").cloned().unwrap_or_default()));
            return out;
        }
    };
    let flag = |value: Option<Json>| match value {
        Some(Json::Bool(flag)) => Some(flag),
        Some(Json::String(text)) => Some(parse_bool(&text).unwrap_or(!text.is_empty())),
        Some(Json::Number(number)) => Some(number.as_f64() != Some(0.0)),
        Some(Json::Null) | None => None,
        Some(_) => Some(true),
    };
    let failed = flag(values.shift_remove("failed"));
    let wrong_code = values.get("rc").and_then(Json::as_i64).is_some_and(|code| code != 0);
    let mut outcome = Outcome {
        changed: flag(values.shift_remove("changed")).unwrap_or(false),
        failed: failed.unwrap_or(wrong_code),
        skipped: flag(values.shift_remove("skipped")).unwrap_or(false),
        ..Outcome::default()
    };
    match values.shift_remove("warnings") {
        Some(Json::Array(texts)) => outcome.warnings.extend(texts.iter().map(python_text)),
        Some(Json::String(text)) => outcome.warnings.push(text),
        _ => {}
    }
    if let Some(junk) = junk {
        outcome.warnings.push(format!("Module invocation had junk after the JSON data: {junk}"));
    }
    values.retain(|name, _| name != "invocation" && !name.starts_with("_ansible_"));
    outcome.set_values(&values);
    TaskOutcome::from_agent(outcome)
}

/// The JSON object in what a program printed, from the first line that begins one to the last line that ends one; and what
/// follows it, if that is anything.
fn object_in(text: &str) -> Result<(JsonMap, Option<String>), String> {
    let lines: Vec<&str> = crate::engine::result::split_lines(text).collect();
    let begin =
        lines.iter().position(|line| line.trim().starts_with('{')).ok_or("No start of json char found")?;
    let end = lines.iter().rposition(|line| line.trim().ends_with('}')).filter(|end| *end >= begin);
    let end = end.ok_or("No end of json char found")?;
    let values = serde_json::from_str(&lines[begin..=end].join("\n")).map_err(|error| error.to_string())?;
    let rest = &lines[end + 1..];
    Ok((values, rest.iter().any(|line| !line.trim().is_empty()).then(|| rest.join("\n"))))
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn replaced(bytes: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + by.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(part.len()).position(|window| window == part) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + part.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn results_among_other_lines() {
        let (values, junk) = object_in("hello\n[1]\n{\"a\": 1,\n \"b\": {}\n}\nbye\n").unwrap();
        assert_eq!(Json::Object(values), serde_json::json!({"a": 1, "b": {}}));
        assert_eq!(junk.as_deref(), Some("bye"));
        assert!(object_in("{\"a\": 1}\n\n").unwrap().1.is_none());
        for nothing in ["", "hello", "[1]", "{\n", "}\n{", "{'a': 1}"] {
            assert!(object_in(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn what_says_that_it_failed() {
        let of = |stdout: &str| {
            let said = serde_json::json!({"stdout": stdout, "stderr": "oops", "rc": 3});
            result(said.as_object().unwrap())
        };
        assert!(!of("{\"changed\": true}").failed && of("{\"changed\": true}").changed);
        assert!(of("{\"rc\": 1}").failed && !of("{\"rc\": 1, \"failed\": false}").failed);
        assert!(of("{\"failed\": \"yes\"}").failed);
        let broken = of("Segmentation fault");
        assert!(broken.failed);
        assert_eq!(broken.values.get("module_stderr").unwrap().as_str(), Some("oops"));
    }

    #[test]
    fn arguments_for_a_shell() {
        let args = serde_json::json!({"a": "x y", "b": true, "c": "it's", "d": "", "e": ["l"], "f": "/p/q"});
        let wanted = r#"a='x y' b=True c='it'"'"'s' d='' e='['"'"'l'"'"']' f=/p/q "#;
        assert_eq!(pairs(args.as_object().unwrap()), wanted);
        assert_eq!(replaced(b"a = X; b = X", b"X", b"{}"), b"a = {}; b = {}");
    }

    #[test]
    fn modules_in_folders() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["one.sh", "one.md", "two", "three.yml"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let folders = [dir.path().join("none"), dir.path().to_owned()];
        let file = |name: &str| match find(name, &folders)?.kind {
            Kind::Own(path) => path.file_name().map(|n| n.to_string_lossy().into_owned()),
            _ => None,
        };
        assert_eq!(file("one").as_deref(), Some("one.sh"));
        assert_eq!(file("ansible.legacy.two").as_deref(), Some("two"));
        for none in ["three", "one.sh", "../two", "", "four"] {
            assert_eq!(file(none), None, "{none}");
        }
    }
}
