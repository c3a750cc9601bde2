//! What windlass runs on a target: modules that observe, plan and apply, behind one door to the operating system.
//!
//! [`server`] reads requests and answers them; [`registry`] finds the module; [`module`] says what a module is;
//! [`apply`] executes plans; [`system`] is the only door to the operating system.

pub mod apply;
pub mod blobs;
pub mod expand;
pub mod module;
pub mod modules;
pub mod paths;
pub mod registry;
pub mod server;
pub mod system;
pub mod text;
pub mod web;

pub use module::{Context, Finish, Module, ModuleError, Plan};

/// Keeps what this process holds, passwords among it, out of core dumps and away from other processes of the same user.
/// Programs that it runs are not concerned.
pub fn keep_memory_private() {
    // Where the kernel refuses, there is nothing better to do.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
