//! Host names as inventories write them: with ports and ranges.

use std::net::Ipv6Addr;

use super::error::Refused;

/// The most hosts one line may stand for; more is a slip of the finger.
const MAX_HOSTS: usize = 1_000_000;

/// Splits `host:port` or `[host]:port`. `None` when the text is neither a host name nor an address, ranges allowed.
pub(crate) fn parse(text: &str) -> Option<(&str, Option<u32>)> {
    let (host, port) = split_port(text);
    let known = is_name(host) || is_ipv6(host);
    known.then_some((host, port))
}

fn split_port(text: &str) -> (&str, Option<u32>) {
    let Some((head, digits)) = text.rsplit_once(':') else { return (text, None) };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return (text, None);
    }
    let Ok(port) = digits.parse() else { return (text, None) };
    if let Some(inner) = head.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && !inner.is_empty()
    {
        return (inner, Some(port));
    }
    // The part before must have no colon outside of complete brackets.
    let mut rest = head;
    while let Some(at) = rest.find([':', '[', ']']) {
        match rest[at..].strip_prefix('[').and_then(|tail| tail.find(']').map(|close| &tail[close + 1..])) {
            Some(tail) => rest = tail,
            None => return (text, None),
        }
    }
    (head, Some(port))
}

/// The length of a range `[a:f]` or `[01:10:2]` at the start of a text.
fn range_len(text: &str, digit: fn(&u8) -> bool, letters: bool) -> Option<usize> {
    let close = text.find(']')?;
    let inner = text.strip_prefix('[')?.get(..close - 1)?;
    let mut parts = inner.split(':');
    let (from, to, step) = (parts.next()?, parts.next()?, parts.next());
    let number = |part: &str| !part.is_empty() && part.as_bytes().iter().all(digit);
    let letter = |part: &str| part.len() == 1 && part.as_bytes()[0].is_ascii_alphabetic();
    let good = (number(from) && number(to)) || (letters && letter(from) && letter(to));
    let step = step.is_none_or(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()));
    (good && step && parts.next().is_none()).then_some(close + 1)
}

fn is_name(text: &str) -> bool {
    let mut rest = text;
    let mut start = true; // of a label
    let mut last = '.';
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '[' => match range_len(rest, u8::is_ascii_digit, true) {
                Some(len) => len,
                None => return false,
            },
            '.' if !start && !matches!(last, '-' | '_') => 1,
            '-' if !start => 1,
            c if c.is_alphanumeric() || c == '_' => c.len_utf8(),
            _ => return false,
        };
        start = c == '.';
        last = c;
        rest = &rest[len..];
    }
    !start && !matches!(last, '-' | '_')
}

fn is_ipv6(text: &str) -> bool {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        plain.push_str(&rest[..at]);
        let Some(len) = range_len(&rest[at..], u8::is_ascii_hexdigit, false) else { return false };
        plain.push('1');
        rest = &rest[at + len..];
    }
    plain.push_str(rest);
    plain.parse::<Ipv6Addr>().is_ok()
}

/// The hosts that an entry of an inventory stands for, and their port.
pub(crate) fn expand_entry(entry: &str) -> Result<(Vec<String>, Option<u32>), Refused> {
    let (pattern, port) = parse(entry).unwrap_or((entry, None));
    let mut out = Vec::new();
    expand(pattern, &mut out)?;
    Ok((out, port))
}

fn expand(text: &str, out: &mut Vec<String>) -> Result<(), Refused> {
    let bad = |reason: &str| {
        Err(Refused::new(format!("the range in `{text}` is not valid: {reason}"))
            .hint("write it as `web[01:10]` or `db[a:f]`"))
    };
    let Some(open) = text.find('[') else {
        out.push(text.to_owned());
        return Ok(());
    };
    let Some(close) = text[open..].find(']').map(|at| open + at) else {
        return bad("its bracket is never closed");
    };
    let (head, inner, tail) = (&text[..open], &text[open + 1..close], &text[close + 1..]);
    let parts: Vec<&str> = inner.split(':').collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, "1"),
        [from, to, step] => (*from, *to, *step),
        _ => return bad("it must be begin:end or begin:end:step"),
    };
    let from = if from.is_empty() { "0" } else { from };
    if to.is_empty() {
        return bad("it has no end");
    }
    let Some(step) = step.parse::<usize>().ok().filter(|step| *step > 0) else {
        return bad("the step is no number");
    };
    let width = if from.len() > 1 && from.starts_with('0') { from.len() } else { 0 };
    if width > 0 && width != to.len() {
        return bad("its ends differ in length");
    }
    let letter = |part: &str| match part.as_bytes() {
        [b @ b'a'..=b'z'] => Some(b - b'a'),
        [b @ b'A'..=b'Z'] => Some(b - b'A' + 26),
        _ => None,
    };
    let mut items: Vec<String> = Vec::new();
    if let (Some(a), Some(b)) = (letter(from), letter(to)) {
        if a > b {
            return bad("it begins behind its end");
        }
        let name = |n: u8| char::from(if n < 26 { b'a' + n } else { b'A' + n - 26 }).to_string();
        items.extend((a..=b).step_by(step).map(name));
    } else {
        let (Ok(a), Ok(b)) = (from.parse::<u64>(), to.parse::<u64>()) else {
            return bad("its ends are no numbers");
        };
        if b.saturating_sub(a) / step as u64 > MAX_HOSTS as u64 {
            return bad("it stands for too many hosts");
        }
        items.extend((a..=b).step_by(step).map(|n| format!("{n:0width$}")));
    }
    for item in items {
        if out.len() > MAX_HOSTS {
            return bad("it stands for too many hosts");
        }
        expand(&format!("{head}{item}{tail}"), out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(parse("host"), Some(("host", None)));
        assert_eq!(parse("host:22"), Some(("host", Some(22))));
        assert_eq!(parse("a-b.c_d.e:2222"), Some(("a-b.c_d.e", Some(2222))));
        assert_eq!(parse("192.0.2.3:22"), Some(("192.0.2.3", Some(22))));
        assert_eq!(parse("[::1]:22"), Some(("::1", Some(22))));
        assert_eq!(parse("::1"), Some(("::1", None)));
        assert_eq!(parse("2001:db8::[1:ff]"), Some(("2001:db8::[1:ff]", None)));
        assert_eq!(parse("web[01:10].x:22"), Some(("web[01:10].x", Some(22))));
        assert_eq!(parse("[a:c]"), Some(("[a:c]", None)));
        assert_eq!(parse("bücher"), Some(("bücher", None)));
        for bad in ["", "a b", "-a", "a-", "web*", "a:b", "web:&prod", "web[1]", "web[1:2", "a..b", ".a"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    fn hosts(entry: &str) -> Vec<String> {
        expand_entry(entry).unwrap().0
    }

    #[test]
    fn ranges() {
        assert_eq!(hosts("web[1:3]"), ["web1", "web2", "web3"]);
        assert_eq!(hosts("web[08:10]"), ["web08", "web09", "web10"]);
        assert_eq!(hosts("db[a:c].x"), ["dba.x", "dbb.x", "dbc.x"]);
        assert_eq!(hosts("w[1:5:2]"), ["w1", "w3", "w5"]);
        assert_eq!(hosts("w[:2]"), ["w0", "w1", "w2"]);
        assert_eq!(hosts("r[1:2]n[a:b]"), ["r1na", "r1nb", "r2na", "r2nb"]);
        assert_eq!(hosts("w[y:B]"), ["wy", "wz", "wA", "wB"]);
        assert_eq!(expand_entry("w[1:2]:2222").unwrap(), (vec!["w1".into(), "w2".into()], Some(2222)));
        for bad in [
            "w[1:]",
            "w[1]",
            "w[01:100]",
            "w[c:a]",
            "w[1:2:0]",
            "w[1:2:3:4]",
            "w[x1:2]",
            "w[1:",
            "w[1:99999999999]",
        ] {
            assert!(expand_entry(bad).is_err(), "{bad}");
        }
    }
}
