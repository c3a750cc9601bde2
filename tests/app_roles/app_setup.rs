//! The role `app_setup` with an application that needs nothing from anywhere: deploys that are killed, units that are
//! wrong, single tags, and settings with other names.

use crate::base_os::PACKAGES;
use crate::run::{Project, Run};
use serde_json::{Value, json};
use std::process::Child;
use std::time::{Duration, Instant};
use windlass_test_hosts::{Host, Sudo, Suite, require_hosts};

/// Answers with its environment; both halves run it.
const SERVER: &str = r#"const {APP_ENV, GREETING, PORT} = process.env
require('http').createServer((_, answer) => answer.end(`${APP_ENV} ${GREETING}\n`)).listen(Number(PORT))
"#;

/// Waits as long as `/srv/hold` names this step, having done half of it.
const WAIT: &str = r#"const fs = require('fs')
const step = process.argv[2]
const held = () => fs.existsSync('/srv/hold') && fs.readFileSync('/srv/hold', 'utf8').trim() === step
fs.writeFileSync(`half-${step}`, '')
while (held()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
fs.renameSync(`half-${step}`, `done-${step}`)
"#;

struct Deployment {
    host: Host,
    project: Project,
    settings: Value,
}

impl Deployment {
    /// A host with the application's user, and a git server on it.
    fn new() -> Self {
        let host = Host::builder()
            .suite(Suite::Trixie)
            .name("app")
            .user("git", Sudo::None)
            .user("appuser", Sudo::None)
            .user("worker", Sudo::None)
            .packages(&PACKAGES)
            .boot()
            .unwrap();
        for (half, scripts) in [
            ("backend", json!({"preinstall": "node wait.js install", "migrate": "node wait.js migrate"})),
            ("frontend", json!({"build": "node wait.js build"})),
        ] {
            let package = json!({"name": half, "version": "1.0.0", "private": true, "scripts": scripts});
            let lock = json!({
                "name": half, "version": "1.0.0", "lockfileVersion": 3, "requires": true,
                "packages": {"": {"name": half, "version": "1.0.0"}},
            });
            let folder = format!("/srv/checkout/{half}");
            for (file, text) in [
                ("package.json", package.to_string().as_str()),
                ("package-lock.json", lock.to_string().as_str()),
                ("server.js", SERVER),
                ("wait.js", WAIT),
            ] {
                host.write(&format!("{folder}/{file}"), text).unwrap();
            }
        }
        // What the unit starts comes with the first deploy.
        host.write("/srv/checkout/backend/start", "#!/bin/sh\nexec /usr/bin/node server.js\n").unwrap();
        host.sh(
            "chmod +x /srv/checkout/backend/start && ssh-keygen -q -t ed25519 -N '' -f /root/deploy_key && cat /root/deploy_key.pub >> /home/git/.ssh/authorized_keys \
             && cd /srv/checkout && git init -q -b main && git config user.name Test && git config user.email test@example.com \
             && git add -A && git commit -qm first && git clone -q --bare . /home/git/app.git && chown -R git /home/git/app.git \
             && git config --global --add safe.directory /home/git/app.git && git remote add origin /home/git/app.git",
        )
        .unwrap();
        let key = host.read_text("/root/deploy_key").unwrap();
        let elsewhere = host.read_text("/root/deploy_key.pub").unwrap();
        let elsewhere: Vec<&str> = elsewhere.split_whitespace().take(2).collect();
        let settings = json!({
            "app_repo_url": "git@127.0.0.1:app.git",
            // As it comes from an editor of Windows, and without the line break at its end.
            "app_deploy_key": key.trim_end().replace('\n', "\r\n"),
            // The server is another one than those that are known: its key is accepted, and stays apart from theirs.
            "app_git_known_hosts": [format!("git.example.com {}", elsewhere.join(" "))],
            "app_git_accept_new_hostkey": true,
            "app_backend_start_cmd": "/srv/app/backend/start",
            "app_frontend_start_cmd": "/usr/bin/node server.js",
            "app_backend_health_path": "/",
            "app_backend_health_body": "^dev hello",
            "app_env_vars": {"GREETING": "hello"},
            "app_verify_stable_seconds": 1,
            "smoke_check_retries": 5,
            "smoke_check_delay": 1,
        });
        let project = Project::new(&host, "app_setup", "import_role");
        Self { host, project, settings }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let run = self.project.run(&self.settings.to_string(), arguments);
        run.hides("OPENSSH PRIVATE KEY");
        run
    }

    fn commit(&self) {
        self.host
            .sh("cd /srv/checkout && date +%N >> backend/README && git add -A && git commit -qm next && git push -q origin main && chown -R git /home/git/app.git")
            .unwrap();
    }

    /// Begins a deploy, and comes back when it is in the middle of a step.
    fn in_the_middle_of(&self, step: &str) -> Child {
        self.host.write("/srv/hold", step).unwrap();
        let child = self.project.begin(&self.settings.to_string(), &[]);
        let half = if step == "build" { "frontend" } else { "backend" };
        self.wait(&format!("test -e /srv/app/{half}/half-{step}"));
        child
    }

    fn wait(&self, until: &str) {
        let begin = Instant::now();
        while !self.host.exec(&["sh", "-c", until]).unwrap().success() {
            assert!(begin.elapsed() < Duration::from_secs(60), "never: {until}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The head of the branch is checked out, installed, built and running, and nothing is left to do.
    #[track_caller]
    fn assert_converges(&self) {
        self.host.sh("rm -f /srv/hold").unwrap();
        assert!(self.run(&[]).changes() > 0);
        self.run(&[]).passes();
        let head = self.host.sh("git -C /home/git/app.git rev-parse main").unwrap();
        assert_eq!(self.host.read_text("/srv/app/REVISION").unwrap(), head);
        let left = self.host.sh(
            "systemctl is-active --quiet app-backend app-frontend && /usr/local/bin/deploy_app.sh --check && cd /srv/app \
             && test -e backend/done-install -a -e backend/done-migrate -a -e frontend/done-build \
             && ls backend frontend .git /var/lib/app-deploy",
        );
        let left = left.unwrap();
        assert!(!left.contains("half-") && !left.contains(".lock") && !left.contains("unfinished"), "{left}");
    }

    /// What the backend answers.
    fn says(&self) -> String {
        self.host.sh("curl -sS http://127.0.0.1:3001/").unwrap().trim().to_owned()
    }
}

#[test]
fn deploys_that_were_killed_are_finished_and_settings_followed() {
    if !require_hosts() {
        return;
    }
    let mut app = Deployment::new();

    // npm and the script are killed, and nobody has time to tidy up.
    let child = app.in_the_middle_of("install");
    app.host.sh("pkill -KILL -f '[/]usr/local/bin/deploy_app.sh' ; pkill -KILL -u appuser").unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    run.fails().says("Deploy");
    assert!(
        !app.host.exists("/var/lib/app-deploy/deployed") && app.host.exists("/var/lib/app-deploy/unfinished")
    );
    app.assert_converges();
    assert_eq!(app.says(), "dev hello");

    // So is the controller, in the middle of a build; and git was, at some time, in the middle of a checkout.
    app.commit();
    let mut child = app.in_the_middle_of("build");
    child.kill().unwrap();
    child.wait().unwrap();
    app.host.sh("pkill -KILL -f '[/]usr/local/bin/deploy_app.sh' || true; pkill -KILL -u appuser -f wait.js || true").unwrap();
    app.host
        .sh("runuser -u appuser -- touch /srv/app/.git/index.lock /srv/app/.git/refs/heads/main.lock")
        .unwrap();
    app.assert_converges();

    broken_unit(&mut app);
    single_tags(&mut app);
    other_names(&mut app);
}

/// A unit that systemd would not take does not get to the place of the one that runs.
fn broken_unit(app: &mut Deployment) {
    let unit = "/etc/systemd/system/app-backend.service";
    let before =
        (app.host.read_text(unit).unwrap(), app.host.sh("systemctl show -P MainPID app-backend").unwrap());
    for (setting, value, because) in [
        ("app_backend_service_extra_lines", json!(["Restrat=no"]), "Restrat"),
        ("app_backend_start_cmd", json!("/usr/bin/nodejs-of-yesterday server.js"), "is not executable"),
    ] {
        let good = app.settings.get(setting).cloned();
        app.settings[setting] = value;
        app.run(&[]).fails().says("failed to validate").says(because);
        match good {
            Some(good) => app.settings[setting] = good,
            None => drop(app.settings.as_object_mut().unwrap().remove(setting)),
        }
        let after = (
            app.host.read_text(unit).unwrap(),
            app.host.sh("systemctl show -P MainPID app-backend").unwrap(),
        );
        assert_eq!(before, after);
    }
    app.run(&[]).passes();
}

/// A single tag does what it is for.
fn single_tags(app: &mut Deployment) {
    app.run(&["--tags", "app_verify"]).passes();
    app.settings["app_env_vars"]["GREETING"] = "hello again".into();
    assert_eq!(app.run(&["--tags", "app_environment"]).changes(), 3, "the file, and two services");
    assert_eq!(app.says(), "dev hello again");
    // What was built is not what would be built now.
    app.run(&["--tags", "app_verify"]).fails().says("the checkout is the head of main");
    assert_eq!(app.run(&["--tags", "app_deploy"]).changes(), 1);
    app.run(&["--tags", "app_folders,app_deploy_key,app_service,app_verify"]).passes();
}

/// What an environment and a user of another name left behind goes.
fn other_names(app: &mut Deployment) {
    app.settings["app_env"] = "qa".into();
    app.settings["app_backend_health_body"] = "^qa hello".into();
    app.settings["app_owner"] = "worker".into();
    assert!(app.run(&[]).changes() > 0);
    app.run(&[]).passes();
    assert_eq!(app.says(), "qa hello again");
    assert!(app.host.exists("/srv/app/.env.qa") && !app.host.exists("/srv/app/.env.dev"));
    let of_others =
        app.host.sh("find /srv/app /var/lib/app ! -user worker; ls -A /home/appuser/.ssh").unwrap();
    assert!(!of_others.contains("/srv") && !of_others.contains("app_"), "{of_others}");
    assert!(app.host.exists("/home/worker/.ssh/app_deploy_key"));

    // A server that is known needs no accepting, and what was accepted is forgotten.
    let server = app.host.read_text("/etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let server: Vec<&str> = server.split_whitespace().take(2).collect();
    assert!(app.host.exists("/home/worker/.ssh/app_known_hosts_accepted"));
    app.settings["app_git_accept_new_hostkey"] = false.into();
    app.settings["app_git_known_hosts"] = json!([format!("127.0.0.1 {}", server.join(" "))]);
    assert!(app.run(&[]).changes() > 0);
    app.run(&[]).passes();
    assert!(!app.host.exists("/home/worker/.ssh/app_known_hosts_accepted"));
}
