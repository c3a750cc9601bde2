//! Tokens to expressions.

use super::SyntaxError;
use super::ast::{Arguments, Binary, Comparison, Const, Expr, ExprKind, Unary};
use super::lexer::{Tok, Token};
use crate::vars::{Text, has_delimiter};
use std::sync::Arc;

/// How deep parentheses may nest. Deeper text is a mistake or an attack, and the tree is walked recursively.
const MAX_DEPTH: usize = 80;

/// How many operators, filters or subscripts may follow each other on one level, for the same reason.
const MAX_CHAIN: usize = 200;

/// How high a tree may be altogether: chains in parentheses in chains.
const MAX_HEIGHT: u16 = 240;

type Parsed<T> = Result<T, SyntaxError>;

/// Reads tokens one by one.
pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// A tree has become too high.
    too_high: bool,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens, at: 0, depth: 0, too_high: false }
    }

    pub(super) fn peek(&self) -> &Tok {
        self.tokens.get(self.at).map_or(&Tok::Eof, |t| &t.kind)
    }

    fn peek_second(&self) -> &Tok {
        self.tokens.get(self.at + 1).map_or(&Tok::Eof, |t| &t.kind)
    }

    pub(super) fn pos(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.pos)
    }

    pub(super) fn next(&mut self) -> Tok {
        let token = self.tokens.get(self.at).map_or(Tok::Eof, |t| t.kind.clone());
        self.at += 1;
        token
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(SyntaxError::new(message, self.pos()))
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Tok::Op(o) if *o == op)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Tok::Name(n) if n == name)
    }

    pub(super) fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    /// "expected token 'x', got 'y'"
    pub(super) fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        if matches!(self.peek(), Tok::Eof) {
            return self.fail(format!("unexpected end of template, expected '{expected}'."));
        }
        let got = match self.peek() {
            // Jinja names literals by their kind.
            Tok::Int(_) => "integer".to_owned(),
            Tok::Float(_) => "float".to_owned(),
            other => other.describe(),
        };
        self.fail(format!("expected token '{expected}', got {}", quote(&got)))
    }

    pub(super) fn expect_op(&mut self, op: &'static str) -> Parsed<()> {
        if self.skip_op(op) { Ok(()) } else { self.unexpected(op) }
    }

    pub(super) fn expect_name(&mut self) -> Parsed<Arc<str>> {
        if let Tok::Name(name) = self.peek() {
            let name = Arc::from(name.as_str());
            self.at += 1;
            return Ok(name);
        }
        self.unexpected("name")
    }

    pub(super) fn expect(&mut self, tok: &Tok) -> Parsed<()> {
        if self.peek() == tok {
            self.at += 1;
            return Ok(());
        }
        self.unexpected(&tok.describe())
    }

    /// Where the next token stands among the others.
    pub(super) fn index(&self) -> usize {
        self.at
    }

    /// Whether a name stands among the tokens since then.
    pub(super) fn mentioned_since(&self, index: usize, name: &str) -> bool {
        self.tokens[index.min(self.tokens.len())..self.at.min(self.tokens.len())]
            .iter()
            .any(|token| matches!(&token.kind, Tok::Name(n) if n == name))
    }

    /// Counts one more part of a chain.
    fn link(&self, links: &mut usize) -> Parsed<()> {
        *links += 1;
        if *links > MAX_CHAIN || self.too_high { self.fail("the expression is too long") } else { Ok(()) }
    }

    fn node(&mut self, pos: usize, kind: ExprKind) -> Expr {
        let height = kind.inner_height().saturating_add(1);
        self.too_high |= height > MAX_HEIGHT;
        Expr { pos: u32::try_from(pos).unwrap_or(u32::MAX), height, kind }
    }

    /// An expression, with `if`/`else` if `conditional`.
    pub(super) fn expression(&mut self, conditional: bool) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("the expression is nested too deeply");
        }
        let parsed = if conditional { self.conditional()? } else { self.or()? };
        self.depth -= 1;
        if self.too_high {
            return self.fail("the expression is nested too deeply");
        }
        Ok(parsed)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let mut pos = self.pos();
        let mut expr = self.or()?;
        let mut links = 0;
        while self.skip_name("if") {
            self.link(&mut links)?;
            let test = self.or()?;
            let other = if self.skip_name("else") { Some(Box::new(self.expression(true)?)) } else { None };
            expr = self.node(pos, ExprKind::If { test: Box::new(test), then: Box::new(expr), other });
            pos = self.pos();
        }
        Ok(expr)
    }

    fn or(&mut self) -> Parsed<Expr> {
        let mut pos = self.pos();
        let mut left = self.and()?;
        let mut links = 0;
        while self.skip_name("or") {
            self.link(&mut links)?;
            let right = self.and()?;
            left = self.node(pos, ExprKind::Or(Box::new(left), Box::new(right)));
            pos = self.pos();
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut pos = self.pos();
        let mut left = self.not()?;
        let mut links = 0;
        while self.skip_name("and") {
            self.link(&mut links)?;
            let right = self.not()?;
            left = self.node(pos, ExprKind::And(Box::new(left), Box::new(right)));
            pos = self.pos();
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        if self.is_name("not") {
            self.at += 1;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return self.fail("the expression is nested too deeply");
            }
            let inner = self.not()?;
            self.depth -= 1;
            return Ok(self.node(pos, ExprKind::Unary(Unary::Not, Box::new(inner))));
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let comparison = match self.peek() {
                Tok::Op("==") => Comparison::Eq,
                Tok::Op("!=") => Comparison::Ne,
                Tok::Op("<") => Comparison::Lt,
                Tok::Op("<=") => Comparison::Le,
                Tok::Op(">") => Comparison::Gt,
                Tok::Op(">=") => Comparison::Ge,
                Tok::Name(n) if n == "in" => Comparison::In,
                Tok::Name(n) if n == "not" && matches!(self.peek_second(), Tok::Name(n) if n == "in") => {
                    self.at += 1;
                    Comparison::NotIn
                }
                _ => break,
            };
            self.at += 1;
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(self.node(pos, ExprKind::Compare(Box::new(first), rest)))
    }

    fn binary(&mut self, table: &[(&str, Binary)], operand: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        let mut pos = self.pos();
        let mut left = operand(self)?;
        let mut links = 0;
        while let Some((_, op)) = table.iter().find(|(text, _)| self.is_op(text)) {
            self.link(&mut links)?;
            self.at += 1;
            let right = operand(self)?;
            left = self.node(pos, ExprKind::Binary(*op, Box::new(left), Box::new(right)));
            pos = self.pos();
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.binary(&[("+", Binary::Add), ("-", Binary::Sub)], Self::concat)
    }

    fn concat(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_op("~") {
            parts.push(self.product()?);
        }
        Ok(self.node(pos, ExprKind::Concat(parts)))
    }

    fn product(&mut self) -> Parsed<Expr> {
        const TABLE: [(&str, Binary); 4] =
            [("*", Binary::Mul), ("/", Binary::Div), ("//", Binary::FloorDiv), ("%", Binary::Mod)];
        self.binary(&TABLE, Self::power)
    }

    fn power(&mut self) -> Parsed<Expr> {
        self.binary(&[("**", Binary::Pow)], |p| p.unary(true))
    }

    fn unary(&mut self, with_filter: bool) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("the expression is nested too deeply");
        }
        let pos = self.pos();
        let inner = if self.skip_op("-") {
            let inner = self.unary(false)?;
            self.node(pos, ExprKind::Unary(Unary::Minus, Box::new(inner)))
        } else if self.skip_op("+") {
            let inner = self.unary(false)?;
            self.node(pos, ExprKind::Unary(Unary::Plus, Box::new(inner)))
        } else {
            self.primary()?
        };
        let mut expr = self.postfix(inner)?;
        if with_filter {
            expr = self.filters(expr)?;
        }
        self.depth -= 1;
        Ok(expr)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let kind = match self.peek().clone() {
            Tok::Name(name) => {
                self.at += 1;
                match name.as_str() {
                    "true" | "True" => ExprKind::Const(Const::Bool(true)),
                    "false" | "False" => ExprKind::Const(Const::Bool(false)),
                    "none" | "None" => ExprKind::Const(Const::None),
                    _ => ExprKind::Name(Arc::from(name.as_str())),
                }
            }
            Tok::Str(first) => {
                self.at += 1;
                let mut text = first;
                while let Tok::Str(more) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                // An operator wrote it, so a lookup may render it once more.
                // A text of a template is one itself where it looks like it; as any other it names no variable.
                let text = if has_delimiter(&text) { Text::trusted(text, None) } else { Text::plain(text) };
                ExprKind::Const(Const::Str(text))
            }
            Tok::Int(i) => {
                self.at += 1;
                ExprKind::Const(Const::Int(i))
            }
            Tok::Float(f) => {
                self.at += 1;
                ExprKind::Const(Const::Float(f))
            }
            Tok::Op("(") => {
                self.at += 1;
                let inner = self.tuple(true, &[], true)?;
                self.expect_op(")")?;
                return Ok(inner);
            }
            Tok::Op("[") => {
                self.at += 1;
                ExprKind::List(self.items("]")?)
            }
            Tok::Op("{") => {
                self.at += 1;
                let mut pairs = Vec::new();
                while !self.is_op("}") {
                    if !pairs.is_empty() {
                        self.expect_op(",")?;
                    }
                    if self.is_op("}") {
                        break;
                    }
                    let key = self.expression(true)?;
                    self.expect_op(":")?;
                    pairs.push((key, self.expression(true)?));
                }
                self.expect_op("}")?;
                ExprKind::Dict(pairs)
            }
            Tok::Eof => return self.fail("unexpected 'end of template'"),
            other => return self.fail(format!("unexpected {}", quote(&other.describe()))),
        };
        Ok(self.node(pos, kind))
    }

    fn items(&mut self, end: &'static str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.is_op(end) {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if self.is_op(end) {
                break;
            }
            items.push(self.expression(true)?);
        }
        self.expect_op(end)?;
        Ok(items)
    }

    /// One expression, or several with commas between. `ends` are names that end it (`if`, `recursive`).
    pub(super) fn tuple(&mut self, conditional: bool, ends: &[&str], parenthesised: bool) -> Parsed<Expr> {
        let pos = self.pos();
        let mut args = Vec::new();
        let mut is_tuple = false;
        loop {
            if !args.is_empty() {
                self.expect_op(",")?;
            }
            let end = matches!(self.peek(), Tok::VariableEnd | Tok::BlockEnd | Tok::Op(")") | Tok::Eof)
                || ends.iter().any(|end| self.is_name(end));
            if end {
                break;
            }
            args.push(self.expression(conditional)?);
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        if !is_tuple {
            if let Some(only) = args.pop() {
                return Ok(only);
            }
            if !parenthesised {
                if matches!(self.peek(), Tok::Eof) {
                    return self.fail("Expected an expression, got 'end of template'");
                }
                return self.fail(format!("Expected an expression, got {}", quote(&self.peek().describe())));
            }
        }
        Ok(self.node(pos, ExprKind::Tuple(args)))
    }

    fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            expr = match self.peek() {
                Tok::Op(".") | Tok::Op("[") => self.subscript(expr)?,
                Tok::Op("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn filters(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            expr = match self.peek() {
                Tok::Op("|") => self.filter(Some(expr))?,
                Tok::Name(n) if n == "is" => self.test(expr)?,
                Tok::Op("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn subscript(&mut self, of: Expr) -> Parsed<Expr> {
        let pos = of.pos as usize;
        if self.skip_op(".") {
            let at = self.pos();
            return match self.next() {
                Tok::Name(name) => Ok(self.node(pos, ExprKind::Attr(Box::new(of), Arc::from(name.as_str())))),
                Tok::Int(i) => {
                    let index = self.node(at, ExprKind::Const(Const::Int(i)));
                    Ok(self.node(pos, ExprKind::Item(Box::new(of), Box::new(index))))
                }
                _ => Err(SyntaxError::new("expected name or number", at)),
            };
        }
        self.expect_op("[")?;
        let at = self.pos();
        let mut subscripts = Vec::new();
        while !self.is_op("]") {
            if !subscripts.is_empty() {
                self.expect_op(",")?;
            }
            subscripts.push(self.subscribed()?);
        }
        self.expect_op("]")?;
        let mut parts = subscripts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Subscript::Slice(slice)), None) => Ok(self.node(pos, ExprKind::Slice(Box::new(of), slice))),
            (Some(Subscript::Index(index)), None) => {
                Ok(self.node(pos, ExprKind::Item(Box::new(of), Box::new(index))))
            }
            _ => Err(SyntaxError::new("expected one subscript", at)),
        }
    }

    fn subscribed(&mut self) -> Parsed<Subscript> {
        let mut parts: [Option<Box<Expr>>; 3] = [None, None, None];
        let mut colons = 0;
        loop {
            if self.skip_op(":") {
                colons += 1;
                if colons > 2 {
                    return self.unexpected("]");
                }
            } else if self.is_op("]") || self.is_op(",") {
                break;
            } else {
                if parts[colons].is_some() {
                    return self.unexpected("]");
                }
                let expr = self.expression(true)?;
                parts[colons] = Some(Box::new(expr));
            }
        }
        if colons > 0 {
            return Ok(Subscript::Slice(parts));
        }
        match parts {
            [Some(index), ..] => Ok(Subscript::Index(*index)),
            _ => self.fail(format!("unexpected {}", quote(&self.peek().describe()))),
        }
    }

    fn call(&mut self, of: Expr) -> Parsed<Expr> {
        let arguments = self.arguments()?;
        Ok(self.node(of.pos as usize, ExprKind::Call(Box::new(of), arguments)))
    }

    pub(super) fn arguments(&mut self) -> Parsed<Arguments> {
        self.expect_op("(")?;
        let mut out = Arguments::default();
        let mut first = true;
        while !self.is_op(")") {
            if !first {
                self.expect_op(",")?;
                if self.is_op(")") {
                    break;
                }
            }
            first = false;
            let ensure = |ok: bool, p: &Self| {
                if ok { Ok(()) } else { p.fail("invalid syntax for function call expression") }
            };
            if self.skip_op("**") {
                ensure(out.star_star.is_none(), self)?;
                out.star_star = Some(Box::new(self.expression(true)?));
            } else if self.skip_op("*") {
                ensure(out.star.is_none() && out.star_star.is_none(), self)?;
                out.star = Some(Box::new(self.expression(true)?));
            } else if let (Tok::Name(name), Tok::Op("=")) = (self.peek(), self.peek_second()) {
                let name = Arc::from(name.as_str());
                ensure(out.star_star.is_none(), self)?;
                self.at += 2;
                out.named.push((name, self.expression(true)?));
            } else {
                ensure(out.star.is_none() && out.star_star.is_none() && out.named.is_empty(), self)?;
                out.positional.push(self.expression(true)?);
            }
        }
        self.expect_op(")")?;
        Ok(out)
    }

    fn dotted_name(&mut self) -> Parsed<Arc<str>> {
        let mut name = self.expect_name()?.to_string();
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(Arc::from(name))
    }

    /// One or more filters, `a | b | c`. Without an operand inside `{% filter %}`, where the first bar is absent.
    pub(super) fn filter(&mut self, mut of: Option<Expr>) -> Parsed<Expr> {
        let mut started = of.is_none();
        let mut links = 0;
        loop {
            self.link(&mut links)?;
            if !started && !self.skip_op("|") {
                break;
            }
            started = false;
            let pos = self.pos();
            let name = self.dotted_name()?;
            let arguments = if self.is_op("(") { self.arguments()? } else { Arguments::default() };
            of = Some(self.node(pos, ExprKind::Filter(of.map(Box::new), name, arguments)));
            if !self.is_op("|") {
                break;
            }
        }
        match of {
            Some(expr) => Ok(expr),
            None => self.unexpected("name"),
        }
    }

    fn test(&mut self, of: Expr) -> Parsed<Expr> {
        self.at += 1;
        let negated = self.skip_name("not");
        let pos = self.pos();
        let name = self.dotted_name()?;
        let mut arguments = Arguments::default();
        if self.is_op("(") {
            arguments = self.arguments()?;
        } else {
            let starts = match self.peek() {
                Tok::Name(n) => !matches!(n.as_str(), "else" | "or" | "and"),
                Tok::Str(_) | Tok::Int(_) | Tok::Float(_) | Tok::Op("(" | "[" | "{") => true,
                _ => false,
            };
            if starts {
                if self.is_name("is") {
                    return self.fail("You cannot chain multiple tests with is");
                }
                // What follows `x is defined` may also be `if`, `not`, `in` ... of the surrounding expression: then
                // it is one there too.
                let arg = self.primary()?;
                arguments.positional.push(self.postfix(arg)?);
            }
        }
        let mut expr = self.node(pos, ExprKind::Test(Box::new(of), name, arguments));
        if negated {
            expr = self.node(pos, ExprKind::Unary(Unary::Not, Box::new(expr)));
        }
        Ok(expr)
    }
}

enum Subscript {
    Index(Expr),
    Slice([Option<Box<Expr>>; 3]),
}

/// Python's repr of a token in a message.
pub(super) fn quote(text: &str) -> String {
    if text.contains('\'') && !text.contains('"') { format!("\"{text}\"") } else { format!("'{text}'") }
}
