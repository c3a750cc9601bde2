//! Which names of ansible-core 2.19 (`surface.yml`) Windlass knows. What is missing is in `names.md`, a part of
//! docs/conformance.md: `WINDLASS_UPDATE=1 cargo test --test conformance names` writes it anew. No name may be missing that
//! is not in there.

use clap::CommandFactory;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use windlass::actions::{self, Kind};
use windlass::playbook::keywords;
use windlass::{cli, config, engine, template};

const HEAD: &str = "\
## Names

Every name of ansible-core 2.19 that playbooks, configurations and command lines may have, and which of them Windlass does not know.
An option in this list is one that is refused; what a name that is known means is another question, which the targets ask.

| kind | known | not known |
|---|---|---|
";

/// Names of a kind: those of the reference, and which of them are missing here.
struct Row {
    kind: String,
    all: usize,
    missing: Vec<String>,
}

impl Row {
    fn new<'a>(kind: &str, wanted: impl IntoIterator<Item = &'a str>, known: impl Fn(&str) -> bool) -> Self {
        let wanted: BTreeSet<&str> = wanted.into_iter().collect();
        let missing = wanted.iter().filter(|name| !known(name)).map(|name| (*name).to_owned()).collect();
        Self { kind: kind.to_owned(), all: wanted.len(), missing }
    }
    fn line(&self) -> String {
        let missing: Vec<String> =
            self.missing.iter().map(|name| format!("`{}`", name.replace('|', "\\|"))).collect();
        let known = self.all - self.missing.len();
        format!("| {} | {known} of {} | {} |\n", self.kind, self.all, missing.join(", "))
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

fn surface() -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(folder().join("surface.yml")).unwrap()).unwrap()
}

/// The texts of a list.
fn texts<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a str> {
    let found = path.iter().fold(value, |value, key| &value[*key]);
    let list = found.as_sequence().unwrap_or_else(|| panic!("{path:?} is no list"));
    list.iter().map(|item| item.as_str().unwrap_or_else(|| panic!("{item:?} in {path:?}"))).collect()
}

fn modules(surface: &Value) -> [Row; 2] {
    let known = |name: &str| {
        let action = actions::resolve(&format!("ansible.builtin.{name}"));
        action.filter(|action| action.kind != Kind::Lacking)
    };
    // A part of the original's own `async`, which nobody calls, and what stands in the place of a play.
    let none = ["async_wrapper", "import_playbook"];
    let wanted = texts(surface, &["modules"]).into_iter().filter(|name| !none.contains(name));
    let mut options = Vec::new();
    for (name, described) in surface["module_options"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        if known(name).is_some() {
            // How the original documents a text without a name.
            let own = texts(described, &["options"]);
            let own = own.into_iter().filter(|option| !["free_form", "free-form"].contains(option));
            options.extend(own.map(|option| format!("{name}.{option}")));
        }
    }
    let has = |option: &str| {
        let (module, option) = option.split_once('.').unwrap();
        let spec = known(module).unwrap().spec;
        spec.open || spec.free_form == Some(option) || spec.field(option).is_some()
    };
    [
        Row::new("modules", wanted, |name| known(name).is_some()),
        Row::new("options of these modules", options.iter().map(String::as_str), has),
    ]
}

fn templates(surface: &Value) -> Vec<Row> {
    let known: BTreeMap<_, _> = template::known_names().into_iter().collect();
    let both = |a: &str, b: &str| [texts(surface, &[a]), texts(surface, &[b])].concat();
    let of = |kind: &str, wanted: Vec<&str>| {
        Row::new(&format!("{kind}s"), wanted, |name| known[kind].contains(&name))
    };
    vec![
        of("filter", both("filters_ansible_builtin", "filters_jinja2")),
        of("test", both("tests_ansible_builtin", "tests_jinja2")),
        of("lookup", texts(surface, &["lookup_plugins"])),
    ]
}

fn words(surface: &Value) -> Vec<Row> {
    let of = |kind: &str, known: &[&[&str]]| {
        // `async_val` is what the original calls `async` inside.
        let wanted = texts(surface, &["keywords", kind]).into_iter().filter(|name| *name != "async_val");
        let has = |name: &str| known.iter().any(|some| some.contains(&name));
        Row::new(&format!("keywords of a {}", kind.replace('_', " ")), wanted, has)
    };
    let mut rows = vec![
        of("play", &[keywords::PLAY]),
        of("role", &[keywords::ROLE]),
        of("block", &[keywords::BLOCK]),
        of("task", &[keywords::TASK]),
        of("handler", &[keywords::TASK, keywords::HANDLER]),
        of("loop_control", &[keywords::LOOP_CONTROL]),
    ];
    let meta = |name: &str| engine::meta::KNOWN.contains(&name);
    rows.push(Row::new("`meta` actions", texts(surface, &["meta_actions"]), meta));
    rows
}

fn options(surface: &Value) -> Vec<Row> {
    let own = cli::Cli::command();
    let mut rows = Vec::new();
    for (program, name) in
        [("ansible-playbook", "playbook"), ("ansible-inventory", "inventory"), ("ansible", "adhoc")]
    {
        let mut flags = Vec::new();
        for option in surface["cli"][program]["options"].as_sequence().unwrap() {
            if option.get("flags").is_some() {
                flags.extend(texts(option, &["flags"]));
            }
        }
        let command = own.find_subcommand(name);
        let has = |flag: &str| {
            let Some(command) = command else { return false };
            let given = ["-h", "--help", "--version"].contains(&flag);
            given
                || command.get_arguments().any(|argument| {
                    let shorts = argument.get_short_and_visible_aliases().unwrap_or_default();
                    let hidden = argument.get_all_short_aliases().unwrap_or_default();
                    let longs = argument.get_long().into_iter().map(str::to_owned);
                    let aliases =
                        argument.get_all_aliases().unwrap_or_default().into_iter().map(str::to_owned);
                    longs.chain(aliases).any(|long| flag == format!("--{long}"))
                        || shorts.iter().chain(&hidden).any(|short| flag == format!("-{short}"))
                })
        };
        rows.push(Row::new(&format!("options of `{program}`"), flags, has));
    }
    rows
}

fn settings(surface: &Value) -> Row {
    let wanted = surface["config_settings"].as_mapping().unwrap();
    let has = |name: &str| config::SETTINGS.iter().any(|setting| setting.name == name);
    Row::new("settings", wanted.keys().map(|name| name.as_str().unwrap()), has)
}

#[test]
fn names_that_are_missing_are_written_down() {
    let surface = surface();
    let mut rows = Vec::from(modules(&surface));
    rows.extend(templates(&surface));
    rows.extend(words(&surface));
    rows.extend(options(&surface));
    rows.push(settings(&surface));
    let mut text = HEAD.to_owned();
    for row in &rows {
        assert!(row.all > 0, "{}: the reference has none?", row.kind);
        write!(text, "{}", row.line()).unwrap();
    }
    let path = folder().join("names.md");
    if std::env::var_os("WINDLASS_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let mut lost = Vec::new();
    for row in &rows {
        let line =
            written.lines().find(|line| line.starts_with(&format!("| {} |", row.kind))).unwrap_or_default();
        let is_known = |name: &&String| !line.contains(&format!("`{}`", name.replace('|', "\\|")));
        lost.extend(row.missing.iter().filter(is_known).map(|name| format!("{}: {name}", row.kind)));
    }
    assert!(lost.is_empty(), "missing, and not in names.md (WINDLASS_UPDATE=1 writes it anew): {lost:#?}");
    if written != text {
        eprintln!("names.md is older than what Windlass knows: WINDLASS_UPDATE=1 writes it anew");
    }
}

#[test]
fn targets_over_ssh_and_reasons_are_of_targets_that_there_are() {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let first = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let targets = first(&read("targets.txt"));
    assert!(targets.is_sorted() && targets.len() > 100, "{} targets", targets.len());
    let over_ssh = first(&read("over_ssh.txt"));
    assert_eq!(over_ssh.len(), 20);
    for name in over_ssh.iter().chain(&first(&read("reasons.txt"))) {
        assert!(targets.contains(name), "there is no target {name}");
    }
}
