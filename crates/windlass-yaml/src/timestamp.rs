//! YAML 1.1 timestamps.

/// Whether a plain scalar looks like a timestamp; its numbers may still be out of range.
pub(crate) fn looks_like(text: &str) -> bool {
    // The date alone wants two digits everywhere; with a time one digit will do.
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    match parse(text) {
        Some(parts) if parts.time.is_none() => text.len() == 10,
        Some(_) => true,
        None => false,
    }
}

struct Parts<'a> {
    year: u32,
    month: u32,
    day: u32,
    time: Option<Time<'a>>,
}

struct Time<'a> {
    hour: u32,
    minute: u32,
    second: u32,
    fraction: &'a str,
    zone: Option<Zone>,
}

enum Zone {
    Utc,
    Offset { negative: bool, hours: u32, minutes: u32 },
}

/// Reads digits, at least `min` and at most `max`.
fn digits<'a>(text: &mut &'a str, min: usize, max: usize) -> Option<&'a str> {
    let n = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if n < min {
        return None;
    }
    let (head, tail) = text.split_at(n);
    *text = tail;
    Some(head)
}

fn number(text: &mut &str, min: usize, max: usize) -> Option<u32> {
    digits(text, min, max)?.parse().ok()
}

fn eat(text: &mut &str, c: char) -> Option<()> {
    *text = text.strip_prefix(c)?;
    Some(())
}

fn parse(text: &str) -> Option<Parts<'_>> {
    let mut rest = text;
    let year = number(&mut rest, 4, 4)?;
    eat(&mut rest, '-')?;
    let month = number(&mut rest, 1, 2)?;
    eat(&mut rest, '-')?;
    let day = number(&mut rest, 1, 2)?;
    if rest.is_empty() {
        return Some(Parts { year, month, day, time: None });
    }
    rest = match rest.strip_prefix(['T', 't']) {
        Some(after) => after,
        None => {
            let after = rest.trim_start_matches([' ', '\t']);
            (after.len() < rest.len()).then_some(after)?
        }
    };
    let hour = number(&mut rest, 1, 2)?;
    eat(&mut rest, ':')?;
    let minute = number(&mut rest, 2, 2)?;
    eat(&mut rest, ':')?;
    let second = number(&mut rest, 2, 2)?;
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        fraction = digits(&mut rest, 0, usize::MAX)?;
    }
    let after = rest.trim_start_matches([' ', '\t']);
    let zone = if after.is_empty() {
        // Blanks at the end only belong to a zone.
        rest.is_empty().then_some(None)?
    } else if after == "Z" {
        Some(Zone::Utc)
    } else {
        let negative = after.starts_with('-');
        let mut zone = after.strip_prefix(['-', '+'])?;
        let hours = number(&mut zone, 1, 2)?;
        let minutes = match zone.strip_prefix(':') {
            Some(after) => {
                zone = after;
                number(&mut zone, 2, 2)?
            }
            None => 0,
        };
        zone.is_empty().then_some(Some(Zone::Offset { negative, hours, minutes }))?
    };
    Some(Parts { year, month, day, time: Some(Time { hour, minute, second, fraction, zone }) })
}

/// The timestamp as Python's `isoformat` writes it (`2001-12-14` or `2001-12-14T21:59:43.100000-05:00`), or `None`
/// when the text is no valid date.
pub fn iso_format(text: &str) -> Option<String> {
    let Parts { year, month, day, time } = parse(text)?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if year == 0 || day == 0 || day > days {
        return None;
    }
    let mut out = format!("{year:04}-{month:02}-{day:02}");
    let Some(time) = time else { return Some(out) };
    if time.hour > 23 || time.minute > 59 || time.second > 59 {
        return None;
    }
    out.push_str(&format!("T{:02}:{:02}:{:02}", time.hour, time.minute, time.second));
    let micros: String = time.fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    if micros != "000000" {
        out.push('.');
        out.push_str(&micros);
    }
    match time.zone {
        None => {}
        Some(Zone::Utc) => out.push_str("+00:00"),
        Some(Zone::Offset { negative, hours, minutes }) => {
            let total = hours * 60 + minutes;
            if total >= 24 * 60 {
                return None;
            }
            let sign = if negative && total > 0 { '-' } else { '+' };
            out.push_str(&format!("{sign}{:02}:{:02}", total / 60, total % 60));
        }
    }
    Some(out)
}
