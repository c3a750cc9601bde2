//! The `### tuple ###` lines in which ufw keeps its rules.

use crate::system::Observe;
use std::path::Path;

const FILES: &[&str] = &[
    "/lib/ufw/user.rules",
    "/lib/ufw/user6.rules",
    "/etc/ufw/user.rules",
    "/etc/ufw/user6.rules",
    "/var/lib/ufw/user.rules",
    "/var/lib/ufw/user6.rules",
];

fn of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|l| l.starts_with("### tuple"))
}

/// The rules as they are.
pub fn current(sys: &dyn Observe) -> Vec<String> {
    let mut out = Vec::new();
    for file in FILES {
        let bytes = sys.read(Path::new(file)).unwrap_or_default();
        out.extend(of(&String::from_utf8_lossy(&bytes)).map(str::to_owned));
    }
    out
}

/// Whether a rule is one for IPv6: it has such an address.
fn is_v6(tuple: &str) -> bool {
    tuple.split_whitespace().any(|w| w.contains("::") || w.matches(':').count() > 1)
}

/// Whether the rules that a dry run shows are others than the current ones. It shows those of IPv4, of IPv6, or both.
pub fn differ(current: &[String], dry_run: &str) -> bool {
    let idle = |l: &str| l.starts_with("Skipping") || l.starts_with("Could not delete non-existent rule");
    let mut lines = dry_run.lines().map(str::trim).filter(|l| !l.is_empty()).peekable();
    if lines.peek().is_none() || lines.all(idle) {
        return false;
    }
    let planned: Vec<&str> = of(dry_run).collect();
    let families: &[bool] = match (dry_run.contains("### tuple"), shows(dry_run)) {
        (_, (true, true)) | (false, (false, false)) => &[false, true],
        (_, (true, false)) => &[false],
        (_, (false, true)) => &[true],
        (true, (false, false)) => &[false, true],
    };
    families.iter().any(|v6| {
        let now: Vec<&str> = current.iter().map(String::as_str).filter(|t| is_v6(t) == *v6).collect();
        let then: Vec<&str> = planned.iter().copied().filter(|t| is_v6(t) == *v6).collect();
        now != then
    })
}

/// Which families' rule files a dry run shows: their chains are named `ufw-user-...` and `ufw6-user-...`.
fn shows(text: &str) -> (bool, bool) {
    let chain = |prefix: &str| text.lines().any(|l| l.trim_start_matches(':').starts_with(prefix));
    (chain("ufw-user-"), chain("ufw6-user-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_families_that_are_shown_are_compared() {
        let v4 = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in";
        let v6 = "### tuple ### allow tcp 22 ::/0 any ::/0 in";
        let current = vec![v4.to_owned(), v6.to_owned()];
        let dry = |tuples: &[&str], chains: &[&str]| {
            let chains: Vec<String> = chains.iter().map(|c| format!(":{c}-user-input - [0:0]")).collect();
            format!(
                "*filter\n{}\n### RULES ###\n{}\nCOMMIT\nRules updated\n",
                chains.join("\n"),
                tuples.join("\n")
            )
        };
        assert!(!differ(&current, &dry(&[v4], &["ufw"])));
        assert!(differ(&current, &dry(&[], &["ufw"])));
        assert!(!differ(&current, &dry(&[v4, v6], &["ufw", "ufw6"])));
        assert!(differ(
            &current,
            &dry(&[v4, "### tuple ### deny any 1 0.0.0.0/0 any 0.0.0.0/0 in"], &["ufw"])
        ));
        assert!(!differ(&current, "Skipping adding existing rule\nSkipping adding existing rule (v6)\n"));
        assert!(!differ(
            &current,
            "Could not delete non-existent rule\nCould not delete non-existent rule (v6)\n"
        ));
    }
}
