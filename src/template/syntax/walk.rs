//! Looking through trees without rendering them: names of variables, filters, tests and lookups.

use super::ast::{Arguments, Const, Expr, ExprKind, Stmt, Target, Template};
use std::collections::BTreeSet;

/// Something in a template that the static check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mention<'a> {
    /// A variable that is not set in the template.
    Variable(&'a str),
    /// A filter.
    Filter(&'a str),
    /// A test.
    Test(&'a str),
    /// A lookup whose name is written out.
    Lookup(&'a str),
}

/// Calls `found` for everything that a template mentions.
pub fn template<'a>(template: &'a Template, found: &mut dyn FnMut(Mention<'a>, u32)) {
    let mut walk = Walk { found, local: BTreeSet::new() };
    walk.stmts(&template.body);
}

/// Calls `found` for everything that an expression mentions.
pub fn expression<'a>(expr: &'a Expr, found: &mut dyn FnMut(Mention<'a>, u32)) {
    let mut walk = Walk { found, local: BTreeSet::new() };
    walk.expr(expr);
}

struct Walk<'a, 'f> {
    found: &'f mut dyn FnMut(Mention<'a>, u32),
    local: BTreeSet<&'a str>,
}

impl<'a> Walk<'a, '_> {
    fn stmts(&mut self, stmts: &'a [Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    /// Statements with names of their own.
    fn scoped(&mut self, add: &[&'a str], stmts: &'a [Stmt]) {
        let saved = self.local.clone();
        self.local.extend(add);
        self.stmts(stmts);
        self.local = saved;
    }

    fn define(&mut self, target: &'a Target) {
        let mut names = Vec::new();
        target_names(target, &mut names);
        self.local.extend(names);
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Data(_) | Stmt::Break | Stmt::Continue => {}
            Stmt::Print(expr) | Stmt::Do(expr) | Stmt::Extends(expr) => self.expr(expr),
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    self.expr(test);
                    self.stmts(body);
                }
                self.stmts(otherwise);
            }
            Stmt::For(each) => {
                self.expr(&each.iter);
                let mut names = vec!["loop"];
                target_names(&each.target, &mut names);
                let saved = self.local.clone();
                self.local.extend(&names);
                if let Some(filter) = &each.filter {
                    self.expr(filter);
                }
                self.local = saved;
                self.scoped(&names, &each.body);
                self.stmts(&each.otherwise);
            }
            Stmt::Set(target, expr) => {
                self.expr(expr);
                self.define(target);
            }
            Stmt::SetBlock(target, filter, body) => {
                if let Some(filter) = filter {
                    self.expr(filter);
                }
                self.scoped(&[], body);
                self.define(target);
            }
            Stmt::Macro(def) => {
                self.local.insert(&def.name);
                for (_, default) in &def.params {
                    if let Some(default) = default {
                        self.expr(default);
                    }
                }
                let mut names: Vec<&str> = def.params.iter().map(|(name, _)| &**name).collect();
                names.extend(["varargs", "kwargs", "caller"]);
                self.scoped(&names, &def.body);
            }
            Stmt::CallBlock(call, def) => {
                self.expr(call);
                let names: Vec<&str> = def.params.iter().map(|(name, _)| &**name).collect();
                self.scoped(&names, &def.body);
            }
            Stmt::FilterBlock(filter, body) => {
                self.expr(filter);
                self.scoped(&[], body);
            }
            Stmt::With(assigns, body) => {
                let mut names = Vec::new();
                for (target, expr) in assigns {
                    self.expr(expr);
                    target_names(target, &mut names);
                }
                self.scoped(&names, body);
            }
            Stmt::Include { name, .. } => self.expr(name),
            Stmt::Import { name, target, .. } => {
                self.expr(name);
                self.local.insert(target);
            }
            Stmt::FromImport { name, names, .. } => {
                self.expr(name);
                self.local.extend(names.iter().map(|(_, to)| &**to));
            }
            Stmt::Block { body, .. } => self.scoped(&["super", "self"], body),
            Stmt::Group(body) => self.stmts(body),
        }
    }

    fn arguments(&mut self, arguments: &'a Arguments) {
        arguments.positional.iter().for_each(|e| self.expr(e));
        arguments.named.iter().for_each(|(_, e)| self.expr(e));
        arguments.star.iter().chain(&arguments.star_star).for_each(|e| self.expr(e));
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Const(_) => {}
            ExprKind::Name(name) => {
                if !self.local.contains(&**name) {
                    (self.found)(Mention::Variable(name), expr.pos);
                }
            }
            ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Concat(items) => {
                items.iter().for_each(|e| self.expr(e));
            }
            ExprKind::Dict(pairs) => pairs.iter().for_each(|(k, v)| {
                self.expr(k);
                self.expr(v);
            }),
            ExprKind::Attr(of, _) | ExprKind::Unary(_, of) => self.expr(of),
            ExprKind::Item(a, b) | ExprKind::Binary(_, a, b) | ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Slice(of, parts) => {
                self.expr(of);
                parts.iter().flatten().for_each(|e| self.expr(e));
            }
            ExprKind::Call(of, arguments) => {
                if let ExprKind::Name(name) = &of.kind
                    && matches!(&**name, "lookup" | "query" | "q")
                    && let Some(Expr { kind: ExprKind::Const(Const::Str(lookup)), pos, .. }) =
                        arguments.positional.first()
                {
                    (self.found)(Mention::Lookup(lookup.as_str()), *pos);
                }
                self.expr(of);
                self.arguments(arguments);
            }
            ExprKind::Filter(of, name, arguments) => {
                if let Some(of) = of {
                    self.expr(of);
                }
                (self.found)(Mention::Filter(name), expr.pos);
                self.arguments(arguments);
            }
            ExprKind::Test(of, name, arguments) => {
                self.expr(of);
                (self.found)(Mention::Test(name), expr.pos);
                self.arguments(arguments);
            }
            ExprKind::Compare(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, e)| self.expr(e));
            }
            ExprKind::If { test, then, other } => {
                self.expr(test);
                self.expr(then);
                if let Some(other) = other {
                    self.expr(other);
                }
            }
        }
    }
}

fn target_names<'a>(target: &'a Target, out: &mut Vec<&'a str>) {
    match target {
        Target::Name(name) => out.push(name),
        Target::Tuple(targets) => targets.iter().for_each(|t| target_names(t, out)),
        Target::Attr(..) => {}
    }
}

/// Calls `found` for everything that statements mention.
pub fn statements<'a>(body: &'a [Stmt], found: &mut dyn FnMut(Mention<'a>, u32)) {
    let mut walk = Walk { found, local: BTreeSet::new() };
    walk.stmts(body);
}
