//! Paths and addresses of things.

use super::Filter;
use super::texts::percent_decode;
use crate::template::eval::Interp;
use crate::template::eval::val::{Entries, R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::Key;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("basename", &[], |_, b| {
        let text = path(b)?;
        Ok(Val::from(text.rsplit('/').next().unwrap_or_default()))
    }),
    Filter::new("dirname", &[], |_, b| Ok(Val::from(dirname(path(b)?)))),
    Filter::new("expanduser", &[], |_, b| Ok(Val::from(expand_user(path(b)?)))),
    Filter::new("expandvars", &[], |_, b| Ok(Val::from(expand_vars(path(b)?)))),
    Filter::new("realpath", &[], |it, b| {
        let text = b.text(it)?;
        Ok(Val::from(real_path(&text)))
    }),
    Filter::new("relpath", &["start"], |it, b| {
        let (path, start) = (b.text(it)?, b.str_or(it, 0, ".")?);
        Ok(Val::from(relative(&path, &start)))
    }),
    Filter::new("normpath", &[], |_, b| Ok(Val::from(normal(path(b)?)))),
    Filter::new("splitext", &[], |it, b| {
        let text = b.text(it)?;
        let (root, ext) = split_ext(&text);
        Ok(Val::tuple(vec![Val::from(root), Val::from(ext)]))
    }),
    Filter::new("path_join", &["*"], |it, b| {
        let mut parts = Vec::new();
        if b.value.is_seq() {
            for part in it.items(&b.value)? {
                parts.push(it.str(&part)?);
            }
        } else if let Some(text) = b.value.as_str() {
            parts.push(text.to_owned());
        } else {
            return Err(failed(format!(
                "|path_join expects string or sequence, got <class '{}'> instead.",
                b.value.type_name()
            )));
        }
        if parts.is_empty() {
            return Err(failed("join() missing 1 required positional argument: 'a'"));
        }
        Ok(Val::from(join(&parts)))
    }),
    Filter::new("commonpath", &[], |it, b| {
        if !b.value.is_seq() {
            return Err(failed("|commonpath expects sequence, got invalid type"));
        }
        let mut paths = Vec::new();
        for path in it.items(&b.value)? {
            paths.push(it.str(&path)?);
        }
        common(&paths).map(Val::from)
    }),
    Filter::new("win_basename", &[], |it, b| {
        let text = b.text(it)?;
        Ok(Val::from(text.rsplit(['\\', '/']).next().unwrap_or_default()))
    }),
    Filter::new("win_dirname", &[], |it, b| {
        let text = b.text(it)?;
        let (drive, path) = split_drive(&text);
        let head = path.rfind(['\\', '/']).map_or("", |at| &path[..=at]);
        let trimmed = head.trim_end_matches(['\\', '/']);
        let head = if trimmed.is_empty() { head } else { trimmed };
        Ok(Val::from(format!("{drive}{head}")))
    }),
    Filter::new("win_splitdrive", &[], |it, b| {
        let text = b.text(it)?;
        let (drive, path) = split_drive(&text);
        Ok(Val::tuple(vec![Val::from(drive), Val::from(path)]))
    }),
    Filter::new("fileglob", &[], |it, b| {
        let pattern = b.text(it)?;
        Ok(Val::strs(crate::template::lookups::glob(&pattern)))
    }),
    Filter::apart("urlsplit", &["query"], urlsplit),
];

/// A path has to be a text.
pub(crate) fn path(b: &Bound) -> R<&str> {
    b.value.as_str().ok_or_else(|| {
        let kind = b.value.type_name();
        failed(format!("expected str, bytes or os.PathLike object, not {kind}"))
    })
}

fn dirname(path: &str) -> String {
    let head = path.rfind('/').map_or("", |at| &path[..=at]);
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head.to_owned() } else { trimmed.to_owned() }
}

/// `~` and `~name` at the start.
pub(crate) fn expand_user(path: &str) -> String {
    let Some(rest) = path.strip_prefix('~') else { return path.to_owned() };
    let (user, tail) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let home = if user.is_empty() {
        std::env::var("HOME").ok()
    } else {
        std::fs::read_to_string("/etc/passwd").ok().and_then(|passwd| {
            passwd
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|fields| fields.first() == Some(&user))
                .and_then(|fields| fields.get(5).map(|home| (*home).to_owned()))
        })
    };
    home.map_or_else(|| path.to_owned(), |home| format!("{}{tail}", home.trim_end_matches('/')))
}

/// `$NAME` and `${NAME}`.
pub(crate) fn expand_vars(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let (name, used) = if let Some(inner) = tail.strip_prefix('{') {
            match inner.find('}') {
                Some(end) => (&inner[..end], end + 2),
                None => ("", 0),
            }
        } else {
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
            (&tail[..end], end)
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ => {
                out.push('$');
                out.push_str(&tail[..used]);
            }
        }
        rest = &tail[used..];
    }
    out + rest
}

/// Python's `normpath`.
fn normal(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let slashes = path.len() - path.trim_start_matches('/').len();
    let start = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if !start.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{start}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normal(path);
    }
    let here = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_else(|_| "/".to_owned());
    normal(&format!("{here}/{path}"))
}

fn real_path(path: &str) -> String {
    let path = absolute(path);
    // The longest part that exists is resolved; the rest is kept.
    let mut head = std::path::PathBuf::from(&path);
    let mut tail = Vec::new();
    loop {
        if let Ok(real) = head.canonicalize() {
            let mut out = real;
            out.extend(tail.iter().rev());
            return out.display().to_string();
        }
        let Some(name) = head.file_name().map(std::ffi::OsStr::to_owned) else { return path };
        tail.push(name);
        if !head.pop() {
            return path;
        }
    }
}

fn relative(path: &str, start: &str) -> String {
    let (path, start) = (absolute(path), absolute(start));
    let split = |text: &str| text.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (split(&path), split(&start));
    let shared = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let mut parts = vec!["..".to_owned(); start.len() - shared];
    parts.extend_from_slice(&path[shared..]);
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn split_ext(path: &str) -> (&str, &str) {
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let name = &path[name_at..];
    let leading = name.len() - name.trim_start_matches('.').len();
    match name[leading..].rfind('.') {
        Some(at) => path.split_at(name_at + leading + at),
        None => (path, ""),
    }
}

fn join(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        if part.starts_with('/') || out.is_empty() {
            out.clone_from(part);
        } else {
            if !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(part);
        }
    }
    out
}

fn common(paths: &[String]) -> R<String> {
    let Some(first) = paths.first() else { return Err(failed("commonpath() arg is an empty sequence")) };
    let absolute = first.starts_with('/');
    if paths.iter().any(|p| p.starts_with('/') != absolute) {
        return Err(failed("Can't mix absolute and relative paths"));
    }
    let split =
        |p: &str| p.split('/').filter(|c| !c.is_empty() && *c != ".").map(str::to_owned).collect::<Vec<_>>();
    let mut shared = split(first);
    for path in &paths[1..] {
        let same = shared.iter().zip(split(path)).take_while(|(a, b)| **a == *b).count();
        shared.truncate(same);
    }
    Ok(format!("{}{}", if absolute { "/" } else { "" }, shared.join("/")))
}

fn split_drive(path: &str) -> (&str, &str) {
    let sep = |c: char| c == '\\' || c == '/';
    if path.starts_with(sep) && path[1..].starts_with(sep) {
        // The drive of `\\host\share\folder` is its host and share.
        let after = |from: usize| path.get(from..).and_then(|t| t.find(sep)).map(|at| from + at);
        return match after(2).and_then(|host| after(host + 1)) {
            Some(end) => path.split_at(end),
            None => (path, ""),
        };
    }
    if path.get(1..2) == Some(":") { path.split_at(2) } else { ("", path) }
}

fn urlsplit(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let url = b.text(it)?;
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, tail))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
        {
            (scheme.to_ascii_lowercase(), tail)
        }
        _ => (String::new(), rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(tail) => tail.find('/').map_or((tail, ""), |at| tail.split_at(at)),
        None => ("", rest),
    };
    let (user_info, host_port) = netloc.rsplit_once('@').map_or((None, netloc), |(u, h)| (Some(u), h));
    let (username, password) = match user_info {
        None => (Val::None, Val::None),
        Some(info) => match info.split_once(':') {
            Some((user, password)) => (Val::from(percent_decode(user)), Val::from(percent_decode(password))),
            None => (Val::from(info), Val::None),
        },
    };
    let (host, port) = match host_port.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((host, tail)) => (host, tail.strip_prefix(':')),
        None => host_port.split_once(':').map_or((host_port, None), |(h, p)| (h, Some(p))),
    };
    let port = match port {
        None | Some("") => Val::None,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => match port.parse::<u16>() {
            Ok(port) => Val::Int(i64::from(port)),
            Err(_) => return Err(failed("Port out of range 0-65535")),
        },
        Some(port) => {
            return Err(failed(format!("Port could not be cast to integer value as '{port}'")));
        }
    };
    let hostname = if host.is_empty() { Val::None } else { Val::from(host.to_ascii_lowercase()) };
    let mut out = Entries::new();
    for (name, value) in [
        ("fragment", Val::from(fragment)),
        ("hostname", hostname),
        ("netloc", Val::from(netloc)),
        ("password", password),
        ("path", Val::from(path)),
        ("port", port),
        ("query", Val::from(query)),
        ("scheme", Val::from(scheme)),
        ("username", username),
    ] {
        out.insert(Key::from(name), value);
    }
    match b.str(it, 0)? {
        None => Ok(Val::dict(out)),
        Some(part) if part.is_empty() => Ok(Val::dict(out)),
        Some(part) => match out.get(part.as_str()) {
            Some(value) => Ok(value.clone()),
            None => Err(failed(format!("urlsplit: unknown URL component: {part}"))),
        },
    }
}
