//! How the hosts of a play wait for one another.

/// `strategy:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All hosts do a task before any of them does the next one.
    #[default]
    Linear,
    /// Each host runs on by itself.
    Free,
    /// As `free`, and a host that has begun is not kept waiting by one that has not.
    HostPinned,
    /// As `linear`, and asks what to do where a task fails.
    Debug,
}

impl Strategy {
    /// The names there are.
    pub const NAMES: &'static [&'static str] = &["linear", "free", "host_pinned", "debug"];

    /// The strategy of a name, with or without its collection.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let short = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|c| name.strip_prefix(c));
        match short.unwrap_or(name) {
            "linear" => Some(Self::Linear),
            "free" => Some(Self::Free),
            "host_pinned" => Some(Self::HostPinned),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    /// Whether each host goes through the play by itself.
    #[must_use]
    pub fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::HostPinned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one() {
        for name in Strategy::NAMES {
            let found = Strategy::parse(name);
            assert!(found.is_some(), "{name}");
            assert_eq!(Strategy::parse(&format!("ansible.builtin.{name}")), found);
        }
        assert_eq!(Strategy::parse("mitogen.linear"), None);
    }
}
