//! Hosts that cannot be used, and what happens to them in the middle of a task: the message to the letter, the exit code, and
//! that nothing is half-written. Each runs the program itself against a real host.
//!
//! What is said stands in the files of the folder `said`. `WINDLASS_TEST_UPDATE=1` writes what is printed now into them: read the
//! difference before you keep it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass_test_hosts::{Host, Sudo, require_hosts};

/// A host, and a project with an inventory and a playbook for it.
struct Lab {
    host: Host,
    dir: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
}

impl Lab {
    fn new(host: Host) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { host, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn known_hosts(&self) -> String {
        self.host.known_hosts_path().display().to_string()
    }

    /// Runs a playbook of these tasks as a user; `vars` go to the inventory, and a `known_hosts` of one's own.
    fn run_as(&self, user: &str, vars: &str, known_hosts: &str, play: &str) -> Run {
        let line = format!(
            "h1 ansible_host={} ansible_user={user} ansible_ssh_private_key_file={} \
             ansible_ssh_common_args='-F none -o UserKnownHostsFile={known_hosts} -o IdentityAgent=none' {vars}\n",
            self.host.ip(),
            self.host.ssh_key_path().display(),
        );
        std::fs::write(self.path("hosts"), line).unwrap();
        std::fs::write(self.path("site.yml"), play).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(["playbook", "-i", "hosts", "site.yml"])
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(stderr, "", "nothing belongs on stderr");
        Run { code: output.status.code().unwrap_or(-1), stdout: self.plain(&output.stdout) }
    }

    fn run(&self, play: &str) -> Run {
        self.run_as("root", "", &self.known_hosts(), play)
    }

    /// What was printed, without what differs from run to run.
    fn plain(&self, text: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(text)
            .replace(&self.dir.path().display().to_string(), "$DIR")
            .replace(&self.known_hosts(), "$KNOWN_HOSTS")
            .replace(&self.host.ip().to_string(), "$IP")
            .replace(self.host.name(), "$HOST");
        for (pattern, with) in
            [(r"SHA256:[A-Za-z0-9+/]+", "SHA256:$$KEY"), (r"windlass-\d+", "windlass-$$UID")]
        {
            text = fancy_regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
        }
        text
    }
}

impl Run {
    /// From the first error to the recap, and the exit code, compared to the letter with the file of that name in `said`.
    #[track_caller]
    fn says(&self, name: &str) {
        let from = self.stdout.find("[ERROR]").unwrap_or_default();
        let to = self.stdout.find("\nPLAY RECAP").unwrap_or(self.stdout.len());
        let said = format!("exit {}\n{}\n", self.code, self.stdout[from..to].trim_end());
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_hosts/said").join(format!("{name}.txt"));
        if std::env::var_os("WINDLASS_TEST_UPDATE").is_some() {
            std::fs::write(path, said).unwrap();
            return;
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        let diff = similar::TextDiff::from_lines(&expected, &said);
        assert!(said == expected, "{name}\n{}", diff.unified_diff().header("expected", "printed"));
    }
}

fn keygen(folder: &Path) -> String {
    let path = folder.join("other");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    std::fs::read_to_string(folder.join("other.pub")).unwrap()
}

/// Files of ours on the host besides the cached agent, and processes; waits for those that are on their way out.
fn nothing_is_left(host: &Host) {
    let left = || {
        host.sh(
            "ls -d /root/.cache/windlass/run-* /home/*/.cache/windlass/run-* /tmp/windlass-run-* /var/tmp/windlass-run-* \
             /dev/shm/windlass-run-* 2>/dev/null || true; find /root /home /srv -name '.windlass*'; \
             pgrep -af '[a]gent-[0-9a-f]' || true",
        )
        .unwrap()
    };
    let start = Instant::now();
    while !left().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(15), "left behind:\n{}", left());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// One task that would write a file.
const TOUCH: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.copy: {content: new, dest: /srv/touched}
    - name: Never reached
      ansible.builtin.command: touch /srv/second
";

#[test]
fn host_keys_and_logins() {
    if !require_hosts() {
        return;
    }
    let lab = Lab::new(Host::builder().user("ops", Sudo::None).boot().unwrap());
    let before = lab.host.snapshot_tree(&["/srv", "/root", "/home"]).unwrap();
    let file = lab.path("known");
    let own = file.display().to_string();

    // Refused: nothing is known of the key, and nothing is learned of it.
    lab.run_as("root", "", &own, TOUCH).says("unknown_key");
    assert!(!file.exists());

    // Changed.
    let other = keygen(lab.dir.path());
    let text = format!("# mine\n{} {other}", lab.host.ip());
    std::fs::write(&file, &text).unwrap();
    lab.run_as("root", "", &own, TOUCH).says("changed_key");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    // Revoked.
    let key = std::fs::read_to_string(lab.host.known_hosts_path()).unwrap();
    let key = key.lines().find(|l| l.contains("ssh-ed25519")).unwrap().split_once(' ').unwrap().1.to_owned();
    std::fs::write(&file, format!("@revoked * {key}\n")).unwrap();
    lab.run_as("root", "", &own, TOUCH).says("revoked_key");

    // A user that is not there.
    lab.run_as("ghost", "", &lab.known_hosts(), TOUCH).says("no_such_login");

    // No server on the port.
    lab.run_as("root", "ansible_port=9", &lab.known_hosts(), TOUCH).says("no_server");

    let after = lab.host.snapshot_tree(&["/srv", "/root", "/home"]).unwrap();
    assert_eq!(before.differences(&after), Vec::<String>::new());
    nothing_is_left(&lab.host);
}

#[test]
fn becoming_another_user() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder()
        .user("pat", Sudo::Password("pat's password".into()))
        .user("bob", Sudo::None)
        .user("free", Sudo::Passwordless)
        .boot()
        .unwrap();
    let lab = Lab::new(host);
    let before = lab.host.snapshot_tree(&["/srv", "/root"]).unwrap();
    let play = TOUCH.replace("  tasks:", "  become: true\n  tasks:");
    let as_user = |user: &str, vars: &str| lab.run_as(user, vars, &lab.known_hosts(), &play);

    as_user("pat", "ansible_become_password=wr0ng").says("wrong_password");
    as_user("pat", "").says("no_password");
    lab.host.sh("echo 'bob:bobpw' | chpasswd").unwrap();
    as_user("bob", "ansible_become_password=bobpw").says("no_sudoer");
    as_user("free", "ansible_become_user=ghost").says("no_such_user");
    as_user("free", "ansible_become_exe=/opt/sudo").says("no_sudo");

    let after = lab.host.snapshot_tree(&["/srv", "/root"]).unwrap();
    assert_eq!(before.differences(&after), Vec::<String>::new());
    nothing_is_left(&lab.host);
}

#[test]
fn full_disks() {
    if !require_hosts() {
        return;
    }
    let lab = Lab::new(Host::builder().user("ops", Sudo::None).boot().unwrap());
    lab.host
        .sh("mkdir /srv/full && mount -t tmpfs -o size=64k,mode=755 none /srv/full && cd /srv/full \
             && echo old > config && echo one > first && ln first second && mkdir tree && echo old > tree/a \
             && { dd if=/dev/zero of=filler bs=4k 2>/dev/null || true; }")
        .unwrap();
    std::fs::write(lab.path("large"), vec![b'x'; 300_000]).unwrap();
    std::fs::write(lab.path("large.j2"), "{{ 'x' * 300000 }}\n").unwrap();
    std::fs::create_dir_all(lab.path("tree/sub")).unwrap();
    std::fs::write(lab.path("tree/a"), vec![b'y'; 100_000]).unwrap();
    std::fs::write(lab.path("tree/sub/b"), vec![b'z'; 100_000]).unwrap();
    let before = lab.host.snapshot_tree(&["/srv"]).unwrap();

    let task = |text: &str| {
        format!("- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Fill it\n      {text}\n")
    };
    let unchanged = || {
        let after = lab.host.snapshot_tree(&["/srv"]).unwrap();
        assert_eq!(before.differences(&after), Vec::<String>::new());
    };
    for (call, said) in [
        ("ansible.builtin.copy: {src: large, dest: /srv/full/config}", "full_copy"),
        ("ansible.builtin.copy: {src: large, dest: /srv/full/new}", "full_copy_new"),
        ("ansible.builtin.template: {src: large.j2, dest: /srv/full/config}", "full_template"),
        (
            "ansible.builtin.lineinfile: {path: /srv/full/config, line: \"{{ 'x' * 100000 }}\"}",
            "full_lineinfile",
        ),
        // One of two names of a file, which is written in place.
        ("ansible.builtin.copy: {src: large, dest: /srv/full/first}", "full_hard_link"),
        ("ansible.builtin.copy: {src: tree/, dest: /srv/full/tree/}", "full_tree"),
    ] {
        lab.run(&task(call)).says(said);
        unchanged();
    }
    nothing_is_left(&lab.host);

    // No room for the agent itself.
    lab.host
        .sh("rm -rf /home/ops/.cache; mkdir /home/ops/.cache; \
             for d in /home/ops/.cache /var/tmp /tmp /dev/shm; do \
             mount -t tmpfs -o size=64k,mode=1777 none $d; done; \
             for d in /run/user/[0-9]*; do test ! -d $d || mount -t tmpfs -o size=64k,mode=1777 none $d; done; true")
        .unwrap();
    lab.run_as("ops", "", &lab.known_hosts(), TOUCH).says("full_everywhere");
    unchanged();
    nothing_is_left(&lab.host);
}

#[test]
fn agents_and_connections_that_end_in_the_middle() {
    if !require_hosts() {
        return;
    }
    let lab = Lab::new(Host::builder().boot().unwrap());
    lab.host.sh("echo old > /srv/config; printf 'one\\ntwo\\n' > /srv/lines").unwrap();
    let before = lab.host.snapshot_tree(&["/srv"]).unwrap();
    let unchanged = || {
        let after = lab.host.snapshot_tree(&["/srv"]).unwrap();
        assert_eq!(before.differences(&after), Vec::<String>::new());
    };

    // A command is a child of its agent.
    let play = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: Kill the agent
      ansible.builtin.shell: kill -9 $PPID; sleep 60
    - name: Never reached
      ansible.builtin.command: touch /srv/second
";
    lab.run(play).says("killed_agent");
    unchanged();
    nothing_is_left(&lab.host);

    // Killed between the temporary file and the rename.
    for module in [
        "copy: {content: new, dest: /srv/config, validate: \"sh -c 'kill -9 $PPID' %s\"}",
        "template: {src: t.j2, dest: /srv/config, validate: \"sh -c 'kill -9 $PPID' %s\"}",
        "lineinfile: {path: /srv/lines, line: three, validate: \"sh -c 'kill -9 $PPID' %s\"}",
    ] {
        std::fs::write(lab.path("t.j2"), "new\n").unwrap();
        let play = format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Die\n      ansible.builtin.{module}\n"
        );
        lab.run(&play).says(&format!("killed_in_{}", module.split_once(':').unwrap().0));
        unchanged();
    }

    // A rescue goes on with a new agent.
    let play = "\
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - name: Kill the agent
          ansible.builtin.copy: {content: new, dest: /srv/config, validate: \"sh -c 'kill -9 $PPID' %s\"}
      rescue:
        - name: Go on
          ansible.builtin.command: cat /srv/config
          register: found
        - ansible.builtin.assert: {that: found.stdout == 'old'}
";
    let run = lab.run(play);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains("rescued=1"), "{}", run.stdout);
    unchanged();
    nothing_is_left(&lab.host);

    // The connection goes.
    let play = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: Cut the wire
      ansible.builtin.shell: pkill -9 sshd-session || pkill -9 -f sshd.*root; sleep 60
    - name: Never reached
      ansible.builtin.command: touch /srv/second
";
    lab.run(play).says("lost_connection");
    unchanged();
    nothing_is_left(&lab.host);
}
