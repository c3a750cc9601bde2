//! Property strings, `name=eth0,bridge=vmbr0,ip=dhcp`: the form in which a guest's configuration has everything that
//! is more than one value.

use std::fmt;

/// The parts of a property string, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<Part>);

/// `key=value`, or a value alone, whose key is the default one of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    key: Option<String>,
    value: String,
}

impl Properties {
    /// Takes a text apart. A part without `=` is the value of the default key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| match part.split_once('=') {
                    Some((key, value)) => {
                        Part { key: Some(key.trim().to_owned()), value: value.trim().to_owned() }
                    }
                    None => Part { key: None, value: part.to_owned() },
                })
                .collect(),
        )
    }

    /// The value of a key. The first part without a key has the key `default`.
    #[must_use]
    pub fn get(&self, key: &str, default: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|part| part.key.as_deref().unwrap_or(default) == key)
            .map(|part| part.value.as_str())
    }

    /// The value that stands alone.
    #[must_use]
    pub fn bare(&self) -> Option<&str> {
        self.0.iter().find(|part| part.key.is_none()).map(|part| part.value.as_str())
    }

    /// Adds a key at the end, or gives it another value.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|part| part.key.as_deref() == Some(key)) {
            Some(part) => value.clone_into(&mut part.value),
            None => self.0.push(Part { key: Some(key.to_owned()), value: value.to_owned() }),
        }
    }

    /// Takes a key away.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|part| part.key.as_deref() == Some(key))?;
        Some(self.0.remove(at).value)
    }

    /// Keys and values; the key of a value that stands alone is `default`.
    pub fn iter<'a>(&'a self, default: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().map(move |part| (part.key.as_deref().unwrap_or(default), part.value.as_str()))
    }

    /// Whether everything in here is in another one too. What that one has beyond it was added by the server, as the
    /// `hwaddr` of an interface is: it is no difference.
    #[must_use]
    pub fn within(&self, other: &Self, default: &str) -> bool {
        self.iter(default)
            .all(|(key, value)| other.get(key, default).is_some_and(|found| same_value(key, value, found)))
    }
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            if let Some(key) = &part.key {
                write!(f, "{key}=")?;
            }
            f.write_str(&part.value)?;
        }
        Ok(())
    }
}

/// Whether two values of a key mean the same.
fn same_value(key: &str, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match key {
        "size" => size(a).is_some_and(|size_a| Some(size_a) == size(b)),
        "hwaddr" | "macaddr" | "virtio" | "e1000" | "rtl8139" | "vmxnet3" => a.eq_ignore_ascii_case(b),
        // A list in a property has semicolons, in any order.
        "mount" | "trunks" | "mountoptions" => sorted(a) == sorted(b),
        "mp" => a.trim_end_matches('/') == b.trim_end_matches('/'),
        _ => flag(a).is_some_and(|flag_a| Some(flag_a) == flag(b)),
    }
}

fn sorted(list: &str) -> Vec<&str> {
    let mut out: Vec<&str> = list.split(';').map(str::trim).filter(|item| !item.is_empty()).collect();
    out.sort_unstable();
    out
}

/// A boolean as the API takes it.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// The bytes that a size means: `8G`, `512M`, `0.5G`, `8` (GiB).
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "G"),
    };
    let unit: u64 = match unit.to_ascii_uppercase().as_str() {
        "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    // Sizes are far below what a float can tell apart, and not negative.
    (number >= 0.0 && number.is_finite()).then(|| (number * unit as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(want: &str, have: &str, default: &str) -> bool {
        Properties::parse(want).within(&Properties::parse(have), default)
    }

    #[test]
    fn what_the_server_added_is_no_difference() {
        let have =
            "name=eth0,bridge=vmbr0,firewall=1,gw=10.0.0.1,hwaddr=BC:24:11:AA:BB:CC,ip=10.0.0.5/24,type=veth";
        assert!(within("name=eth0,bridge=vmbr0,ip=10.0.0.5/24,gw=10.0.0.1,firewall=1", have, "name"));
        assert!(within("name=eth0,hwaddr=bc:24:11:aa:bb:cc", have, "name"));
        assert!(within("firewall=on", have, "name"));
        assert!(!within("name=eth0,ip=10.0.0.6/24", have, "name"), "another address");
        assert!(!within("name=eth0,tag=5", have, "name"), "a key that is not there");
    }

    #[test]
    fn parts_keep_their_order() {
        let mut text = Properties::parse("local-lvm:vm-1-disk-0, size=8G");
        assert_eq!(text.bare(), Some("local-lvm:vm-1-disk-0"));
        assert_eq!(text.get("volume", "volume"), Some("local-lvm:vm-1-disk-0"));
        text.set("acl", "1");
        text.set("size", "9G");
        assert_eq!(text.to_string(), "local-lvm:vm-1-disk-0,size=9G,acl=1");
        assert_eq!(text.take("acl").as_deref(), Some("1"));
        assert_eq!(text.to_string(), "local-lvm:vm-1-disk-0,size=9G");
    }

    #[test]
    fn lists_and_sizes_and_paths() {
        assert!(within("nesting=1,mount=nfs;cifs", "mount=cifs;nfs,nesting=1", ""));
        assert!(within("size=8192M", "x:y,size=8G", "volume"));
        assert!(within("mp=/srv/", "x:y,mp=/srv", "volume"));
        assert!(!within("mp=/srv/a", "x:y,mp=/srv", "volume"));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("8"), size("8G"));
        assert_eq!(size("0.5G"), size("512M"));
        assert_eq!(size("1T"), Some(1 << 40));
        assert_eq!(size("many"), None);
        assert_eq!(size("-1G"), None);
    }
}
