//! Tests over whole inventories.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use windlass_yaml::diagnostic::{Diagnostic, render};

use super::{Inventory, LayerKind};
use crate::secrets::{Secrets, VaultSecret, vault};

struct Dir(tempfile::TempDir);

impl Dir {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        Self(dir)
    }

    fn load_with(&self, sources: &[&str], secrets: &Arc<Secrets>) -> (Inventory, Vec<Diagnostic>) {
        let sources: Vec<String> = sources.iter().map(|s| (*s).to_owned()).collect();
        Inventory::load(&sources, self.0.path(), secrets).unwrap()
    }

    fn load(&self, sources: &[&str]) -> (Inventory, Vec<Diagnostic>) {
        self.load_with(sources, &Arc::new(Secrets::none()))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn vars(inventory: &Inventory, host: &str, playbook: Option<&Path>) -> BTreeMap<String, String> {
    let vars = inventory.host_vars(host, playbook).unwrap();
    vars.iter()
        .filter(|(key, _)| !key.to_string().starts_with("inventory_"))
        .map(|(key, value)| (key.to_string(), value.to_json().to_string()))
        .collect()
}

#[track_caller]
fn has(inventory: &Inventory, host: &str, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    assert_eq!(vars(inventory, host, None), expected, "{host}");
}

fn warning(ini: &str) -> String {
    let dir = Dir::new(&[("hosts.ini", ini)]);
    let (inventory, warnings) = dir.load(&["hosts.ini"]);
    assert!(inventory.hosts.is_empty(), "nothing of a refused file stays");
    let shown = render(&warnings[0], false);
    shown.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn ini() {
    let dir = Dir::new(&[(
        "hosts",
        "
; a comment
lone ansible_port=2222
[web]
web[01:02] role=\"front end\" n=5 s='\"5\"' l=\"['a', 1]\" b=True t=true x=0644 # end
web02:2200 extra=a=b
[db] # databases
db-[a:b].example.org
[prod:children]
web
db
later
[later]
[prod:vars]
env = production
count=3
list=['x', {'y': 2}]
quoted=\"text\"
[all:vars]
everywhere=yes
",
    )]);
    let (inventory, warnings) = dir.load(&["hosts"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    let prod = [
        ("count", "3"),
        ("env", "\"production\""),
        ("everywhere", "\"yes\""),
        ("list", "[\"x\",{\"y\":2}]"),
        ("quoted", "\"text\""),
    ];
    has(&inventory, "lone", &[("ansible_port", "2222"), ("everywhere", "\"yes\"")]);
    let mut web = prod.to_vec();
    web.extend([
        ("b", "true"),
        ("l", "[\"a\",1]"),
        ("n", "5"),
        ("role", "\"front end\""),
        ("s", "\"5\""),
        ("t", "\"true\""),
        ("x", "\"0644\""),
    ]);
    has(&inventory, "web01", &web);
    web.push(("extra", "\"a=b\""));
    has(&inventory, "web02", &web);
    has(&inventory, "db-b.example.org", &prod);
    assert_eq!(inventory.group_names("web01"), ["prod", "web"]);
    assert_eq!(inventory.group_hosts("ungrouped"), ["lone"]);
    assert_eq!(inventory.groups["web"].depth, 2);
    let dict = inventory.groups_dict();
    assert_eq!(dict["all"], ["lone", "web01", "web02", "db-a.example.org", "db-b.example.org"]);
    assert!(
        matches!(inventory.hosts["web01"].vars.get("inventory_dir"), Some(v) if v.as_str() == dir.path().to_str())
    );
}

#[test]
fn ini_mistakes() {
    let expected = "\
warning: Failed to parse inventory with 'ini' plugin: expected key=value behind the host, got `b`
 --> hosts.ini:2:3
  |
2 | a b
  |   ^
  |
  = hint: put values with blanks in quotes";
    assert_eq!(warning("[web]\na b\n"), expected);
    for (text, part) in [
        ("[web:stuff]\n", "has an unknown type"),
        ("[we b]\n", "is no valid section"),
        ("[a:vars]\nx=1\n", "never declared"),
        ("[a:children]\nb\n", "never declared"),
        ("[a:vars]\nx\n[a]\n", "expected key=value"),
        ("a x='b\n", "a quote is not closed"),
        ("a[1:\n", "its bracket is never closed"),
        ("all:\n  hosts:\n", "ends in `:`"),
        ("[a:children]\nb\n[b:children]\na\n", "loop of groups"),
        ("[a:children]\na\n[a]\n", "loop of groups"),
    ] {
        let shown = warning(text);
        assert!(shown.contains(part), "{text}: {shown}");
        assert!(shown.contains("--> hosts.ini:") && shown.contains("= hint:"), "{text}: {shown}");
    }
}

#[test]
fn yaml() {
    let dir = Dir::new(&[(
        "inv.yml",
        "
all:
  hosts:
    lone: {a: 1}
  children:
    web:
      hosts:
        web[1:2]:
          mode: 0644
        web2:2200:
      vars:
        on: yes
    site:
      children:
        web:
  vars:
    t: '{{ x }}'
odd: text
more:
  hsots: {}
",
    )]);
    let (inventory, warnings) = dir.load(&["inv.yml"]);
    has(&inventory, "lone", &[("a", "1"), ("t", "\"{{ x }}\"")]);
    has(&inventory, "web2", &[("mode", "420"), ("true", "true"), ("t", "\"{{ x }}\"")]);
    assert_eq!(inventory.group_names("web1"), ["site", "web"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].message.contains("not a valid group definition"));
    assert_eq!(warnings[1].hint.as_deref(), Some("did you mean `hosts`?"));
    // A list where a mapping is wanted.
    let dir = Dir::new(&[("inv.yml", "all:\n  hosts:\n    - a\n")]);
    let (_, warnings) = dir.load(&["inv.yml"]);
    assert!(warnings[0].message.contains("`hosts` of group `all` must be a mapping, but this is a list"));
    assert_eq!(warnings[0].span.as_ref().unwrap().line, 3);
}

#[test]
fn toml() {
    let dir = Dir::new(&[(
        "inv.toml",
        "[web]\nchildren = [\"inner\"]\n[web.vars]\nv = true\n[web.hosts]\n\"w[1:2]\" = {}\nw3 = { x = 1.5 }\n[inner.hosts.i1]\n",
    )]);
    let (inventory, warnings) = dir.load(&["inv.toml"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(inventory.group_hosts("web"), ["w1", "w2", "w3", "i1"]);
    has(&inventory, "w3", &[("v", "true"), ("x", "1.5")]);
}

#[test]
fn scripts() {
    use std::os::unix::fs::PermissionsExt;
    let script = r#"#!/bin/sh
case $1 in
--list) echo '{"web": {"hosts": ["w1"], "vars": {"a": "{{ b }}"}, "children": ["sub"]}, "sub": ["s1"], "_meta": {"hostvars": {"w1": {"x": [1]}}}}';;
esac
"#;
    let dir = Dir::new(&[("dyn.sh", script), ("bad.sh", "#!/bin/sh\necho oops >&2; exit 4\n")]);
    for name in ["dyn.sh", "bad.sh"] {
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (inventory, warnings) = dir.load(&["dyn.sh"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    has(&inventory, "w1", &[("a", "\"{{ b }}\""), ("x", "[1]")]);
    has(&inventory, "s1", &[("a", "\"{{ b }}\"")]);
    let (_, warnings) = dir.load(&["bad.sh"]);
    assert!(warnings[0].message.contains("returned non-zero exit code 4"), "{warnings:?}");
    assert_eq!(warnings[0].notes, ["oops"]);
}

#[test]
fn folders_and_lists() {
    let dir = Dir::new(&[
        ("inv/10-a", "[web]\nw1 x=1\n"),
        ("inv/20-b.yml", "web: {hosts: {w1: {x: 2}, w2: }}\n"),
        ("inv/sub/c", "[db]\nd1\n"),
        ("inv/notes.txt", "not [an inventory\n"),
        ("inv/.hidden", "h\n"),
        ("inv/x.retry", "h\n"),
        ("inv/group_vars/web.yml", "g: 1\n"),
    ]);
    let (inventory, warnings) = dir.load(&["inv"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(inventory.hosts.keys().collect::<Vec<_>>(), ["w1", "w2", "d1"]);
    has(&inventory, "w1", &[("g", "1"), ("x", "2")]);
    let (inventory, _) = dir.load(&["a:22,b,"]);
    assert_eq!(inventory.group_hosts("ungrouped"), ["a", "b"]);
    has(&inventory, "a", &[("ansible_port", "22")]);
    let (inventory, warnings) = dir.load(&["nowhere"]);
    assert!(inventory.hosts.is_empty());
    assert!(warnings[0].message.ends_with("nowhere as an inventory source"), "{warnings:?}");
    assert_eq!(warnings[1].message, "No inventory was parsed, only implicit localhost is available");
}

#[test]
fn precedence() {
    let all = |n: u32| format!("v: {n}\nv{n}: 1\n");
    let text: Vec<String> = (0..9).map(all).collect();
    let dir = Dir::new(&[
        ("inv/hosts", "[all:vars]\nv=0\n[g]\nh v=5\n[g:vars]\nv=0\n"),
        ("inv/group_vars/all/one.yml", &text[1]),
        ("inv/group_vars/g.yml", &text[3]),
        ("inv/host_vars/h", &text[6]),
        ("play/group_vars/all.yml", &text[2]),
        ("play/group_vars/g/a.yml", &text[4]),
        ("play/group_vars/g/b.json", "{\"v4\": 2}"),
        ("play/group_vars/g/c.txt", "nonsense: ["),
        ("play/host_vars/h.yaml", &text[7]),
    ]);
    let (inventory, _) = dir.load(&["inv/hosts"]);
    let play = dir.path().join("play");
    let layers = inventory.host_vars_layers("h", Some(&play)).unwrap();
    let kinds: Vec<LayerKind> = layers.iter().map(|(kind, _)| *kind).collect();
    use LayerKind as L;
    assert_eq!(
        kinds,
        [
            L::InventoryGroup,
            L::InventoryGroup,
            L::InventoryGroupVarsAll,
            L::PlaybookGroupVarsAll,
            L::InventoryGroupVars,
            L::PlaybookGroupVars,
            L::InventoryHost,
            L::InventoryHostVars,
            L::PlaybookHostVars
        ]
    );
    let vars = vars(&inventory, "h", Some(&play));
    assert_eq!((vars["v"].as_str(), vars["v4"].as_str()), ("7", "2"));
    // localhost, which nothing names, has what is for all, and is reached without a connection.
    let local = inventory.host_vars("localhost", Some(&play)).unwrap();
    assert_eq!(local.get("v").unwrap().as_int(), Some(2));
    assert_eq!(local.get("ansible_connection").unwrap().as_str(), Some("local"));
}

#[test]
fn depth_priority_and_name() {
    let dir = Dir::new(&[(
        "hosts",
        "[b]\nh\n[a]\nh\n[top:children]\nb\n[a:vars]\nv=a\n[b:vars]\nv=b\n[top:vars]\nv=top\nw=top\n",
    )]);
    let (inventory, _) = dir.load(&["hosts"]);
    let names: Vec<&str> = inventory.groups_of("h").iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["all", "a", "top", "b"], "b is deeper");
    has(&inventory, "h", &[("v", "\"b\""), ("w", "\"top\"")]);
    let dir =
        Dir::new(&[("hosts", "[b]\nh\n[a]\nh\n[a:vars]\nv=a\nansible_group_priority=10\n[b:vars]\nv=b\n")]);
    has(&dir.load(&["hosts"]).0, "h", &[("v", "\"a\"")]);
}

#[test]
fn encrypted_vars() {
    let secret = VaultSecret { label: "default".into(), password: zeroize::Zeroizing::new(b"p".to_vec()) };
    let secrets = Arc::new(Secrets::with_passwords(vec![secret]));
    let sealed = vault::seal(b"token: swordfish\n", b"p", None).unwrap();
    let dir = Dir::new(&[
        ("hosts", "[web]\nw\n"),
        ("group_vars/web/vault.yml", &sealed),
        ("group_vars/web/plain.yml", "a: 1\n"),
    ]);
    let (inventory, _) = dir.load_with(&["hosts"], &secrets);
    has(&inventory, "w", &[("a", "1"), ("token", "\"swordfish\"")]);
    assert_eq!(secrets.redactor().redact("swordfish"), "********");
    // The inventory itself may be encrypted; what is wrong with it is told without quoting it.
    let good = vault::seal(b"[web]\nw pass=hunter22\n", b"p", None).unwrap();
    let bad = vault::seal(b"[web]\nw hunter33\n", b"p", None).unwrap();
    std::fs::write(dir.path().join("good"), good).unwrap();
    std::fs::write(dir.path().join("bad"), bad).unwrap();
    let (inventory, _) = dir.load_with(&["good"], &secrets);
    assert_eq!(inventory.host_vars("w", None).unwrap().get("pass").unwrap().as_str(), Some("hunter22"));
    assert_eq!(secrets.redactor().redact("hunter22"), "********");
    let (_, warnings) = dir.load_with(&["bad"], &secrets);
    let shown: String = warnings.iter().map(|warning| render(warning, false)).collect();
    assert!(shown.contains("line 2 of the encrypted file") && !shown.contains("hunter33"), "{shown}");
    let (inventory, _) = dir.load(&["hosts"]);
    let error = inventory.host_vars("w", None).unwrap_err();
    assert!(error.to_string().contains("no vault password was given"), "{error}");
}

#[test]
fn changes_during_a_run() {
    let dir = Dir::new(&[("hosts", "lone\n[web]\nw1\n")]);
    let (mut inventory, _) = dir.load(&["hosts"]);
    assert!(inventory.add_host("new", Some("fresh")).unwrap());
    assert!(!inventory.add_host("new", Some("fresh")).unwrap());
    inventory.reconcile();
    assert_eq!(inventory.match_pattern("fresh", None).unwrap(), ["new"]);
    assert_eq!(inventory.match_pattern("all", None).unwrap(), ["lone", "w1", "new"]);
    inventory.add_child("web", "fresh").unwrap();
    inventory.add_host("lone", Some("web")).unwrap();
    inventory.reconcile();
    assert_eq!(inventory.group_hosts("web"), ["w1", "lone", "new"]);
    assert!(inventory.group_hosts("ungrouped").is_empty());
    assert!(inventory.add_child("fresh", "web").is_err());
}

#[test]
fn ten_thousand_hosts() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for group in 0..200 {
        writeln!(text, "[g{group}]").unwrap();
        for host in 0..50 {
            writeln!(
                text,
                "h{group}-{host}.example.org ansible_host=10.0.{group}.{host} rack={host} name='a b'"
            )
            .unwrap();
        }
    }
    for group in 0..200 {
        writeln!(text, "[g{group}:vars]\nx={group}\n[top{}:children]\ng{group}", group % 10).unwrap();
    }
    let dir = Dir::new(&[("hosts", &text)]);
    let start = std::time::Instant::now();
    let (inventory, _) = dir.load(&["hosts"]);
    assert_eq!(inventory.match_pattern("all", None).unwrap().len(), 10_000);
    assert_eq!(inventory.match_pattern("h1*:!g1", None).unwrap().len(), 110 * 50 + 50 - 50);
    assert_eq!(inventory.groups_dict().len(), 212);
    let took = start.elapsed();
    // A debug build on a busy machine; a release build takes a tenth of it.
    assert!(took.as_secs() < 10, "{took:?}");
}
