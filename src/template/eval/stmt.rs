//! Statements, includes and inheritance.

use super::macros::Namespace;
use super::source::Source;
use super::val::{Args, Object, R, Val, failed, undefined};
use super::{Env, Interp};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::syntax::ast::{Expr, Stmt, Target, Template};
use crate::vars::{Key, Text};
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use windlass_yaml::SourceFile;

/// What a statement says about the loop it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Break,
    Continue,
}

/// What a template prints: one value keeps its type, several become a text. Lists and mappings are turned into text at
/// the end only, so that what is changed in them until then is seen everywhere.
#[derive(Default)]
pub(super) struct Out {
    parts: Vec<Part>,
    /// What the template itself prints is left out (behind `{% extends %}`).
    muted: bool,
}

enum Part {
    /// Texts and scalars, one after the other.
    Text { text: String, secret: bool },
    /// The first of all, or something that can still change; and where it was printed.
    Val(Val, Rc<Source>, u32),
}

impl Out {
    fn push(&mut self, it: &mut Interp<'_>, value: Val, pos: u32) -> R<()> {
        if matches!(value, Val::None) {
            return Ok(());
        }
        // What the template made itself is printed as it is now, a variable as it is at the end.
        let fixed = !it.is_variable(&value);
        let value = match &value {
            Val::List(_) if fixed => Val::list(it.items(&value)?),
            Val::Dict(_) if fixed => Val::dict(it.entries(&value)?),
            _ => value,
        };
        if self.parts.is_empty() || !fixed {
            self.parts.push(Part::Val(value, Rc::clone(&it.source), pos));
            return Ok(());
        }
        self.append(it, &value)
    }

    fn append(&mut self, it: &mut Interp<'_>, value: &Val) -> R<()> {
        if !matches!(self.parts.last(), Some(Part::Text { .. })) {
            self.parts.push(Part::Text { text: String::new(), secret: false });
        }
        let Some(Part::Text { text: out, secret }) = self.parts.last_mut() else { return Ok(()) };
        if let Val::Str(text) = value {
            *secret |= text.is_secret();
            out.push_str(text.as_str());
            return Ok(());
        }
        it.print(value, out)?;
        *secret |= it.secret_seen && it.holds_secret(value);
        Ok(())
    }

    /// The value of everything that was printed.
    pub(super) fn finish(mut self, it: &mut Interp<'_>) -> R {
        match self.parts.len() {
            0 => return Ok(Val::None),
            1 => {
                return Ok(match self.parts.remove(0) {
                    Part::Val(value, ..) => value,
                    Part::Text { text, secret } => finished(text, secret),
                });
            }
            _ => {}
        }
        let mut whole = Self::default();
        let (mut text, mut secret) = (String::new(), false);
        for part in self.parts {
            match part {
                Part::Text { text: more, secret: hidden } => {
                    text.push_str(&more);
                    secret |= hidden;
                }
                Part::Val(value, source, pos) => {
                    whole.append(it, &value).map_err(|e| match e.span {
                        Some(_) => e,
                        None => e.at(source.span(pos).as_ref()),
                    })?;
                    if let Some(Part::Text { text: more, secret: hidden }) = whole.parts.pop() {
                        text.push_str(&more);
                        secret |= hidden;
                    }
                }
            }
        }
        Ok(finished(text, secret))
    }
}

fn finished(text: String, secret: bool) -> Val {
    let text = Text::plain(text);
    Val::Str(if secret { text.into_secret() } else { text })
}

/// What `import` gives: the names that a template sets.
pub(crate) struct Module {
    env: Rc<Env>,
    printed: String,
    /// As it was asked for.
    name: String,
}

impl Object for Module {
    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        Ok(self.env.here().into_iter().find(|(n, _)| &**n == name && !name.starts_with('_')).map(|(_, v)| v))
    }
    fn print(&self) -> String {
        self.printed.clone()
    }
}

/// `self`: the blocks of the template.
pub(super) struct SelfBlocks;

impl Object for SelfBlocks {
    fn type_name(&self) -> &'static str {
        "TemplateReference"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn method(&self, it: &mut Interp<'_>, name: &str, _args: Args) -> R<Option<Val>> {
        let mut out = Out::default();
        it.block(name, 0, Rc::clone(&it.base), &mut out)?;
        out.finish(it).map(Some)
    }
    fn print(&self) -> String {
        "<TemplateReference>".to_owned()
    }
}

/// `super` in a block.
struct SuperBlock(Arc<str>, usize);

impl Object for SuperBlock {
    fn type_name(&self) -> &'static str {
        "BlockReference"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn call(&self, it: &mut Interp<'_>, _args: Args) -> R {
        let mut out = Out::default();
        it.block(&self.0, self.1, Rc::clone(&it.base), &mut out)?;
        out.finish(it)
    }
    fn print(&self) -> String {
        "<BlockReference>".to_owned()
    }
}

impl Interp<'_> {
    /// Runs a whole template in the current environment.
    pub(super) fn run_template(&mut self, template: &Template) -> R {
        let mut out = Out::default();
        self.run_into(template, &mut out)?;
        out.finish(self)
    }

    fn run_into(&mut self, template: &Template, out: &mut Out) -> R<()> {
        for (name, body) in &template.blocks {
            let entry = (Arc::clone(body), Rc::clone(&self.source));
            match self.blocks.iter_mut().find(|(n, _)| n == name) {
                Some((_, stack)) => stack.push(entry),
                None => self.blocks.push((Arc::clone(name), vec![entry])),
            }
        }
        self.stmts(&template.body, out)?;
        let Some((template, source)) = self.parent.take() else { return Ok(()) };
        out.muted = false;
        let saved = std::mem::replace(&mut self.source, source);
        let result = self.nested(|it| it.run_into(&template, out));
        self.source = saved;
        result
    }

    pub(super) fn stmts(&mut self, stmts: &[Stmt], out: &mut Out) -> R<Flow> {
        for stmt in stmts {
            match self.stmt(stmt, out)? {
                Flow::Go => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Go)
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Out) -> R<Flow> {
        match stmt {
            Stmt::Data(_) | Stmt::Print(_) if out.muted => {}
            Stmt::Data(text) => out.push(self, Val::Str(text.clone()), 0)?,
            Stmt::Print(expr) => {
                let value = self.eval(expr)?;
                match &value {
                    // Alone it is a value, for `default` and `is defined` of a variable that is this template.
                    Val::Undefined(undefined) if !undefined.blank => {
                        let error = undefined.to_error();
                        match self.mixed.then(|| self.mark(&error)).flatten() {
                            Some(mark) => out.push(self, Val::from(mark), expr.pos)?,
                            None => return Err(self.place(error, expr.pos)),
                        }
                    }
                    _ => out.push(self, value, expr.pos).map_err(|e| self.place(e, expr.pos))?,
                }
            }
            Stmt::If(branches, otherwise) => return self.if_stmt(branches, otherwise, out),
            Stmt::For(each) => return self.nested(|it| it.for_loop(each, out)),
            Stmt::Set(target, expr) => {
                let value = self.eval(expr)?;
                self.assign(target, value).map_err(|e| self.place(e, expr.pos))?;
            }
            Stmt::SetBlock(target, filter, body) => {
                let mut value = self.capture(body)?;
                if let Some(filter) = filter {
                    value = self.eval_filters_on(filter, value)?;
                }
                self.assign(target, value)?;
            }
            Stmt::Macro(def) => {
                let value = self.make_macro(def);
                self.env.set(&def.name, value);
            }
            Stmt::CallBlock(call, def) => {
                let value = self.call_block(call, def)?;
                out.push(self, value, call.pos)?;
            }
            Stmt::FilterBlock(filter, body) => {
                let value = self.capture_into(body, Out { muted: out.muted, ..Out::default() })?;
                let value = match value {
                    Val::None => Val::str(""),
                    other => other,
                };
                let value = self.eval_filters_on(filter, value)?;
                out.push(self, value, filter.pos)?;
            }
            Stmt::With(assigns, body) => {
                let env = Env::child(&self.env);
                let mut values = Vec::new();
                for (target, expr) in assigns {
                    values.push((target, self.eval(expr)?));
                }
                let saved = std::mem::replace(&mut self.env, env);
                let result = values
                    .into_iter()
                    .try_for_each(|(target, value)| self.assign(target, value))
                    .and_then(|()| self.stmts(body, out));
                self.env = saved;
                return result;
            }
            Stmt::Include { name, ignore_missing, with_context } => {
                self.include(name, *ignore_missing, *with_context, out)?;
            }
            Stmt::Import { name, target, with_context } => {
                let module = self.import(name, *with_context)?;
                self.env.set(target, Val::Object(module));
            }
            Stmt::FromImport { name, names, with_context } => {
                let module = self.import(name, *with_context)?;
                for (from, to) in names {
                    let value = module.env.here().into_iter().find(|(n, _)| n == from).map(|(_, v)| v);
                    let value = value.unwrap_or_else(|| {
                        let line = self.source.line(name.pos);
                        undefined(format!(
                            "the template '{}' (imported on line {line}) does not export the requested name '{from}'",
                            module.name
                        ))
                    });
                    self.env.set(to, value);
                }
            }
            Stmt::Extends(expr) => {
                if self.parent.is_some() {
                    return Err(self.place(failed("extended multiple times"), expr.pos));
                }
                self.parent = Some(self.load(expr)?);
                out.muted = true;
            }
            // The parent prints the blocks of a child; a loop is not at the top of a child, though.
            Stmt::Block { .. } if out.muted && Rc::ptr_eq(&self.env, &self.base) => {}
            Stmt::Block { name, pos, required, scoped, .. } => {
                if *required && self.blocks.iter().any(|(n, s)| n == name && s.len() == 1) {
                    return Err(self.place(failed(format!("Required block {name:?} not found")), *pos));
                }
                let base = Rc::clone(if *scoped { &self.env } else { &self.base });
                self.block(name, 0, base, out).map_err(|e| self.place(e, *pos))?;
            }
            Stmt::Do(expr) => {
                self.eval_defined(expr)?;
            }
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Group(body) => return self.stmts(body, out),
        }
        Ok(Flow::Go)
    }

    fn if_stmt(&mut self, branches: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt], out: &mut Out) -> R<Flow> {
        for (test, body) in branches {
            let value = self.eval(test)?;
            if self.truthy(&value).map_err(|e| self.place(e, test.pos))? {
                return self.nested(|it| it.stmts(body, out));
            }
        }
        self.nested(|it| it.stmts(otherwise, out))
    }

    fn capture(&mut self, body: &[Stmt]) -> R {
        self.capture_into(body, Out::default())
    }

    fn capture_into(&mut self, body: &[Stmt], mut out: Out) -> R {
        let env = Env::child(&self.env);
        let saved = std::mem::replace(&mut self.env, env);
        let result = self.nested(|it| it.stmts(body, &mut out));
        self.env = saved;
        result?;
        out.finish(self)
    }

    /// Puts a value into a target.
    pub(super) fn assign(&mut self, target: &Target, value: Val) -> R<()> {
        match target {
            Target::Name(name) => self.env.set(name, value),
            Target::Tuple(targets) => {
                let items = self.items(&value).map_err(|e| {
                    let message = format!("cannot unpack non-iterable {} object", value.type_name());
                    if e.kind == TemplateErrorKind::Failed { failed(message) } else { e }
                })?;
                if items.len() != targets.len() {
                    let (want, got) = (targets.len(), items.len());
                    return Err(failed(if got < want {
                        format!("not enough values to unpack (expected {want}, got {got})")
                    } else {
                        format!("too many values to unpack (expected {want})")
                    }));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
            Target::Attr(name, attr) => {
                let of = self.variable(name, 0)?;
                let Some(namespace) = of.downcast::<Namespace>() else {
                    return Err(failed("cannot assign attribute on non-namespace object"));
                };
                namespace.0.borrow_mut().insert(Key::from(&**attr), value);
            }
        }
        Ok(())
    }

    /// Prints a block, which sees the names of `base`.
    fn block(&mut self, name: &str, level: usize, base: Rc<Env>, out: &mut Out) -> R<()> {
        let found = self
            .blocks
            .iter()
            .find(|(n, _)| &**n == name)
            .map(|(n, s)| (Arc::clone(n), s.get(level).cloned(), s.len()));
        let Some((name, Some((body, source)), levels)) = found else {
            return Err(TemplateError::new(
                TemplateErrorKind::Undefined,
                format!("there is no block called '{name}'"),
            ));
        };
        let env = Env::child(&base);
        let parent = if level + 1 < levels {
            Val::Object(Rc::new(SuperBlock(Arc::clone(&name), level + 1)))
        } else {
            undefined(format!("there is no parent block called '{name}'."))
        };
        env.set(&Arc::from("super"), parent);
        let saved_env = std::mem::replace(&mut self.env, env);
        let saved_source = std::mem::replace(&mut self.source, source);
        let saved_base = std::mem::replace(&mut self.base, base);
        let saved_block = self.current_block.replace((name, level));
        let muted = std::mem::take(&mut out.muted);
        let result = self.nested(|it| it.stmts(&body, out));
        out.muted = muted;
        self.base = saved_base;
        self.env = saved_env;
        self.source = saved_source;
        self.current_block = saved_block;
        result.map(|_| ())
    }

    fn include(&mut self, name: &Expr, ignore_missing: bool, with_context: bool, out: &mut Out) -> R<()> {
        let (template, source) = match self.load(name) {
            Err(error) if ignore_missing && error.kind == TemplateErrorKind::Failed => return Ok(()),
            other => other?,
        };
        let env = if with_context { Env::child(&self.env) } else { Env::root(true) };
        // A template within a template takes much of the stack.
        let _deeper = self.deeper(12)?;
        let value = self.run(&template, source, env)?;
        out.push(self, value, name.pos)
    }

    fn import(&mut self, name: &Expr, with_context: bool) -> R<Rc<Module>> {
        let (template, source) = self.load(name)?;
        let env = if with_context { Env::child(&self.env) } else { Env::root(true) };
        let value = self.nested(|it| it.run(&template, source, Rc::clone(&env)))?;
        let mut printed = String::new();
        self.print(&value, &mut printed)?;
        let asked = self.eval(name)?;
        let name = self.str(&asked)?;
        Ok(Rc::new(Module { env, printed, name }))
    }

    /// Finds and parses the template that an expression names.
    fn load(&mut self, name: &Expr) -> R<(Arc<Template>, Rc<Source>)> {
        let value = self.eval_defined(name)?;
        let names: Vec<String> = match &value {
            Val::Str(text) => vec![text.as_str().to_owned()],
            _ => {
                let mut names = Vec::new();
                for item in self.items(&value)? {
                    names.push(self.str(&item)?);
                }
                names
            }
        };
        let beside = self.folder.clone();
        for wanted in &names {
            let found = beside
                .as_ref()
                .map(|dir| dir.join(wanted))
                .filter(|p| p.is_file())
                .or_else(|| self.cx.search.find("templates", wanted));
            let Some(path) = found else { continue };
            let text = self.shared.read_text(&path).map_err(|e| self.place(e.into(), name.pos))?;
            let file = SourceFile::new(path, text);
            let template = self.shared.compile_file(&file, 0, &self.syntax).map_err(|e| {
                TemplateError::new(
                    TemplateErrorKind::Syntax,
                    format!("Syntax error in template: {}", e.message),
                )
                .at(Some(&windlass_yaml::Span::new(&file, e.pos, e.pos + 1)))
            })?;
            let source = Source { text: Arc::from(file.text.as_str()), span: None, file: Some(file) };
            return Ok((template, Rc::new(source)));
        }
        let message = match names.as_slice() {
            [only] => {
                let places = self.folder.iter().chain(&self.cx.search.roots);
                let places: indexmap::IndexSet<String> = places.map(|p| p.display().to_string()).collect();
                let places: Vec<String> = places.into_iter().collect();
                let error = failed(format!("'{only}' not found in search path"));
                let hint = Some(format!("searched in {}", places.join(", ")));
                return Err(self.place(TemplateError { hint, ..error }, name.pos));
            }
            several => format!("none of the templates given were found: {}", several.join(", ")),
        };
        Err(self.place(failed(message), name.pos))
    }
}
