//! The little of a certificate that has to be read here: who issued it, and from when to when it is good.

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// Issuer and subject are the same.
    pub(super) self_issued: bool,
    /// Seconds since the epoch.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

/// Reads the outer parts of a certificate in DER.
pub(super) fn read(der: &[u8]) -> Option<Summary> {
    let (0x30, certificate, _) = element(der)? else { return None };
    let (0x30, mut body, _) = element(certificate)? else { return None };
    if body.first() == Some(&0xa0) {
        body = element(body)?.2;
    }
    // Serial number and signature algorithm.
    body = element(body)?.2;
    body = element(body)?.2;
    let (_, issuer, body) = element(body)?;
    let (_, validity, body) = element(body)?;
    let (_, subject, _) = element(body)?;
    let (first_tag, first, rest) = element(validity)?;
    let (second_tag, second, _) = element(rest)?;
    Some(Summary {
        self_issued: issuer == subject,
        not_before: time(first_tag, first)?,
        not_after: time(second_tag, second)?,
    })
}

/// Tag, content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        (digits.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)), rest)
    };
    if rest.len() < length {
        return None;
    }
    let (content, rest) = rest.split_at(length);
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.is_ascii() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        0x17 if text.len() == 12 => {
            let year: i64 = text[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        0x18 if text.len() == 14 => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |index: usize| rest[index * 2..index * 2 + 2].parse::<i64>().ok();
    let (month, day) = (part(0)?, part(1)?);
    // Days since the epoch, counted in years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + part(2)? * 3600 + part(3)? * 60 + part(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(time(0x17, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(0x18, b"20500101000000Z"), Some(2_524_608_000));
        assert_eq!(time(0x18, b"20240229120001Z"), Some(1_709_208_001));
        assert_eq!(time(0x17, b"7001010000Z"), None);
    }

    #[test]
    fn rubbish_is_no_certificate() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80", b"\x30\x02\x30\x00"] {
            assert_eq!(read(bytes), None);
        }
    }
}
