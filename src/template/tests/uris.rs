//! URIs.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::R;
use crate::template::plugin::Bound;

pub(super) const TESTS: &[Test] = &[
    // Nearly every text is one: what has no scheme may be relative.
    Test::new("uri", &["schemes"], |it, b| {
        let text = b.text(it)?;
        let Some(parts) = Parts::of(&text) else { return Ok(false) };
        allowed(it, b, &parts)
    }),
    Test::new("url", &["schemes"], |it, b| {
        let text = b.text(it)?;
        let Some(parts) = Parts::of(&text) else { return Ok(false) };
        Ok(!parts.host.is_empty() && allowed(it, b, &parts)?)
    }),
    Test::new("urn", &[], |it, b| {
        let text = b.text(it)?;
        Ok(Parts::of(&text).is_some_and(|p| p.scheme == "urn"))
    }),
];

/// What Python's `urlparse` finds.
struct Parts<'t> {
    scheme: String,
    host: &'t str,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let named = text.split_once(':').filter(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
        let (scheme, rest) = named.map_or((String::new(), text), |(s, r)| (s.to_ascii_lowercase(), r));
        let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let host = host.unwrap_or_default();
        // A bracket without its partner is the one mistake that is told.
        (host.contains('[') == host.contains(']')).then_some(Self { scheme, host })
    }
}

fn allowed(it: &mut Interp<'_>, b: &Bound, parts: &Parts<'_>) -> R<bool> {
    let Some(schemes) = b.get(0).cloned() else { return Ok(true) };
    let schemes = it.items(&schemes)?;
    for wanted in &schemes {
        if it.str(wanted)? == parts.scheme {
            return Ok(true);
        }
    }
    Ok(schemes.is_empty())
}
