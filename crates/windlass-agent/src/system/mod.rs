//! The only door to the operating system.
//!
//! [`Observe`] cannot change anything; it is all that a module gets while it plans. [`Mutate`] can, and only
//! [`crate::apply`] holds one. [`real::Real`] is the machine; [`fake::Fake`] an imagined one, for tests.

pub mod accounts;
pub mod fake;
pub mod http;
pub mod machine;
pub mod real;

pub use accounts::{Group, User};
pub use http::{HttpError, HttpResponse};
pub use machine::{FsStat, InterfaceAddress, LocalTime, Machine};

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use windlass_protocol::change::{Content, FileAttrs};
use windlass_protocol::{FileKind, HttpRequest, RunSpec, Stream};

/// What `stat` says of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with set-id and sticky, without the type (at most `0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Access time: seconds and nanoseconds since the epoch.
    pub atime: (i64, u32),
    /// Modification time.
    pub mtime: (i64, u32),
    /// Status change time.
    pub ctime: (i64, u32),
    /// Inode.
    pub ino: u64,
    /// Device.
    pub dev: u64,
    /// Number of hard links.
    pub nlink: u64,
    /// Preferred block size.
    pub blksize: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Device number of a device.
    pub rdev: u64,
}

impl Meta {
    /// What a file has that the agent makes and gives nothing.
    #[must_use]
    pub fn new_file(sys: &dyn Observe) -> Self {
        Self {
            kind: FileKind::File,
            mode: 0o666 & !sys.umask(),
            uid: sys.euid(),
            gid: sys.egid(),
            size: 0,
            atime: sys.now(),
            mtime: sys.now(),
            ctime: sys.now(),
            ino: 0,
            dev: 0,
            nlink: 1,
            blksize: 4096,
            blocks: 0,
            rdev: 0,
        }
    }
}

/// What a program left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOutput {
    /// Exit code; `-signal` if a signal ended it, as Python has it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl RunOutput {
    /// Standard output as text, wrong bytes replaced.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    /// Standard error as text, wrong bytes replaced.
    #[must_use]
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Receives a command's output while it runs.
pub type OutputSink<'a> = &'a mut dyn FnMut(Stream, &[u8]);

/// Looking. No call here changes the machine.
pub trait Observe: Send + Sync {
    /// `lstat`; `None` if there is nothing.
    ///
    /// # Errors
    /// Anything but "there is nothing".
    fn lstat(&self, path: &Path) -> io::Result<Option<Meta>>;
    /// `stat`, links followed; `None` if there is nothing.
    ///
    /// # Errors
    /// Anything but "there is nothing".
    fn stat(&self, path: &Path) -> io::Result<Option<Meta>>;
    /// A whole file.
    ///
    /// # Errors
    /// As `std::fs::read`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// A reader for a large file.
    ///
    /// # Errors
    /// As `std::fs::File::open`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>>;
    /// The target of a symbolic link.
    ///
    /// # Errors
    /// As `std::fs::read_link`.
    fn read_link(&self, path: &Path) -> io::Result<String>;
    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// As `std::fs::read_dir`.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>>;
    /// The path with all links resolved.
    ///
    /// # Errors
    /// As `std::fs::canonicalize`.
    fn canonicalize(&self, path: &Path) -> io::Result<String>;
    /// Whether the effective user may read, write, execute it: a mask of 4, 2, 1.
    fn access(&self, path: &Path, mask: u8) -> bool;
    /// chattr's letters of a file, such as `ie`; empty if the file system has none.
    fn attributes(&self, path: &Path) -> String;
    /// Generation number of the inode, as `lsattr -v` shows it, where the file system has one.
    fn generation(&self, _path: &Path) -> Option<u32> {
        None
    }
    /// SELinux context, or `None` where SELinux is off.
    fn selinux_context(&self, path: &Path) -> Option<String>;
    /// The users of the system (`/etc/passwd` and, if it does not know a name, `getent`).
    fn user(&self, name: &str) -> Option<User>;
    /// A user by id.
    fn user_by_id(&self, uid: u32) -> Option<User>;
    /// A group by name.
    fn group(&self, name: &str) -> Option<Group>;
    /// A group by id.
    fn group_by_id(&self, gid: u32) -> Option<Group>;
    /// Runs a program **that only reads** (`dpkg-query`, `systemctl show`, `git ls-remote`).
    ///
    /// # Errors
    /// If it cannot be started.
    fn query(&self, run: &RunSpec) -> io::Result<RunOutput>;
    /// Where a program is found in `PATH` (and the usual `sbin` folders).
    fn find_program(&self, name: &str) -> Option<String>;
    /// Effective user id.
    fn euid(&self) -> u32;
    /// Effective group id.
    fn egid(&self) -> u32;
    /// An environment variable of the agent.
    fn env(&self, name: &str) -> Option<String>;
    /// The whole environment of the agent.
    fn environment(&self) -> BTreeMap<String, String>;
    /// Now: seconds and nanoseconds since the epoch.
    fn now(&self) -> (i64, u32);
    /// The umask of the agent.
    fn umask(&self) -> u32;
    /// Host name of the machine.
    fn hostname(&self) -> String;
    /// Waits. Observation over time (`wait_for`) needs it.
    fn sleep(&self, ms: u64);
    /// Milliseconds by a clock that nobody sets.
    fn ticks(&self) -> u64;
    /// The addresses of a host; none if it has none.
    fn resolve(&self, host: &str) -> Vec<IpAddr>;
    /// Tries to connect to a TCP address `host:port` or `unix:/path` within `timeout_ms`.
    ///
    /// # Errors
    /// As the connect.
    fn connect(&self, address: &str, timeout_ms: u64) -> io::Result<()>;
    /// Connects likewise and reads until `enough` says of everything that came so far that it is; at the latest until the
    /// stream ends or `longest_ms` are over. Says whether it was enough.
    ///
    /// # Errors
    /// As the connect.
    fn hear(
        &self,
        address: &str,
        timeout_ms: u64,
        longest_ms: u64,
        enough: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<bool>;
    /// Makes a request **that only reads** (`GET`, `HEAD`). Its body may go into a file in the agent's private folder.
    ///
    /// # Errors
    /// If there is no answer; an answer of failure is an answer.
    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
    /// Keeps something in the agent's private folder, which is no part of the machine's state. Give it a path in there only.
    ///
    /// # Errors
    /// As writing a file.
    fn keep(&self, path: &Path, content: &[u8]) -> io::Result<()>;
    /// Takes away what was kept in the agent's private folder. Give it a path in there only.
    fn discard(&self, path: &Path);
    /// Names, processors and addresses of the machine.
    fn machine(&self) -> Machine {
        machine::machine()
    }
    /// Size of the file system at `path`, given up after `timeout_ms`.
    ///
    /// # Errors
    /// As `statvfs`, or [`io::ErrorKind::TimedOut`].
    fn filesystem(&self, path: &Path, timeout_ms: u64) -> io::Result<FsStat> {
        machine::filesystem(path, timeout_ms)
    }
    /// A second since the epoch in the machine's time zone.
    fn local_time(&self, seconds: i64) -> LocalTime {
        machine::local_time(seconds)
    }
}

/// Changing. Only [`crate::apply`] gets one.
pub trait Mutate: Observe {
    /// Replaces or makes a file: temporary name in the same directory, fsync, attributes (those of the replaced
    /// file where `attrs` says nothing, ACLs and extended attributes too), `check` on the temporary file, rename, fsync of the directory.
    /// A new file has `0666` less the umask.
    ///
    /// # Errors
    /// Any failure; then the old file is untouched and no temporary file is left.
    fn write_file(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        in_place: bool,
        check: &mut dyn FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()>;
    /// Writes one file of many: like [`Self::write_file`], but without waiting for the disk. A rename keeps a reader from
    /// seeing half a file; [`Self::sync_file_system`] once at the end makes all of them durable.
    ///
    /// # Errors
    /// As [`Self::write_file`].
    fn write_loose(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        mtime: Option<(i64, u32)>,
    ) -> io::Result<()>;
    /// Waits until everything written to the file system of this path is on its disk.
    ///
    /// # Errors
    /// As `syncfs`.
    fn sync_file_system(&self, path: &Path) -> io::Result<()>;
    /// One directory with `0777` less the umask, then `attrs`.
    ///
    /// # Errors
    /// As `mkdir`; an existing directory is no error.
    fn make_dir(&self, path: &Path, attrs: &FileAttrs) -> io::Result<()>;
    /// Sets attributes.
    ///
    /// # Errors
    /// As `chmod`, `chown`, `chattr`.
    fn set_attrs(&self, path: &Path, attrs: &FileAttrs, follow: bool) -> io::Result<()>;
    /// Makes or atomically replaces a symbolic link.
    ///
    /// # Errors
    /// As `symlink` and `rename`.
    fn symlink(&self, path: &Path, target: &str) -> io::Result<()>;
    /// Makes or atomically replaces a hard link.
    ///
    /// # Errors
    /// As `link` and `rename`.
    fn hardlink(&self, path: &Path, target: &Path) -> io::Result<()>;
    /// Removes a path; a directory only if empty or `recursive`. Links are not followed. Nothing there is no error.
    ///
    /// # Errors
    /// As `unlink` and `rmdir`.
    fn remove(&self, path: &Path, recursive: bool) -> io::Result<()>;
    /// Renames; across file systems it copies and removes.
    ///
    /// # Errors
    /// As `rename`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Sets times; makes an empty file if there is none.
    ///
    /// # Errors
    /// As `utimensat`.
    fn touch(
        &self,
        path: &Path,
        atime: Option<(i64, u32)>,
        mtime: Option<(i64, u32)>,
        follow: bool,
    ) -> io::Result<()>;
    /// Copies a tree with its attributes to a name that nothing has yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something has it, be it a link that shows nothing; any failure on the way.
    fn copy_tree(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Runs a program to its end. `sink` gets the output as it comes.
    ///
    /// # Errors
    /// If it cannot be started, or [`io::ErrorKind::TimedOut`] / [`io::ErrorKind::Interrupted`] when it was killed (its whole process group is).
    fn run(&self, run: &RunSpec, sink: Option<OutputSink<'_>>) -> io::Result<RunOutput>;
    /// Makes a request that may change something on the other side.
    ///
    /// # Errors
    /// If there is no answer; an answer of failure is an answer.
    fn http_change(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
    /// The content that [`Content`] names, blobs aside.
    ///
    /// # Errors
    /// As reading the file.
    fn open_content<'a>(&'a self, content: &'a Content) -> io::Result<Option<Box<dyn io::Read + Send + 'a>>> {
        Ok(match content {
            Content::Bytes(bytes) => Some(Box::new(bytes.as_slice())),
            Content::File(path) => Some(self.open(Path::new(path))?),
            Content::Blob(_) => None,
        })
    }
}
