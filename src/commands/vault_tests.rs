//! `windlass vault`, through its command line.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;
use crate::secrets::{Ask, Redactor};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: VaultArgs,
}

struct Answers;
impl Ask for Answers {
    fn secret(&self, prompt: &str) -> Result<Zeroizing<String>, AskError> {
        Ok(Zeroizing::new(if prompt.contains("password") { "asked" } else { "typed" }.to_owned()))
    }
    fn visible(&self, _prompt: &str) -> Result<String, AskError> {
        Ok("name".into())
    }
}

struct Output {
    code: u8,
    out: String,
    err: String,
}

fn vault(dir: &Path, stdin: &str, args: &[&str]) -> Output {
    let args: Vec<String> = args.iter().map(|arg| arg.replace("DIR", &dir.display().to_string())).collect();
    let cli = Cli::try_parse_from(std::iter::once("vault".to_owned()).chain(args)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = stdin.as_bytes();
    let mut console = Console {
        input: &mut input,
        out: &mut out,
        err: &mut err,
        color: false,
        interactive: false,
        ask: Arc::new(Answers),
        redactor: Redactor::new(),
    };
    let code = run(&cli.args, &Config::default(), &mut console);
    Output { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("pw", "first\n"), ("pw2", "second\n"), ("plain.yml", "a: 1\n")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn encrypt_view_decrypt() {
    let dir = folder();
    let file = dir.path().join("plain.yml");
    let run = |args: &[&str]| vault(dir.path(), "", args);
    assert_eq!(run(&["encrypt", "DIR/plain.yml", "--vault-id", "dev@DIR/pw"]).code, 0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("$ANSIBLE_VAULT;1.2;AES256;dev\n"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&["encrypt", "DIR/plain.yml", "--vault-password-file", "DIR/pw"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is already encrypted"), "{}", again.err);
    assert_eq!(run(&["view", "DIR/plain.yml", "--vault-password-file", "DIR/pw"]).out, "a: 1\n");
    let wrong = run(&["view", "DIR/plain.yml", "--vault-password-file", "DIR/pw2"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("none of the vault passwords fits"), "{}", wrong.err);
    let out = run(&["decrypt", "DIR/plain.yml", "--output", "-", "--vault-password-file", "DIR/pw"]);
    assert_eq!(out.out, "a: 1\n");
    assert_eq!(run(&["decrypt", "DIR/plain.yml", "--vault-password-file", "DIR/pw"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a: 1\n");
    let plain = run(&["decrypt", "DIR/plain.yml", "--vault-password-file", "DIR/pw"]);
    assert!(plain.err.contains("is not encrypted with ansible-vault"), "{}", plain.err);
}

#[test]
fn standard_streams_and_the_prompt() {
    let dir = folder();
    let sealed = vault(dir.path(), "text", &["encrypt"]);
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    assert!(sealed.out.starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    assert_eq!(vault(dir.path(), &sealed.out, &["decrypt"]).out, "text");
}

#[test]
fn rekey() {
    let dir = folder();
    let run = |args: &[&str]| vault(dir.path(), "", args);
    run(&["encrypt", "DIR/plain.yml", "--vault-password-file", "DIR/pw"]);
    let out =
        run(&["rekey", "DIR/plain.yml", "--vault-password-file", "DIR/pw", "--new-vault-id", "new@DIR/pw2"]);
    assert_eq!(out.code, 0, "{}", out.err);
    assert!(
        fs::read_to_string(dir.path().join("plain.yml"))
            .unwrap()
            .starts_with("$ANSIBLE_VAULT;1.2;AES256;new\n")
    );
    assert_eq!(run(&["view", "DIR/plain.yml", "--vault-password-file", "DIR/pw2"]).out, "a: 1\n");
    // One file that cannot be opened leaves all as they are.
    fs::write(dir.path().join("other"), "no vault").unwrap();
    let before = fs::read(dir.path().join("plain.yml")).unwrap();
    let out = run(&[
        "rekey",
        "DIR/plain.yml",
        "DIR/other",
        "--vault-password-file",
        "DIR/pw2",
        "--new-vault-password-file",
        "DIR/pw",
    ]);
    assert_eq!(out.code, 1);
    assert_eq!(fs::read(dir.path().join("plain.yml")).unwrap(), before);
}

#[test]
fn several_passwords() {
    let dir = folder();
    let run = |args: &[&str]| vault(dir.path(), "", args);
    let ids = ["--vault-id", "a@DIR/pw", "--vault-id", "b@DIR/pw2"];
    let out = run(&[&["encrypt", "DIR/plain.yml"][..], &ids].concat());
    assert_eq!(out.code, 5);
    assert!(
        out.err.contains("the vault ids a, b are available") && out.err.contains("--encrypt-vault-id"),
        "{}",
        out.err
    );
    let out = run(&[&["encrypt", "DIR/plain.yml", "--encrypt-vault-id", "b"][..], &ids].concat());
    assert_eq!(out.code, 0);
    assert!(fs::read_to_string(dir.path().join("plain.yml")).unwrap().contains(";b\n"));
    assert_eq!(run(&["encrypt", "DIR/pw", "--vault-id", "a;b@DIR/pw"]).code, 5);
}

#[test]
fn strings() {
    let dir = folder();
    let pw = ["--vault-password-file", "DIR/pw"];
    let out = vault(dir.path(), "from stdin", &[&["encrypt_string", "--stdin-name", "s"][..], &pw].concat());
    assert!(
        out.out.starts_with("s: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          "),
        "{}",
        out.out
    );
    let file = windlass_yaml::SourceFile::new("v.yml", out.out);
    let (node, _) = windlass_yaml::load_one(file).unwrap();
    let node = node.unwrap();
    let envelope = node.as_map().unwrap().get("s").unwrap();
    assert_eq!(envelope.tag, Some(windlass_yaml::Tag::Vault));
    let opened = crate::secrets::vault::Envelope::parse(envelope.as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(opened.open(b"first").unwrap().as_slice(), b"from stdin");
    let out = vault(
        dir.path(),
        "",
        &[&["encrypt_string", "x", "y", "-n", "one", "--name", "two"][..], &pw].concat(),
    );
    assert!(out.out.contains("one: !vault |\n") && out.out.contains("\ntwo: !vault |\n"), "{}", out.out);
    let out = vault(dir.path(), "", &[&["encrypt_string", "-p"][..], &pw].concat());
    assert!(out.out.starts_with("name: !vault |\n"), "{} {}", out.out, out.err);
    assert_eq!(vault(dir.path(), "", &[&["encrypt_string"][..], &pw].concat()).code, 1);
}

#[test]
fn create_needs_a_terminal_and_a_new_name() {
    let dir = folder();
    let pw = ["--vault-password-file", "DIR/pw"];
    let out = vault(dir.path(), "", &[&["create", "DIR/new.yml"][..], &pw].concat());
    assert!(out.err.contains("an editor needs a terminal"), "{}", out.err);
    let out = vault(dir.path(), "", &[&["create", "--skip-tty-check", "DIR/plain.yml"][..], &pw].concat());
    assert!(out.err.contains("exists, please use 'edit' instead"), "{}", out.err);
}
