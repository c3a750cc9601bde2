//! A tree of roles with 2,000 tasks, checked and listed.

use crate::contest::{Case, Contest, Program};
use crate::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const ROLES: usize = 40;
const FILES: usize = 5;
/// Ten of them to a file; what imports the files is no task.
const TASKS: usize = 2000;

/// What stands over the table.
pub const HEADING: &str = "A tree of 40 roles with 2,000 tasks, parsed";

/// Measures what reads playbooks.
pub fn measure(programs: &[Program], runs: usize) -> Result<Contest, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    write(work.path())?;
    let case = |option: &'static str, expects: &[&str]| Case {
        column: option,
        args: ["-i", "hosts", option, "site.yml"].map(Into::into).into(),
        expects: expects.iter().map(|&text| text.to_owned()).collect(),
    };
    let last = format!("role{} : Command {}", ROLES - 1, TASKS - 1);
    let cases = [case("--syntax-check", &["playbook: site.yml"]), case("--list-tasks", &[&last])];
    let intro = "Each role has defaults, variables, handlers, metadata and five imported files of ten tasks each, with conditions, \
                 loops, blocks, tags and templates. The time is that of the whole program. \
                 ansible-core-rs has neither option. Wall time in seconds (medians, number of \
                 runs in parentheses), and the most memory.";
    let mut contest = Contest::hold(HEADING, intro.to_owned(), programs, &cases, work.path(), runs)?;
    contest.within("parsed in less than 100 ms", Duration::from_millis(100), None);
    Ok(contest)
}

fn write(folder: &Path) -> Result<(), Error> {
    let put = |name: String, text: String| {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        std::fs::write(&path, text).map_err(Error::io(path))
    };
    put("hosts".to_owned(), "[web]\nweb[0:9]\n[db]\ndb[0:4]\n".to_owned())?;
    let mut site = String::from("- name: Everything\n  hosts: all\n  become: true\n  roles:\n");
    for role in 0..ROLES {
        let _ = writeln!(site, "    - role: role{role}\n      tags: [role{role}]");
        let base = format!("roles/role{role}");
        put(format!("{base}/meta/main.yml"), "dependencies: []\n".to_owned())?;
        put(format!("{base}/defaults/main.yml"), defaults(role))?;
        put(format!("{base}/vars/main.yml"), format!("role{role}_folder: /srv/role{role}\n"))?;
        put(format!("{base}/handlers/main.yml"), handlers(role))?;
        put(format!("{base}/templates/app.conf.j2"), "port = {{ port | default(80) }}\n".to_owned())?;
        put(format!("{base}/files/motd"), format!("role {role}\n"))?;
        let mut main = String::new();
        for file in 0..FILES {
            let _ = writeln!(main, "- name: Part {file}\n  ansible.builtin.import_tasks: part{file}.yml");
            put(format!("{base}/tasks/part{file}.yml"), tasks(role, (role * FILES + file) * 10))?;
        }
        put(format!("{base}/tasks/main.yml"), main)?;
    }
    put("site.yml".to_owned(), site)
}

fn defaults(role: usize) -> String {
    format!(
        "role{role}_enabled: true\nrole{role}_port: {}\nrole{role}_packages: [curl, git, \"role{role}\"]\n\
         role{role}_users:\n  - name: app{role}\n    shell: /bin/sh\n  - name: backup{role}\n    shell: /usr/sbin/nologin\n",
        8000 + role
    )
}

fn handlers(role: usize) -> String {
    format!(
        "- name: Restart role{role}\n  ansible.builtin.service:\n    name: role{role}\n    state: restarted\n\
         - name: Reload role{role}\n  ansible.builtin.command: systemctl reload role{role}\n"
    )
}

/// Ten tasks, the last two of them in a block.
fn tasks(role: usize, from: usize) -> String {
    let r = format!("role{role}");
    let n = |at: usize| from + at;
    let mut out = String::new();
    let mut add = |text: String| out.push_str(&text);
    add(format!(
        "- name: Packages {}\n  ansible.builtin.apt:\n    name: \"{{{{ {r}_packages }}}}\"\n    state: present\n    update_cache: true\n  \
         when: {r}_enabled | bool\n  tags: [packages]\n",
        n(0)
    ));
    add(format!(
        "- name: Folder {}\n  ansible.builtin.file:\n    path: \"{{{{ {r}_folder }}}}/conf{from}\"\n    state: directory\n    \
         owner: root\n    mode: \"0755\"\n",
        n(1)
    ));
    add(format!(
        "- name: Configuration {}\n  ansible.builtin.template:\n    src: app.conf.j2\n    dest: \"{{{{ {r}_folder }}}}/conf{from}/app.conf\"\n    \
         mode: \"0644\"\n  vars:\n    port: \"{{{{ {r}_port }}}}\"\n  notify: Restart {r}\n",
        n(2)
    ));
    add(format!(
        "- name: Users {}\n  ansible.builtin.user:\n    name: \"{{{{ item.name }}}}\"\n    shell: \"{{{{ item.shell | default('/bin/sh') }}}}\"\n  \
         loop: \"{{{{ {r}_users }}}}\"\n  loop_control:\n    label: \"{{{{ item.name }}}}\"\n",
        n(3)
    ));
    add(format!(
        "- name: Message {}\n  ansible.builtin.copy:\n    src: motd\n    dest: /etc/motd.d/{r}-{from}\n    mode: \"0644\"\n",
        n(4)
    ));
    add(format!(
        "- name: Line {}\n  ansible.builtin.lineinfile:\n    path: /etc/environment\n    regexp: '^ROLE{from}='\n    \
         line: \"ROLE{from}={{{{ inventory_hostname | upper }}}}\"\n  notify:\n    - Restart {r}\n    - Reload {r}\n",
        n(5)
    ));
    add(format!(
        "- name: Look {}\n  ansible.builtin.stat:\n    path: /var/lib/{r}\n  register: {r}_found\n  check_mode: false\n",
        n(6)
    ));
    add(format!(
        "- name: Fact {}\n  ansible.builtin.set_fact:\n    {r}_ready: \"{{{{ {r}_found.stat.exists | default(false) }}}}\"\n",
        n(7)
    ));
    add(format!(
        "- name: Both {from}\n  when:\n    - {r}_enabled | bool\n    - inventory_hostname in groups['web']\n  block:\n    \
         - name: Say {}\n      ansible.builtin.debug:\n        msg: \"{r} is {{{{ 'ready' if {r}_ready else 'not ready' }}}}\"\n    \
         - name: Command {}\n      ansible.builtin.command:\n        cmd: /usr/bin/true --role {r}\n        creates: /var/lib/{r}/done\n      \
         changed_when: false\n      tags: [commands]\n",
        n(8),
        n(9)
    ));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_tree_has_as_many_tasks_as_the_heading_says() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let mut modules = 0;
        for role in 0..ROLES {
            for file in 0..FILES {
                let path = folder.path().join(format!("roles/role{role}/tasks/part{file}.yml"));
                modules += std::fs::read_to_string(path).unwrap().matches("ansible.builtin.").count();
            }
        }
        assert_eq!(modules, TASKS);
    }
}
