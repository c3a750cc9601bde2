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
        Some(text) => {
            let why = |reason: String| {
                ModuleError::new(format!(
                    "Error while obtaining timestamp for time {text} using format {format}: {reason}"
                ))
            };
            let fields = parse(text, format).map_err(|mismatch| why(mismatch.told(text, format)))?;
            let time = local(&fields, sys).ok_or_else(|| why("there is no such time".into()))?;
            Ok(Time::At(time))
        }
    }
}

/// Why a text does not fit a format.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mismatch {
    /// Some part of the format.
    Format,
    /// The format ends before the text does.
    Remains(String),
}

impl Mismatch {
    /// In Python's words.
    fn told(&self, text: &str, format: &str) -> String {
        match self {
            Self::Format => format!("time data '{text}' does not match format '{format}'"),
            Self::Remains(rest) => format!("unconverted data remains: {rest}"),
        }
    }
}

const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Year, month, day, hour, minute, second by a format of Python's `strptime`, in the locale `C`.
fn parse(text: &str, format: &str) -> Result<[i64; 6], Mismatch> {
    let mut reader = Reader { rest: text, fields: [1900, 1, 1, 0, 0, 0], day_of_year: None, half: None };
    reader.read(format).ok_or(Mismatch::Format)?;
    if !reader.rest.is_empty() {
        return Err(Mismatch::Remains(reader.rest.to_owned()));
    }
    let mut fields = reader.fields;
    if let Some(day) = reader.day_of_year {
        // `date` counts on from the first of January.
        (fields[1], fields[2]) = month_and_day(fields[0], day);
    }
    Ok(fields)
}

fn month_and_day(year: i64, day_of_year: i64) -> (i64, i64) {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut left = day_of_year;
    for (month, days) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
        let days = if month == 1 && leap { 29 } else { days };
        if left <= days {
            return (month as i64 + 1, left);
        }
        left -= days;
    }
    (12, 31 + left)
}

/// A text that is being read by a format.
struct Reader<'a> {
    rest: &'a str,
    fields: [i64; 6],
    day_of_year: Option<i64>,
    /// Hour of twelve, and whether it is one of the afternoon.
    half: Option<(i64, bool)>,
}

impl Reader<'_> {
    fn read(&mut self, format: &str) -> Option<()> {
        let mut signs = format.chars().peekable();
        while let Some(sign) = signs.next() {
            if sign.is_whitespace() {
                while signs.next_if(|sign| sign.is_whitespace()).is_some() {}
                let rest = self.rest.trim_start();
                (rest.len() < self.rest.len()).then_some(())?;
                self.rest = rest;
            } else if sign == '%' {
                self.field(signs.next()?)?;
            } else {
                let found = self.rest.chars().next()?;
                found.to_lowercase().eq(sign.to_lowercase()).then_some(())?;
                self.rest = &self.rest[found.len_utf8()..];
            }
        }
        Some(())
    }

    fn field(&mut self, letter: char) -> Option<()> {
        match letter {
            'Y' => self.fields[0] = self.number(4, 4, 0, 9999)?,
            'y' => {
                let short = self.number(2, 2, 0, 99)?;
                self.fields[0] = if short < 69 { 2000 + short } else { 1900 + short };
            }
            'm' => self.fields[1] = self.number(1, 2, 1, 12)?,
            'b' => self.fields[1] = self.name(&MONTHS, true)?,
            'B' => self.fields[1] = self.name(&MONTHS, false)?,
            'd' => self.fields[2] = self.number(1, 2, 1, 31)?,
            'j' => self.day_of_year = Some(self.number(1, 3, 1, 366)?),
            'H' => self.fields[3] = self.number(1, 2, 0, 23)?,
            'I' => {
                let hour = self.number(1, 2, 1, 12)? % 12;
                self.set_half(Some(hour), None);
            }
            'p' => {
                let is_pm = self.name(&["am", "pm"], false)? == 2;
                self.set_half(None, Some(is_pm));
            }
            'M' => self.fields[4] = self.number(1, 2, 0, 59)?,
            'S' => self.fields[5] = self.number(1, 2, 0, 61)?,
            // These say nothing that counts: the time is one of the target's own zone, in whole seconds.
            'f' => self.number(1, 6, 0, 999_999).map(drop)?,
            'a' => self.name(&DAYS, true).map(drop)?,
            'A' => self.name(&DAYS, false).map(drop)?,
            'w' => self.number(1, 1, 0, 6).map(drop)?,
            'u' => self.number(1, 1, 1, 7).map(drop)?,
            'Z' => self.name(&["utc", "gmt"], false).map(drop)?,
            'z' => self.offset()?,
            'c' => self.read("%a %b %d %H:%M:%S %Y")?,
            'x' => self.read("%m/%d/%y")?,
            'X' => self.read("%H:%M:%S")?,
            '%' => self.rest = self.rest.strip_prefix('%')?,
            _ => return None,
        }
        Some(())
    }

    /// Half days count only where there are hours of twelve; whichever comes first in the format.
    fn set_half(&mut self, hour: Option<i64>, is_pm: Option<bool>) {
        let known = self.half.unwrap_or((-1, false));
        let half = (hour.unwrap_or(known.0), is_pm.unwrap_or(known.1));
        self.half = Some(half);
        if half.0 >= 0 {
            self.fields[3] = half.0 + if half.1 { 12 } else { 0 };
        }
    }

    /// A number with as many digits as may be.
    fn number(&mut self, least: usize, most: usize, low: i64, high: i64) -> Option<i64> {
        let digits = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (count, value) = (least..=digits).rev().find_map(|count| {
            let value = self.rest[..count].parse().ok().filter(|value| (low..=high).contains(value))?;
            Some((count, value))
        })?;
        self.rest = &self.rest[count..];
        Some(value)
    }

    /// The number of a name, from 1; of three letters if it is a short one.
    fn name(&mut self, names: &[&str], short: bool) -> Option<i64> {
        for (number, name) in (1..).zip(names) {
            let name = if short { &name[..3] } else { name };
            if self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Some(number);
            }
        }
        None
    }

    /// `+0200`, `-03:30`, `+01:00:00` or `Z`.
    fn offset(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(());
        }
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        self.number(2, 2, 0, 99)?;
        let part = |reader: &mut Self| {
            let rest = reader.rest;
            reader.rest = rest.strip_prefix(':').unwrap_or(rest);
            let found = reader.number(2, 2, 0, 59);
            if found.is_none() {
                reader.rest = rest;
            }
            found
        };
        part(self)?;
        part(self);
        Some(())
    }
}

/// Seconds since the epoch of a time in the target's own time zone, which `date` knows.
fn local([year, month, day, hour, minute, second]: &[i64; 6], sys: &dyn Observe) -> Option<i64> {
    let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    let output = sys.query(&RunSpec::new(["date".to_owned(), "-d".into(), text, "+%s".into()])).ok()?;
    if output.code != 0 { None } else { output.out().trim().parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::{Mismatch, parse};

    #[test]
    fn times_are_read_by_their_format() {
        assert_eq!(parse("202001021304.05", "%Y%m%d%H%M.%S"), Ok([2020, 1, 2, 13, 4, 5]));
        assert_eq!(parse("2/1/99", "%d/%m/%y"), Ok([1999, 1, 2, 0, 0, 0]));
        assert_eq!(parse("2020", "%Y%m"), Err(Mismatch::Format));
        assert_eq!(parse("2020x", "%Y"), Err(Mismatch::Remains("x".into())));
        assert_eq!(parse("13", "%m"), Err(Mismatch::Remains("3".into())));
        for (text, format, wanted) in [
            ("5 Mar 2021", "%d %b %Y", [2021, 3, 5, 0, 0, 0]),
            ("MARCH  5, 2021", "%B %d, %Y", [2021, 3, 5, 0, 0, 0]),
            ("2020 060", "%Y %j", [2020, 2, 29, 0, 0, 0]),
            ("2021365", "%Y%j", [2021, 12, 31, 0, 0, 0]),
            ("2020-01-02T03:04:05+0200", "%Y-%m-%dT%H:%M:%S%z", [2020, 1, 2, 3, 4, 5]),
            ("2020-01-02 03:04:05.678Z", "%Y-%m-%d %H:%M:%S.%f%z", [2020, 1, 2, 3, 4, 5]),
            ("01/02/20 12:30 AM", "%x %I:%M %p", [2020, 1, 2, 0, 30, 0]),
            ("pm 1 2020", "%p %I %Y", [2020, 1, 1, 13, 0, 0]),
            ("12 pm", "%I %p", [1900, 1, 1, 12, 0, 0]),
            ("Thu Jan  2 03:04:05 2020", "%c", [2020, 1, 2, 3, 4, 5]),
            ("111", "%m%d", [1900, 11, 1, 0, 0, 0]),
        ] {
            assert_eq!(parse(text, format), Ok(wanted), "{text} by {format}");
        }
        for (text, format) in [("Foo", "%b"), ("+02", "%z"), ("20201", "%Y %m"), ("x", "%Q")] {
            assert_eq!(parse(text, format), Err(Mismatch::Format), "{text} by {format}");
        }
    }
}
