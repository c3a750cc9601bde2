//! Access and modification times.

use super::Work;
use crate::ModuleError;
use crate::system::{Meta, Observe};
use windlass_protocol::modules::file::FileArgs;
use windlass_protocol::{Json, Op, RunSpec, What};

#[derive(Debug, Clone, Copy)]
enum Time {
    Preserve,
    Now,
    At(i64),
}

/// The times that a task wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    atime: Time,
    mtime: Time,
}

impl Wanted {
    pub(super) fn of(args: &FileArgs, sys: &dyn Observe) -> Result<Self, ModuleError> {
        Ok(Self {
            atime: read(args.access_time.as_deref(), &args.access_time_format, sys)?,
            mtime: read(args.modification_time.as_deref(), &args.modification_time_format, sys)?,
        })
    }

    /// For a file that is not there yet there is nothing to preserve.
    pub(super) fn for_new(self, sys: &dyn Observe) -> (Option<(i64, u32)>, Option<(i64, u32)>) {
        let now = sys.now();
        let time = |time| match time {
            Time::At(seconds) => Some((seconds, 0)),
            Time::Now | Time::Preserve => Some(now),
        };
        (time(self.atime), time(self.mtime))
    }

    pub(super) fn plan(self, work: &mut Work, path: &str, meta: &Meta, sys: &dyn Observe) {
        let now = sys.now();
        let differs = |wanted, current: (i64, u32)| match wanted {
            Time::Preserve => None,
            Time::Now => Some(now),
            Time::At(seconds) => Some((seconds, 0)).filter(|time| *time != current),
        };
        let (atime, mtime) = (differs(self.atime, meta.atime), differs(self.mtime, meta.mtime));
        let mut note = |key: &str, before: (i64, u32), after: Option<(i64, u32)>| {
            if let Some(after) = after {
                work.before.insert(key.to_owned(), seconds(before));
                work.after.insert(key.to_owned(), seconds(after));
            }
        };
        note("atime", meta.atime, atime);
        note("mtime", meta.mtime, mtime);
        if atime.is_some() || mtime.is_some() {
            let text = |time: (i64, u32)| format!("modified {}", time.0);
            let what = What::AttributesSet {
                path: path.to_owned(),
                before: text(meta.mtime),
                after: text(mtime.unwrap_or(meta.mtime)),
            };
            work.plan.push(what, Op::Touch { path: path.to_owned(), atime, mtime, follow: false });
        }
    }
}

fn seconds(time: (i64, u32)) -> Json {
    Json::from(time.0 as f64 + f64::from(time.1) / 1e9)
}

fn read(text: Option<&str>, format: &str, sys: &dyn Observe) -> Result<Time, ModuleError> {
    match text {
        None | Some("now") => Ok(Time::Now),
        Some("preserve") => Ok(Time::Preserve),
        Some(text) => parse(text, format)
            .and_then(|fields| local(&fields, sys))
            .map(Time::At)
            .ok_or_else(|| {
                ModuleError::new(format!(
                    "Error while obtaining timestamp for time {text} using format {format}: time data '{text}' does not match format '{format}'"
                ))
            }),
    }
}

/// Year, month, day, hour, minute, second by a format of `strptime`.
fn parse(text: &str, format: &str) -> Option<[i64; 6]> {
    let mut fields = [1900, 1, 1, 0, 0, 0];
    let mut rest = text;
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            rest = if sign.is_whitespace() { rest.trim_start() } else { rest.strip_prefix(sign)? };
            continue;
        }
        let mut number = |width: usize| {
            let end = rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
            let value: i64 = rest[..end].parse().ok()?;
            rest = &rest[end..];
            Some(value)
        };
        match signs.next()? {
            'Y' => fields[0] = number(4)?,
            'y' => {
                let short = number(2)?;
                fields[0] = if short < 69 { 2000 + short } else { 1900 + short };
            }
            'm' => fields[1] = number(2)?,
            'd' => fields[2] = number(2)?,
            'H' => fields[3] = number(2)?,
            'M' => fields[4] = number(2)?,
            'S' => fields[5] = number(2)?,
            '%' => rest = rest.strip_prefix('%')?,
            _ => return None,
        }
    }
    rest.is_empty().then_some(fields)
}

/// Seconds since the epoch of a time in the target's own time zone, which `date` knows.
fn local([year, month, day, hour, minute, second]: &[i64; 6], sys: &dyn Observe) -> Option<i64> {
    let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    let output = sys.query(&RunSpec::new(["date".to_owned(), "-d".into(), text, "+%s".into()])).ok()?;
    if output.code != 0 { None } else { output.out().trim().parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_read_by_their_format() {
        assert_eq!(parse("202001021304.05", "%Y%m%d%H%M.%S"), Some([2020, 1, 2, 13, 4, 5]));
        assert_eq!(parse("2/1/99", "%d/%m/%y"), Some([1999, 1, 2, 0, 0, 0]));
        assert_eq!(parse("2020", "%Y%m"), None);
        assert_eq!(parse("2020x", "%Y"), None);
    }
}
