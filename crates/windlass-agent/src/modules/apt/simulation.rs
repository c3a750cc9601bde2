//! What `apt-get --simulate` says it would do.

use windlass_protocol::{Change, Op, What};

/// The steps that are announced in lines such as `Inst name [old] (new Origin [arch])`.
pub fn steps(text: &str) -> Vec<What> {
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((verb, rest)) = line.split_once(' ') else { continue };
        let name = rest.split_whitespace().next().unwrap_or("").to_owned();
        let between = |open: char, close: char| {
            let (_, after) = rest.split_once(open)?;
            after.split(close).next().map(str::to_owned)
        };
        // `[old]` comes before `(new ...)`, which has brackets of its own.
        let before = match rest.find('(') {
            Some(at) => rest[..at].split_once('[').and_then(|(_, r)| r.split(']').next()).map(str::to_owned),
            None => between('[', ']'),
        };
        let after = between('(', ')').and_then(|t| t.split(' ').next().map(str::to_owned));
        let action = match (verb, &before) {
            ("Inst", None) => "install",
            ("Inst", Some(_)) => "upgrade",
            ("Remv", _) => "remove",
            ("Purg", _) => "purge",
            _ => continue,
        };
        let after = if verb == "Inst" { after } else { None };
        out.push(What::Package { name, action: action.to_owned(), before, after });
    }
    out
}

/// Whether nothing would be done.
pub fn is_nothing(text: &str) -> bool {
    steps(text).is_empty()
}

/// The list of packages as `--diff` shows it: from the first announcement to the line that counts.
pub fn announcement(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().rposition(|l| *l == "Reading state information...").map_or(0, |at| at + 1);
    let counts = |l: &&str| l.starts_with(|c: char| c.is_ascii_digit()) && l.contains("upgraded, ");
    let end = lines.iter().position(counts).map_or(lines.len(), |at| at + 1);
    lines.get(start..end.max(start)).unwrap_or_default().join("\n")
}

/// One operation that does all steps: it belongs to the first of them.
pub fn changes(steps: Vec<What>, op: Op) -> Vec<Change> {
    let mut op = Some(op);
    steps.into_iter().map(|what| Change::new(what, op.take().unwrap_or(Op::Nothing))).collect()
}

/// What apt-get's complaint about a package means.
pub fn complaint(said: &str, specs: &[String]) -> Option<String> {
    let quoted = |line: &str, before: &str| -> Option<String> {
        Some(line.split_once(before)?.1.trim().trim_matches('\'').trim_matches('"').to_owned())
    };
    for line in said.lines() {
        if let Some(name) = quoted(line, "Unable to locate package ") {
            return Some(format!("No package matching '{name}' is available"));
        }
        if line.contains("couldn't find any package by ") {
            let name = line.rsplit(['\'', '"']).nth(1).unwrap_or("");
            return Some(format!("No package matching '{name}' is available"));
        }
        if line.contains("has no installation candidate") {
            let name = line.split('\'').nth(1).unwrap_or("");
            return Some(format!("No package matching '{name}' is available"));
        }
        if line.contains("was not found") && line.contains("Version '") {
            let name = line.split('\'').nth(3).unwrap_or("");
            let spec = specs.iter().find(|s| s.split('=').next() == Some(name));
            return Some(format!("no available installation candidate for {}", spec.map_or(name, |s| s)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Reading package lists...\nReading state information...\nThe following NEW packages will be installed:\n  cowsay\n1 upgraded, 1 newly installed, 1 to remove and 2 not upgraded.\nInst cowsay (3.03 Debian:12/oldstable [all])\nInst curl [7.88.1-10] (7.88.1-11 Debian [amd64])\nRemv tree [2.1]\nConf cowsay (3.03 Debian [all])\n";

    #[test]
    fn the_announced_steps() {
        let package = |name: &str, action: &str, before: Option<&str>, after: Option<&str>| What::Package {
            name: name.into(),
            action: action.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        assert_eq!(
            steps(TEXT),
            [
                package("cowsay", "install", None, Some("3.03")),
                package("curl", "upgrade", Some("7.88.1-10"), Some("7.88.1-11")),
                package("tree", "remove", Some("2.1"), None),
            ]
        );
        assert!(announcement(TEXT).starts_with("The following NEW"));
        assert!(announcement(TEXT).ends_with("not upgraded."));
    }

    #[test]
    fn complaints_name_the_package() {
        let specs = ["cowsay=9".to_owned()];
        let say = |text: &str| complaint(text, &specs).unwrap_or_default();
        assert_eq!(say("E: Unable to locate package nix"), "No package matching 'nix' is available");
        assert_eq!(
            say("E: Version '9' for 'cowsay' was not found"),
            "no available installation candidate for cowsay=9"
        );
        assert_eq!(
            say("E: Package 'x' has no installation candidate"),
            "No package matching 'x' is available"
        );
    }
}
