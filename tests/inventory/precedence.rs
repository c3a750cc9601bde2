//! The levels of precedence: random variables at random places, against the rule that the strongest place wins.

use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// The places, from the weakest to the strongest. `late` comes after `early` by name, `early` has the higher priority.
const PLACES: &[&str] = &[
    "role defaults",
    "inventory all",
    "inventory parent",
    "inventory late",
    "inventory early",
    "inventory group_vars/all",
    "playbook group_vars/all",
    "inventory group_vars/parent",
    "inventory group_vars/late",
    "inventory group_vars/early",
    "playbook group_vars/parent",
    "playbook group_vars/late",
    "playbook group_vars/early",
    "inventory host",
    "inventory host_vars",
    "playbook host_vars",
    "play vars",
    "vars_files",
    "role vars",
    "block vars",
    "task vars",
    "include_vars",
    "set_fact",
    "role params",
    "include params",
    "extra vars",
];

/// For each variable the places that set it, as bits.
fn project(dir: &Path, variables: &[u32]) {
    let at = |place: &str| PLACES.iter().position(|known| *known == place).unwrap();
    let set = |place: &str| -> Vec<String> {
        let place = at(place);
        let here = variables.iter().enumerate().filter(|(_, places)| *places & (1 << place) != 0);
        here.map(|(number, _)| format!("v{number}")).collect()
    };
    let lines = |place: &str, indent: &str, separator: &str| -> String {
        let number = at(place);
        set(place).iter().map(|name| format!("{indent}{name}{separator}'at{number}'\n")).collect()
    };
    let yaml = |place: &str, indent: &str| match lines(place, indent, ": ") {
        empty if empty.is_empty() => format!("{indent}unused: 1\n"),
        text => text,
    };
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let on_one_line = lines("inventory host", " ", "=").replace('\n', "");
    let mut hosts = format!(
        "[early]\nh ansible_connection=local{on_one_line}\n[late]\nh\n[parent:children]\nearly\nlate\n"
    );
    for group in ["all", "parent", "late", "early"] {
        hosts.push_str(&format!("[{group}:vars]\n{}", lines(&format!("inventory {group}"), "", "=")));
    }
    hosts.push_str("[early:vars]\nansible_group_priority=7\n");
    write("inventory/hosts", hosts);
    for (folder, side) in [("inventory", "inventory"), ("", "playbook")] {
        for group in ["all", "parent", "late", "early"] {
            let place = format!("{side} group_vars/{group}");
            write(format!("{folder}/group_vars/{group}.yml").trim_start_matches('/'), yaml(&place, ""));
        }
        let place = format!("{side} host_vars");
        write(format!("{folder}/host_vars/h.yml").trim_start_matches('/'), yaml(&place, ""));
    }
    write("files.yml", yaml("vars_files", ""));
    write("included.yml", yaml("include_vars", ""));
    write("extra.yml", yaml("extra vars", ""));
    write("roles/r/defaults/main.yml", yaml("role defaults", ""));
    write("roles/r/vars/main.yml", yaml("role vars", ""));
    write(
        "roles/r/tasks/main.yml",
        format!(
            "- include_vars: \"{{{{ playbook_dir }}}}/included.yml\"\n- set_fact:\n{}- include_tasks: inner.yml\n  vars:\n{}",
            yaml("set_fact", "    "),
            yaml("include params", "    "),
        ),
    );
    let shown: String = (0..variables.len())
        .map(|number| format!("            v{number}={{{{ v{number} | default('none') }}}}\n"))
        .collect();
    write(
        "roles/r/tasks/inner.yml",
        format!(
            "- vars:\n{}  block:\n    - vars:\n{}      copy:\n        dest: \"{{{{ playbook_dir }}}}/result\"\n        content: |\n{shown}",
            yaml("block vars", "    "),
            yaml("task vars", "        "),
        ),
    );
    write(
        "site.yml",
        format!(
            "- hosts: h\n  gather_facts: false\n  vars:\n{}  vars_files: [files.yml]\n  roles:\n    - role: r\n{}",
            yaml("play vars", "    "),
            lines("role params", "      ", ": "),
        ),
    );
}

/// What each variable is at the task.
fn result(variables: &[u32]) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), variables);
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .current_dir(&dir)
        .args(["playbook", "-i", "inventory", "site.yml", "-e", "@extra.yml"])
        .env("HOME", dir.path())
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = std::fs::read_to_string(dir.path().join("result"));
    found
        .map(|found| found.lines().map(str::to_owned).collect())
        .map_err(|error| format!("{error}\n{}{}", text(&output.stdout), text(&output.stderr)))
}

fn expected(variables: &[u32]) -> Vec<String> {
    let strongest = |places: u32| match places.checked_ilog2() {
        Some(place) => format!("at{place}"),
        None => "none".to_owned(),
    };
    variables.iter().enumerate().map(|(number, places)| format!("v{number}={}", strongest(*places))).collect()
}

#[test]
fn each_place_wins_over_all_weaker_ones() {
    // Variable n is set at every place up to the n-th.
    let variables: Vec<u32> = (0..=PLACES.len()).map(|number| (1 << number) - 1).collect();
    assert_eq!(result(&variables).unwrap(), expected(&variables));
    let alone: Vec<u32> = (0..PLACES.len()).map(|place| 1 << place).collect();
    assert_eq!(result(&alone).unwrap(), expected(&alone));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// Each case has up to sixty variables.
    #[test]
    fn the_strongest_place_wins(variables in prop::collection::vec(0_u32..1 << PLACES.len(), 1..60)) {
        prop_assert_eq!(result(&variables).map_err(TestCaseError::fail)?, expected(&variables));
    }
}
