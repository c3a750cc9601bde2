#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Node, answer};
use serde_json::{Value, json};
use windlass_protocol::Outcome;

const SHA256: &str = "bb7208bc9b5d7c04f1236a82a0093a5e33f40423d5ba8d4266f7092c3ba43b62";

/// A site with a file `x.tar` ("content"), a list of checksums, a file whose name comes by a header.
fn site() -> Fake {
    let fake = Fake::new();
    fake.web(|request| {
        let path = request.url.split_once("://h").map_or("", |(_, path)| path);
        let since = request.headers.iter().any(|(n, _)| n == "If-Modified-Since");
        let body: &[u8] = if request.method == "HEAD" { b"" } else { b"content!" };
        Ok(match path {
            "/x.tar" if since => answer(request, 304, &[], b""),
            "/x.tar" => answer(request, 200, &[("content-length", "8")], body),
            "/SUMS" => {
                answer(request, 200, &[], format!("00  other\n{}  x.tar\n", sum("content!")).as_bytes())
            }
            "/named" => {
                answer(request, 200, &[("content-disposition", "attachment; filename=\"../n.bin\"")], body)
            }
            "/short" => answer(request, 200, &[("content-length", "99")], body),
            _ => answer(request, 404, &[], b"no"),
        })
    });
    fake
}

fn sum(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

fn run(fake: &Fake, path: &str, more: Value) -> Outcome {
    let mut args = json!({"url": format!("http://h{path}"), "dest": "/srv/x.tar"});
    for (key, value) in more.as_object().unwrap() {
        args[key] = value.clone();
    }
    fake.run_module("get_url", args)
}

#[test]
fn downloads_once() {
    let fake = site();
    let outcome = run(&fake, "/x.tar", json!({"mode": "0640"}));
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(fake.text("/srv/x.tar").as_deref(), Some("content!"));
    assert_eq!(outcome.msg.as_deref(), Some("OK (8 bytes)"));
    let values = outcome.values();
    assert_eq!(
        (&values["status_code"], &values["dest"], &values["mode"]),
        (&json!(200), &json!("/srv/x.tar"), &json!("0640"))
    );
    assert_eq!(
        (&values["checksum_dest"], &values["size"], &values["state"]),
        (&Value::Null, &json!(8), &json!("file"))
    );
    assert_eq!(values["md5sum"].as_str().unwrap().len(), 32);
    assert!(!fake.paths().iter().any(|p| p.contains("download-")), "{:?}", fake.paths());
    let again = run(&fake, "/x.tar", json!({"mode": "0640"}));
    assert!(!again.changed);
    assert_eq!(again.values()["status_code"], json!(304));
    let forced = run(&fake, "/x.tar", json!({"force": true}));
    assert!(!forced.changed && !forced.failed);
    fake.file("/srv/x.tar", "other");
    let forced = run(&fake, "/x.tar", json!({"force": true, "backup": true}));
    assert!(forced.changed);
    let backup = forced.values()["backup_file"].as_str().unwrap().to_owned();
    assert_eq!(fake.text(backup).as_deref(), Some("other"));
}

#[test]
fn checksums() {
    let good = format!("sha256:{}", sum("content!"));
    let fake = site();
    assert!(run(&fake, "/x.tar", json!({"checksum": good})).changed);
    let asked = fake.asked().len();
    let again = run(&fake, "/x.tar", json!({"checksum": good}));
    assert_eq!((again.changed, again.msg.as_deref()), (false, Some("file already exists")));
    assert_eq!(fake.asked().len(), asked, "nothing has to be asked");
    let attributes = run(&fake, "/x.tar", json!({"checksum": good, "mode": "0600"}));
    assert_eq!(
        (attributes.changed, attributes.msg.as_deref()),
        (true, Some("file already exists but file attributes changed"))
    );
    fake.file("/srv/x.tar", "broken");
    assert!(run(&fake, "/x.tar", json!({"checksum": good})).changed, "what is there is wrong");
    fake.delete("/srv/x.tar");
    let by_list = run(&fake, "/x.tar", json!({"checksum": "sha256:http://h/SUMS"}));
    assert!(by_list.changed && !by_list.failed, "{:?}", by_list.msg);
    fake.delete("/srv/x.tar");
    let bad = run(&fake, "/x.tar", json!({"checksum": format!("sha256:{SHA256}")}));
    assert!(
        bad.failed
            && bad
                .msg
                .as_ref()
                .unwrap()
                .ends_with(&format!("did not match {SHA256}; it was {}.", sum("content!")))
    );
    assert_eq!(fake.text("/srv/x.tar"), None);
    assert!(!fake.paths().iter().any(|p| p.contains("download-")));
    let missing = run(&fake, "/named", json!({"checksum": "sha256:http://h/SUMS"}));
    assert_eq!(missing.msg.unwrap(), "Unable to find a checksum for file 'named' in 'http://h/SUMS'");
}

#[test]
fn into_a_folder() {
    let fake = site();
    let outcome = run(&fake, "/named", json!({"dest": "/srv"}));
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(outcome.values()["dest"], json!("/srv/n.bin"));
    assert_eq!(fake.text("/srv/n.bin").as_deref(), Some("content!"));
    assert!(!run(&fake, "/named", json!({"dest": "/srv"})).changed);
    assert!(run(&fake, "/x.tar", json!({"dest": "/srv/"})).changed);
    assert_eq!(fake.text("/srv/x.tar").as_deref(), Some("content!"));
}

#[test]
fn check_mode_asks_for_the_head_only() {
    let fake = site();
    let args = json!({"url": "http://h/x.tar", "dest": "/srv/x.tar"});
    assert!(fake.check_module("get_url", args.clone()).changed);
    assert_eq!(fake.asked()[0].request.method, "HEAD");
    fake.file("/srv/x.tar", "old");
    assert!(!fake.check_module("get_url", args).changed, "nothing newer is there");
}

#[test]
fn failures() {
    let fake = site();
    let outcome = run(&fake, "/none", json!({}));
    assert_eq!(outcome.msg.as_deref(), Some("Request failed"));
    let values = outcome.values();
    assert_eq!(
        (&values["status_code"], &values["response"]),
        (&json!(404), &json!("HTTP Error 404: Not Found"))
    );
    assert_eq!((&values["url"], &values["dest"]), (&json!("http://h/none"), &json!("/srv/x.tar")));
    let msg = |path: &str, more: Value| run(&fake, path, more).msg.unwrap();
    assert_eq!(msg("/x.tar", json!({"dest": "/none/x"})), "Destination /none does not exist");
    assert_eq!(msg("/short", json!({})), "Incomplete read: 8 bytes of 99 came");
    assert_eq!(msg("/x.tar", json!({"tmp_dest": "/none"})), "/none directory does not exist.");
    assert_eq!(
        msg("/x.tar", json!({"checksum": "abc"})),
        "The checksum parameter has to be in format <algorithm>:<checksum>"
    );
    fake.put("/srv/ro", Node::directory().mode(0o555));
    fake.act_as(33, 33);
    assert_eq!(msg("/x.tar", json!({"dest": "/srv/ro/x"})), "Destination /srv/ro is not writable");
    let nobody = Fake::new().run_module("get_url", json!({"url": "http://h/", "dest": "/srv/x"}));
    assert_eq!(nobody.msg.unwrap(), "Request failed: <urlopen error [Errno 111] Connection refused>");
}

#[test]
fn a_file_of_the_target() {
    let fake = site();
    fake.file("/opt/a", "local");
    let outcome = fake.run_module("get_url", json!({"url": "file:///opt/a", "dest": "/srv/b"}));
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(fake.text("/srv/b").as_deref(), Some("local"));
}
