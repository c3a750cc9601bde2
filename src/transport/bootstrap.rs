//! Starts the agent on a host in one round trip: a small POSIX shell script looks for the cached agent and becomes
//! it, or says what it needs and stores what it is sent.
//!
//! The script needs `sh`, `mkdir`, `chmod`, `mv`, `rm`, `head`, `wc`, `uname` and nothing else; `gzip` if it is there. It has
//! no single quote, exclamation mark or newline in it, so that it passes through any login shell as one word.
//! After it has said `have` everything on the stream is the agent's.

use super::elevate::{self, Elevation};
use super::embedded::EmbeddedAgent;
use super::error::{BecomeFailure, ConnectError, plain};
use super::process::{Event, Exit, Process};
use super::target::{Become, BecomeMethod, Settings};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Longest silence before a start is given up. sudo waits some seconds after a wrong password; an agent's
/// upload over a slow line shows as progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much noise a login shell may print before the script's first word.
const NOISE: usize = 1 << 20;

/// An agent that has just been started, and the first bytes that it sent.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) first: Bytes,
    /// What it came from, and what else can be had from there.
    pub(crate) build: Arc<Build>,
}

/// What is to be executed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    /// A program and its arguments.
    Words(&'a [String]),
    /// What the login shell is to make of this text.
    Text(&'a str),
}

/// What can execute a command on a host.
pub(crate) trait Exec {
    /// Starts a program.
    fn exec(
        &self,
        line: Line<'_>,
        terminal: bool,
    ) -> impl Future<Output = Result<Process, ConnectError>> + Send;
    /// The host's name for messages.
    fn name(&self) -> &str;
    /// Whether it is this machine.
    fn is_local(&self) -> bool {
        false
    }
}

/// Starts the agent, as another user if asked to.
pub(crate) async fn start(
    way: &(impl Exec + Sync),
    become_: Option<&Become>,
    settings: &Settings,
) -> Result<Started, ConnectError> {
    match attempt(way, become_, settings, false).await {
        // sudoers with `requiretty`: then with a terminal.
        Err(ConnectError::Become(error)) if error.kind == BecomeFailure::NeedsTerminal => {
            attempt(way, become_, settings, true).await
        }
        other => other,
    }
}

async fn attempt(
    way: &(impl Exec + Sync),
    become_: Option<&Become>,
    settings: &Settings,
    terminal: bool,
) -> Result<Started, ConnectError> {
    let nonce = nonce();
    let build = agents(settings)?;
    // Whether there will be a terminal has to be known for the script.
    let terminal =
        terminal || become_.is_some_and(|b| b.method == BecomeMethod::Doas && b.password.is_some());
    let script = script(&build.id, &nonce, terminal);
    let elevation = match become_ {
        None => Elevation {
            argv: ["/bin/sh", "-c", &script].map(str::to_owned).to_vec(),
            prompt: None,
            terminal: false,
        },
        Some(become_) => elevate::wrap(become_, &script, &nonce),
    };
    debug_assert!(!elevation.terminal || terminal);
    settings.tell_program(way.name(), &elevation.argv);
    let started = way.exec(Line::Words(&elevation.argv), terminal).await;
    let process = started.map_err(|error| elevate::unstarted(become_, way.name(), error))?;
    let talk = Talk {
        process,
        host: way.name(),
        mark: format!("windlass-{nonce} "),
        out: BytesMut::new(),
        said: String::new(),
        unanswered: String::new(),
        asked: 0,
        become_,
        elevation: &elevation,
        terminal,
    };
    talk.run(&build).await
}

struct Talk<'a> {
    process: Process,
    host: &'a str,
    mark: String,
    out: BytesMut,
    /// Everything on standard error (on a terminal, everything).
    said: String,
    /// What came after the last password that we sent.
    unanswered: String,
    asked: u32,
    become_: Option<&'a Become>,
    elevation: &'a Elevation,
    terminal: bool,
}

enum Word {
    Have,
    Need { machine: String, gzip: bool },
    Failed(String),
}

impl Talk<'_> {
    async fn run(mut self, build: &Arc<Build>) -> Result<Started, ConnectError> {
        loop {
            match self.word().await? {
                Word::Have => {
                    let first = self.out.freeze();
                    return Ok(Started { process: self.process, first, build: Arc::clone(build) });
                }
                Word::Need { machine, gzip } => {
                    let agent = build.packed(Which::Agent, &machine, gzip).await?;
                    let kind = if gzip { "gzip" } else { "plain" };
                    let head = format!("{} {} {kind}\n", agent.bytes.len(), agent.size);
                    let sent = async {
                        self.process.input.send(head.as_bytes()).await?;
                        for piece in agent.bytes.chunks(256 << 10) {
                            match timeout(PATIENCE, self.process.input.send(piece)).await {
                                Ok(result) => result?,
                                Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
                            }
                        }
                        Ok::<_, std::io::Error>(())
                    };
                    if let Err(error) = sent.await {
                        let reason = format!("it could not be sent: {}", plain(&error));
                        return Err(self.failed(reason, None));
                    }
                }
                Word::Failed(places) => {
                    let hint = if places.contains(":no-room") {
                        "the disk is full: make room in one of these folders, some megabytes, or set XDG_CACHE_HOME on the host"
                    } else {
                        "the agent needs one folder of its user that can be written and has no noexec; \
                         set XDG_CACHE_HOME on the host to one"
                    };
                    return Err(self.failed(
                        format!("no folder in which it can be stored and executed ({places})"),
                        Some(hint.to_owned()),
                    ));
                }
            }
        }
    }

    fn failed(&self, reason: String, hint: Option<String>) -> ConnectError {
        ConnectError::Bootstrap { host: self.host.to_owned(), reason, hint }
    }

    /// Waits for the script's next word.
    async fn word(&mut self) -> Result<Word, ConnectError> {
        loop {
            if let Some(word) = self.take_word()? {
                return Ok(word);
            }
            let event = match timeout(PATIENCE, self.process.events.recv()).await {
                Err(_) => {
                    return Err(match self.become_ {
                        Some(become_) => {
                            let said = if self.said.trim().is_empty() { "no answer" } else { &self.said };
                            elevate::failure(become_, self.host, said, None, self.asked).into()
                        }
                        None => self.failed(
                            "no answer from the host's shell".to_owned(),
                            Some("does a start-up file of the login shell wait for input?".to_owned()),
                        ),
                    });
                }
                Ok(event) => event,
            };
            match event {
                Some(Event::Stdout(bytes)) => {
                    if self.out.len() + bytes.len() > NOISE {
                        return Err(self.failed("the login shell prints without end".to_owned(), None));
                    }
                    self.out.extend_from_slice(&bytes);
                    if self.terminal {
                        self.note(&bytes).await?;
                    }
                }
                Some(Event::Stderr(bytes)) => self.note(&bytes).await?,
                Some(Event::Exit(exit)) => return Err(self.ended(Some(&exit))),
                None => return Err(self.ended(None)),
            }
        }
    }

    /// Looks for a password prompt and answers it, once.
    async fn note(&mut self, bytes: &[u8]) -> Result<(), ConnectError> {
        let text = String::from_utf8_lossy(bytes);
        self.said.push_str(&text);
        self.unanswered.push_str(&text);
        let over = self.said.len().saturating_sub(16 << 10);
        if over > 0 {
            let cut = (over..self.said.len()).find(|at| self.said.is_char_boundary(*at)).unwrap_or(0);
            self.said.drain(..cut);
        }
        let (Some(become_), Some(prompt)) = (self.become_, &self.elevation.prompt) else { return Ok(()) };
        if !prompt.is_at_end_of(&self.unanswered) || self.unanswered.contains(&self.mark) {
            return Ok(());
        }
        self.asked += 1;
        self.unanswered.clear();
        if self.asked > 1 {
            // Asked again: the first answer was wrong. Another try would only count against the account.
            return Err(elevate::failure(become_, self.host, &self.said, None, self.asked).into());
        }
        if become_.password.is_none() {
            return Err(elevate::failure(become_, self.host, &self.said, None, self.asked).into());
        }
        if let Some(password) = &become_.password {
            let line = zeroize::Zeroizing::new(format!("{}\n", password.expose()));
            let _ = self.process.input.send(line.as_bytes()).await;
        }
        Ok(())
    }

    fn ended(&self, exit: Option<&Exit>) -> ConnectError {
        if let Some(become_) = self.become_ {
            let said = match &self.elevation.prompt {
                Some(elevate::PromptMark::Exact(mark)) => self.said.replace(mark, ""),
                _ => self.said.clone(),
            };
            return elevate::failure(become_, self.host, &said, exit, self.asked).into();
        }
        let Some(exit) = exit else {
            let reason = "it was closed while the agent was started".to_owned();
            return ConnectError::Lost { host: self.host.to_owned(), reason };
        };
        let said = self.said.trim();
        let said = if said.is_empty() {
            String::from_utf8_lossy(&self.out).trim().to_owned()
        } else {
            said.to_owned()
        };
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        self.failed(
            format!("its shell ended ({exit}){said}"),
            Some("the connecting user needs a login shell that runs commands, and /bin/sh".to_owned()),
        )
    }

    /// The next line that begins with our mark. What a login shell printed before is dropped.
    fn take_word(&mut self) -> Result<Option<Word>, ConnectError> {
        let Some(at) = find(&self.out, self.mark.as_bytes()) else { return Ok(None) };
        let rest = &self.out[at + self.mark.len()..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let line = String::from_utf8_lossy(&rest[..length]).trim_end().to_owned();
        let _ = self.out.split_to(at + self.mark.len() + length + 1);
        let mut words = line.split(' ');
        let word = match words.next() {
            Some("have") => Word::Have,
            Some("need") => Word::Need {
                machine: words.next().unwrap_or("unknown").to_owned(),
                gzip: words.next() == Some("gzip"),
            },
            Some("fail") => Word::Failed(words.collect::<Vec<_>>().join(" ")),
            _ => return Err(self.failed(format!("the start script said '{line}'"), None)),
        };
        Ok(Some(word))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// 64 random bits in hex.
pub(crate) fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The agents of this build, and those already unpacked.
#[derive(Debug)]
pub(crate) struct Build {
    /// Their common name in a target's cache.
    id: String,
    /// Files in place of the embedded ones.
    files: Vec<(String, std::path::PathBuf)>,
    packed: Mutex<HashMap<(Which, String, bool), Arc<Packed>>>,
}

/// One of the programs for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Agent,
    Web,
}

struct PackedBytes(Arc<Packed>);

impl AsRef<[u8]> for PackedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// A program ready to be sent.
#[derive(Debug)]
struct Packed {
    bytes: Vec<u8>,
    /// Size of the program itself.
    size: usize,
}

fn agents(settings: &Settings) -> Result<Arc<Build>, ConnectError> {
    static EMBEDDED: OnceLock<Arc<Build>> = OnceLock::new();
    if settings.agents.is_empty() {
        let build = EMBEDDED.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            for agent in super::embedded::AGENTS {
                hasher.update(agent.agent.hash.as_bytes()).update(agent.web.hash.as_bytes());
            }
            Arc::new(Build { id: short(&hasher), files: Vec::new(), packed: Mutex::default() })
        });
        return Ok(Arc::clone(build));
    }
    let mut hasher = blake3::Hasher::new();
    for (_, path) in &settings.agents {
        let bytes = std::fs::read(path)
            .map_err(|error| ConnectError::AgentFile { path: path.clone(), reason: plain(&error) })?;
        hasher.update(&bytes);
    }
    Ok(Arc::new(Build { id: short(&hasher), files: settings.agents.clone(), packed: Mutex::default() }))
}

fn short(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex()[..24].to_owned()
}

impl Build {
    async fn packed(
        self: &Arc<Self>,
        which: Which,
        machine: &str,
        gzip: bool,
    ) -> Result<Arc<Packed>, ConnectError> {
        let key = (which, machine.to_owned(), gzip);
        let this = Arc::clone(self);
        let work = move || {
            // Held while packing: of many hosts at once one packs and the others wait for it.
            let mut packed = this.packed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = packed.get(&key) {
                return Ok(Arc::clone(known));
            }
            let program = this.program(key.0, &key.1)?;
            let size = program.len();
            let bytes = if key.2 { compress(&program) } else { program };
            let new = Arc::new(Packed { bytes, size });
            packed.insert(key, Arc::clone(&new));
            Ok(new)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            Err(ConnectError::Bootstrap {
                host: "this machine".to_owned(),
                reason: error.to_string(),
                hint: None,
            })
        })
    }

    /// The program that makes requests over HTTP, packed with gzip.
    pub(crate) async fn web(self: &Arc<Self>, machine: &str) -> Result<Bytes, ConnectError> {
        Ok(Bytes::from_owner(PackedBytes(self.packed(Which::Web, machine, true).await?)))
    }

    fn program(&self, which: Which, machine: &str) -> Result<Vec<u8>, ConnectError> {
        if let Some((_, path)) = self.files.iter().find(|(name, _)| name == machine) {
            // The other program lies beside it.
            let path = match which {
                Which::Agent => path.clone(),
                Which::Web => path.with_file_name("windlass-web"),
            };
            return std::fs::read(&path)
                .map_err(|error| ConnectError::AgentFile { path: path.clone(), reason: plain(&error) });
        }
        EmbeddedAgent::for_machine(machine)
            .and_then(|agent| match which {
                Which::Agent => agent.agent.program(),
                Which::Web => agent.web.program(),
            })
            .map_err(|error| ConnectError::NoAgent(Arc::new(error)))
    }
}

fn compress(program: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(program.len() / 2), flate2::Compression::new(5));
    // Writing to memory does not fail; and a short stream would be noticed by its size on the host.
    let _ = encoder.write_all(program);
    encoder.finish().unwrap_or_default()
}

/// The script. `id` and `nonce` are hexadecimal.
fn script(id: &str, nonce: &str, terminal: bool) -> String {
    let raw = if terminal { "stty raw -echo 2>/dev/null; " } else { "" };
    // On a terminal both streams are one, and the agent's own words would fall between its frames.
    let quiet = if terminal { " 2>/dev/null" } else { "" };
    let text =
        SCRIPT.replace("@ID@", id).replace("@NONCE@", nonce).replace("@MARK@", &format!("windlass-{nonce}"));
    format!(
        "{raw}{}",
        text.replace("@QUIET@", quiet).split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
    )
}

/// `w` says a word; `own` tests that a folder is a real one and ours, so that nobody else can exchange what is in it;
/// `dirs` gives the candidates one after the other in `d`, making them if `$1` says so. The umask of the user is
/// kept for the agent.
const SCRIPT: &str = r#"
w() { echo "@MARK@ $*"; };
own() { if [ -L "$1" ]; then return 1; fi; [ -d "$1" ] && [ -O "$1" ]; };
go() { umask $m; w have; exec "$f"@QUIET@; };
mk() { own "$1" || { mkdir -m 700 "$1" 2>/dev/null && own "$1"; }; };
at() {
  case $n in
  1) b=$XDG_CACHE_HOME; d=$b/windlass;;
  2) b=$HOME; d=$b/.cache/windlass;;
  3) b=$XDG_RUNTIME_DIR; d=$b/windlass;;
  4) b=/; d=/var/tmp/windlass-$u;;
  5) b=/; d=/dev/shm/windlass-$u;;
  6) b=/; d=/tmp/windlass-$u;;
  esac;
  case $b in
  /) return 0;;
  /*) [ -d "$b" ] && [ -O "$b" ];;
  *) return 1;;
  esac;
};
m=`umask`; umask 077; i=`uname -m`; a=agent-@ID@-$i; u=`id -u`;
for n in 1 2 3 4 5 6; do
  at || continue;
  f=$d/$a;
  if [ -f "$f" ] && own "$d" && [ -O "$f" ] && "$f" --probe </dev/null >/dev/null 2>&1; then go; fi;
done;
z=plain; if command -v gzip >/dev/null 2>&1; then z=gzip; fi; t=;
for n in 1 2 3 4 5 6; do
  at || continue;
  if [ $n = 2 ]; then mk "$b/.cache" || { t="$t $d:no-folder"; continue; }; fi;
  mk "$d" || { t="$t $d:no-folder"; continue; };
  chmod 700 "$d"; f=$d/$a; x=$f.$$.@NONCE@; rm -f "$x";
  { echo : >"$x" && chmod 700 "$x"; } 2>/dev/null || { rm -f "$x"; t="$t $d:not-writable"; continue; };
  "$x" 2>/dev/null || { rm -f "$x"; t="$t $d:noexec"; continue; };
  rm -f "$x";
  w need $i $z;
  read -r c s k || exit 1;
  case $k in
  gzip) head -c "$c" | { gzip -dc >"$x" 2>/dev/null || cat >/dev/null; };;
  *) head -c "$c" | { cat >"$x" 2>/dev/null || cat >/dev/null; };;
  esac;
  if [ "`wc -c <"$x" | tr -d " "`" = "$s" ] && chmod 700 "$x" && "$x" --probe </dev/null >/dev/null 2>&1 && mv -f "$x" "$f"; then go; fi;
  rm -f "$x"; t="$t $d:no-room";
done;
w fail $t; exit 1"#;
