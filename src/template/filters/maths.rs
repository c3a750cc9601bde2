//! Numbers.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("abs", &[], |_, b| match &b.value {
        Val::Int(i) => Ok(i.checked_abs().map_or(Val::Float(9.223_372_036_854_776e18), Val::Int)),
        Val::Bool(x) => Ok(Val::Int(i64::from(*x))),
        Val::Float(f) => Ok(Val::Float(f.abs())),
        other => Err(failed(format!("bad operand type for abs(): '{}'", other.type_name()))),
    }),
    Filter::new("round", &["precision", "method"], round),
    Filter::new("log", &["base"], |_, b| {
        let x = number(&b.value, "log() can only be used on numbers")?;
        if x <= 0.0 {
            return Err(failed("math domain error"));
        }
        let base = match b.get(0) {
            None => None,
            Some(v) => Some(number(v, "log() can only be used on numbers")?),
        };
        Ok(Val::Float(match base {
            None => x.ln(),
            Some(10.0) => x.log10(),
            Some(base) => x.ln() / base.ln(),
        }))
    }),
    Filter::new("pow", &["y!"], |_, b| {
        let x = number(&b.value, "pow() can only be used on numbers")?;
        let y = number(&b.val(0), "pow() can only be used on numbers")?;
        Ok(Val::Float(x.powf(y)))
    }),
    Filter::new("root", &["base"], |_, b| {
        let x = number(&b.value, "root() can only be used on numbers")?;
        let base = match b.get(0) {
            None => 2.0,
            Some(v) => number(v, "root() can only be used on numbers")?,
        };
        Ok(Val::Float(if base == 2.0 {
            if x < 0.0 {
                return Err(failed("root() can only be used on numbers: math domain error"));
            }
            x.sqrt()
        } else {
            x.powf(1.0 / base)
        }))
    }),
];

fn number(value: &Val, message: &str) -> R<f64> {
    value.as_f64().ok_or_else(|| failed(format!("{message}: must be real number, not {}", value.type_name())))
}

fn round(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let precision = b.int(0)?.unwrap_or(0).clamp(-300, 300);
    let method = b.str_or(it, 1, "common")?;
    let Some(x) = b.value.as_f64() else {
        return Err(failed(format!("type {} doesn't define __round__ method", b.value.type_name())));
    };
    let scale = 10_f64.powi(i32::try_from(precision).unwrap_or(0));
    let rounded = match method.as_str() {
        "ceil" => (x * scale).ceil() / scale,
        "floor" => (x * scale).floor() / scale,
        "common" => {
            if let Val::Int(i) = b.value
                && precision >= 0
            {
                return Ok(Val::Int(i));
            }
            let rounded = nearest(x, precision, scale);
            if matches!(b.value, Val::Int(_)) {
                return Ok(Val::Int(rounded as i64));
            }
            rounded
        }
        _ => return Err(failed("method must be common, ceil or floor")),
    };
    Ok(Val::Float(rounded))
}

/// To the nearest, by the number's decimal digits; what lies exactly between goes to the even one.
fn nearest(x: f64, precision: i64, scale: f64) -> f64 {
    match usize::try_from(precision) {
        Ok(digits) => format!("{x:.digits$}").parse().unwrap_or(x),
        Err(_) => (x * scale).round_ties_even() / scale,
    }
}
