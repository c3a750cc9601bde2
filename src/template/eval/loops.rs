//! `{% for %}` and its `loop` variable.

use super::stmt::{Flow, Out};
use super::val::{Args, Object, R, Val, failed, undefined};
use super::{Env, Interp};
use crate::template::syntax::ast::ForLoop;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// The `loop` variable.
pub(super) struct LoopState {
    items: Rc<Vec<Val>>,
    index: Cell<usize>,
    depth: usize,
    last_changed: RefCell<Option<Vec<Val>>>,
    /// What `loop(...)` runs again.
    recursive: Option<(Arc<ForLoop>, Rc<Env>)>,
}

impl LoopState {
    fn neighbour(&self, offset: isize) -> Val {
        let found = self.index.get().checked_add_signed(offset).and_then(|i| self.items.get(i)).cloned();
        found.unwrap_or_else(|| {
            undefined(if offset < 0 { "there is no previous item" } else { "there is no next item" })
        })
    }
}

impl Object for LoopState {
    fn type_name(&self) -> &'static str {
        "LoopContext"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        let (index, length) = (self.index.get(), self.items.len());
        Ok(Some(match name {
            "index" => Val::from(index + 1),
            "index0" => Val::from(index),
            "revindex" => Val::from(length - index),
            "revindex0" => Val::from(length - index - 1),
            "first" => Val::Bool(index == 0),
            "last" => Val::Bool(index + 1 == length),
            "length" => Val::from(length),
            "depth" => Val::from(self.depth),
            "depth0" => Val::from(self.depth - 1),
            "previtem" => self.neighbour(-1),
            "nextitem" => self.neighbour(1),
            _ => return Ok(None),
        }))
    }
    fn method(&self, it: &mut Interp<'_>, name: &str, args: Args) -> R<Option<Val>> {
        match name {
            "cycle" => {
                if args.pos.is_empty() {
                    return Err(failed("no items for cycling given"));
                }
                Ok(args.pos.get(self.index.get() % args.pos.len()).cloned())
            }
            "changed" => {
                let before = self.last_changed.replace(Some(args.pos.clone()));
                let same = match before {
                    Some(before) => it.equal(&Val::list(before), &Val::list(args.pos))?,
                    None => false,
                };
                Ok(Some(Val::Bool(!same)))
            }
            _ => Ok(None),
        }
    }
    fn call(&self, it: &mut Interp<'_>, args: Args) -> R {
        let Some(over) = args.pos.first() else {
            return Err(failed("LoopContext.__call__() missing 1 required positional argument: 'iterable'"));
        };
        let Some((body, env)) = &self.recursive else {
            return Err(failed("The loop must have the 'recursive' marker to be called recursively."));
        };
        let items = it.items(over)?;
        let mut out = Out::default();
        let saved = std::mem::replace(&mut it.env, Rc::clone(env));
        let result = it.nested(|it| it.run_loop(body, items, self.depth + 1, &mut out));
        it.env = saved;
        result?;
        out.finish(it)
    }
    fn print(&self) -> String {
        format!("<LoopContext {}/{}>", self.index.get() + 1, self.items.len())
    }
    fn callable(&self) -> bool {
        true
    }
}

impl Interp<'_> {
    /// Runs a loop statement.
    pub(super) fn for_loop(&mut self, each: &Arc<ForLoop>, out: &mut Out) -> R<Flow> {
        let over = self.eval_defined(&each.iter)?;
        let items = self.items(&over).map_err(|e| self.place(e, each.iter.pos))?;
        self.run_loop(each, items, 1, out)
    }

    /// Runs a loop's body for each item.
    pub(super) fn run_loop(
        &mut self,
        each: &Arc<ForLoop>,
        items: Vec<Val>,
        depth: usize,
        out: &mut Out,
    ) -> R<Flow> {
        let outer = Rc::clone(&self.env);
        let items = match &each.filter {
            None => items,
            Some(filter) => {
                let mut kept = Vec::new();
                for item in items {
                    self.env = Env::child(&outer);
                    let taken = self
                        .assign(&each.target, item.clone())
                        .and_then(|()| self.eval(filter))
                        .and_then(|v| self.truthy(&v));
                    self.env = Rc::clone(&outer);
                    if taken? {
                        kept.push(item);
                    }
                }
                kept
            }
        };
        if items.is_empty() {
            self.env = Env::child(&outer);
            let flow = self.stmts(&each.otherwise, out);
            self.env = outer;
            return flow;
        }
        let items = Rc::new(items);
        let state = Rc::new(LoopState {
            items: Rc::clone(&items),
            index: Cell::new(0),
            depth,
            last_changed: RefCell::new(None),
            recursive: each.recursive.then(|| (Arc::clone(each), Rc::clone(&outer))),
        });
        let mut result = Ok(Flow::Go);
        let loop_name: Arc<str> = Arc::from("loop");
        for (index, item) in items.iter().enumerate() {
            state.index.set(index);
            self.env = Env::child(&outer);
            if each.uses_loop {
                self.env.set(&loop_name, Val::Object(Rc::clone(&state) as Rc<dyn Object>));
            }
            result = self.assign(&each.target, item.clone()).and_then(|()| self.stmts(&each.body, out));
            match result {
                Ok(Flow::Go | Flow::Continue) => {}
                _ => break,
            }
        }
        self.env = outer;
        result.map(|_| Flow::Go)
    }
}
