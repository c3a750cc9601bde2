//! `windlass inventory`, through its command line. The expected texts are what `ansible-inventory` prints for the same
//! files.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use clap::Parser;

use super::*;
use crate::secrets::{NoTerminal, Redactor, vault};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: InventoryArgs,
}

const HOSTS: &str = "\
lone
[web]
w[1:2] http_port=80
[db]
d1 name='\u{e4} b' l=\"[1,'x']\"
[site:children]
web
db
[site:vars]
env=prod
[web:vars]
ansible_group_priority=5
";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hosts"), HOSTS).unwrap();
    std::fs::create_dir(dir.path().join("group_vars")).unwrap();
    std::fs::write(dir.path().join("group_vars/web.yml"), "root: /srv\nnested: {a: [1]}\n").unwrap();
    std::fs::write(dir.path().join("pw"), "secret\n").unwrap();
    dir
}

fn inventory(dir: &Path, args: &[&str]) -> (u8, String, String) {
    let hosts = dir.join("hosts").display().to_string();
    let args: Vec<String> = args.iter().map(|arg| arg.replace("DIR", &dir.display().to_string())).collect();
    let given = ["inventory".to_owned(), "-i".to_owned(), hosts];
    let cli = Cli::try_parse_from(given.into_iter().chain(args)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console {
        input: &mut io::empty(),
        out: &mut out,
        err: &mut err,
        color: false,
        interactive: false,
        ask: Arc::new(NoTerminal),
        redactor: Redactor::new(),
    };
    let given = Given::from_options(&cli.args, &console).unwrap();
    let code = run(&cli.args, &given, &mut console);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn graph() {
    let dir = folder();
    let expected = "\
@all:
  |--@ungrouped:
  |  |--lone
  |--@site:
  |  |--@web:
  |  |  |--w1
  |  |  |--w2
  |  |--@db:
  |  |  |--d1
";
    assert_eq!(inventory(dir.path(), &["--graph"]), (0, expected.into(), String::new()));
    let (_, out, _) = inventory(dir.path(), &["--graph", "web", "--vars"]);
    let expected = "\
@web:
  |--w1
  |  |--{env = prod}
  |  |--{http_port = 80}
  |  |--{nested = {'a': [1]}}
  |  |--{root = /srv}
  |--w2
  |  |--{env = prod}
  |  |--{http_port = 80}
  |  |--{nested = {'a': [1]}}
  |  |--{root = /srv}
  |--{ansible_group_priority = 5}
  |--{nested = {'a': [1]}}
  |--{root = /srv}
";
    assert_eq!(out, expected);
    let (code, _, err) = inventory(dir.path(), &["--graph", "nope"]);
    assert!(code == 5 && err.contains("Pattern must be valid group name"), "{err}");
}

#[test]
fn host() {
    let dir = folder();
    let (_, out, _) = inventory(dir.path(), &["--host", "d1"]);
    let expected = "\
{
    \"env\": \"prod\",
    \"l\": [
        1,
        \"x\"
    ],
    \"name\": \"ä b\"
}
";
    assert_eq!(out, expected);
    assert_eq!(inventory(dir.path(), &["--host", "lone"]).1, "{}\n");
    assert_eq!(inventory(dir.path(), &["--host", "web"]).0, 5);
    assert_eq!(inventory(dir.path(), &["--host", "d1", "-y"]).1, "env: prod\nl:\n- 1\n- x\nname: ä b\n");
}

#[test]
fn list() {
    let dir = folder();
    let (_, out, _) = inventory(dir.path(), &["--list", "--limit", "site:!w2"]);
    let value: Json = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({
        "_meta": {"hostvars": {
            "d1": {"env": "prod", "l": [1, "x"], "name": "ä b"},
            "w1": {"env": "prod", "http_port": 80, "nested": {"a": [1]}, "root": "/srv"},
        }, "profile": "inventory_legacy"},
        "all": {"children": ["ungrouped", "site"]},
        "db": {"hosts": ["d1"]},
        "site": {"children": ["web", "db"]},
        "web": {"hosts": ["w1"]},
    });
    assert_eq!(value, expected);
    let (_, out, _) = inventory(dir.path(), &["--list", "--yaml", "--export"]);
    let expected = "\
all:
  children:
    site:
      children:
        db:
          hosts:
            d1:
              l:
              - 1
              - x
              name: ä b
        web:
          hosts:
            w1:
              http_port: 80
            w2:
              http_port: 80
          vars:
            ansible_group_priority: 5
            nested:
              a:
              - 1
            root: /srv
      vars:
        env: prod
    ungrouped:
      hosts:
        lone: {}
";
    assert_eq!(out, expected, "\n{out}");
    let (code, out, err) = inventory(dir.path(), &["--list", "--toml"]);
    assert_eq!(code, 0, "{err}");
    let back: toml::Table = out.parse().unwrap();
    assert_eq!(back["web"]["hosts"]["w1"]["http_port"].as_integer(), Some(80));
}

#[test]
fn secrets_are_masked() {
    let dir = folder();
    let sealed = vault::seal(b"swordfish", b"secret", None).unwrap().replace('\n', "\n  ");
    std::fs::write(dir.path().join("group_vars/db"), format!("token: !vault |\n  {sealed}\n")).unwrap();
    let with = ["--host", "d1", "--vault-password-file", "DIR/pw"];
    let (_, out, err) = inventory(dir.path(), &with);
    assert!(out.contains("\"token\": \"********\""), "{out} {err}");
    assert!(inventory(dir.path(), &[&with[..], &["--show-secrets"]].concat()).1.contains("\"swordfish\""));
    let (_, out, _) = inventory(dir.path(), &["--host", "d1"]);
    assert!(out.contains("\"__ansible_vault\": \"$ANSIBLE_VAULT;1.1;AES256"), "{out}");
}

#[test]
fn a_broken_file_of_variables() {
    let dir = folder();
    std::fs::write(dir.path().join("group_vars/web.yml"), "a: b: c\n").unwrap();
    let (code, out, err) = inventory(dir.path(), &["--list"]);
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(err.contains("web.yml:1:5") && err.contains("= hint: quote the value"), "{err}");
}
