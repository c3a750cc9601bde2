//! Bad input: what `windlass playbook` says about it, to the letter, which exit code it gives, and that nothing was touched.
//!
//! The cases are files in the folders beside this one, one folder for each kind of mistake; [`case`] describes their
//! form. `WINDLASS_TEST_UPDATE=1` writes what is printed now into them: read the difference before you keep it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod case;
#[path = "../differential/forked.rs"]
mod forked;
mod fuzz;

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        $( #[test] fn $kind() { case::all_of(stringify!($kind)); } )*

        #[test]
        fn the_reference_exits_as_recorded() { case::reference_on(&[$(stringify!($kind)),*]); }

        #[test]
        fn every_folder_is_a_kind() {
            let kinds = [$(stringify!($kind)),*];
            for entry in std::fs::read_dir(case::folder()).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    let name = entry.file_name().into_string().unwrap();
                    assert!(kinds.contains(&name.as_str()), "tests/bad_input/{name} is run by no test");
                }
            }
        }
    };
}

kinds! {
    arguments,
    conditions,
    files,
    inventory,
    keywords,
    modules,
    playbooks,
    roles,
    secrets,
    settings,
    templates,
    variables,
    yaml,
}
