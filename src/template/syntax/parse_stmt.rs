//! Tokens to statements.

use super::ast::{Expr, ExprKind, ForLoop, MacroDef, Param, Stmt, Target, Template};
use super::lexer::{Tok, tokenize, tokenize_expression};
use super::parse_expr::{Parser, quote};
use super::{Syntax, SyntaxError};
use crate::vars::Text;
use std::sync::Arc;

type Parsed<T> = Result<T, SyntaxError>;

/// Reads a template that begins at `start`.
///
/// # Errors
/// What is not Jinja, in Jinja's words.
pub fn parse_template(source: &str, start: usize, syntax: &Syntax) -> Parsed<Template> {
    let mut reader =
        Statements { parser: Parser::new(tokenize(source, start, syntax)?), ..Statements::default() };
    let body = reader.body(&[])?;
    Ok(Template { body, blocks: reader.blocks })
}

/// Reads a bare expression, as `when` has it.
///
/// # Errors
/// What is not Jinja, in Jinja's words.
pub fn parse_expression(source: &str, syntax: &Syntax) -> Parsed<Expr> {
    let mut parser = Parser::new(tokenize_expression(source, syntax)?);
    let expr = parser.expression(true)?;
    if !matches!(parser.peek(), Tok::Eof) {
        return parser.fail("chunk after expression");
    }
    Ok(expr)
}

struct Statements {
    parser: Parser,
    open: Vec<(String, Vec<&'static str>)>,
    blocks: Vec<(Arc<str>, Arc<[Stmt]>)>,
}

impl Default for Statements {
    fn default() -> Self {
        Self { parser: Parser::new(Vec::new()), open: Vec::new(), blocks: Vec::new() }
    }
}

/// How deep statements may nest.
const MAX_DEPTH: usize = 60;

impl Statements {
    /// Statements up to one of `ends` (whose name stays to be read), or up to the end of the template.
    fn body(&mut self, ends: &[&str]) -> Parsed<Vec<Stmt>> {
        let mut out = Vec::new();
        loop {
            match self.parser.peek().clone() {
                Tok::Data(text) => {
                    self.parser.next();
                    out.push(Stmt::Data(Text::plain(text)));
                }
                Tok::VariableBegin => {
                    self.parser.next();
                    let expr = self.parser.tuple(true, &[], false)?;
                    if matches!(self.parser.peek(), Tok::Eof) {
                        return self
                            .parser
                            .fail("unexpected end of template, expected 'end of print statement'.");
                    }
                    self.parser.expect(&Tok::VariableEnd)?;
                    out.push(Stmt::Print(expr));
                }
                Tok::BlockBegin => {
                    self.parser.next();
                    if ends.iter().any(|end| self.parser.is_name(end)) {
                        return Ok(out);
                    }
                    let stmt = self.statement()?;
                    self.parser.expect(&Tok::BlockEnd)?;
                    out.extend(stmt);
                }
                _ if ends.is_empty() => return Ok(out),
                _ => return self.unclosed(),
            }
        }
    }

    fn unclosed<T>(&self) -> Parsed<T> {
        let mut message = "Unexpected end of template.".to_owned();
        if let Some((tag, ends)) = self.open.last() {
            let wanted: Vec<String> = ends.iter().map(|e| format!("'{e}'")).collect();
            message.push_str(&format!(
                " Jinja was looking for the following tags: {}. The innermost block that needs to be closed is '{tag}'.",
                wanted.join(" or ")
            ));
        }
        self.parser.fail(message)
    }

    /// A nested body: the end tag's name is read too, and given back.
    fn nested(&mut self, tag: &str, ends: &[&'static str]) -> Parsed<(Vec<Stmt>, Arc<str>)> {
        if self.open.len() >= MAX_DEPTH {
            return self.parser.fail("the template is nested too deeply");
        }
        // As in Python there may be a colon.
        self.parser.skip_op(":");
        self.parser.expect(&Tok::BlockEnd)?;
        self.open.push((tag.to_owned(), ends.to_vec()));
        let body = self.body(ends)?;
        self.open.pop();
        Ok((body, self.parser.expect_name()?))
    }

    fn statement(&mut self) -> Parsed<Option<Stmt>> {
        let pos = self.parser.pos();
        let Tok::Name(tag) = self.parser.peek().clone() else {
            return self.parser.fail("tag name expected");
        };
        self.parser.next();
        let stmt = match tag.as_str() {
            "if" => self.if_statement()?,
            "for" => self.for_statement()?,
            "set" => self.set_statement()?,
            "macro" => {
                let name = self.parser.expect_name()?;
                let params = self.params()?;
                let (body, _) = self.nested("macro", &["endmacro"])?;
                Stmt::Macro(Arc::new(MacroDef { name, params, body }))
            }
            "call" => {
                let params = if self.parser.is_op("(") { self.params()? } else { Vec::new() };
                let call = self.parser.expression(true)?;
                if !matches!(call.kind, ExprKind::Call(..)) {
                    return Err(SyntaxError::new("expected call", pos));
                }
                let (body, _) = self.nested("call", &["endcall"])?;
                Stmt::CallBlock(call, Arc::new(MacroDef { name: Arc::from("caller"), params, body }))
            }
            "filter" => {
                let filter = self.parser.filter(None)?;
                let (body, _) = self.nested("filter", &["endfilter"])?;
                Stmt::FilterBlock(filter, body)
            }
            "with" => {
                let mut assigns = Vec::new();
                while !matches!(self.parser.peek(), Tok::BlockEnd | Tok::Eof) {
                    if !assigns.is_empty() {
                        self.parser.expect_op(",")?;
                    }
                    let target = self.target(&[])?;
                    self.parser.expect_op("=")?;
                    assigns.push((target, self.parser.expression(true)?));
                }
                let (body, _) = self.nested("with", &["endwith"])?;
                Stmt::With(assigns, body)
            }
            "include" => {
                let name = self.parser.expression(true)?;
                let mut ignore_missing = false;
                if self.parser.is_name("ignore") {
                    self.parser.next();
                    if !self.parser.skip_name("missing") {
                        return self.parser.unexpected("missing");
                    }
                    ignore_missing = true;
                }
                let with_context = self.context_flag(true);
                Stmt::Include { name, ignore_missing, with_context }
            }
            "import" => {
                let name = self.parser.expression(true)?;
                if !self.parser.skip_name("as") {
                    return self.parser.unexpected("as");
                }
                let target = self.parser.expect_name()?;
                Stmt::Import { name, target, with_context: self.context_flag(false) }
            }
            "from" => self.from_statement()?,
            "extends" => {
                // Only what comes to this one while it runs extends; but it cannot be inside of anything else.
                if self.open.iter().any(|(tag, _)| tag != "if") {
                    return Err(SyntaxError::new("cannot use extend from a non top-level scope", pos));
                }
                Stmt::Extends(self.parser.expression(true)?)
            }
            "block" => self.block_statement(pos)?,
            "do" => Stmt::Do(self.parser.tuple(true, &[], false)?),
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            "autoescape" => {
                self.parser.expression(true)?;
                let (body, _) = self.nested("autoescape", &["endautoescape"])?;
                Stmt::Group(body)
            }
            other => return self.unknown(other, pos),
        };
        Ok(Some(stmt))
    }

    fn unknown<T>(&self, tag: &str, pos: usize) -> Parsed<T> {
        let mut message = format!("Encountered unknown tag {}.", quote(tag));
        if let Some((open, ends)) = self.open.last() {
            let wanted: Vec<String> = ends.iter().map(|e| format!("'{e}'")).collect();
            message.push_str(&format!(
                " Jinja was looking for the following tags: {}. The innermost block that needs to be closed is '{open}'.",
                wanted.join(" or ")
            ));
        }
        Err(SyntaxError::new(message, pos))
    }

    fn context_flag(&mut self, default: bool) -> bool {
        for (word, value) in [("with", true), ("without", false)] {
            if self.parser.is_name(word) {
                self.parser.next();
                if self.parser.skip_name("context") {
                    return value;
                }
            }
        }
        default
    }

    fn if_statement(&mut self) -> Parsed<Stmt> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let test = self.parser.tuple(false, &[], false)?;
            let (body, end) = self.nested("if", &["elif", "else", "endif"])?;
            branches.push((test, body));
            match &*end {
                "elif" => {}
                "else" => {
                    otherwise = self.nested("if", &["endif"])?.0;
                    break;
                }
                _ => break,
            }
        }
        Ok(Stmt::If(branches, otherwise))
    }

    fn for_statement(&mut self) -> Parsed<Stmt> {
        let target = self.target(&["in"])?;
        if !self.parser.skip_name("in") {
            return self.parser.unexpected("in");
        }
        let iter = self.parser.tuple(false, &["recursive"], false)?;
        let filter = if self.parser.skip_name("if") { Some(self.parser.expression(true)?) } else { None };
        let recursive = self.parser.skip_name("recursive");
        let start = self.parser.index();
        let (body, end) = self.nested("for", &["endfor", "else"])?;
        let uses_loop = recursive
            || self.parser.mentioned_since(start, "loop")
            || self.parser.mentioned_since(start, "scoped");
        let otherwise = if &*end == "else" { self.nested("for", &["endfor"])?.0 } else { Vec::new() };
        Ok(Stmt::For(Arc::new(ForLoop { target, iter, filter, recursive, uses_loop, body, otherwise })))
    }

    fn set_statement(&mut self) -> Parsed<Stmt> {
        let target = self.target(&[])?;
        if self.parser.skip_op("=") {
            return Ok(Stmt::Set(target, self.parser.tuple(true, &[], false)?));
        }
        let filter = if self.parser.skip_op("|") { Some(self.parser.filter(None)?) } else { None };
        let (body, _) = self.nested("set", &["endset"])?;
        Ok(Stmt::SetBlock(target, filter, body))
    }

    fn from_statement(&mut self) -> Parsed<Stmt> {
        let name = self.parser.expression(true)?;
        if !self.parser.skip_name("import") {
            return self.parser.unexpected("import");
        }
        let mut names = Vec::new();
        let mut with_context = false;
        loop {
            if !names.is_empty() && !self.parser.skip_op(",") {
                with_context = self.context_flag(false);
                break;
            }
            if matches!(self.parser.peek(), Tok::BlockEnd | Tok::Eof) {
                break;
            }
            if (self.parser.is_name("with") || self.parser.is_name("without")) && !names.is_empty() {
                with_context = self.context_flag(false);
                break;
            }
            let from = self.parser.expect_name()?;
            let to = if self.parser.skip_name("as") { self.parser.expect_name()? } else { Arc::clone(&from) };
            names.push((from, to));
        }
        Ok(Stmt::FromImport { name, names, with_context })
    }

    fn block_statement(&mut self, pos: usize) -> Parsed<Stmt> {
        let name = self.parser.expect_name()?;
        let mut scoped = self.parser.skip_name("scoped");
        let required = self.parser.skip_name("required");
        scoped |= self.parser.skip_name("scoped");
        if self.blocks.iter().any(|(known, _)| *known == name) {
            return Err(SyntaxError::new(format!("block '{name}' defined twice"), pos));
        }
        let (body, _) = self.nested("block", &["endblock"])?;
        self.parser.skip_name(&name);
        let body: Arc<[Stmt]> = Arc::from(body);
        self.blocks.push((Arc::clone(&name), Arc::clone(&body)));
        Ok(Stmt::Block { name, body, scoped, required, pos: u32::try_from(pos).unwrap_or(u32::MAX) })
    }

    fn params(&mut self) -> Parsed<Vec<Param>> {
        self.parser.expect_op("(")?;
        let mut params: Vec<Param> = Vec::new();
        while !self.parser.is_op(")") {
            if !params.is_empty() {
                self.parser.expect_op(",")?;
                if self.parser.is_op(")") {
                    break;
                }
            }
            let name = self.parser.expect_name()?;
            if params.iter().any(|(known, _)| *known == name) {
                return self.parser.fail(format!("duplicate argument '{name}' in function definition"));
            }
            let default = if self.parser.skip_op("=") { Some(self.parser.expression(true)?) } else { None };
            if default.is_none() && params.iter().any(|(_, d)| d.is_some()) {
                return self.parser.fail("non-default argument follows default argument");
            }
            params.push((name, default));
        }
        self.parser.expect_op(")")?;
        Ok(params)
    }

    /// What can be assigned to.
    fn target(&mut self, ends: &[&str]) -> Parsed<Target> {
        let mut targets = Vec::new();
        let mut tuple = false;
        loop {
            if self.parser.skip_op("(") {
                targets.push(self.target(ends)?);
                self.parser.expect_op(")")?;
            } else {
                match self.parser.peek() {
                    Tok::BlockEnd => {
                        return self.parser.fail("Expected an expression, got 'end of statement block'");
                    }
                    Tok::Op(op) => return self.parser.fail(format!("unexpected '{op}'")),
                    _ => {}
                }
                let name = self.parser.expect_name()?;
                if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
                    return self.parser.fail(format!("can't assign to '{name}'"));
                }
                if ends.is_empty() && self.parser.skip_op(".") {
                    targets.push(Target::Attr(name, self.parser.expect_name()?));
                } else {
                    targets.push(Target::Name(name));
                }
            }
            if !self.parser.skip_op(",") {
                break;
            }
            tuple = true;
            let done = self.parser.is_op("=")
                || self.parser.is_op(")")
                || matches!(self.parser.peek(), Tok::BlockEnd | Tok::Eof)
                || ends.iter().any(|end| self.parser.is_name(end));
            if done {
                break;
            }
        }
        match (tuple, targets.pop()) {
            (false, Some(only)) => Ok(only),
            (_, last) => {
                targets.extend(last);
                Ok(Target::Tuple(targets))
            }
        }
    }
}
