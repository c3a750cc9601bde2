//! Programs that do the same without a host: how long each takes, and how much memory.

use crate::error::Error;
use crate::measure::{enough, median};
use crate::report::{Section, problems, seconds, table};
use crate::tools::Environment;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that takes part.
pub struct Program {
    /// Its name in the table.
    pub title: &'static str,
    path: PathBuf,
    /// What comes before the arguments that are the same for all.
    words: Vec<&'static str>,
}

/// Those that do what `ansible-<kind>` does; ours is the first.
pub fn programs(
    windlass: &Path,
    venv: &Environment,
    kind: &'static str,
    wants: impl Fn(&str) -> bool,
) -> Vec<Program> {
    let mut all = vec![Program { title: "windlass", path: windlass.to_owned(), words: vec![kind] }];
    if wants("ansible-core-rs") {
        let path = venv.rust_program();
        all.push(Program { title: "ansible-core-rs", path, words: vec![kind] });
    }
    if wants("ansible") {
        let path = venv.program(&format!("ansible-{kind}"));
        all.push(Program { title: "ansible-core", path, words: Vec::new() });
    }
    all
}

/// What all of them are asked to do.
pub struct Case {
    /// Its column in the table.
    pub column: &'static str,
    /// The arguments.
    pub args: Vec<OsString>,
    /// What has to be printed by who did it.
    pub expects: Vec<String>,
}

/// What one program took.
pub struct Line {
    title: &'static str,
    /// By case: the median, and the number of runs.
    times: Vec<Option<(Duration, usize)>>,
    /// Most memory of any run, in MB.
    memory: u64,
    /// Why there are figures missing.
    problems: Vec<String>,
}

/// What was to be reached.
pub struct Goal {
    /// In words.
    pub what: &'static str,
    /// Whether it was, and the figures; nothing if it was not measured.
    pub reached: Option<(bool, String)>,
}

/// A contest and how it ended.
pub struct Contest {
    /// Over the table.
    pub heading: &'static str,
    /// Under the heading.
    pub intro: String,
    /// By program, ours first.
    pub lines: Vec<Line>,
    /// What was to be reached.
    pub goals: Vec<Goal>,
    columns: Vec<&'static str>,
}

impl Contest {
    /// Has each program do each case in a folder, often enough for a median.
    pub fn hold(
        heading: &'static str,
        intro: String,
        programs: &[Program],
        cases: &[Case],
        folder: &Path,
        runs: usize,
    ) -> Result<Self, Error> {
        let mut lines = Vec::new();
        for program in programs {
            eprintln!("measuring {heading}: {} ...", program.title);
            let mut line = Line { title: program.title, times: Vec::new(), memory: 0, problems: Vec::new() };
            for case in cases {
                let mut times = Vec::new();
                while times.len() < enough(&times, runs) {
                    match run(program, case, folder) {
                        Ok((time, memory)) => {
                            times.push(time);
                            line.memory = line.memory.max(memory);
                        }
                        Err(error) => {
                            line.problems.push(format!("{}: {error}", case.column));
                            times.clear();
                            break;
                        }
                    }
                }
                line.times.push((!times.is_empty()).then(|| (median(&times), times.len())));
            }
            lines.push(line);
        }
        let columns = cases.iter().map(|case| case.column).collect();
        Ok(Self { heading, intro, lines, goals: Vec::new(), columns })
    }

    /// The median of a program in a case.
    pub fn time(&self, title: &str, case: usize) -> Option<Duration> {
        let line = self.lines.iter().find(|line| line.title == title)?;
        (*line.times.get(case)?).map(|(time, _)| time)
    }

    /// Adds the goal that ours takes at most a time in each case, and at most so much memory, in MB.
    pub fn within(&mut self, what: &'static str, time: Duration, memory: Option<u64>) {
        let Some(ours) = self.lines.first() else { return };
        let times: Option<Vec<Duration>> = ours.times.iter().map(|t| t.map(|(time, _)| time)).collect();
        let reached = times.map(|times| {
            let mut shown: Vec<String> = times.iter().map(|t| format!("{} s", precise(*t))).collect();
            let mut met = times.iter().all(|t| *t <= time);
            if let Some(most) = memory {
                met &= ours.memory <= most;
                shown.push(format!("{} MB", ours.memory));
            }
            (met, shown.join(", "))
        });
        self.goals.push(Goal { what, reached });
    }

    /// Adds the goal that another program takes at least so many times as long as ours.
    pub fn times_faster(&mut self, what: &'static str, than: &str, factor: f64) {
        let ratio = |case| {
            let (ours, theirs) = (self.time("windlass", case)?, self.time(than, case)?);
            Some(theirs.as_secs_f64() / ours.as_secs_f64().max(1e-6))
        };
        let ratios: Option<Vec<f64>> = (0..self.columns.len()).map(ratio).collect();
        let reached = ratios.map(|ratios| {
            let shown: Vec<String> = ratios.iter().map(|r| format!("1/{r:.0}")).collect();
            (ratios.iter().all(|r| *r >= factor), shown.join(", "))
        });
        self.goals.push(Goal { what, reached });
    }

    /// Whether all programs did what they were asked to do.
    pub fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.problems.is_empty())
    }

    /// As a part of the page.
    pub fn section(&self) -> Section {
        let mut head = vec!["program".to_owned()];
        for column in &self.columns {
            head.extend([(*column).to_owned(), "× windlass".to_owned()]);
        }
        head.push("memory".to_owned());
        let mut cells = vec![head];
        let base: Vec<_> = self.lines.first().map(|line| line.times.clone()).unwrap_or_default();
        for line in &self.lines {
            let mut row = vec![line.title.to_owned()];
            for (time, base) in line.times.iter().zip(&base) {
                row.push(time.map_or("–".to_owned(), |(time, runs)| format!("{} ({runs})", precise(time))));
                row.push(match (time, base) {
                    (Some((time, _)), Some((base, _))) if !base.is_zero() => {
                        format!("{:.1}", time.as_secs_f64() / base.as_secs_f64())
                    }
                    _ => "–".to_owned(),
                });
            }
            row.push(if line.memory == 0 { "–".to_owned() } else { format!("{} MB", line.memory) });
            cells.push(row);
        }
        let mut text = format!("{}\n\n{}", self.intro, table(&cells));
        for goal in &self.goals {
            let reached = match &goal.reached {
                Some((true, figures)) => format!("met ({figures})"),
                Some((false, figures)) => format!("**missed** ({figures})"),
                None => "not measured".to_owned(),
            };
            text.push_str(&format!("\nGoal: {}: {reached}.\n", goal.what));
        }
        let all = self.lines.iter().flat_map(|l| l.problems.iter().map(|p| (l.title, Some(p.as_str()))));
        problems(&mut text, all);
        Section { heading: self.heading, text }
    }
}

/// Short times with more digits than long ones.
fn precise(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{:.3}", time.as_secs_f64()) } else { seconds(time) }
}

/// One run: how long it took, and its most memory in MB.
fn run(program: &Program, case: &Case, folder: &Path) -> Result<(Duration, u64), Error> {
    let (printed, said) = (folder.join("printed"), folder.join("said"));
    let out = File::create(&printed).map_err(Error::io(&printed))?;
    let err = File::create(&said).map_err(Error::io(&said))?;
    let start = Instant::now();
    let mut child = Command::new(&program.path)
        .args(&program.words)
        .args(&case.args)
        .current_dir(folder)
        .env_remove("ANSIBLE_CONFIG")
        .env("ANSIBLE_LOCAL_TEMP", folder.join("ansible-tmp"))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(Error::io(&program.path))?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        memory = kilobytes.unwrap_or_default().max(memory);
        if let Some(ended) = child.try_wait().map_err(Error::io(&program.path))? {
            break ended;
        }
        // Often enough for the time of what is quick, without taking a share of the machine from what is slow.
        let past = start.elapsed();
        std::thread::sleep((past / 100).clamp(Duration::from_micros(500), Duration::from_millis(20)));
    };
    let time = start.elapsed();
    let text = std::fs::read(&printed).map_err(Error::io(&printed))?;
    let text = String::from_utf8_lossy(&text);
    let lacks = case.expects.iter().find(|expected| !text.contains(expected.as_str()));
    if ended.success() && lacks.is_none() {
        return Ok((time, memory / 1024));
    }
    let errors = std::fs::read(&said).unwrap_or_default();
    let errors = String::from_utf8_lossy(&errors);
    let tail: Vec<&str> = errors.lines().rev().take(8).collect();
    let mut output = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    if let (true, Some(lacks)) = (ended.success(), lacks) {
        output = format!("it ended well, but did not print `{lacks}`\n{output}");
    }
    Err(Error::Failed { what: format!("{} ({ended})", program.path.display()), output })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn contest(theirs: u64) -> Contest {
        let line = |title, ms, memory| Line {
            title,
            times: vec![Some((Duration::from_millis(ms), 7))],
            memory,
            problems: Vec::new(),
        };
        Contest {
            heading: "A contest",
            intro: "What it is.".to_owned(),
            lines: vec![line("windlass", 50, 20), line("ansible-core", theirs, 90)],
            goals: Vec::new(),
            columns: vec!["case"],
        }
    }

    #[test]
    fn a_goal_is_met_or_missed_with_its_figures() {
        let mut met = contest(3000);
        met.within("at most 0.1 s", Duration::from_millis(100), Some(300));
        met.times_faster("a fiftieth", "ansible-core", 50.0);
        met.times_faster("a tenth", "another", 10.0);
        let text = met.section().text;
        assert!(text.contains("| windlass     | 0.050 (7) |        1.0 |  20 MB |"), "{text}");
        assert!(text.contains("| ansible-core |  3.00 (7) |       60.0 |  90 MB |"), "{text}");
        assert!(text.contains("Goal: at most 0.1 s: met (0.050 s, 20 MB).\n"), "{text}");
        assert!(text.contains("Goal: a fiftieth: met (1/60).\n"), "{text}");
        assert!(text.contains("Goal: a tenth: not measured.\n"), "{text}");
        let mut missed = contest(2000);
        missed.within("at most 10 ms", Duration::from_millis(10), None);
        missed.times_faster("a fiftieth", "ansible-core", 50.0);
        let text = missed.section().text;
        assert!(text.contains("Goal: at most 10 ms: **missed** (0.050 s).\n"), "{text}");
        assert!(text.contains("Goal: a fiftieth: **missed** (1/40).\n"), "{text}");
    }

    #[test]
    fn who_does_not_do_the_work_gets_no_figure() {
        let folder = tempfile::tempdir().unwrap();
        let shell = |title| Program { title, path: "/bin/sh".into(), words: vec!["-c"] };
        let case = Case {
            column: "words",
            args: vec!["echo done by \"$0\"".into()],
            expects: vec!["done by".to_owned()],
        };
        let lazy = Case { column: "nothing", args: vec!["exit 3".into()], expects: Vec::new() };
        let held =
            Contest::hold("Words", String::new(), &[shell("sh")], &[case, lazy], folder.path(), 2).unwrap();
        assert!(!held.is_complete());
        assert!(held.time("sh", 0).is_some() && held.time("sh", 1).is_none());
        assert!(held.section().text.contains("No figure for sh:"));
    }
}
