//! `windlass playbook`.

use super::setup::{self, Given};
use crate::cli::playbook::PlaybookArgs;
use crate::config::Config;
use crate::engine::Run;
use crate::engine::play::{filter_nodes, tags_of};
use crate::engine::run::Shared;
use crate::playbook::{Node, Play, Problems, Task};
use crate::report::{Event, Reporter};
use crate::secrets::Redactor;
use crate::vars::Value;
use crate::vars::scope::Layers;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// Runs playbooks. The exit code: 0, 1 for bad options, 2 if a host failed, 4 if a playbook cannot be read or a host could not be reached.
pub fn run(args: &PlaybookArgs) -> u8 {
    let config = Config::load();
    let redactor = Redactor::new();
    let terminal = setup::terminal(&args.run, &config, &redactor);
    let tell = |problems: &[Diagnostic]| {
        problems.iter().for_each(|p| terminal.event(Event::Diagnostic(Box::new(p.clone()))));
    };
    for playbook in &args.playbooks {
        if !playbook.is_file() {
            let mut diagnostic =
                Diagnostic::error(format!("the playbook: {} could not be found", playbook.display()));
            if let Some(near) = near_file(playbook) {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
            tell(&[diagnostic]);
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
    };
    let shared = match setup::shared(&given, &config, &terminal, &redactor) {
        Ok(shared) => shared,
        Err(problems) => {
            tell(&problems);
            return 1;
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
        return 4;
    }
    if args.syntax_check {
        for (book, _) in &books {
            terminal.print(&format!("\nplaybook: {}", book.display()));
        }
        return 0;
    }
    let run = Run::new(Arc::clone(&shared));
    if args.list_hosts || args.list_tasks || args.list_tags {
        let mut out = String::new();
        for (book, plays) in &books {
            if let Err(diagnostic) = list(args, &run, &shared, book, plays, &mut out) {
                tell(&[*diagnostic]);
                return 4;
            }
        }
        terminal.print(out.trim_end_matches('\n'));
        return 0;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&[Diagnostic::error(format!("cannot start: {error}"))]);
            return 250;
        }
    };
    let all: Vec<Arc<Play>> = books.into_iter().flat_map(|(_, plays)| plays).collect();
    let code = runtime.block_on(async {
        tokio::select! {
            summary = run.plays(&all) => summary.exit_code(),
            () = interrupted() => {
                terminal.event(Event::Warning("interrupted: closing the connections".to_owned()));
                shared.pool.close().await;
                99
            }
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
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

fn near_file(path: &Path) -> Option<String> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    let name = path.file_name()?.to_string_lossy().into_owned();
    let near = crate::playbook::problems::nearest(&name, names.iter().map(String::as_str))?;
    Some(dir.join(near).to_string_lossy().trim_start_matches("./").to_owned())
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
        let (name, hosts) = run.list_hosts(play).map_err(|error| {
            Box::new(Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(&play.span)))
        })?;
        let pattern = match &play.hosts {
            Value::List(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let tags: Vec<&str> = play.attrs.list("tags").iter().filter_map(Value::as_str).collect();
        out.push_str(&format!("\n  play #{} ({pattern}): {name}\tTAGS: [{}]\n", index + 1, tags.join(",")));
        if args.list_hosts {
            out.push_str(&format!("    pattern: ['{pattern}']\n    hosts ({}):\n", hosts.len()));
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
        let nodes = filter_nodes(&nodes, &shared.options.tags, &of);
        if args.list_tasks {
            out.push_str("    tasks:\n");
        }
        let mut all = BTreeSet::new();
        each_task(&nodes, &mut |task| {
            if task.implicit {
                return;
            }
            let mut tags = of(task);
            tags.sort();
            all.extend(tags.iter().cloned());
            if args.list_tasks {
                let name = shared.task_name(task, &Layers::default());
                out.push_str(&format!("      {name}\tTAGS: [{}]\n", tags.join(", ")));
            }
        });
        if args.list_tags {
            out.push_str(&format!("      TASK TAGS: [{}]\n", all.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(())
}

fn each_task(nodes: &[Node], work: &mut dyn FnMut(&Task)) {
    for node in nodes {
        match node {
            Node::Task(task) => work(task),
            Node::Block(block) => {
                each_task(&block.main, work);
                each_task(&block.rescue, work);
                each_task(&block.always, work);
            }
        }
    }
}
