//! Services that are scripts in `/etc/init.d`.

use crate::system::Observe;
use std::path::Path;

/// Whether there is a script of that name.
pub fn exists(sys: &dyn Observe, name: &str) -> bool {
    let path = format!("/etc/init.d/{name}");
    sys.stat(Path::new(&path)).is_ok_and(|m| m.is_some_and(|m| m.mode & 0o111 != 0))
}

/// Whether a run level starts it.
pub fn is_enabled(sys: &dyn Observe, name: &str) -> bool {
    (0..7).any(|level| {
        let names = sys.read_dir(Path::new(&format!("/etc/rc{level}.d"))).unwrap_or_default();
        names.iter().any(|n| starts(n, name))
    })
}

/// `S01name` starts `name`.
fn starts(link: &str, name: &str) -> bool {
    let Some(rest) = link.strip_prefix('S') else { return false };
    let digits = rest.bytes().take(2).filter(u8::is_ascii_digit).count();
    digits == 2 && rest.get(2..) == Some(name)
}
