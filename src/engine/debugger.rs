//! The task debugger: what is asked at the terminal when a task ended as `debugger` or the strategy says.

use super::exec::Done;
use super::linear::Batch;
use crate::playbook::{Strategy, Task};
use crate::report::pretty::pretty;
use crate::report::{Event, Status};
use crate::template::{TemplateContext, TemplateError, TemplateErrorKind};
use crate::vars::scope::Layers;
use crate::vars::{Key, Map, Value};
use std::sync::Arc;

/// What there is to say.
const HELP: &str = "p EXPRESSION  shows task, task.args, task_vars, host or result, or a part of it: p task_vars['name']\n\
task.args['name'] = VALUE  changes an argument; del task.args['name'] takes it away\n\
task_vars['name'] = VALUE  changes a variable\n\
u  makes the task's arguments anew, with the changed variables\n\
r  runs the task again\n\
c  goes on\n\
q  ends the run";

/// The code of a run that was ended here.
const QUIT: u8 = 99;

/// What to do next.
enum Next {
    Ask,
    Again,
    GoOn,
    Quit,
}

/// One conversation: a task on a host, and what is changed about it.
struct Session<'a> {
    batch: &'a Batch<'a>,
    original: &'a Arc<Task>,
    host: &'a str,
    /// Its arguments, as far as they can be had.
    args: Map,
    /// Variables that were set here.
    vars: Map,
    /// The arguments are those above and not those of the playbook.
    fixed: bool,
}

impl Batch<'_> {
    /// Asks what to do about a result, if somebody wants to be asked, until it is to be taken as it is.
    pub(super) async fn debugged(
        &mut self,
        task: &Arc<Task>,
        host: &str,
        mut done: Done,
        handler: bool,
    ) -> Done {
        let mut vars = Map::new();
        let mut current = Arc::clone(task);
        while !self.ended && self.wants_debugger(task, host, &done) {
            let mut session = Session::new(self, task, host, &current, std::mem::take(&mut vars));
            match session.talk(&done) {
                Next::Again => {
                    let fixed = session.fixed.then(|| session.args.clone());
                    vars = session.vars;
                    current = Arc::new(with(task, fixed));
                    let banner = self.free.is_some().then(|| self.banner(task, host, handler));
                    let overlay = Arc::new(vars.clone());
                    (_, done) = self.begin_with(&current, host, banner, overlay).await;
                }
                Next::GoOn | Next::Ask => break,
                Next::Quit => {
                    self.tell("User interrupted execution");
                    self.run.with_progress(|p| p.broken = Some(QUIT));
                    (self.ended, self.stop_run) = (true, true);
                }
            }
        }
        done
    }

    fn wants_debugger(&self, task: &Task, host: &str, done: &Done) -> bool {
        let options = &self.run.shared.options;
        let everywhere = self.rendered.strategy == Strategy::Debug || options.debugger;
        let wish = self.rendered(task, &[host.to_owned()], "debugger").ok().flatten();
        let wish = wish.as_ref().and_then(Value::as_str).unwrap_or_default();
        if !everywhere && wish.is_empty() {
            return false;
        }
        let failed = done.status == Status::Failed && !(done.ignored && options.debugger_passes_ignored);
        let lost = done.status == Status::Unreachable;
        match wish {
            "always" => true,
            "never" => false,
            "on_failed" if failed => true,
            "on_unreachable" if lost => true,
            "on_skipped" if done.status == Status::Skipped => true,
            _ => everywhere && (failed || lost),
        }
    }

    fn tell(&self, text: &str) {
        self.run.shared.reporter.event(Event::Said(text.to_owned()));
    }
}

/// A task with other arguments.
fn with(task: &Arc<Task>, args: Option<Map>) -> Task {
    let mut task = Task::clone(task);
    if let Some(args) = args {
        task.args = Arc::new(args);
        task.args_template = None;
    }
    task
}

impl<'a> Session<'a> {
    fn new(
        batch: &'a Batch<'a>,
        original: &'a Arc<Task>,
        host: &'a str,
        task: &Arc<Task>,
        vars: Map,
    ) -> Self {
        let fixed = !Arc::ptr_eq(&original.args, &task.args);
        let mut session = Self { batch, original, host, args: Map::new(), vars, fixed };
        session.args = if fixed { (*task.args).clone() } else { session.original_args() };
        session
    }

    fn layers(&self) -> Layers {
        let layers = self.batch.run.shared.store.task_layers(self.host, &self.batch.vars, self.original);
        layers.with(self.vars.clone())
    }

    /// The arguments as the playbook has them, rendered; where one fails, as they are written.
    fn original_args(&self) -> Map {
        let shared = &self.batch.run.shared;
        let layers = self.layers();
        let cx = TemplateContext::new(&layers, crate::vars::scope::nowhere());
        let render = |value: &Value| shared.templar.render(value, &cx).unwrap_or_else(|_| value.clone());
        self.original.args.iter().map(|(key, value)| (key.clone(), render(value))).collect()
    }

    fn talk(&mut self, done: &Done) -> Next {
        let name = self.batch.name_of(self.original, Some(&self.host.to_owned()));
        let question = format!("[{}] TASK: {name} (debug)> ", self.host);
        let mut last = String::new();
        loop {
            // The end of the input is an answer, too.
            let Some(line) = self.batch.run.shared.prompt.ask(&question, false) else { return Next::Quit };
            let line = line.trim().to_owned();
            // An empty line says the last one again.
            let line = if line.is_empty() { last.clone() } else { line };
            match self.obey(&line, done) {
                Next::Ask => last = line,
                next => return next,
            }
        }
    }

    fn obey(&mut self, line: &str, done: &Done) -> Next {
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(w, r)| (w, r.trim()));
        match (word, rest) {
            ("", _) => {}
            ("r" | "redo", _) => return Next::Again,
            ("c" | "continue", _) => return Next::GoOn,
            ("q" | "quit" | "EOF", _) => return Next::Quit,
            ("h" | "help" | "?", _) => self.batch.tell(HELP),
            ("u" | "update_task", _) => {
                self.args = self.original_args();
                self.fixed = false;
            }
            ("p" | "pprint", "task") => {
                let name = self.batch.name_of(self.original, Some(&self.host.to_owned()));
                self.batch.tell(&format!("TASK: {name}"));
            }
            ("p" | "pprint", "host") => self.batch.tell(self.host),
            ("p" | "pprint", expression) => match self.evaluate(expression, done) {
                Ok(value) => self.batch.tell(&pretty(&value.to_json())),
                // In the words that people know from there.
                Err(error) if error.kind == TemplateErrorKind::Undefined => {
                    let end = expression.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let name = &expression[..end.unwrap_or(expression.len())];
                    self.batch.tell(&format!("***NameError:NameError(\"name '{name}' is not defined\")"));
                }
                Err(error) => self.complain(&error),
            },
            _ => {
                if let Err(error) = self.change(line, done) {
                    self.complain(&error);
                }
            }
        }
        Next::Ask
    }

    fn complain(&self, error: &TemplateError) {
        self.batch.tell(&format!("***{}", error.message));
    }

    /// What an expression of the person at the terminal gives.
    fn evaluate(&self, expression: &str, done: &Done) -> Result<Value, TemplateError> {
        let layers = self.layers();
        let name = self.batch.own_name_of(self.original, self.host);
        let task = Map::from([
            (Key::from("name"), Value::text(name)),
            (Key::from("action"), Value::text(self.original.action_written.as_str())),
            (Key::from("args"), Value::map(self.args.clone())),
        ]);
        use crate::template::Scope as _;
        let names = layers.names();
        let vars = names.iter().filter_map(|key| Some((key.clone(), layers.find(key.as_str()?)?.clone())));
        let result = Map::from([
            (Key::from("_return_data"), Value::Map(Arc::clone(&done.result))),
            (Key::from("_result"), Value::Map(Arc::clone(&done.result))),
            (Key::from("result"), Value::Map(Arc::clone(&done.result))),
            (Key::from("_host"), Value::text(self.host)),
        ]);
        let own = Map::from([
            (Key::from("task"), Value::map(task)),
            (Key::from("task_vars"), Value::map(vars.collect())),
            (Key::from("host"), Value::text(self.host)),
            (Key::from("result"), Value::map(result)),
        ]);
        let scope = layers.with(own);
        let cx = TemplateContext::new(&scope, crate::vars::scope::nowhere());
        self.batch.run.shared.templar.expression(expression, None, &cx)
    }

    /// `task.args['x'] = 1`, `task_vars['x'] = 1`, `del task.args['x']`.
    fn change(&mut self, line: &str, done: &Done) -> Result<(), TemplateError> {
        let unknown = || {
            let text = format!("NotUnderstood: {line}; `h` shows what there is");
            TemplateError::new(TemplateErrorKind::Failed, text)
        };
        let (removes, left, right) = match line.strip_prefix("del ") {
            Some(place) => (true, place.trim(), ""),
            None => {
                let (left, right) = assignment(line).ok_or_else(unknown)?;
                (false, left.trim(), right.trim())
            }
        };
        let value = if removes { Value::Null } else { self.evaluate(right, done)? };
        if left == "task.args" && !removes {
            let Value::Map(map) = value else { return Err(unknown()) };
            (self.args, self.fixed) = ((*map).clone(), true);
            return Ok(());
        }
        let (target, index) = left.split_once('[').ok_or_else(unknown)?;
        let index = index.strip_suffix(']').ok_or_else(unknown)?;
        let index = self.evaluate(index, done)?;
        let key = Key::from(index.as_str().ok_or_else(unknown)?);
        let map = match target.trim() {
            "task.args" => {
                self.fixed = true;
                &mut self.args
            }
            "task_vars" => &mut self.vars,
            _ => return Err(unknown()),
        };
        if removes {
            map.shift_remove(&key);
        } else {
            map.insert(key, value);
        }
        Ok(())
    }
}

/// The two sides of an assignment: the first `=` that is none of `==` and the like, outside of brackets.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in line.char_indices() {
        match c {
            '[' | '(' | '{' => depth += 1,
            ']' | ')' | '}' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => {
                let (left, right) = (&line[..at], &line[at + 1..]);
                let other = right.starts_with('=') || left.ends_with(['!', '<', '>']);
                return (!other).then_some((left, right));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::assignment;

    #[test]
    fn sides_of_an_assignment() {
        assert_eq!(assignment("task.args['a=b'] = 'c=d'"), Some(("task.args['a=b'] ", " 'c=d'")));
        assert_eq!(assignment("task_vars['a'] == 1"), None);
        assert_eq!(assignment("nothing"), None);
    }
}
