//! What of two runs has to be equal: exit code, what they print, and the files they leave.
//!
//! Of what is printed, times and temporary paths do not count, nor which host of a task is first. What differs on purpose is in
//! `PECULIAR` and `printed`, with the reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

/// What a run left: exit code, what it printed, and the files by name with mode and content.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub code: i32,
    pub printed: Vec<String>,
    pub files: BTreeMap<String, (u32, Vec<u8>)>,
}

/// Lines that one of the two prints on purpose.
const PECULIAR: &[(&str, &str)] = &[
    ("^No config file found; using defaults$", "windlass names the file only if there is one"),
    (
        r"^\[ERROR\]: Task failed: Action failed\.\n?$",
        "the reference explains a failure that `failed_when` undid",
    ),
    (
        r"non-integer value given for prompt duration|unable to convert to int: invalid literal",
        "`pause` has words of its own for a duration that is no number",
    ),
    (
        r"Premature end of stream waiting for become success|is not installed \(sudo to ",
        "windlass says what is missing; the reference, what its shell says of it",
    ),
    (r"^ASYNC POLL on ", "how often a job is looked at is a matter of time"),
];

/// Patterns are read once: a run has thousands of lines.
fn regex(pattern: &'static str) -> regex::Regex {
    static KNOWN: Mutex<BTreeMap<&str, regex::Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    known.entry(pattern).or_insert_with(|| regex::Regex::new(pattern).unwrap()).clone()
}

/// Replaces what the pattern finds.
pub fn replaced(text: &str, pattern: &'static str, by: &str) -> String {
    regex(pattern).replace_all(text, by).into_owned()
}

/// What is printed, in a form that may be compared: for each banner what follows, the hosts in their order.
fn printed(text: &str, out: &Path) -> Vec<String> {
    let text = text.replace(&*out.to_string_lossy(), "OUT");
    let text =
        replaced(&text, r#""(start|end|stop|delta|atime|mtime|ctime)": ("[^"]*"|[\d.]+)"#, "\"$1\": TIME");
    let text = replaced(&text, r"\bj\d+\.\d+\b", "JID");
    let text = replaced(&text, r#""child_pid": \d+"#, "\"child_pid\": PID");
    // How to see where the reference was when its time was over.
    let text = replaced(&text, r#""frame": "[^"]*", "#, "");
    let text = replaced(&text, r"Paused for [\d.]+ ", "Paused for TIME ");
    // The reference has words for a failure that has none, and shows a delegation that could not be rendered.
    let text =
        replaced(&text, r#", "msg": "Task failed: Action failed: Unknown error\."|-> \{\{ nope }} ?"#, "");
    let text = replaced(&text, r"Action failed: (Unknown error\.|the task failed)", "Action failed");
    let text = text.replace("[alpha ]", "[alpha]");
    // The reference tells Python's inner names of types, and the words for booleans in any order.
    let text = regex(r"<class 'ansible[\w.]*\._AnsibleTagged(\w+)'>")
        .replace_all(&text, |found: &regex::Captures<'_>| format!("<class '{}'>", found[1].to_lowercase()));
    let text = replaced(&text, r"Valid booleans include: [\w', ]+", "Valid booleans");
    // The hosts of an include come as they ended.
    let text = regex(r"(?m)^(included: .* for )([^=\n]*?)( => .*)?$").replace_all(
        &text,
        |found: &regex::Captures<'_>| {
            let mut hosts: Vec<&str> = found[2].split(", ").collect();
            hosts.sort_unstable();
            format!("{}{}{}", &found[1], hosts.join(", "), found.get(3).map_or("", |m| m.as_str()))
        },
    );
    let text = replaced(&text, r#", "src": "/root/.ansible/tmp/[^"]*""#, "");
    let entry =
        regex(r"^(ok|changed|skipping|fatal|failed): \[([^\] ]+)|^(included|FAILED - RETRYING|\[ERROR\])");
    let peculiar: Vec<regex::Regex> = PECULIAR.iter().map(|(pattern, _)| regex(pattern)).collect();
    let mut blocks = Vec::new();
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut close = |entries: &mut Vec<(String, String)>| {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        blocks.extend(entries.drain(..).map(|(_, text)| text));
    };
    let mut hidden = false;
    for line in text.lines().filter(|l| l.starts_with("[ERROR]") || !peculiar.iter().any(|p| p.is_match(l))) {
        if line.ends_with("***") {
            close(&mut entries);
            hidden = false;
        }
        if let Some(found) = entry.captures(line) {
            // First what concerns no host.
            let host = found.get(2).map_or(String::new(), |m| m.as_str().to_owned());
            hidden |= line.contains("\"censored\"");
            entries.push((host, line.to_owned()));
        } else if entries.last().is_some_and(|(_, text)| text.starts_with("[ERROR]")) {
            // Windlass shows where in a template a failure has its cause, and a hint; the reference a chain of causes. Both
            // begin with the message.
        } else if let Some((_, last)) = entries.last_mut() {
            last.push_str(&format!("\n{line}"));
        } else {
            entries.push((String::new(), line.to_owned()));
        }
        if hidden {
            // Windlass keeps the message to itself, too.
            entries.retain(|(_, text)| !text.starts_with("[ERROR]"));
        }
    }
    close(&mut entries);
    blocks.retain(|block: &String| !peculiar.iter().any(|p| p.is_match(block)));
    let tidy = |block: String| block.trim_end().to_owned();
    blocks.into_iter().map(tidy).filter(|b| !b.is_empty()).collect()
}

/// What a run left that printed this text, its files being in `out`.
pub fn left(code: i32, text: &str, out: &Path) -> Left {
    use std::os::unix::fs::MetadataExt;
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(out).min_depth(1).into_iter().map(Result::unwrap) {
        let name = entry.path().strip_prefix(out).unwrap().to_string_lossy().into_owned();
        let content =
            if entry.file_type().is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
        files.insert(name, (entry.metadata().unwrap().mode() & 0o7777, content));
    }
    Left { code, printed: printed(text, out), files }
}

/// How the two differ, for people; nothing if they do not.
pub fn differences(ours: &Left, theirs: &Left) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let mut text = String::new();
    if ours.code != theirs.code {
        text.push_str(&format!("exit code: ansible {}, windlass {}\n", theirs.code, ours.code));
    }
    // Results are long lines: a line for each value shows which of them differs.
    let lines =
        |left: &Left| left.printed.join("\n").replace("\", \"", "\",\n    \"").replace(", \"", ",\n    \"");
    let (theirs_printed, ours_printed) = (lines(theirs), lines(ours));
    let printed = similar::TextDiff::from_lines(&theirs_printed, &ours_printed);
    text.push_str(&printed.unified_diff().context_radius(3).header("ansible", "windlass").to_string());
    for file in different(ours, theirs) {
        text.push_str(&format!("file {file}\n"));
    }
    Some(text)
}

fn different(ours: &Left, theirs: &Left) -> Vec<String> {
    let names = ours.files.keys().chain(theirs.files.keys());
    let text = |left: &Left, name: &str| {
        left.files
            .get(name)
            .map_or_else(|| "(none)".to_owned(), |(m, c)| format!("{m:o} {}", String::from_utf8_lossy(c)))
    };
    let mut all: Vec<String> = names
        .filter(|n| ours.files.get(*n) != theirs.files.get(*n))
        .map(|n| format!("{n}: ours {} / theirs {}", text(ours, n), text(theirs, n)))
        .collect();
    all.dedup();
    all
}
