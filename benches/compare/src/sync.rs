//! The tree sync: 5,000 small files, cold, unchanged, and with ten changed, against rsync over ssh.

use crate::error::Error;
use crate::measure::{bench_host, median, same_tree, timed};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use windlass_test_hosts::{Host, Tree};

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

/// Measures both, each on a host of its own.
pub fn measure(windlass: &Path, runs: usize) -> Result<Vec<Sync>, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let source = work.path().join("source");
    make_tree(&source)?;
    let mut model = None;
    let mut found = Vec::new();
    type Prepare<'a> = &'a dyn Fn(&Host) -> Result<Command, Error>;
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
    for (title, prepare) in both {
        eprintln!("measuring {title} ...");
        let mut row = Sync { title, times: [Duration::ZERO; 3], runs, problem: None };
        match cases(prepare, &source, runs, &mut model) {
            Ok(times) => row.times = times,
            Err(error) => row.problem = Some(error.to_string()),
        }
        found.push(row);
    }
    Ok(found)
}

fn cases(
    prepare: &dyn Fn(&Host) -> Result<Command, Error>,
    source: &Path,
    runs: usize,
    model: &mut Option<Tree>,
) -> Result<[Duration; 3], Error> {
    let host = bench_host()?;
    let run = || timed(&mut prepare(&host)?);
    host.sh(&format!("mkdir -p {TO}"))?;
    run()?; // so that the agent is there: what its upload costs is shown by the other table
    let mut cold = Vec::new();
    for _ in 0..runs {
        host.sh(&format!("rm -rf {TO}; mkdir -p {TO}; sync"))?;
        cold.push(run()?);
    }
    let unchanged = (0..runs).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    let mut changed = Vec::new();
    for round in 0..runs {
        for n in 0..10 {
            let path = source.join(name(n * (FILES / 10)));
            std::fs::write(
                &path,
                format!("changed in round {round}, with another length {}\n", "x".repeat(round)),
            )
            .map_err(Error::io(path))?;
        }
        changed.push(run()?);
    }
    let tree = host.snapshot_tree(&[TO])?;
    match model {
        None => *model = Some(tree),
        Some(model) => same_tree(model, &tree)?,
    }
    Ok([median(&cold), median(&unchanged), median(&changed)])
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
