//! The door to everything here: [`Templar`].

use super::context::{FileOptions, TemplarSettings, TemplateContext};
use super::error::{TemplateError, TemplateErrorKind};
use super::eval::source::{Source, locate};
use super::eval::val::Val;
use super::eval::{Env, Interp, with_line_ends};
use super::syntax::ast::{Const, Expr, ExprKind, Stmt, Template};
use super::syntax::walk::{self, Mention};
use super::syntax::{Syntax, SyntaxError, parse_expression, parse_template};
use super::{filters, header, lookups, tests};
use crate::vars::{Key, Map, Text, Value};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};
use windlass_yaml::{SourceFile, Span};

/// After so many texts the store of compiled ones starts anew.
const CACHE_LIMIT: usize = 20_000;

type Compiled<T> = Result<Arc<T>, SyntaxError>;
type Store<K, T> = RwLock<HashMap<K, Compiled<T>>>;

/// What all renderings of a run share.
pub struct Shared {
    pub(crate) settings: TemplarSettings,
    pub(crate) default_syntax: Arc<Syntax>,
    templates: Store<Box<str>, Template>,
    expressions: Store<Box<str>, Expr>,
    files: Store<(String, usize, Syntax), Template>,
}

fn cached<K, Q, T>(
    store: &Store<K, T>,
    key: &Q,
    own: impl FnOnce() -> K,
    make: impl FnOnce() -> Result<T, SyntaxError>,
) -> Compiled<T>
where
    K: std::hash::Hash + Eq + std::borrow::Borrow<Q>,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(found) = store.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return found.clone();
    }
    let made = make().map(Arc::new);
    let mut store = store.write().unwrap_or_else(PoisonError::into_inner);
    if store.len() >= CACHE_LIMIT {
        store.clear();
    }
    store.insert(own(), made.clone());
    made
}

impl Shared {
    pub(crate) fn compile(&self, text: &str) -> Compiled<Template> {
        cached(&self.templates, text, || text.into(), || parse_template(text, 0, &self.default_syntax))
    }
    pub(crate) fn compile_expression(&self, text: &str) -> Compiled<Expr> {
        cached(&self.expressions, text, || text.into(), || parse_expression(text, &self.default_syntax))
    }
    /// A file's template, which begins at `start`.
    pub(crate) fn compile_file(
        &self,
        file: &SourceFile,
        start: usize,
        syntax: &Syntax,
    ) -> Compiled<Template> {
        let key = (file.text.clone(), start, syntax.clone());
        cached(&self.files, &key, || key.clone(), || parse_template(&file.text, start, syntax))
    }
}

/// Renders templates. Cheap to clone; made once per run.
#[derive(Clone)]
pub struct Templar(Arc<Shared>);

impl std::fmt::Debug for Templar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Templar").field(&self.0.settings).finish()
    }
}

impl Templar {
    /// An environment with these settings.
    #[must_use]
    pub fn new(settings: TemplarSettings) -> Self {
        Self(Arc::new(Shared {
            settings,
            default_syntax: Arc::new(Syntax::default()),
            templates: Store::default(),
            expressions: Store::default(),
            files: Store::default(),
        }))
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &TemplarSettings {
        &self.0.settings
    }

    fn run<T>(
        &self,
        cx: &TemplateContext<'_>,
        what: &str,
        run: impl FnOnce(&mut Interp<'_>) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        let mut interp = Interp::new(&self.0, *cx);
        run(&mut interp).map_err(|e| polish(e, cx, what))
    }

    /// Renders a value with everything in it. Types are kept; omitted entries of lists and mappings are gone; at the top
    /// there may be [`Value::Omit`].
    ///
    /// # Errors
    /// Where something is undefined, or an operation fails.
    pub fn render(&self, value: &Value, cx: &TemplateContext<'_>) -> Result<Value, TemplateError> {
        if value.is_final() {
            return Ok(value.clone());
        }
        self.run(cx, "template", |it| it.render_value(value)).map_err(|e| e.at(value.span()))
    }

    /// Renders a text.
    ///
    /// # Errors
    /// Where something is undefined, or an operation fails.
    pub fn render_str(&self, text: &Text, cx: &TemplateContext<'_>) -> Result<Value, TemplateError> {
        self.render(&Value::Str(text.clone()), cx)
    }

    /// Evaluates a bare expression, as `debug: var=` has it. Undefined is an error.
    ///
    /// # Errors
    /// Where something is undefined, or an operation fails.
    pub fn expression(
        &self,
        source: &str,
        span: Option<&Span>,
        cx: &TemplateContext<'_>,
    ) -> Result<Value, TemplateError> {
        self.run(cx, "expression", |it| {
            let value = evaluate(it, source, span)?;
            it.lower(&value)
        })
    }

    /// Like [`Templar::expression`], with a mark in the place of everything that is undefined, and with what that was.
    ///
    /// # Errors
    /// Where an operation fails.
    pub fn expression_with_marks(
        &self,
        source: &str,
        span: Option<&Span>,
        cx: &TemplateContext<'_>,
    ) -> Result<(Value, Vec<String>), TemplateError> {
        self.marked(cx, |it| evaluate(it, source, span).and_then(|value| it.lower(&value)))
    }

    /// Like [`Templar::render`], with a mark in the place of everything that is undefined.
    ///
    /// # Errors
    /// Where an operation fails.
    pub fn render_with_marks(&self, value: &Value, cx: &TemplateContext<'_>) -> Result<Value, TemplateError> {
        self.marked(cx, |it| it.render_value(value)).map(|(value, _)| value)
    }

    fn marked(
        &self,
        cx: &TemplateContext<'_>,
        render: impl FnOnce(&mut Interp<'_>) -> Result<Value, TemplateError>,
    ) -> Result<(Value, Vec<String>), TemplateError> {
        self.run(cx, "template", |it| {
            it.marks = Some(Vec::new());
            let value = match render(it) {
                Ok(value) => value,
                Err(error) if error.kind == TemplateErrorKind::Undefined => match it.mark(&error) {
                    Some(mark) => Value::text(mark),
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            };
            Ok((value, it.marks.take().unwrap_or_default()))
        })
    }

    /// Evaluates a condition: `when`, `until`, `changed_when`, `failed_when`, `assert`. A list means that all have
    /// to hold; the first that does not ends it.
    ///
    /// # Errors
    /// Where something is undefined or fails, and where the result is no boolean.
    pub fn condition(&self, value: &Value, cx: &TemplateContext<'_>) -> Result<bool, TemplateError> {
        match value {
            Value::Bool(b) => Ok(*b),
            Value::List(items) => {
                for item in items.iter() {
                    if !self.condition(item, cx)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Value::Str(text) => self.run(cx, "expression", |it| it.condition(text, true)).map_err(|mut e| {
                if e.kind == TemplateErrorKind::Undefined {
                    e.message = format!("Error while evaluating conditional: {}", e.message);
                }
                e.at(text.span())
            }),
            other => self.run(cx, "expression", |it| {
                let lifted = it.lift(other)?;
                it.boolean(&lifted, other.span())
            }),
        }
    }

    /// Renders a template file.
    ///
    /// # Errors
    /// Where something is undefined, or an operation fails.
    pub fn render_file(
        &self,
        source: &Arc<SourceFile>,
        options: &FileOptions,
        cx: &TemplateContext<'_>,
    ) -> Result<String, TemplateError> {
        let file = source;
        let (start, syntax) = header::apply(file, &options.syntax)?;
        let template = self.0.compile_file(file, start, &syntax).map_err(|e| TemplateError {
            kind: TemplateErrorKind::Syntax,
            message: format!("Syntax error in template: {}", e.message),
            span: Some(Span::new(file, e.pos, e.pos + 1)),
            hint: None,
        })?;
        self.run(cx, "template", |it| {
            it.syntax = Arc::new(syntax);
            it.folder = file.path.parent().map(Path::to_owned);
            let source =
                Source { text: Arc::from(file.text.as_str()), span: None, file: Some(Arc::clone(file)) };
            let value = it.run(&template, Rc::new(source), Env::root(false))?;
            // Only a text has line ends to keep: one value of another kind is all there is in the file.
            let value = match value {
                Val::Omit => {
                    let message = "A template was resolved to an Omit scalar.";
                    return Err(TemplateError::new(TemplateErrorKind::Rendering, message));
                }
                value => with_line_ends(value, &file.text[start..], options.syntax.newline),
            };
            let mut out = String::new();
            it.print(&value, &mut out)?;
            Ok(out)
        })
    }

    /// Runs a lookup, as `with_*` does.
    ///
    /// # Errors
    /// If there is none of that name, or it fails.
    pub fn lookup(
        &self,
        name: &str,
        terms: Vec<Value>,
        options: Map,
        cx: &TemplateContext<'_>,
    ) -> Result<Vec<Value>, TemplateError> {
        self.run(cx, "template", |it| {
            let mut vals = Vec::with_capacity(terms.len());
            for term in &terms {
                vals.push(it.lift(term)?);
            }
            let mut named = Vec::with_capacity(options.len());
            for (key, value) in &options {
                named.push((key.to_string().into(), it.lift(value)?));
            }
            let found = lookups::run(it, name, vals, named)?;
            found.iter().map(|v| it.lower(v)).collect()
        })
    }

    /// Whether there is a lookup of that name.
    #[must_use]
    pub fn has_lookup(&self, name: &str) -> bool {
        lookups::find(name).is_some()
    }

    /// The lookup whose name is most like this one.
    #[must_use]
    pub fn similar_lookup(&self, name: &str) -> Option<String> {
        lookups::suggest(name)
    }

    /// Everything wrong with a value's templates that can be seen without rendering: syntax, and names of filters, tests and
    /// lookups.
    #[must_use]
    pub fn check_syntax(&self, value: &Value) -> Vec<TemplateError> {
        let mut out = Vec::new();
        each_text(value, &mut |text| {
            if text.is_template() {
                match self.0.compile(text.as_str()) {
                    Err(e) => out.push(syntax_error("template", &e, text)),
                    Ok(template) => {
                        walk::template(&template, &mut |mention, pos| {
                            out.extend(unknown_name(mention, pos, text))
                        });
                    }
                }
            }
        });
        out
    }

    /// Like [`Templar::check_syntax`], for a condition or a list of them.
    #[must_use]
    pub fn check_condition(&self, value: &Value) -> Vec<TemplateError> {
        let mut out = Vec::new();
        each_text(value, &mut |text| {
            if !text.is_trusted() || text.as_str().trim().is_empty() {
                return;
            }
            if is_wrapped(text.as_str()) {
                out.extend(self.check_syntax(&Value::Str(text.clone())));
                return;
            }
            match self.0.compile_expression(text.as_str()) {
                Err(e) => out.push(expression_error(&e, text)),
                Ok(expr) => {
                    walk::expression(&expr, &mut |mention, pos| out.extend(unknown_name(mention, pos, text)));
                }
            }
        });
        out
    }

    /// The names of variables that a value's templates mention.
    #[must_use]
    pub fn free_variables(&self, value: &Value) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        each_text(value, &mut |text| {
            if text.is_template()
                && let Ok(template) = self.0.compile(text.as_str())
            {
                walk::template(&template, &mut |mention, _| {
                    if let Mention::Variable(name) = mention {
                        out.insert(name.to_owned());
                    }
                });
            }
        });
        out
    }

    /// The names of variables that a bare expression (or a list of conditions) mentions.
    #[must_use]
    pub fn free_variables_of_condition(&self, value: &Value) -> BTreeSet<String> {
        let mut out = self.free_variables(value);
        each_text(value, &mut |text| {
            if let Ok(expr) = self.0.compile_expression(text.as_str()) {
                walk::expression(&expr, &mut |mention, _| {
                    if let Mention::Variable(name) = mention {
                        out.insert(name.to_owned());
                    }
                });
            }
        });
        out
    }
}

/// Whether a condition is one `{{ }}` (or `{% %}`) text that has to be rendered first.
fn is_wrapped(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("{{") && text.ends_with("}}")) || (text.starts_with("{%") && text.ends_with("%}"))
}

/// Whether a template does nothing but print a text that stands in it.
fn is_literal(template: &Template) -> bool {
    let [Stmt::Print(expr)] = &template.body[..] else { return false };
    matches!(&expr.kind, ExprKind::Const(Const::Str(text)) if !text.as_str().is_empty())
}

fn evaluate(it: &mut Interp<'_>, source: &str, span: Option<&Span>) -> Result<Val, TemplateError> {
    let text = Text::trusted(source, span.cloned());
    let expr = it.shared.compile_expression(source).map_err(|e| expression_error(&e, &text))?;
    let place = Source { text: Arc::from(source), span: span.cloned(), file: None };
    let saved = std::mem::replace(&mut it.source, Rc::new(place));
    let result = it.eval(&expr);
    it.source = saved;
    result
}

impl Interp<'_> {
    /// A condition's text: all of it in braces is rendered first, and a text that this gives is evaluated once more.
    fn condition(&mut self, text: &Text, again: bool) -> Result<bool, TemplateError> {
        if text.as_str().trim().is_empty() {
            if self.shared.settings.allow_broken_conditionals {
                return Ok(true);
            }
            return Err(TemplateError::new(
                TemplateErrorKind::NotBoolean,
                "Empty conditional expressions are not allowed.",
            ));
        }
        if !text.is_trusted() {
            return Err(TemplateError::new(
                TemplateErrorKind::NotBoolean,
                "Encountered untrusted template or expression.",
            ));
        }
        if again && is_wrapped(text.as_str()) {
            if self.shared.compile(text.as_str()).is_ok_and(|t| is_literal(&t)) {
                return Err(TemplateError::new(
                    TemplateErrorKind::NotBoolean,
                    "Encountered untrusted template or expression.",
                ));
            }
            let value = self.render_text(text)?;
            if let Val::Str(result) = &value {
                return self.condition(result, false);
            }
            return self.boolean(&value, text.span());
        }
        let literals = std::mem::replace(&mut self.literals, true);
        let value = evaluate(self, text.as_str(), text.span());
        self.literals = literals;
        self.boolean(&value?, text.span())
    }

    /// A condition's result, which has to be a boolean.
    fn boolean(&mut self, value: &Val, span: Option<&Span>) -> Result<bool, TemplateError> {
        if matches!(value, Val::Bool(_)) {
            return self.truthy(value);
        }
        // What cannot be a variable cannot be a condition either.
        let value = &match self.lower(value)? {
            Value::Omit => return Err(TemplateError::new(TemplateErrorKind::NotBoolean, "<omit>")),
            lowered => self.lift(&lowered)?,
        };
        let truth = self.truthy(value)?;
        if self.shared.settings.allow_broken_conditionals {
            return Ok(truth);
        }
        let shown = if truth { "True" } else { "False" };
        let place = span.map_or_else(|| "<unknown>".to_owned(), ToString::to_string);
        Err(TemplateError {
            kind: TemplateErrorKind::NotBoolean,
            message: format!(
                "Conditional result ({shown}) was derived from value of type '{}' at '{place}'. Conditionals must have a boolean result.",
                value.type_name()
            ),
            span: span.cloned(),
            hint: Some(
                "compare it, or use a test or filter that gives a boolean (`is truthy`, `| bool`)".to_owned(),
            ),
        })
    }
}

fn syntax_error(what: &str, error: &SyntaxError, text: &Text) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::Syntax,
        message: format!("Syntax error in {what}: {}", error.message),
        span: text.span().map(|span| locate(span, text.as_str(), error.pos)),
        hint: error
            .message
            .contains("expected 'end of print statement'")
            .then(|| "an expression that `{{` begins ends with `}}`".to_owned()),
    }
}

fn expression_error(error: &SyntaxError, text: &Text) -> TemplateError {
    if crate::vars::has_delimiter(text.as_str()) {
        let mut out =
            syntax_error("expression. Template delimiters are not supported in expressions", error, text);
        out.hint = Some("leave the braces out: this is an expression already".to_owned());
        return out;
    }
    syntax_error("expression", error, text)
}

fn unknown_name(mention: Mention<'_>, pos: u32, text: &Text) -> Option<TemplateError> {
    let (message, suggestion) = match mention {
        Mention::Variable(_) => return None,
        Mention::Filter(name) if filters::find(name).is_none() => {
            (format!("No filter named '{name}'."), filters::suggest(name))
        }
        Mention::Test(name) if tests::find(name).is_none() => {
            (format!("No test named '{name}'."), tests::suggest(name))
        }
        Mention::Lookup(name) if lookups::find(name).is_none() => {
            (format!("The lookup plugin '{name}' was not found."), lookups::suggest(name))
        }
        _ => return None,
    };
    Some(TemplateError {
        kind: TemplateErrorKind::UnknownName,
        message,
        span: text.span().map(|span| locate(span, text.as_str(), pos as usize)),
        hint: suggestion.map(|s| format!("did you mean '{s}'?")),
    })
}

fn each_text(value: &Value, found: &mut dyn FnMut(&Text)) {
    match value {
        Value::Str(text) => found(text),
        Value::List(items) => items.iter().for_each(|item| each_text(item, found)),
        Value::Map(map) => map.values().for_each(|item| each_text(item, found)),
        _ => {}
    }
}

/// Finishes an error for the user: what it happened in, and a guess at what was meant.
fn polish(mut error: TemplateError, cx: &TemplateContext<'_>, what: &str) -> TemplateError {
    match error.kind {
        TemplateErrorKind::Failed => {
            let message = &error.message;
            if !blamed(message) && !message.starts_with("Error rendering") {
                error.message = format!("Error rendering {what}: {message}");
            }
        }
        TemplateErrorKind::UnknownName if error.message.starts_with("No ") => {
            error.message = format!("Syntax error in {what}: {}", error.message);
        }
        TemplateErrorKind::Undefined if error.hint.is_none() => {
            if let Some(name) =
                error.message.strip_prefix('\'').and_then(|m| m.strip_suffix("' is undefined"))
            {
                let names = cx.scope.names();
                error.hint = nearest(name, names.iter().filter_map(Key::as_str))
                    .map(|n| format!("did you mean '{n}'?"));
            }
        }
        _ => {}
    }
    error
}

/// Whether a message says already which plugin failed.
pub(crate) fn blamed(message: &str) -> bool {
    ["The filter plugin ", "The test plugin ", "The lookup plugin "].iter().any(|p| message.starts_with(p))
}

/// The name that is most like another, if one is.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    names
        .filter(|n| *n != name)
        .map(|n| (strsim::jaro_winkler(name, n), n))
        .filter(|(score, _)| *score > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, n)| n.to_owned())
}
