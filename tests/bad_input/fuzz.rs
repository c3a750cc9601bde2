//! Mutated playbooks and inventories: whatever comes in, windlass does not panic, ends with a known exit code and leaves
//! everything as it was.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::Path;
use std::process::Command;

const PLAYBOOK: &str = r#"- name: Web
  hosts: web:&prod
  gather_facts: false
  serial: [1, 50%]
  vars:
    port: 80
    url: "http://{{ host | default('x') }}:{{ port }}/"
  roles:
    - role: app
      tags: [app]
  tasks:
    - name: Group
      block:
        - name: Say {{ url }}
          ansible.builtin.debug: {msg: "{{ url | upper }}"}
          loop: "{{ range(3) | list }}"
          loop_control: {label: "{{ item }}"}
          when: port | int > 1 and x is not defined
      rescue:
        - ansible.builtin.fail: msg="no {{ port }}"
      always:
        - meta: flush_handlers
    - ansible.builtin.set_fact:
        y: !unsafe "{{ z }}"
      register: out
      until: out is success
      retries: 1
      delay: 0
    - include_tasks: more.yml
      vars: {a: [1, 2.5, ~, yes, 0o17, 2020-01-01]}
  handlers:
    - name: Restart
      listen: web
      ansible.builtin.debug: var=url
"#;

const TASKS: &str = r#"- name: Included
  ansible.builtin.assert:
    that: ["a | length == 6", "'b' in 'abc'"]
  notify: web
"#;

const INVENTORY: &str = r#"h0
[web]
h1 ansible_connection=local a="b c" n=5 l=[1,2]
h[2:3] ansible_port=2222 # comment
[prod:children]
web
[prod:vars]
x={"a": 1}
"#;

const YAML_INVENTORY: &str = r#"all:
  vars: {x: "{{ y }}"}
  children:
    web:
      hosts:
        h1: {ansible_connection: local}
        h[2:3]:
    prod: {children: {web: }}
"#;

/// Pieces that mean something to somebody on the way.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    ":",
    ": ",
    "- ",
    "-",
    "\n",
    "\n  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "&",
    "*",
    "!",
    "!vault |",
    "|",
    ">",
    "%",
    "@",
    "#",
    " #",
    ",",
    "~",
    "=",
    "\0",
    "\u{feff}",
    "ä",
    "\u{1F600}",
    "\r\n",
    "---",
    "...",
    "<<: *a",
    "&a ",
    "0x",
    "1e999",
    "9999999999999999999",
    "-1",
    "null",
    "loop: 5",
    "when: {a: b}",
    "\\",
    "[0:99999999]",
    "[1:3:0]",
    "$ANSIBLE_VAULT;1.1;AES256\n00",
    "hosts: ~(",
    "{{ a.b[1:2].c() | d(e, f=g) is h }}",
    "block:",
    "roles:",
];

#[derive(Debug, Clone)]
enum Change {
    Insert(usize, usize),
    Cut(usize, usize),
    Double(usize, usize),
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..4096usize;
    prop_oneof![
        3 => (at.clone(), 0..PIECES.len()).prop_map(|(a, p)| Change::Insert(a, p)),
        2 => (at.clone(), 1..40usize).prop_map(|(a, n)| Change::Cut(a, n)),
        1 => (at.clone(), 1..80usize).prop_map(|(a, n)| Change::Double(a, n)),
        1 => (at.clone(), at).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let place = |at: usize| at % (chars.len() + 1);
        match *change {
            Change::Insert(at, piece) => {
                let at = place(at);
                chars.splice(at..at, PIECES[piece].chars());
            }
            Change::Cut(at, n) => {
                let at = place(at);
                let end = (at + n).min(chars.len());
                chars.drain(at..end);
            }
            Change::Double(at, n) => {
                let at = place(at);
                let copy: Vec<char> = chars[at..(at + n).min(chars.len())].to_vec();
                chars.splice(at..at, copy);
            }
            Change::Swap(a, b) if !chars.is_empty() => {
                let (a, b) = (a % chars.len(), b % chars.len());
                chars.swap(a, b);
            }
            Change::Swap(..) => {}
        }
    }
    chars.into_iter().collect()
}

/// Runs windlass in the folder; what it printed if something about it is not in order.
fn complaint(dir: &Path, inventory: &str) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["playbook", "-i", inventory, "site.yml", "--check", "-T", "1"])
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir.join("home"))
        // Names of hosts are not looked up outside.
        .env("RES_OPTIONS", "timeout:1 attempts:1")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let known = matches!(output.status.code(), Some(0 | 1 | 2 | 4 | 5));
    let left: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| !matches!(n.as_str(), "site.yml" | "more.yml" | "hosts" | "hosts.yml" | "roles" | "home"))
        .collect();
    let wrong =
        !known || text.contains("panicked") || text.contains("windlass failed inside") || !left.is_empty();
    wrong.then(|| format!("{:?}, left {left:?}\n{text}", output.status))
}

#[test]
fn mutated_playbooks_and_inventories_never_panic() {
    let changes = || prop::collection::vec(change(), 0..4);
    let strategy = (changes(), changes(), changes(), any::<bool>());
    let cases = std::env::var("WINDLASS_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&strategy, |(book, tasks, hosts, yaml)| {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("site.yml", changed(PLAYBOOK, &book));
        write("more.yml", changed(TASKS, &tasks));
        write("roles/app/tasks/main.yml", changed(TASKS, &tasks).replace("Included", "Role"));
        let (name, text) = if yaml { ("hosts.yml", YAML_INVENTORY) } else { ("hosts", INVENTORY) };
        write(name, changed(text, &hosts));
        std::fs::create_dir(dir.path().join("home")).unwrap();
        let found = complaint(dir.path(), name);
        prop_assert!(found.is_none(), "{}", found.unwrap_or_default());
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
