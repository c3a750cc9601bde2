//! Cases as text files.
//!
//! ```text
//! # What it shows, in a sentence.
//! $ -i hosts site.yml              (the options; these if the line is missing)
//! exit 4
//! ansible 2 because it ...         (the reference's exit code; a reason where it is another one)
//! local                            (the host is this machine; without it any connection fails the case)
//! env NAME=VALUE, stdin TEXT, dir NAME, bytes NAME KIND, mode NAME OCTAL
//! -- site.yml --
//! - hosts: all
//! -- stdout --
//! -- stderr --
//! ```
//!
//! `$DIR` is the case's folder, `$OUT` a folder for what tasks write (it has to stay empty), `$PORT` a port of this
//! machine where somebody listens and counts.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass_test_oracle::Reference;

/// The folder of the kinds.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_input")
}

#[derive(Debug, Default)]
struct Case {
    about: String,
    args: Vec<String>,
    exit: i32,
    /// The reference's exit code, and why it is another one.
    ansible: Option<(i32, String)>,
    local: bool,
    env: Vec<(String, String)>,
    stdin: String,
    dirs: Vec<String>,
    bytes: Vec<(String, String)>,
    modes: Vec<(String, u32)>,
    files: Vec<(String, String)>,
    stdout: String,
    stderr: String,
}

const DEFAULT_ARGS: &str = "-i hosts site.yml";
const HOSTS: &str = "h1 ansible_host=127.0.0.1 ansible_port=$PORT\n";
const LOCAL_HOSTS: &str = "h1 ansible_connection=local\n";

fn parse(text: &str) -> Case {
    let mut case = Case::default();
    let mut args = DEFAULT_ARGS.to_owned();
    let mut section: Option<String> = None;
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let plain = line.trim_end_matches('\n');
        if let Some(name) = plain.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --")) {
            section = Some(name.to_owned());
            sections.push((name.to_owned(), String::new()));
            continue;
        }
        if section.is_some() {
            sections.last_mut().unwrap().1.push_str(line);
            continue;
        }
        let (word, rest) = plain.split_once(' ').unwrap_or((plain, ""));
        let two = || rest.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        match word {
            "#" => case.about = rest.to_owned(),
            "$" => args = rest.to_owned(),
            "exit" => case.exit = rest.parse().unwrap(),
            "ansible" => {
                let (code, why) = rest.split_once(' ').unwrap_or((rest, ""));
                case.ansible = Some((code.parse().unwrap(), why.to_owned()));
            }
            "local" => case.local = true,
            "env" => case.env.push(rest.split_once('=').map(|(k, v)| (k.into(), v.into())).unwrap()),
            "stdin" => case.stdin = rest.replace("\\n", "\n"),
            "dir" => case.dirs.push(rest.to_owned()),
            "bytes" => case.bytes.push(two()),
            "mode" => {
                let (name, mode) = two();
                case.modes.push((name, u32::from_str_radix(&mode, 8).unwrap()));
            }
            "" => {}
            other => panic!("no such line in a case: {other}"),
        }
    }
    case.args = shlex::split(&args).unwrap();
    for (name, text) in sections {
        match name.as_str() {
            "stdout" => case.stdout = text,
            "stderr" => case.stderr = text,
            _ => case.files.push((name, text)),
        }
    }
    case
}

/// Bytes that no case can hold as text.
fn bytes(kind: &str) -> Vec<u8> {
    match kind {
        "garbage" => (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        "zeros" => vec![0; 4096],
        "latin1" => b"- hosts: all\n  # Gr\xfc\xdfe\n  tasks: []\n".to_vec(),
        "long_line" => {
            let mut text = b"- hosts: all\n  tsks: [] # ".to_vec();
            text.resize(1 << 20, b'x');
            text.push(b'\n');
            text
        }
        "deep" => {
            let mut text = b"- hosts: all\n  vars:\n    x: ".to_vec();
            text.extend(std::iter::repeat_n(b'[', 100_000));
            text
        }
        "crlf_tabs" => b"- hosts: all\r\n\ttasks: []\r\n".to_vec(),
        other => panic!("no bytes called {other}"),
    }
}

/// The case's folder on disk, with whoever listens.
struct Place {
    dir: tempfile::TempDir,
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Place {
    fn new(case: &Case) -> Self {
        let dir = tempfile::Builder::new().prefix("bad-input-").tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        // Ends with the test's process; who connects is turned away at once.
        std::thread::spawn(move || {
            while listener.accept().is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        let place = Self { dir, port, connections };
        for name in ["project", "out", "home"] {
            std::fs::create_dir(place.dir.path().join(name)).unwrap();
        }
        let own = if case.local { LOCAL_HOSTS } else { HOSTS };
        if !case.files.iter().any(|(name, _)| name == "hosts") {
            place.write("hosts", place.fill(own).as_bytes());
        }
        for (name, text) in &case.files {
            place.write(name, place.fill(text).as_bytes());
        }
        for (name, kind) in &case.bytes {
            place.write(name, &bytes(kind));
        }
        for name in &case.dirs {
            std::fs::create_dir_all(place.project().join(name)).unwrap();
        }
        for (name, mode) in &case.modes {
            let path = place.project().join(name);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode)).unwrap();
        }
        place
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.project().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn fill(&self, text: &str) -> String {
        let dir = self.dir.path().to_string_lossy();
        text.replace("$OUT", &format!("{dir}/out"))
            .replace("$DIR", &format!("{dir}/project"))
            .replace("$PORT", &self.port.to_string())
    }

    /// What was printed, without what differs from run to run.
    fn plain(&self, text: &[u8]) -> String {
        let dir = self.dir.path().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(text);
        let mut out = text
            .replace(&format!("{dir}/out"), "$OUT")
            .replace(&format!("{dir}/project"), "$DIR")
            .replace(&dir, "$TMP")
            .replace(&format!(":{}", self.port), ":$PORT");
        for (pattern, with) in [
            (r"run-\d+-[0-9a-f]+", "run-$$ID"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", "$$TIME"),
            (r"\d:\d\d:\d\d\.\d{6}", "$$SPAN"),
        ] {
            out = fancy_regex::Regex::new(pattern).unwrap().replace_all(&out, with).into_owned();
        }
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// Everything below the folder but the agent's cache: name to mode and content.
    fn snapshot(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut out = BTreeMap::new();
        for entry in walkdir::WalkDir::new(self.dir.path()).min_depth(1).into_iter().map(Result::unwrap) {
            let name = entry.path().strip_prefix(self.dir.path()).unwrap().to_string_lossy().into_owned();
            if name.starts_with("home/") {
                continue;
            }
            let content =
                if entry.file_type().is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
            out.insert(name, (entry.metadata().unwrap().mode(), content));
        }
        out
    }

    fn run(&self, case: &Case, program: &mut Command, reference: Option<&Reference>) -> Output {
        let args: Vec<String> = case.args.iter().map(|a| self.fill(a)).collect();
        program
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .env("ANSIBLE_LOCALHOST_WARNING", "0")
            .env("LANG", "C.UTF-8")
            .args(args)
            .envs(case.env.iter().map(|(k, v)| (k, self.fill(v))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(reference) = reference {
            // Its modules are Python.
            program.env("ANSIBLE_PYTHON_INTERPRETER", reference.python());
        }
        let mut child = program.spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(case.stdin.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// What is wrong with a case; nothing if it is as expected.
fn check(path: &Path, update: bool) -> Option<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut case = parse(&text);
    let place = Place::new(&case);
    let before = place.snapshot();
    let output = place.run(&case, Command::new(env!("CARGO_BIN_EXE_windlass")).arg("playbook"), None);
    let (stdout, stderr) = (place.plain(&output.stdout), place.plain(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    let mut wrong = Vec::new();
    if place.snapshot() != before {
        wrong.push("files were changed".to_owned());
    }
    let connections = place.connections.load(Ordering::SeqCst);
    if connections > 0 {
        wrong.push(format!("{connections} connections were made"));
    }
    if stderr.contains("panicked") || code == 101 {
        wrong.push("it panicked".to_owned());
    }
    if update {
        case.exit = code;
        rewrite(path, &text, &case, &stdout, &stderr);
    } else {
        for (what, expected, found) in [("stdout", &case.stdout, &stdout), ("stderr", &case.stderr, &stderr)]
        {
            if expected != found {
                let diff = similar::TextDiff::from_lines(expected.as_str(), found);
                wrong.push(format!("{what} differs\n{}", diff.unified_diff().header("expected", "printed")));
            }
        }
        if code != case.exit {
            wrong.push(format!("exit code {code}, expected {}", case.exit));
        }
        let (recorded, why) = case.ansible.clone().unwrap_or_default();
        if recorded != case.exit && why.is_empty() {
            wrong.push(format!("the reference exits with {recorded}, and no reason is given why we do not"));
        }
    }
    let name = path.strip_prefix(folder()).unwrap().display();
    (!wrong.is_empty()).then(|| format!("{name} ({}):\n{}\n", case.about, wrong.join("\n")))
}

fn rewrite(path: &Path, text: &str, case: &Case, stdout: &str, stderr: &str) {
    let mut out = String::new();
    let mut skip = false;
    let mut told = false;
    let tell = |out: &mut String| {
        out.push_str(&format!("exit {}\n", case.exit));
        if let Some((code, why)) = &case.ansible {
            out.push_str(format!("ansible {code} {why}").trim_end());
            out.push('\n');
        }
    };
    for line in text.split_inclusive('\n') {
        let section = line.trim_end().strip_prefix("-- ").and_then(|l| l.strip_suffix(" --"));
        if let Some(name) = section {
            if !told {
                tell(&mut out);
                told = true;
            }
            skip = matches!(name, "stdout" | "stderr");
        }
        let old = !told && (line.starts_with("exit ") || line.starts_with("ansible "));
        if !skip && !old {
            out.push_str(line);
        }
    }
    if !told {
        tell(&mut out);
    }
    out.push_str(&format!("-- stdout --\n{stdout}-- stderr --\n{stderr}"));
    std::fs::write(path, out).unwrap();
}

fn cases_of(kind: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder().join(kind)).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{kind} has no cases");
    paths
}

/// Runs the reference on every case: its exit code has to be the one that the case records. Several at once: a run
/// of the reference takes most of a second.
pub fn reference_on(kinds: &[&str]) {
    let Some(reference) = Reference::get() else { return };
    let cases: Vec<PathBuf> = kinds.iter().flat_map(|kind| cases_of(kind)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(path) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(reference_differs(path, reference));
        }
        wrong
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(!cases.is_empty() && wrong.is_empty(), "{}", wrong.join("\n"));
}

fn reference_differs(path: &Path, reference: &Reference) -> Option<String> {
    let case = parse(&std::fs::read_to_string(path).unwrap());
    let place = Place::new(&case);
    let connection: &[&str] = if case.local { &[] } else { &["-c", "local"] };
    // What has settings or input of its own needs a process of its own.
    let mut names = case.files.iter().map(|(name, _)| name).chain(case.bytes.iter().map(|(name, _)| name));
    let plain = case.env.is_empty() && case.stdin.is_empty() && !names.any(|name| name == "ansible.cfg");
    let (code, said) = if plain {
        let mut words: Vec<String> = connection.iter().map(|word| (*word).to_owned()).collect();
        words.extend(case.args.iter().map(|word| place.fill(word)));
        // Its modules are Python.
        words.extend([
            "-e".to_owned(),
            format!("ansible_python_interpreter={}", reference.python().display()),
        ]);
        let ended = crate::forked::forked(reference, &place.project(), &words);
        // The end by a signal is -1, as for a process of its own.
        (ended.code.max(-1), ended.out + &ended.errors)
    } else {
        let mut program = Command::new(reference.bin().join("ansible-playbook"));
        let output = place.run(&case, program.args(connection), Some(reference));
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    };
    let recorded = case.ansible.map_or(i32::MIN, |(code, _)| code);
    let name = path.strip_prefix(folder()).unwrap().display();
    (code != recorded)
        .then(|| format!("{name}: the reference exits with {code}, the case says {recorded}\n{said}"))
}

/// Runs every case of a kind and tells all that is wrong with them.
pub fn all_of(kind: &str) {
    let paths = cases_of(kind);
    let update = std::env::var_os("WINDLASS_TEST_UPDATE").is_some();
    let wrong: Vec<String> = paths.iter().filter_map(|path| check(path, update)).collect();
    assert!(wrong.is_empty(), "{} of {} cases are wrong\n\n{}", wrong.len(), paths.len(), wrong.join("\n"));
}
