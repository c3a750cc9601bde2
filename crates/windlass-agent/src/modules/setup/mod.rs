//! `setup`: facts about the host, under Ansible's names, read from `/proc`, `/sys` and files.

mod devices;
mod distribution;
mod environment;
mod hardware;
mod local;
mod managers;
pub use managers::runs_systemd;
mod mounts;
mod network;
mod platform;
mod security;
mod source;
mod virtualization;

use crate::text::Fnmatch;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use source::Source;
use windlass_protocol::modules::setup::SetupArgs;
use windlass_protocol::{Json, JsonMap};

/// The module.
pub struct Setup;

/// A group of facts.
struct Collector {
    /// Its name in `gather_subset`.
    name: &'static str,
    /// Other names for it in `gather_subset`.
    ids: &'static [&'static str],
    /// Gathered even with `!all`.
    minimal: bool,
    /// Groups that it builds on.
    needs: &'static [&'static str],
    /// Prefix of its facts.
    prefix: &'static str,
    collect: fn(&mut Source<'_>) -> JsonMap,
}

const fn collector(
    name: &'static str,
    ids: &'static [&'static str],
    minimal: bool,
    needs: &'static [&'static str],
    collect: fn(&mut Source<'_>) -> JsonMap,
) -> Collector {
    Collector { name, ids, minimal, needs, prefix: "ansible_", collect }
}

const PLATFORM_IDS: &[&str] =
    &["system", "kernel", "kernel_version", "machine", "python_version", "architecture", "machine_id"];
const USER_IDS: &[&str] = &[
    "user_id",
    "user_uid",
    "user_gid",
    "user_gecos",
    "user_dir",
    "user_shell",
    "real_user_id",
    "effective_user_id",
    "effective_group_ids",
];
const SSH_IDS: &[&str] = &[
    "ssh_host_pub_keys",
    "ssh_host_key_dsa_public",
    "ssh_host_key_rsa_public",
    "ssh_host_key_ecdsa_public",
    "ssh_host_key_ed25519_public",
];
const DISTRIBUTION_IDS: &[&str] =
    &["distribution_version", "distribution_release", "distribution_major_version", "os_family"];
const VIRTUAL_IDS: &[&str] =
    &["virtualization_type", "virtualization_role", "virtualization_tech_guest", "virtualization_tech_host"];
const HARDWARE_IDS: &[&str] = &["processor", "processor_cores", "processor_count", "mounts", "devices"];
const NETWORK_IDS: &[&str] =
    &["interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"];

/// In the order in which they run: later ones look at facts of earlier ones.
const COLLECTORS: &[Collector] = &[
    collector("platform", PLATFORM_IDS, true, &[], platform::platform),
    collector("distribution", DISTRIBUTION_IDS, true, &[], distribution::distribution),
    collector("lsb", &[], true, &[], distribution::lsb),
    collector("selinux", &[], true, &[], security::selinux),
    collector("apparmor", &[], true, &[], security::apparmor),
    collector("chroot", &["is_chroot"], false, &[], security::chroot),
    collector("fips", &[], true, &[], security::fips),
    collector("python", &[], true, &[], managers::python),
    collector(
        "caps",
        &["system_capabilities", "system_capabilities_enforced"],
        true,
        &[],
        security::capabilities,
    ),
    collector("pkg_mgr", &[], true, &["distribution"], managers::packages),
    collector("service_mgr", &[], true, &["platform", "distribution"], managers::services),
    collector("cmdline", &[], true, &[], environment::command_line),
    collector("date_time", &[], true, &[], environment::date_time),
    collector("env", &[], true, &[], environment::env),
    collector("loadavg", &[], false, &[], hardware::load),
    collector("ssh_pub_keys", SSH_IDS, true, &[], environment::host_keys),
    collector("user", USER_IDS, true, &[], environment::user),
    collector("systemd", &[], false, &[], managers::systemd),
    collector("virtual", VIRTUAL_IDS, false, &[], virtualization::virtualization),
    collector("hardware", HARDWARE_IDS, false, &["platform"], hardware::hardware),
    collector("dns", &[], true, &[], network::dns),
    collector("fibre_channel_wwn", &[], false, &[], network::fibre_channel),
    collector("network", NETWORK_IDS, false, &["distribution", "platform"], network::interfaces),
    collector("iscsi", &[], false, &[], network::iscsi),
    collector("nvme", &[], false, &[], network::nvme),
    collector("local", &[], true, &[], local::local),
    Collector {
        name: "facter",
        ids: &[],
        minimal: false,
        needs: &[],
        prefix: "facter_",
        collect: local::facter,
    },
    Collector { name: "ohai", ids: &[], minimal: false, needs: &[], prefix: "ohai_", collect: local::ohai },
];

impl Module for Setup {
    type Args = SetupArgs;

    fn plan(args: &SetupArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let wanted = chosen(&args.gather_subset)?;
        let mut source = Source {
            sys,
            machine: sys.machine(),
            timeout_ms: u64::try_from(args.gather_timeout).unwrap_or(10).max(1) * 1000,
            fact_path: args.fact_path.to_string(),
            environment: cx.environment,
            facts: JsonMap::new(),
            warnings: Vec::new(),
        };
        let mut all = JsonMap::new();
        for collector in COLLECTORS.iter().filter(|c| wanted.contains(&c.name)) {
            let facts = (collector.collect)(&mut source);
            for (name, value) in facts {
                source.facts.insert(name.clone(), value.clone());
                let name = format!("{}{}", collector.prefix, name.replace('-', "_"));
                if matches(&name, &args.filter) {
                    all.insert(name, value);
                }
            }
        }
        // Its version comes with the platform's facts, whether the rest of Python's is wanted or not.
        let version = "ansible_python_version";
        if wanted.contains(&"platform") && !all.contains_key(version) && matches(version, &args.filter) {
            let python = managers::python(&mut source).shift_remove("python_version");
            all.extend(python.map(|found| (version.to_owned(), found)));
        }
        let subsets = args.gather_subset.iter().cloned().map(Json::String).collect::<Vec<_>>();
        for (name, value) in [("gather_subset", Json::Array(subsets)), ("module_setup", Json::Bool(true))] {
            if matches(name, &args.filter) {
                all.insert(name.into(), value);
            }
        }
        let mut plan = Plan { warnings: source.warnings, ..Plan::default() };
        plan.set("ansible_facts", Json::Object(all));
        Ok(plan)
    }
}

/// The names of the groups that a `gather_subset` asks for.
fn chosen(subsets: &[String]) -> Result<Vec<&'static str>, ModuleError> {
    let by_id = |id: &str| -> Vec<&'static str> {
        COLLECTORS.iter().filter(|c| c.name == id || c.ids.contains(&id)).map(|c| c.name).collect()
    };
    let group = |minimal_too: bool| {
        COLLECTORS.iter().filter(move |c| minimal_too || !c.minimal).map(|c| c.name).collect::<Vec<_>>()
    };
    let minimal: Vec<&'static str> = COLLECTORS.iter().filter(|c| c.minimal).map(|c| c.name).collect();
    let mut added: Vec<&'static str> = minimal.clone();
    let mut removed: Vec<&'static str> = Vec::new();
    let mut explicit: Vec<&'static str> = Vec::new();
    let default = ["all".to_owned()];
    let subsets = if subsets.is_empty() { &default[..] } else { subsets };
    for subset in subsets {
        match subset.as_str() {
            "min" => added.extend(&minimal),
            "all" => added.extend(group(true)),
            "!min" => removed.extend(&minimal),
            "!all" => removed.extend(group(false)),
            other => match other.strip_prefix('!') {
                Some(name) => removed.extend(by_id(name)),
                None => {
                    let names = by_id(other);
                    if names.is_empty() {
                        return Err(ModuleError::new(format!(
                            "Bad subset '{other}' given to Ansible. gather_subset options allowed: all, {}",
                            subset_names().join(", ")
                        )));
                    }
                    explicit.extend(&names);
                    added.extend(names);
                }
            },
        }
    }
    let mut wanted: Vec<&'static str> =
        added.into_iter().filter(|n| explicit.contains(n) || !removed.contains(n)).collect();
    for collector in COLLECTORS {
        if wanted.contains(&collector.name) {
            wanted.extend(collector.needs);
        }
    }
    Ok(wanted)
}

fn subset_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> =
        COLLECTORS.iter().flat_map(|c| std::iter::once(c.name).chain(c.ids.iter().copied())).collect();
    names.sort_unstable();
    names
}

/// Whether a fact's name matches one of the patterns; a pattern without a known prefix means `ansible_...` too.
fn matches(name: &str, filter: &[String]) -> bool {
    filter.is_empty()
        || filter.iter().any(|pattern| {
            let fits = |p: &str| Fnmatch::new(p).matches(name);
            pattern.is_empty()
                || fits(pattern)
                || (!pattern.starts_with("ansible_")
                    && !pattern.starts_with("facter")
                    && !pattern.starts_with("ohai")
                    && fits(&format!("ansible_{pattern}")))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(subsets: &[&str]) -> Vec<&'static str> {
        let subsets: Vec<String> = subsets.iter().map(|s| (*s).to_owned()).collect();
        let mut names = chosen(&subsets).unwrap();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn subsets_add_and_take_away() {
        assert_eq!(names(&["all"]).len(), COLLECTORS.len());
        assert!(!names(&["!all"]).contains(&"hardware"));
        assert!(names(&["!all"]).contains(&"distribution"));
        assert!(names(&["!all", "!min"]).is_empty());
        assert_eq!(names(&["!all", "!min", "env"]), ["env"]);
        assert_eq!(names(&["!all", "!min", "network"]), ["distribution", "network", "platform"]);
        assert!(names(&["!hardware"]).contains(&"platform"));
        assert!(!names(&["all", "!hardware", "!virtual"]).contains(&"virtual"));
        assert!(names(&["!all", "interfaces"]).contains(&"network"));
        let error = chosen(&["nothing".to_owned()]).unwrap_err();
        assert!(error.msg.starts_with("Bad subset 'nothing' given to Ansible."), "{}", error.msg);
    }

    #[test]
    fn filters_are_shell_patterns_with_the_prefix_implied() {
        let filter = |p: &str| vec![p.to_owned()];
        assert!(matches("ansible_distribution", &[]));
        assert!(matches("ansible_distribution", &filter("ansible_dist*")));
        assert!(matches("ansible_distribution", &filter("distribution")));
        assert!(!matches("ansible_kernel", &filter("dist*")));
        assert!(matches("ansible_eth0", &filter("ansible_eth[0-2]")));
    }
}
