//! Hosts that run on by themselves: what is printed of them has no order between hosts.

use crate::{check, run_of};
use std::collections::BTreeMap;

/// What is printed for each host between the plays, each result with its task in front: where hosts run on by themselves,
/// nothing else has an order. Why a task failed is told once, for whichever host was first.
pub fn by_host(text: &str) -> String {
    let entry = regex::Regex::new(r"^(ok|changed|skipping|fatal|failed): \[([^\] ]+)").unwrap();
    let included = regex::Regex::new(r"^(included: .* for )([^=]*?)( => .*)?$").unwrap();
    let mut text_of = String::new();
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    let (mut task, mut last, mut why) = (String::new(), String::new(), false);
    let mut close = |hosts: &mut BTreeMap<String, String>| {
        for (host, lines) in std::mem::take(hosts) {
            text_of.push_str(&format!("{host} ***\n{lines}"));
        }
    };
    let mut fences = Vec::new();
    for line in text.lines() {
        let banner = line.ends_with("***");
        why = line.starts_with("[ERROR]") || (why && !banner && !entry.is_match(line));
        if banner && (line.starts_with("TASK [") || line.starts_with("RUNNING HANDLER [")) {
            task = line.trim_end_matches('*').to_owned();
            last.clear();
        } else if banner {
            close(&mut hosts);
            fences.push(line.to_owned());
            hosts.insert(String::new(), format!("{line}\n"));
            close(&mut hosts);
            last.clear();
        } else if why || line.is_empty() {
        } else if let Some(found) = entry.captures(line) {
            last = found[2].to_owned();
            hosts.entry(last.clone()).or_default().push_str(&format!("{task}: {line}\n"));
        } else if let Some(found) = included.captures(line) {
            for host in found[2].split(", ") {
                let item = found.get(3).map_or("", |m| m.as_str());
                hosts.entry(host.to_owned()).or_default().push_str(&format!("{}{host}{item}\n", &found[1]));
            }
        } else {
            hosts.entry(last.clone()).or_default().push_str(&format!("{line}\n"));
        }
    }
    close(&mut hosts);
    assert!(!fences.is_empty(), "no play in {text}");
    text_of
}

/// Compares a case host by host.
pub fn same_by_host(case: &str, options: &[&str], environment: &[(&str, &str)]) {
    let mut run = run_of(case, options, environment);
    run.by_host = true;
    check(&run);
}

#[test]
fn hosts_that_run_on_by_themselves() {
    same_by_host("free", &[], &[]);
    same_by_host("free", &["-f", "2"], &[]);
    same_by_host("free", &["-f", "1"], &[]);
}

#[test]
fn what_ends_hosts_that_run_on_by_themselves() {
    same_by_host("free_ends", &[], &[]);
    same_by_host("free_pause", &[], &[]);
}

#[test]
fn a_strategy_that_is_configured() {
    for strategy in ["free", "ansible.builtin.host_pinned"] {
        same_by_host("free_linear", &[], &[("ANSIBLE_STRATEGY", strategy)]);
    }
    same_by_host("free_linear", &["--start-at-task", "two"], &[("ANSIBLE_STRATEGY", "free")]);
}
