//! `windlass config`: the settings, their values, and whether they are honoured.

use super::Console;
use crate::cli::config::{
    CommonArgs, ConfigAction, ConfigArgs, DumpArgs, DumpFormat, InitArgs, InitFormat, ListArgs, ListFormat,
};
use crate::config::Config;
use crate::config::known::{self, Known};
use crate::report::json;
use crate::template::{YamlLayout, dump_yaml};
use serde_json::{Map as JsonMap, Value as Json, json};
use std::fmt::Write;
use std::path::PathBuf;
use windlass_protocol::args::python_text;
use windlass_yaml::diagnostic::Diagnostic;

/// Shows what was asked for. The exit code: 0, 1 if there is no file to view, 5 for a file that is not there or is wrong.
pub fn run(args: &ConfigArgs, console: &mut Console<'_>) -> u8 {
    let (ConfigAction::View(common)
    | ConfigAction::List(ListArgs { common, .. })
    | ConfigAction::Dump(DumpArgs { common, .. })
    | ConfigAction::Init(InitArgs { common, .. })) = &args.action;
    let config = match load(common) {
        Ok(config) => config,
        Err(problem) => {
            console.report(&problem);
            return 5;
        }
    };
    for problem in config.errors.iter().chain(&config.warnings) {
        console.report(problem);
    }
    if !config.errors.is_empty() {
        return 5;
    }
    let colored =
        (console.interactive && !config.flag("ANSIBLE_NOCOLOR")) || config.flag("ANSIBLE_FORCE_COLOR");
    let text = match &args.action {
        ConfigAction::List(args) => list(args),
        ConfigAction::Dump(args) => dump(args, &config, colored),
        ConfigAction::Init(args) => init(args, &config),
        ConfigAction::View(_) => match view(&config) {
            Ok(text) => text,
            Err(problem) => {
                console.report(&problem);
                return 1;
            }
        },
    };
    let text = if text.ends_with('\n') { text } else { text + "\n" };
    // A reader that has seen enough closes the pipe.
    let _ = console.print(&text);
    0
}

fn load(common: &CommonArgs) -> Result<Config, Box<Diagnostic>> {
    let Some(file) = &common.config else { return Ok(Config::load()) };
    let file = PathBuf::from(known::resolved(&file.to_string_lossy(), None));
    if std::fs::File::open(&file).is_err() {
        let text =
            format!("The provided configuration file is missing or not accessible: {}", file.display());
        return Err(Box::new(Diagnostic::error(text).hint("-c names another file")));
    }
    Ok(Config::load_file(file))
}

fn wanted(honoured: bool) -> impl Iterator<Item = &'static Known> {
    known::all().iter().filter(move |known| !honoured || known.is_honoured())
}

fn about(known: &Known) -> &'static str {
    known.doc().unwrap_or("Not honoured by windlass.")
}

fn yaml(value: &Json) -> String {
    let layout = YamlLayout { flow: Some(false), ..YamlLayout::default() };
    dump_yaml(value, &layout, &|_| None)
}

fn list(args: &ListArgs) -> String {
    let mut all = JsonMap::new();
    for known in wanted(args.honoured) {
        let mut entry = JsonMap::new();
        let mut set = |key: &str, value: Json| drop(entry.insert(key.to_owned(), value));
        set("honoured", Json::Bool(known.is_honoured()));
        set("description", Json::from(about(known)));
        if let Some(default) = &known.default {
            set("default", default.clone());
        }
        if let Some(kind) = known.kind {
            set("type", Json::from(kind));
        }
        let named = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
        for (key, names) in [("env", &known.env), ("vars", &known.vars)] {
            if !names.is_empty() {
                set(key, Json::from(named(names)));
            }
        }
        if !known.ini.is_empty() {
            let places = known.ini.iter().map(|(section, key)| json!({"section": section, "key": key}));
            set("ini", places.collect());
        }
        all.insert(known.name.to_owned(), Json::Object(entry));
    }
    all.insert("GALAXY_SERVERS".to_owned(), json!({}));
    match args.format {
        ListFormat::Yaml => yaml(&Json::Object(all)),
        ListFormat::Json => json::dump_json(&Json::Object(all), true),
    }
}

fn dump(args: &DumpArgs, config: &Config, color: bool) -> String {
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    // The file itself counts as a setting that nothing sets.
    let file = config.file.as_ref().map_or(Json::Null, |file| Json::from(file.display().to_string()));
    let mut all: Vec<(&str, Json, String)> = vec![("CONFIG_FILE", file, String::new())];
    all.extend(wanted(args.honoured).map(|known| {
        let (value, origin) = known.value(config);
        (known.name, value, origin)
    }));
    all.sort_by_key(|(name, ..)| *name);
    for (name, value, origin) in all {
        let changed = origin != "default";
        if args.only_changed && !changed {
            continue;
        }
        let line = format!("{name}({origin}) = {}", python_text(&value));
        let paint = if changed { "\u{1b}[0;33m" } else { "\u{1b}[0;32m" };
        lines.push(if color { format!("{paint}{line}\u{1b}[0m") } else { line });
        entries.push(json!({"name": name, "value": value, "origin": origin}));
    }
    lines.push("\nGALAXY_SERVERS:\n".to_owned());
    entries.push(json!({"GALAXY_SERVERS": {}}));
    match args.format {
        DumpFormat::Display => lines.join("\n"),
        DumpFormat::Yaml => yaml(&Json::Array(entries)),
        DumpFormat::Json => json::dump_json(&Json::Array(entries), true),
    }
}

fn view(config: &Config) -> Result<String, Box<Diagnostic>> {
    let Some(file) = &config.file else {
        let error = Diagnostic::error("Invalid or no config file was supplied");
        let places = "ANSIBLE_CONFIG, ./ansible.cfg, ~/.ansible.cfg and /etc/ansible/ansible.cfg";
        return Err(Box::new(error.hint(format!("-c names one; else it is looked for in {places}"))));
    };
    std::fs::read_to_string(file).map_err(|error| {
        let reason = crate::playbook::problems::reason_of(&error);
        let text = format!("Failed to open config file: {}: {reason}", file.display());
        Box::new(Diagnostic::error(text))
    })
}

fn init(args: &InitArgs, config: &Config) -> String {
    match args.format {
        InitFormat::Ini => init_file(args, config),
        InitFormat::Env => init_names(
            args,
            |known| known.env.last().copied(),
            |name, known| format!("{name}={}", shell_text(known, config)),
        ),
        InitFormat::Vars => init_names(
            args,
            |known| known.vars.last().copied(),
            |name, known| format!("{name}: {}", known.default_text(config)),
        ),
    }
}

fn init_file(args: &InitArgs, config: &Config) -> String {
    let mut sections: indexmap::IndexMap<&str, Vec<(&str, String)>> = indexmap::IndexMap::new();
    for known in wanted(args.honoured) {
        let Some(&(section, key)) = known.ini.last() else { continue };
        let entries = sections.entry(section).or_default();
        if entries.iter().any(|(there, _)| *there == key) {
            continue;
        }
        let default = match known.default_text(config) {
            Json::Array(items) if known.kind == Some("list") => {
                items.iter().map(python_text).collect::<Vec<_>>().join(", ")
            }
            Json::Null => String::new(),
            other => python_text(&other),
        };
        let mark = if args.disabled { ";" } else { "" };
        let kind = known.kind.unwrap_or("string");
        entries.push((key, format!("# ({kind}) {}\n{mark}{key}={default}\n", about(known))));
    }
    let mut out = String::new();
    for (section, entries) in sections {
        let _ = writeln!(out, "[{section}]");
        for (_, text) in entries {
            let _ = writeln!(out, "{text}");
        }
        out.push('\n');
    }
    out
}

fn init_names(
    args: &InitArgs,
    name: impl Fn(&Known) -> Option<&'static str>,
    text: impl Fn(&str, &Known) -> String,
) -> String {
    let mark = if args.disabled { "#" } else { "" };
    let mut out = String::new();
    for known in wanted(args.honoured) {
        if let Some(name) = name(known) {
            let kind = known.kind.unwrap_or("string");
            let _ =
                writeln!(out, "# {}({kind}): {}\n{mark}{}\n", known.name, about(known), text(name, known));
        }
    }
    out
}

/// A default as a shell's variable has it.
fn shell_text(known: &Known, config: &Config) -> String {
    let default = known.default_text(config);
    match default {
        Json::Bool(flag) if known.kind == Some("boolean") => u8::from(flag).to_string(),
        Json::Null if known.kind == Some("boolean") => "0".to_owned(),
        Json::Null => String::new(),
        Json::Array(items) if known.kind == Some("list") && !items.is_empty() => {
            quoted(&items.iter().map(python_text).collect::<Vec<_>>().join(", "))
        }
        Json::String(text) => quoted(&text),
        other => python_text(&other),
    }
}

/// A text as a shell takes it for one word.
fn quoted(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if text.chars().all(safe) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\"'\"'")) }
}
