#![allow(clippy::unwrap_used)]

use crate::system::fake::Fake;
use serde_json::json;
use windlass_protocol::Diff;

const APR1: &str = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";

#[test]
fn makes_the_file_and_its_folders() {
    let fake = Fake::new();
    let args = json!({"path": "/etc/web/users", "name": "ann", "password": "secret"});
    let check = fake.check_module("htpasswd", args.clone());
    assert!(check.changed);
    assert_eq!(check.msg.unwrap(), "Create /etc/web/users");
    let outcome = fake.run_module("htpasswd", args.clone());
    assert_eq!(outcome.msg.unwrap(), "Created /etc/web/users and added ann");
    assert!(fake.text("/etc/web/users").unwrap().starts_with("ann:$apr1$"));
    let again = fake.run_module("htpasswd", args);
    assert!(!again.changed);
    assert_eq!(again.msg.unwrap(), "ann already present");
}

#[test]
fn a_hash_that_fits_stays_whatever_its_scheme() {
    let fake = Fake::new();
    let text = format!("# people\n\nann:{APR1}\nbob:x\n");
    fake.file("/etc/users", &text);
    for scheme in ["bcrypt", "sha512_crypt", "plaintext", "apr_md5_crypt"] {
        let args = json!({"path": "/etc/users", "name": "ann", "password": "secret", "hash_scheme": scheme});
        assert!(!fake.run_module("htpasswd", args).changed, "{scheme}");
    }
    assert_eq!(fake.text("/etc/users").unwrap(), text);
}

#[test]
fn another_password_replaces_the_entry_in_its_place() {
    let fake = Fake::new();
    fake.file("/etc/users", format!("# people\n\nann:{APR1}\nbob:x"));
    let args = json!({"path": "/etc/users", "name": "ann", "password": "new", "hash_scheme": "ldap_sha1"});
    let check = fake.check_module("htpasswd", args.clone());
    assert!(check.changed);
    let Diff::Text { before, after } = &check.diff[0] else { panic!("{:?}", check.diff) };
    assert_eq!(before.text, "# people\n\nann:(hash)\nbob:(hash)\n");
    assert_eq!(after.text, "# people\n\nann:(another hash)\nbob:(hash)\n");
    let outcome = fake.run_module("htpasswd", args);
    assert_eq!(outcome.msg.unwrap(), "Add/update ann");
    assert_eq!(fake.text("/etc/users").unwrap(), format!("# people\n\nann:{{SHA}}{}\nbob:x\n", sha1("new")));
}

fn sha1(text: &str) -> String {
    use base64::Engine as _;
    use sha1::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(text))
}

#[test]
fn removes() {
    let fake = Fake::new();
    let args = json!({"path": "/etc/users", "name": "ann", "state": "absent"});
    let outcome = fake.run_module("htpasswd", args.clone());
    assert_eq!((outcome.changed, outcome.warnings), (false, vec!["/etc/users does not exist".to_owned()]));
    fake.file("/etc/users", format!("ann:{APR1}\nbob:x\n"));
    assert!(fake.check_module("htpasswd", args.clone()).changed);
    assert_eq!(fake.run_module("htpasswd", args.clone()).msg.unwrap(), "Remove ann");
    assert_eq!(fake.text("/etc/users").unwrap(), "bob:x\n");
    assert_eq!(fake.run_module("htpasswd", args).msg.unwrap(), "ann not present");
}

#[test]
fn mistakes() {
    let fake = Fake::new();
    let run = |args| fake.run_module("htpasswd", args).msg.unwrap();
    assert_eq!(
        run(json!({"path": "/x", "name": "a:b", "password": "p"})),
        "username contains invalid characters"
    );
    assert_eq!(
        run(json!({"path": "/x", "name": "a", "password": "p", "create": false})),
        "Destination /x does not exist"
    );
    assert!(run(json!({"path": "/x", "name": "a"})).starts_with("password is required"));
    assert!(
        run(json!({"path": "/x", "name": "a", "password": "p", "hash_scheme": "rot13"}))
            .starts_with("no crypt handler found for algorithm: 'rot13'")
    );
}

#[test]
fn the_file_gets_the_mode_and_the_owner_that_were_asked_for() {
    let fake = Fake::new();
    let args = json!({"path": "/etc/users", "name": "ann", "password": "secret", "mode": "0640", "owner": "0", "group": "0"});
    assert!(fake.run_module("htpasswd", args.clone()).changed);
    assert_eq!(fake.node("/etc/users").unwrap().meta.mode & 0o777, 0o640);
    assert!(!fake.run_module("htpasswd", args.clone()).changed);
    // An entry that fits does not keep the file from being closed.
    fake.file("/etc/users", format!("ann:{APR1}\n"));
    let open = fake.run_module("htpasswd", args.clone());
    assert!(open.changed, "{open:?}");
    assert_eq!(fake.node("/etc/users").unwrap().meta.mode & 0o777, 0o640);
    assert!(!fake.run_module("htpasswd", args).changed);
}
