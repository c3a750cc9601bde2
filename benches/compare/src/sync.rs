//! The tree sync: 5,000 small files, cold, unchanged, and with ten changed, against rsync over ssh.

use crate::error::Error;
use crate::measure::{bench_host, median, same_tree, timed};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use windlass_test_hosts::Host;

const FILES: usize = 5000;
const TO: &str = "/srv/sync";

/// The three cases of one program.
pub struct Sync {
    /// Which.
    pub title: &'static str,
    /// Medians: into an empty folder, with nothing changed, with ten files changed.
    pub times: [Duration; 3],
    /// The number of runs of each.
    pub runs: usize,
    /// Why there are no figures.
    pub problem: Option<String>,
}

/// A program, called for a host.
type Prepare<'a> = &'a dyn Fn(&Host) -> Result<Command, Error>;

/// Measures both, each on a host of its own, in turns: what else this machine does meets both alike.
pub fn measure(windlass: &Path, runs: usize) -> Result<Vec<Sync>, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let source = work.path().join("source");
    make_tree(&source)?;
    let rsync = |host: &Host| {
        let ssh = format!(
            "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={} -i {}",
            host.known_hosts_path().display(),
            host.ssh_key_path().display()
        );
        let mut command = Command::new("rsync");
        command.args(["-az", "--delete", "-e", &ssh]).arg(format!("{}/", source.display()));
        command.arg(format!("root@{}:{TO}/", host.ip()));
        Ok(command)
    };
    let native = |host: &Host| {
        let put = |name: &str, text: String| {
            let path = work.path().join(name);
            std::fs::write(&path, text).map_err(Error::io(path))
        };
        put("hosts", format!("{}\n", host.inventory_line()))?;
        let from = source.display();
        put(
            "sync.yml",
            format!(
                "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: The tree\n      \
                 ansible.posix.synchronize:\n        src: {from}/\n        dest: {TO}/\n        delete: true\n"
            ),
        )?;
        let mut command = Command::new(windlass);
        command.args(["playbook", "-i", "hosts", "sync.yml"]).current_dir(work.path());
        Ok(command)
    };
    let both: [(&'static str, Prepare<'_>); 2] =
        [("rsync -az --delete over ssh", &rsync), ("windlass, synchronize", &native)];
    eprintln!("measuring the tree sync ...");
    let mut rows = both.map(|(title, _)| Sync { title, times: [Duration::ZERO; 3], runs, problem: None });
    match cases(both.map(|(_, prepare)| prepare), &source, runs) {
        Ok(times) => rows.iter_mut().zip(times).for_each(|(row, times)| row.times = times),
        Err(error) => rows.iter_mut().for_each(|row| row.problem = Some(error.to_string())),
    }
    Ok(rows.into())
}

fn cases(both: [Prepare<'_>; 2], source: &Path, runs: usize) -> Result<[[Duration; 3]; 2], Error> {
    let hosts = [bench_host()?, bench_host()?];
    let run = |who: usize| timed(&mut both[who](&hosts[who])?);
    for (who, host) in hosts.iter().enumerate() {
        host.sh(&format!("mkdir -p {TO}"))?;
        run(who)?; // so that the agent is there: what its upload costs is shown by the other table
    }
    let mut taken: [[Vec<Duration>; 3]; 2] = Default::default();
    for round in 0..runs {
        for (who, host) in hosts.iter().enumerate() {
            // Moved away and not removed: a file system looks long for inodes where many were freed just before.
            host.sh(&format!("mv {TO} {TO}.{round} && mkdir {TO} && sync"))?;
            taken[who][0].push(run(who)?);
        }
    }
    for _ in 0..runs {
        for (who, taken) in taken.iter_mut().enumerate() {
            taken[1].push(run(who)?);
        }
    }
    for round in 0..runs {
        change_ten(source, round)?;
        for (who, taken) in taken.iter_mut().enumerate() {
            taken[2].push(run(who)?);
        }
    }
    let [one, other] = &hosts;
    same_tree(&one.snapshot_tree(&[TO])?, &other.snapshot_tree(&[TO])?)?;
    Ok(taken.map(|cases| cases.map(|times| median(&times))))
}

fn change_ten(source: &Path, round: usize) -> Result<(), Error> {
    for n in 0..10 {
        let path = source.join(name(n * (FILES / 10)));
        let text = format!("changed in round {round}, with another length {}\n", "x".repeat(round));
        std::fs::write(&path, text).map_err(Error::io(path))?;
    }
    Ok(())
}

fn name(n: usize) -> String {
    format!("part{:02}/dir{:02}/file{n:04}.txt", n % 10, n / 10 % 10)
}

fn make_tree(source: &Path) -> Result<(), Error> {
    for n in 0..FILES {
        let path = source.join(name(n));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let text =
            format!("file {n}\n{}", format!("{:08x}\n", n.wrapping_mul(2_654_435_761)).repeat(20 + n % 200));
        std::fs::write(&path, text).map_err(Error::io(path))?;
    }
    Ok(())
}
