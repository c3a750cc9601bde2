//! Macros, call blocks and namespaces.

use super::source::Source;
use super::stmt::Out;
use super::val::{Args, Entries, Object, R, Val, failed, undefined};
use super::{Env, Interp};
use crate::template::syntax::ast::{Arguments, Expr, ExprKind, MacroDef};
use crate::vars::Key;
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A macro with what it sees.
pub(super) struct Macro {
    def: Arc<MacroDef>,
    env: Rc<Env>,
    source: Rc<Source>,
}

impl Object for Macro {
    fn type_name(&self) -> &'static str {
        "Macro"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        Ok(match name {
            "name" => Some(Val::from(&*self.def.name)),
            "arguments" => Some(Val::tuple(self.def.params.iter().map(|(n, _)| Val::from(&**n)).collect())),
            "catch_varargs" => Some(Val::Bool(mentions(&self.def.body, "varargs"))),
            "catch_kwargs" => Some(Val::Bool(mentions(&self.def.body, "kwargs"))),
            "caller" => Some(Val::Bool(mentions(&self.def.body, "caller"))),
            _ => None,
        })
    }
    fn call(&self, it: &mut Interp<'_>, args: Args) -> R {
        it.nested(|it| it.call_macro(self, args))
    }
    fn print(&self) -> String {
        format!("<Macro '{}'>", self.def.name)
    }
    fn callable(&self) -> bool {
        true
    }
}

impl Interp<'_> {
    /// A macro's definition as a value.
    pub(super) fn make_macro(&self, def: &Arc<MacroDef>) -> Val {
        Val::Object(Rc::new(Macro {
            def: Arc::clone(def),
            env: Rc::clone(&self.env),
            source: Rc::clone(&self.source),
        }))
    }

    /// `{% call(args) callee() %}`
    pub(super) fn call_block(&mut self, call: &Expr, def: &Arc<MacroDef>) -> R {
        let caller = self.make_macro(def);
        let none = Arguments::default();
        let (callee, arguments) = match &call.kind {
            ExprKind::Call(callee, arguments) => (callee.as_ref(), arguments),
            _ => (call, &none),
        };
        self.eval_call(callee, arguments, Some(caller)).map_err(|e| self.place(e, call.pos))
    }

    fn call_macro(&mut self, of: &Macro, mut args: Args) -> R {
        let env = Env::child(&of.env);
        let def = &of.def;
        let saved = std::mem::replace(&mut self.env, Rc::clone(&env));
        let saved_source = std::mem::replace(&mut self.source, Rc::clone(&of.source));
        let result = self.bind(def, &env, &mut args).and_then(|()| {
            let mut out = Out::default();
            self.stmts(&def.body, &mut out)?;
            out.finish(self)
        });
        self.env = saved;
        self.source = saved_source;
        result
    }

    fn bind(&mut self, def: &MacroDef, env: &Env, args: &mut Args) -> R<()> {
        let mut positional = std::mem::take(&mut args.pos).into_iter();
        let caller = args.take("caller");
        for (name, default) in &def.params {
            let given = match positional.next() {
                Some(value) => Some(value),
                None => args.take(name),
            };
            let value = match (given, default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.eval(default)?,
                (None, None) => undefined(format!("parameter '{name}' was not provided")),
            };
            env.set(name, value);
        }
        let rest: Vec<Val> = positional.collect();
        let uses = |name: &str| mentions(&def.body, name);
        if !rest.is_empty() && !uses("varargs") {
            return Err(failed(format!(
                "macro '{}' takes not more than {} argument(s)",
                def.name,
                def.params.len()
            )));
        }
        if let Some((name, _)) = args.named.first()
            && !uses("kwargs")
        {
            return Err(failed(format!("macro '{}' takes no keyword argument '{name}'", def.name)));
        }
        env.set(&Arc::from("varargs"), Val::tuple(rest));
        let named: Entries = args.named.drain(..).map(|(k, v)| (Key::from(&*k), v)).collect();
        env.set(&Arc::from("kwargs"), Val::dict(named));
        if caller.is_some() && !uses("caller") {
            return Err(failed(format!(
                "macro '{}' was invoked with two values for the special caller argument. This is most likely a bug.",
                def.name
            )));
        }
        if let Some(caller) = caller {
            env.set(&Arc::from("caller"), caller);
        } else if uses("caller") {
            env.set(&Arc::from("caller"), undefined("No caller defined"));
        }
        Ok(())
    }
}

/// Whether a body uses a name.
fn mentions(body: &[crate::template::syntax::ast::Stmt], name: &str) -> bool {
    use crate::template::syntax::walk;
    let mut found = false;
    walk::statements(body, &mut |mention, _| {
        found |= matches!(mention, walk::Mention::Variable(n) if n == name);
    });
    found
}

/// `namespace(a=1)`
pub(crate) struct Namespace(pub(crate) RefCell<Entries>);

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "Namespace"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        Ok(self.0.borrow().get(name).cloned())
    }
    fn print(&self) -> String {
        "<Namespace>".to_owned()
    }
}
