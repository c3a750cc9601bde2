//! The role `pote` with its sample application: deployed by a deploy key, migrated, run by cron, finished after an
//! interruption, and never twice for nothing.

use crate::run::{Project, Run};
use std::path::Path;
use std::process::Stdio;
use windlass_test_hosts::{Host, Sudo, Suite, require_hosts};

const PLACES: [&str; 6] = ["/etc", "/home", "/opt", "/srv", "/usr/local", "/var/lib/dpkg"];

/// Every kind of character that a shell, a URL, SQL, a template or an environment file could stumble over.
const PASSWORD: &str = "it's a/b:c@d%20\\\"$HOME`#";
const NEXT_PASSWORD: &str = "quite-another'one";
const SMTP_PASSWORD: &str = "smtp secret \\ \"$1\"";

/// Takes every mail and keeps it.
const MAIL_SERVER: &str = r#"import socketserver

class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda line: self.wfile.write(line + b"\r\n")
        say(b"220 sink")
        lines = None
        for line in self.rfile:
            if lines is not None:
                if line == b".\r\n":
                    open("/srv/mail", "ab").write(b"".join(lines))
                    lines = None
                    say(b"250 kept")
                else:
                    lines.append(line)
            elif line.upper().startswith(b"EHLO"):
                say(b"250-sink")
                say(b"250 AUTH PLAIN")
            elif line.upper().startswith(b"AUTH"):
                open("/srv/auth", "ab").write(line)
                say(b"235 welcome")
            elif line.upper().startswith(b"DATA"):
                lines = []
                say(b"354 go on")
            elif line.upper().startswith(b"QUIT"):
                return say(b"221 bye")
            else:
                say(b"250 fine")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 2525), Sink).serve_forever()
"#;

struct Deployment {
    host: Host,
    project: Project,
    deploy_key: String,
    known_host: String,
}

impl Deployment {
    /// A host with everything that apt would have to fetch, a git server on it, and a mail server.
    fn new() -> Self {
        let host = Host::builder()
            .suite(Suite::Trixie)
            .name("pote-dev")
            .user("git", Sudo::None)
            // The same as for the guest of the app stack: one base system for both.
            .packages(&[
                "ca-certificates",
                "cron",
                "curl",
                "git",
                "openssh-client",
                "postgresql",
                "python3-venv",
                "sudo",
                "ufw",
            ])
            .boot()
            .unwrap();
        put_sample(&host);
        host.write("/srv/mail.py", MAIL_SERVER).unwrap();
        host.sh(
            "ssh-keygen -q -t ed25519 -N '' -f /root/deploy_key && cat /root/deploy_key.pub >> /home/git/.ssh/authorized_keys \
             && cd /srv/checkout && git init -q -b dev && git config user.name Test && git config user.email test@example.com \
             && git add -A && git commit -qm first && install -d -o git /home/git/pote.git \
             && git clone -q --bare . /home/git/pote.git && chown -R git /home/git/pote.git \
             && git config --global --add safe.directory /home/git/pote.git && git remote add origin /home/git/pote.git \
             && systemd-run --quiet --unit=mail-sink python3 /srv/mail.py",
        )
        .unwrap();
        let deploy_key = host.read_text("/root/deploy_key").unwrap();
        let server = host.read_text("/etc/ssh/ssh_host_ed25519_key.pub").unwrap();
        let server: Vec<&str> = server.split_whitespace().take(2).collect();
        let known_host = format!("127.0.0.1 {}", server.join(" "));
        host.sh("rm /root/deploy_key").unwrap();
        let project = Project::new(&host, "pote", "import_role");
        Self { host, project, deploy_key, known_host }
    }

    fn settings(&self, more: &[(&str, serde_json::Value)]) -> String {
        let mut settings = serde_json::json!({
            "pote_env": "dev",
            "pote_git_repo": "git@127.0.0.1:pote.git",
            "pote_git_branch": "dev",
            "pote_db_password": PASSWORD,
            // As text from a vault often comes: without the line break at its end.
            "pote_git_ssh_key": self.deploy_key.trim_end(),
            "pote_git_known_hosts": [self.known_host],
            "pote_smtp_host": "127.0.0.1",
            "pote_smtp_port": 2525,
            "pote_smtp_security": "none",
            "pote_smtp_user": "pote",
            "pote_smtp_password": SMTP_PASSWORD,
            "pote_smtp_from": "pote@example.com",
            "pote_report_recipients": ["desk@example.com", "second@example.com"],
            "pote_env_vars": {"POTE_FEED_URL": "file:///opt/pote/app/tests/feed.json"},
            "pote_cron_jobs": [
                {"name": "fetch", "command": "pote-fetch", "minute": "*"},
                {"name": "report", "command": "pote-report", "minute": "0", "hour": "7", "weekday": "1-5"},
            ],
            "pote_smoke_command": ["python", "-c", "import pote.report"],
            "smoke_check_retries": 2,
            "smoke_check_delay": 1,
        });
        for (name, value) in more {
            settings[*name] = value.clone();
        }
        settings.to_string()
    }

    fn deploy(&self, more: &[(&str, serde_json::Value)], arguments: &[&str]) -> Run {
        let run = self.project.run(&self.settings(more), arguments);
        // As it is, and as part of an address.
        run.hides("c@d%20")
            .hides("c%40d")
            .hides(NEXT_PASSWORD)
            .hides(SMTP_PASSWORD)
            .hides("OPENSSH PRIVATE KEY");
        let line = self.deploy_key.lines().nth(2).unwrap();
        run.hides(line);
        run
    }

    /// Commits to the branch.
    fn commit(&self, script: &str) {
        self.host
            .sh(&format!("cd /srv/checkout && {script} && git add -A && git commit -qm next && git push -q origin dev && chown -R git /home/git/pote.git"))
            .unwrap();
    }

    fn sql(&self, query: &str) -> String {
        let query = query.replace('\'', "'\\''");
        self.host
            .sh(&format!("cd / && runuser -u postgres -- psql -XAtq -d pote -c '{query}'"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// The checked-out commit is the branch's head, and the one that is installed.
    #[track_caller]
    fn assert_deployed(&self) {
        let commits = self
            .host
            .sh("git -C /home/git/pote.git rev-parse dev; runuser -u pote -- git -C /opt/pote/app rev-parse HEAD; cut -d' ' -f1 /opt/pote/.installed")
            .unwrap();
        let commits: Vec<&str> = commits.lines().collect();
        assert!(commits.len() == 3 && commits.iter().all(|c| *c == commits[0]), "{commits:?}");
    }
}

/// Puts the sample application into `/srv/checkout`.
fn put_sample(host: &Host) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/app_stack/pote");
    let mut tar = std::process::Command::new("tar")
        .arg("-C")
        .arg(sample)
        .args(["--exclude=__pycache__", "--exclude=.venv", "-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    host.sh("mkdir -p /srv/checkout").unwrap();
    let unpacked = host
        .ssh("root")
        .args(["tar", "-C", "/srv/checkout", "-x"])
        .stdin(tar.stdout.take().unwrap())
        .status();
    assert!(unpacked.unwrap().success() && tar.wait().unwrap().success());
}

/// A migration that adds a column, and the code that knows it.
fn migration(number: u32, column: &str) -> String {
    format!(
        "sed -i '/traded_on: Mapped/a\\    {column}: Mapped[str | None] = mapped_column(String(99))' src/pote/models.py && \
         printf 'import sqlalchemy as sa\\nfrom alembic import op\\n\\nrevision = \"{number:04}\"\\ndown_revision = \"{:04}\"\\n\\n\\n\
         def upgrade():\\n    op.add_column(\"trades\", sa.Column(\"{column}\", sa.String(99)))\\n' > migrations/versions/{number:04}_{column}.py",
        number - 1
    )
}

#[test]
fn pote_is_deployed_migrated_and_run_by_cron() {
    if !require_hosts() {
        return;
    }
    let pote = Deployment::new();
    let host = &pote.host;

    refusals(&pote);
    let before = host.snapshot_tree(&PLACES).unwrap();
    assert!(pote.deploy(&[], &["--check", "--diff"]).changes() > 0);
    let touched = before.differences(&host.snapshot_tree(&PLACES).unwrap());
    assert!(touched.is_empty(), "{touched:?}");

    assert!(pote.deploy(&[], &[]).changes() > 0);
    pote.deploy(&[], &[]).passes();
    pote.deploy(&[], &["--check", "--diff"]).passes();
    pote.assert_deployed();
    assert_eq!(pote.sql("SELECT version_num FROM alembic_version"), "0002");
    assert_eq!(
        pote.sql("SELECT pg_get_userbyid(datdba) || ' ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'pote'"),
        "pote UTF8"
    );
    let modes = host
        .sh("stat -c '%a %U %n' /opt/pote/.env /opt/pote/.ssh/deploy_key /opt/pote /opt/pote/bin/pote-run")
        .unwrap();
    assert_eq!(
        modes,
        "600 pote /opt/pote/.env\n600 pote /opt/pote/.ssh/deploy_key\n750 pote /opt/pote\n755 root /opt/pote/bin/pote-run\n"
    );
    jobs(&pote);

    // A commit with a migration.
    pote.commit(&migration(3, "note"));
    let run = pote.deploy(&[], &[]);
    assert!(run.changes() >= 4, "{}", run.text);
    pote.assert_deployed();
    assert_eq!(pote.sql("SELECT version_num FROM alembic_version"), "0003");
    assert_eq!(pote.sql("SELECT count(note) FROM trades"), "0");
    pote.deploy(&[], &[]).passes();

    // One without: installed, and nothing is migrated.
    pote.commit("echo more >> README.md");
    assert_eq!(pote.deploy(&[], &[]).changes(), 4, "checkout, and three for the installation");
    pote.assert_deployed();
    pote.deploy(&[], &[]).passes();

    interruptions(&pote);
    other_settings(&pote);
}

fn refusals(pote: &Deployment) {
    for (setting, because) in [
        (("pote_git_repo", "".into()), "pote_git_repo and pote_db_password must be set"),
        (("pote_git_ssh_key", "/root/.ssh/id".into()), "must be the text of a private key"),
        (
            ("pote_git_ssh_key", pote.deploy_key.replace('\n', " ").into()),
            "each of its lines from BEGIN to END",
        ),
        (("pote_git_repo", "https://pote:hunter2@git.example.com/pote.git".into()), "a password or a token"),
        (("pote_env_vars", serde_json::json!({"A": ["b"]})), "is a list or a mapping"),
        (("pote_db_name", "pote; DROP".into()), "must be small letters, digits and underscores"),
        (("pote_env_vars", serde_json::json!({"A": "1\nB=2"})), "holds a line break"),
        (("pote_env_vars", serde_json::json!({"A B": "1"})), "its name is none for a variable"),
        (
            ("pote_cron_jobs", serde_json::json!([{"name": "a/b", "command": "x"}])),
            "A job of pote_cron_jobs needs a name",
        ),
    ] {
        pote.deploy(&[setting], &[]).fails().says(because).says("nothing was changed");
    }
    assert!(!pote.host.exists("/opt/pote"));
}

/// Cron runs them by itself, and what they print, and how they end, is in the journal.
fn jobs(pote: &Deployment) {
    let host = &pote.host;
    let journal = |name: &str| {
        host.sh(&format!("journalctl --sync; journalctl --quiet -o cat -t pote-{name}")).unwrap()
    };
    let begin = std::time::Instant::now();
    while !journal("fetch").contains("2 trades in the feed") && begin.elapsed().as_secs() < 90 {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert!(journal("fetch").contains("2 trades in the feed, 2 of them new"), "{}", journal("fetch"));

    let job = |name: &str, command: &str| {
        host.exec(&[
            "runuser",
            "-u",
            "pote",
            "--",
            "sh",
            "-c",
            &format!("/opt/pote/bin/pote-run --job {name} {command}"),
        ])
        .unwrap()
        .code
    };
    assert_eq!(job("report", "pote-report"), 0, "{}", journal("report"));
    let mail = host.read_text("/srv/mail").unwrap();
    for part in ["Subject: [pote dev] 2 new trades", "To: desk@example.com, second@example.com", "15,000.00"]
    {
        assert!(mail.contains(part), "{mail}");
    }
    // The mail server's password came through the environment file as it is.
    let auth = host.read_text("/srv/auth").unwrap();
    let expected = base64_of(&format!("\0pote\0{SMTP_PASSWORD}"));
    assert!(auth.contains(&expected), "{auth}");
    assert_eq!(job("report", "pote-report"), 0);
    assert!(journal("report").contains("nothing new"));

    assert_eq!(job("fails", "false"), 1);
    assert!(journal("fails").contains("failed with exit status 1"), "{}", journal("fails"));
    host.sh("systemd-run --quiet --unit=busy --uid=pote /opt/pote/bin/pote-run --job slow sleep 30; sleep 1")
        .unwrap();
    assert_eq!(job("slow", "sleep 30"), 75);
    assert!(journal("slow").contains("the last run is still busy"), "{}", journal("slow"));
    host.sh("systemctl stop busy").unwrap();
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Deploys that ended in the middle are finished by the next one.
fn interruptions(pote: &Deployment) {
    let host = &pote.host;
    // After the checkout, before the installation.
    pote.commit(&migration(4, "source"));
    assert_eq!(pote.deploy(&[], &["--tags", "pote_source"]).changes(), 1);
    pote.project
        .run(&pote.settings(&[]), &["--tags", "pote_verify"])
        .fails()
        .says("the checked-out commit is the one that is installed: not so");
    assert!(pote.deploy(&[], &[]).changes() >= 3);
    pote.assert_deployed();
    pote.deploy(&[], &[]).passes();

    // In the installation, and before the migration.
    host.sh("rm -r /opt/pote/.installed /opt/pote/venv/bin/pip; runuser -u pote -- /opt/pote/bin/pote-run alembic stamp 0003").unwrap();
    pote.sql("ALTER TABLE trades DROP COLUMN source");
    pote.project
        .run(&pote.settings(&[]), &["--tags", "pote_verify"])
        .fails()
        .says("the database has the newest migrations: not so");
    assert_eq!(pote.deploy(&[], &[]).changes(), 4, "environment, installation, note, migration");
    assert_eq!(pote.sql("SELECT version_num FROM alembic_version"), "0004");
    pote.deploy(&[], &[]).passes();
}

/// Other settings are followed, and what is no longer wanted goes.
fn other_settings(pote: &Deployment) {
    let host = &pote.host;
    let next = [("pote_db_password", NEXT_PASSWORD.into())];
    assert_eq!(pote.deploy(&next, &[]).changes(), 2, "the environment file, and the user of the database");
    pote.deploy(&next, &[]).passes();
    for password in [PASSWORD, NEXT_PASSWORD] {
        let found =
            host.exec(&["grep", "-rlF", "--", password, "/var/log", "/etc", "/var/lib/postgresql"]).unwrap();
        assert!(found.stdout.is_empty(), "{}", found.stdout);
    }

    let jobs = serde_json::json!([{"name": "nightly", "command": "pote-fetch --date $(date +%F)", "special_time": "daily"}]);
    let fewer = [
        ("pote_db_password", NEXT_PASSWORD.into()),
        ("pote_cron_jobs", jobs),
        ("pote_git_ssh_key", "".into()),
        ("pote_git_repo", "file:///home/git/pote.git".into()),
    ];
    host.sh("chmod -R go+rX /home/git; runuser -u pote -- env HOME=/opt/pote git config --global --add safe.directory /home/git/pote.git").unwrap();
    assert!(pote.deploy(&fewer, &[]).changes() > 0);
    let table = host.read_text("/etc/cron.d/pote").unwrap();
    assert!(
        table.ends_with("@daily pote /opt/pote/bin/pote-run --job nightly pote-fetch --date $(date +\\%F)\n"),
        "{table}"
    );
    assert!(!table.contains("report") && !host.exists("/opt/pote/.ssh/deploy_key"));
    pote.deploy(&fewer, &[]).passes();

    // Another user: it owns everything, and the jobs of the old one are gone.
    host.sh("git config --system --add safe.directory /home/git/pote.git").unwrap();
    let mut renamed = fewer.to_vec();
    renamed.push(("pote_user", "trader".into()));
    assert!(pote.deploy(&renamed, &["--check"]).changes() > 0);
    assert!(pote.deploy(&renamed, &[]).changes() > 0);
    pote.deploy(&renamed, &[]).passes();
    assert!(host.exists("/etc/cron.d/trader") && !host.exists("/etc/cron.d/pote"));
    let of_others = host.sh("find /opt/pote ! -user trader ! -path '/opt/pote/bin*'").unwrap();
    assert!(of_others.is_empty(), "{of_others}");

    let mut without = renamed;
    without.push(("pote_cron_enabled", false.into()));
    assert_eq!(pote.deploy(&without, &[]).changes(), 1);
    assert!(!host.exists("/etc/cron.d/trader"));
}
