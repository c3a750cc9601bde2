//! Arguments of the module for virtual machines.

use super::specs::ApiArgs;
use windlass_protocol::spec::Support;
use windlass_protocol::{Constraint, JsonMap, module_args};

module_args! {
    /// Creates, copies, changes, starts, stops and removes virtual machines of a Proxmox VE cluster. Runs on the controller.
    pub struct KvmArgs for "community.proxmox.proxmox_kvm" {
        /// What the machine shall be; `current` only tells.
        state: String => default("present").choices(&[
            "present", "absent", "stopped", "started", "restarted", "current", "template", "paused", "hibernated"
        ]),
        /// The machine's number; a new one gets the next free number where none is given.
        vmid: Option<i64>,
        /// Its name, by which it is also found where no `vmid` is given.
        name: Option<String>,
        /// The node that it is made on; elsewhere it is found out.
        node: Option<String>,
        /// The pool that a new machine is put into.
        pool: Option<String>,
        /// A backup that the new machine is made from.
        archive: Option<String>,
        /// ACPI.
        acpi: Option<bool>,
        /// The guest's agent: a boolean, or settings like `enabled=1`.
        agent: Option<String>,
        /// Arguments for the hypervisor itself; only `root@pam` may give them.
        args: Option<String>,
        /// Sound devices: `audio0` and so on.
        audio: Option<JsonMap>,
        /// Start it again after a crash.
        autostart: Option<bool>,
        /// Memory in MiB that it keeps when memory gets short; 0 is no ballooning.
        balloon: Option<i64>,
        /// Firmware.
        bios: Option<String> => choices(&["seabios", "ovmf"]),
        /// What it boots from, `order=scsi0;net0`.
        boot: Option<String>,
        /// The disk that it boots from.
        bootdisk: Option<String>,
        /// Files in the place of the generated ones of cloud-init.
        cicustom: Option<String>,
        /// The password of cloud-init's user.
        cipassword: Option<String> => no_log(),
        /// Form of cloud-init's data.
        citype: Option<String> => choices(&["nocloud", "configdrive2"]),
        /// Let cloud-init upgrade packages at the first boot.
        ciupgrade: Option<bool>,
        /// Name of cloud-init's user.
        ciuser: Option<String>,
        /// Name of the machine that the new one is a copy of; with `vmid` the number counts, and this says that a copy is wanted.
        clone: Option<String>,
        /// Cores to a socket.
        cores: Option<i64>,
        /// Kind of processor.
        cpu: Option<String>,
        /// How much computing time it may use, in cores; 0 is no limit.
        cpulimit: Option<i64>,
        /// Its weight among the others when the processors are busy.
        cpuunits: Option<i64>,
        /// Settings to take away, with commas.
        delete: Option<String>,
        /// A note for people.
        description: Option<String>,
        /// Refuse the change if the configuration has another digest.
        digest: Option<String>,
        /// The disk for the variables of the firmware: `storage`, `format`, `efitype`, `pre_enrolled_keys`.
        efidisk0: Option<JsonMap>,
        /// End by force what is not shut down within `timeout` (stopped, absent, template), reset (restarted), or overwrite
        /// (with `archive`).
        force: Option<bool>,
        /// Format of the disks of a copy.
        format: Option<String> => choices(&["cloop", "cow", "qcow", "qcow2", "qed", "raw", "vmdk", "unspecified"]),
        /// Stand still at the start.
        freeze: Option<bool>,
        /// Copy the disks too, where a template's could be shared.
        full: bool => default("true"),
        /// A script on the server for the steps of its life.
        hookscript: Option<String>,
        /// Devices of the node that it gets: `hostpci0` and so on.
        hostpci: Option<JsonMap>,
        /// What can be changed while it runs.
        hotplug: Option<String>,
        /// Huge pages.
        hugepages: Option<String> => choices(&["any", "2", "1024"]),
        /// Disks at IDE: `ide0` and so on.
        ide: Option<JsonMap>,
        /// Addresses for cloud-init: `ipconfig0` and so on.
        ipconfig: Option<JsonMap>,
        /// Layout of the keyboard.
        keyboard: Option<String>,
        /// Virtualization by the processor.
        kvm: Option<bool>,
        /// Its clock has local time.
        localtime: Option<bool>,
        /// Lock it.
        lock: Option<String> => choices(&["migrate", "backup", "snapshot", "rollback"]),
        /// Kind of machine.
        machine: Option<String>,
        /// Memory in MiB.
        memory: Option<i64>,
        /// Move it to `node`.
        migrate: bool => default("false"),
        /// Seconds that it may stand still while it moves.
        migrate_downtime: Option<i64>,
        /// MB per second while it moves; 0 is no limit.
        migrate_speed: Option<i64>,
        /// Name servers for cloud-init.
        nameservers: Option<Vec<String>>,
        /// Interfaces: `net0` and so on, each `MODEL,bridge=vmbr0`.
        net: Option<JsonMap>,
        /// Number of the copy; the next free one where none is given.
        newid: Option<i64>,
        /// NUMA nodes: `numa0` and so on.
        numa: Option<JsonMap>,
        /// NUMA.
        numa_enabled: Option<bool>,
        /// Start it when its node starts.
        onboot: Option<bool>,
        /// Kind of system in it.
        ostype: Option<String> => choices(&[
            "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26", "solaris"
        ]),
        /// Parallel ports: `parallel0` and so on.
        parallel: Option<JsonMap>,
        /// Refuse its removal and that of its disks.
        protection: Option<bool>,
        /// Take it out of backup jobs, replication and HA too when it is removed.
        purge: bool => default("false"),
        /// Let it reboot; else it ends.
        reboot: Option<bool>,
        /// Settings whose waiting change is given up, with commas.
        revert: Option<String>,
        /// Source of random numbers.
        rng0: Option<String>,
        /// Disks at SATA: `sata0` and so on.
        sata: Option<JsonMap>,
        /// Disks at SCSI: `scsi0` and so on.
        scsi: Option<JsonMap>,
        /// Controller of the SCSI disks.
        scsihw: Option<String> => choices(&[
            "lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"
        ]),
        /// Domains that names are looked for in, for cloud-init.
        searchdomains: Option<Vec<String>>,
        /// Serial ports: `serial0` and so on.
        serial: Option<JsonMap>,
        /// Its weight when memory is taken back.
        shares: Option<i64>,
        /// Pass over locks; only `root@pam` may.
        skiplock: Option<bool>,
        /// What its firmware says of it.
        smbios: Option<String>,
        /// The snapshot that the copy is made of.
        snapname: Option<String>,
        /// Sockets.
        sockets: Option<i64>,
        /// Public keys for cloud-init's user.
        sshkeys: Option<String>,
        /// Its clock at the start.
        startdate: Option<String>,
        /// Order and delays of its start.
        startup: Option<String>,
        /// Storage for the disks of a copy or of a restored backup.
        storage: Option<String>,
        /// A tablet as pointer.
        tablet: Option<bool>,
        /// Tags, in any order.
        tags: Option<Vec<String>>,
        /// Node of the copy.
        target: Option<String>,
        /// Correct the drift of its clock.
        tdf: Option<bool>,
        /// It is a template.
        template: Option<bool>,
        /// Seconds to wait for a task of the server; where the machine is stopped, also how long it may take to shut down.
        timeout: i64 => default("30"),
        /// The disk of the TPM: `storage`, `version`.
        tpmstate0: Option<JsonMap>,
        /// Bring the settings of a machine that is there in line with the arguments, but for disks and interfaces.
        update: bool => default("false"),
        /// With `update`: disks and interfaces too. A disk that is there keeps its volume; it grows, and does not shrink or move.
        update_unsafe: bool => default("false"),
        /// USB devices: `usb0` and so on.
        usb: Option<JsonMap>,
        /// Processors that are plugged in at the start.
        vcpus: Option<i64>,
        /// Graphics.
        vga: Option<String>,
        /// Disks at virtio: `virtio0` and so on.
        virtio: Option<JsonMap>,
        /// A watchdog.
        watchdog: Option<String>,
    }
    flatten { api: ApiArgs }
    settings { aliases: &["community.general.proxmox_kvm"], check: Support::Full, diff: Support::Full }
    constraints [
        Constraint::RequiredOneOf(&["name", "vmid"]),
        Constraint::RequiredIf { key: "state", value: "present", needs: &["node"], any: false },
        Constraint::MutuallyExclusive(&["delete", "revert"]),
        Constraint::MutuallyExclusive(&["delete", "update"]),
        Constraint::MutuallyExclusive(&["revert", "update"]),
        Constraint::MutuallyExclusive(&["clone", "update"]),
        Constraint::MutuallyExclusive(&["clone", "delete"]),
        Constraint::MutuallyExclusive(&["clone", "revert"])
    ]
}
