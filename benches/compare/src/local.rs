//! A play of 200 hosts and 50 tasks that need no module: what the engine itself costs.

use crate::contest::{Case, Contest, Program};
use crate::error::Error;
use std::fmt::Write as _;

const HOSTS: usize = 200;
const TASKS: usize = 50;

/// What stands over the table.
pub const HEADING: &str = "A play of 200 hosts and 50 tasks, `debug` and `set_fact`";

/// Measures what runs playbooks.
pub fn measure(programs: &[Program], runs: usize) -> Result<Contest, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    for (name, text) in [("hosts", inventory()), ("play.yml", play())] {
        let path = work.path().join(name);
        std::fs::write(&path, text).map_err(Error::io(path))?;
    }
    let case = Case {
        column: "run",
        args: ["-i", "hosts", "play.yml"].map(Into::into).into(),
        // The recap of the last host, and what the last task says there.
        expects: vec![format!("ok={TASKS}  "), format!("host{}: step {} of", HOSTS - 1, TASKS - 1)],
    };
    let intro = "On the local connection, without facts, with 5 forks. Every second task sets a fact from the one before, the \
                 others print it with variables of the host, of its group and of the play, half of them under a condition. Wall \
                 time in seconds (medians, number of runs in parentheses), and the most memory of the main process.";
    let mut contest = Contest::hold(HEADING, intro.to_owned(), programs, &[case], work.path(), runs)?;
    contest.times_faster("at most a fiftieth of ansible-core's time", "ansible-core", 50.0);
    Ok(contest)
}

fn inventory() -> String {
    let mut out = String::new();
    for rack in 0..10 {
        let _ = writeln!(out, "[rack{rack}]");
        for host in (rack..HOSTS).step_by(10) {
            let _ = writeln!(out, "host{host} number={host}");
        }
        let _ = writeln!(out, "[rack{rack}:vars]\nrack_name=r{rack}");
    }
    out.push_str("[all:vars]\nansible_connection=local\n");
    out
}

fn play() -> String {
    let mut out = String::from(
        "- name: Nothing but the engine\n  hosts: all\n  gather_facts: false\n  vars:\n    of_the_play: [1, 2, 3]\n  tasks:\n",
    );
    for task in 0..TASKS / 2 {
        let (first, second) = (task * 2, task * 2 + 1);
        let before = if task == 0 { "0".to_owned() } else { format!("sum_{}", task - 1) };
        let _ = writeln!(
            out,
            "    - name: Count {first}\n      ansible.builtin.set_fact:\n        \
             sum_{task}: \"{{{{ ({before} | int) + (number | int) + of_the_play[{}] }}}}\"",
            task % 3
        );
        let _ = writeln!(
            out,
            "    - name: Say {second}\n      ansible.builtin.debug:\n        \
             msg: \"{{{{ inventory_hostname }}}}: step {second} of {{{{ rack_name | upper }}}}, {{{{ sum_{task} }}}}\""
        );
        if task % 2 == 0 {
            let _ = writeln!(out, "      when: sum_{task} | int > 0 or rack_name is defined");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_tasks_are_as_many_as_the_heading_says() {
        assert_eq!(inventory().lines().filter(|line| line.starts_with("host")).count(), HOSTS);
        let play = play();
        assert_eq!(play.matches("\n    - name:").count(), TASKS);
        assert!(play.contains("sum_1: \"{{ (sum_0 | int) + (number | int) + of_the_play[1] }}\""), "{play}");
    }
}
