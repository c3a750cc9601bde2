//! The work: 102 tasks (facts, a directory, then twenty each of directory, template, lineinfile, command, and
//! stat with register), as a playbook, as a shell script, and as a pyinfra deploy.

use crate::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// Where all of it happens on the host.
pub const TREE: &str = "/srv/bench";

const EACH: usize = 20;

/// What a template becomes on host `bench`, number `n`.
const TEMPLATE: &str = "# {{ marker }}
[service]
host = {{ inventory_hostname }}
name = item-{{ number }}
workers = {{ (number | int) * 2 }}
{% for feature in features %}
feature_{{ loop.index }} = {{ feature | upper }}
{% endfor %}
debug = {{ 'yes' if debug_items else 'no' }}
";

/// Writes all variants into a folder.
pub fn write(folder: &Path) -> Result<(), Error> {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(Error::io(path))
    };
    put("item.conf.j2", TEMPLATE)?;
    put("site.yml", &playbook())?;
    put("script.sh", &script())?;
    put("deploy.py", &pyinfra())
}

fn playbook() -> String {
    let mut text = format!(
        "- hosts: all
  gather_facts: true
  vars:
    marker: managed
    features: [alpha, beta, gamma]
    debug_items: false
  tasks:
    - name: The directory
      ansible.builtin.file:
        path: {TREE}
        state: directory
        mode: '0755'
"
    );
    for n in 1..=EACH {
        let _ = write!(
            text,
            "    - name: Directory {n}
      ansible.builtin.file:
        path: {TREE}/d{n}
        state: directory
        mode: '0750'
"
        );
    }
    for n in 1..=EACH {
        let _ = write!(
            text,
            "    - name: Template {n}
      ansible.builtin.template:
        src: item.conf.j2
        dest: {TREE}/d{n}/item.conf
        mode: '0640'
      vars:
        number: {n}
"
        );
    }
    for n in 1..=EACH {
        let _ = write!(
            text,
            "    - name: Line {n}
      ansible.builtin.lineinfile:
        path: {TREE}/settings.conf
        regexp: '^setting_{n}='
        line: setting_{n}=on
        create: true
        mode: '0644'
"
        );
    }
    for n in 1..=EACH {
        let _ = write!(
            text,
            "    - name: Command {n}
      ansible.builtin.command: test -d {TREE}/d{n}
      changed_when: false
"
        );
    }
    for n in 1..=EACH {
        let _ = write!(
            text,
            "    - name: Stat {n}
      ansible.builtin.stat:
        path: {TREE}/d{n}/item.conf
      register: stat_{n}
"
        );
    }
    text
}

/// What somebody would write by hand: it looks before it changes anything, and tells what it saw.
fn script() -> String {
    let mut text = format!(
        r#"set -eu
# facts
uname -a; hostname; cat /etc/os-release /proc/meminfo /proc/cpuinfo /proc/mounts; ip -o addr; ip route; df -P; env
directory() {{
    [ -d "$1" ] || {{ mkdir "$1"; echo "made $1"; }}
    [ "$(stat -c %a "$1")" = "$2" ] || chmod "$2" "$1"
}}
template() {{
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ] && return
    (umask 027; printf '%s\n' "$2" >"$1.new")
    mv "$1.new" "$1"
    echo "wrote $1"
}}
line() {{
    [ -f "$1" ] || : >"$1"
    grep -qx "$2=$3" "$1" && return
    if grep -q "^$2=" "$1"; then sed -i "s/^$2=.*/$2=$3/" "$1"; else echo "$2=$3" >>"$1"; fi
}}
umask 022
directory {TREE} 755
"#
    );
    for n in 1..=EACH {
        let _ = writeln!(text, "directory {TREE}/d{n} 750");
    }
    for n in 1..=EACH {
        let (name, workers) = (format!("{TREE}/d{n}/item.conf"), n * 2);
        let _ = write!(
            text,
            "template {name} '# managed
[service]
host = bench
name = item-{n}
workers = {workers}
feature_1 = ALPHA
feature_2 = BETA
feature_3 = GAMMA
debug = no'
"
        );
    }
    for n in 1..=EACH {
        let _ = writeln!(text, "line {TREE}/settings.conf setting_{n} on");
    }
    for n in 1..=EACH {
        let _ = writeln!(text, "/usr/bin/test -d {TREE}/d{n}");
    }
    for n in 1..=EACH {
        let _ = writeln!(text, "stat {TREE}/d{n}/item.conf");
    }
    text
}

fn pyinfra() -> String {
    format!(
        r#"from pyinfra import host
from pyinfra.facts import files as file_facts, hardware, server as server_facts
from pyinfra.operations import files, server

for fact in (server_facts.Kernel, server_facts.Hostname, server_facts.LinuxDistribution, server_facts.Mounts,
             hardware.Memory, hardware.Cpus, hardware.NetworkDevices):
    host.get_fact(fact)

files.directory(name="The directory", path="{TREE}", mode="755")
for n in range(1, {EACH} + 1):
    files.directory(name=f"Directory {{n}}", path=f"{TREE}/d{{n}}", mode="750")
for n in range(1, {EACH} + 1):
    files.template(name=f"Template {{n}}", src="item.conf.j2", dest=f"{TREE}/d{{n}}/item.conf", mode="640",
                   marker="managed", inventory_hostname="bench", number=n,
                   features=["alpha", "beta", "gamma"], debug_items=False,
                   jinja_env_kwargs={{"trim_blocks": True}})
for n in range(1, {EACH} + 1):
    files.line(name=f"Line {{n}}", path="{TREE}/settings.conf", line=f"setting_{{n}}=on")
for n in range(1, {EACH} + 1):
    server.shell(name=f"Command {{n}}", commands=[f"test -d {TREE}/d{{n}}"])
for n in range(1, {EACH} + 1):
    host.get_fact(file_facts.File, path=f"{TREE}/d{{n}}/item.conf")
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_102_tasks() {
        // Gathering facts is one of them.
        assert_eq!(playbook().matches("    - name: ").count() + 1, 102);
    }
}
