//! Looking at the imagined machine.

use super::{Fake, Node, Ran, State};
use crate::system::{Group, HttpError, HttpResponse, Meta, Observe, RunOutput, User};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::PoisonError;
use windlass_protocol::{FileKind, HttpRequest, RunSpec};

impl State {
    pub(super) fn check_failure(&self, call: &str, path: &Path) -> io::Result<()> {
        match self.failures.iter().find(|(c, p, _)| c == call && p == path) {
            Some((_, _, kind)) => Err(io::Error::from(*kind)),
            None => Ok(()),
        }
    }

    fn meta(&self, path: &Path, follow: bool) -> io::Result<Option<Meta>> {
        match self.tree.resolve(path, follow) {
            Ok(path) => Ok(self.tree.get(&path).map(|node| node.meta.clone())),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Fake {
    pub(super) fn execute(&self, run: &RunSpec, by_plan: bool) -> io::Result<RunOutput> {
        self.state().runs.push(Ran { run: run.clone(), by_plan });
        let argv0 = run.argv.first().map(String::as_str).unwrap_or_default();
        let name = argv0.rsplit('/').next().unwrap_or(argv0);
        let program = {
            let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            programs.get(argv0).or_else(|| programs.get(name)).cloned()
        };
        match program {
            Some(program) => Ok(program(self, run)),
            None => Err(io::Error::from_raw_os_error(2)),
        }
    }
}

impl Observe for Fake {
    fn lstat(&self, path: &Path) -> io::Result<Option<Meta>> {
        self.state().meta(path, false)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Meta>> {
        self.state().meta(path, true)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        let path = state.tree.resolve(path, true)?;
        state.check_failure("read", &path)?;
        let node = state.tree.get(&path).ok_or_else(|| io::Error::from_raw_os_error(2))?;
        match node.meta.kind {
            FileKind::Directory => Err(io::Error::from_raw_os_error(21)),
            _ => Ok(node.content.clone()),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    fn read_link(&self, path: &Path) -> io::Result<String> {
        let state = self.state();
        let path = state.tree.resolve(path, false)?;
        let node = state.tree.get(&path).ok_or_else(|| io::Error::from_raw_os_error(2))?;
        match node.meta.kind {
            FileKind::Link => Ok(node.target.clone()),
            _ => Err(io::Error::from_raw_os_error(22)),
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let path = state.tree.resolve(path, true)?;
        state.check_failure("read", &path)?;
        let node = state.tree.get(&path).ok_or_else(|| io::Error::from_raw_os_error(2))?;
        match node.meta.kind {
            FileKind::Directory => Ok(state.tree.children(&path)),
            _ => Err(io::Error::from_raw_os_error(20)),
        }
    }

    fn canonicalize(&self, path: &Path) -> io::Result<String> {
        let state = self.state();
        let path = state.tree.resolve(path, true)?;
        state.tree.get(&path).ok_or_else(|| io::Error::from_raw_os_error(2))?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn access(&self, path: &Path, mask: u8) -> bool {
        let state = self.state();
        let Ok(Some(meta)) = state.meta(path, true) else { return false };
        let any_exec = meta.mode & 0o111 != 0 || meta.kind == FileKind::Directory;
        if state.uid == 0 {
            return mask & 1 == 0 || any_exec;
        }
        let shift = if meta.uid == state.uid {
            6
        } else if meta.gid == state.gid {
            3
        } else {
            0
        };
        (meta.mode >> shift) & u32::from(mask) == u32::from(mask)
    }

    fn attributes(&self, path: &Path) -> String {
        self.node(path).map(|node| node.attributes).unwrap_or_default()
    }

    fn selinux_context(&self, path: &Path) -> Option<String> {
        self.node(path)?.context
    }

    fn user(&self, name: &str) -> Option<User> {
        self.state().users.iter().find(|u| u.name == name).cloned()
    }

    fn user_by_id(&self, uid: u32) -> Option<User> {
        self.state().users.iter().find(|u| u.uid == uid).cloned()
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.state().groups.iter().find(|g| g.name == name).cloned()
    }

    fn group_by_id(&self, gid: u32) -> Option<Group> {
        self.state().groups.iter().find(|g| g.gid == gid).cloned()
    }

    fn query(&self, run: &RunSpec) -> io::Result<RunOutput> {
        self.execute(run, false)
    }

    fn find_program(&self, name: &str) -> Option<String> {
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.contains_key(name) {
            return Some(if name.contains('/') { name.to_owned() } else { format!("/usr/bin/{name}") });
        }
        drop(programs);
        let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let candidates = if name.contains('/') {
            vec![name.to_owned()]
        } else {
            folders.map(|folder| format!("{folder}/{name}")).to_vec()
        };
        let is_program = |path: &String| {
            let meta = self.stat(Path::new(path)).ok().flatten();
            meta.is_some_and(|meta| meta.kind == FileKind::File && meta.mode & 0o111 != 0)
        };
        candidates.into_iter().find(is_program)
    }

    fn euid(&self) -> u32 {
        self.state().uid
    }

    fn egid(&self) -> u32 {
        self.state().gid
    }

    fn env(&self, name: &str) -> Option<String> {
        self.state().env.get(name).cloned()
    }

    fn environment(&self) -> BTreeMap<String, String> {
        self.state().env.clone()
    }

    fn now(&self) -> (i64, u32) {
        self.state().tree.now
    }

    fn umask(&self) -> u32 {
        self.state().umask
    }

    fn hostname(&self) -> String {
        self.state().hostname.clone()
    }

    fn sleep(&self, ms: u64) {
        let mut state = self.state();
        let nanos = u64::from(state.tree.now.1) + ms % 1000 * 1_000_000;
        state.tree.now.0 += (ms / 1000 + nanos / 1_000_000_000) as i64;
        state.tree.now.1 = (nanos % 1_000_000_000) as u32;
        state.ticks += ms;
        state.tree.now.0 += std::mem::take(&mut state.clock_step);
    }

    fn ticks(&self) -> u64 {
        self.state().ticks
    }

    fn resolve(&self, host: &str) -> Vec<IpAddr> {
        let host = if host == "localhost" { "127.0.0.1" } else { host };
        host.parse().into_iter().collect()
    }

    fn connect(&self, address: &str, _timeout_ms: u64) -> io::Result<()> {
        match self.state().listening.contains_key(address) {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
        }
    }

    fn hear(
        &self,
        address: &str,
        timeout_ms: u64,
        longest_ms: u64,
        enough: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        self.connect(address, timeout_ms)?;
        let greeting = self.state().listening.get(address).cloned().unwrap_or_default();
        // It comes a byte at a time.
        if (1..=greeting.len()).any(|count| enough(&greeting[..count])) {
            return Ok(true);
        }
        self.sleep(longest_ms);
        Ok(false)
    }

    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.ask_web(request, false)
    }

    fn keep(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.put(path, Node::file(content).mode(0o600));
        Ok(())
    }

    fn discard(&self, path: &Path) {
        self.delete(path);
    }

    fn machine(&self) -> crate::system::Machine {
        let state = self.state();
        crate::system::Machine {
            system: "Linux".into(),
            node: state.hostname.clone(),
            release: "6.1.0-fake".into(),
            version: "#1 SMP".into(),
            machine: "x86_64".into(),
            processors: 1,
            uid: state.uid,
            gid: state.gid,
            ..crate::system::Machine::default()
        }
    }

    fn filesystem(&self, _path: &Path, _timeout_ms: u64) -> io::Result<crate::system::FsStat> {
        let blocks = 1 << 20;
        Ok(crate::system::FsStat {
            bsize: 4096,
            frsize: 4096,
            blocks,
            bavail: blocks / 2,
            files: 1000,
            favail: 500,
        })
    }

    fn local_time(&self, seconds: i64) -> crate::system::LocalTime {
        crate::system::machine::utc(seconds)
    }
}
