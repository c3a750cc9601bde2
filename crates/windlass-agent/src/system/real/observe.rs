//! Looking at the machine.

use super::{Real, attrs, net};
use crate::system::{FsStat, Group, HttpError, HttpResponse, Meta, Observe, RunOutput, User, http, machine};
use crate::text::{decode, native, shown};
use rustix::fs::{Access, AtFlags, CWD, FileType};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use windlass_protocol::{FileKind, HttpRequest, RunSpec};

/// How much a program may print that a module asks: the list of a large archive, not an endless stream.
const MOST_OF_A_QUERY: usize = 256 << 20;

/// Folders beside `PATH` in which system programs are.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

impl Observe for Real {
    fn lstat(&self, path: &Path) -> io::Result<Option<Meta>> {
        absent_is_none(rustix::fs::lstat(&*native(path))).map(|s| s.map(|s| meta(&s)))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Meta>> {
        absent_is_none(rustix::fs::stat(&*native(path))).map(|s| s.map(|s| meta(&s)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = self.reading(path)?;
        let mut bytes = Vec::with_capacity(file.size());
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(self.reading(path)?))
    }

    fn read_link(&self, path: &Path) -> io::Result<String> {
        std::fs::read_link(native(path)).map(|target| shown(&target))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = std::fs::read_dir(native(path))?
            .map(|entry| entry.map(|e| decode(e.file_name().as_bytes())))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<String> {
        std::fs::canonicalize(native(path)).map(|path| shown(&path))
    }

    fn access(&self, path: &Path, mask: u8) -> bool {
        let mut access = Access::empty();
        access.set(Access::READ_OK, mask & 4 != 0);
        access.set(Access::WRITE_OK, mask & 2 != 0);
        access.set(Access::EXEC_OK, mask & 1 != 0);
        if access.is_empty() {
            access = Access::EXISTS;
        }
        rustix::fs::accessat(CWD, &*native(path), access, AtFlags::EACCESS).is_ok()
    }

    fn attributes(&self, path: &Path) -> String {
        attrs::flags_of(&native(path)).map(attrs::letters).unwrap_or_default()
    }

    fn generation(&self, path: &Path) -> Option<u32> {
        attrs::generation_of(&native(path))
    }

    fn selinux_context(&self, path: &Path) -> Option<String> {
        attrs::selinux_is_on().then(|| attrs::selinux_of(&native(path))).flatten()
    }

    fn user(&self, name: &str) -> Option<User> {
        self.accounts.user(name, |user| user.name == name)
    }

    fn user_by_id(&self, uid: u32) -> Option<User> {
        self.accounts.user(&uid.to_string(), |user| user.uid == uid)
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.accounts.group(name, |group| group.name == name)
    }

    fn group_by_id(&self, gid: u32) -> Option<Group> {
        self.accounts.group(&gid.to_string(), |group| group.gid == gid)
    }

    fn query(&self, run: &RunSpec) -> io::Result<RunOutput> {
        self.execute(run, None, MOST_OF_A_QUERY)
    }

    fn find_program(&self, name: &str) -> Option<String> {
        let usable = |path: &Path| {
            std::fs::metadata(path).is_ok_and(|m| m.is_file())
                && rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
        };
        if name.contains('/') {
            return usable(Path::new(name)).then(|| name.to_owned());
        }
        let path = self.program_path();
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .chain(SBIN)
            .map(|folder| Path::new(folder).join(name))
            .find(|candidate| usable(candidate))
            .map(|found| found.to_string_lossy().into_owned())
    }

    fn euid(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn egid(&self) -> u32 {
        rustix::process::getegid().as_raw()
    }

    fn env(&self, name: &str) -> Option<String> {
        let own = self.environment.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        own.or_else(|| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let mut all: BTreeMap<String, String> =
            std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect();
        all.extend(self.environment.iter().cloned());
        all
    }

    fn now(&self) -> (i64, u32) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        (now.tv_sec, now.tv_nsec as u32)
    }

    fn umask(&self) -> u32 {
        // Setting is the only system call that reads it; /proc tells it without a race.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        field.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
    }

    fn hostname(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    fn sleep(&self, ms: u64) {
        self.pause(ms);
    }

    fn ticks(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
    }

    fn resolve(&self, host: &str) -> Vec<IpAddr> {
        net::resolve(host)
    }

    fn connect(&self, address: &str, timeout_ms: u64) -> io::Result<()> {
        net::connect(address, timeout_ms).map(drop)
    }

    fn hear(
        &self,
        address: &str,
        timeout_ms: u64,
        longest_ms: u64,
        enough: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        let mut stream = net::connect(address, timeout_ms)?;
        net::hear(&mut stream, longest_ms, enough, &|| self.is_given_up())
    }

    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        match &self.web {
            super::Web::Program(program) => {
                program.ask(request, |run| self.execute(run, None, http::program::MAX_ANSWER))
            }
            super::Web::Here(fetch) => fetch(request, &|| self.is_given_up()),
        }
    }

    fn filesystem(&self, path: &Path, timeout_ms: u64) -> io::Result<FsStat> {
        machine::filesystem(&native(path), timeout_ms)
    }

    fn keep(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        http::private_file(path)?.write_all(content)
    }

    fn discard(&self, path: &Path) {
        // It goes with the folder at the latest.
        let _ = std::fs::remove_file(path);
    }
}

/// `None` where a path, or a folder on the way to it, is not there.
fn absent_is_none<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn meta(stat: &rustix::fs::Stat) -> Meta {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::File,
    };
    // The widths of these fields differ between architectures.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    Meta {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u64,
        atime: (stat.st_atime as i64, stat.st_atime_nsec as u32),
        mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
        ino: stat.st_ino as u64,
        dev: stat.st_dev as u64,
        nlink: stat.st_nlink as u64,
        blksize: stat.st_blksize as u64,
        blocks: stat.st_blocks as u64,
        rdev: stat.st_rdev as u64,
    }
}
