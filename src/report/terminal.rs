//! The text that users of Ansible know: play, task, a line for each host, diffs, recap; with a progress line on a terminal.

use super::callbacks::{Callback, Said};
use super::dump::Dump;
use super::event::{Banner, Event, JobState, Reporter, Stats, Status, TaskResult};
use super::{diff, minimal, values};
use crate::secrets::Redactor;
use crate::vars::{Key, Map, Value};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use unicode_width::UnicodeWidthStr;
use windlass_protocol::Stream;

/// Which text is printed of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Banners of plays and tasks, a line for each result, the recap.
    #[default]
    Full,
    /// A text for each result.
    Minimal,
    /// A line for each result.
    OneLine,
    /// None: a callback tells of the run.
    Silent,
}

/// How the text looks.
#[derive(Debug, Clone)]
pub struct Style {
    /// Which text.
    pub form: Form,
    /// How values are written.
    pub dump: Dump,
    /// Colours.
    pub color: bool,
    /// Columns of the terminal, for the lines of stars.
    pub width: usize,
    /// `-v`, counted.
    pub verbosity: u8,
    /// A live progress line.
    pub progress: bool,
    /// Hosts that were skipped get a line.
    pub show_skipped: bool,
    /// Hosts where nothing changed get a line.
    pub show_ok: bool,
    /// Check mode is named in banners.
    pub check: bool,
    /// The whole run is in check mode, and says so before and after.
    pub dry_run: bool,
    /// The values of `set_stats` are shown.
    pub custom_stats: bool,
    /// Failures go to standard error.
    pub failed_to_stderr: bool,
    /// Each host's start of a task is told.
    pub host_starts: bool,
    /// The task's place is told with a failure.
    pub paths_of_failed: bool,
    /// Arguments are shown in banners.
    pub arguments: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            form: Form::default(),
            dump: Dump::default(),
            color: false,
            width: 79,
            verbosity: 0,
            progress: false,
            show_skipped: true,
            show_ok: true,
            check: false,
            dry_run: false,
            custom_stats: false,
            failed_to_stderr: false,
            host_starts: false,
            paths_of_failed: false,
            arguments: false,
        }
    }
}

/// Writes events as text.
pub struct Terminal {
    style: Style,
    redactor: Arc<Redactor>,
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    bar: Option<ProgressBar>,
    task: String,
    /// Where it stands.
    path: String,
    waiting: Vec<String>,
    shown_warnings: Vec<String>,
    /// Failures that were explained already: the same text is printed once.
    shown_causes: HashSet<String>,
    /// The banner of a task is written with its first result.
    banner: Option<String>,
    callbacks: Vec<Box<dyn Callback>>,
    /// The task whose banner was written last, where results of several come among one another.
    announced: Option<u64>,
    /// Tasks of that kind that callbacks were told of.
    begun: HashSet<u64>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("style", &self.style).finish_non_exhaustive()
    }
}

const GREEN: &str = "\u{1b}[0;32m";
const YELLOW: &str = "\u{1b}[0;33m";
const RED: &str = "\u{1b}[0;31m";
const BRIGHT_RED: &str = "\u{1b}[1;31m";
const CYAN: &str = "\u{1b}[0;36m";
const GREY: &str = "\u{1b}[1;30m";
const BLUE: &str = "\u{1b}[0;34m";
const PURPLE: &str = "\u{1b}[1;35m";
const RESET: &str = "\u{1b}[0m";

impl Terminal {
    /// A writer of text to these streams.
    #[must_use]
    pub fn new(
        style: Style,
        redactor: Arc<Redactor>,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
    ) -> Self {
        let bar = style.progress.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(shape) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(shape);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        let state = State {
            out,
            err,
            bar,
            task: String::new(),
            path: String::new(),
            waiting: Vec::new(),
            shown_warnings: Vec::new(),
            shown_causes: HashSet::new(),
            banner: None,
            callbacks: Vec::new(),
            announced: None,
            begun: HashSet::new(),
        };
        Self { style, redactor, state: Mutex::new(state) }
    }

    /// How the text looks.
    #[must_use]
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// These listen from now on.
    pub fn listen(&self, callbacks: Vec<Box<dyn Callback>>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).callbacks.extend(callbacks);
    }

    /// Prints a text that is no event (lists).
    pub fn print(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.line(&mut state, text);
    }

    /// Does something that uses the terminal by itself: nothing is drawn meanwhile.
    pub fn suspended<T>(&self, work: impl FnOnce() -> T) -> T {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.bar.clone() {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if !self.style.color || text.is_empty() {
            return text.to_owned();
        }
        // Line by line, so that what shows a part of the output shows it in its colour.
        let lines: Vec<String> = text.split('\n').map(|line| format!("{color}{line}{RESET}")).collect();
        lines.join("\n")
    }

    fn line(&self, state: &mut State, text: &str) {
        let text = self.redactor.redact(text);
        let write = |state: &mut State| {
            // A closed pipe is no reason to stop a deploy half-way.
            let _ = writeln!(state.out, "{text}");
            let _ = state.out.flush();
        };
        match state.bar.clone() {
            Some(bar) => bar.suspend(|| write(state)),
            None => write(state),
        }
    }

    /// A result. One that ends with a line break, as YAML does, gets no second one.
    fn result_line(&self, state: &mut State, color: &str, text: &str) {
        self.line(state, &self.paint(color, text.strip_suffix('\n').unwrap_or(text)));
    }

    /// A line about a failure.
    fn failure_line(&self, state: &mut State, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if self.style.failed_to_stderr { self.error_line(state, text) } else { self.line(state, text) }
    }

    fn warning(&self, state: &mut State, text: String) {
        if !state.shown_warnings.contains(&text) {
            self.error_line(state, &self.paint(PURPLE, &format!("[WARNING]: {text}")));
            state.shown_warnings.push(text);
        }
    }

    fn error_line(&self, state: &mut State, text: &str) {
        let text = self.redactor.redact(text);
        let write = |state: &mut State| {
            let _ = writeln!(state.err, "{text}");
            let _ = state.err.flush();
        };
        match state.bar.clone() {
            Some(bar) => bar.suspend(|| write(state)),
            None => write(state),
        }
    }

    fn banner(&self, state: &mut State, title: &str) {
        let title = title.trim();
        let drawn: String = title.chars().filter(|c| !c.is_control()).collect();
        let stars = self.style.width.saturating_sub(drawn.width()).max(3);
        let text = format!("\n{title} {}", "*".repeat(stars));
        self.line(state, &text);
    }

    fn show_banner(&self, state: &mut State) {
        if let Some(title) = state.banner.take() {
            self.banner(state, &title);
        }
    }

    /// The banner of a result whose task was not announced, if another one's stands above it.
    fn announce(&self, state: &mut State, banner: &Banner) {
        if state.announced != Some(banner.task) {
            state.announced = Some(banner.task);
            let title = self.title(&banner.name, &banner.args, banner.handler, banner.check);
            self.banner(state, &title);
            if self.style.verbosity > 1 {
                self.line(state, &format!("task path: {}", banner.path));
            }
        }
    }

    fn title(&self, name: &str, args: &str, handler: bool, check: bool) -> String {
        let kind = if handler { "RUNNING HANDLER" } else { "TASK" };
        let mark = if check && self.style.check { " [CHECK MODE]" } else { "" };
        let gap = if self.style.arguments && !args.is_empty() { " " } else { "" };
        let args = if gap.is_empty() { "" } else { args };
        format!("{kind} [{name}{gap}{args}]{mark}")
    }

    fn progress(state: &State) {
        if let Some(bar) = &state.bar {
            let shown = match state.waiting.as_slice() {
                [] => String::new(),
                [a] => format!(" [{a}]"),
                [a, b] => format!(" [{a}, {b}]"),
                [a, b, rest @ ..] => format!(" [{a}, {b} and {} more]", rest.len()),
            };
            bar.set_message(format!("{}{shown}", state.task));
        }
    }

    /// Whether a result's values are shown.
    fn verbose(&self, result: &TaskResult) -> bool {
        // Gathered facts are many: `setup` shows them.
        let asked = self.style.verbosity > 0 && result.action != "ansible.builtin.gather_facts";
        asked || (result.shown && !result.no_log)
    }

    fn host_label(result: &TaskResult) -> String {
        match &result.delegate {
            Some(delegate) => format!("{} -> {delegate}", result.host),
            None => result.host.clone(),
        }
    }

    /// The values as they are printed.
    fn dump(&self, result: &TaskResult) -> String {
        let values = values::tidy(result, self.style.dump.verbosity > 2);
        self.style.dump.text(&values, result.shown && !result.no_log)
    }

    /// A result where there are no banners.
    fn minimal(&self, state: &mut State, result: &TaskResult) {
        self.show_diff(state, result);
        let one_line = self.style.form == Form::OneLine;
        let detailed = self.style.dump.verbosity > 2;
        let values = match result.status {
            Status::Ok | Status::Changed if !one_line => values::tidy(result, detailed),
            _ => values::all(result, detailed),
        };
        let shown = result.shown && !result.no_log;
        let json = match one_line {
            true => Dump::at_margin(&values, shown, self.style.dump.verbosity),
            false => self.style.dump.text(&values, true),
        };
        let color = match result.status {
            Status::Ok => GREEN,
            Status::Changed => YELLOW,
            Status::Skipped => CYAN,
            Status::Failed => RED,
            Status::Unreachable => BRIGHT_RED,
        };
        if !one_line && !result.has_items {
            self.cause(state, result);
        }
        for text in minimal::render(result, one_line, &json) {
            self.result_line(state, color, &text);
        }
    }

    /// The line of a task that failed, with the task's place above it where that is asked for.
    fn fatal(&self, state: &mut State, label: &str, values: &str) {
        if self.style.paths_of_failed && self.style.verbosity < 2 {
            let path = self.paint(GREY, &format!("task path: {}", state.path));
            self.line(state, &path);
        }
        self.failure_line(state, &self.paint(RED, &format!("fatal: [{label}]: FAILED! => {values}")));
    }

    fn show_diff(&self, state: &mut State, result: &TaskResult) {
        // Where no diff was asked for, by `-D` or the task, there is none.
        if result.diff.is_empty() || result.no_log {
            return;
        }
        if result.status != Status::Changed
            && !result.result.get("changed").and_then(Value::as_bool).unwrap_or(false)
        {
            return;
        }
        let text: String = result.diff.iter().map(|d| diff::render(d, self.style.color)).collect();
        if !text.is_empty() {
            self.line(state, text.strip_suffix('\n').unwrap_or(&text));
        }
    }

    fn result(&self, state: &mut State, result: &TaskResult) {
        let label = Self::host_label(result);
        let item = result.item.as_ref().map(|i| format!(" => (item={i})")).unwrap_or_default();
        if result.has_items {
            // The items have been told.
            if result.status == Status::Failed {
                if result.action == "ansible.builtin.debug" {
                    // Of a `debug` nothing is kept but its message: its items are forgotten here.
                    let msg = result.result.get("msg").cloned().unwrap_or_default();
                    let values = Map::from([(Key::from("msg"), msg)]);
                    self.fatal(state, &label, &self.style.dump.text(&values, false));
                }
                if result.ignored {
                    self.line(state, &self.paint(CYAN, "...ignoring"));
                }
            }
            if result.status == Status::Skipped && self.style.show_skipped {
                self.show_banner_for(state, result);
                let mut text = format!("skipping: [{}]", result.host);
                if self.verbose(result) {
                    let mut values = values::tidy(result, self.style.dump.verbosity > 2);
                    values.shift_remove("results");
                    text.push_str(&format!(" => {}", self.style.dump.text(&values, false)));
                }
                self.result_line(state, CYAN, &text);
            }
            if result.status != Status::Unreachable {
                return;
            }
        }
        self.show_banner_for(state, result);
        self.show_diff(state, result);
        match result.status {
            Status::Ok if !self.style.show_ok => {}
            Status::Ok | Status::Changed => {
                let (word, color) =
                    if result.status == Status::Ok { ("ok", GREEN) } else { ("changed", YELLOW) };
                let mut text = format!("{word}: [{label}]{item}");
                if self.verbose(result) {
                    text.push_str(&format!(" => {}", self.dump(result)));
                }
                self.result_line(state, color, &text);
            }
            Status::Skipped => {
                if self.style.show_skipped {
                    let gap = if result.item.is_some() { " " } else { "" };
                    let mut text = format!("skipping: [{}]{item}{gap}", result.host);
                    if self.style.verbosity > 0 {
                        let mut values = values::tidy(result, self.style.dump.verbosity > 2);
                        values.shift_remove("results");
                        let shown = result.shown && !result.no_log;
                        text.push_str(&format!(" => {}", self.style.dump.text(&values, shown)));
                    }
                    self.result_line(state, CYAN, &text);
                }
            }
            Status::Failed | Status::Unreachable if result.item.is_some() => {
                let item = result.item.as_deref().unwrap_or_default();
                let text = format!("failed: [{label}] (item={item}) => {}", self.dump(result));
                self.cause(state, result);
                self.failure_line(state, &self.paint(RED, &text));
            }
            Status::Failed => {
                let values = self.dump(result);
                self.cause(state, result);
                self.fatal(state, &label, &values);
                if result.ignored {
                    self.line(state, &self.paint(CYAN, "...ignoring"));
                }
            }
            Status::Unreachable => {
                let text = format!("fatal: [{label}]: UNREACHABLE! => {}", self.dump(result));
                if !result.has_items {
                    self.cause(state, result);
                }
                self.failure_line(state, &self.paint(BRIGHT_RED, &text));
                if result.ignored {
                    self.line(state, &self.paint(CYAN, "...ignoring"));
                }
            }
        }
    }

    /// A failure's cause with its place in the playbook, in front of the result.
    fn cause(&self, state: &mut State, result: &TaskResult) {
        let Some(span) = result.origin.as_ref().filter(|_| !result.no_log) else { return };
        let msg = result.cause();
        let mut text = format!("[ERROR]: {msg}\nOrigin: {span}\n\n");
        let first = span.line.saturating_sub(2).max(1);
        let digits = span.line.to_string().len();
        for line in first..=span.line {
            let shown = format!("{line:>digits$} {}", span.file.shown_line(line).unwrap_or_default());
            text.push_str(shown.trim_end());
            text.push('\n');
        }
        text.push_str(&format!("{}^ column {}\n", " ".repeat(digits + span.column as usize), span.column));
        if let Some(hint) = &result.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        if state.shown_causes.insert(text.clone()) {
            let text = self.paint(RED, &text);
            if self.style.failed_to_stderr {
                self.error_line(state, &text);
            } else {
                self.line(state, &text);
            }
        }
    }

    fn show_banner_for(&self, state: &mut State, result: &TaskResult) {
        let quiet = (result.status == Status::Skipped && !self.style.show_skipped)
            || (result.status == Status::Ok && !self.style.show_ok);
        if !quiet {
            self.show_banner(state);
            if let Some(banner) = &result.banner {
                self.announce(state, banner);
            }
        }
    }

    fn recap(&self, state: &mut State, hosts: &[(String, Stats)], custom: &[(Option<String>, Map)]) {
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        self.banner(state, "PLAY RECAP");
        for (host, s) in hosts {
            let host_color = if s.failed > 0 || s.unreachable > 0 {
                RED
            } else if s.changed > 0 {
                YELLOW
            } else {
                GREEN
            };
            let count = |name: &str, n: u32, color: &str| {
                let text = format!("{name}={n:<4}");
                if n > 0 { self.paint(color, &text) } else { text }
            };
            let padding = " ".repeat(26_usize.saturating_sub(host.chars().count()));
            let line = format!(
                "{}{padding} : {} {} {} {} {} {} {}",
                self.paint(host_color, host),
                count("ok", s.ok, GREEN),
                count("changed", s.changed, YELLOW),
                count("unreachable", s.unreachable, RED),
                count("failed", s.failed, RED),
                count("skipped", s.skipped, CYAN),
                count("rescued", s.rescued, GREEN),
                count("ignored", s.ignored, PURPLE),
            );
            self.line(state, &line);
        }
        self.line(state, "");
        if self.style.custom_stats && !custom.is_empty() {
            self.banner(state, "CUSTOM STATS:");
            for (host, map) in custom {
                let values = self.style.dump.joined(map);
                match host {
                    Some(host) => self.line(state, &format!("\t{host}: {values}")),
                    None => self.line(state, &format!("\n\tRUN: {values}")),
                }
            }
            self.line(state, "");
        }
        if self.style.dry_run {
            self.banner(state, "DRY RUN");
        }
    }
}

impl Reporter for Terminal {
    fn event(&self, event: Event) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let mut said = Vec::new();
        let begun = if state.callbacks.is_empty() { None } else { Self::begun(state, &event) };
        for event in begun.iter().chain([&event]) {
            state.callbacks.iter_mut().for_each(|callback| callback.event(event, &mut said));
        }
        self.draw(state, event);
        for said in said {
            match said {
                Said::Line(text) => self.line(state, &text),
                Said::Banner(title) => self.banner(state, &title),
                Said::Warning(text) => self.warning(state, text),
            }
        }
    }
}

impl Terminal {
    /// The beginning of a task, for callbacks, where only its results tell of it.
    fn begun(state: &mut State, event: &Event) -> Option<Event> {
        let (Event::Begun(banner)
        | Event::Item(TaskResult { banner: Some(banner), .. })
        | Event::Result(TaskResult { banner: Some(banner), .. })) = event
        else {
            return None;
        };
        let Banner { task, name, handler, path, check, action, args } = &**banner;
        state.begun.insert(*task).then(|| Event::Task {
            id: *task,
            name: name.clone(),
            handler: *handler,
            path: path.clone(),
            hosts: 1,
            check: *check,
            action: action.clone(),
            args: args.clone(),
        })
    }

    /// Prints what happened.
    fn draw(&self, state: &mut State, event: Event) {
        if self.style.form != Form::Full {
            match &event {
                Event::Result(_) if self.style.form == Form::Silent => return,
                Event::Result(result) => return self.minimal(state, result),
                Event::Recap { .. } => {
                    if let Some(bar) = state.bar.take() {
                        bar.finish_and_clear();
                    }
                    return;
                }
                Event::Playbook { .. }
                | Event::Play { .. }
                | Event::Task { .. }
                | Event::Begun(_)
                | Event::Job { .. }
                | Event::NoHosts
                | Event::NoMoreHosts
                | Event::Item(_)
                | Event::HostStart { .. }
                | Event::Included { .. }
                | Event::Retry { .. }
                | Event::Output { .. } => return,
                _ => {}
            }
        }
        match event {
            Event::Playbook { file } => {
                if self.style.verbosity > 1 {
                    let name = std::path::Path::new(&file).file_name().unwrap_or_default().to_string_lossy();
                    self.banner(state, &format!("PLAYBOOK: {name}"));
                }
                if self.style.dry_run {
                    self.banner(state, "DRY RUN");
                }
            }
            Event::Play { name, check, .. } => {
                let mark = if check && self.style.check { " [CHECK MODE]" } else { "" };
                let title =
                    if name.is_empty() { format!("PLAY{mark}") } else { format!("PLAY [{name}]{mark}") };
                state.announced = None;
                self.banner(state, &title);
            }
            Event::NoHosts => self.line(state, &self.paint(CYAN, "skipping: no hosts matched")),
            Event::NoMoreHosts => self.banner(state, "NO MORE HOSTS LEFT"),
            Event::Task { name, handler, path, check, args, .. } => {
                state.task = self.title(&name, "", handler, false);
                state.waiting.clear();
                state.banner = Some(self.title(&name, &args, handler, check));
                if self.style.show_ok && self.style.show_skipped {
                    self.show_banner(state);
                }
                if self.style.verbosity > 1 {
                    self.line(state, &format!("task path: {path}"));
                }
                state.path = path;
                Self::progress(state);
            }
            Event::Begun(banner) => self.announce(state, &banner),
            Event::HostStart { host } => {
                if self.style.host_starts {
                    let task = state.task.replacen(" [", ": ", 1);
                    let task =
                        task.strip_suffix(']').unwrap_or(&task).replacen("RUNNING HANDLER", "HANDLER", 1);
                    self.line(state, &self.paint(GREEN, &format!(" [started {task} on {host}]")));
                }
                state.waiting.push(host);
                Self::progress(state);
            }
            Event::Item(result) => self.result(state, &result),
            Event::Result(result) => {
                state.waiting.retain(|h| *h != result.host);
                if !result.inclusion {
                    self.result(state, &result);
                }
                Self::progress(state);
            }
            Event::Retry { host, delegate, task, left, result, no_log, .. } => {
                let delegate = delegate.map(|d| format!(" -> {d}")).unwrap_or_default();
                let mut text =
                    format!("FAILED - RETRYING: [{host}{delegate}]: {task} ({left} retries left).");
                if self.style.verbosity > 2 && !no_log {
                    text.push_str(&format!("Result was: {}", self.style.dump.text(&result, true)));
                }
                self.result_line(state, GREY, &text);
            }
            Event::Job { host, id, state: job } => {
                let text = match job {
                    JobState::Running => {
                        format!("ASYNC POLL on {host}: jid={id} started=True finished=False")
                    }
                    JobState::Ok => format!("ASYNC OK on {host}: jid={id}"),
                    JobState::Failed => format!("ASYNC FAILED on {host}: jid={id}"),
                };
                self.line(state, &self.paint(GREY, &text));
            }
            Event::Included { what, hosts, item, .. } => {
                self.show_banner(state);
                let item = item.map(|i| format!(" => (item={i})")).unwrap_or_default();
                self.line(
                    state,
                    &self.paint(CYAN, &format!("included: {what} for {}{item}", hosts.join(", "))),
                );
            }
            Event::Said(text) => self.line(state, &text),
            Event::Detail(level, text) => {
                if self.style.verbosity >= level {
                    self.line(state, &self.paint(BLUE, &text));
                }
            }
            Event::Asked(question) => self.banner(state, question.trim_end()),
            Event::Output { host, stream, data } => {
                let mark = if stream == Stream::Stderr { "!" } else { "|" };
                let text = String::from_utf8_lossy(&data).into_owned();
                for line in text.lines() {
                    self.line(state, &format!("{host} {mark} {line}"));
                }
            }
            Event::Warning(text) => self.warning(state, text),
            Event::Diagnostic(diagnostic) => {
                let text = windlass_yaml::diagnostic::render(&diagnostic, self.style.color);
                self.error_line(state, text.trim_end_matches('\n'));
            }
            Event::Recap { hosts, custom } => self.recap(state, &hosts, &custom),
        }
    }
}
