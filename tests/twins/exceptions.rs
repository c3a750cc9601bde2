//! What differs on purpose: `exceptions.yml`, a list of patterns with reasons.

use crate::compare::Difference;
use crate::stage::here;
use fancy_regex::Regex;
use windlass_test_hosts::Suite;

struct Exception {
    run: Option<Regex>,
    task: Regex,
    place: Regex,
    ours: Option<Regex>,
    theirs: Option<Regex>,
    text: String,
    used: bool,
    /// Whether it has to be of use: it is for this playbook, this release, and not for chance.
    needed: bool,
}

/// The exceptions of a playbook.
pub struct Exceptions(Vec<Exception>);

impl Exceptions {
    pub fn of(playbook: &str, suite: Suite) -> Self {
        let text = std::fs::read_to_string(here().join("exceptions.yml")).unwrap();
        let all: Vec<serde_json::Map<String, serde_json::Value>> = serde_yaml::from_str(&text).unwrap();
        let exceptions = all.iter().filter_map(|entry| {
            let field = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
            let known =
                ["playbook", "run", "task", "place", "ours", "theirs", "reason", "sometimes", "suite"];
            assert!(entry.keys().all(|key| known.contains(&key.as_str())), "an unknown key in {entry:?}");
            assert!(field("reason").is_some_and(|reason| reason.len() > 10), "no reason in {entry:?}");
            let pattern = |name: &str| field(name).map(|p| Regex::new(&format!("(?s)^(?:{p})$")).unwrap());
            let of_playbook = pattern("playbook");
            let here = of_playbook.as_ref().is_none_or(|p| p.is_match(playbook).unwrap());
            let release = field("suite").is_none_or(|name| name == suite.name());
            (here && release).then(|| Exception {
                run: pattern("run"),
                task: pattern("task").unwrap_or_else(|| Regex::new("").unwrap()),
                place: pattern("place").unwrap_or_else(|| Regex::new("").unwrap()),
                ours: pattern("ours"),
                theirs: pattern("theirs"),
                text: format!("{entry:?}"),
                used: false,
                needed: of_playbook.is_some() && !entry.contains_key("sometimes"),
            })
        });
        Self(exceptions.collect())
    }

    /// Whether a difference is one of these.
    pub fn cover(&mut self, found: &Difference) -> bool {
        let is = |pattern: &Regex, text: &str| pattern.is_match(text).unwrap();
        let fits = |e: &&mut Exception| {
            e.run.as_ref().is_none_or(|p| is(p, &found.run))
                && is(&e.task, &found.task)
                && is(&e.place, &found.place)
                && e.ours.as_ref().is_none_or(|p| is(p, &found.ours))
                && e.theirs.as_ref().is_none_or(|p| is(p, &found.theirs))
        };
        self.0.iter_mut().filter(fits).map(|e| e.used = true).count() > 0
    }

    /// Those that covered nothing.
    pub fn unused(&self) -> Vec<&str> {
        self.0.iter().filter(|e| e.needed && !e.used).map(|e| e.text.as_str()).collect()
    }
}
