//! What is behind the containers.

use std::net::Ipv4Addr;

/// What a container or a virtual machine is to be, for its backing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its number.
    pub vmid: u32,
    /// Its name.
    pub hostname: String,
    /// What it was made from: `local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst`, or the name of a machine's template.
    pub ostemplate: String,
    /// The address of `net0`, or of a machine's `ipconfig0`, with the length of its prefix, if it has one that does not come by DHCP.
    pub address: Option<(Ipv4Addr, u8)>,
    /// The gateway of that.
    pub gateway: Option<Ipv4Addr>,
    /// Who may log in: root, or a machine's `ciuser`.
    pub user: String,
    /// Whose keys that user accepts, one a line.
    pub keys: String,
    /// That user's password.
    pub password: Option<String>,
    /// Memory, in MiB.
    pub memory: u64,
    /// How many cores it may use.
    pub cores: Option<u32>,
}

/// Guests' life behind the API. Every error is what the task ends with.
pub trait Backing: Send + Sync {
    /// Whether everything here is done at once, so that a task has ended when its UPID is handed out.
    fn at_once(&self) -> bool {
        false
    }
    /// Makes a container's files; it does not run yet.
    fn create(&self, description: &Description, log: &mut Vec<String>) -> Result<(), String>;
    /// Starts it.
    fn start(&self, description: &Description) -> Result<(), String>;
    /// Starts a virtual machine that was copied from a template with cloud-init. The first time it becomes what its settings
    /// say.
    fn boot(&self, _: &Description) -> Result<(), String> {
        Ok(())
    }
    /// Stops it, and keeps its files.
    fn stop(&self, vmid: u32, gently: bool) -> Result<(), String>;
    /// Applies memory and cores to a running one.
    fn limit(&self, description: &Description) -> Result<(), String>;
    /// Removes it.
    fn destroy(&self, vmid: u32) -> Result<(), String>;
    /// Makes a copy of a container.
    fn copy(&self, from: u32, description: &Description) -> Result<(), String>;
}

/// Nothing is behind them: they run because the server remembers that they do. For quick tests.
#[derive(Debug, Default, Clone, Copy)]
pub struct Imagined;

impl Backing for Imagined {
    fn at_once(&self) -> bool {
        true
    }
    fn create(&self, description: &Description, log: &mut Vec<String>) -> Result<(), String> {
        log.push(format!("extracting archive '{}'", description.ostemplate));
        Ok(())
    }
    fn start(&self, _: &Description) -> Result<(), String> {
        Ok(())
    }
    fn stop(&self, _: u32, _: bool) -> Result<(), String> {
        Ok(())
    }
    fn limit(&self, _: &Description) -> Result<(), String> {
        Ok(())
    }
    fn destroy(&self, _: u32) -> Result<(), String> {
        Ok(())
    }
    fn copy(&self, _: u32, _: &Description) -> Result<(), String> {
        Ok(())
    }
}
