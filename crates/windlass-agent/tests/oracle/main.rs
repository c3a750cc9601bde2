//! Runs the same tasks by the reference's modules and by ours, on two copies of a tree, and compares results and trees.
//!
//! The tasks are in `tasks/`, a file for each module or family. `case.rs` says what may be in one.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod case;
mod compare;
mod plant;
mod run;

macro_rules! tasks {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            run::file(include_str!(concat!("tasks/", stringify!($name), ".yml")));
        }
    )* };
}

tasks! {
    assemble authorized_key blockinfile command copy django_manage file find get_url git htpasswd known_hosts
    lineinfile replace slurp stat sysctl tempfile unarchive unarchive_zip uri wait_for
}
