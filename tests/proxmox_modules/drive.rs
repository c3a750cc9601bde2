//! Runs modules: a playbook of one task for each step, whose results come back as JSON.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use windlass_test_proxmox::Server;

/// The template that every server has.
pub const DEBIAN: &str = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst";

/// A task.
#[derive(Debug, Clone)]
pub struct Step {
    pub module: &'static str,
    pub args: Value,
    pub check: bool,
}

/// A step by the module for containers.
pub fn lxc(args: Value) -> Step {
    Step { module: "community.proxmox.proxmox", args, check: false }
}

/// A step by the module for virtual machines.
pub fn kvm(args: Value) -> Step {
    Step { module: "community.proxmox.proxmox_kvm", args, check: false }
}

/// A step by the module for templates.
pub fn template(args: Value) -> Step {
    Step { module: "community.proxmox.proxmox_template", args, check: false }
}

/// A step that asks.
pub fn info(args: Value) -> Step {
    Step { module: "community.proxmox.proxmox_vm_info", args, check: false }
}

impl Step {
    /// The same in check mode.
    pub fn check(mut self) -> Self {
        self.check = true;
        self
    }
    /// With another argument.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.args[name] = value.into();
        self
    }
}

/// The arguments by which a server is reached.
pub fn access(server: &Server) -> Value {
    json!({
        "api_host": server.host(), "api_port": server.port(), "api_user": server.user(), "api_password": server.password(),
        "validate_certs": false
    })
}

/// A playbook with these steps; what they returned goes into a file.
pub fn playbook(server: &Server, steps: &[Step], results: &Path) -> String {
    let mut tasks = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut args = access(server);
        for (name, value) in step.args.as_object().unwrap() {
            if value.is_null() {
                args.as_object_mut().unwrap().remove(name);
            } else {
                args[name] = value.clone();
            }
        }
        tasks.push(json!({
            "name": format!("step {at}"), step.module: args, "register": format!("r{at}"), "ignore_errors": true,
            "check_mode": step.check, "diff": true
        }));
    }
    let all: Vec<String> = (0..steps.len()).map(|at| format!("r{at}")).collect();
    tasks.push(json!({
        "name": "results", "ansible.builtin.copy": {"dest": results, "content": format!("{{{{ [{}] | to_json }}}}", all.join(", "))},
        "check_mode": false, "diff": false
    }));
    json!([{"hosts": "localhost", "gather_facts": false, "tasks": tasks}]).to_string()
}

/// Runs a program with a playbook in a folder of its own; its output, and the results of the steps.
pub fn play(program: &mut Command, server: &Server, steps: &[Step]) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.json");
    std::fs::write(folder.path().join("play.yml"), playbook(server, steps, &results)).unwrap();
    let output = program
        .current_dir(folder.path())
        .args(["-i", "localhost,", "-c", "local", "-vvv", "play.yml"])
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_LOCALHOST_WARNING", "False")
        .env_remove("ANSIBLE_CONFIG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let found = std::fs::read_to_string(&results).unwrap_or_else(|error| panic!("{error}:\n{said}"));
    (output, serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}")))
}

/// This program, as `ansible-playbook` is called.
pub fn windlass() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.arg("playbook");
    for name in ["HOST", "PORT", "USER", "PASSWORD", "TOKEN_ID", "TOKEN_SECRET", "VALIDATE_CERTS", "URL"] {
        command.env_remove(format!("PROXMOX_{name}"));
    }
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
        command.env_remove(name);
    }
    command
}

/// The results of steps by this program. Nothing that it prints has the password in it, though it stands in the playbook.
pub fn run(server: &Server, steps: &[Step]) -> Vec<Value> {
    let (output, results) = play(&mut windlass(), server, steps);
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains("hunter2") && !text.contains("PVE:root@pam:"), "{text}");
    }
    results
}

/// The result of one step.
pub fn one(server: &Server, step: Step) -> Value {
    run(server, &[step]).remove(0)
}

/// The message of a result.
pub fn msg(result: &Value) -> &str {
    result["msg"].as_str().unwrap_or_else(|| panic!("no message: {result}"))
}

/// What a result says: `changed`, `ok` or `failed`, and its message.
pub fn short(result: &Value) -> (&'static str, &str) {
    let state = match (result["failed"] == json!(true), result["changed"] == json!(true)) {
        (true, _) => "failed",
        (false, true) => "changed",
        (false, false) => "ok",
    };
    (state, msg(result))
}

/// The requests since the last call that may have changed something, as lines.
pub fn writes(server: &Server) -> Vec<String> {
    let lines = server.writes().iter().map(windlass_test_proxmox::Request::line).collect();
    server.clear_requests();
    lines
}
