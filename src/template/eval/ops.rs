//! Python's operators.

use super::Interp;
use super::range::Range;
use super::val::{R, Val, failed};
use crate::template::error::TemplateError;
use crate::template::filters::time;
use crate::template::syntax::ast::Binary;
use crate::vars::Key;
use std::cmp::Ordering;

/// Longest text or list that `*` makes.
const MAX_REPEAT: usize = 50_000_000;

fn unsupported(op: &str, a: &Val, b: &Val) -> TemplateError {
    failed(format!("unsupported operand type(s) for {op}: '{}' and '{}'", a.type_name(), b.type_name()))
}

/// A whole number where it fits, else the nearest float.
fn whole(exact: Option<i64>, about: f64) -> Val {
    exact.map_or(Val::Float(about), Val::Int)
}

impl Interp<'_> {
    /// `-a`
    pub(crate) fn negate(&mut self, a: &Val) -> R {
        a.check()?;
        match a {
            Val::Float(f) => Ok(Val::Float(-f)),
            Val::Int(_) | Val::Bool(_) => {
                let i = a.as_int().unwrap_or_default();
                Ok(whole(i.checked_neg(), -(i as f64)))
            }
            other => Err(failed(format!("bad operand type for unary -: '{}'", other.type_name()))),
        }
    }

    /// `a op b`
    pub(crate) fn binary(&mut self, op: Binary, a: &Val, b: &Val) -> R {
        match op {
            Binary::Add => self.add(a, b),
            Binary::Sub => self.subtract(a, b),
            Binary::Mul => self.multiply(a, b),
            Binary::Div => {
                let (x, y) = numbers("/", a, b)?;
                if y == 0.0 {
                    return Err(failed(if is_float(a, b) {
                        "float division by zero"
                    } else {
                        "division by zero"
                    }));
                }
                Ok(Val::Float(x / y))
            }
            Binary::FloorDiv => floor_div(a, b),
            Binary::Mod => match a {
                Val::Str(format) => {
                    let text = super::methods::percent::format(self, format.as_str(), b)?;
                    Ok(self.derived(&[a, b], text))
                }
                _ => modulo(a, b),
            },
            Binary::Pow => power(a, b),
        }
    }

    fn add(&mut self, a: &Val, b: &Val) -> R {
        match (a, b) {
            (Val::Str(x), Val::Str(y)) => Ok(self.derived(&[a, b], format!("{}{}", x.as_str(), y.as_str()))),
            (Val::Str(_), _) => {
                Err(failed(format!("can only concatenate str (not \"{}\") to str", b.type_name())))
            }
            (Val::List(_), Val::List(_)) => {
                let mut items = self.items(a)?;
                items.extend(self.items(b)?);
                Ok(Val::list(items))
            }
            (Val::Tuple(x), Val::Tuple(y)) => Ok(Val::tuple(x.iter().chain(y.iter()).cloned().collect())),
            (Val::List(_) | Val::Tuple(_), _) => {
                let name = a.type_name();
                Err(failed(format!("can only concatenate {name} (not \"{}\") to {name}", b.type_name())))
            }
            _ => {
                if let Some(sum) = time::add(a, b) {
                    return Ok(sum);
                }
                let (x, y) = numbers("+", a, b)?;
                if is_float(a, b) {
                    return Ok(Val::Float(x + y));
                }
                let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or_default());
                Ok(whole(i.checked_add(j), x + y))
            }
        }
    }

    fn subtract(&mut self, a: &Val, b: &Val) -> R {
        if let Some(difference) = time::subtract(a, b) {
            return Ok(difference);
        }
        let (x, y) = numbers("-", a, b)?;
        if is_float(a, b) {
            return Ok(Val::Float(x - y));
        }
        let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or_default());
        Ok(whole(i.checked_sub(j), x - y))
    }

    fn multiply(&mut self, a: &Val, b: &Val) -> R {
        let repeated = match (a, b) {
            (Val::Str(_) | Val::List(_) | Val::Tuple(_), times) => times.as_int().map(|n| (a, n)),
            (times, Val::Str(_) | Val::List(_) | Val::Tuple(_)) => times.as_int().map(|n| (b, n)),
            _ => {
                let (x, y) = numbers("*", a, b)?;
                if is_float(a, b) {
                    return Ok(Val::Float(x * y));
                }
                let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or_default());
                return Ok(whole(i.checked_mul(j), x * y));
            }
        };
        let Some((of, times)) = repeated else {
            let other = if matches!(a, Val::Str(_) | Val::List(_) | Val::Tuple(_)) { b } else { a };
            if matches!(other, Val::Float(_)) && (matches!(a, Val::List(_)) || matches!(b, Val::List(_))) {
                let kind = other.type_name();
                return Err(failed(format!("'{kind}' object cannot be interpreted as an integer")));
            }
            return Err(failed(format!(
                "can't multiply sequence by non-int of type '{}'",
                other.type_name()
            )));
        };
        let times = usize::try_from(times.max(0)).unwrap_or(0);
        let size = match of {
            Val::Str(text) => text.as_str().len(),
            _ => self.len(of)?,
        };
        if size.saturating_mul(times) > MAX_REPEAT {
            return Err(failed("the repeated value would be too large"));
        }
        if let Val::Str(text) = of {
            return Ok(self.derived(&[of], text.as_str().repeat(times)));
        }
        let items = self.items(of)?;
        let mut out = Vec::with_capacity(items.len() * times);
        for _ in 0..times {
            out.extend(items.iter().cloned());
        }
        Ok(if matches!(of, Val::Tuple(_)) { Val::tuple(out) } else { Val::list(out) })
    }

    /// `a == b`
    pub(crate) fn equal(&mut self, a: &Val, b: &Val) -> R<bool> {
        a.known()?;
        b.known()?;
        match (a, b) {
            (Val::Undefined(_), Val::Undefined(_)) => return Ok(true),
            (Val::Str(x), Val::Str(y)) => return Ok(x.as_str() == y.as_str()),
            (Val::Int(x), Val::Int(y)) => return Ok(x == y),
            (Val::None, Val::None) | (Val::Omit, Val::Omit) => return Ok(true),
            (Val::List(_), Val::List(_)) | (Val::Tuple(_), Val::Tuple(_)) => {
                if self.len(a)? != self.len(b)? {
                    return Ok(false);
                }
                let (x, y) = (self.items(a)?, self.items(b)?);
                return self.nested(|it| {
                    for (x, y) in x.iter().zip(&y) {
                        if !it.equal(x, y)? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                });
            }
            (Val::Dict(_) | Val::Dynamic(_), Val::Dict(_) | Val::Dynamic(_)) => {
                if self.len(a)? != self.len(b)? {
                    return Ok(false);
                }
                let pairs = self.pairs(a)?;
                return self.nested(|it| {
                    for (key, x) in pairs {
                        match it.entry(b, &key)? {
                            Some(y) if it.equal(&x, &y)? => {}
                            _ => return Ok(false),
                        }
                    }
                    Ok(true)
                });
            }
            (Val::Object(x), Val::Object(y)) => {
                if let (Some(a), Some(b)) = (a.downcast::<Range>(), b.downcast::<Range>()) {
                    return Ok(
                        a.len() == b.len() && (a.len() == 0 || (a.start == b.start && a.step == b.step))
                    );
                }
                return Ok(std::rc::Rc::ptr_eq(x, y) || time::order(a, b) == Some(Ordering::Equal));
            }
            _ => {}
        }
        Ok(match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => x == y,
            _ => false,
        })
    }

    /// How two values are ordered; nothing where one is not a number (`nan`).
    pub(crate) fn order(&mut self, a: &Val, b: &Val, op: &str) -> R<Option<Ordering>> {
        a.check()?;
        b.check()?;
        match (a, b) {
            (Val::Str(x), Val::Str(y)) => return Ok(Some(x.as_str().cmp(y.as_str()))),
            (Val::Int(x), Val::Int(y)) => return Ok(Some(x.cmp(y))),
            (Val::List(_), Val::List(_)) | (Val::Tuple(_), Val::Tuple(_)) => {
                let (x, y) = (self.items(a)?, self.items(b)?);
                for (i, j) in x.iter().zip(&y) {
                    if !self.equal(i, j)? {
                        return self.nested(|it| it.order(i, j, op));
                    }
                }
                return Ok(Some(x.len().cmp(&y.len())));
            }
            (Val::Object(_), Val::Object(_)) => {
                if let Some(order) = time::order(a, b) {
                    return Ok(Some(order));
                }
            }
            _ => {
                if let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) {
                    return Ok(x.partial_cmp(&y));
                }
            }
        }
        Err(failed(format!(
            "'{op}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        )))
    }

    /// `needle in hay`
    pub(crate) fn contains(&mut self, hay: &Val, needle: &Val) -> R<bool> {
        match hay {
            Val::Str(text) => match needle {
                Val::Str(part) => Ok(text.as_str().contains(part.as_str())),
                other => {
                    other.known()?;
                    let name = other.type_name();
                    Err(failed(format!("'in <string>' requires string as left operand, not {name}")))
                }
            },
            Val::Dict(dict) => {
                if matches!(needle, Val::List(_) | Val::Dict(_) | Val::Float(_) | Val::Tuple(_)) {
                    let Ok(key) = self.to_key(needle) else { return Ok(false) };
                    return Ok(has_key(&dict.borrow(), &key));
                }
                if matches!(needle, Val::Undefined(undefined) if undefined.blank) {
                    return Ok(false);
                }
                let key = self.to_key(needle)?;
                Ok(has_key(&dict.borrow(), &key))
            }
            Val::Dynamic(dynamic) => {
                let key = self.to_key(needle)?;
                Ok(dynamic.keys().contains(&key))
            }
            Val::List(_) | Val::Tuple(_) => {
                let mut index = 0;
                while let Some(item) = self.at(hay, index)? {
                    if self.equal(&item, needle)? {
                        return Ok(true);
                    }
                    index += 1;
                }
                Ok(false)
            }
            Val::Object(_) if hay.downcast::<Range>().is_some() => {
                needle.known()?;
                let number = match needle {
                    Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Some(*f as i64),
                    other => other.as_int(),
                };
                Ok(hay.downcast::<Range>().zip(number).is_some_and(|(range, number)| range.has(number)))
            }
            Val::Object(object) if std::rc::Rc::clone(object).attr(self, "\u{0}items")?.is_some() => {
                let items = self.items(hay)?;
                self.contains(&Val::list(items), needle)
            }
            other => {
                other.check()?;
                Err(failed(format!("argument of type '{}' is not iterable", other.type_name())))
            }
        }
    }
}

fn has_key(dict: &super::val::Dict, key: &Key) -> bool {
    match dict {
        super::val::Dict::Shared(map, _) => map.contains_key(key),
        super::val::Dict::Own(map) => map.contains_key(key),
    }
}

fn is_float(a: &Val, b: &Val) -> bool {
    matches!(a, Val::Float(_)) || matches!(b, Val::Float(_))
}

fn numbers(op: &str, a: &Val, b: &Val) -> R<(f64, f64)> {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => Ok((x, y)),
        _ => Err(unsupported(op, a, b)),
    }
}

fn floor_div(a: &Val, b: &Val) -> R {
    let (x, y) = numbers("//", a, b)?;
    if y == 0.0 {
        let float = is_float(a, b);
        return Err(failed(if float {
            "float floor division by zero"
        } else {
            "integer division or modulo by zero"
        }));
    }
    if is_float(a, b) {
        return Ok(Val::Float((x / y).floor()));
    }
    let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or(1));
    let Some(quotient) = i.checked_div(j) else { return Ok(Val::Float((x / y).floor())) };
    let inexact = i % j != 0;
    Ok(Val::Int(if inexact && ((i < 0) != (j < 0)) { quotient - 1 } else { quotient }))
}

fn modulo(a: &Val, b: &Val) -> R {
    let (x, y) = numbers("%", a, b)?;
    if y == 0.0 {
        return Err(failed(if is_float(a, b) { "float modulo" } else { "integer modulo by zero" }));
    }
    if is_float(a, b) {
        let rest = x % y;
        return Ok(Val::Float(if rest != 0.0 && ((rest < 0.0) != (y < 0.0)) { rest + y } else { rest }));
    }
    let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or(1));
    let rest = i.wrapping_rem(j);
    Ok(Val::Int(if rest != 0 && ((rest < 0) != (j < 0)) { rest + j } else { rest }))
}

fn power(a: &Val, b: &Val) -> R {
    let (x, y) = numbers("** or pow()", a, b)?;
    if !is_float(a, b) && y >= 0.0 {
        let (i, j) = (a.as_int().unwrap_or_default(), b.as_int().unwrap_or_default());
        return Ok(whole(u32::try_from(j).ok().and_then(|j| i.checked_pow(j)), x.powf(y)));
    }
    if x == 0.0 && y < 0.0 {
        return Err(failed("0.0 cannot be raised to a negative power"));
    }
    Ok(Val::Float(x.powf(y)))
}
