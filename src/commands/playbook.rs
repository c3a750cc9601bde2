//! `windlass playbook`.

use super::callbacks::{self, Surroundings};
use super::setup::{self, Given};
use crate::cli::playbook::PlaybookArgs;
use crate::config::Config;
use crate::engine::Run;
use crate::engine::play::{Rendered, filter_nodes, tags_of};
use crate::engine::run::Shared;
use crate::playbook::problems::near_file;
use crate::playbook::{Node, Play, Problems, Task};
use crate::report::{Event, Reporter};
use crate::secrets::Redactor;
use crate::template::TemplateError;
use crate::vars::Value;
use crate::vars::scope::Layers;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// Runs playbooks. The exit code: 0, 1 if something is missing, 2 if a host failed (or would have), 4 if a playbook cannot be
/// understood or a host could not be reached, 5 for wrong settings.
pub fn run(args: &PlaybookArgs) -> u8 {
    let config = Config::load();
    let redactor = Redactor::new();
    let terminal = setup::terminal(&args.run, &config, &redactor, None);
    let tell = |problems: &[Diagnostic]| {
        problems.iter().for_each(|p| terminal.event(Event::Diagnostic(Box::new(p.clone()))));
    };
    tell(&config.errors);
    if !config.errors.is_empty() {
        return 5;
    }
    tell(&config.warnings);
    for playbook in &args.playbooks {
        if let Some(problem) = missing(playbook) {
            tell(&[problem]);
            return 1;
        }
    }
    let dir = |playbook: &Path| {
        let full = std::fs::canonicalize(playbook).unwrap_or_else(|_| playbook.to_owned());
        full.parent().map(Path::to_path_buf).unwrap_or_default()
    };
    let given = Given {
        inventory: &args.inventory,
        run: &args.run,
        connection: &args.connection,
        become_: &args.become_,
        secrets: &args.secrets,
        tags: &args.tags,
        skip_tags: &args.skip_tags,
        playbook_dir: args.playbooks.first().map(|p| dir(p)).unwrap_or_default(),
        pattern: None,
    };
    let shared = match setup::shared(&given, &config, &terminal, &redactor) {
        Ok(shared) => shared,
        Err(refusal) => {
            tell(std::slice::from_ref(&*refusal.diagnostic));
            return refusal.code;
        }
    };
    let shared = with_options(shared, args);
    let mut problems = Problems::default();
    let mut books: Vec<(PathBuf, Vec<Arc<Play>>)> = Vec::new();
    for playbook in &args.playbooks {
        let full = dir(playbook).join(playbook.file_name().unwrap_or_default());
        let plays = shared.loader.playbook(&full, &mut problems);
        books.push((playbook.clone(), plays.into_iter().map(Arc::new).collect()));
    }
    tell(problems.all());
    if problems.has_errors() {
        return problems.exit_code();
    }
    if args.syntax_check {
        for (book, _) in &books {
            terminal.print(&format!("\nplaybook: {}", book.display()));
        }
        shared.loader.abandon(books.into_iter().flat_map(|(_, plays)| plays).collect());
        return 0;
    }
    let run = Run::new(Arc::clone(&shared));
    if args.list_hosts || args.list_tasks || args.list_tags {
        let mut out = String::new();
        for (book, plays) in &books {
            if let Err(diagnostic) = list(args, &run, &shared, book, plays, &mut out) {
                tell(&[*diagnostic]);
                return 1;
            }
        }
        terminal.print(out.trim_end_matches('\n'));
        shared.loader.abandon(books.into_iter().flat_map(|(_, plays)| plays).collect());
        return 0;
    }
    let around = Surroundings {
        config: &config,
        redactor: &redactor,
        style: terminal.style(),
        playbook_dir: &given.playbook_dir,
    };
    match callbacks::listeners(&around) {
        Ok((listeners, warnings)) => {
            tell(&warnings);
            terminal.listen(listeners);
        }
        Err(problem) => {
            tell(&[*problem.diagnostic]);
            return problem.code;
        }
    }
    in_runtime(&run, &*terminal, books_in_order(&run, &books, &*terminal))
}

/// Does the work of a run, until it is done or somebody presses Ctrl-C; the connections are closed afterwards.
pub(super) fn in_runtime(run: &Run, terminal: &dyn Reporter, work: impl Future<Output = u8>) -> u8 {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.enable_all().thread_stack_size(crate::template::STACK).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Diagnostic::error(format!("cannot start: {error}"));
            terminal.event(Event::Diagnostic(Box::new(error)));
            return 250;
        }
    };
    let code = runtime.block_on(async {
        let code = tokio::select! {
            code = work => code,
            () = interrupted() => {
                terminal.event(Event::Warning("interrupted: closing the connections".to_owned()));
                99
            }
        };
        run.close().await;
        code
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}

/// Runs the playbooks one after the other; one that fails is the last.
async fn books_in_order(run: &Run, books: &[(PathBuf, Vec<Arc<Play>>)], terminal: &dyn Reporter) -> u8 {
    let mut code = 0;
    for (book, plays) in books {
        terminal.event(Event::Playbook { file: book.display().to_string() });
        code = run.plays(plays).await.exit_code();
        if code != 0 {
            break;
        }
    }
    if let Some(wanted) = run.shared.options.start_at.as_ref().filter(|_| run.is_seeking()) {
        let text = format!("No matching task \"{wanted}\" found.");
        let error = Diagnostic::error(text)
            .hint("--start-at-task can only follow static includes; `--list-tasks` shows the names");
        terminal.event(Event::Diagnostic(Box::new(error)));
    }
    code
}

/// Why a playbook cannot be read at all.
fn missing(playbook: &Path) -> Option<Diagnostic> {
    if playbook.is_file() {
        return None;
    }
    if playbook.is_dir() {
        let error = Diagnostic::error(format!("the playbook: {} is a folder", playbook.display()));
        return Some(error.hint("name a file in it"));
    }
    // A named pipe or the like can be read as well.
    if playbook.exists() {
        return None;
    }
    let error = Diagnostic::error(format!("the playbook: {} could not be found", playbook.display()));
    Some(match near_file(playbook) {
        Some(near) => error.hint(format!("did you mean `{}`?", playbook.with_file_name(near).display())),
        None => error.hint("relative names are looked up in the current folder"),
    })
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn with_options(shared: Arc<Shared>, args: &PlaybookArgs) -> Arc<Shared> {
    match Arc::try_unwrap(shared) {
        Ok(mut shared) => {
            shared.options.start_at.clone_from(&args.start_at_task);
            shared.options.step = args.step;
            shared.options.force_handlers |= args.force_handlers;
            Arc::new(shared)
        }
        Err(shared) => shared,
    }
}

/// `--list-hosts`, `--list-tasks`, `--list-tags`.
fn list(
    args: &PlaybookArgs,
    run: &Run,
    shared: &Shared,
    book: &Path,
    plays: &[Arc<Play>],
    out: &mut String,
) -> Result<(), Box<Diagnostic>> {
    out.push_str(&format!("\nplaybook: {}\n", book.display()));
    for (index, play) in plays.iter().enumerate() {
        let wrong = |error: TemplateError| {
            let mut out = Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(&play.span));
            out.hint = error.hint;
            Box::new(out)
        };
        let Rendered { name, pattern, hosts, .. } = run.head(play).map_err(wrong)?;
        let tags: Vec<&str> = play.attrs.list("tags").iter().filter_map(Value::as_str).collect();
        out.push_str(&format!("\n  play #{} ({pattern}): {name}\tTAGS: [{}]\n", index + 1, tags.join(",")));
        if args.list_hosts {
            let quoted: Vec<String> = pattern.split(',').map(|p| format!("'{p}'")).collect();
            let pattern = quoted.join(", ");
            out.push_str(&format!("    pattern: [{pattern}]\n    hosts ({}):\n", hosts.len()));
            hosts.iter().for_each(|h| out.push_str(&format!("      {h}\n")));
        }
        let mut scope = Layers::default();
        scope.push(&play.vars);
        scope.push(&shared.store.extra);
        let of = |task: &Task| tags_of(task, &shared.templar, &scope);
        let nodes: Vec<Node> = [&play.pre_tasks, &play.role_tasks, &play.tasks, &play.post_tasks]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        // Who lists tags and chooses none sees all of them, `never` too.
        let all = args.list_tags && args.tags.is_empty() && args.skip_tags.is_empty();
        let nodes =
            if all { nodes } else { filter_nodes(&nodes, &shared.options.tags, &of).map_err(wrong)? };
        if args.list_tasks {
            out.push_str("    tasks:\n");
        }
        let mut all = BTreeSet::new();
        let mut tasks = Vec::new();
        each_task(&nodes, &mut |task| tasks.push(Arc::clone(task)));
        for task in tasks.iter().filter(|task| !task.implicit) {
            let mut tags = of(task).map_err(wrong)?;
            tags.sort();
            all.extend(tags.iter().cloned());
            if args.list_tasks {
                let unnamed = task.name.as_ref().and_then(Value::as_str).is_none_or(str::is_empty);
                let name = if unnamed { task.action_written.clone() } else { task.listed_name() };
                out.push_str(&format!("      {name}\tTAGS: [{}]\n", tags.join(", ")));
            }
        }
        if args.list_tags {
            out.push_str(&format!("      TASK TAGS: [{}]\n", all.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(())
}

fn each_task(nodes: &[Node], work: &mut dyn FnMut(&Arc<Task>)) {
    for node in nodes {
        match node {
            Node::Task(task) => work(task),
            // As in Ansible, rescue and always are not listed.
            Node::Block(block) => each_task(&block.main, work),
        }
    }
}
