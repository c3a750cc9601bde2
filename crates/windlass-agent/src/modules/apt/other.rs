//! Package managers other than apt, for `package`: present, absent and latest.

use crate::{ModuleError, Plan, system::Observe};
use windlass_protocol::modules::apt::PackageArgs;
use windlass_protocol::{Json, Op, RunSpec, What};

struct Manager {
    /// Its name in `use`, and its program.
    name: &'static str,
    program: &'static str,
    /// Tells by its exit code whether a package is installed.
    query: &'static [&'static str],
    install: &'static [&'static str],
    upgrade: &'static [&'static str],
    remove: &'static [&'static str],
    refresh: &'static [&'static str],
    /// Tells by its output whether a newer version is there; a package named in it has one.
    newer: &'static [&'static str],
}

const MANAGERS: &[Manager] = &[
    Manager {
        name: "dnf",
        program: "dnf",
        query: &["rpm", "-q", "--whatprovides"],
        install: &["dnf", "-y", "install"],
        upgrade: &["dnf", "-y", "upgrade"],
        remove: &["dnf", "-y", "remove"],
        refresh: &["dnf", "-y", "makecache"],
        newer: &["dnf", "-q", "check-update"],
    },
    Manager {
        name: "yum",
        program: "yum",
        query: &["rpm", "-q", "--whatprovides"],
        install: &["yum", "-y", "install"],
        upgrade: &["yum", "-y", "update"],
        remove: &["yum", "-y", "remove"],
        refresh: &["yum", "-y", "makecache"],
        newer: &["yum", "-q", "check-update"],
    },
    Manager {
        name: "zypper",
        program: "zypper",
        query: &["rpm", "-q", "--whatprovides"],
        install: &["zypper", "--non-interactive", "install"],
        upgrade: &["zypper", "--non-interactive", "update"],
        remove: &["zypper", "--non-interactive", "remove"],
        refresh: &["zypper", "--non-interactive", "refresh"],
        newer: &["zypper", "--quiet", "list-updates"],
    },
    Manager {
        name: "apk",
        program: "apk",
        query: &["apk", "info", "-e"],
        install: &["apk", "add"],
        upgrade: &["apk", "add", "-u"],
        remove: &["apk", "del"],
        refresh: &["apk", "update"],
        newer: &["apk", "version", "-l", "<"],
    },
    Manager {
        name: "pacman",
        program: "pacman",
        query: &["pacman", "-Q"],
        install: &["pacman", "-S", "--noconfirm", "--needed"],
        upgrade: &["pacman", "-S", "--noconfirm", "--needed"],
        remove: &["pacman", "-R", "--noconfirm"],
        refresh: &["pacman", "-Sy"],
        newer: &["pacman", "-Qu"],
    },
];

/// Plans by the first package manager that is there.
pub fn plan(args: &PackageArgs, sys: &dyn Observe) -> Result<Plan, ModuleError> {
    let wanted = args.r#use.rsplit('.').next().unwrap_or("auto");
    let found = MANAGERS
        .iter()
        .find(|m| if wanted == "auto" { sys.find_program(m.program).is_some() } else { m.name == wanted });
    let Some(manager) = found else {
        return Err(ModuleError::new(match wanted {
            "auto" => "there is no package manager that 'package' knows on the host".to_owned(),
            other => format!("'package' does not know the package manager '{other}'"),
        }));
    };
    let names: Vec<String> = match &args.name {
        Json::Array(items) => items.iter().map(windlass_protocol::args::python_text).collect(),
        other => {
            windlass_protocol::args::python_text(other).split(',').map(|n| n.trim().to_owned()).collect()
        }
    };
    let remove = matches!(args.state.as_str(), "absent" | "removed");
    let latest = args.state == "latest";
    if !remove && !latest && !matches!(args.state.as_str(), "present" | "installed") {
        return Err(ModuleError::new(format!("'{}' is no state of a package", args.state)));
    }
    let newer = if latest {
        let run = RunSpec { ok_codes: Vec::new(), ..RunSpec::new(manager.newer.iter().copied()) };
        sys.query(&run)?.out()
    } else {
        String::new()
    };
    let has_newer = |name: &str| {
        let words = newer.lines().flat_map(|l| l.split([' ', '|', '\t'])).map(str::trim);
        words.into_iter().any(|w| {
            w == name
                || w.rsplit_once('.').is_some_and(|(n, _)| n == name)
                || w.strip_prefix(name)
                    .is_some_and(|r| r.starts_with('-') && r[1..].starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    let mut todo: Vec<&str> = Vec::new();
    for name in names.iter().filter(|n| !n.is_empty()) {
        let argv = manager.query.iter().copied().chain([name.as_str()]);
        let installed = sys.query(&RunSpec { ok_codes: Vec::new(), ..RunSpec::new(argv) })?.code == 0;
        if installed == remove || (!remove && installed && has_newer(name)) {
            todo.push(name);
        }
    }
    let mut plan = Plan::default();
    if args.update_cache == Some(true) {
        let what = What::Setting {
            kind: "package lists".into(),
            name: manager.name.into(),
            before: None,
            after: None,
        };
        plan.push(what, Op::Run(RunSpec::new(manager.refresh.iter().copied())));
        plan.changed = Some(!todo.is_empty());
    }
    if todo.is_empty() {
        return Ok(plan);
    }
    let (action, command) = match (remove, latest) {
        (true, _) => ("remove", manager.remove),
        (false, true) => ("upgrade", manager.upgrade),
        (false, false) => ("install", manager.install),
    };
    let mut op = Some(Op::Run(RunSpec::new(command.iter().chain(&todo).copied())));
    for name in todo {
        let what = What::Package { name: name.into(), action: action.into(), before: None, after: None };
        plan.push(what, op.take().unwrap_or(Op::Nothing));
    }
    Ok(plan)
}
