//! Environment files of both roles are written by one rule, and a shell reads back what was meant.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Variables of an environment file, in YAML, each with what the application finds.
const VALUES: [(&str, &str, &str); 18] = [
    ("YES_", "yes", "true"),
    ("OFF_", "false", "false"),
    ("WORD", "'True'", "True"),
    ("NOTHING", "null", ""),
    ("EMPTY", "''", ""),
    ("NUMBER", "42", "42"),
    ("OCTAL", "010", "8"),
    ("QUOTED", "'010'", "010"),
    ("BELOW", "-1.5", "-1.5"),
    ("DAY", "2026-01-02", "2026-01-02"),
    ("BLANKS", "' a  b '", " a  b "),
    ("TAB", "\"a\\tb\"", "a\tb"),
    ("SHELL", "'$HOME ${HOME} `id` $(id) !x'", "$HOME ${HOME} `id` $(id) !x"),
    ("BACKSLASHES", "'\\ \\\\ \\n \"x\" end\\'", "\\ \\\\ \\n \"x\" end\\"),
    ("QUOTE", "it's", "it's"),
    ("MARKS", "'#~;*?[]{}()<>|&'", "#~;*?[]{}()<>|&"),
    ("LETTERS", "Grüße", "Grüße"),
    ("ADDRESS", "'postgres://u:p%20@h:5/x?a=b&c'", "postgres://u:p%20@h:5/x?a=b&c"),
];

#[test]
fn values_are_written_by_one_rule() {
    let folder = tempfile::tempdir().unwrap();
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("roles");
    let samples: String = VALUES.iter().map(|(name, yaml, _)| format!("      {name}: {yaml}\n")).collect();
    let play = format!(
        "- hosts: localhost\n  gather_facts: false\n  vars:\n    samples:\n{samples}    __app_environment: {{}}\n    \
         app_env_vars: '{{{{ samples }}}}'\n    __pote_environment: '{{{{ samples }}}}'\n  tasks:\n    \
         - ansible.builtin.template:\n        src: '{}/{{{{ item }}}}/templates/env.j2'\n        dest: '{}/{{{{ item }}}}'\n      \
         loop: [app_setup, pote]\n",
        roles.display(),
        folder.path().display()
    );
    std::fs::write(folder.path().join("play.yml"), play).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["playbook", "-i", "localhost,", "-c", "local", "play.yml"])
        .current_dir(folder.path())
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let mut written = Vec::new();
    for role in ["app_setup", "pote"] {
        let file = folder.path().join(role);
        let text = std::fs::read_to_string(&file).unwrap();
        written.push(text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>());
        let read = Command::new("env")
            .args(["-i", "/bin/sh", "-c", "set -a; . \"$1\"; exec env -0", "sh"])
            .arg(&file)
            .output()
            .unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        let read: BTreeMap<&str, &str> = read.split('\0').filter_map(|line| line.split_once('=')).collect();
        for (name, yaml, expected) in VALUES {
            assert_eq!(read.get(name), Some(&expected), "{role}: {name}: {yaml}\n{text}");
        }
    }
    assert_eq!(written[0], written[1]);
}
