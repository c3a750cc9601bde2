//! An inventory of 10,000 hosts in 200 groups, listed: INI and YAML, by windlass and by `ansible-inventory`.

use crate::error::Error;
use crate::measure::median;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HOSTS: usize = 10_000;
const GROUPS: usize = 200;
const SITES: usize = 10;

/// What one program took.
pub struct Listing {
    /// Which.
    pub title: String,
    /// Medians: INI, YAML.
    pub times: [Duration; 2],
    /// Most memory of any run, in MB.
    pub memory: u64,
    /// The number of runs of each.
    pub runs: usize,
    /// Why there are no figures.
    pub problem: Option<String>,
}

/// Measures windlass and the other programs, which are called with the arguments behind their names.
pub fn measure(programs: &[(&str, PathBuf, &[&str])], runs: usize) -> Result<Vec<Listing>, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let files = [("hosts.ini", ini()), ("hosts.yml", yaml())];
    for (name, text) in &files {
        let path = work.path().join(name);
        std::fs::write(&path, text).map_err(Error::io(path))?;
    }
    eprintln!("measuring the inventory of {HOSTS} hosts ...");
    let mut rows = Vec::new();
    for (title, program, words) in programs {
        let mut row = Listing {
            title: (*title).to_owned(),
            times: [Duration::ZERO; 2],
            memory: 0,
            runs: 0,
            problem: None,
        };
        for (at, (name, _)) in files.iter().enumerate() {
            let mut times = Vec::new();
            // What takes long varies little.
            while times.len() < runs
                && (times.len() < 2 || times.iter().sum::<Duration>() < Duration::from_secs(20))
            {
                match list(program, words, &work.path().join(name), work.path()) {
                    Ok((time, memory)) => {
                        times.push(time);
                        row.memory = row.memory.max(memory);
                    }
                    Err(error) => {
                        row.problem = Some(error.to_string());
                        break;
                    }
                }
            }
            if !times.is_empty() {
                row.times[at] = median(&times);
                row.runs = times.len();
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// One run: how long it took, and its most memory in MB.
fn list(program: &Path, words: &[&str], file: &Path, work: &Path) -> Result<(Duration, u64), Error> {
    let printed = work.join("printed");
    let out = std::fs::File::create(&printed).map_err(Error::io(&printed))?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(words)
        .args(["--list", "-i"])
        .arg(file)
        .env_remove("ANSIBLE_CONFIG")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io(program))?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        memory = kilobytes.unwrap_or_default().max(memory);
        if let Some(ended) = child.try_wait().map_err(Error::io(program))? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let time = start.elapsed();
    let text = std::fs::read_to_string(&printed).map_err(Error::io(&printed))?;
    let last = format!("\"host{}.example.org\": {{", HOSTS - 1);
    if !ended.success() || !text.contains(&last) {
        return Err(Error::io(program)(std::io::Error::other(format!(
            "it did not list all hosts ({ended})"
        ))));
    }
    Ok((time, memory / 1024))
}

fn members(group: usize) -> impl Iterator<Item = usize> {
    (group..HOSTS).step_by(GROUPS)
}

fn groups(site: usize) -> std::ops::Range<usize> {
    let size = GROUPS / SITES;
    site * size..(site + 1) * size
}

fn ini() -> String {
    let mut out = String::new();
    for group in 0..GROUPS {
        let _ = writeln!(out, "[group{group}]");
        for host in members(group) {
            let (high, low, rack) = (host / 256, host % 256, host % 40);
            let _ = writeln!(
                out,
                "host{host}.example.org ansible_host=10.0.{high}.{low} rack=r{rack} weight=0.5"
            );
        }
        let _ = writeln!(out, "[group{group}:vars]\ntier=t{}\nports=[80, 443]", group % 5);
    }
    for site in 0..SITES {
        let _ = writeln!(out, "[site{site}:children]");
        groups(site).for_each(|group| out.push_str(&format!("group{group}\n")));
    }
    out
}

fn yaml() -> String {
    let mut out = String::from("all:\n  children:\n");
    for site in 0..SITES {
        let _ = writeln!(out, "    site{site}:\n      children:");
        for group in groups(site) {
            let _ = writeln!(
                out,
                "        group{group}:\n          vars: {{tier: t{}, ports: [80, 443]}}",
                group % 5
            );
            out.push_str("          hosts:\n");
            for host in members(group) {
                let (high, low, rack) = (host / 256, host % 256, host % 40);
                let _ = writeln!(
                    out,
                    "            host{host}.example.org:\n              ansible_host: 10.0.{high}.{low}"
                );
                let _ = writeln!(out, "              rack: r{rack}\n              weight: 0.5");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hosts_are_there() {
        for text in [ini(), yaml()] {
            assert_eq!(text.matches("rack").count(), HOSTS);
            assert!((0..GROUPS).all(|group| text.contains(&format!("group{group}"))));
        }
    }
}
