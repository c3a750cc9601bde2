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
