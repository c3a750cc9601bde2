//! What dpkg has installed, from its status file, and how Debian versions compare.

use crate::system::Observe;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;

/// One package of dpkg's status file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub architecture: String,
    pub version: String,
    pub section: String,
    pub installed: bool,
    /// Removed, but its configuration files are still there.
    pub config_files: bool,
}

/// The status file.
#[derive(Debug, Default)]
pub struct Status {
    packages: HashMap<String, Vec<Package>>,
    order: Vec<String>,
    native: String,
}

impl Status {
    /// Reads `/var/lib/dpkg/status`; empty if there is none.
    pub fn read(sys: &dyn Observe) -> Self {
        let bytes = sys.read(Path::new("/var/lib/dpkg/status")).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    pub fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for paragraph in text.split("\n\n") {
            let field = |name: &str| {
                paragraph.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':').map(str::trim))
            };
            let Some(name) = field("Package") else { continue };
            let words: Vec<&str> = field("Status").unwrap_or("").split(' ').collect();
            let package = Package {
                name: name.to_owned(),
                architecture: field("Architecture").unwrap_or("").to_owned(),
                version: field("Version").unwrap_or("").to_owned(),
                section: field("Section").unwrap_or("").to_owned(),
                installed: words.get(1) == Some(&"ok") && words.get(2) == Some(&"installed"),
                config_files: words.get(2) == Some(&"config-files"),
            };
            if name == "dpkg" {
                status.native = package.architecture.clone();
            }
            let known = status.packages.entry(name.to_owned()).or_default();
            if known.is_empty() {
                status.order.push(name.to_owned());
            }
            known.push(package);
        }
        status
    }

    /// A package by `name` or `name:architecture`; without an architecture the host's own goes first.
    pub fn get(&self, name: &str) -> Option<&Package> {
        let (name, architecture) = name.split_once(':').map_or((name, None), |(n, a)| (n, Some(a)));
        let all = self.packages.get(name)?;
        let native = |p: &&Package| p.architecture == self.native || p.architecture == "all";
        match architecture {
            Some("any") => all.iter().find(|p| p.installed).or(all.first()),
            Some("native") => all.iter().find(native),
            Some(architecture) => all.iter().find(|p| p.architecture == architecture),
            None => all
                .iter()
                .find(|p| native(p) && p.installed)
                .or_else(|| all.iter().find(native))
                .or(all.first()),
        }
    }

    /// All packages, in the file's order.
    pub fn all(&self) -> impl Iterator<Item = &Package> {
        self.order.iter().filter_map(|n| self.packages.get(n)).flatten()
    }
}

/// Debian's order of versions: epoch, upstream part, revision.
pub fn compare(a: &str, b: &str) -> Ordering {
    fn parts(version: &str) -> (u64, &str, &str) {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse().unwrap_or(0), upstream, revision)
    }
    let (a, b) = (parts(a.trim()), parts(b.trim()));
    a.0.cmp(&b.0).then_with(|| compare_part(a.1, b.1)).then_with(|| compare_part(a.2, b.2))
}

fn compare_part(a: &str, b: &str) -> Ordering {
    // `~` comes before the end, the end before letters, letters before the rest.
    fn weight(c: Option<u8>) -> i32 {
        match c {
            None => 0,
            Some(c) if c.is_ascii_digit() => 0,
            Some(b'~') => -1,
            Some(c) if c.is_ascii_alphabetic() => i32::from(c),
            Some(c) => i32::from(c) + 256,
        }
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let text = |s: &[u8]| s.first().is_some_and(|c| !c.is_ascii_digit());
        while text(a) || text(b) {
            match weight(a.first().copied()).cmp(&weight(b.first().copied())) {
                Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                other => return other,
            }
        }
        let number = |s: &mut &[u8]| -> Vec<u8> {
            let end = s.iter().position(|c| !c.is_ascii_digit()).unwrap_or(s.len());
            let digits = s[..end].iter().copied().skip_while(|c| *c == b'0').collect();
            *s = &s[end..];
            digits
        };
        let (x, y) = (number(&mut a), number(&mut b));
        match x.len().cmp(&y.len()).then_with(|| x.cmp(&y)) {
            Ordering::Equal if a.is_empty() && b.is_empty() => return Ordering::Equal,
            Ordering::Equal => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let ordered =
            ["0", "1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-2", "1.0a", "1.2", "1.10", "2.0~", "2.0", "1:0.1"];
        for pair in ordered.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.00", "1.0"), Ordering::Equal);
        assert_eq!(compare("0:1.0", "1.0"), Ordering::Equal);
    }

    #[test]
    fn the_status_file() {
        let status = Status::parse(
            "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\n\
             Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 2\nDescription: x\n Package: no\n\n\
             Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 3\n\n\
             Package: libc6\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 4\n",
        );
        assert_eq!(status.get("libc6").unwrap().version, "4");
        assert_eq!(status.get("libc6:i386").unwrap().version, "3");
        assert!(status.get("old").unwrap().config_files && !status.get("old").unwrap().installed);
        assert!(status.get("no").is_none());
        assert_eq!(status.all().count(), 4);
    }
}
