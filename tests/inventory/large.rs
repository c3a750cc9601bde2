//! Inventories with ten thousand hosts in two hundred groups are read at once.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const HOSTS: usize = 10_000;
const GROUPS: usize = 200;

/// Fifty hosts to a group, each of which is in a second group too; groups of twenty groups; variables everywhere.
fn ini(file: &Path) {
    let mut out = String::new();
    for group in 0..GROUPS {
        let _ = writeln!(out, "[group{group}]");
        for host in (group..HOSTS).step_by(GROUPS) {
            let _ = writeln!(
                out,
                "host{host}.example.org ansible_host=10.0.{}.{} rack=r{} weight=0.5",
                host / 256,
                host % 256,
                host % 40
            );
        }
        let _ = writeln!(out, "host{}.example.org", group * 7 % HOSTS);
        let _ = writeln!(out, "[group{group}:vars]\ntier=t{}\nports=[80, 443]", group % 5);
    }
    for site in 0..GROUPS / 20 {
        let _ = writeln!(out, "[site{site}:children]");
        for group in site * 20..(site + 1) * 20 {
            let _ = writeln!(out, "group{group}");
        }
    }
    std::fs::write(file, out).unwrap();
}

fn yaml(file: &Path) {
    let mut out = String::from("all:\n  children:\n");
    for site in 0..GROUPS / 20 {
        let _ = writeln!(out, "    site{site}:\n      children:");
        for group in site * 20..(site + 1) * 20 {
            let _ = writeln!(
                out,
                "        group{group}:\n          vars: {{tier: t{}, ports: [80, 443]}}\n          hosts:",
                group % 5
            );
            for host in (group..HOSTS).step_by(GROUPS) {
                let _ = writeln!(
                    out,
                    "            host{host}.example.org:\n              ansible_host: 10.0.{}.{}\n              rack: r{}\n              weight: 0.5",
                    host / 256,
                    host % 256,
                    host % 40
                );
            }
        }
    }
    std::fs::write(file, out).unwrap();
}

/// The time of `inventory --list`, and the most memory that it had, in MB.
fn list(file: &Path, printed: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["inventory", "--list", "-i"])
        .arg(file)
        .env_remove("ANSIBLE_CONFIG")
        .stdout(std::fs::File::create(printed).unwrap())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        peak = kilobytes.unwrap_or(0_u64).max(peak);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let time = start.elapsed();
    assert!(ended.success());
    let tree: serde_json::Value = serde_json::from_slice(&std::fs::read(printed).unwrap()).unwrap();
    let vars = tree["_meta"]["hostvars"].as_object().unwrap();
    assert_eq!(vars.len(), HOSTS);
    assert_eq!(vars["host4321.example.org"]["rack"], "r1");
    assert_eq!(vars["host4321.example.org"]["ports"], serde_json::json!([80, 443]));
    assert_eq!(tree.as_object().unwrap().keys().filter(|name| name.starts_with("group")).count(), GROUPS);
    (time, peak / 1024)
}

#[test]
fn ten_thousand_hosts_in_two_hundred_groups() {
    let dir = tempfile::tempdir().unwrap();
    for (name, write) in [("hosts.ini", ini as fn(&Path)), ("hosts.yml", yaml)] {
        let file = dir.path().join(name);
        write(&file);
        let (time, peak) = list(&file, &dir.path().join("printed"));
        eprintln!("{name}: {time:?}, {peak} MB");
        // A build for tests on a busy machine takes many times what a release takes; memory is the same.
        assert!(time < Duration::from_secs(40), "{name}: {time:?}");
        assert!((1..300).contains(&peak), "{name}: {peak} MB");
    }
}
