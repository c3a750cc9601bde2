//! The tables.

use crate::measure::Row;
use crate::sync::Sync;
use crate::tools::Environment;
use crate::{inventory, local, roles};
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

/// A time for a table.
pub fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 10.0 { format!("{s:.2}") } else { format!("{s:.1}") }
}

/// A part of the page.
pub struct Section {
    /// What stands over it.
    pub heading: &'static str,
    /// All below the heading.
    pub text: String,
}

const PLAYBOOK: &str = "A playbook of 102 tasks, one host";
const SYNC: &str = "Tree sync, 5,000 small files";
/// The parts of the page in their order.
const ORDER: [&str; 5] = [PLAYBOOK, SYNC, inventory::HEADING, roles::HEADING, local::HEADING];

/// The table of the playbook, held against the script.
pub fn playbook(rows: &[Row]) -> Section {
    let mut text = String::from(
        "Wall time in seconds, medians (number of runs in parentheses), and how many times the script's.\n\n",
    );
    let script = rows.first().map(|r| (r.first, r.second)).unwrap_or_default();
    let mut lines =
        vec![["tool", "first run", "× script", "second run", "× script"].map(str::to_owned).to_vec()];
    for row in rows {
        let cell = |value: Option<(Duration, usize)>| {
            value.map_or("–".to_owned(), |(time, runs)| format!("{} ({runs})", seconds(time)))
        };
        let ratio = |value: Option<(Duration, usize)>, base: Option<(Duration, usize)>| match (value, base) {
            (Some((v, _)), Some((b, _))) if !b.is_zero() => {
                format!("{:.2}", v.as_secs_f64() / b.as_secs_f64())
            }
            _ => "–".to_owned(),
        };
        lines.push(vec![
            row.title.clone(),
            cell(row.first),
            ratio(row.first, script.0),
            cell(row.second),
            ratio(row.second, script.1),
        ]);
    }
    text.push_str(&table(&lines));
    problems(&mut text, rows.iter().map(|r| (r.title.as_str(), r.problem.as_deref())));
    Section { heading: PLAYBOOK, text }
}

/// The table of the tree sync.
pub fn tree_sync(syncs: &[Sync]) -> Section {
    let mut lines = vec![["program", "cold", "unchanged", "ten changed", "runs"].map(str::to_owned).to_vec()];
    for sync in syncs {
        let mut line = vec![sync.title.to_owned()];
        line.extend(sync.times.map(|t| if sync.problem.is_some() { "–".to_owned() } else { seconds(t) }));
        line.push(sync.runs.to_string());
        lines.push(line);
    }
    let mut text = table(&lines);
    problems(&mut text, syncs.iter().map(|s| (s.title, s.problem.as_deref())));
    Section { heading: SYNC, text }
}

/// Sections as Markdown that reads well on a terminal, each with what it was measured with.
pub fn text(sections: &[Section], tools: &Environment) -> Vec<(&'static str, String)> {
    let with = format!("Measured on {}. Other tools: {}.", machine(), tools.versions());
    sections.iter().map(|s| (s.heading, format!("{}\n{with}\n", s.text))).collect()
}

/// What is printed of them.
pub fn printed(sections: &[(&str, String)]) -> String {
    let shown: Vec<String> =
        sections.iter().map(|(heading, text)| format!("### {heading}\n\n{text}")).collect();
    shown.join("\n")
}

/// Says why figures are missing.
pub fn problems<'a>(text: &mut String, all: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
    for (title, problem) in all {
        if let Some(problem) = problem {
            let _ = writeln!(text, "\nNo figure for {title}:\n\n```\n{problem}\n```");
        }
    }
}

/// A Markdown table with columns of equal width.
pub fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0).max(3);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (c, cell) in line.iter().enumerate() {
            let pad = " ".repeat(width(c) - cell.chars().count());
            let _ = if c == 0 { write!(text, "| {cell}{pad} ") } else { write!(text, "| {pad}{cell} ") };
        }
        text.push_str("|\n");
        if number == 0 {
            for c in 0..columns {
                let dashes = "-".repeat(width(c) - usize::from(c > 0));
                let _ = if c == 0 { write!(text, "| {dashes} ") } else { write!(text, "| {dashes}: ") };
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Date, cores, processor, kernel.
fn machine() -> String {
    let line = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).output();
        out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{} with {cores} cores ({cpu}), Linux {}, load at the end {load}",
        line("date", &["-u", "+%Y-%m-%d"]),
        line("uname", &["-r"])
    )
}

/// The page for the book: what was measured now, and of the page as it is the sections that were not.
pub fn page(old: &str, now: &[(&str, String)]) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWhat `make bench` printed; `make bench BENCH=--write` renews this page, and with `--sections` those sections \
         alone. The code is in `benches/compare`.\n\n",
    );
    for heading in ORDER {
        let measured = now.iter().find(|(name, _)| *name == heading).map(|(_, text)| text.trim());
        if let Some(text) = measured.or_else(|| section_of(old, heading)) {
            let _ = writeln!(page, "### {heading}\n\n{text}\n");
        }
    }
    page.push_str(METHOD);
    page
}

/// What a page has below a heading.
fn section_of<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("### {heading}\n"))?;
    let end = ["\n### ", "\n## "].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    Some(rest[..end].trim())
}

const METHOD: &str = "## How it is measured

With a host (the first two tables): every tool works on a fresh Debian 13 host of its own (systemd-nspawn on the same machine, a real \
OpenSSH server, no network latency), one after the other. A *first run* finds no tree, no cached agent and no open connection; a *second \
run* finds everything in place. Ansible runs with its defaults, which keep SSH connections open for a minute, also from one run to the \
next. After the first runs, each host's tree (modes, owners, content) must be the one that the script left.

The work: facts, a directory, then twenty each of directory, template, lineinfile, command, and stat with register. pyinfra has no stat \
task: it reads the same as a fact. The script looks before it changes, as a careful hand would write it.

Without a host (the others): all programs get the same generated files and the same arguments, with their default settings and their \
output in a file; who does not print what it should has no figure. `make bench BENCH=\"--sections inventory,roles,local\"` runs these alone.

What takes more than five seconds is run three times, what takes more than twenty twice.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let lines =
            [vec!["tool".to_owned(), "t".to_owned()], vec!["a longer one".to_owned(), "12.5".to_owned()]];
        let expected = "| tool         |    t |\n| ------------ | ---: |\n| a longer one | 12.5 |\n";
        assert_eq!(table(&lines), expected);
    }

    #[test]
    fn a_page_keeps_what_was_not_measured() {
        let sync = (SYNC, "sync, the first time\n".to_owned());
        let first = page("", &[(local::HEADING, "local, the first time\n".to_owned()), sync]);
        assert!(first.contains("the first time\n\n## How it is measured"), "{first}");
        let second = page(&first, &[(local::HEADING, "local, again\n".to_owned())]);
        assert!(second.contains(&format!("### {SYNC}\n\nsync, the first time\n\n### ")), "{second}");
        assert!(
            second.contains("local, again\n\n## How") && !second.contains("local, the first"),
            "{second}"
        );
        assert_eq!(page(&second, &[]), second);
    }
}
