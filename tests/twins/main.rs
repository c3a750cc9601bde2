//! The same playbooks by windlass and by ansible-core on twin hosts, over SSH: what both say, return and leave behind
//! has to be equal. Where it is not on purpose, `exceptions.yml` has the reason.
//!
//! Every playbook gets a pair of freshly booted hosts and runs three times on both: in check mode, for the first
//! time, and again. `WINDLASS_TWINS_KEEP=DIR` keeps what was run and what came of it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod compare;
mod exceptions;
mod picture;
mod side;
mod stage;
mod words;

use compare::Difference;
use exceptions::Exceptions;
use side::{Run, Side};
use stage::Stage;
use windlass_test_hosts::{Suite, require_hosts};

/// Runs a playbook on both hosts and compares.
fn twins(playbook: &str, suite: Suite, login: &str) {
    if !require_hosts() {
        return;
    }
    let Some(oracle) = side::oracle() else { return };
    let stage = Stage::new(playbook, suite);
    let sides = [Side::windlass(&stage, suite, login), Side::ansible(&stage, suite, login, &oracle)];
    let [ours, theirs] = std::thread::scope(|scope| {
        sides.map(|side| scope.spawn(move || side.play(&stage::RUNS))).map(|thread| thread.join().unwrap())
    });
    let mut found: Vec<Difference> = Vec::new();
    let mut tasks = 0;
    for ((name, ours), theirs) in stage::RUNS.iter().zip(&ours).zip(&theirs) {
        assert!(
            !theirs.results.is_null(),
            "the reference gave no results:\n{}\n{}",
            theirs.stdout,
            theirs.stderr
        );
        tasks += theirs.results.as_object().map_or(0, serde_json::Map::len);
        found.extend(compare::runs(name, ours, theirs));
    }
    found.extend(changes_that_return(&stage, &theirs[2]));
    let mut exceptions = Exceptions::of(playbook, suite);
    found.retain(|difference| !exceptions.cover(difference));
    let unused = exceptions.unused();
    println!("{playbook} on {}: {tasks} results of tasks compared", suite.name());
    let text: String = found.iter().map(|d| format!("{d}\n")).collect();
    stage.keep(&text);
    assert!(found.is_empty(), "{playbook}: {} differences\n{text}", found.len());
    assert!(unused.is_empty(), "{playbook}: exceptions that nothing needs any more: {unused:#?}");
}

/// A second run changes nothing, but for the tasks that say so.
fn changes_that_return(stage: &Stage, second: &Run) -> Vec<Difference> {
    let results = second.results.as_object().unwrap();
    let changed = |name: &str| results[name]["changed"] == true;
    let wrong = results.keys().filter(|name| changed(name) && !stage.changes_every_time(name));
    wrong
        .map(|name| Difference {
            run: "second".into(),
            task: name.clone(),
            place: "changed".into(),
            ours: "nothing to change, as the playbook has it".into(),
            theirs: results[name].to_string(),
        })
        .collect()
}

macro_rules! playbooks {
    ($($name:ident $suite:ident $login:literal;)*) => {
        $( #[test] fn $name() { twins(stringify!($name), Suite::$suite, $login); } )*
    };
}

// Every playbook takes a minute or two: each is for one of the two releases.
playbooks! {
    commands Trixie "root";
    facts Bookworm "root";
    files Trixie "root";
    other_user Trixie "ops";
    packages Trixie "root";
    services Trixie "root";
    settings Bookworm "root";
    users Bookworm "root";
}
