//! An imagined machine, for tests: a tree in memory, users, groups, a clock, and programs that are closures.
//!
//! ```
//! use windlass_agent::system::fake::{Fake, output};
//! let fake = Fake::new();
//! fake.file("/etc/motd", "hello\n");
//! fake.program("systemctl", |argv, _stdin| output(0, &format!("{}\n", argv.len()), ""));
//! let outcome = fake.run_module("ping", serde_json::json!({"data": "pong"}));
//! assert!(!outcome.changed && !outcome.failed);
//! ```

pub mod case;
mod mutate;
mod observe;
mod task;
mod tree;
mod web;

pub use task::Task;
pub use tree::Node;
pub use web::{Asked, answer};

use super::{Group, RunOutput, User};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::Tree;
use windlass_protocol::RunSpec;

type Program = Arc<dyn Fn(&Fake, &RunSpec) -> RunOutput + Send + Sync>;

/// A program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// What was asked for.
    pub run: RunSpec,
    /// By a plan's step (not by looking).
    pub by_plan: bool,
}

/// An imagined machine. Its methods take `&self`, so that closures of programs can change it too.
#[derive(Default)]
pub struct Fake {
    state: Mutex<State>,
    programs: Mutex<BTreeMap<String, Program>>,
    web: web::Web,
}

pub(super) struct State {
    tree: Tree,
    users: Vec<User>,
    groups: Vec<Group>,
    env: BTreeMap<String, String>,
    uid: u32,
    gid: u32,
    umask: u32,
    hostname: String,
    runs: Vec<Ran>,
    /// Every mutating call: what, and where.
    calls: Vec<(String, PathBuf)>,
    /// Calls that have to fail.
    failures: Vec<(String, PathBuf, io::ErrorKind)>,
    listening: BTreeMap<String, Vec<u8>>,
    /// Milliseconds slept.
    ticks: u64,
    /// By how many seconds somebody sets the clock at the next sleep.
    clock_step: i64,
}

impl Default for State {
    fn default() -> Self {
        let root = User {
            name: "root".into(),
            password: "x".into(),
            uid: 0,
            gid: 0,
            gecos: "root".into(),
            home: "/root".into(),
            shell: "/bin/bash".into(),
        };
        let group = Group { name: "root".into(), gid: 0, members: Vec::new() };
        let env = [("HOME", "/root"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")];
        let mut tree = Tree::default();
        for folder in
            ["/root", "/etc", "/tmp", "/usr", "/usr/bin", "/var", "/srv", "/opt", "/home", "/bin", "/run"]
        {
            tree.place(Path::new(folder), Node::directory());
        }
        Self {
            tree,
            users: vec![root],
            groups: vec![group],
            env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            uid: 0,
            gid: 0,
            umask: 0o022,
            hostname: "fake".into(),
            runs: Vec::new(),
            calls: Vec::new(),
            failures: Vec::new(),
            listening: BTreeMap::new(),
            ticks: 0,
            clock_step: 0,
        }
    }
}

/// What a program prints and how it ends.
#[must_use]
pub fn output(code: i32, stdout: &str, stderr: &str) -> RunOutput {
    RunOutput { code, stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() }
}

impl Fake {
    /// A machine with the usual folders and the user root, who is also who the agent runs as.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a file there (0644 root:root), its folders too.
    pub fn file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        self.put(path, Node::file(content));
    }
    /// Puts a folder there (0755 root:root).
    pub fn dir(&self, path: impl AsRef<Path>) {
        self.put(path, Node::directory());
    }
    /// Puts a symbolic link there.
    pub fn link(&self, path: impl AsRef<Path>, target: &str) {
        self.put(path, Node::link(target));
    }
    /// Puts anything there: `fake.put("/x", Node::file("text").mode(0o600).owner(33, 33))`.
    pub fn put(&self, path: impl AsRef<Path>, node: Node) {
        self.state().tree.place(path.as_ref(), node);
    }
    /// Takes a path away, with all below it.
    pub fn delete(&self, path: impl AsRef<Path>) {
        self.state().tree.delete(path.as_ref());
    }
    /// The text of a file, links followed; `None` if it is none.
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = super::Observe::read(self, path.as_ref()).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
    /// What is there, links not followed.
    #[must_use]
    pub fn node(&self, path: impl AsRef<Path>) -> Option<Node> {
        self.state().tree.get(path.as_ref()).cloned()
    }
    /// All paths.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.state().tree.paths()
    }

    /// Adds a user (with a group of the same name and number, if there is none of this number), and its line to the fake's
    /// own list only: put an `/etc/passwd` there if a module reads that.
    pub fn user_named(&self, name: &str, uid: u32, home: &str) {
        let mut state = self.state();
        if !state.groups.iter().any(|g| g.gid == uid) {
            state.groups.push(Group { name: name.to_owned(), gid: uid, members: Vec::new() });
        }
        state.users.push(User {
            name: name.to_owned(),
            password: "x".into(),
            uid,
            gid: uid,
            gecos: String::new(),
            home: home.to_owned(),
            shell: "/bin/sh".into(),
        });
    }
    /// Adds or replaces a user.
    pub fn set_user(&self, user: User) {
        let mut state = self.state();
        state.users.retain(|u| u.name != user.name);
        state.users.push(user);
    }
    /// Adds or replaces a group.
    pub fn set_group(&self, group: Group) {
        let mut state = self.state();
        state.groups.retain(|g| g.name != group.name);
        state.groups.push(group);
    }
    /// Takes a user away.
    pub fn remove_user(&self, name: &str) {
        self.state().users.retain(|u| u.name != name);
    }
    /// Takes a group away.
    pub fn remove_group(&self, name: &str) {
        self.state().groups.retain(|g| g.name != name);
    }
    /// The agent runs as this user.
    pub fn act_as(&self, uid: u32, gid: u32) {
        let mut state = self.state();
        (state.uid, state.gid) = (uid, gid);
    }
    /// Sets a variable of the agent's environment.
    pub fn set_env(&self, name: &str, value: &str) {
        self.state().env.insert(name.to_owned(), value.to_owned());
    }
    /// Sets the clock (seconds since the epoch). It moves only by sleeping.
    pub fn set_now(&self, seconds: i64) {
        self.state().tree.now = (seconds, 0);
    }
    /// During the next sleep somebody sets the clock, by so many seconds.
    pub fn step_clock(&self, seconds: i64) {
        self.state().clock_step = seconds;
    }
    /// Sets the host name.
    pub fn set_hostname(&self, name: &str) {
        self.state().hostname = name.to_owned();
    }
    /// Something listens at `host:port` or `unix:/path` and says this first.
    pub fn listen(&self, address: &str, greeting: &[u8]) {
        self.state().listening.insert(address.to_owned(), greeting.to_vec());
    }

    /// Adds a program: what it gets is its argument vector and its standard input.
    pub fn program(&self, name: &str, body: impl Fn(&[String], &[u8]) -> RunOutput + Send + Sync + 'static) {
        self.program_with(name, move |_, run| body(&run.argv, &run.stdin));
    }
    /// Adds a program that can look at the machine and change it.
    pub fn program_with(
        &self,
        name: &str,
        body: impl Fn(&Fake, &RunSpec) -> RunOutput + Send + Sync + 'static,
    ) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.insert(name.to_owned(), Arc::new(body));
    }
    /// All programs that were run.
    #[must_use]
    pub fn runs(&self) -> Vec<Ran> {
        self.state().runs.clone()
    }
    /// The command lines of the programs that plans ran (not those of looking), arguments joined by blanks.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.state().runs.iter().filter(|r| r.by_plan).map(|r| r.run.argv.join(" ")).collect()
    }
    /// Forgets what was run and called so far.
    pub fn forget(&self) {
        let mut state = self.state();
        state.runs.clear();
        state.calls.clear();
    }
    /// Every changing call so far: its name (`write`, `make_dir`, `set_attrs`, ...) and its path.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String)> {
        let state = self.state();
        state.calls.iter().map(|(what, path)| (what.clone(), path.to_string_lossy().into_owned())).collect()
    }
    /// From now on this call (`write`, `make_dir`, `set_attrs`, `symlink`, `hardlink`, `remove`, `rename`, `touch`,
    /// `copy_tree`, `read`) fails on this path.
    pub fn fail(&self, call: &str, path: impl AsRef<Path>, kind: io::ErrorKind) {
        self.state().failures.push((call.to_owned(), path.as_ref().to_owned(), kind));
    }
    /// The disk is full when this path is written.
    pub fn disk_full(&self, path: impl AsRef<Path>) {
        self.fail("write", path, io::ErrorKind::StorageFull);
    }
}
