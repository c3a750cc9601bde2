#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, answer};
use serde_json::{Value, json};
use windlass_protocol::Outcome;

/// A service that answers with JSON, with the body that it got, or with failure.
fn service() -> Fake {
    let fake = Fake::new();
    fake.set_env("https_proxy", "http://proxy:1");
    fake.web(|request| {
        let path = request.url.split_once("://h").map_or("", |(_, path)| path);
        Ok(match path {
            "/json" => answer(
                request,
                200,
                &[("content-type", "application/json"), ("x-my-id", "7")],
                br#"{"a": [1]}"#,
            ),
            "/text" => answer(request, 200, &[("content-length", "4")], b"text"),
            "/echo" => answer(request, 201, &[], &request.body.clone().unwrap_or_default()),
            "/headers" => {
                let text: Vec<String> = request.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
                answer(request, 200, &[], text.join("\n").as_bytes())
            }
            "/moved" => answer(request, 302, &[("location", "/text")], b""),
            _ => answer(request, 404, &[("content-type", "application/json")], br#"{"error": "none"}"#),
        })
    });
    fake
}

fn run(fake: &Fake, mut args: Value, path: &str) -> Outcome {
    args["url"] = json!(format!("http://h{path}"));
    fake.run_module("uri", args)
}

#[test]
fn json_is_read_and_headers_are_values() {
    let fake = service();
    let outcome = run(&fake, json!({}), "/json");
    assert!(!outcome.failed && !outcome.changed);
    assert_eq!(outcome.msg.as_deref(), Some("OK (unknown bytes)"));
    let values = outcome.values();
    assert_eq!(
        (&values["json"], &values["x_my_id"], &values["status"]),
        (&json!({"a": [1]}), &json!("7"), &json!(200))
    );
    assert_eq!((&values["redirected"], &values["url"]), (&json!(false), &json!("http://h/json")));
    assert_eq!((&values["cookies"], &values["cookies_string"]), (&json!({}), &json!("")));
    assert!(!values.contains_key("content"));
    assert!(!fake.asked()[0].by_plan);
    let outcome = run(&fake, json!({"return_content": true}), "/text");
    assert_eq!(
        (&outcome.values()["content"], outcome.msg.as_deref()),
        (&json!("text"), Some("OK (4 bytes)"))
    );
}

#[test]
fn a_wrong_status_fails_with_what_came() {
    let fake = service();
    let outcome = run(&fake, json!({"return_content": true}), "/none");
    assert!(outcome.failed);
    assert_eq!(outcome.msg.as_deref(), Some("Status code was 404 and not [200]: HTTP Error 404: Not Found"));
    let values = outcome.values();
    assert_eq!((&values["status"], &values["json"]["error"]), (&json!(404), &json!("none")));
    assert_eq!(values["content"], json!("{\"error\": \"none\"}"));
    assert!(!run(&fake, json!({"status_code": "200, 404"}), "/none").failed);
    let moved = run(&fake, json!({"follow_redirects": "none", "status_code": 302}), "/moved");
    assert_eq!((moved.failed, &moved.values()["location"]), (false, &json!("http://h/text")));
    let nobody = Fake::new().run_module("uri", json!({"url": "http://u:p@h/", "status_code": [200, 201]}));
    assert_eq!(
        nobody.msg.as_deref(),
        Some(
            "Status code was -1 and not [200, 201]: Request failed: <urlopen error [Errno 111] Connection refused>"
        )
    );
    assert_eq!(
        (&nobody.values()["status"], &nobody.values()["url"]),
        (&json!(-1), &json!("http://****:****@h/"))
    );
}

#[test]
fn what_changes_is_a_step_of_the_plan() {
    let fake = service();
    let args = json!({"method": "post", "body": {"a": 1, "b": ["x", null]}, "body_format": "json", "status_code": 201, "return_content": true});
    let outcome = run(&fake, args, "/echo");
    assert!(!outcome.failed && !outcome.changed, "{:?}", outcome.msg);
    assert_eq!(outcome.values()["content"], json!(r#"{"a": 1, "b": ["x", null]}"#));
    assert_eq!(outcome.changes.len(), 1);
    let asked = fake.asked().remove(0);
    assert!(asked.by_plan && asked.request.method == "POST");
    assert!(asked.request.headers.contains(&("Content-Type".into(), "application/json".into())));
    assert_eq!(asked.request.variable("https_proxy"), Some("http://proxy:1"));
    assert!(outcome.values().keys().all(|k| !k.starts_with('_')));
    // What left the agent with the plan has neither body nor headers.
    let text = serde_json::to_string(&outcome.changes).unwrap();
    assert!(!text.contains("Content-Type") && !text.contains("null]"), "{text}");
    let failed = run(&fake, json!({"method": "DELETE"}), "/none");
    assert!(failed.failed && failed.values()["status"] == json!(404));
}

#[test]
fn bodies() {
    let fake = service();
    let body = |args: Value| {
        let mut all = json!({"method": "PUT", "status_code": 201, "return_content": true});
        for (key, value) in args.as_object().unwrap() {
            all[key] = value.clone();
        }
        let outcome = run(&fake, all, "/echo");
        let content = outcome.values().get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
        if outcome.failed { outcome.msg.unwrap() } else { content }
    };
    assert_eq!(body(json!({"body": "plain"})), "plain");
    assert_eq!(body(json!({"body": {"a": true}})), "{'a': True}");
    assert_eq!(body(json!({"body": "{\"a\":1}", "body_format": "json"})), "{\"a\":1}");
    assert_eq!(
        body(json!({"body": {"a": "x y", "b": [1, 2]}, "body_format": "form-urlencoded"})),
        "a=x+y&b=1&b=2"
    );
    fake.file("/etc/up.txt", "0123456789".repeat(8));
    let parts = body(json!({"body_format": "form-multipart", "body": {
        "text": "value", "file": {"filename": "/etc/up.txt"}, "made": {"content": "c", "filename": "m.json"}}}));
    let asked = fake.asked().pop().unwrap().request;
    let kind = &asked.headers.iter().find(|(n, _)| n == "Content-Type").unwrap().1;
    let boundary = kind.strip_prefix("multipart/form-data; boundary=\"").unwrap().trim_end_matches('"');
    let pieces: Vec<&str> = parts.split(&format!("--{boundary}")).collect();
    assert_eq!(pieces.len(), 5);
    assert_eq!(
        pieces[1],
        "\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"up.txt\"\r\n\r\n\
         MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\nNzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk=\r\n\r\n"
    );
    assert!(pieces[2].starts_with("\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"made\"; filename=\"m.json\"\r\n\r\nc"));
    assert!(pieces[3].ends_with("name=\"text\"\r\n\r\nvalue\r\n"));
    assert!(
        body(json!({"body_format": "form-multipart", "body": {"f": {}}}))
            .contains("at least one of filename or content")
    );
    assert!(
        body(json!({"body_format": "form-multipart", "body": "x"}))
            .contains("Mapping is required, cannot be type str")
    );
    assert_eq!(body(json!({"src": "/none"})), "Unable to open source file /none");
    let with_blob = fake.task("uri", json!({"url": "http://h/echo", "method": "PUT", "src": "up", "status_code": 201, "return_content": true}));
    assert_eq!(
        with_blob.blob("content", "from the controller").run().values()["content"],
        json!("from the controller")
    );
}

#[test]
fn headers_of_the_request() {
    let fake = service();
    let args = json!({"headers": {"X-A": 1, "user-agent": "me"}, "force": true, "return_content": true});
    let outcome = run(&fake, args, "/headers");
    assert_eq!(outcome.values()["content"], json!("Cache-Control: no-cache\nX-A: 1\nuser-agent: me"));
    let outcome = run(&fake, json!({"return_content": true}), "/headers");
    assert_eq!(outcome.values()["content"], json!("User-Agent: ansible-httpget"));
}

#[test]
fn saves_the_answer() {
    let fake = service();
    let outcome = run(&fake, json!({"dest": "/srv/out", "mode": "0600"}), "/text");
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(fake.text("/srv/out").as_deref(), Some("text"));
    assert_eq!(fake.node("/srv/out").unwrap().meta.mode, 0o600);
    assert_eq!((&outcome.values()["path"], &outcome.values()["mode"]), (&json!("/srv/out"), &json!("0600")));
    let outcome = run(&fake, json!({"dest": "/srv"}), "/text");
    assert_eq!((outcome.changed, fake.text("/srv/text").as_deref()), (true, Some("text")));
    let posted = run(
        &fake,
        json!({"dest": "/srv/posted", "method": "POST", "body": "b", "status_code": 201}),
        "/echo",
    );
    assert!(posted.changed && !posted.failed, "{:?}", posted.msg);
    assert_eq!(fake.text("/srv/posted").as_deref(), Some("b"));
    assert!(run(&fake, json!({"dest": "/srv/failed"}), "/none").failed);
    assert_eq!(fake.text("/srv/failed"), None);
}

#[test]
fn nothing_to_do() {
    let fake = service();
    let outcome = run(&fake, json!({"creates": "/etc"}), "/text");
    assert_eq!(outcome.values()["stdout"], json!("skipped, since '/etc' exists"));
    let outcome = run(&fake, json!({"removes": "/none"}), "/text");
    assert_eq!(outcome.values()["stdout"], json!("skipped, since '/none' does not exist"));
    let check = fake.check_module("uri", json!({"url": "http://h/text"}));
    assert!(check.skipped && fake.asked().is_empty());
    let bad = fake.run_module("uri", json!({"url": "http://h/", "method": "GET IT"}));
    assert!(bad.msg.unwrap().starts_with("Parameter 'method' needs to be a single word"));
    let both = fake.run_module("uri", json!({"url": "http://h/", "body": "x", "src": "y"}));
    assert_eq!(both.msg.unwrap(), "parameters are mutually exclusive: body|src");
}
