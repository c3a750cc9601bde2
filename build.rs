//! Builds the agent for every machine that it can run on, and embeds the results, compressed, in the controller.
//!
//! The agents are built by a second cargo in a target folder of its own (`target/agent`): the one that runs this
//! script holds the lock on the usual folder. `WINDLASS_AGENT_TARGETS` (names separated by commas or blanks)
//! restricts the targets, for a quick development loop; `none` embeds no agent at all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// What the agent is made from.
const SOURCES: [&str; 7] = [
    "build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "crates/windlass-agent/Cargo.toml",
    "crates/windlass-agent/src",
    "crates/windlass-protocol/Cargo.toml",
    "crates/windlass-protocol/src",
];

struct Agent {
    target: &'static str,
    hash: String,
    size: usize,
    compressed: PathBuf,
}

fn main() {
    println!("cargo:rerun-if-env-changed=WINDLASS_AGENT_TARGETS");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let release = variable("PROFILE") == "release";
    let mut agents = Vec::new();
    let mut lacking = Vec::new();
    for target in wanted() {
        match build(target, release, &out) {
            Ok(agent) => agents.push(agent),
            Err(reason) => {
                println!("cargo:warning=no agent for {target}: {reason}");
                lacking.push(target);
            }
        }
    }
    if !lacking.is_empty() && !agents.is_empty() {
        println!("cargo:warning=hosts that need {} cannot be deployed to by this build", lacking.join(", "));
    }
    std::fs::write(out.join("agents.rs"), generated(&agents)).expect("OUT_DIR is writable");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn wanted() -> Vec<&'static str> {
    let Ok(names) = std::env::var("WINDLASS_AGENT_TARGETS") else { return TARGETS.to_vec() };
    let names: Vec<&str> = names.split([',', ' ']).filter(|n| !n.is_empty()).collect();
    for name in names.iter().filter(|n| **n != "none" && !TARGETS.contains(n)) {
        println!("cargo:warning=WINDLASS_AGENT_TARGETS: {name} is not one of {}", TARGETS.join(", "));
    }
    if names.is_empty() {
        TARGETS.to_vec()
    } else {
        TARGETS.into_iter().filter(|t| names.contains(t)).collect()
    }
}

fn build(target: &'static str, release: bool, out: &Path) -> Result<Agent, String> {
    have_std(target)?;
    // OUT_DIR is TARGET/[TRIPLE/]PROFILE/build/PACKAGE-HASH/out.
    let folder = out.ancestors().find(|a| a.file_name().is_some_and(|n| n == "target"));
    let folder = folder.map_or_else(|| out.join("agent"), |target| target.join("agent"));
    let profile = if release { "agent" } else { "agent-dev" };
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--quiet", "--package", "windlass-agent", "--bin", "windlass-agent"]);
    cargo.args(["--profile", profile, "--target", target, "--target-dir"]).arg(&folder);
    // Run in the workspace, whose Cargo.lock and profiles count.
    cargo.current_dir(variable("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(meant_for_this_build) {
            cargo.env_remove(&name);
        }
    }
    // rustc's own linker and start files: no C cross-compiler is needed.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Clinker=rust-lld\x1f-Clink-self-contained=yes");
    let done = cargo.output().map_err(|e| format!("cargo cannot be run: {e}"))?;
    if !done.status.success() {
        // The code does not compile: that is an error of this build, not a lack of this machine.
        eprintln!("{}", String::from_utf8_lossy(&done.stderr));
        panic!("the agent does not build for {target}");
    }
    let binary = folder.join(target).join(profile).join("windlass-agent");
    embed(target, &binary, release, out)
}

fn embed(target: &'static str, binary: &Path, release: bool, out: &Path) -> Result<Agent, String> {
    let data = std::fs::read(binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    let level = if release { 19 } else { 3 };
    let small = zstd::encode_all(data.as_slice(), level).map_err(|e| format!("zstd: {e}"))?;
    let compressed = out.join(format!("windlass-agent-{target}.zst"));
    std::fs::write(&compressed, small).map_err(|e| format!("{}: {e}", compressed.display()))?;
    Ok(Agent { target, hash: blake3::hash(&data).to_hex().to_string(), size: data.len(), compressed })
}

/// Variables that the outer cargo sets for this script, or that its caller set for its own build, and that would
/// change the inner one. The jobserver stays, so that both share the allowed number of jobs.
fn meant_for_this_build(name: &str) -> bool {
    const EXACT: [&str; 17] = [
        "RUSTFLAGS",
        "RUSTC",
        "RUSTDOC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "RUSTC_BOOTSTRAP",
        "TARGET",
        "HOST",
        "PROFILE",
        "OUT_DIR",
        "OPT_LEVEL",
        "DEBUG",
        "NUM_JOBS",
        "LD_LIBRARY_PATH",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
    ];
    const STARTS: [&str; 13] = [
        "CARGO_PKG_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CARGO_ENCODED_",
        "CARGO_BUILD_RUST",
        "CARGO_PRIMARY",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "DEP_",
        "CLIPPY_",
    ];
    EXACT.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// Checks that the standard library for a target is there, and asks rustup for it where it is not.
fn have_std(target: &str) -> Result<(), String> {
    let sysroot = Command::new(variable("RUSTC")).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map_err(|e| format!("rustc cannot be run: {e}"))?.stdout;
    let rustlib = PathBuf::from(String::from_utf8_lossy(&sysroot).trim()).join("lib/rustlib");
    // rustup rewrites this list with every target that comes or goes.
    let list = rustlib.join("components");
    if list.exists() {
        println!("cargo:rerun-if-changed={}", list.display());
    }
    let libraries = rustlib.join(target).join("lib");
    if libraries.is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", target]).output();
    match added {
        Ok(done) if done.status.success() && libraries.is_dir() => Ok(()),
        Ok(done) => {
            let text = String::from_utf8_lossy(&done.stderr).trim().replace('\n', " ");
            Err(format!(
                "its standard library is not installed, and `rustup target add {target}` failed: {text}"
            ))
        }
        Err(_) => {
            Err("its standard library is not installed, and there is no rustup to install it".to_owned())
        }
    }
}

fn generated(agents: &[Agent]) -> String {
    let mut text = String::from("/// The agents in this build.\npub const AGENTS: &[EmbeddedAgent] = &[\n");
    for Agent { target, hash, size, compressed } in agents {
        let _ = writeln!(
            text,
            "    EmbeddedAgent {{ target: {target:?}, hash: {hash:?}, size: {size}, compressed: include_bytes!({compressed:?}) }},"
        );
    }
    text.push_str("];\n");
    text
}
