//! The tables.

use crate::inventory::Listing;
use crate::measure::Row;
use crate::sync::Sync;
use crate::tools::Environment;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 10.0 { format!("{s:.2}") } else { format!("{s:.1}") }
}

/// The tables and what they were measured with, as Markdown that reads well on a terminal.
pub fn text(rows: &[Row], syncs: &[Sync], listings: &[Listing], tools: &Environment) -> String {
    let mut text = format!("Measured on {}.\n\n", machine());
    let _ = writeln!(text, "Other tools: {}.\n", tools.versions());
    if !rows.is_empty() {
        text.push_str("### A playbook of 102 tasks, one host\n\n");
        text.push_str("Wall time in seconds, medians (number of runs in parentheses), and how many times the script's.\n\n");
        let script = rows.first().map(|r| (r.first, r.second)).unwrap_or_default();
        let mut lines =
            vec![["tool", "first run", "× script", "second run", "× script"].map(str::to_owned).to_vec()];
        for row in rows {
            let cell = |value: Option<(Duration, usize)>| {
                value.map_or("–".to_owned(), |(time, runs)| format!("{} ({runs})", seconds(time)))
            };
            let ratio =
                |value: Option<(Duration, usize)>, base: Option<(Duration, usize)>| match (value, base) {
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
    }
    if !syncs.is_empty() {
        text.push_str("\n### Tree sync, 5,000 small files\n\n");
        let mut lines =
            vec![["program", "cold", "unchanged", "ten changed", "runs"].map(str::to_owned).to_vec()];
        for sync in syncs {
            let mut line = vec![sync.title.to_owned()];
            line.extend(sync.times.map(|t| if sync.problem.is_some() { "–".to_owned() } else { seconds(t) }));
            line.push(sync.runs.to_string());
            lines.push(line);
        }
        text.push_str(&table(&lines));
        problems(&mut text, syncs.iter().map(|s| (s.title, s.problem.as_deref())));
    }
    if !listings.is_empty() {
        text.push_str("\n### `--list` of an inventory of 10,000 hosts in 200 groups\n\n");
        text.push_str("Wall time in seconds, medians, and the most memory.\n\n");
        let mut lines = vec![["program", "INI", "YAML", "memory", "runs"].map(str::to_owned).to_vec()];
        for listing in listings {
            let mut line = vec![listing.title.clone()];
            line.extend(
                listing.times.map(|t| if listing.problem.is_some() { "–".to_owned() } else { seconds(t) }),
            );
            line.push(format!("{} MB", listing.memory));
            line.push(listing.runs.to_string());
            lines.push(line);
        }
        text.push_str(&table(&lines));
        problems(&mut text, listings.iter().map(|l| (l.title.as_str(), l.problem.as_deref())));
    }
    text
}

fn problems<'a>(text: &mut String, all: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
    for (title, problem) in all {
        if let Some(problem) = problem {
            let _ = writeln!(text, "\nNo figure for {title}:\n\n```\n{problem}\n```");
        }
    }
}

/// A Markdown table with columns of equal width.
fn table(lines: &[Vec<String>]) -> String {
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

/// The page for the book.
pub fn page(tables: &str) -> String {
    format!(
        "# Benchmarks\n\nWhat `make bench` printed; `make bench BENCH=--write` renews this page. The code is in \
         `benches/compare`.\n\n{tables}\n## How it is measured\n\n\
         Every tool works on a fresh Debian 13 host of its own (systemd-nspawn on the same machine, a real OpenSSH \
         server, no network latency), one after the other. A *first run* finds no tree, no cached agent and no open \
         connection; a *second run* finds everything in place. Ansible runs with its defaults, which keep SSH connections \
         open for a minute, also from one run to the next. Tools that take more than five seconds are run \
         three times, those that take more than twenty twice. After the first runs, each host's tree (modes, owners, content) must be the one that the script \
         left.\n\nThe work: facts, a directory, then twenty each of directory, template, lineinfile, command, and stat \
         with register. pyinfra has no stat task: it reads the same as a fact. The script looks before it changes, as \
         a careful hand would write it.\n"
    )
}

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
}
