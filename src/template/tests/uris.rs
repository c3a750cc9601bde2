//! URIs.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::R;
use crate::template::plugin::Bound;

pub(super) const TESTS: &[Test] = &[
    Test::new("uri", &["schemes"], |it, b| uri(it, b, false)),
    Test::new("url", &["schemes"], |it, b| uri(it, b, true)),
    Test::new("urn", &[], |it, b| Ok(b.text(it)?.to_ascii_lowercase().starts_with("urn:"))),
];

fn uri(it: &mut Interp<'_>, b: &mut Bound, needs_host: bool) -> R<bool> {
    let text = b.text(it)?;
    if text.is_empty() && !needs_host && b.get(0).is_none() {
        return Ok(true);
    }
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(false) };
    let good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !good {
        return Ok(false);
    }
    if let Some(schemes) = b.get(0).cloned() {
        let mut allowed = false;
        for wanted in it.items(&schemes)? {
            allowed |= it.str(&wanted)?.eq_ignore_ascii_case(scheme);
        }
        if !allowed {
            return Ok(false);
        }
    }
    if !needs_host {
        return Ok(true);
    }
    let Some(rest) = rest.strip_prefix("//") else { return Ok(false) };
    Ok(!rest.split(['/', '?', '#']).next().unwrap_or_default().is_empty())
}
