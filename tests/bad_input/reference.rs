//! ansible-core, if it has been fetched: the differential tests do that.

use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "2.19.14";

fn bin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oracle").join(VERSION).join("bin")
}

/// The interpreter of the reference.
pub fn python() -> PathBuf {
    bin().join("python")
}

/// A program of the reference; `None` (told once, and a failure in continuous integration) if it is not there.
pub fn program(name: &str) -> Option<Command> {
    static TOLD: std::sync::Once = std::sync::Once::new();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oracle").join(VERSION).join("bin").join(name);
    if path.exists() {
        return Some(Command::new(path));
    }
    TOLD.call_once(|| {
        println!("!! NOT RUN: the comparison of exit codes needs ansible-core {VERSION} in target/oracle");
        assert!(std::env::var_os("CI").is_none(), "ansible-core {VERSION} is not there");
    });
    None
}
