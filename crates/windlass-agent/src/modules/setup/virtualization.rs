//! Whether the host is a virtual machine or a container, or hosts some.

use super::source::Source;
use std::collections::BTreeSet;
use windlass_protocol::{Json, JsonMap};

#[derive(Default)]
struct Found {
    /// Type and role; the first clue decides.
    verdict: Option<(String, &'static str)>,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Found {
    fn guest(&mut self, name: &str) {
        self.guest.insert(name.to_owned());
        self.verdict.get_or_insert_with(|| (name.to_owned(), "guest"));
    }
    fn host(&mut self, name: &str) {
        self.host.insert(name.to_owned());
        self.verdict.get_or_insert_with(|| (name.to_owned(), "host"));
    }
}

/// Type, role, and all technologies of which there are traces.
pub fn virtualization(source: &mut Source<'_>) -> JsonMap {
    let mut found = Found::default();
    containers(source, &mut found);
    machines(source, &mut found);
    processors(source, &mut found);
    kernel_modules(source, &mut found);
    if source.exists("/dev/kvm") {
        found.host("kvm");
    }
    let (kind, role) = found.verdict.unwrap_or_else(|| ("NA".into(), "NA"));
    let list = |set: BTreeSet<String>| Json::Array(set.into_iter().map(Json::String).collect());
    JsonMap::from_iter([
        ("virtualization_type".to_owned(), kind.into()),
        ("virtualization_role".to_owned(), role.into()),
        ("virtualization_tech_guest".to_owned(), list(found.guest)),
        ("virtualization_tech_host".to_owned(), list(found.host)),
    ])
}

fn containers(source: &Source<'_>, found: &mut Found) {
    for line in source.lines("/proc/1/cgroup") {
        let scope = line.split("/docker-").skip(1).any(|rest| {
            let hex = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ('a'..='f').contains(&c));
            hex.len() < rest.len() && hex.starts_with(".scope")
        });
        if line.contains("/docker/") || scope {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    let environ = source.text("/proc/1/environ").unwrap_or_default();
    for line in environ.split('\0') {
        if line.contains("container=lxc") {
            found.guest("lxc");
        }
        if line.contains("container=podman") {
            found.guest("podman");
        }
        if line.strip_prefix("container=").is_some_and(|v| !v.is_empty()) {
            found.guest("container");
        }
    }
    if source.exists("/proc/vz") && !source.exists("/proc/lve") {
        if source.exists("/proc/bc") {
            found.host("openvz");
        } else {
            found.guest("openvz");
        }
    }
    let by_systemd = source.text("/run/systemd/container");
    if let Some(name) = &by_systemd {
        found.guest(name);
    }
    if source.exists("/.dockerenv") || source.exists("/.dockerinit") {
        found.guest("docker");
    }
    let known = ["docker", "lxc", "podman", "openvz", "containerd"];
    if by_systemd.is_some() || known.iter().any(|k| found.guest.contains(*k)) {
        found.guest.insert("container".into());
    }
}

/// What the firmware's tables say.
fn machines(source: &Source<'_>, found: &mut Found) {
    if source.exists("/proc/xen") {
        let is_host = source.lines("/proc/xen/capabilities").iter().any(|l| l.contains("control_d"));
        if is_host {
            found.host("xen");
        } else {
            found.verdict.get_or_insert_with(|| ("xen".into(), "guest"));
        }
    }
    let dmi = |name: &str| source.text(&format!("/sys/devices/virtual/dmi/id/{name}")).unwrap_or_default();
    let (product, vendor, bios) = (dmi("product_name"), dmi("sys_vendor"), dmi("bios_vendor"));
    if ["KVM", "KVM Server", "Bochs", "AHV", "CloudStack KVM Hypervisor"].contains(&product.as_str()) {
        found.guest("kvm");
    }
    if vendor == "oVirt" {
        found.guest("oVirt");
    }
    if vendor == "Red Hat" {
        if dmi("product_family") == "RHV" {
            found.guest("RHV");
        } else if product == "RHEV Hypervisor" {
            found.guest("RHEV");
        }
    }
    if product.starts_with("VMware") {
        found.guest("VMware");
    }
    if ["OpenStack Compute", "OpenStack Nova"].contains(&product.as_str()) {
        found.guest("openstack");
    }
    match bios.as_str() {
        "Xen" => found.guest("xen"),
        "innotek GmbH" => found.guest("virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode" => found.guest("kvm"),
        _ => {}
    }
    match vendor.as_str() {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => found.guest("kvm"),
        "KubeVirt" => found.guest("KubeVirt"),
        "Microsoft Corporation" => found.guest("VirtualPC"),
        "Parallels Software International Inc." => found.guest("parallels"),
        "OpenStack Foundation" => found.guest("openstack"),
        _ => {}
    }
    if product.contains("BHYVE") {
        found.guest("bhyve");
    }
}

fn processors(source: &Source<'_>, found: &mut Found) {
    for line in source.lines("/proc/self/status") {
        if let Some(id) = line.strip_prefix("VxID:") {
            if id.trim().starts_with('0') {
                found.host("linux_vserver");
            } else {
                found.guest("linux_vserver");
            }
        }
    }
    for line in source.lines("/proc/cpuinfo") {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim() {
            "model name" if value.contains("QEMU Virtual CPU") => found.guest("kvm"),
            "model name" if value.contains("UML") => found.guest("uml"),
            "vendor_id" if value.contains("User Mode Linux") => found.guest("uml"),
            "vendor_id" if value.contains("PowerVM Lx86") => found.guest("powervm_lx86"),
            "vendor_id" if value.contains("IBM/S390") => {
                found.guest.insert("PR/SM".into());
                found.verdict.get_or_insert_with(|| ("PR/SM".into(), "LPAR"));
            }
            "machine" if value.contains("CHRP IBM pSeries (emulated by qemu)") => found.guest("kvm"),
            _ => {}
        }
    }
}

fn kernel_modules(source: &Source<'_>, found: &mut Found) {
    let lines = source.lines("/proc/modules");
    let loaded = |name: &str| lines.iter().any(|l| l.split(' ').next() == Some(name));
    if loaded("kvm") {
        found.host("kvm");
    }
    if loaded("vboxdrv") {
        found.host("virtualbox");
    }
    if loaded("virtio") {
        found.host.insert("kvm".into());
        found.verdict.get_or_insert_with(|| ("kvm".into(), "guest"));
    }
}
