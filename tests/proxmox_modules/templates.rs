//! Templates: downloaded, uploaded, fetched from an address, removed.

use super::drive::*;
use serde_json::json;
use windlass_test_proxmox::Server;

#[test]
fn templates_come_and_go() {
    let server = Server::builder().aplinfo("debian-99-standard_99.0-1_amd64.tar.zst").start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.tar.zst");
    std::fs::write(&file, vec![7u8; 700_000]).unwrap();
    let by = |args: serde_json::Value| template(args).with("node", "pve");
    let known = by(json!({"template": "debian-99-standard_99.0-1_amd64.tar.zst"}));
    let own = by(json!({"src": file}));
    let fetched = by(json!({"url": "https://images.example/x/alpine.tar.xz?a=b"}));
    let gone = by(json!({"template": "own.tar.zst", "state": "absent"}));
    let results = run(
        &server,
        &[
            known.clone().check(),
            known.clone(),
            known,
            own.clone().check(),
            own.clone(),
            own.clone(),
            own.with("force", true),
            fetched.clone(),
            fetched.clone(),
            fetched.with("force", true),
            gone.clone().check(),
            gone.clone(),
            gone,
            by(json!({"src": "/no/such/file.tar"})),
            by(json!({})),
            by(json!({"content_type": "iso"})),
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    let debian = "template with volid=local:vztmpl/debian-99-standard_99.0-1_amd64.tar.zst";
    assert_eq!(
        said,
        [
            ("changed", format!("{debian} downloaded").as_str()),
            ("changed", format!("{debian} downloaded").as_str()),
            ("ok", format!("{debian} already exists").as_str()),
            ("changed", "template with volid=local:vztmpl/own.tar.zst uploaded"),
            ("changed", "template with volid=local:vztmpl/own.tar.zst uploaded"),
            ("ok", "template with volid=local:vztmpl/own.tar.zst already exists"),
            ("changed", "template with volid=local:vztmpl/own.tar.zst uploaded"),
            ("changed", "template with volid=local:vztmpl/alpine.tar.xz uploaded"),
            ("ok", "template with volid=local:vztmpl/alpine.tar.xz already exists"),
            ("changed", "template with volid=local:vztmpl/alpine.tar.xz uploaded"),
            ("changed", "template with volid=local:vztmpl/own.tar.zst deleted"),
            ("changed", "template with volid=local:vztmpl/own.tar.zst deleted"),
            ("ok", "template with volid=local:vztmpl/own.tar.zst is already deleted"),
            ("failed", "template file on path /no/such/file.tar not exists"),
            ("failed", "template param for downloading appliance template is mandatory"),
            ("failed", "src or url param for uploading template file is mandatory"),
        ]
    );
    let upload = "POST /nodes/pve/storage/local/upload content=vztmpl filename=own.tar.zst";
    let fetch = "POST /nodes/pve/storage/local/download-url content=vztmpl filename=alpine.tar.xz \
                 url=https://images.example/x/alpine.tar.xz?a=b";
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/aplinfo storage=local template=debian-99-standard_99.0-1_amd64.tar.zst",
            upload,
            upload,
            fetch,
            "DELETE /nodes/pve/storage/local/content/local:vztmpl/alpine.tar.xz",
            fetch,
            "DELETE /nodes/pve/storage/local/content/local:vztmpl/own.tar.zst"
        ]
    );
}

#[test]
fn a_template_that_cannot_be_removed() {
    let server = Server::builder().start().unwrap();
    server.fail_next("imgdel", "unlink: Device or resource busy");
    let name = DEBIAN.rsplit('/').next().unwrap();
    let result =
        one(&server, template(json!({"node": "pve", "template": name, "state": "absent", "timeout": 5})));
    let (state, text) = short(&result);
    assert_eq!(state, "failed");
    let wanted = format!("deleting of template {name} failed with exception: the server's task UPID:pve:");
    assert!(text.starts_with(&wanted) && text.contains("unlink: Device or resource busy"), "{text}");
}
