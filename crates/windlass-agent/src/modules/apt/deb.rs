//! Package files: on the host, or fetched by apt's own downloader.

use super::{DOWNLOAD, dpkg, options, simulate};
use crate::module::Applied;
use crate::system::Observe;
use crate::{Context, ModuleError, Plan};
use std::cmp::Ordering;
use windlass_protocol::modules::apt::AptArgs;
use windlass_protocol::{Op, RunSpec, What};

/// Whether it is to be fetched.
pub fn is_address(path: &str) -> bool {
    path.contains("://")
}

/// Where a fetched file lies until the agent ends.
pub fn downloaded_path(cx: &Context<'_>) -> String {
    cx.scratch.join("package.deb").to_string_lossy().into_owned()
}

/// Plans to fetch it; what is in it can only be seen then.
pub fn download(address: &str, cx: &Context<'_>) -> Plan {
    let mut plan = Plan { changed: Some(cx.check), ..Plan::default() };
    let what = What::Setting { kind: DOWNLOAD.into(), name: address.into(), before: None, after: None };
    let argv = ["/usr/lib/apt/apt-helper", "download-file", address, &downloaded_path(cx)];
    plan.push(what, Op::Run(RunSpec { ok_codes: Vec::new(), ..RunSpec::new(argv) }));
    plan
}

/// Checks that the fetching went well.
pub fn downloaded(applied: &Applied) -> Result<(), ModuleError> {
    match applied.last_output() {
        Some(output) if output.code != 0 => {
            let said = format!("{}{}", output.out(), output.err());
            Err(ModuleError::new(format!("the package file could not be fetched: {}", said.trim())))
        }
        _ => Ok(()),
    }
}

/// Plans to install files that are not installed in this version already.
pub fn plan(args: &AptArgs, paths: &str, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
    let status = dpkg::Status::read(sys);
    let mut wanted: Vec<String> = Vec::new();
    for path in paths.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let run = RunSpec { ok_codes: Vec::new(), ..RunSpec::new(["dpkg-deb", "--field", path]) };
        let output = sys.query(&run)?;
        if output.code != 0 {
            return Err(ModuleError::new(format!("Unable to install package: {}", output.err().trim())));
        }
        let text = output.out();
        let field = |name: &str| {
            text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':').map(str::trim)).unwrap_or("")
        };
        let key = match field("Architecture") {
            "all" => field("Package").to_owned(),
            architecture => format!("{}:{architecture}", field("Package")),
        };
        let same =
            status.get(&key).is_some_and(|p| p.installed && compare_equal(&p.version, field("Version")));
        if !same {
            wanted.push(if path.starts_with('/') { path.to_owned() } else { format!("./{path}") });
        }
    }
    let mut plan = Plan::default();
    if wanted.is_empty() {
        plan.set("stdout", "");
        plan.set("stderr", "");
        return Ok(plan);
    }
    let mut words = options(args);
    words.push("install");
    words.extend(wanted.iter().map(String::as_str));
    simulate(args, &words, &[], cx, sys, plan)
}

fn compare_equal(a: &str, b: &str) -> bool {
    dpkg::compare(a, b) == Ordering::Equal
}
