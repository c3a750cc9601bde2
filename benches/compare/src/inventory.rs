//! An inventory of 10,000 hosts in 200 groups, listed: INI and YAML.

use crate::contest::{Case, Contest, Program};
use crate::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

const HOSTS: usize = 10_000;
const GROUPS: usize = 200;
const SITES: usize = 10;

/// What stands over the table.
pub const HEADING: &str = "`--list` of an inventory of 10,000 hosts in 200 groups";

/// Measures what lists inventories.
pub fn measure(programs: &[Program], runs: usize) -> Result<Contest, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let files = [("INI", "hosts.ini", ini()), ("YAML", "hosts.yml", yaml())];
    let mut cases = Vec::new();
    for (column, name, text) in files {
        let path = work.path().join(name);
        std::fs::write(&path, text).map_err(Error::io(path))?;
        cases.push(Case {
            column,
            args: ["--list", "-i", name].map(Into::into).into(),
            expects: vec![format!("\"host{}.example.org\": {{", HOSTS - 1)],
        });
    }
    let intro = "Fifty hosts in each group with three variables each, two variables in each group, ten groups of twenty groups. \
                 Wall time in seconds (medians, number of runs in parentheses), and the most memory.";
    let mut contest = Contest::hold(HEADING, intro.to_owned(), programs, &cases, work.path(), runs)?;
    contest.within("each in less than a second and 300 MB", Duration::from_secs(1), Some(300));
    Ok(contest)
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
