//! Expressions.

use super::Interp;
use super::val::{Args, Entries, R, Undefined, Val, failed};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::syntax::ast::{Arguments, Binary, Comparison, Const, Expr, ExprKind, Unary};
use std::cmp::Ordering;
use std::rc::Rc;

impl Interp<'_> {
    /// The value of an expression.
    pub(crate) fn eval(&mut self, expr: &Expr) -> R {
        match &expr.kind {
            ExprKind::Const(Const::Str(text)) if self.literals && text.is_template() => {
                self.render_text(text).map_err(|e| match e.kind {
                    TemplateErrorKind::Failed if !crate::template::templar::blamed(&e.message) => {
                        TemplateError { message: format!("Error rendering template: {}", e.message), ..e }
                    }
                    _ => e,
                })
            }
            ExprKind::Const(literal) => Ok(constant(literal)),
            ExprKind::Name(name) => self.variable(name, expr.pos).map_err(|e| self.place(e, expr.pos)),
            _ => {
                let _deeper = self.deeper(1)?;
                self.eval_compound(expr).map_err(|e| self.place(e, expr.pos))
            }
        }
    }

    /// Like [`Interp::eval`]; undefined is an error.
    pub(crate) fn eval_defined(&mut self, expr: &Expr) -> R {
        let value = self.eval(expr)?;
        value.check().map_err(|e| self.place(e, expr.pos))?;
        Ok(value)
    }

    /// Like [`Interp::eval_defined`], where what an `if` without `else` gives counts as nothing.
    fn eval_or_blank(&mut self, expr: &Expr) -> R {
        let value = self.eval(expr)?;
        value.known().map_err(|e| self.place(e, expr.pos))?;
        Ok(value)
    }

    fn eval_compound(&mut self, expr: &Expr) -> R {
        match &expr.kind {
            ExprKind::Const(literal) => Ok(constant(literal)),
            ExprKind::Name(name) => self.variable(name, expr.pos),
            ExprKind::Tuple(items) => Ok(Val::tuple(self.eval_all(items)?)),
            ExprKind::List(items) => Ok(Val::list(self.eval_all(items)?)),
            ExprKind::Dict(pairs) => self.eval_dict(pairs),
            ExprKind::Attr(of, name) => {
                let of = self.eval(of)?;
                let found = self.attr(&of, name)?;
                Ok(self.located(found, expr.pos))
            }
            ExprKind::Item(of, key) => {
                let of = self.eval(of)?;
                let key = self.eval_defined(key)?;
                let found = self.item(&of, &key)?;
                Ok(self.located(found, expr.pos))
            }
            ExprKind::Slice(of, parts) => self.eval_slice(of, parts),
            ExprKind::Call(callee, arguments) => self.eval_call(callee, arguments, None),
            ExprKind::Filter(of, name, arguments) => {
                let value = match of {
                    Some(of) => self.eval(of)?,
                    None => Val::None,
                };
                let args = self.eval_arguments(arguments)?;
                let found = self.filter(name, value, args)?;
                Ok(self.located(found, expr.pos))
            }
            ExprKind::Test(of, name, arguments) => {
                let value = self.eval(of)?;
                let args = self.eval_arguments(arguments)?;
                self.test(name, value, args).map(Val::Bool)
            }
            ExprKind::Unary(op, of) => self.eval_unary(*op, of),
            ExprKind::Binary(op, a, b) => {
                let a = self.eval_defined(a)?;
                let b = match (op, &a) {
                    // A text's `%` prints what it is given.
                    (Binary::Mod, Val::Str(_)) => self.eval_or_blank(b)?,
                    _ => self.eval_defined(b)?,
                };
                self.binary(*op, &a, &b)
            }
            ExprKind::And(a, b) => {
                let a = self.eval(a)?;
                if self.truthy(&a)? { self.eval(b) } else { Ok(a) }
            }
            ExprKind::Or(a, b) => {
                let a = self.eval(a)?;
                if self.truthy(&a)? { Ok(a) } else { self.eval(b) }
            }
            ExprKind::Concat(parts) => self.eval_concat(parts),
            ExprKind::Compare(first, rest) => self.eval_compare(first, rest),
            ExprKind::If { test, then, other } => self.eval_if(test, then, other.as_deref()),
        }
    }

    /// Filters of a filter block, with the text they are given.
    pub(crate) fn eval_filters_on(&mut self, expr: &Expr, text: Val) -> R {
        let ExprKind::Filter(of, name, arguments) = &expr.kind else { return self.eval(expr) };
        let value = match of {
            Some(of) => self.eval_filters_on(of, text)?,
            None => text,
        };
        let args = self.eval_arguments(arguments)?;
        self.filter(name, value, args).map_err(|e| self.place(e, expr.pos))
    }

    /// Remembers where an undefined value was mentioned.
    fn located(&self, value: Val, pos: u32) -> Val {
        match value {
            Val::Undefined(undefined) if undefined.at.is_none() && undefined.error.span.is_none() => {
                Val::Undefined(Rc::new(Undefined {
                    error: undefined.error.clone(),
                    name: undefined.name.clone(),
                    blank: undefined.blank,
                    at: Some((Rc::clone(&self.source), pos)),
                }))
            }
            other => other,
        }
    }

    fn eval_all(&mut self, items: &[Expr]) -> R<Vec<Val>> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    fn eval_dict(&mut self, pairs: &[(Expr, Expr)]) -> R {
        let mut out = Entries::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.eval(key)?;
            let key = self.to_key(&key)?;
            out.insert(key, self.eval(value)?);
        }
        Ok(Val::dict(out))
    }

    fn eval_slice(&mut self, of: &Expr, parts: &[Option<Box<Expr>>; 3]) -> R {
        let of = self.eval(of)?;
        let mut bounds = [None, None, None];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            *bound = part.as_ref().map(|part| self.eval(part)).transpose()?;
        }
        self.slice(&of, bounds)
    }

    fn eval_unary(&mut self, op: Unary, of: &Expr) -> R {
        let value = self.eval(of)?;
        match op {
            Unary::Not => Ok(Val::Bool(!self.truthy(&value)?)),
            Unary::Minus => self.negate(&value),
            Unary::Plus => match value.defined()? {
                number @ (Val::Int(_) | Val::Float(_)) => Ok(number),
                Val::Bool(b) => Ok(Val::Int(i64::from(b))),
                other => Err(failed(format!("bad operand type for unary +: '{}'", other.type_name()))),
            },
        }
    }

    fn eval_concat(&mut self, parts: &[Expr]) -> R {
        let mut text = String::new();
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            let value = self.eval_or_blank(part)?;
            text.push_str(&self.str(&value)?);
            values.push(value);
        }
        let values: Vec<&Val> = values.iter().collect();
        Ok(self.derived(&values, text))
    }

    fn eval_compare(&mut self, first: &Expr, rest: &[(Comparison, Expr)]) -> R {
        let mut left = self.eval_or_blank(first)?;
        for (op, right) in rest {
            let right = self.eval_or_blank(right)?;
            if !self.compare(*op, &left, &right)? {
                return Ok(Val::Bool(false));
            }
            left = right;
        }
        Ok(Val::Bool(true))
    }

    /// One comparison.
    pub(crate) fn compare(&mut self, op: Comparison, a: &Val, b: &Val) -> R<bool> {
        Ok(match op {
            Comparison::Eq => self.equal(a, b)?,
            Comparison::Ne => !self.equal(a, b)?,
            Comparison::Lt => self.order(a, b, "<")?.is_some_and(Ordering::is_lt),
            Comparison::Le => self.order(a, b, "<=")?.is_some_and(Ordering::is_le),
            Comparison::Gt => self.order(a, b, ">")?.is_some_and(Ordering::is_gt),
            Comparison::Ge => self.order(a, b, ">=")?.is_some_and(Ordering::is_ge),
            Comparison::In => self.contains(b, a)?,
            Comparison::NotIn => !self.contains(b, a)?,
        })
    }

    fn eval_if(&mut self, test: &Expr, then: &Expr, other: Option<&Expr>) -> R {
        let test_pos = test.pos;
        let test = self.eval(test)?;
        if self.truthy(&test)? {
            return self.eval(then);
        }
        match other {
            Some(other) => self.eval(other),
            None => Ok(Val::Undefined(Rc::new(Undefined {
                error: TemplateError::new(
                    TemplateErrorKind::Failed,
                    format!(
                        "the inline if-expression on line {} evaluated to false and no else section was defined.",
                        self.source.line(test_pos)
                    ),
                ),
                name: None,
                blank: true,
                at: None,
            }))),
        }
    }

    /// Arguments of a call, evaluated.
    pub(crate) fn eval_arguments(&mut self, arguments: &Arguments) -> R<Args> {
        let mut args = Args { pos: self.eval_all(&arguments.positional)?, named: Vec::new() };
        for (name, value) in &arguments.named {
            args.named.push((name.clone(), self.eval(value)?));
        }
        if let Some(star) = &arguments.star {
            let star = self.eval_defined(star)?;
            args.pos.extend(self.items(&star)?);
        }
        if let Some(star_star) = &arguments.star_star {
            let map = self.eval_defined(star_star)?;
            for (key, value) in self.pairs(&map)? {
                args.named.push((key.to_string().into(), value));
            }
        }
        Ok(args)
    }

    /// A call. A method is called without making an object of it first.
    pub(crate) fn eval_call(&mut self, callee: &Expr, arguments: &Arguments, caller: Option<Val>) -> R {
        if let ExprKind::Attr(of, name) = &callee.kind {
            let of = self.eval(of)?;
            let mut args = self.eval_arguments(arguments)?;
            if let Some(caller) = caller {
                args.named.push(("caller".into(), caller));
            }
            return self.call_method(&of, name, args);
        }
        let callee = self.eval(callee)?;
        let mut args = self.eval_arguments(arguments)?;
        if let Some(caller) = caller {
            args.named.push(("caller".into(), caller));
        }
        self.call(&callee, args)
    }
}

fn constant(literal: &Const) -> Val {
    match literal {
        Const::None => Val::None,
        Const::Bool(b) => Val::Bool(*b),
        Const::Int(i) => Val::Int(*i),
        Const::Float(f) => Val::Float(*f),
        Const::Str(text) => Val::Str(text.clone()),
    }
}
