//! Playbooks on this machine, where ansible-core cannot be held beside it: it does otherwise, or says it elsewhere.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What the tasks are below, in three lines.
const PLAY: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n";

/// Runs the tasks of a play on this machine: exit code and what was printed, stderr behind stdout.
fn run(dir: &Path, tasks: &str) -> (i32, String) {
    run_on(dir, "localhost,", tasks)
}

/// As [`run`], with an inventory, all of whose hosts are this machine.
fn run_on(dir: &Path, hosts: &str, tasks: &str) -> (i32, String) {
    std::fs::write(dir.join("play.yml"), format!("{PLAY}{tasks}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .current_dir(dir)
        .args(["playbook", "-i", hosts, "-c", "local", "--forks", "6", "play.yml"])
        .env_remove("ANSIBLE_CONFIG")
        .env("ANSIBLE_NOCOLOR", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text.into_owned())
}

/// Names of hosts as `-i` takes them.
fn hosts(count: usize) -> String {
    (0..count).map(|n| format!("host{n},")).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// ansible-core puts facts that a task has just found into `ansible_facts.ansible_facts` until the task is done.
#[test]
fn conditions_on_a_result_see_its_facts() {
    let dir = folder();
    let (code, said) = run(
        dir.path(),
        "    - set_fact: {ansible_kept: 1, cacheable: true}
    - getent: {database: group, key: root}
      until: ansible_facts.getent_group.root is defined
      retries: 1
      delay: 0
      changed_when: ansible_facts.getent_group.root is defined
      failed_when: ansible_facts.ansible_kept is not defined
    - getent: {database: passwd, key: '{{ item }}'}
      loop: [root, daemon]
      when: item == 'root' or ansible_facts.getent_passwd.root is defined
      changed_when: \"'getent_passwd' in ansible_facts\"
",
    );
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("changed=2"), "{said}");
    assert!(!said.contains("skipping") && said.contains("(item=daemon)"), "{said}");
}

#[test]
fn warnings_of_items_are_told_unless_no_log_hides_them() {
    let tasks = |more: &str| {
        format!(
            "    - lineinfile: {{path: '{{{{ playbook_dir }}}}/lines', regexp: '', line: x, create: true}}
{more}
"
        )
    };
    let dir = folder();
    let warning = "[WARNING]: The regular expression is an empty string";
    let plain = run(dir.path(), &tasks("")).1;
    assert!(plain.contains(warning), "{plain}");
    let looped = run(dir.path(), &tasks("      loop: [1, 2]")).1;
    assert_eq!(looped.matches(warning).count(), 1, "{looped}");
    for hidden in ["      no_log: true", "      no_log: true\n      loop: [1, 2]"] {
        let said = run(dir.path(), &tasks(hidden)).1;
        assert!(!said.contains("WARNING"), "{said}");
    }
}

#[test]
fn any_errors_fatal_that_cannot_be_rendered_stops_the_run() {
    let dir = folder();
    let (code, said) = run(
        dir.path(),
        "    - fail: {msg: first}
      any_errors_fatal: \"{{ nope }}\"
",
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Error processing keyword 'any_errors_fatal': 'nope' is undefined"), "{said}");
    assert!(said.contains("play.yml:5:"), "{said}");
}

#[test]
fn no_name_of_a_variable_is_a_command() {
    let dir = folder();
    let (code, said) = run(
        dir.path(),
        "    - raw: echo $GOOD_1
      environment: {GOOD_1: it is}
      register: good
    - debug: {msg: \"{{ good.stdout }}\"}
    - raw: echo never
      environment: {'A=1 touch made; B': x}
",
    );
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("it is"), "{said}");
    assert!(said.contains("'A=1 touch made; B' cannot be the name of a variable in a shell"), "{said}");
    assert!(!dir.path().join("made").exists());
}

/// Each host waits for all others: who runs them one after the other never gets past the first.
#[test]
fn hosts_on_this_machine_work_at_the_same_time() {
    let dir = folder();
    let (code, said) = run_on(
        dir.path(),
        &hosts(6),
        "    - file: {path: '{{ playbook_dir }}/shared/{{ item }}', state: directory}
      loop: [mine, met]
    - shell: |
        touch shared/met/{{ inventory_hostname }}
        for n in $(seq 100); do [ $(ls shared/met | wc -l) = 6 ] && exit; sleep 0.1; done; exit 1
      args: {chdir: '{{ playbook_dir }}'}
    - shell: |
        touch shared/mine/{{ inventory_hostname }}
        for n in $(seq 100); do [ $(ls shared/mine | wc -l) = 6 ] && exit; sleep 0.1; done; exit 1
      args: {chdir: '{{ playbook_dir }}'}
      delegate_to: localhost
    - lineinfile: {path: '{{ playbook_dir }}/lines', line: '{{ inventory_hostname }} {{ item }}', create: true}
      loop: [1, 2, 3]
    - copy: {dest: '{{ playbook_dir }}/one', content: the same}
      register: copied
    - shell: echo {{ inventory_hostname }} {{ item }} >>'{{ playbook_dir }}/order'
      loop: [1, 2, 3, 4, 5]
    - debug: msg=\"changed {{ ansible_play_hosts | map('extract', hostvars) | selectattr('copied.changed') | length }}\"
      run_once: true
",
    );
    assert_eq!(code, 0, "{said}");
    let lines = |name: &str| {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // Nobody's line is lost where all change one file, and who comes second finds what the first one did.
    let mut found = lines("lines");
    found.sort_unstable();
    let expected: Vec<String> = (0..6).flat_map(|n| (1..4).map(move |i| format!("host{n} {i}"))).collect();
    assert_eq!(found, expected, "{said}");
    assert!(said.contains("changed 1"), "{said}");
    // The items of a host stay in their order.
    let order = lines("order");
    for host in 0..6 {
        let start = format!("host{host} ");
        let items: Vec<&str> = order.iter().filter_map(|line| line.strip_prefix(&start)).collect();
        assert_eq!(items, ["1", "2", "3", "4", "5"]);
    }
}

/// A build for tests on a busy machine takes many times what a release takes; what grows faster than the work takes more.
#[test]
fn what_many_tasks_and_hosts_cost() {
    let dir = folder();
    let mut tasks = String::new();
    for n in 0..20 {
        let before = if n == 0 { "0".to_owned() } else { format!("sum{}", n - 1) };
        let _ = writeln!(tasks, "    - set_fact: {{sum{n}: \"{{{{ {before} | int + 1 }}}}\"}}");
        let _ =
            writeln!(tasks, "    - debug: {{msg: \"{{{{ inventory_hostname }}}} has {{{{ sum{n} }}}}\"}}");
    }
    let start = Instant::now();
    let (code, said) = run_on(dir.path(), &hosts(100), &tasks);
    let time = start.elapsed();
    eprintln!("100 hosts, 40 tasks: {time:?}");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("host99 has 20") && said.matches("ok=40").count() == 100, "{said}");
    assert!(time < Duration::from_secs(30), "{time:?}");

    let role = dir.path().join("roles/many/tasks");
    std::fs::create_dir_all(&role).unwrap();
    let mut main = String::new();
    for file in 0..40 {
        let _ = writeln!(main, "- import_tasks: part{file}.yml");
        let task = |n: usize| {
            format!(
                "- name: Task {n} of {file}\n  copy:\n    dest: \"/srv/{{{{ app | default('app') }}}}/{n}\"\n    \
                 content: \"{{{{ text }}}}\"\n    mode: \"0644\"\n  when: wanted | default(true) | bool\n  tags: [one, two]\n"
            )
        };
        std::fs::write(role.join(format!("part{file}.yml")), (0..50).map(task).collect::<String>()).unwrap();
    }
    std::fs::write(role.join("main.yml"), main).unwrap();
    std::fs::write(dir.path().join("site.yml"), "- hosts: all\n  roles: [many]\n").unwrap();
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .current_dir(dir.path())
        .args(["playbook", "-i", "localhost,", "--list-tasks", "site.yml"])
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    let time = start.elapsed();
    eprintln!("2,000 tasks: {time:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("TAGS: [one, two]").count(), 2000, "{said}");
    assert!(time < Duration::from_secs(20), "{time:?}");
}
