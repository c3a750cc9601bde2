//! Running a file of tasks.

use crate::case::{File, Step, Task};
use crate::compare::{Differences, Side};
use crate::plant::plant;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use windlass_agent::system::real::Real;
use windlass_agent::system::{fake, http::client};
use windlass_test_oracle::{Modules, Reference, Times, WebServer, picture};

/// Two trees, and what works on them.
struct Bench<'a> {
    file: &'a File,
    reference: Modules,
    trees: (TempDir, TempDir),
}

/// Runs all of a file.
pub fn file(text: &str) {
    let file = File::read(text);
    let Some(reference) = Reference::get() else { return };
    let of_collection =
        |step: &Step| matches!(step, Step::Task(task) if reference_name(&task.module).contains('.'));
    let collections = if file.cases().iter().flatten().any(of_collection) {
        let Some(folder) = reference.collections() else { return };
        Some(folder)
    } else {
        None
    };
    let mut failures = Vec::new();
    let (mut tasks, mut exceptions) = (0, 0);
    let mut reference = Modules::start(reference, collections, &ENVIRONMENT).unwrap();
    for case in file.cases() {
        let trees = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut bench = Bench { file: &file, reference, trees };
        bench.plant();
        for step in case {
            match step {
                Step::Shell(script) => bench.shell(&script),
                Step::Task(task) => {
                    tasks += 1;
                    exceptions += usize::from(!task.except.is_empty());
                    bench.task(&task, &mut failures);
                }
            }
        }
        reference = bench.reference;
    }
    println!("{tasks} tasks, {exceptions} with intended differences, {} differences", failures.len());
    assert!(failures.is_empty(), "{} differences in {tasks} tasks:\n{}", failures.len(), failures.join("\n"));
}

/// The module's name for the reference.
fn reference_name(module: &str) -> String {
    match module {
        "htpasswd" | "django_manage" => format!("community.general.{module}"),
        "sysctl" | "authorized_key" => format!("ansible.posix.{module}"),
        "shell" => "command".to_owned(),
        other => other.to_owned(),
    }
}

/// Both sides have it: a repository may be a folder, also that of a submodule.
const ENVIRONMENT: [(&str, &str); 2] =
    [("GIT_ALLOW_PROTOCOL", "file:http:https"), ("GIT_CONFIG_GLOBAL", "/dev/null")];

fn web() -> &'static WebServer {
    static ONE: OnceLock<WebServer> = OnceLock::new();
    ONE.get_or_init(|| WebServer::start().unwrap())
}

fn fill(text: &str, root: &Path) -> String {
    text.replace("{root}", &root.display().to_string())
        .replace("{web}", &format!("http://{}", web().address()))
}

impl Bench<'_> {
    fn roots(&self) -> [&Path; 2] {
        [self.trees.0.path(), self.trees.1.path()]
    }

    fn plant(&self) {
        self.roots().into_iter().for_each(plant);
        if let Some(script) = &self.file.prepare {
            self.shell(script);
        }
    }

    fn shell(&self, script: &str) {
        for root in self.roots() {
            let mut command = Command::new("sh");
            command.args(["-ec", &fill(script, root)]).current_dir(root).envs(ENVIRONMENT);
            for who in ["AUTHOR", "COMMITTER"] {
                command
                    .env(format!("GIT_{who}_NAME"), "A U Thor")
                    .env(format!("GIT_{who}_EMAIL"), "a@u.thor");
                command.env(format!("GIT_{who}_DATE"), "2020-01-01T00:00:00Z");
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    fn task(&mut self, task: &Task, failures: &mut Vec<String>) {
        let passes: &[(&str, bool)] = match task.once {
            true => &[("check", true), ("first", false)],
            false => &[("check", true), ("first", false), ("second", false)],
        };
        let passes = if self.file.unchecked.is_some() { &passes[1..] } else { passes };
        let mut used = Vec::new();
        for (pass, check) in passes {
            let [left, right] = [self.trees.0.path().to_owned(), self.trees.1.path().to_owned()];
            let theirs = self.theirs(task, &left, *check);
            let ours = ours(task, &right, *check);
            let mut found = Differences::default();
            if !(*check && self.file.foreseen.is_some()) {
                found.results(&theirs, &ours, &self.file.skip);
            }
            let unseen = |name: &str| self.file.unseen.iter().any(|part| name.split('/').any(|p| p == part));
            found.trees(
                picture(&left, Times::No, |name| !unseen(name)).unwrap(),
                picture(&right, Times::No, |name| !unseen(name)).unwrap(),
            );
            for (what, text) in found.0 {
                let all = task.except.contains_key("*") && what != "tree";
                if all || task.except.contains_key(&what) {
                    used.push(if all { "*".to_owned() } else { what });
                } else {
                    failures.push(format!("{} {} {pass}: {text}", task.module, task.args));
                }
            }
        }
        for (what, why) in task.except.iter().filter(|(what, _)| !used.contains(what)) {
            failures.push(format!("{} {}: {what} is no exception any more ({why})", task.module, task.args));
        }
    }

    fn theirs(&mut self, task: &Task, root: &Path, check: bool) -> Side {
        let mut args: Value = serde_json::from_str(&fill(&task.args.to_string(), root)).unwrap();
        if matches!(task.module.as_str(), "command" | "shell") {
            // What the action does on the controller.
            if let Some(cmd) = args.as_object_mut().unwrap().remove("cmd") {
                args["_raw_params"] = cmd;
            }
            args["_uses_shell"] = json!(task.module == "shell");
        }
        let started = Instant::now();
        let result = self.reference.run(&reference_name(&task.module), &args, check);
        let result = result.unwrap_or_else(|error| panic!("{} {}: {error}", task.module, task.args));
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the reference takes too long: {} {}",
            task.module,
            task.args
        );
        Side::of_reference(result, root)
    }
}

fn ours(task: &Task, root: &Path, check: bool) -> Side {
    let args: Value = serde_json::from_str(&fill(&task.args.to_string(), root)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let real = Real::new().with_environment(environment.to_vec()).with_web(client::fetch);
    let mut request = fake::Task::new(&real, &task.module, args).diff().scratch(scratch.path());
    for (name, value) in ENVIRONMENT {
        request = request.env(name, value);
    }
    if check {
        request = request.check();
    }
    Side::of_outcome(&request.run(), root)
}
