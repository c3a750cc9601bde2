//! ansible-playbook, started once for many runs: it takes a second to import itself, and each run is a fork of one that has.
//! What runs there is the command itself; `reference.py` has the how.

use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use windlass_test_oracle::Reference;

/// What a program left when it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub errors: String,
}

/// The environment that every run has, by whichever program.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("ANSIBLE_LOCALHOST_WARNING", "0"),
    ("ANSIBLE_NOCOLOR", "1"),
    ("ANSIBLE_SHOW_CUSTOM_STATS", "1"),
    ("WINDLASS_TEST_VALUE", "v"),
];

/// One that has imported itself and waits for runs.
struct Ready {
    process: Child,
    wishes: ChildStdin,
    codes: BufReader<ChildStdout>,
}

/// Those that are not at work.
static READY: Mutex<Vec<Ready>> = Mutex::new(Vec::new());

impl Ready {
    fn start(reference: &Reference) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/reference.py");
        let mut command = Command::new(reference.python());
        command.arg(script).arg(reference.bin().join("ansible-playbook"));
        command.env_remove("ANSIBLE_CONFIG").envs(ENVIRONMENT);
        // As for a program that a test starts: no colours and widths of a terminal.
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let wishes = process.stdin.take().unwrap();
        let codes = BufReader::new(process.stdout.take().unwrap());
        Self { process, wishes, codes }
    }

    fn run(&mut self, folder: &Path, words: &[String]) -> Ended {
        let place = tempfile::tempdir().unwrap();
        let (out, errors) = (place.path().join("out"), place.path().join("errors"));
        let wish = json!({"words": words, "folder": folder, "out": out, "errors": errors});
        writeln!(self.wishes, "{wish}").unwrap();
        let mut code = String::new();
        self.codes.read_line(&mut code).unwrap();
        let read =
            |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        let code = code.trim().parse();
        let code = code.unwrap_or_else(|_| panic!("the reference has ended: {:?}", self.process.wait()));
        Ended { code, out: read(&out), errors: read(&errors) }
    }
}

/// Runs ansible-playbook with these words in a folder.
pub fn forked(reference: &Reference, folder: &Path, words: &[String]) -> Ended {
    let taken = READY.lock().unwrap().pop();
    let mut ready = taken.unwrap_or_else(|| Ready::start(reference));
    let ended = ready.run(folder, words);
    READY.lock().unwrap().push(ready);
    ended
}
