//! The tree of a template.

use crate::vars::Text;
use std::sync::Arc;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    /// Its statements, in order.
    pub body: Vec<Stmt>,
    /// Names of the blocks, with their bodies.
    pub blocks: Vec<(Arc<str>, Arc<[Stmt]>)>,
}

/// An expression and where it starts.
#[derive(Debug)]
pub struct Expr {
    /// Byte offset in the template.
    pub pos: u32,
    /// How many expressions stand in each other at most.
    pub height: u16,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    /// A literal.
    Const(Const),
    /// A variable.
    Name(Arc<str>),
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{a: b}`
    Dict(Vec<(Expr, Expr)>),
    /// `a.b`
    Attr(Box<Expr>, Arc<str>),
    /// `a[b]`
    Item(Box<Expr>, Box<Expr>),
    /// `a[b:c:d]`
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    /// `a(b)`
    Call(Box<Expr>, Arguments),
    /// `a | name(b)`; without `a` inside a filter block.
    Filter(Option<Box<Expr>>, Arc<str>, Arguments),
    /// `a is name(b)`
    Test(Box<Expr>, Arc<str>, Arguments),
    /// `-a`, `+a`, `not a`
    Unary(Unary, Box<Expr>),
    /// `a + b` and so on
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `a and b`
    And(Box<Expr>, Box<Expr>),
    /// `a or b`
    Or(Box<Expr>, Box<Expr>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr>),
    /// `a < b <= c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    /// `b if a else c`
    #[allow(missing_docs)]
    If { test: Box<Expr>, then: Box<Expr>, other: Option<Box<Expr>> },
}

impl ExprKind {
    /// The height of what stands in it.
    pub(super) fn inner_height(&self) -> u16 {
        let mut height = 0;
        let mut see = |expr: &Expr| height = expr.height.max(height);
        match self {
            Self::Const(_) | Self::Name(_) => {}
            Self::Tuple(items) | Self::List(items) | Self::Concat(items) => items.iter().for_each(see),
            Self::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
                see(key);
                see(value);
            }),
            Self::Attr(of, _) | Self::Unary(_, of) => see(of),
            Self::Item(a, b) | Self::Binary(_, a, b) | Self::And(a, b) | Self::Or(a, b) => {
                see(a);
                see(b);
            }
            Self::Slice(of, parts) => {
                see(of);
                parts.iter().flatten().for_each(|part| see(part));
            }
            Self::Call(of, arguments) | Self::Test(of, _, arguments) => {
                see(of);
                arguments.each(see);
            }
            Self::Filter(of, _, arguments) => {
                of.iter().for_each(|of| see(of));
                arguments.each(see);
            }
            Self::Compare(first, rest) => {
                see(first);
                rest.iter().for_each(|(_, expr)| see(expr));
            }
            Self::If { test, then, other } => {
                see(test);
                see(then);
                other.iter().for_each(|other| see(other));
            }
        }
        height
    }
}

/// Literals.
#[derive(Debug, Clone)]
pub enum Const {
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Str(Text),
}

/// Arguments of a call.
#[derive(Debug, Default)]
pub struct Arguments {
    /// By position.
    pub positional: Vec<Expr>,
    /// By name.
    pub named: Vec<(Arc<str>, Expr)>,
    /// `*a`
    pub star: Option<Box<Expr>>,
    /// `**a`
    pub star_star: Option<Box<Expr>>,
}

impl Arguments {
    fn each(&self, mut see: impl FnMut(&Expr)) {
        self.positional.iter().for_each(&mut see);
        self.named.iter().for_each(|(_, expr)| see(expr));
        self.star.iter().chain(&self.star_star).for_each(|expr| see(expr));
    }
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unary {
    Not,
    Minus,
    Plus,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// Where a value is put.
#[derive(Debug)]
pub enum Target {
    /// A name.
    Name(Arc<str>),
    /// Several.
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Attr(Arc<str>, Arc<str>),
}

/// A parameter of a macro, with its default.
pub type Param = (Arc<str>, Option<Expr>);

/// A macro's or call block's signature and body.
#[derive(Debug)]
pub struct MacroDef {
    /// Its name.
    pub name: Arc<str>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it prints.
    pub body: Vec<Stmt>,
}

/// Statements.
#[derive(Debug)]
pub enum Stmt {
    /// Text outside of any delimiter.
    Data(Text),
    /// `{{ a }}`
    Print(Expr),
    /// `{% if %}`, with the branches in order and what `else` holds
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    /// `{% for %}`
    For(Arc<ForLoop>),
    /// `{% set a = b %}`
    Set(Target, Expr),
    /// `{% set a %}..{% endset %}`, with its filters
    SetBlock(Target, Option<Expr>, Vec<Stmt>),
    /// `{% macro %}`
    Macro(Arc<MacroDef>),
    /// `{% call(a) b() %}`
    CallBlock(Expr, Arc<MacroDef>),
    /// `{% filter a %}`
    FilterBlock(Expr, Vec<Stmt>),
    /// `{% with %}`
    With(Vec<(Target, Expr)>, Vec<Stmt>),
    /// `{% include %}`
    #[allow(missing_docs)]
    Include { name: Expr, ignore_missing: bool, with_context: bool },
    /// `{% import a as b %}`
    #[allow(missing_docs)]
    Import { name: Expr, target: Arc<str>, with_context: bool },
    /// `{% from a import b as c %}`
    #[allow(missing_docs)]
    FromImport { name: Expr, names: Vec<(Arc<str>, Arc<str>)>, with_context: bool },
    /// `{% extends %}`
    Extends(Expr),
    /// `{% block %}`
    #[allow(missing_docs)]
    Block { name: Arc<str>, body: Arc<[Stmt]>, scoped: bool, required: bool, pos: u32 },
    /// `{% do a %}`
    Do(Expr),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
    /// Statements without a scope of their own (`{% autoescape %}`).
    Group(Vec<Stmt>),
}

/// `{% for target in iter if filter recursive %}`
#[derive(Debug)]
pub struct ForLoop {
    /// What takes the items.
    pub target: Target,
    /// Where they come from.
    pub iter: Expr,
    /// Which of them are taken.
    pub filter: Option<Expr>,
    /// Whether `loop(...)` may be called.
    pub recursive: bool,
    /// Whether the body has use for `loop`; only then templates that it includes see it.
    pub uses_loop: bool,
    /// What is printed for each.
    pub body: Vec<Stmt>,
    /// What is printed where there is none.
    pub otherwise: Vec<Stmt>,
}
