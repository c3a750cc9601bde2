//! The modules of `community.proxmox` and the inventory plugin of that name, run by the program itself against a server that behaves
//! as Proxmox VE does; and the same playbooks by ansible-core with the original collection, comparing what both write.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "proxmox_modules/drive.rs"]
mod drive;
#[path = "proxmox_modules/errors.rs"]
mod errors;
#[path = "proxmox_modules/inventory.rs"]
mod inventory;
#[path = "proxmox_modules/kvm.rs"]
mod kvm;
#[path = "proxmox_modules/lxc.rs"]
mod lxc;
#[path = "proxmox_modules/patience.rs"]
mod patience;
#[path = "proxmox_modules/preflight.rs"]
mod preflight;
#[path = "proxmox_modules/reference.rs"]
mod reference;
#[path = "proxmox_modules/role.rs"]
mod role;
#[path = "proxmox_modules/stack.rs"]
mod stack;
#[path = "proxmox_modules/templates.rs"]
mod templates;
