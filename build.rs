//! Builds the agent and its companion `windlass-web` for every machine that they can run on, and embeds the results,
//! compressed, in the controller.
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

/// The programs, and how large each may be where it is built for use: raw, and packed with zstd. The agent crosses
/// the line to every new host; what only some tasks need belongs in the other one.
const PROGRAMS: [(&str, usize, usize); 2] =
    [("windlass-agent", 2_700_000, 1_150_000), ("windlass-web", 1_400_000, 640_000)];

struct Agent {
    target: &'static str,
    programs: Vec<Program>,
}

struct Program {
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
    let (mut ready, mut lacking) = (Vec::new(), Vec::new());
    for target in wanted() {
        match have_std(target) {
            Ok(()) => ready.push(target),
            Err(reason) => {
                println!("cargo:warning=no agent for {target}: {reason}");
                lacking.push(target);
            }
        }
    }
    let folder = build(&ready, release, &out);
    let mut agents = Vec::new();
    for target in ready {
        match packed(target, &folder, release, &out) {
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

/// The profile of the agents that go with this build.
fn profile(release: bool) -> &'static str {
    if release { "agent" } else { "agent-dev" }
}

/// Builds the programs for all targets at once, so that the last steps of each, which one processor does alone, are
/// done side by side. Returns the target folder.
fn build(targets: &[&'static str], release: bool, out: &Path) -> PathBuf {
    // OUT_DIR is TARGET/[TRIPLE/]PROFILE/build/PACKAGE-HASH/out.
    let folder = out.ancestors().find(|a| a.file_name().is_some_and(|n| n == "target"));
    let folder = folder.map_or_else(|| out.join("agent"), |target| target.join("agent"));
    if targets.is_empty() {
        return folder;
    }
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--quiet", "--package", "windlass-agent"]);
    for (name, ..) in PROGRAMS {
        cargo.args(["--bin", name]);
    }
    for target in targets {
        cargo.args(["--target", target]);
    }
    cargo.args(["--profile", profile(release), "--target-dir"]).arg(&folder);
    // Run in the workspace, whose Cargo.lock and profiles count.
    cargo.current_dir(variable("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(meant_for_this_build) {
            cargo.env_remove(&name);
        }
    }
    let script = out.join("without-unwind-tables.ld");
    std::fs::write(
        &script,
        "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.gcc_except_table*) } } INSERT AFTER .text;\n",
    )
    .expect("OUT_DIR is writable");
    let discard = format!("-Clink-arg=-T{}", script.display());
    // rustc's own linker and start files: no C cross-compiler is needed.
    let mut flags = vec!["-Clinker=rust-lld", "-Clink-self-contained=yes"];
    if release {
        // Relocations are packed, equal functions are one, and where a panic aborts nothing unwinds: its tables stay out.
        // They come with the standard library whatever is asked of the compiler.
        flags.extend([
            "-Cforce-unwind-tables=no",
            "-Clink-arg=--pack-dyn-relocs=relr",
            "-Clink-arg=--icf=all",
        ]);
        flags.extend(["-Clink-arg=--no-eh-frame-hdr", &discard]);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let done = cargo.output().unwrap_or_else(|e| panic!("cargo cannot be run: {e}"));
    if !done.status.success() {
        // The code does not compile: that is an error of this build, not a lack of this machine.
        eprintln!("{}", String::from_utf8_lossy(&done.stderr));
        panic!("the agent does not build for {}", targets.join(" and "));
    }
    folder
}

/// The programs for a target, from the target folder.
fn packed(target: &'static str, folder: &Path, release: bool, out: &Path) -> Result<Agent, String> {
    let folder = folder.join(target).join(profile(release));
    let programs: Result<Vec<_>, _> = PROGRAMS
        .into_iter()
        .map(|(name, ..)| embed(target, name, &folder.join(name), release, out))
        .collect();
    let programs = programs?;
    if release {
        weigh(target, &programs);
    }
    Ok(Agent { target, programs })
}

/// Ends the build where a program has grown beyond its budget.
fn weigh(target: &str, programs: &[Program]) {
    for ((name, raw, packed), program) in PROGRAMS.iter().zip(programs) {
        let compressed =
            std::fs::metadata(&program.compressed).map_or(usize::MAX, |meta| meta.len() as usize);
        assert!(
            program.size <= *raw && compressed <= *packed,
            "{name} for {target} has {} bytes and {compressed} packed, over its budget of {raw} and {packed}: \
             see \"The agent's weight\" in ARCHITECTURE.md",
            program.size
        );
    }
}

fn embed(
    target: &'static str,
    name: &str,
    binary: &Path,
    release: bool,
    out: &Path,
) -> Result<Program, String> {
    let data = std::fs::read(binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    let level = if release { 19 } else { 3 };
    let small = zstd::encode_all(data.as_slice(), level).map_err(|e| format!("zstd: {e}"))?;
    let compressed = out.join(format!("{name}-{target}.zst"));
    std::fs::write(&compressed, small).map_err(|e| format!("{}: {e}", compressed.display()))?;
    Ok(Program { hash: blake3::hash(&data).to_hex().to_string(), size: data.len(), compressed })
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
    for Agent { target, programs } in agents {
        let _ = writeln!(text, "    EmbeddedAgent {{ target: {target:?},");
        for (field, Program { hash, size, compressed }) in ["agent", "web"].into_iter().zip(programs) {
            let _ = writeln!(
                text,
                "        {field}: Embedded {{ hash: {hash:?}, size: {size}, compressed: include_bytes!({compressed:?}) }},"
            );
        }
        text.push_str("    },\n");
    }
    text.push_str("];\n");
    text
}
