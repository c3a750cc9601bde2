//! `package_facts`: the installed packages with their versions.

use super::dpkg::Status;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use serde_json::json;
use std::path::Path;
use windlass_protocol::modules::apt::PackageFactsArgs;
use windlass_protocol::{Json, JsonMap, RunSpec};

/// The module.
pub struct PackageFacts;

type Packages = JsonMap;

fn add(packages: &mut Packages, name: &str, entry: Json) {
    match packages.get_mut(name).and_then(Json::as_array_mut) {
        Some(list) => list.push(entry),
        None => {
            packages.insert(name.to_owned(), json!([entry]));
        }
    }
}

impl Module for PackageFacts {
    type Args = PackageFactsArgs;

    fn plan(args: &PackageFactsArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let wanted: Vec<&str> = match args.manager.iter().any(|m| m == "auto") {
            true => vec!["apk", "apt", "rpm", "pacman"],
            false => args.manager.iter().map(String::as_str).collect(),
        };
        let mut packages = Packages::new();
        let mut found = false;
        for manager in &wanted {
            let here = match *manager {
                "apt" => apt(sys, &mut packages),
                "rpm" | "dnf" | "dnf5" | "yum" | "zypper" => rpm(sys, &mut packages),
                "apk" => apk(sys, &mut packages),
                "pacman" => pacman(sys, &mut packages),
                _ => false,
            };
            found |= here;
            if here && args.strategy == "first" {
                break;
            }
        }
        if !found {
            return Err(ModuleError::new(format!(
                "Could not detect a supported package manager from the following list: {wanted:?}"
            )));
        }
        let mut plan = Plan::default();
        plan.set("ansible_facts", json!({"packages": packages}));
        Ok(plan)
    }
}

fn apt(sys: &dyn Observe, packages: &mut Packages) -> bool {
    let status = Status::read(sys);
    let mut any = false;
    for p in status.all().filter(|p| p.installed) {
        any = true;
        let entry = json!({
            "name": p.name, "version": p.version, "arch": p.architecture, "category": p.section,
            "origin": "", "source": "apt",
        });
        add(packages, &p.name, entry);
    }
    any
}

fn lines(sys: &dyn Observe, argv: &[&str]) -> Option<Vec<String>> {
    sys.find_program(argv.first()?)?;
    let output = sys.query(&RunSpec::new(argv.iter().copied())).ok()?;
    (output.code == 0).then(|| output.out().lines().map(str::to_owned).collect())
}

fn rpm(sys: &dyn Observe, packages: &mut Packages) -> bool {
    let format = "%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{EPOCH}\\t%{ARCH}\\n";
    let Some(lines) = lines(sys, &["rpm", "-qa", "--qf", format]) else { return false };
    for line in lines {
        let words: Vec<&str> = line.split('\t').collect();
        let [name, version, release, epoch, arch] = words.as_slice() else { continue };
        let epoch = epoch.parse::<i64>().map_or(Json::Null, Json::from);
        let arch = if *arch == "(none)" { Json::Null } else { Json::from(*arch) };
        let entry = json!({
            "name": name, "version": version, "release": release, "epoch": epoch, "arch": arch, "source": "rpm",
        });
        add(packages, name, entry);
    }
    true
}

fn apk(sys: &dyn Observe, packages: &mut Packages) -> bool {
    let Ok(bytes) = sys.read(Path::new("/lib/apk/db/installed")) else { return false };
    for paragraph in String::from_utf8_lossy(&bytes).split("\n\n") {
        let field = |key: &str| paragraph.lines().find_map(|l| l.strip_prefix(key)).unwrap_or("");
        let (name, version) = (field("P:"), field("V:"));
        if !name.is_empty() {
            add(packages, name, json!({"name": name, "version": version, "source": "apk"}));
        }
    }
    true
}

fn pacman(sys: &dyn Observe, packages: &mut Packages) -> bool {
    let Some(lines) = lines(sys, &["pacman", "-Q"]) else { return false };
    for line in lines {
        if let Some((name, version)) = line.split_once(' ') {
            add(packages, name, json!({"name": name, "version": version, "source": "pacman"}));
        }
    }
    true
}
