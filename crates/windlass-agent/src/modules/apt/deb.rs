//! Package files: on the host, or fetched from an address.

use super::{dpkg, options, simulate};
use crate::system::Observe;
use crate::{Context, ModuleError, Plan, web};
use std::cmp::Ordering;
use windlass_protocol::RunSpec;
use windlass_protocol::modules::apt::AptArgs;

/// Whether it is to be fetched.
pub fn is_address(path: &str) -> bool {
    path.contains("://")
}

/// Where a fetched file lies until the agent ends.
pub fn downloaded_path(cx: &Context<'_>) -> String {
    cx.scratch.join("package.deb").to_string_lossy().into_owned()
}

/// Fetches it; what is in it can only be seen then.
pub fn download(address: &str, cx: &Context<'_>, sys: &dyn Observe) -> Result<(), ModuleError> {
    web::fetch(address, true, &downloaded_path(cx), cx, sys)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::system::fake::{Fake, answer, output};
    use serde_json::json;

    #[test]
    fn credentials_of_an_address_are_in_no_command_and_no_message() {
        let fake = Fake::new();
        fake.web(|request| {
            assert_eq!(request.credentials, Some(("me".into(), "s3cret".into())));
            let status = if request.url.ends_with("/x.deb") { 200 } else { 404 };
            Ok(answer(request, status, &[], b"package"))
        });
        fake.program("dpkg-deb", |_, _| output(0, "Package: x\nVersion: 1\nArchitecture: all\n", ""));
        fake.program("apt-get", |argv, _| {
            let said = if argv.iter().any(|a| a == "--simulate") { "Inst x (1 [all])\n" } else { "done\n" };
            output(0, said, "")
        });
        let args = json!({"deb": "https://me:s3cret@host/x.deb"});
        let outcome = fake.run_module("apt", args);
        assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
        assert_eq!(fake.commands().len(), 1);
        assert!(fake.commands()[0].ends_with(" install /tmp/package.deb"), "{:?}", fake.commands());
        assert_eq!(fake.text("/tmp/package.deb").as_deref(), Some("package"));
        let everything = format!("{outcome:?} {:?}", fake.runs());
        assert!(!everything.contains("s3cret"), "{everything}");
        let missing = fake.run_module("apt", json!({"deb": "https://me:s3cret@host/y.deb"}));
        assert_eq!(
            missing.msg.as_deref(),
            Some("Failure downloading https://****:****@host/y.deb, HTTP Error 404: Not Found")
        );
    }
}
