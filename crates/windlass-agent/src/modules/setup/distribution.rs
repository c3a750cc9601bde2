//! Which distribution it is.

use super::source::{Source, key_value};
use regex::Regex;
use std::path::Path;
use windlass_protocol::{Json, JsonMap};

/// Files that tell, in the order in which they are asked, and the name under which each is understood.
const FILES: &[(&str, &str)] = &[
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/vmware-release", "VMwareESX"),
    ("/etc/openwrt_release", "OpenWrt"),
    ("/etc/os-release", "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/arch-release", "Archlinux"),
    ("/etc/os-release", "Archlinux"),
    ("/etc/os-release", "SUSE"),
    ("/etc/SuSE-release", "SUSE"),
    ("/etc/os-release", "Debian"),
    ("/etc/lsb-release", "Debian"),
    ("/usr/lib/os-release", "ClearLinux"),
    ("/etc/os-release", "Flatcar"),
    ("/etc/os-release", "NA"),
];

const FAMILIES: &[(&str, &[&str])] = &[
    (
        "RedHat",
        &[
            "RedHat",
            "RHEL",
            "Fedora",
            "CentOS",
            "Scientific",
            "SLC",
            "Ascendos",
            "CloudLinux",
            "PSBM",
            "OracleLinux",
            "OVS",
            "OEL",
            "Amazon",
            "Amzn",
            "Virtuozzo",
            "XenServer",
            "Alibaba",
            "EulerOS",
            "openEuler",
            "AlmaLinux",
            "Rocky",
            "TencentOS",
            "EuroLinux",
            "Kylin Linux Advanced Server",
            "MIRACLE",
        ],
    ),
    (
        "Debian",
        &[
            "Debian",
            "Ubuntu",
            "Raspbian",
            "Neon",
            "KDE neon",
            "Linux Mint",
            "SteamOS",
            "Devuan",
            "Kali",
            "Cumulus Linux",
            "Pop!_OS",
            "Parrot",
            "Pardus GNU/Linux",
            "Uos",
            "Deepin",
            "OSMC",
            "Linux Mint Debian Edition",
        ],
    ),
    (
        "Suse",
        &[
            "SuSE",
            "SLES",
            "SLED",
            "openSUSE",
            "openSUSE Tumbleweed",
            "SLES_SAP",
            "SUSE_LINUX",
            "openSUSE Leap",
            "ALP-Dolomite",
            "SL-Micro",
            "openSUSE MicroOS",
        ],
    ),
    ("Archlinux", &["Archlinux", "Antergos", "Manjaro"]),
    ("Gentoo", &["Gentoo", "Funtoo"]),
    ("ClearLinux", &["Clear Linux OS", "Clear Linux Mix"]),
];

fn find(pattern: &str, text: &str) -> Option<String> {
    let found = Regex::new(pattern).ok()?.captures(text)?;
    found.get(1).map(|m| m.as_str().to_owned())
}

/// Name, version, release and family of the distribution.
pub fn distribution(source: &mut Source<'_>) -> JsonMap {
    let os =
        source.text("/etc/os-release").or_else(|| source.text("/usr/lib/os-release")).unwrap_or_default();
    let mut out = guess(source, &os);
    for (path, name) in FILES {
        if source.sys.stat(Path::new(path)).ok().flatten().is_none() {
            continue;
        }
        let content = source.text(path).unwrap_or_default();
        let may_be_empty = matches!(*path, "/etc/vmware-release" | "/etc/arch-release");
        if content.is_empty() && !may_be_empty {
            continue;
        }
        let mut set = |key: &str, value: String| {
            out.insert(key.to_owned(), Json::String(value));
        };
        if may_be_empty {
            set("distribution", (*name).into());
        } else {
            let Some(found) = parse(source, name, path, &content) else { continue };
            set("distribution", (*name).into());
            for (key, value) in found {
                set(key, value);
            }
            out.insert("distribution_file_parsed".into(), Json::Bool(true));
        }
        out.insert("distribution_file_path".into(), (*path).into());
        out.insert("distribution_file_variety".into(), (*name).into());
        break;
    }
    let name = out.get("distribution").and_then(Json::as_str).unwrap_or("").to_owned();
    let family = FAMILIES.iter().find(|(_, names)| names.contains(&name.as_str()));
    out.insert("os_family".into(), family.map_or(name.as_str(), |(f, _)| f).into());
    out
}

/// What `os-release` alone says.
fn guess(source: &Source<'_>, os: &str) -> JsonMap {
    let id = key_value(os, "ID").unwrap_or_default();
    let mut version = key_value(os, "VERSION_ID").unwrap_or_default();
    // These two say more elsewhere.
    if id == "debian" {
        let exact = source.text("/etc/debian_version").unwrap_or_default();
        if exact.starts_with(|c: char| c.is_ascii_digit()) {
            version = exact;
        }
    } else if id == "centos"
        && let Some(exact) = find(r"(\d+(?:\.\d+)+)", &source.text("/etc/centos-release").unwrap_or_default())
    {
        version = exact;
    }
    let mut name = id.chars();
    let name = match id.as_str() {
        "amzn" => "Amazon".into(),
        "rhel" => "Redhat".into(),
        "" => "OtherLinux".into(),
        _ => name.next().map(|c| c.to_uppercase().collect::<String>() + name.as_str()).unwrap_or_default(),
    };
    let release = key_value(os, "VERSION_CODENAME").or_else(|| key_value(os, "UBUNTU_CODENAME"));
    let release = release.or_else(|| find(r"\((\w+)\)", &key_value(os, "VERSION")?));
    let or_na = |text: String| if text.is_empty() { "NA".to_owned() } else { text };
    let major = or_na(version.split('.').next().unwrap_or("").to_owned());
    JsonMap::from_iter([
        ("distribution".to_owned(), or_na(name).into()),
        ("distribution_version".to_owned(), or_na(version).into()),
        ("distribution_release".to_owned(), or_na(release.unwrap_or_default()).into()),
        ("distribution_major_version".to_owned(), major.into()),
    ])
}

type Found = Vec<(&'static str, String)>;

/// What a file says when it is read as that distribution's; `None` if it is not that one's.
fn parse(source: &Source<'_>, name: &str, path: &str, text: &str) -> Option<Found> {
    let first_word = || text.split_whitespace().next().unwrap_or("").to_owned();
    let searched = |needle: &str| -> Found {
        if text.contains(needle) {
            vec![("distribution", name.to_owned()), ("distribution_file_search_string", needle.to_owned())]
        } else {
            vec![("distribution", first_word())]
        }
    };
    match name {
        "OracleLinux" => Some(searched("Oracle Linux")),
        "RedHat" => Some(searched("Red Hat")),
        "Altlinux" => Some(searched("ALT")),
        "Archlinux" => text.contains("Arch Linux").then(|| vec![("distribution", "Archlinux".to_owned())]),
        "Alpine" => Some(vec![("distribution_version", text.to_owned())]),
        "Slackware" => text.contains("Slackware").then(|| {
            find(r"(\w+[.]\w+\+?)", text).map(|v| ("distribution_version", v)).into_iter().collect()
        }),
        "CentOS" if text.contains("CentOS Stream") => Some(vec![("distribution_release", "Stream".into())]),
        "CentOS" if text.contains("TencentOS Server") => Some(vec![("distribution", "TencentOS".into())]),
        "OpenWrt" => text.contains("OpenWrt").then(|| {
            let version = key_value(text, "DISTRIB_RELEASE").map(|v| ("distribution_version", v));
            let release = key_value(text, "DISTRIB_CODENAME").map(|v| ("distribution_release", v));
            version.into_iter().chain(release).collect()
        }),
        "Amazon" => text.contains("Amazon").then(|| amazon(path, text)),
        "SUSE" => text.to_lowercase().contains("suse").then(|| suse(text)),
        "Debian" => debian(source, text),
        "ClearLinux" => {
            let full = key_value(text, "NAME").filter(|n| n.contains("Clear Linux"))?;
            let version = key_value(text, "VERSION_ID").unwrap_or_default();
            Some(vec![
                ("distribution", full),
                ("distribution_major_version", version.clone()),
                ("distribution_version", version),
            ])
        }
        "Flatcar" if key_value(text, "ID").as_deref() == Some("flatcar") => {
            let version = key_value(text, "VERSION").unwrap_or_default();
            let major = version.split('.').next().unwrap_or("").to_owned();
            Some(vec![("distribution_version", version), ("distribution_major_version", major)])
        }
        "NA" => Some(key_value(text, "NAME").map(|n| ("distribution", n)).into_iter().collect()),
        _ => None,
    }
}

fn amazon(path: &str, text: &str) -> Found {
    if path == "/etc/os-release" {
        let Some(version) = key_value(text, "VERSION_ID") else { return Vec::new() };
        let (major, minor) = match version.split_once('.') {
            Some((major, minor)) => (major.to_owned(), minor.to_owned()),
            None => (version.clone(), "NA".to_owned()),
        };
        return vec![
            ("distribution_version", version),
            ("distribution_major_version", major),
            ("distribution_minor_version", minor),
        ];
    }
    let number = text.split_whitespace().find(|w| w.chars().all(|c| c.is_ascii_digit()));
    vec![("distribution_version", number.unwrap_or("NA").to_owned())]
}

fn suse(text: &str) -> Found {
    let mut out = Vec::new();
    if let Some(name) = key_value(text, "NAME") {
        out.push(("distribution", name));
    }
    if let Some(version) = key_value(text, "VERSION_ID") {
        let (major, minor) = version.split_once('.').unwrap_or((&version, ""));
        let lower = text.to_lowercase();
        let (major, minor) = (major.to_owned(), minor.to_owned());
        if lower.contains("open") {
            out.push(("distribution_release", minor));
        } else if lower.contains("enterprise") {
            out.push(("distribution_release", if minor.is_empty() { "0".to_owned() } else { minor }));
        }
        out.push(("distribution_major_version", major));
        out.push(("distribution_version", version));
    }
    match key_value(text, "VARIANT_ID").as_deref() {
        Some("server-sap" | "sles-sap") => out.push(("distribution", "SLES_SAP".into())),
        Some("transactional") => out.push(("distribution", "SL-Micro".into())),
        _ => {}
    }
    out
}

fn debian(source: &Source<'_>, text: &str) -> Option<Found> {
    let versions = |name: &str, release: Option<String>| -> Found {
        let mut out = vec![("distribution", name.to_owned())];
        out.extend(release.map(|r| ("distribution_release", r)));
        if let Some(version) = key_value(text, "VERSION_ID") {
            out.push(("distribution_major_version", version.split('.').next().unwrap_or("").to_owned()));
            out.push(("distribution_version", version));
        }
        out
    };
    let has = |needle: &str| text.contains(needle);
    let plain = |name: &str| vec![("distribution", name.to_owned())];
    Some(if has("Debian") || has("Raspbian") {
        let mut out = plain("Debian");
        if let Some(release) = find(r"PRETTY_NAME=[^(]+ \(?([^)]+?)\)", text) {
            out.push(("distribution_release", release));
        }
        let exact = source.text("/etc/debian_version").unwrap_or_default();
        if let Some(minor) = find(r"\d+\.(\d+)", &exact) {
            out.push(("distribution_minor_version", minor));
        }
        out
    } else if has("Ubuntu") {
        plain("Ubuntu")
    } else if has("SteamOS") {
        plain("SteamOS")
    } else if has("Kali") || has("Parrot") {
        let mut out = plain(if has("Kali") { "Kali" } else { "Parrot" });
        out.extend(key_value(text, "DISTRIB_RELEASE").map(|r| ("distribution_release", r)));
        out
    } else if has("Devuan") {
        versions("Devuan", find(r#"PRETTY_NAME="?[^("]+ \(?([^) "]+)\)?"#, text))
    } else if has("Cumulus") {
        versions("Cumulus Linux", key_value(text, "VERSION"))
    } else if has("Mint") {
        versions("Linux Mint", None)
    } else if has("UOS") || has("Uos") || has("uos") {
        versions("Uos", key_value(text, "VERSION_CODENAME"))
    } else if has("Deepin") || has("deepin") {
        versions("Deepin", key_value(text, "VERSION_CODENAME"))
    } else if has("LMDE") {
        plain("Linux Mint Debian Edition")
    } else {
        return None;
    })
}

/// What `lsb_release` would say. It is a slow script that reads `os-release`, so this reads that file itself.
pub fn lsb(source: &mut Source<'_>) -> JsonMap {
    let mut facts: Vec<(&str, String)> = Vec::new();
    let file = source.text("/etc/lsb-release").unwrap_or_default();
    let os = source.text("/etc/os-release").unwrap_or_default();
    let mut from = |text: &str, keys: [(&'static str, &str); 4]| {
        for (fact, key) in keys {
            if let Some(value) = key_value(text, key).filter(|v| !v.is_empty())
                && !facts.iter().any(|(f, _)| *f == fact)
            {
                facts.push((fact, value));
            }
        }
    };
    from(
        &file,
        [
            ("id", "DISTRIB_ID"),
            ("release", "DISTRIB_RELEASE"),
            ("description", "DISTRIB_DESCRIPTION"),
            ("codename", "DISTRIB_CODENAME"),
        ],
    );
    if source.sys.find_program("lsb_release").is_some() {
        let keys = [
            ("id", "ID"),
            ("release", "VERSION_ID"),
            ("description", "PRETTY_NAME"),
            ("codename", "VERSION_CODENAME"),
        ];
        from(&os, keys);
    }
    let mut out: JsonMap = facts
        .into_iter()
        .map(|(fact, value)| {
            let value = match (fact, value.chars().next()) {
                ("id", Some(c)) if c.is_lowercase() => {
                    c.to_uppercase().collect::<String>() + &value[c.len_utf8()..]
                }
                _ => value,
            };
            (fact.to_owned(), Json::String(value))
        })
        .collect();
    if let Some(release) = out.get("release").and_then(Json::as_str) {
        let major = release.split('.').next().unwrap_or("").to_owned();
        out.insert("major_release".into(), major.into());
    }
    JsonMap::from_iter([("lsb".to_owned(), Json::Object(out))])
}
