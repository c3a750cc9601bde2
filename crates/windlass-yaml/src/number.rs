//! The numbers of YAML 1.1.

use crate::node::Yaml;

/// Python refuses to convert longer numbers, and the conversion is quadratic.
const MAX_DIGITS: usize = 4300;

/// A whole number in one of YAML 1.1's notations, or `None` when the text is none.
pub(crate) fn int(text: &str) -> Option<Yaml> {
    let (negative, rest) = sign(text);
    let bytes = rest.as_bytes();
    let first = *bytes.first()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let all = |digits: &str, ok: fn(u8) -> bool| digits.bytes().all(|b| ok(b) || b == b'_');
    if let Some(digits) = rest.strip_prefix("0b") {
        return (!digits.is_empty() && all(digits, |b| matches!(b, b'0' | b'1')))
            .then(|| radix(negative, digits, 2))?;
    }
    if let Some(digits) = rest.strip_prefix("0x") {
        return (!digits.is_empty() && all(digits, |b| b.is_ascii_hexdigit()))
            .then(|| radix(negative, digits, 16))?;
    }
    if first == b'0' {
        if rest == "0" {
            return Some(Yaml::Int(0));
        }
        return all(&rest[1..], |b| matches!(b, b'0'..=b'7')).then(|| radix(negative, rest, 8))?;
    }
    if all(rest, |b| b.is_ascii_digit()) {
        return radix(negative, rest, 10);
    }
    let (head, groups) = sexagesimal(rest)?;
    let mut total: i128 = head.parse().ok()?;
    for group in groups {
        total = total.checked_mul(60)?.checked_add(group.parse::<i128>().ok()?)?;
    }
    let total = if negative { -total } else { total };
    Some(i64::try_from(total).map_or_else(|_| Yaml::BigInt(total.to_string()), Yaml::Int))
}

/// A number with a point, or `None` when the text is none. `1e3` is none: YAML 1.1 wants the point, and a sign
/// in the exponent.
pub(crate) fn float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let (negative, rest) = sign(text);
    let signed = |value: f64| if negative { -value } else { value };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(signed(f64::INFINITY)),
        _ => {}
    }
    let (whole, tail) = rest.split_once('.')?;
    if whole.contains(':') {
        let (head, groups) = sexagesimal(whole)?;
        if !tail.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return None;
        }
        let mut total: f64 = head.parse().ok()?;
        let last = groups.len() - 1;
        for (i, group) in groups.into_iter().enumerate() {
            let part = if i == last { format!("{group}.{}", plain(tail)) } else { group.to_owned() };
            total = total * 60.0 + part.parse::<f64>().ok()?;
        }
        return Some(signed(total));
    }
    let (fraction, exponent) = match tail.find(['e', 'E']) {
        Some(at) => (&tail[..at], Some(&tail[at + 1..])),
        None => (tail, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if whole.is_empty() {
        // A sign is not allowed here: `-.5` is a string.
        if rest.len() != text.len() || !fraction.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
    } else if !whole.starts_with(|c: char| c.is_ascii_digit()) || !digits(whole) {
        return None;
    }
    if !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['-', '+'])?;
        if power.is_empty() || !power.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    plain(rest).parse::<f64>().ok().map(signed)
}

/// The text of a number that a tag forces to be a float: also what Python's `float()` takes.
pub(crate) fn forced_float(text: &str) -> Option<f64> {
    if let Some(value) = float(text) {
        return Some(value);
    }
    let text = plain(text).to_ascii_lowercase();
    let text = text.trim();
    match text {
        "inf" | "+inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        _ if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'e' | b'.' | b'+' | b'-')) => {
            text.parse().ok()
        }
        _ => None,
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn plain(text: &str) -> String {
    text.replace('_', "")
}

/// `[0-9][0-9_]*(:[0-5]?[0-9])+`, in its parts. Whole numbers may not begin with a zero; that is told apart before.
fn sexagesimal(text: &str) -> Option<(String, Vec<&str>)> {
    let mut parts = text.split(':');
    let head = parts.next()?;
    if !head.starts_with(|c: char| c.is_ascii_digit())
        || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    {
        return None;
    }
    let groups: Vec<&str> = parts.collect();
    let good = |g: &&str| match g.as_bytes() {
        [d] => d.is_ascii_digit(),
        [a, b] => matches!(a, b'0'..=b'5') && b.is_ascii_digit(),
        _ => false,
    };
    (!groups.is_empty() && groups.iter().all(good)).then(|| (plain(head), groups))
}

fn radix(negative: bool, digits: &str, base: u32) -> Option<Yaml> {
    let digits = plain(digits);
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    if let Ok(value) = i128::from_str_radix(&digits, base) {
        let value = if negative { -value } else { value };
        return Some(i64::try_from(value).map_or_else(|_| Yaml::BigInt(value.to_string()), Yaml::Int));
    }
    // Little-endian in base 10^9.
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(base)?);
        for limb in &mut limbs {
            let value = *limb * u64::from(base) + carry;
            *limb = value % 1_000_000_000;
            carry = value / 1_000_000_000;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    for (i, limb) in limbs.iter().rev().enumerate() {
        out.push_str(&if i == 0 { limb.to_string() } else { format!("{limb:09}") });
    }
    Some(Yaml::BigInt(out))
}
