#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Node, output};
use serde_json::json;

const SITE: &str = "/srv/venv/lib/python3.11/site-packages";

/// A machine with a virtual environment that holds Django 4.2.1.
fn with_environment() -> Fake {
    let fake = Fake::new();
    fake.file("/srv/venv/bin/activate", "");
    fake.put("/srv/venv/bin/pip3", Node::file("").mode(0o755));
    fake.file("/srv/venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n");
    fake.file(format!("{SITE}/Django-4.2.1.dist-info/METADATA"), "");
    fake.program_with("pip3", |fake, run| {
        if run.argv.iter().any(|a| a == "--dry-run") {
            return output(0, "Would install gunicorn-20.0\n", "");
        }
        match run.argv[1].as_str() {
            "install" => {
                fake.file(format!("{SITE}/gunicorn-20.0.dist-info/METADATA"), "");
                output(0, "Successfully installed gunicorn-20.0\n", "")
            }
            "uninstall" => {
                fake.delete(format!("{SITE}/Django-4.2.1.dist-info"));
                output(0, "Successfully uninstalled Django-4.2.1\n", "")
            }
            _ => output(2, "", "what?"),
        }
    });
    fake
}

#[test]
fn what_is_there_is_seen_without_asking_pip() {
    let fake = with_environment();
    for name in [json!("django"), json!("Django==4.2.1"), json!(["django>=4", "<5"]), json!("django~=4.2")] {
        let args = json!({"name": name, "virtualenv": "/srv/venv"});
        let outcome = fake.run_module("pip", args.clone());
        assert!(!outcome.failed && !outcome.changed, "{name}: {:?}", outcome.msg);
        assert!(!fake.check_module("pip", args).changed);
    }
    assert!(fake.runs().is_empty(), "{:?}", fake.runs());
    let outcome = fake.run_module("pip", json!({"name": "x", "state": "absent", "virtualenv": "/srv/venv"}));
    assert!(!outcome.changed);
}

#[test]
fn installs_and_removes() {
    let fake = with_environment();
    let args = json!({"name": "gunicorn", "version": "20.0", "virtualenv": "/srv/venv"});
    assert!(fake.check_module("pip", args.clone()).changed);
    let outcome = fake.run_module("pip", args.clone());
    assert!(outcome.changed, "{:?}", outcome.msg);
    assert_eq!(fake.commands(), ["/srv/venv/bin/pip3 install gunicorn==20.0"]);
    assert_eq!(outcome.values()["cmd"], json!(["/srv/venv/bin/pip3", "install", "gunicorn==20.0"]));
    assert_eq!(outcome.values()["virtualenv"], json!("/srv/venv"));
    assert!(!fake.run_module("pip", args).changed);
    let run = &fake.runs().pop().unwrap().run;
    assert!(run.env.iter().any(|(k, v)| k == "PATH" && v.starts_with("/srv/venv/bin:")));
    let gone = json!({"name": "Django", "state": "absent", "virtualenv": "/srv/venv"});
    assert!(fake.run_module("pip", gone.clone()).changed);
    assert!(!fake.run_module("pip", gone).changed);
}

#[test]
fn requirements_are_compared_before_and_after() {
    let fake = with_environment();
    let args = json!({"requirements": "req.txt", "virtualenv": "venv", "chdir": "/srv", "extra_args": "--no-cache-dir"});
    let outcome = fake.run_module("pip", args.clone());
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(fake.commands(), ["/srv/venv/bin/pip3 install --no-cache-dir -r req.txt"]);
    assert!(outcome.values().keys().all(|k| !k.starts_with('_')));
    // pip says the same again, but nothing is new.
    assert!(!fake.run_module("pip", args).changed);
}

#[test]
fn makes_a_missing_environment() {
    let fake = Fake::new();
    fake.put("/usr/bin/python3", Node::file("").mode(0o755));
    fake.program_with("python3", |fake, run| {
        assert_eq!(run.argv[1..], ["-m", "venv", "/srv/new"]);
        fake.file("/srv/new/bin/activate", "");
        fake.put("/srv/new/bin/pip", Node::file("").mode(0o755));
        fake.put("/srv/new/bin/python", Node::file("").mode(0o755));
        output(0, "", "")
    });
    fake.program("python", |_, _| output(0, "Successfully installed x-1\n", ""));
    let args = json!({"name": "x", "virtualenv": "/srv/new", "virtualenv_command": "python3 -m venv"});
    assert!(fake.check_module("pip", args.clone()).changed);
    let outcome = fake.run_module("pip", args);
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(
        fake.commands(),
        ["/usr/bin/python3 -m venv /srv/new", "/srv/new/bin/python -m pip install x"]
    );
}

#[test]
fn python_looks_for_pip_where_nobody_else_can_put_one() {
    let fake = Fake::new();
    fake.put("/usr/bin/python3", Node::file("").mode(0o755));
    fake.program("python3", |_, _| output(0, "Successfully installed x-1\n", ""));
    fake.dir("/run/agent");
    let scratch = std::path::Path::new("/run/agent");
    let outcome = fake.task("pip", json!({"name": "x"})).scratch(scratch).run();
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(fake.commands(), ["/usr/bin/python3 -m pip install x"]);
    for ran in fake.runs() {
        assert_eq!(ran.run.cwd.as_deref(), Some("/run/agent"), "{:?}", ran.run.argv);
    }
}

#[test]
fn mistakes() {
    let fake = with_environment();
    let run = |args| fake.run_module("pip", args).msg.unwrap();
    assert_eq!(
        run(json!({"name": "x", "state": "latest", "version": "1"})),
        "version is incompatible with state=latest"
    );
    assert!(run(json!({"name": ["x", "y"], "version": "1"})).starts_with("'version' argument is ambiguous"));
    assert!(run(json!({"name": "x>1", "version": "1"})).starts_with("The 'version' argument conflicts"));
    assert_eq!(run(json!({"name": "x", "umask": "9"})), "umask must be an octal integer");
    assert!(
        run(json!({"name": "x", "virtualenv": "/none"}))
            .contains("set virtualenv_command to 'python3 -m venv'")
    );
    let nothing = Fake::new().run_module("pip", json!({"name": "x"}));
    assert_eq!(nothing.msg.unwrap(), "Unable to find any of pip3 to use.  pip needs to be installed.");
    fake.program("pip3", |_, _| output(1, "out", "no such package"));
    let failed = fake.run_module("pip", json!({"name": "x", "virtualenv": "/srv/venv"}));
    assert_eq!(failed.msg.unwrap(), "stdout: out\n:stderr: no such package");
}
