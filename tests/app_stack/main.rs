//! The example `examples/app_stack`: both of its phases against a Proxmox API whose containers are real, and what it
//! refuses to do.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod machines;
mod projects;
mod refusals;
mod vault;

use windlass_test_hosts::require_hosts;

#[test]
fn containers_are_provisioned_configured_and_changed() {
    if !require_hosts() {
        return;
    }
    let windlass = env!("CARGO_BIN_EXE_windlass");
    windlass_demo::app::run(windlass.as_ref(), &mut |line| println!("{line}"))
        .unwrap_or_else(|e| panic!("{e}"));
}
