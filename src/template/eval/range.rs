//! Python's `range`.

use super::Interp;
use super::val::{Object, R, Val, failed};
use std::any::Any;

/// More items are never made of a range.
const MAX_ITEMS: usize = 10_000_000;

/// `range(start, stop, step)`
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) step: i64,
}

impl Range {
    /// How many numbers it has.
    pub(crate) fn len(&self) -> usize {
        let span = if self.step > 0 {
            i128::from(self.stop) - i128::from(self.start)
        } else {
            i128::from(self.start) - i128::from(self.stop)
        };
        let step = i128::from(self.step).abs().max(1);
        usize::try_from((span.max(0) + step - 1) / step).unwrap_or(usize::MAX)
    }
}

impl Range {
    /// The number at a place, counted from the end where negative.
    pub(crate) fn at(&self, index: i64) -> Option<i64> {
        let len = i128::try_from(self.len()).ok()?;
        let index = i128::from(index) + if index < 0 { len } else { 0 };
        if index < 0 || index >= len {
            return None;
        }
        i64::try_from(i128::from(self.start) + index * i128::from(self.step)).ok()
    }

    /// Whether a number is among them.
    pub(crate) fn has(&self, number: i64) -> bool {
        let offset = i128::from(number) - i128::from(self.start);
        let step = i128::from(self.step);
        if step == 0 || offset % step != 0 {
            return false;
        }
        let index = offset / step;
        index >= 0 && usize::try_from(index).is_ok_and(|index| index < self.len())
    }
}

impl Object for Range {
    fn type_name(&self) -> &'static str {
        "range"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        Ok(match name {
            "start" => Some(Val::Int(self.start)),
            "stop" => Some(Val::Int(self.stop)),
            "step" => Some(Val::Int(self.step)),
            "\u{0}items" => {
                let count = self.len();
                if count > MAX_ITEMS {
                    return Err(failed(format!("Range too big: {count} items")));
                }
                let number = |i: usize| {
                    let offset = i64::try_from(i).unwrap_or(i64::MAX).wrapping_mul(self.step);
                    Val::Int(self.start.wrapping_add(offset))
                };
                Some(Val::list((0..count).map(number).collect()))
            }
            _ => None,
        })
    }
    fn print(&self) -> String {
        if self.step == 1 {
            format!("range({}, {})", self.start, self.stop)
        } else {
            format!("range({}, {}, {})", self.start, self.stop, self.step)
        }
    }
}
