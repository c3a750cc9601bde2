//! `status/{action}`: starting, stopping, and what is between.

use super::{At, lxc};
use crate::cluster::Cluster;
use crate::guest::{Guest, Kind};
use crate::reply::{Failure, Reply, data};
use crate::schema::Type;
use crate::task::Job;
use std::time::Instant;

/// What a machine is locked with while its memory lies on a disk (`qm(1)`, "Hibernation").
const SUSPENDED: &str = "suspended";

/// `POST .../status/{action}`.
pub(crate) async fn act(at: At) -> Reply {
    let actions: &[&str] = match at.kind {
        Kind::Lxc => &["start", "stop", "shutdown", "reboot", "suspend", "resume", "unmount"],
        Kind::Qemu => &["start", "stop", "shutdown", "reboot", "suspend", "resume", "reset"],
    };
    let Some(action) = actions.iter().copied().find(|a| *a == at.action) else {
        return Err(Failure::not_implemented(&at.call.method, &at.call.path));
    };
    at.may("VM.PowerMgmt")?;
    at.verify(parameters(at.kind, action), &[])?;
    let (vmid, kind) = (at.vmid, at.kind);
    let running = at.with(|guest| guest.running.is_some())?;
    // A container's state is looked at before there is a task, a virtual machine's in it.
    if kind == Kind::Lxc {
        match action {
            "start" | "resume" if running => {
                return Err(Failure::internal(format!("CT {vmid} already running")));
            }
            "stop" | "shutdown" | "reboot" | "suspend" if !running => {
                return Err(Failure::internal(format!("CT {vmid} not running")));
            }
            _ => {}
        }
    }
    let task = if action == "unmount" { "umount" } else { action };
    let skip = at.call.flag("skiplock");
    let todisk = at.call.flag("todisk");
    let job = Job::new(&at.node, format!("{}{task}", kind.prefix()), vmid, move |cluster, log| {
        let Some(guest) = cluster.state().guests.get(&vmid).cloned() else {
            return Err(format!("{} {vmid} does not exist", kind.word()));
        };
        if action == "start" && guest.is_template() {
            let what = if kind == Kind::Lxc { "CT" } else { "vm" };
            return Err(format!("you can't start a {what} if it's a template"));
        }
        // What hibernates is woken by being started.
        let wakes = action == "start" && guest.lock.as_deref() == Some(SUSPENDED);
        if !skip && !wakes {
            guest.check_lock()?;
        }
        perform(cluster, log, vmid, &guest, action, todisk)
    });
    data(job.begin(&at.cluster, &at.call.caller))
}

fn parameters(kind: Kind, action: &str) -> &'static [(&'static str, Type)] {
    match (kind, action) {
        (_, "shutdown" | "reboot") => &[
            ("timeout", Type::Integer(0, i64::MAX)),
            ("forceStop", Type::Boolean),
            ("keepActive", Type::Boolean),
            ("skiplock", Type::Boolean),
        ],
        (Kind::Lxc, "start") => &[("skiplock", Type::Boolean), ("debug", Type::Boolean)],
        (Kind::Qemu, "start") => &[("skiplock", Type::Boolean), ("timeout", Type::Integer(0, i64::MAX))],
        (_, "stop") => &[
            ("skiplock", Type::Boolean),
            ("overrule-shutdown", Type::Boolean),
            ("timeout", Type::Integer(0, i64::MAX)),
            ("keepActive", Type::Boolean),
        ],
        // The collection sends a time-out with it, which the original refuses.
        (Kind::Qemu, "suspend") => {
            &[("skiplock", Type::Boolean), ("todisk", Type::Boolean), ("statestorage", Type::Text)]
        }
        _ => &[("skiplock", Type::Boolean)],
    }
}

fn set(cluster: &Cluster, vmid: u32, change: impl FnOnce(&mut Guest)) {
    if let Some(guest) = cluster.state().guests.get_mut(&vmid) {
        change(guest);
    }
}

fn perform(
    cluster: &Cluster,
    log: &mut Vec<String>,
    vmid: u32,
    guest: &Guest,
    action: &str,
    todisk: bool,
) -> Result<(), String> {
    let (running, container) = (guest.running.is_some(), guest.kind == Kind::Lxc);
    let stop = |gently| cluster.backing.stop(vmid, gently);
    let start = || match (container, &guest.origin) {
        (true, _) => cluster.backing.start(&lxc::describe(vmid, guest)),
        (false, Some(_)) => cluster.backing.boot(&lxc::describe(vmid, guest)),
        (false, None) => Ok(()),
    };
    let word = guest.kind.word();
    match action {
        "start" if running => Err(format!("{word} {vmid} already running")),
        "start" => {
            start()?;
            set(cluster, vmid, |g| {
                g.running = Some(Instant::now());
                if g.lock.as_deref() == Some(SUSPENDED) {
                    g.lock = None;
                }
            });
            Ok(())
        }
        "stop" | "shutdown" if !running => {
            log.push(format!("{word} {vmid} not running"));
            Ok(())
        }
        "stop" | "shutdown" => {
            stop(action == "shutdown")?;
            set(cluster, vmid, |g| (g.running, g.paused) = (None, false));
            Ok(())
        }
        "reboot" | "reset" if !running => Err(format!("{word} {vmid} not running")),
        "reboot" | "reset" => {
            stop(action == "reboot")?;
            set(cluster, vmid, |g| g.running = None);
            start()?;
            set(cluster, vmid, |g| g.running = Some(Instant::now()));
            Ok(())
        }
        "suspend" if container => Err("checkpointing is not supported here".to_owned()),
        "suspend" if !running => Err(format!("{word} {vmid} not running")),
        "suspend" if todisk => {
            stop(false)?;
            set(cluster, vmid, |g| {
                (g.running, g.paused) = (None, false);
                g.lock = Some(SUSPENDED.to_owned());
            });
            Ok(())
        }
        "suspend" | "resume" => {
            set(cluster, vmid, |g| g.paused = action == "suspend");
            Ok(())
        }
        "unmount" => Err(format!("no lock found trying to remove 'mounted' lock from {vmid}")),
        other => Err(format!("unknown action '{other}'")),
    }
}
