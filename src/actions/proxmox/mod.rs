//! The modules of `community.proxmox`: they run on the controller, whatever the task's host is, and talk to the API of
//! the cluster.
//!
//! Each observes first and makes a [`plan::Plan`] of requests; check mode shows it, a run sends it.

mod cluster;
mod drive;
mod kvm;
mod kvm_config;
mod lxc;
mod lxc_config;
mod plan;
pub mod specs;
pub mod specs_kvm;
mod template;
mod trouble;
mod vm_info;
mod volume;
mod wish;

use super::Cx;
use crate::engine::delegate;
use crate::engine::result::TaskOutcome;
use crate::proxmox::{Client, Login, Settings};
use crate::vars::{Key, Map, Value};
use plan::Plan;
use specs::{ApiArgs, LxcArgs, TemplateArgs, VmInfoArgs};
use specs_kvm::KvmArgs;
use std::time::Duration;
use trouble::Trouble;
use windlass_protocol::{Json, JsonMap, ModuleArgs};

/// Whether a module is one of this family.
#[must_use]
pub fn is_one(name: &str) -> bool {
    name.starts_with("community.proxmox.")
}

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many numbers for a new guest the server is asked for.
const PROPOSALS: usize = 5;

/// Arguments that the environment may stand in for.
const VARIABLES: &[(&str, &str)] = &[
    ("api_host", "PROXMOX_HOST"),
    ("api_port", "PROXMOX_PORT"),
    ("api_user", "PROXMOX_USER"),
    ("api_password", "PROXMOX_PASSWORD"),
    ("api_token_id", "PROXMOX_TOKEN_ID"),
    ("api_token_secret", "PROXMOX_TOKEN_SECRET"),
    ("validate_certs", "PROXMOX_VALIDATE_CERTS"),
];

/// The task's arguments, with those of the environment: the task's own `environment` first, then the controller's.
fn with_environment(args: &Map, variable: &dyn Fn(&str) -> Option<String>) -> Map {
    let mut out = args.clone();
    for (name, from) in VARIABLES {
        let given = out.get(*name).is_some_and(|v| !matches!(v, Value::Null | Value::Omit));
        if !given && let Some(value) = variable(from) {
            out.insert(Key::from(*name), Value::text(value));
        }
    }
    out
}

/// Runs one of the modules.
pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    let variable = |name: &str| {
        let own = cx.keywords.environment.iter().rev().find(|(key, _)| key == name);
        own.map(|(_, value)| value.clone()).or_else(|| std::env::var(name).ok())
    };
    let given = with_environment(&cx.args, &variable);
    let checked = match delegate::check(spec, &given) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let result = match spec.short_name() {
        "proxmox" => lxc(cx, checked).await,
        "proxmox_kvm" => kvm(cx, checked).await,
        "proxmox_template" => template(cx, checked).await,
        _ => vm_info(checked).await,
    };
    result.unwrap_or_else(|trouble| trouble.outcome())
}

async fn lxc(cx: &Cx<'_>, checked: JsonMap) -> Result<TaskOutcome, Trouble> {
    let args: LxcArgs = take(checked)?;
    let (mut client, version) = connect(&args.api).await?;
    client.conceal(args.password.as_deref().unwrap_or_default());
    supported(&args, &version)?;
    perform(cx, &client, &Wanted::Lxc(&args), args.timeout).await
}

async fn kvm(cx: &Cx<'_>, checked: JsonMap) -> Result<TaskOutcome, Trouble> {
    let args: KvmArgs = take(checked.clone())?;
    let (mut client, _) = connect(&args.api).await?;
    client.conceal(args.cipassword.as_deref().unwrap_or_default());
    let work = kvm::Work { client: &client, args: &args, given: &checked };
    perform(cx, &client, &Wanted::Kvm(work), args.timeout).await
}

async fn template(cx: &Cx<'_>, checked: JsonMap) -> Result<TaskOutcome, Trouble> {
    let args: TemplateArgs = take(checked)?;
    let (client, _) = connect(&args.api).await?;
    let plan = template::plan(&client, &args, &cx.exec.search).await?;
    Ok(carry_out(cx, &client, plan, args.timeout).await.outcome())
}

async fn vm_info(checked: JsonMap) -> Result<TaskOutcome, Trouble> {
    let args: VmInfoArgs = take(checked)?;
    let (client, _) = connect(&args.api).await?;
    let mut out = TaskOutcome::default();
    out.set("proxmox_vms", Value::from(Json::Array(vm_info::list(&client, &args).await?)));
    Ok(out)
}

/// Checked arguments in their types.
fn take<A: ModuleArgs>(mut checked: JsonMap) -> Result<A, Trouble> {
    A::take(&mut checked).map_err(|error| Trouble::wish(error.to_string()))
}

/// A guest as a task wants it.
enum Wanted<'a> {
    Lxc(&'a LxcArgs),
    Kvm(kvm::Work<'a>),
}

/// What came of a plan.
enum Carried {
    Out(TaskOutcome),
    /// Somebody else was given the number that the server had proposed for a new guest.
    Taken(TaskOutcome),
}

impl Carried {
    fn outcome(self) -> TaskOutcome {
        match self {
            Self::Out(outcome) | Self::Taken(outcome) => outcome,
        }
    }
}

/// Plans, and carries it out. A number that the server proposes is free at that moment only: who is second is refused, and
/// asks for another one.
async fn perform(
    cx: &Cx<'_>,
    client: &Client,
    wanted: &Wanted<'_>,
    seconds: i64,
) -> Result<TaskOutcome, Trouble> {
    for _ in 1..PROPOSALS {
        let plan = wanted.plan(client).await?;
        if let Carried::Out(outcome) = carry_out(cx, client, plan, seconds).await {
            return Ok(outcome);
        }
    }
    let plan = wanted.plan(client).await?;
    Ok(carry_out(cx, client, plan, seconds).await.outcome())
}

impl Wanted<'_> {
    async fn plan(&self, client: &Client) -> Result<Plan, Trouble> {
        match self {
            Self::Lxc(args) => lxc::plan(client, args).await,
            Self::Kvm(work) => work.plan().await,
        }
    }
}

/// Sends what is planned, unless it is only to be shown, and makes the result.
async fn carry_out(cx: &Cx<'_>, client: &Client, mut plan: Plan, seconds: i64) -> Carried {
    if cx.keywords.check {
        return Carried::Out(plan.outcome(cx.keywords.diff));
    }
    let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let failed = |changed: bool, trouble: &Trouble, plan: &Plan| {
        let mut out = trouble.outcome();
        out.changed = changed;
        for (name, value) in &plan.values {
            out.set(name, Value::from(value.clone()));
        }
        out
    };
    if let Err((changed, trouble)) = plan.apply(client, limit).await {
        let outcome = failed(changed, &trouble, &plan);
        let taken = plan.proposed.is_some_and(|vmid| trouble.says_taken(vmid));
        return if taken { Carried::Taken(outcome) } else { Carried::Out(outcome) };
    }
    if let Some((node, vmid, names)) = plan.look_back.take() {
        match kvm::look_back(client, &node, vmid, &names).await {
            Ok(values) => plan.values.extend(values),
            Err(trouble) => return Carried::Out(failed(true, &trouble, &plan)),
        }
    }
    Carried::Out(plan.outcome(cx.keywords.diff))
}

/// Connects, and asks for the server's version: that shows whether a token is good.
async fn connect(api: &ApiArgs) -> Result<(Client, String), Trouble> {
    let text = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
    let missing: Vec<&str> = [("api_host", &api.api_host), ("api_user", &api.api_user)]
        .iter()
        .filter(|(_, value)| text(value).is_none())
        .map(|(name, _)| *name)
        .collect();
    let (Some(host), Some(user)) = (text(&api.api_host), text(&api.api_user)) else {
        return Err(Trouble::wish(format!("missing required arguments: {}", missing.join(", ")))
            .hint("give them to the task, or set PROXMOX_HOST and PROXMOX_USER"));
    };
    let login = match (text(&api.api_password), text(&api.api_token_id), text(&api.api_token_secret)) {
        (Some(password), _, _) => Login::Password { user, password },
        (None, Some(id), Some(secret)) => Login::Token { user, id, secret },
        (None, None, None) => {
            return Err(Trouble::wish("one of the following is required: api_password, api_token_id"));
        }
        (None, _, _) => {
            return Err(Trouble::wish("parameters are required together: api_token_id, api_token_secret"));
        }
    };
    let settings =
        Settings { url: address(&host, api.api_port), login, verify: api.validate_certs, patience: PATIENCE };
    let client = Client::connect(&settings).await?;
    let version = client.get("/version", &[]).await?;
    let version = version.get("version").and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok((client, version))
}

/// The server's address; a port that stands behind the host wins.
fn address(host: &str, port: Option<i64>) -> String {
    let host = host.trim().trim_end_matches('/');
    let host = host.strip_prefix("https://").unwrap_or(host);
    let port = port.unwrap_or(8006);
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return format!("https://[{host}]:{port}");
    }
    let has_port = host.rsplit_once(':').is_some_and(|(before, after)| {
        (!before.contains(':') || before.ends_with(']')) && after.chars().all(|c| c.is_ascii_digit())
    });
    if has_port { format!("https://{host}") } else { format!("https://{host}:{port}") }
}

/// Refuses what an old server does not have.
fn supported(args: &LxcArgs, version: &str) -> Result<(), Trouble> {
    let numbers = |text: &str| -> Vec<u32> { text.split(['.', '-']).map_while(|n| n.parse().ok()).collect() };
    let needs = [
        ("disk_volume", args.disk_volume.is_some(), "5.0"),
        ("mount_volumes", args.mount_volumes.is_some(), "5.0"),
        ("tags", args.tags.is_some(), "6.1"),
        ("timezone", args.timezone.is_some(), "6.3"),
    ];
    for (option, given, since) in needs {
        if given && numbers(version) < numbers(since) {
            let text =
                format!("Feature {option} is only supported in PVE {since}+, and you're using PVE {version}");
            return Err(Trouble::about(option, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_and_without_port() {
        assert_eq!(address("pve", None), "https://pve:8006");
        assert_eq!(address("pve.example", Some(443)), "https://pve.example:443");
        assert_eq!(address("10.0.0.1:1234", Some(443)), "https://10.0.0.1:1234");
        assert_eq!(address("2001:db8::1", None), "https://[2001:db8::1]:8006");
        assert_eq!(address("[2001:db8::1]", Some(1)), "https://[2001:db8::1]:1");
        assert_eq!(address("[2001:db8::1]:2", None), "https://[2001:db8::1]:2");
    }

    #[test]
    fn the_environment_stands_in() {
        let args = Map::from_iter([
            (Key::from("api_host"), Value::text("own")),
            (Key::from("api_user"), Value::Null),
        ]);
        let out = with_environment(&args, &|name| Some(name.to_lowercase()));
        assert_eq!(out.get("api_host"), Some(&Value::text("own")));
        assert_eq!(out.get("api_user"), Some(&Value::text("proxmox_user")));
        assert_eq!(out.get("validate_certs"), Some(&Value::text("proxmox_validate_certs")));
    }

    #[test]
    fn old_servers_are_told_from_new_ones() {
        let mut map = windlass_protocol::args::normalize(
            &LxcArgs::SPEC,
            serde_json::json!({"node": "pve", "hostname": "w", "timezone": "host"})
                .as_object()
                .expect("a mapping"),
        )
        .expect("arguments");
        let args = LxcArgs::take(&mut map).expect("types");
        assert!(supported(&args, "9.0.3").is_ok() && supported(&args, "6.3-2").is_ok());
        let text = supported(&args, "6.2-4").err().map(|e| e.to_string());
        assert_eq!(
            text.as_deref(),
            Some("Feature timezone is only supported in PVE 6.3+, and you're using PVE 6.2-4")
        );
    }
}
