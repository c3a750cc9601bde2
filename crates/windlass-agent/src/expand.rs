//! `~` and variables in path arguments.

use crate::system::Observe;
use windlass_protocol::{ArgKind, Json, JsonMap, ModuleSpec};

/// Expands variables, then `~`, in every argument that is a path or a list of paths.
pub fn expand_paths(spec: &ModuleSpec, args: &mut JsonMap, sys: &dyn Observe) {
    for field in spec.all_fields() {
        match (field.kind, args.get_mut(field.name)) {
            (ArgKind::Path, Some(Json::String(path))) => *path = expand(path, sys),
            (ArgKind::List(ArgKind::Path), Some(Json::Array(paths))) => {
                for path in paths {
                    if let Json::String(path) = path {
                        *path = expand(path, sys);
                    }
                }
            }
            _ => {}
        }
    }
}

/// One path: `$NAME` and `${NAME}`, where there is such a variable, then `~` or `~user` at the beginning.
#[must_use]
pub fn expand(path: &str, sys: &dyn Observe) -> String {
    let path = variables(path, sys);
    let Some(rest) = path.strip_prefix('~') else { return path };
    let (name, tail) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let home = if name.is_empty() {
        sys.env("HOME").or_else(|| sys.user_by_id(sys.euid()).map(|user| user.home))
    } else {
        sys.user(name).map(|user| user.home)
    };
    match home {
        Some(home) => {
            let joined = format!("{}{tail}", home.trim_end_matches('/'));
            if joined.is_empty() { "/".to_owned() } else { joined }
        }
        None => path,
    }
}

fn variables(path: &str, sys: &dyn Observe) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|inner| inner.find('}').map(|e| (inner, e)))
        {
            Some((inner, end)) => (&inner[..end], end + 2),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match sys.env(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..at + 1 + end]),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::system::fake::Fake;

    #[test]
    fn variables_and_homes() {
        let fake = Fake::new();
        fake.set_env("APP", "nyx");
        fake.user_named("deploy", 1000, "/home/deploy");
        for (given, wanted) in [
            ("/srv/$APP/x", "/srv/nyx/x"),
            ("/srv/${APP}s", "/srv/nyxs"),
            ("/srv/$NONE/$", "/srv/$NONE/$"),
            ("~/x", "/root/x"),
            ("~", "/root"),
            ("~deploy/a~b", "/home/deploy/a~b"),
            ("~nobody-here/x", "~nobody-here/x"),
        ] {
            assert_eq!(expand(given, &fake), wanted);
        }
    }
}
