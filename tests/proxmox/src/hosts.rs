//! Guests that are throwaway hosts: they boot, have their address, and whoever has the key may log in.

use crate::{Backing, Description};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windlass_test_hosts::{Host, Suite, network_gateway, network_prefix};

/// Containers are hosts of `windlass-test-hosts`.
///
/// The release is that of the template's name (`debian-12-...` is bookworm, `debian-13-...` trixie). `net0` must have
/// an address of the test network, best one that a [`windlass_test_hosts::Reservation`] keeps free, with its prefix
/// and its gateway. Root accepts the keys of `ssh-public-keys` and nobody else's, and the password if there is one;
/// `memory` and `cores` are limits where the machine's control groups allow them.
///
/// A virtual machine that was copied from a template whose name begins so is one too, from its first start on: what
/// cloud-init would do is done with the address of `ipconfig0`, the name, `sshkeys` and `cipassword` of `ciuser`, who has
/// to be root. All other machines, and guests that were there from the start, are imagined.
pub struct Hosts {
    packages: Vec<(String, Vec<String>)>,
    silent: BTreeSet<u32>,
    /// A host's own lock is held while it boots: others boot beside it.
    running: Mutex<BTreeMap<u32, Arc<Mutex<Host>>>>,
}

impl Hosts {
    /// Hosts without anything besides what a template has.
    #[allow(clippy::new_without_default)] // it takes root and boots machines: nothing to have by default
    pub fn new() -> Self {
        Self { packages: Vec::new(), silent: BTreeSet::new(), running: Mutex::default() }
    }

    /// Debian packages that templates whose names begin so have already, so that they need not be downloaded for every
    /// container of a test.
    pub fn packages(mut self, template: &str, packages: &[&str]) -> Self {
        self.packages.push((template.to_owned(), packages.iter().map(|p| (*p).to_owned()).collect()));
        self
    }

    /// This container never opens SSH.
    pub fn never_ssh(mut self, vmid: u32) -> Self {
        self.silent.insert(vmid);
        self
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Mutex<Host>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, vmid: u32) -> Option<Arc<Mutex<Host>>> {
        self.all().get(&vmid).cloned()
    }

    fn prepare(&self, description: &Description) -> Result<Host, String> {
        let template = template_of(description);
        let suite = suite(template).ok_or_else(|| format!("no test host can be made from '{template}'"))?;
        let Some((address, prefix)) = description.address else {
            return Err("net0: a test host needs a static address".to_owned());
        };
        let gateway = description.gateway;
        if prefix != network_prefix() || gateway.is_some_and(|gw| gw != network_gateway()) {
            let given = gateway.map(|gw| format!(", gw={gw}")).unwrap_or_default();
            let (ours, gateway) = (network_prefix(), network_gateway());
            return Err(format!(
                "net0: ip={address}/{prefix}{given}, but test hosts are in a /{ours} behind {gateway}"
            ));
        }
        let extra = self.packages.iter().filter(|(start, _)| template.starts_with(start.as_str()));
        let extra: Vec<&str> = extra.flat_map(|(_, names)| names.iter().map(String::as_str)).collect();
        let mut builder = Host::builder()
            .suite(suite)
            .name(&description.hostname)
            .address(address)
            .packages(&extra)
            .authorized_keys(&description.keys)
            .memory(description.memory)
            .ssh(!self.silent.contains(&description.vmid));
        if let Some(cores) = description.cores {
            builder = builder.cores(cores);
        }
        if let Some(password) = &description.password {
            builder = builder.root_password(password);
        }
        builder.prepare().map_err(|e| e.to_string())
    }
}

fn template_of(description: &Description) -> &str {
    description.ostemplate.rsplit('/').next().unwrap_or_default()
}

fn suite(template: &str) -> Option<Suite> {
    match template.split('-').take(2).collect::<Vec<_>>().join("-").as_str() {
        "debian-12" => Some(Suite::Bookworm),
        "debian-13" => Some(Suite::Trixie),
        _ => None,
    }
}

fn locked(host: &Mutex<Host>) -> MutexGuard<'_, Host> {
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backing for Hosts {
    fn create(&self, description: &Description, log: &mut Vec<String>) -> Result<(), String> {
        log.push(format!("extracting archive '{}'", description.ostemplate));
        let host = self.prepare(description)?;
        log.push(format!("creating SSH host keys of {}", description.hostname));
        self.all().insert(description.vmid, Arc::new(Mutex::new(host)));
        Ok(())
    }

    fn start(&self, description: &Description) -> Result<(), String> {
        let Some(host) = self.get(description.vmid) else { return Ok(()) };
        let mut host = locked(&host);
        if description.address.is_none_or(|(address, _)| address != host.ip()) {
            return Err(format!("net0: a test host keeps its first address, {}", host.ip()));
        }
        host.limit(Some(description.memory), description.cores);
        host.start().map_err(|e| e.to_string())
    }

    fn boot(&self, description: &Description) -> Result<(), String> {
        if suite(template_of(description)).is_none() {
            return Ok(());
        }
        if description.user != "root" {
            return Err(format!("ciuser: {}, but test hosts know root alone", description.user));
        }
        if self.get(description.vmid).is_none() {
            let host = self.prepare(description)?;
            self.all().insert(description.vmid, Arc::new(Mutex::new(host)));
        }
        self.start(description)
    }

    fn stop(&self, vmid: u32, gently: bool) -> Result<(), String> {
        let Some(host) = self.get(vmid) else { return Ok(()) };
        let mut host = locked(&host);
        if gently { host.stop() } else { host.kill() }.map_err(|e| e.to_string())
    }

    fn limit(&self, description: &Description) -> Result<(), String> {
        if let Some(host) = self.get(description.vmid) {
            locked(&host).limit(Some(description.memory), description.cores);
        }
        Ok(())
    }

    fn destroy(&self, vmid: u32) -> Result<(), String> {
        // It goes away with its last owner.
        drop(self.all().remove(&vmid));
        Ok(())
    }

    fn copy(&self, from: u32, _: &Description) -> Result<(), String> {
        if self.get(from).is_none() {
            return Ok(());
        }
        Err("a test host cannot be copied".to_owned())
    }
}
