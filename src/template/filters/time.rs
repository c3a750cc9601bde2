//! Dates: `now`, `to_datetime`, `strftime`, and Python's `datetime` and `timedelta` as values.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{Args, Object, R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::{Text, Value};
use chrono::{
    DateTime, Datelike, Duration, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
    Timelike, Utc,
};
use std::any::Any;
use std::cmp::Ordering;
use std::rc::Rc;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("to_datetime", &["format"], |it, b| {
        let format = b.str_or(it, 0, "%Y-%m-%d %H:%M:%S")?;
        let text = b.text(it)?;
        Ok(Moment::parse(&text, &format)?.into_val())
    }),
    Filter::new("strftime", &["second", "utc"], strftime),
];

/// Python's `datetime`.
#[derive(Clone)]
pub(crate) struct Moment {
    at: NaiveDateTime,
    zone: Option<FixedOffset>,
}

/// Python's `timedelta`.
#[derive(Clone)]
pub(crate) struct Span(Duration);

impl Moment {
    pub(crate) fn into_val(self) -> Val {
        Val::Object(Rc::new(self))
    }

    fn parse(text: &str, format: &str) -> R<Self> {
        let mismatch = || failed(format!("time data '{text}' does not match format '{format}'"));
        let format = format.replace("%f", "%6f").replace(".%6f", "%.f");
        let format = if format.contains("%6f") { format.replace("%6f", "%f") } else { format };
        if format.contains("%z") {
            let parsed = DateTime::parse_from_str(text, &format).map_err(|_| mismatch())?;
            return Ok(Self { at: parsed.naive_local(), zone: Some(*parsed.offset()) });
        }
        if let Ok(at) = NaiveDateTime::parse_from_str(text, &format) {
            return Ok(Self { at, zone: None });
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, &format) {
            return Ok(Self { at: date.and_hms_opt(0, 0, 0).unwrap_or_default(), zone: None });
        }
        // Only a time, a month or a year: the rest is as Python has it, the first of January 1900.
        let padded =
            NaiveDateTime::parse_from_str(&format!("1900-01-01 {text}"), &format!("%Y-%m-%d {format}"))
                .or_else(|_| {
                    NaiveDateTime::parse_from_str(&format!("{text} 01 00:00"), &format!("{format} %d %H:%M"))
                })
                .or_else(|_| {
                    NaiveDateTime::parse_from_str(
                        &format!("{text} 01-01 00:00"),
                        &format!("{format} %m-%d %H:%M"),
                    )
                });
        padded.map(|at| Self { at, zone: None }).map_err(|_| mismatch())
    }

    /// As a variable keeps it.
    fn kept(text: String) -> Option<Value> {
        Some(Value::Str(Text::moment(text, None)))
    }

    fn instant(&self) -> NaiveDateTime {
        match self.zone {
            Some(zone) => self.at - zone,
            None => self.at,
        }
    }

    fn timestamp(&self) -> f64 {
        let micros = match self.zone {
            Some(_) => self.instant().and_utc().timestamp_micros(),
            None => match Local.from_local_datetime(&self.at).earliest() {
                Some(local) => local.timestamp_micros(),
                None => self.at.and_utc().timestamp_micros(),
            },
        };
        micros as f64 / 1e6
    }

    fn iso(&self, sep: char) -> String {
        let mut out = self.at.format(&format!("%Y-%m-%d{sep}%H:%M:%S")).to_string();
        let micros = self.at.nanosecond() / 1000;
        if micros > 0 {
            out.push_str(&format!(".{micros:06}"));
        }
        if let Some(zone) = self.zone {
            let seconds = zone.local_minus_utc();
            let sign = if seconds < 0 { '-' } else { '+' };
            out.push_str(&format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60));
        }
        out
    }
}

/// The date, the time or both that a text of Python's `isoformat` stands for.
pub(crate) fn of_iso(text: &str) -> Option<Val> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (Some(date), Some(clock)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let day = NaiveDate::parse_from_str(date.unwrap_or("1900-01-01"), "%Y-%m-%d").ok()?;
    let whole = clock.unwrap_or("00:00:00");
    let (digits, zone) = whole.split_at(whole.find(['+', '-']).unwrap_or(whole.len()));
    let time = NaiveTime::parse_from_str(digits, "%H:%M:%S%.f").ok()?;
    let zone = if zone.is_empty() { None } else { Some(zone.parse::<FixedOffset>().ok()?) };
    let of = Moment { at: day.and_time(time), zone };
    Some(match (date, clock) {
        (Some(_), Some(_)) => of.into_val(),
        (date, _) => Val::Object(Rc::new(Part { of, date: date.is_some() })),
    })
}

/// Python's `strftime` of a time.
fn format(at: NaiveDateTime, zone: Option<FixedOffset>, zone_name: &str, spec: &str) -> R<String> {
    use std::fmt::Write;
    let mut out = String::new();
    let mut chars = spec.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut kind = chars.next().unwrap_or('%');
        let mut flag = None;
        if matches!(kind, '-' | '_' | '0' | '^' | '#') {
            flag = Some(kind);
            kind = chars.next().unwrap_or('%');
        }
        match kind {
            '%' => out.push('%'),
            'f' => write!(out, "{:06}", at.nanosecond() / 1000).map_err(|e| failed(e.to_string()))?,
            'z' => {
                if let Some(zone) = zone {
                    out.push_str(&zone.to_string().replace(':', ""));
                }
            }
            'Z' => out.push_str(zone_name),
            's' => write!(
                out,
                "{}",
                at.and_utc().timestamp() - zone.map_or(0, |z| i64::from(z.local_minus_utc()))
            )
            .map_err(|e| failed(e.to_string()))?,
            'c' => out.push_str(&at.format("%a %b %e %H:%M:%S %Y").to_string()),
            'x' => out.push_str(&at.format("%m/%d/%y").to_string()),
            'X' => out.push_str(&at.format("%H:%M:%S").to_string()),
            'a' | 'A' | 'b' | 'B' | 'd' | 'D' | 'e' | 'F' | 'g' | 'G' | 'h' | 'H' | 'I' | 'j' | 'k' | 'l'
            | 'm' | 'M' | 'n' | 'p' | 'P' | 'r' | 'R' | 'S' | 't' | 'T' | 'u' | 'U' | 'V' | 'w' | 'W'
            | 'y' | 'Y' | 'C' => {
                let spec = match flag {
                    Some('-') => format!("%-{kind}"),
                    Some('_') => format!("%_{kind}"),
                    _ => format!("%{kind}"),
                };
                let mut text = String::new();
                if write!(text, "{}", at.format(&spec)).is_err() {
                    return Err(failed(format!("Invalid format string '%{kind}'")));
                }
                if flag == Some('^') {
                    text = text.to_uppercase();
                }
                out.push_str(&text);
            }
            other => {
                out.push('%');
                out.push(other);
            }
        }
    }
    Ok(out)
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "datetime"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        let number = |n: u32| Some(Val::Int(i64::from(n)));
        Ok(match name {
            "year" => Some(Val::Int(i64::from(self.at.year()))),
            "month" => number(self.at.month()),
            "day" => number(self.at.day()),
            "hour" => number(self.at.hour()),
            "minute" => number(self.at.minute()),
            "second" => number(self.at.second()),
            "microsecond" => number(self.at.nanosecond() / 1000),
            _ => None,
        })
    }
    fn method(&self, it: &mut Interp<'_>, name: &str, mut args: Args) -> R<Option<Val>> {
        Ok(Some(match name {
            "strftime" => {
                let spec = match args.pos.first() {
                    Some(spec) => it.str(spec)?,
                    None => return Err(failed("strftime() takes exactly 1 argument (0 given)")),
                };
                Val::from(format(self.at, self.zone, if self.zone.is_some() { "UTC" } else { "" }, &spec)?)
            }
            "isoformat" => {
                let sep = match args.pos.first().cloned().or_else(|| args.take("sep")) {
                    Some(sep) => it.str(&sep)?.chars().next().unwrap_or('T'),
                    None => 'T',
                };
                Val::from(self.iso(sep))
            }
            "timestamp" => Val::Float(self.timestamp()),
            "weekday" => Val::Int(i64::from(self.at.weekday().num_days_from_monday())),
            "isoweekday" => Val::Int(i64::from(self.at.weekday().number_from_monday())),
            "date" => Val::Object(Rc::new(Part { of: self.clone(), date: true })),
            "time" => Val::Object(Rc::new(Part { of: Self { zone: None, ..self.clone() }, date: false })),
            "replace" => {
                let mut at = self.at;
                for (field, value) in &args.named {
                    let Some(n) = value.as_int().and_then(|i| u32::try_from(i).ok()) else { continue };
                    let changed = match &**field {
                        "year" => at.with_year(i32::try_from(n).unwrap_or(1)),
                        "month" => at.with_month(n),
                        "day" => at.with_day(n),
                        "hour" => at.with_hour(n),
                        "minute" => at.with_minute(n),
                        "second" => at.with_second(n),
                        "microsecond" => at.with_nanosecond(n.saturating_mul(1000)),
                        _ => Some(at),
                    };
                    at = changed.ok_or_else(|| failed(format!("{field} is out of range")))?;
                }
                let naive = args.named.iter().any(|(n, v)| &**n == "tzinfo" && v.is_none());
                Self { at, zone: if naive { None } else { self.zone } }.into_val()
            }
            "timetuple" => return Ok(None),
            _ => return Ok(None),
        }))
    }
    fn print(&self) -> String {
        self.iso(' ')
    }
    fn to_value(&self) -> Option<Value> {
        Self::kept(self.iso('T'))
    }
}

/// Python's `date` and `time`: one half of a moment.
struct Part {
    of: Moment,
    date: bool,
}

impl Object for Part {
    fn type_name(&self) -> &'static str {
        if self.date { "date" } else { "time" }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        let mine = matches!(name, "year" | "month" | "day") == self.date;
        if mine { self.of.attr(it, name) } else { Ok(None) }
    }
    fn method(&self, it: &mut Interp<'_>, name: &str, args: Args) -> R<Option<Val>> {
        match name {
            "isoformat" => Ok(Some(Val::from(self.print()))),
            "strftime" => self.of.method(it, name, args),
            "weekday" | "isoweekday" if self.date => self.of.method(it, name, args),
            _ => Ok(None),
        }
    }
    fn print(&self) -> String {
        let whole = self.of.iso(' ');
        let (date, time) = whole.split_once(' ').unwrap_or((&whole, ""));
        if self.date { date.to_owned() } else { time.to_owned() }
    }
    fn to_value(&self) -> Option<Value> {
        Moment::kept(self.print())
    }
}

impl Span {
    fn parts(&self) -> (i64, i64, i64) {
        let micros = self.0.num_microseconds().unwrap_or(i64::MAX);
        let days = micros.div_euclid(86_400_000_000);
        let rest = micros.rem_euclid(86_400_000_000);
        (days, rest / 1_000_000, rest % 1_000_000)
    }
}

impl Object for Span {
    fn type_name(&self) -> &'static str {
        "timedelta"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        let (days, seconds, micros) = self.parts();
        Ok(match name {
            "days" => Some(Val::Int(days)),
            "seconds" => Some(Val::Int(seconds)),
            "microseconds" => Some(Val::Int(micros)),
            _ => None,
        })
    }
    fn method(&self, _it: &mut Interp<'_>, name: &str, _args: Args) -> R<Option<Val>> {
        Ok((name == "total_seconds")
            .then(|| Val::Float(self.0.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6)))
    }
    fn print(&self) -> String {
        let (days, seconds, micros) = self.parts();
        let mut out = String::new();
        if days != 0 {
            let plural = if days.abs() == 1 { "" } else { "s" };
            out = format!("{days} day{plural}, ");
        }
        out.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        if micros > 0 {
            out.push_str(&format!(".{micros:06}"));
        }
        out
    }
}

/// `now(utc=False, fmt=None)`
pub(crate) fn now(it: &mut Interp<'_>, mut args: Args) -> R {
    let mut pos = args.pos.drain(..);
    let (utc, fmt) = (pos.next(), pos.next());
    drop(pos);
    let utc = match utc.or_else(|| args.take("utc")) {
        Some(v) => it.truthy(&v)?,
        None => false,
    };
    let moment = if utc {
        Moment { at: Utc::now().naive_utc(), zone: None }
    } else {
        Moment { at: Local::now().naive_local(), zone: None }
    };
    match fmt.or_else(|| args.take("fmt")) {
        None | Some(Val::None) => Ok(moment.into_val()),
        Some(fmt) => {
            let fmt = it.str(&fmt)?;
            if utc {
                return Ok(Val::from(format(moment.at, Some(Utc.fix()), "UTC", &fmt)?));
            }
            let zone = *Local::now().offset();
            Ok(Val::from(format(moment.at, Some(zone), &zone_name(zone), &fmt)?))
        }
    }
}

fn zone_name(zone: FixedOffset) -> String {
    if zone.local_minus_utc() == 0 { "UTC".to_owned() } else { zone.to_string() }
}

fn strftime(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let spec = b.text(it)?;
    let seconds = match b.get(0) {
        None => Utc::now().timestamp(),
        Some(value) => {
            let number = match value {
                Val::Str(text) => text.as_str().trim().parse::<f64>().ok(),
                other => other.as_f64(),
            };
            match number {
                Some(n) => n as i64,
                None => {
                    let shown = it.str(value)?;
                    return Err(failed(format!("Invalid value for epoch value ({shown})")));
                }
            }
        }
    };
    let Some(at) = DateTime::from_timestamp(seconds, 0) else {
        return Err(failed(format!("Invalid value for epoch value ({seconds})")));
    };
    if b.flag(it, 1, false)? {
        return Ok(Val::from(format(at.naive_utc(), Some(Utc.fix()), "UTC", &spec)?));
    }
    let local = at.with_timezone(&Local);
    let zone = *local.offset();
    Ok(Val::from(format(local.naive_local(), Some(zone), &zone_name(zone), &spec)?))
}

/// `date + span` and the like.
pub(crate) fn add(a: &Val, b: &Val) -> Option<Val> {
    if let (Some(x), Some(y)) = (a.downcast::<Span>(), b.downcast::<Span>()) {
        return Some(Val::Object(Rc::new(Span(x.0 + y.0))));
    }
    let (moment, span) = match (a.downcast::<Moment>(), b.downcast::<Span>()) {
        (Some(moment), Some(span)) => (moment, span),
        _ => (b.downcast::<Moment>()?, a.downcast::<Span>()?),
    };
    let at = moment.at.checked_add_signed(span.0)?;
    Some(Moment { at, zone: moment.zone }.into_val())
}

/// `date - date` and the like.
pub(crate) fn subtract(a: &Val, b: &Val) -> Option<Val> {
    if let (Some(x), Some(y)) = (a.downcast::<Span>(), b.downcast::<Span>()) {
        return Some(Val::Object(Rc::new(Span(x.0 - y.0))));
    }
    if let (Some(x), Some(y)) = (a.downcast::<Part>(), b.downcast::<Part>()) {
        return (x.date && y.date).then(|| Val::Object(Rc::new(Span(x.of.at - y.of.at))));
    }
    let moment = a.downcast::<Moment>()?;
    if let Some(other) = b.downcast::<Moment>() {
        return Some(Val::Object(Rc::new(Span(moment.instant() - other.instant()))));
    }
    let span = b.downcast::<Span>()?;
    let at = moment.at.checked_sub_signed(span.0)?;
    Some(Moment { at, zone: moment.zone }.into_val())
}

/// How two dates or spans are ordered.
pub(crate) fn order(a: &Val, b: &Val) -> Option<Ordering> {
    if let (Some(x), Some(y)) = (a.downcast::<Moment>(), b.downcast::<Moment>()) {
        return Some(x.instant().cmp(&y.instant()));
    }
    if let (Some(x), Some(y)) = (a.downcast::<Part>(), b.downcast::<Part>()) {
        return match (x.date, y.date) {
            (true, true) => Some(x.of.at.date().cmp(&y.of.at.date())),
            (false, false) => Some(x.of.at.time().cmp(&y.of.at.time())),
            _ => None,
        };
    }
    let (x, y) = (a.downcast::<Span>()?, b.downcast::<Span>()?);
    Some(x.0.cmp(&y.0))
}
