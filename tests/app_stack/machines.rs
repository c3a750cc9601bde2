//! Phase 1 with virtual machines in the place of containers: copies of a template that cloud-init makes what they are to be.

use serde_json::json;
use windlass_demo::app::{Stage, hosts};
use windlass_test_hosts::{cores_can_be_limited, leases, memory_can_be_limited, require_hosts};
use windlass_test_proxmox::{Guest, Server};

#[test]
fn a_machine_boots_with_its_address_name_and_key() {
    if !require_hosts() {
        return;
    }
    let template = Guest::qemu(9000, "debian-13-cloud")
        .set("scsi0", "local-lvm:8")
        .set("ide2", "local-lvm:cloudinit")
        .set("net0", "virtio,bridge=vmbr0")
        .template();
    let server = Server::builder().guest(template).backing(hosts().unwrap());
    let mut stage = Stage::new(env!("CARGO_BIN_EXE_windlass").as_ref(), server, 1).unwrap();
    stage.variables["proxmox_guest_type"] = "kvm".into();
    stage.variables["kvm_template"] = "debian-13-cloud".into();
    stage.guest(0)["guest"] = json!({"memory_mb": 512, "cores": 1});

    let first = stage.run("provision_vms.yml", &[], &mut |_| {}).unwrap();
    assert_eq!(first.changed, 3, "{:?}", first.changes());
    let system = stage.login(0, "hostname; . /etc/os-release; echo $VERSION_CODENAME").unwrap();
    assert_eq!(system.trim(), "projecta-dev\ntrixie");
    let lease = leases().unwrap().into_iter().find(|lease| lease.address == stage.address(0)).unwrap();
    assert_eq!(lease.memory_limit(), memory_can_be_limited().then_some(512 << 20));
    assert_eq!(lease.core_limit(), cores_can_be_limited().then_some(1.0));

    stage.server.clear_requests();
    let again = stage.run("provision_vms.yml", &[], &mut |_| {}).unwrap();
    assert_eq!(again.changed, 0, "{:?}", again.changes());
    let writes = stage.server.writes();
    assert!(writes.is_empty(), "{writes:?}");
}
