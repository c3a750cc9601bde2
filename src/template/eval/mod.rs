//! The evaluator: walks a template's tree over lazy values.

mod access;
mod calls;
mod convert;
mod expr;
mod loops;
mod macros;
pub mod methods;
pub mod ops;
pub mod print;
pub(crate) mod range;
pub(crate) mod sort;
pub mod source;
mod stmt;
pub mod val;

pub(crate) use calls::Builtin;

use super::context::TemplateContext;
use super::error::{TemplateError, TemplateErrorKind};
use super::syntax::Syntax;
use super::syntax::ast::{Stmt, Template};
use super::templar::Shared;
use crate::vars::{Text, Value};
use source::Source;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use val::{R, Undefined, Val};

thread_local! {
    /// How deep this thread is in expressions and templates. It also counts through `hostvars`, where one
    /// rendering starts another.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Where the evaluator gives up; well before the stack of a thread does.
const MAX_DEPTH: u32 = 600;

/// The stack that a thread needs to render whatever is within the limits.
pub const STACK: usize = 32 << 20;

/// Gives depth back.
struct Deeper(u32);

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(self.0));
    }
}

/// Variables set by the template itself.
pub(crate) struct Env {
    vars: RefCell<Vec<(Arc<str>, Val)>>,
    parent: Option<Rc<Env>>,
    /// Variables of the play as this text has seen them: each is rendered once, and what is changed in place stays.
    seen: Rc<RefCell<HashMap<Arc<str>, Val>>>,
    /// Variables of the play are not seen (`import` without context).
    isolated: bool,
}

impl Env {
    pub(crate) fn root(isolated: bool) -> Rc<Self> {
        Rc::new(Self { vars: RefCell::new(Vec::new()), parent: None, seen: Rc::default(), isolated })
    }
    pub(crate) fn child(parent: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self {
            vars: RefCell::new(Vec::new()),
            parent: Some(Rc::clone(parent)),
            seen: Rc::clone(&parent.seen),
            isolated: parent.isolated,
        })
    }
    pub(crate) fn set(&self, name: &Arc<str>, value: Val) {
        let mut vars = self.vars.borrow_mut();
        match vars.iter_mut().find(|(n, _)| n == name) {
            Some((_, slot)) => *slot = value,
            None => vars.push((Arc::clone(name), value)),
        }
    }
    fn get_here(&self, name: &str) -> Option<Val> {
        self.vars.borrow().iter().find(|(n, _)| &**n == name).map(|(_, v)| v.clone())
    }
    pub(crate) fn get(&self, name: &str) -> Option<Val> {
        let mut env = Some(self);
        while let Some(here) = env {
            if let Some(found) = here.get_here(name) {
                return Some(found);
            }
            env = here.parent.as_deref();
        }
        None
    }
    /// Everything set at this level.
    pub(crate) fn here(&self) -> Vec<(Arc<str>, Val)> {
        self.vars.borrow().clone()
    }
}

/// A block's definitions, the outermost child's first, each with the text it stands in.
type BlockStack = Vec<(Arc<[Stmt]>, Rc<Source>)>;

/// One running rendering.
pub struct Interp<'a> {
    /// What all renderings share.
    pub(crate) shared: &'a Shared,
    /// Variables and folders.
    pub(crate) cx: TemplateContext<'a>,
    pub(crate) env: Rc<Env>,
    pub(crate) source: Rc<Source>,
    pub(crate) syntax: Arc<Syntax>,
    /// Texts that are being rendered, to find loops.
    active: Vec<usize>,
    blocks: Vec<(Arc<str>, BlockStack)>,
    /// Where blocks find their names: at the top of the template, or around a scoped block.
    base: Rc<Env>,
    /// What the running template extends.
    parent: Option<(Arc<Template>, Rc<Source>)>,
    /// The block that is being printed, and which of its definitions.
    current_block: Option<(Arc<str>, usize)>,
    /// A secret text was seen; from then on results of filters are looked at.
    pub(crate) secret_seen: bool,
    /// A condition is evaluated: its literals may be templates themselves.
    pub(crate) literals: bool,
    /// Lists and mappings of variables that were changed, by their places in memory.
    changed: std::collections::HashSet<usize>,
    /// The folder of the template file that is rendered.
    pub(crate) folder: Option<std::path::PathBuf>,
    /// What was undefined, if a mark is put in the place of it where it would be an error.
    pub(crate) marks: Option<Vec<String>>,
    /// The text that is rendered is more than one expression.
    pub(crate) mixed: bool,
    /// A value is printed as part of a text: what is omitted of a mapping does not show.
    printing: bool,
}

impl<'a> Interp<'a> {
    /// A rendering without a text of its own.
    pub(crate) fn new(shared: &'a Shared, cx: TemplateContext<'a>) -> Self {
        Self {
            shared,
            cx,
            env: Env::root(false),
            source: Rc::new(Source { text: Arc::from(""), span: None, file: None }),
            syntax: shared.default_syntax.clone(),
            active: Vec::new(),
            blocks: Vec::new(),
            base: Env::root(false),
            parent: None,
            current_block: None,
            secret_seen: false,
            literals: false,
            changed: std::collections::HashSet::new(),
            folder: None,
            marks: None,
            mixed: false,
            printing: false,
        }
    }

    fn deeper(&self, by: u32) -> R<Deeper> {
        let depth = DEPTH.get() + by;
        if depth > MAX_DEPTH {
            return Err(TemplateError {
                kind: TemplateErrorKind::Loop,
                message: "Recursive loop detected in template: maximum recursion depth exceeded".to_owned(),
                span: None,
                hint: Some(
                    "variables, macros or templates are nested too deeply: look for one that uses itself"
                        .to_owned(),
                ),
            });
        }
        DEPTH.set(depth);
        Ok(Deeper(by))
    }

    /// Runs something one level deeper; an error if that is too deep.
    pub(crate) fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> R<T>) -> R<T> {
        let _deeper = self.deeper(1)?;
        run(self)
    }

    /// The value of a variable. What it refers to may be undefined; that is a value, not an error.
    pub(crate) fn variable(&mut self, name: &Arc<str>, pos: u32) -> R {
        if let Some(found) = self.env.get(name) {
            return Ok(found);
        }
        if &**name == "self" {
            return Ok(Val::Object(Rc::new(stmt::SelfBlocks)));
        }
        if !self.env.isolated {
            let seen = Rc::clone(&self.env.seen);
            if let Some(found) = seen.borrow().get(name) {
                return Ok(found.clone());
            }
            if let Some(value) = self.cx.scope.get(name) {
                let lifted = self.lift(&value)?;
                if convert::is_lazy(&value) {
                    seen.borrow_mut().insert(Arc::clone(name), lifted.clone());
                }
                return Ok(lifted);
            }
            if &**name == "ansible_search_path" {
                let roots = self.cx.search.roots.iter();
                return Ok(Val::list(roots.map(|r| Val::from(r.display().to_string())).collect()));
            }
        }
        if let Some(global) = calls::global(name) {
            return Ok(global);
        }
        Ok(Val::Undefined(Rc::new(Undefined {
            error: TemplateError::new(TemplateErrorKind::Undefined, format!("'{name}' is undefined")),
            name: Some(Arc::clone(name)),
            blank: false,
            at: Some((Rc::clone(&self.source), pos)),
        })))
    }

    /// Renders a text that an operator wrote. Undefined is a value here.
    pub(crate) fn render_text(&mut self, text: &Text) -> R {
        if !text.is_template() {
            return Ok(Val::Str(text.clone()));
        }
        let identity = text.as_str().as_ptr() as usize;
        if self.active.contains(&identity) {
            return Err(TemplateError {
                kind: TemplateErrorKind::Loop,
                message: "Recursive loop detected in template: maximum recursion depth exceeded".to_owned(),
                span: text.span().cloned(),
                hint: Some(format!(
                    "the variable is defined by itself, directly or through others: {}",
                    shorten(text)
                )),
            });
        }
        let _deeper = self.deeper(4)?;
        let source = Source { text: Arc::from(text.as_str()), span: text.span().cloned(), file: None };
        let template = self.shared.compile(text.as_str()).map_err(|e| TemplateError {
            kind: TemplateErrorKind::Syntax,
            message: format!("Syntax error in template: {}", e.message),
            span: source.span(u32::try_from(e.pos).unwrap_or(u32::MAX)).or_else(|| text.span().cloned()),
            hint: None,
        })?;
        self.active.push(identity);
        let mixed = std::mem::replace(&mut self.mixed, template.body.len() > 1);
        let result = self.run(&template, Rc::new(source), Env::root(false));
        self.mixed = mixed;
        self.active.pop();
        let mut value = match result {
            Ok(value) => value,
            Err(error) if error.kind == TemplateErrorKind::Undefined => {
                let error = error.at(text.span());
                return Ok(Val::Undefined(Rc::new(Undefined { error, name: None, blank: false, at: None })));
            }
            Err(error) => return Err(error.at(text.span())),
        };
        value = with_line_ends(value, text.as_str(), "\n");
        if let Val::Str(result) = &value
            && result.is_template()
        {
            value = Val::Str(result.clone().into_untrusted());
        }
        if text.is_secret()
            && let Val::Str(result) = &value
            && !result.is_secret()
        {
            value = Val::Str(result.clone().into_secret());
        }
        Ok(value)
    }

    /// Runs a tree in an environment of its own and gives what it prints.
    pub(crate) fn run(&mut self, template: &Template, source: Rc<Source>, env: Rc<Env>) -> R {
        let saved_base = std::mem::replace(&mut self.base, Rc::clone(&env));
        let saved_parent = self.parent.take();
        let saved_env = std::mem::replace(&mut self.env, env);
        let saved_source = std::mem::replace(&mut self.source, source);
        let saved_blocks = std::mem::take(&mut self.blocks);
        let saved_current = self.current_block.take();
        let literals = std::mem::take(&mut self.literals);
        let result = self.run_template(template);
        self.base = saved_base;
        self.parent = saved_parent;
        self.env = saved_env;
        self.source = saved_source;
        self.blocks = saved_blocks;
        self.current_block = saved_current;
        self.literals = literals;
        result
    }

    /// Adds a place inside the running text to an error that has none.
    pub(crate) fn place(&self, error: TemplateError, pos: u32) -> TemplateError {
        if error.span.is_some() {
            return error;
        }
        let span = self.source.span(pos);
        error.at(span.as_ref())
    }

    /// The mark in the place of something undefined, if marks are wanted.
    pub(crate) fn mark(&mut self, error: &TemplateError) -> Option<String> {
        let marks = self.marks.as_mut()?;
        marks.push(error.message.clone());
        Some(format!("<< error {} - {} >>", marks.len(), error.message))
    }

    /// Remembers that a variable's list or mapping was changed in place.
    pub(crate) fn mark_changed(&mut self, value: &Val) {
        if self.is_variable(value) {
            self.changed.insert(address(value));
        }
    }

    /// Whether a list or mapping is a variable's, changed or not, and was not made by the template.
    pub(crate) fn is_variable(&self, value: &Val) -> bool {
        match value {
            Val::List(list) => {
                matches!(&*list.borrow(), val::Seq::Shared(..)) || self.changed.contains(&address(value))
            }
            Val::Dict(dict) => {
                matches!(&*dict.borrow(), val::Dict::Shared(..)) || self.changed.contains(&address(value))
            }
            _ => false,
        }
    }

    /// Renders a value as far as it has to be, and gives it back as a variable's value.
    pub(crate) fn render_value(&mut self, value: &Value) -> R<Value> {
        let lifted = self.lift(value)?;
        self.lower(&lifted)
    }
}

/// Line ends at the end of a text are the operator's, not the template's: those that got lost are put back.
pub(crate) fn with_line_ends(value: Val, source: &str, newline: &str) -> Val {
    let Val::Str(result) = &value else { return value };
    let ends = |text: &str| text.bytes().rev().filter(|b| *b != b'\r').take_while(|b| *b == b'\n').count();
    let lost = ends(source).saturating_sub(ends(result.as_str()));
    if lost == 0 {
        return value;
    }
    let whole = Text::plain(format!("{}{}", result.as_str(), newline.repeat(lost)));
    Val::Str(if result.is_secret() { whole.into_secret() } else { whole })
}

/// What `namespace()` makes.
pub(crate) fn macros_namespace(entries: val::Entries) -> macros::Namespace {
    macros::Namespace(RefCell::new(entries))
}

fn address(value: &Val) -> usize {
    match value {
        Val::List(list) => Rc::as_ptr(list).cast::<()>() as usize,
        Val::Dict(dict) => Rc::as_ptr(dict).cast::<()>() as usize,
        _ => 0,
    }
}

fn shorten(text: &Text) -> String {
    if text.is_secret() {
        return "********".to_owned();
    }
    let mut out: String = text.as_str().chars().take(80).collect();
    if out.len() < text.as_str().len() {
        out.push('…');
    }
    out
}
