//! The callback `junit`: the run as a JUnit report.

use super::{Callback, Said};
use crate::report::dump::Dump;
use crate::report::event::{Event, Status, TaskResult};
use crate::report::values;
use crate::secrets::Redactor;
use indexmap::IndexMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How the report is made.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The folder that it is written to.
    pub folder: PathBuf,
    /// One class for each file, without the line.
    pub class_of_file: bool,
    /// Places are relative to this folder.
    pub relative_to: Option<PathBuf>,
    /// What stands for the folder of a place outside of that one.
    pub out_of_tree: Option<String>,
    /// A change is a failure.
    pub fail_on_change: bool,
    /// A failure that is ignored is one.
    pub fail_on_ignore: bool,
    /// `setup` is in the report.
    pub with_setup: bool,
    /// Arguments are not.
    pub hide_arguments: bool,
    /// What the names of tasks begin with that are test cases.
    pub prefix: String,
}

/// Makes the report at the end of a playbook.
pub struct JUnit {
    settings: Settings,
    redactor: Arc<Redactor>,
    verbosity: u8,
    playbook: String,
    play: String,
    tasks: IndexMap<u64, Task>,
    last: u64,
}

struct Task {
    name: String,
    path: String,
    play: String,
    action: String,
    began: Instant,
    cases: IndexMap<String, Case>,
}

struct Case {
    took: f64,
    end: End,
}

enum End {
    Passed(String),
    Failed { kind: &'static str, message: String, output: String },
    Skipped(String),
}

impl JUnit {
    /// A report that is empty yet.
    #[must_use]
    pub fn new(settings: Settings, redactor: Arc<Redactor>, verbosity: u8) -> Self {
        let (playbook, play) = (String::new(), String::new());
        Self { settings, redactor, verbosity, playbook, play, tasks: IndexMap::new(), last: 0 }
    }

    fn task(&mut self, id: u64) -> Option<&mut Task> {
        let id = if id == 0 { self.last } else { id };
        self.tasks.get_mut(&id)
    }

    fn result(&mut self, result: &TaskResult) {
        let (fail_on_change, fail_on_ignore) = (self.settings.fail_on_change, self.settings.fail_on_ignore);
        let shown = result.shown && !result.no_log;
        let output = Dump::at_margin(&values::all(result, self.verbosity > 2), shown, self.verbosity);
        let prefix = self.settings.prefix.clone();
        let Some(task) = self.task(result.task) else { return };
        let mut failed = match result.status {
            Status::Ok | Status::Skipped => false,
            Status::Changed => fail_on_change,
            Status::Failed => !result.ignored || fail_on_ignore,
            // The reference does not see hosts that it cannot reach.
            Status::Unreachable => return,
        };
        let skipped = result.status == Status::Skipped;
        if failed && task.name.contains("EXPECTED FAILURE") {
            failed = false;
        } else if task.name.contains("TOGGLE RESULT") && !skipped {
            failed = !failed;
        }
        if !task.name.starts_with(&prefix) && !failed {
            return;
        }
        let text = |key: &str| {
            result
                .result
                .get(key)
                .filter(|_| !result.no_log)
                .map(|value| windlass_protocol::args::python_text(&value.to_json()))
        };
        let end = if skipped {
            End::Skipped(text("skip_reason").unwrap_or_else(|| "skipped".to_owned()))
        } else if !failed {
            End::Passed(output)
        } else if result.status == Status::Failed && !result.has_items && !result.no_log {
            End::Failed {
                kind: "error",
                message: result.cause(),
                output: "(traceback unavailable)".to_owned(),
            }
        } else {
            let message =
                text("msg").unwrap_or_else(|| format!("rc={}", text("rc").unwrap_or_else(|| "0".to_owned())));
            End::Failed { kind: "failure", message, output }
        };
        let took = task.began.elapsed().as_secs_f64();
        task.cases.insert(result.host.clone(), Case { took, end });
    }

    fn class_name(&self, path: &str) -> String {
        let mut name = match &self.settings.relative_to {
            Some(base) => relative(Path::new(path), base),
            None => path.to_owned(),
        };
        if let Some(instead) = self.settings.out_of_tree.as_ref().filter(|_| name.starts_with("../")) {
            name = format!("{instead}{}", name.rsplit('/').next().unwrap_or_default());
        }
        match name.rsplit_once(".yml:").filter(|_| self.settings.class_of_file) {
            Some((file, line)) if line.chars().all(|c| c.is_ascii_digit()) => file.to_owned(),
            _ => name,
        }
    }

    fn report(&self) -> String {
        let tasks = self.tasks.values();
        let reported = |task: &&Task| {
            let setup =
                matches!(task.action.as_str(), "setup" | "ansible.builtin.setup" | "ansible.legacy.setup");
            !setup || self.settings.with_setup
        };
        let cases: Vec<(&Task, &String, &Case)> = tasks
            .filter(reported)
            .flat_map(|task| task.cases.iter().map(move |(host, case)| (task, host, case)))
            .collect();
        let failures_of = |wanted: &str| {
            cases
                .iter()
                .filter(|(_, _, case)| matches!(case.end, End::Failed { kind, .. } if kind == wanted))
                .count()
        };
        let (errors, failures) = (failures_of("error"), failures_of("failure"));
        let skipped = cases.iter().filter(|(_, _, case)| matches!(case.end, End::Skipped(_))).count();
        let (tests, time) = (cases.len(), cases.iter().map(|(_, _, case)| case.took).sum::<f64>());
        let mut out = String::from("<?xml version=\"1.0\" ?>\n");
        let counts = format!("disabled=\"0\" errors=\"{errors}\" failures=\"{failures}\"");
        let _ = writeln!(out, "<testsuites {counts} tests=\"{tests}\" time=\"{time}\">");
        let name = escaped(&self.playbook);
        let suite =
            format!("{counts} name=\"{name}\" skipped=\"{skipped}\" tests=\"{tests}\" time=\"{time}\"");
        if cases.is_empty() {
            let _ = writeln!(out, "\t<testsuite {suite}/>");
        } else {
            let _ = writeln!(out, "\t<testsuite {suite}>");
            cases.iter().for_each(|(task, host, case)| self.case(task, host, case, &mut out));
            out.push_str("\t</testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }

    fn case(&self, task: &Task, host: &str, case: &Case, out: &mut String) {
        let class = escaped(&self.class_name(&task.path));
        let name = escaped(&format!("[{host}] {}: {}", task.play, task.name));
        let (tag, attributes, text) = match &case.end {
            End::Passed(text) => ("system-out", String::new(), text),
            End::Skipped(text) => ("skipped", String::new(), text),
            End::Failed { kind, message, output } => {
                (*kind, format!(" message=\"{}\" type=\"{kind}\"", escaped(message)), output)
            }
        };
        let _ = writeln!(out, "\t\t<testcase classname=\"{class}\" name=\"{name}\" time=\"{}\">", case.took);
        let _ = match escaped(text).as_str() {
            "" => writeln!(out, "\t\t\t<{tag}{attributes}/>"),
            text => writeln!(out, "\t\t\t<{tag}{attributes}>{text}</{tag}>"),
        };
        out.push_str("\t\t</testcase>\n");
    }

    fn write(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.settings.folder)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{}-{}.{:06}.xml", self.playbook, now.as_secs(), now.subsec_micros());
        std::fs::write(self.settings.folder.join(name), self.redactor.redact(&self.report()).as_bytes())
    }
}

impl Callback for JUnit {
    fn event(&mut self, event: &Event, said: &mut Vec<Said>) {
        match event {
            Event::Playbook { file } => {
                self.playbook =
                    Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            }
            Event::Play { name, .. } => self.play.clone_from(name),
            Event::Task { id, name, path, action, args, .. } => {
                self.last = *id;
                let shown = !self.settings.hide_arguments && !args.is_empty();
                let name = if shown { format!("{name} {args}") } else { name.clone() };
                let task = || Task {
                    name,
                    path: path.clone(),
                    play: self.play.clone(),
                    action: action.clone(),
                    began: Instant::now(),
                    cases: IndexMap::new(),
                };
                self.tasks.entry(*id).or_insert_with(task);
            }
            Event::Result(result) => self.result(result),
            Event::Included { what, hosts, task, .. } => {
                let told = format!("{what}: [{}]", hosts.join(", "));
                let prefix = self.settings.prefix.clone();
                let Some(task) = self.task(*task).filter(|task| task.name.starts_with(&prefix)) else {
                    return;
                };
                let took = task.began.elapsed().as_secs_f64();
                let earlier = task.cases.get("include").map(|case| match &case.end {
                    End::Passed(text) => format!("{text}\n"),
                    _ => String::new(),
                });
                let text = earlier.unwrap_or_default() + &told;
                task.cases.insert("include".to_owned(), Case { took, end: End::Passed(text) });
            }
            Event::Recap { .. } => {
                if let Err(error) = self.write() {
                    let folder = self.settings.folder.display();
                    said.push(Said::Warning(format!(
                        "the JUnit report cannot be written to '{folder}': {error}"
                    )));
                }
            }
            _ => {}
        }
    }
}

/// A path as seen from a folder.
fn relative(path: &Path, base: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, base) = (absolute(path), absolute(base));
    let shared = path.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let up = base.components().skip(shared).map(|_| PathBuf::from(".."));
    let down = path.components().skip(shared).map(|part| PathBuf::from(part.as_os_str()));
    let found: PathBuf = up.chain(down).collect();
    found.display().to_string()
}

/// A text as XML has it. Characters that XML has no form for are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c < ' ' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_may_be_relative() {
        assert_eq!(relative(Path::new("/a/b/c.yml:3"), Path::new("/a/x")), "../b/c.yml:3");
        let settings = Settings {
            relative_to: Some("/a/x".into()),
            out_of_tree: Some("out:".to_owned()),
            class_of_file: true,
            ..Settings::default()
        };
        let report = JUnit::new(settings, Redactor::new(), 0);
        assert_eq!(report.class_name("/a/b/c.yml:3"), "out:c");
        assert_eq!(report.class_name("/a/x/d.yml:3"), "d");
    }

    #[test]
    fn xml_is_escaped() {
        assert_eq!(escaped("<a b=\"c\">&\u{1}"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}");
    }
}
