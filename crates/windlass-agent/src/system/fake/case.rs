//! Module tests as data: arguments, an imagined machine, and what has to come of it.
//!
//! ```json
//! { "args": {"path": "/srv/x", "state": "directory", "mode": "0750"},
//!   "system": {"files": {"/etc/motd": "text", "/srv/y": {"text": "a", "mode": "0600", "owner": "www"},
//!                        "/srv/d": {"kind": "directory"}, "/srv/l": {"link": "/srv/y"}},
//!              "users": {"www": 33}, "env": {"HOME": "/root"},
//!              "programs": {"systemctl is-active x": {"rc": 3, "stdout": "inactive\n"}}},
//!   "blobs": {"content": "text of the blob"},
//!   "changed": true, "msg": "...", "values": {"mode": "0750"},
//!   "after": {"/srv/x": {"kind": "directory", "mode": "0750"}, "/srv/gone": null, "/etc/motd": "text"},
//!   "ran": ["systemctl start x"], "diff": [["before", "after"]] }
//! ```
//!
//! A case runs in check mode first (nothing may change, `changed` has to be the same), then for real, then a second
//! time, which has to change nothing unless the case says `"again": "changed"`, or `"again": "skip"`. `values` and `after`
//! name only what has to be compared. A case file holds one case or a list of them.

use super::{Fake, Node, output};
use crate::system::RunOutput;
use serde::Deserialize;
use std::collections::BTreeMap;
use windlass_protocol::{Diff, FileKind, Json, JsonMap, Outcome};

/// A test of a module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    #[serde(default)]
    pub about: String,
    args: Json,
    #[serde(default)]
    system: Machine,
    #[serde(default)]
    blobs: BTreeMap<String, String>,
    #[serde(default)]
    changed: bool,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    skipped: bool,
    msg: Option<String>,
    /// A part of the message.
    msg_has: Option<String>,
    #[serde(default)]
    values: JsonMap,
    #[serde(default)]
    after: BTreeMap<String, Json>,
    /// Command lines that the plan ran.
    ran: Option<Vec<String>>,
    /// Texts before and after.
    diff: Option<Vec<(String, String)>>,
    /// What the second run has to be: nothing (no change), `changed` or `skip`.
    #[serde(default)]
    again: String,
    /// The module does not go along with check mode in this case.
    #[serde(default)]
    no_check: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Machine {
    files: BTreeMap<String, Json>,
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
    env: BTreeMap<String, String>,
    programs: BTreeMap<String, Script>,
    now: Option<i64>,
    /// The agent runs as this user.
    user: Option<String>,
    disk_full: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    rc: i32,
    stdout: String,
    stderr: String,
    /// Files that it writes (null: removes).
    writes: BTreeMap<String, Option<String>>,
}

/// Why the machine of a case cannot be imagined.
#[derive(Debug, thiserror::Error)]
enum CaseError {
    #[error("{path}: what is {node}?")]
    Node { path: String, node: Json },
    #[error("no user {0}")]
    User(String),
}

impl Case {
    /// Runs it; the mistakes found, none if it holds.
    #[must_use]
    pub fn run(&self, module: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let fake = match self.machine() {
            Ok(fake) => fake,
            Err(error) => return vec![error.to_string()],
        };
        if !self.no_check {
            let before = fake.picture();
            let outcome = self.task(&fake, module, true);
            if fake.picture() != before {
                wrong.push("check mode changed something".to_owned());
            }
            if !self.failed && outcome.failed {
                wrong.push(format!("check mode failed: {:?}", outcome.msg));
            } else if !self.failed && outcome.changed != self.changed {
                wrong.push(format!("check mode says changed={}", outcome.changed));
            }
            fake.forget();
        }
        let outcome = self.task(&fake, module, false);
        self.compare(&outcome, &fake, &mut wrong);
        if self.again != "skip" && !self.failed {
            let second = self.task(&fake, module, false);
            if second.failed {
                wrong.push(format!("the second run failed: {:?}", second.msg));
            } else if second.changed != (self.again == "changed") {
                wrong.push(format!("the second run says changed={}: {:?}", second.changed, second.changes));
            }
        }
        wrong
    }

    fn task(&self, fake: &Fake, module: &str, check: bool) -> Outcome {
        let mut task = fake.task(module, self.args.clone());
        for (name, content) in &self.blobs {
            task = task.blob(name, content);
        }
        if self.diff.is_some() {
            task = task.diff();
        }
        if check {
            task = task.check();
        }
        task.run()
    }

    fn compare(&self, outcome: &Outcome, fake: &Fake, wrong: &mut Vec<String>) {
        let flags = (outcome.changed, outcome.failed, outcome.skipped);
        if flags != (self.changed, self.failed, self.skipped) {
            wrong.push(format!(
                "changed, failed, skipped are {flags:?} instead of {:?}; msg {:?}",
                (self.changed, self.failed, self.skipped),
                outcome.msg
            ));
        }
        let msg = outcome.msg.clone().unwrap_or_default();
        if self.msg.as_ref().is_some_and(|wanted| *wanted != msg) {
            wrong.push(format!("msg is {msg:?} instead of {:?}", self.msg));
        }
        if self.msg_has.as_ref().is_some_and(|wanted| !msg.contains(wanted.as_str())) {
            wrong.push(format!("msg is {msg:?}, without {:?}", self.msg_has));
        }
        let values = outcome.values();
        for (key, wanted) in &self.values {
            let found = values.get(key).unwrap_or(&Json::Null);
            if found != wanted {
                wrong.push(format!("{key} is {found} instead of {wanted}"));
            }
        }
        for (path, wanted) in &self.after {
            let found = describe(fake, path);
            let same = match (wanted, &found) {
                (Json::Null, found) => found.is_none(),
                (Json::String(text), Some(found)) => found.get("text").and_then(Json::as_str) == Some(text),
                (Json::Object(parts), Some(found)) => parts.iter().all(|(key, v)| found.get(key) == Some(v)),
                _ => false,
            };
            if !same {
                let found = found.map(Json::Object);
                wrong.push(format!("{path} is {} instead of {wanted}", found.unwrap_or_default()));
            }
        }
        if let Some(wanted) = &self.ran
            && *wanted != fake.commands()
        {
            wrong.push(format!("ran {:?} instead of {wanted:?}", fake.commands()));
        }
        if let Some(wanted) = &self.diff {
            let found: Vec<(String, String)> = outcome.diff.iter().map(sides).collect();
            if found != *wanted {
                wrong.push(format!("diff is {found:?} instead of {wanted:?}"));
            }
        }
    }

    fn machine(&self) -> Result<Fake, CaseError> {
        let fake = Fake::new();
        let system = &self.system;
        for (name, uid) in &system.users {
            fake.user_named(name, *uid, &format!("/home/{name}"));
        }
        for (name, gid) in &system.groups {
            fake.set_group(crate::system::Group { name: name.clone(), gid: *gid, members: Vec::new() });
        }
        for (key, value) in &system.env {
            fake.set_env(key, value);
        }
        if let Some(now) = system.now {
            fake.set_now(now);
        }
        for (path, node) in &system.files {
            let wrong = || CaseError::Node { path: path.clone(), node: node.clone() };
            fake.put(path, self.node(node).ok_or_else(wrong)?);
        }
        for path in &system.disk_full {
            fake.disk_full(path);
        }
        if let Some(name) = &system.user {
            let uid = *system.users.get(name).ok_or_else(|| CaseError::User(name.clone()))?;
            fake.act_as(uid, uid);
        }
        let scripts = std::sync::Arc::new(system.programs.clone());
        let names: std::collections::BTreeSet<String> =
            scripts.keys().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        for name in names {
            let scripts = std::sync::Arc::clone(&scripts);
            fake.program_with(&name, move |fake, run| play(&scripts, fake, &run.argv));
        }
        Ok(fake)
    }

    fn node(&self, value: &Json) -> Option<Node> {
        let Json::Object(map) = value else { return value.as_str().map(Node::file) };
        let text = |key: &str| map.get(key).and_then(Json::as_str);
        let mut node = match (text("link"), text("kind")) {
            (Some(target), _) => Node::link(target),
            (None, Some("directory")) => Node::directory(),
            (None, Some("fifo")) => Node::special(FileKind::Fifo),
            _ => Node::file(text("text").unwrap_or_default()),
        };
        if let Some(mode) = text("mode") {
            node = node.mode(u32::from_str_radix(mode, 8).ok()?);
        }
        let id = |name: &str| if name == "root" { Some(0) } else { self.system.users.get(name).copied() };
        let owner = text("owner").map_or(Some(0), id)?;
        let group_id = |name: &str| id(name).or_else(|| self.system.groups.get(name).copied());
        node = node.owner(owner, text("group").map_or(Some(0), group_id)?);
        if let Some(time) = map.get("mtime").and_then(Json::as_i64) {
            node = node.time(time);
        }
        if let Some(letters) = text("attributes") {
            node.attributes = letters.to_owned();
        }
        Some(node)
    }
}

/// Finds the script with the longest command line that begins as this one.
fn play(scripts: &BTreeMap<String, Script>, fake: &Fake, argv: &[String]) -> RunOutput {
    let line = argv.join(" ");
    let name = argv.first().map(|a| a.rsplit('/').next().unwrap_or(a).to_owned()).unwrap_or_default();
    let short = std::iter::once(name).chain(argv.iter().skip(1).cloned()).collect::<Vec<_>>().join(" ");
    let fits = |key: &&String| short.starts_with(key.as_str()) || line.starts_with(key.as_str());
    let Some(key) = scripts.keys().filter(fits).max_by_key(|key| key.len()) else {
        return output(127, "", &format!("the case has no script for: {line}"));
    };
    let script = &scripts[key];
    for (path, text) in &script.writes {
        match text {
            Some(text) => fake.file(path, text),
            None => fake.delete(path),
        }
    }
    output(script.rc, &script.stdout, &script.stderr)
}

fn sides(diff: &Diff) -> (String, String) {
    match diff {
        Diff::Text { before, after } | Diff::State { before, after } => {
            (before.text.clone(), after.text.clone())
        }
        Diff::Prepared(text) => (String::new(), text.clone()),
        Diff::Omitted { path, reason } => (path.clone(), reason.clone()),
    }
}

/// What is at a path, as a case describes it.
fn describe(fake: &Fake, path: &str) -> Option<JsonMap> {
    let node = fake.node(path)?;
    let state = fake.state();
    let mut map = JsonMap::new();
    let kind = format!("{:?}", node.meta.kind).to_lowercase();
    let owner = state.users.iter().find(|u| u.uid == node.meta.uid).map(|u| u.name.clone());
    let group = state.groups.iter().find(|g| g.gid == node.meta.gid).map(|g| g.name.clone());
    map.insert("kind".into(), kind.into());
    map.insert("mode".into(), format!("{:04o}", node.meta.mode).into());
    map.insert("owner".into(), owner.unwrap_or_else(|| node.meta.uid.to_string()).into());
    map.insert("group".into(), group.unwrap_or_else(|| node.meta.gid.to_string()).into());
    map.insert("mtime".into(), node.meta.mtime.0.into());
    map.insert("attributes".into(), node.attributes.into());
    match node.meta.kind {
        FileKind::Link => map.insert("link".into(), node.target.into()),
        FileKind::File => map.insert("text".into(), String::from_utf8_lossy(&node.content).into()),
        _ => None,
    };
    Some(map)
}
