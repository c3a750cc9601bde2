//! Running modules on the imagined machine (and on any other), as the server does for a request.

use super::Fake;
use crate::blobs::{BlobRef, Blobs};
use crate::module::Context;
use crate::registry::{self, Entry};
use crate::system::Mutate;
use std::path::PathBuf;
use windlass_protocol::{Json, JsonMap, Outcome};

/// A request in the making: `fake.task("copy", json!({...})).blob("content", b"x").diff().run()`.
pub struct Task<'a> {
    system: &'a dyn Mutate,
    entry: Option<&'static Entry>,
    name: String,
    args: JsonMap,
    blobs: Blobs,
    check: bool,
    diff: bool,
    environment: Vec<(String, String)>,
    scratch: PathBuf,
    sent: Vec<PathBuf>,
}

impl<'a> Task<'a> {
    /// A request to the module of that name (short, canonical, or one of its other names).
    #[must_use]
    pub fn new(system: &'a dyn Mutate, name: &str, args: Json) -> Self {
        let known = |entry: &&Entry| {
            let spec = entry.spec;
            spec.name == name || spec.short_name() == name || spec.aliases.contains(&name)
        };
        let args = match args {
            Json::Object(map) => map,
            _ => JsonMap::new(),
        };
        Self {
            system,
            entry: registry::MODULES.iter().find(known),
            name: name.to_owned(),
            args,
            blobs: Blobs::default(),
            check: false,
            diff: false,
            environment: Vec::new(),
            scratch: PathBuf::from("/tmp"),
            sent: Vec::new(),
        }
    }
    /// Adds a content.
    #[must_use]
    pub fn blob(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.blobs.insert(name, BlobRef::memory(content.as_ref().to_vec()));
        self
    }
    /// Adds a variable of the task's `environment:`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Plans only.
    #[must_use]
    pub fn check(mut self) -> Self {
        self.check = true;
        self
    }
    /// Where the module keeps what is no part of the machine, in place of `/tmp`.
    #[must_use]
    pub fn scratch(mut self, folder: &std::path::Path) -> Self {
        self.scratch = folder.to_owned();
        self
    }
    /// Gives before and after.
    #[must_use]
    pub fn diff(mut self) -> Self {
        self.diff = true;
        self
    }
    /// Runs it. What is wrong with the arguments becomes a failed outcome, as the controller does it.
    pub fn run(&mut self) -> Outcome {
        let Some(entry) = self.entry else {
            return Outcome::failure(format!("there is no module '{}'", self.name));
        };
        let args = match windlass_protocol::args::normalize(entry.spec, &self.args) {
            Ok(args) => args,
            Err(errors) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                return Outcome::failure(texts.join("; "));
            }
        };
        let cx = Context {
            check: self.check,
            diff: self.diff,
            no_log: false,
            environment: &self.environment,
            blobs: &self.blobs,
            scratch: &self.scratch,
        };
        let text = serde_json::to_vec(&args).unwrap_or_default();
        let ran = entry.run(&text, &cx, self.system, None);
        self.sent = ran.send;
        ran.outcome
    }
    /// The files that the run wants to send back.
    #[must_use]
    pub fn sent(&self) -> &[PathBuf] {
        &self.sent
    }
}

impl Fake {
    /// A request to a module.
    #[must_use]
    pub fn task(&self, name: &str, args: Json) -> Task<'_> {
        Task::new(self, name, args)
    }
    /// Runs a module.
    pub fn run_module(&self, name: &str, args: Json) -> Outcome {
        self.task(name, args).run()
    }
    /// Runs a module in check mode with diff.
    ///
    /// # Panics
    /// If the module changed something all the same.
    pub fn check_module(&self, name: &str, args: Json) -> Outcome {
        let before = self.picture();
        let outcome = self.task(name, args).check().diff().run();
        assert_eq!(before, self.picture(), "{name} changed something in check mode");
        outcome
    }
    /// Everything but access and change times, to compare two moments.
    #[must_use]
    pub fn picture(&self) -> Vec<String> {
        self.state().tree.picture()
    }
}
