//! `windlass vault` as a program, in a project with an `ansible.cfg`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn vault(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    for name in ["ANSIBLE_CONFIG", "ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST"] {
        command.env_remove(name);
    }
    command.current_dir(dir).arg("vault").args(args).output().unwrap()
}

#[test]
fn the_configuration_names_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("password", "of this project\n");
    put("all.yml", "token: first\n");
    put("ansible.cfg", "[defaults]\nvault_password_file = password\n");
    let sealed = vault(dir.path(), &["encrypt", "all.yml"]);
    assert!(sealed.status.success(), "{sealed:?}");
    assert!(std::fs::read_to_string(dir.path().join("all.yml")).unwrap().starts_with("$ANSIBLE_VAULT;1.1;"));
    let seen = vault(dir.path(), &["view", "all.yml"]);
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "token: first\n", "{seen:?}");

    put("ansible.cfg", "[defaults\n");
    let broken = vault(dir.path(), &["view", "all.yml"]);
    assert_eq!(broken.status.code(), Some(5), "{broken:?}");
    assert!(String::from_utf8_lossy(&broken.stderr).contains("ansible.cfg"), "{broken:?}");
}
