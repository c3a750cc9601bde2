//! Whether anything matches a path pattern.

use crate::system::Observe;
use crate::text::Fnmatch;
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
    let pattern = Fnmatch::new(first);
    let folder = if base.is_empty() { "." } else { base };
    let names = sys.read_dir(Path::new(folder)).unwrap_or_default();
    let shown = |name: &String| !name.starts_with('.') || first.starts_with('.');
    names.into_iter().filter(shown).any(|name| pattern.matches(&name) && walk(sys, &join(&name), rest))
}

#[cfg(test)]
mod tests {
    use super::any_match;
    use crate::system::fake::Fake;

    #[test]
    fn patterns_are_those_of_python() {
        let fake = Fake::new();
        fake.file("/srv/a/x.conf", "");
        fake.file("/srv/.hidden", "");
        for pattern in ["/srv/a", "/srv/*/x.*", "/srv/**/x.conf", "/srv/a/[!y]**f", "/srv/.h*"] {
            assert!(any_match(&fake, pattern), "{pattern}");
        }
        for pattern in ["/srv/*h*", "/srv/a/[y]*", "/srv/[a", "/none/*"] {
            assert!(!any_match(&fake, pattern), "{pattern}");
        }
    }
}
