//! Questions on a terminal: each stays readable until it is answered, although a progress line is drawn meanwhile, and a secret
//! answer never shows. The program runs on a terminal of its own, made by `script`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PLAYBOOK: &str = "
- hosts: localhost
  connection: local
  gather_facts: false
  vars_prompt:
    - {name: colour, prompt: Which colour, private: false}
    - {name: token, prompt: Which token}
  tasks:
    - name: Paint
      debug: {msg: '{{ colour }} and {{ token | length }}'}
    - name: Wait
      pause: {prompt: Go on}
";

/// A program on a terminal.
struct Screen {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
    /// What was shown before the last answer.
    seen: usize,
}

impl Screen {
    fn start(folder: &std::path::Path, arguments: &str) -> Self {
        let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_windlass"));
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"])
            .current_dir(folder)
            .env("TERM", "xterm")
            .env("ANSIBLE_NOCOLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let mut out = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut piece) {
                copy.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        Self { child, keys, shown, seen: 0 }
    }

    fn text(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for a question, leaves it open for longer than the progress line needs to be drawn, and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        let since = Instant::now();
        while !self.text()[self.seen..].contains(question) {
            assert!(since.elapsed() < Duration::from_secs(60), "no '{question}' in {:?}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(500));
        let text = self.text();
        assert!(text.ends_with(question), "'{question}' was drawn over: {:?}", &text[self.seen..]);
        self.seen = text.len();
        self.keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        (status.code(), self.text())
    }
}

#[test]
fn questions_stay_until_they_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.yml"), PLAYBOOK).unwrap();
    let mut screen = Screen::start(folder.path(), "playbook --step -K site.yml");
    screen.answer("BECOME password: ", "a-become-secret");
    screen.answer("Which colour: ", "green");
    screen.answer("Which token: ", "a-token");
    screen.answer("Perform task: TASK: Paint (N)o/(y)es/(c)ontinue: ", "y");
    screen.answer("Perform task: TASK: Wait (N)o/(y)es/(c)ontinue: ", "c");
    screen.answer("Go on:", "");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("green and 7"), "{text}");
    assert!(!text.contains("a-become-secret") && !text.contains("a-token"), "{text}");
}

#[test]
fn a_task_that_is_not_confirmed_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.yml"), PLAYBOOK).unwrap();
    let mut screen = Screen::start(folder.path(), "playbook --step site.yml -e colour=red -e token=x");
    screen.answer("Perform task: TASK: Paint (N)o/(y)es/(c)ontinue: ", "n");
    screen.answer("Perform task: TASK: Wait (N)o/(y)es/(c)ontinue: ", "");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("red and 1") && !text.contains("Go on"), "{text}");
}
