//! `windlass adhoc`: a play of one task.

use super::playbook::in_runtime;
use super::setup::{self, Given};
use crate::cli::adhoc::AdhocArgs;
use crate::config::Config;
use crate::engine::Run;
use crate::inventory::Inventory;
use crate::playbook::Problems;
use crate::report::callbacks::Tree;
use crate::report::terminal::Form;
use crate::report::{Event, Reporter};
use crate::secrets::Redactor;
use serde_json::{Map as JsonMap, Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use windlass_yaml::SourceFile;
use windlass_yaml::diagnostic::{Diagnostic, Level};

/// Modules that do nothing without an argument, by the names of the original.
const NEED_ARGS: &[&str] = &["command", "shell", "script", "raw", "win_command", "win_shell"];

/// Runs the task. The exit code is that of a playbook with this task alone.
pub fn run(args: &AdhocArgs) -> u8 {
    let config = Config::load();
    let redactor = Redactor::new();
    let form = if args.one_line { Form::OneLine } else { Form::Minimal };
    let terminal = setup::terminal(&args.run, &config, &redactor, Some(form));
    let tell = |problems: &[Diagnostic]| {
        problems.iter().for_each(|p| terminal.event(Event::Diagnostic(Box::new(p.clone()))));
    };
    tell(&config.errors);
    if !config.errors.is_empty() {
        return 5;
    }
    tell(&config.warnings);
    let here = || std::env::current_dir().unwrap_or_default();
    let playbook_dir: PathBuf = match args.playbook_dir.clone().or_else(|| config.path("PLAYBOOK_DIR")) {
        Some(folder) => std::path::absolute(&folder).unwrap_or(folder),
        None => here(),
    };
    let given = Given {
        inventory: &args.inventory,
        run: &args.run,
        connection: &args.connection,
        become_: &args.become_,
        secrets: &args.secrets,
        tags: &[],
        skip_tags: &[],
        playbook_dir: playbook_dir.clone(),
        pattern: Some(&args.pattern),
    };
    let shared = match setup::shared(&given, &config, &terminal, &redactor) {
        Ok(shared) => shared,
        Err(refusal) => {
            tell(std::slice::from_ref(&*refusal.diagnostic));
            return refusal.code;
        }
    };
    if let Some(folder) = &args.tree {
        let folder = PathBuf::from(crate::engine::connect::expand_home(&folder.to_string_lossy()));
        let verbosity = terminal.style().verbosity;
        terminal.listen(vec![Box::new(Tree { folder, verbosity, redactor: Arc::clone(&redactor) })]);
    }
    let hosts = match hosts(args, &shared.store.inventory(), &tell) {
        Ok(hosts) => hosts,
        Err(problem) => {
            tell(&[*problem]);
            return 1;
        }
    };
    if args.list_hosts {
        let lines: String = hosts.iter().map(|host| format!("\n    {host}")).collect();
        terminal.print(&format!("  hosts ({}):{lines}", hosts.len()));
        return 0;
    }
    let play = match play(args, &config) {
        Ok(play) => play,
        Err(problem) => {
            tell(&[*problem]);
            return 5;
        }
    };
    let mut problems = Problems::default();
    // JSON is YAML.
    let source = SourceFile::new("the command line", Json::from(vec![play]).to_string());
    let plays = match windlass_yaml::load_one(source) {
        Ok((Some(node), _)) => shared.loader.plays(&node, &playbook_dir, &mut problems),
        Ok((None, _)) => Vec::new(),
        Err(problem) => {
            tell(&[problem.to_diagnostic()]);
            return 5;
        }
    };
    tell(problems.all());
    if problems.has_errors() {
        return problems.exit_code();
    }
    // Which hosts a template means is known when the play begins.
    if hosts.is_empty() && !args.pattern.contains("{{") {
        return 0;
    }
    let plays: Vec<_> = plays.into_iter().map(Arc::new).collect();
    let run = Run::new(Arc::clone(&shared));
    in_runtime(&run, &*terminal, async { run.plays(&plays).await.exit_code() })
}

/// The hosts that are meant. That there are none is an error only where a limit leaves none.
fn hosts(
    args: &AdhocArgs,
    inventory: &Inventory,
    tell: &dyn Fn(&[Diagnostic]),
) -> Result<Vec<String>, Box<Diagnostic>> {
    let limit = args.inventory.limit.as_deref();
    let found = inventory.match_pattern(&args.pattern, limit);
    tell(&inventory.take_warnings());
    let nothing = || Diagnostic::warning("No hosts matched, nothing to do");
    match found {
        Ok(hosts) if !hosts.is_empty() || inventory.hosts.is_empty() => Ok(hosts),
        Ok(_) if limit.is_some() => Err(Box::new(
            Diagnostic::error(setup::NO_HOSTS_LEFT)
                .hint("`--list-hosts` without the limit shows which hosts there are"),
        )),
        Ok(hosts) => {
            tell(&[nothing()]);
            Ok(hosts)
        }
        Err(error) if limit.is_some() => Err(Box::new(error.to_diagnostic())),
        Err(error) => {
            tell(&[Diagnostic { level: Level::Warning, ..error.to_diagnostic() }, nothing()]);
            Ok(Vec::new())
        }
    }
}

/// The play, as a playbook would have it.
fn play(args: &AdhocArgs, config: &Config) -> Result<Json, Box<Diagnostic>> {
    let module = args.module.clone().unwrap_or_else(|| config.text("DEFAULT_MODULE_NAME"));
    let given = args.args.clone().unwrap_or_else(|| config.text("DEFAULT_MODULE_ARGS"));
    let short = ["ansible.builtin.", "ansible.legacy.", "ansible.windows."]
        .iter()
        .find_map(|collection| module.strip_prefix(collection))
        .unwrap_or(&module);
    if NEED_ARGS.contains(&short) && given.is_empty() {
        let playbook =
            if args.pattern.ends_with(".yml") { " (did you mean to run ansible-playbook?)" } else { "" };
        let text = format!("No argument passed to {module} module{playbook}");
        return Err(Box::new(Diagnostic::error(text).hint("give the command: `-a uptime`")));
    }
    if short == "import_playbook" {
        let text = format!("'{module}' is not a valid action for ad-hoc commands");
        return Err(Box::new(Diagnostic::error(text).hint("`windlass playbook` runs playbooks")));
    }
    let action = match mapping(&given)? {
        Some(mut map) => {
            map.insert("module".to_owned(), json!(module));
            Json::Object(map)
        }
        None => json!(format!("{module} {given}")),
    };
    let mut task = json!({"action": action});
    if let Some(seconds) = args.task_timeout {
        task["timeout"] = json!(seconds);
    }
    if args.background > 0 {
        task["async"] = json!(args.background);
        task["poll"] = json!(args.poll.unwrap_or(15));
    }
    Ok(json!({"name": "Ansible Ad-Hoc", "hosts": args.pattern, "gather_facts": false, "tasks": [task]}))
}

/// Arguments in braces: JSON, or YAML.
fn mapping(text: &str) -> Result<Option<JsonMap<String, Json>>, Box<Diagnostic>> {
    let text = text.trim();
    if !text.starts_with('{') || text.starts_with("{{") {
        return Ok(None);
    }
    let wrong = |reason: String| {
        let error = Diagnostic::error(format!("the arguments {text} cannot be read: {reason}"));
        Box::new(error.hint("as in -a '{\"name\": \"nginx\", \"state\": \"started\"}'"))
    };
    let (node, _) =
        windlass_yaml::load_one(SourceFile::new("-a", text)).map_err(|e| wrong(e.to_diagnostic().message))?;
    let value = node.map(|node| {
        crate::vars::from_yaml::Reader {
            open: &crate::vars::from_yaml::OpenNothing,
            secret: false,
            trusted: true,
        }
        .value(&node)
        .to_json()
    });
    match value {
        Some(Json::Object(map)) => Ok(Some(map)),
        _ => Err(wrong("it is no mapping".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn given(module: &str, args: &str) -> AdhocArgs {
        AdhocArgs {
            pattern: "all".into(),
            module: Some(module.into()),
            args: Some(args.into()),
            ..AdhocArgs::default()
        }
    }

    fn task(module: &str, args: &str) -> Json {
        play(&given(module, args), &Config::default()).unwrap()["tasks"][0].clone()
    }

    #[test]
    fn arguments_are_words_or_a_mapping() {
        assert_eq!(task("command", "echo a=b"), json!({"action": "command echo a=b"}));
        assert_eq!(task("ping", ""), json!({"action": "ping "}));
        assert_eq!(task("file", r#"{"path": "/x"}"#), json!({"action": {"path": "/x", "module": "file"}}));
        assert_eq!(task("file", "{path: /x, mode: '0644'}")["action"]["mode"], json!("0644"));
        assert_eq!(task("debug", "{{ x }}"), json!({"action": "debug {{ x }}"}));
        assert!(play(&given("file", "{path"), &Config::default()).is_err());
    }

    #[test]
    fn what_makes_no_sense_alone_is_refused() {
        let refused =
            |module: &str, args: &str| play(&given(module, args), &Config::default()).unwrap_err().message;
        assert_eq!(refused("command", ""), "No argument passed to command module");
        assert_eq!(refused("ansible.builtin.raw", ""), "No argument passed to ansible.builtin.raw module");
        assert!(refused("import_playbook", "x.yml").contains("not a valid action"));
        assert!(play(&given("include_vars", "x.yml"), &Config::default()).is_ok());
        let nothing = AdhocArgs { pattern: "site.yml".into(), ..AdhocArgs::default() };
        let message = play(&nothing, &Config::default()).unwrap_err().message;
        assert_eq!(message, "No argument passed to command module (did you mean to run ansible-playbook?)");
    }
}
