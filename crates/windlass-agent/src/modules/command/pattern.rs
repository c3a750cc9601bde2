//! Whether anything matches a path pattern.

use crate::system::Observe;
use std::path::Path;

/// Whether a path exists (a dangling link counts), or, if it has `*`, `?` or `[`, anything matches it.
#[must_use]
pub fn any_match(sys: &dyn Observe, pattern: &str) -> bool {
    let (root, rest) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", pattern),
    };
    let parts: Vec<&str> = rest.split('/').filter(|p| !p.is_empty()).collect();
    walk(sys, root, &parts)
}

fn walk(sys: &dyn Observe, base: &str, parts: &[&str]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return !base.is_empty() };
    let join = |name: &str| match base {
        "" => name.to_owned(),
        _ if base.ends_with('/') => format!("{base}{name}"),
        _ => format!("{base}/{name}"),
    };
    if !first.contains(['*', '?', '[']) {
        let path = join(first);
        return sys.lstat(Path::new(&path)).is_ok_and(|m| m.is_some()) && walk(sys, &path, rest);
    }
    let Ok(pattern) = glob::Pattern::new(first) else { return false };
    let folder = if base.is_empty() { "." } else { base };
    let names = sys.read_dir(Path::new(folder)).unwrap_or_default();
    let shown = |name: &String| !name.starts_with('.') || first.starts_with('.');
    names.into_iter().filter(shown).any(|name| pattern.matches(&name) && walk(sys, &join(&name), rest))
}
