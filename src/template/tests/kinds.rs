//! What kind of value something is.

use super::Test;
use crate::template::eval::val::{Val, failed};
use crate::template::{filters, tests};

pub(super) const TESTS: &[Test] = &[
    Test::lenient("defined", &[], |_, b| Ok(!matches!(b.value, Val::Undefined(_)))),
    Test::lenient("undefined", &[], |_, b| Ok(matches!(b.value, Val::Undefined(_)))),
    Test::new("none", &[], |_, b| Ok(b.value.is_none())),
    Test::new("boolean", &[], |_, b| Ok(matches!(b.value, Val::Bool(_)))),
    Test::new("true", &[], |_, b| Ok(matches!(b.value, Val::Bool(true)))),
    Test::new("false", &[], |_, b| Ok(matches!(b.value, Val::Bool(false)))),
    Test::new("integer", &[], |_, b| Ok(matches!(b.value, Val::Int(_)))),
    Test::new("float", &[], |_, b| Ok(matches!(b.value, Val::Float(_)))),
    Test::new("number", &[], |_, b| Ok(matches!(b.value, Val::Int(_) | Val::Float(_) | Val::Bool(_)))),
    Test::new("string", &[], |_, b| Ok(matches!(b.value, Val::Str(_)))),
    Test::new("mapping", &[], |_, b| Ok(b.value.is_dict())),
    Test::new("sequence", &[], |_, b| {
        let range = b.value.type_name() == "range";
        Ok(range || b.value.is_seq() || b.value.is_dict() || matches!(b.value, Val::Str(_)))
    }),
    Test::new("iterable", &[], |it, b| match &b.value {
        Val::Object(_) => Ok(it.items(&b.value).is_ok()),
        other => Ok(other.is_seq() || other.is_dict() || matches!(other, Val::Str(_))),
    }),
    Test::new("callable", &[], |_, b| match &b.value {
        Val::Object(object) => Ok(object.callable()),
        _ => Ok(false),
    }),
    Test::new("sameas", &["other!"], |it, b| match (&b.value, b.val(0)) {
        (Val::List(x), Val::List(y)) => Ok(std::rc::Rc::ptr_eq(x, &y)),
        (Val::Dict(x), Val::Dict(y)) => Ok(std::rc::Rc::ptr_eq(x, &y)),
        (x, y) => Ok(x.type_name() == y.type_name() && it.equal(x, &y)?),
    }),
    Test::new("escaped", &[], |_, _| Ok(false)),
    Test::new("lower", &[], |it, b| {
        let text = b.text(it)?;
        Ok(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
    }),
    Test::new("upper", &[], |it, b| {
        let text = b.text(it)?;
        Ok(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
    }),
    Test::new("odd", &[], |_, b| match b.value.as_int() {
        Some(i) => Ok(i % 2 != 0),
        None => Err(failed("not all arguments converted during string formatting")),
    }),
    Test::new("even", &[], |_, b| match b.value.as_int() {
        Some(i) => Ok(i % 2 == 0),
        None => Err(failed("not all arguments converted during string formatting")),
    }),
    Test::new("divisibleby", &["num!"], |it, b| {
        let rest = it.binary(crate::template::syntax::ast::Binary::Mod, &b.value, &b.val(0))?;
        Ok(!it.truthy(&rest)?)
    }),
    Test::new("filter", &[], |it, b| Ok(filters::find(&b.text(it)?).is_some())),
    Test::new("test", &[], |it, b| Ok(tests::find(&b.text(it)?).is_some())),
    Test::new("nan", &[], |_, b| nan(&b.value)),
    Test::new("isnan", &[], |_, b| nan(&b.value)),
    Test::new("truthy", &["convert_bool"], |it, b| truth(it, b, true)),
    Test::new("falsy", &["convert_bool"], |it, b| truth(it, b, false)),
];

fn nan(value: &Val) -> crate::template::eval::val::R<bool> {
    match value.as_f64() {
        Some(f) => Ok(f.is_nan()),
        None => Ok(false),
    }
}

fn truth(
    it: &mut crate::template::eval::Interp<'_>,
    b: &mut crate::template::plugin::Bound,
    wanted: bool,
) -> crate::template::eval::val::R<bool> {
    if b.flag(it, 0, false)?
        && let Some(found) = filters::to_bool(&b.value)
    {
        return Ok(found == wanted);
    }
    Ok(it.truthy(&b.value)? == wanted)
}
