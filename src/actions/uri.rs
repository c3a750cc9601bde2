//! `uri`: files of the controller that are sent as a body, or as parts of one.

use super::Cx;
use crate::engine::delegate;
use crate::engine::result::TaskOutcome;
use crate::transport::Source;
use windlass_protocol::{Json, JsonMap};

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    if cx.keywords.check {
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.set("msg", "check mode is not supported for this action.");
        return out;
    }
    if cx.flag("remote_src", false) {
        return cx.remote.module(spec, &cx.args).await;
    }
    let checked = match delegate::check(spec, &cx.args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let mut blobs = Vec::new();
    for (name, path) in wanted(&checked) {
        match cx.exec.search.find("files", &path) {
            Some(found) => blobs.push((name, Source::File(found))),
            None => return super::not_found(cx, "files", &path),
        }
    }
    match cx.remote.request(spec.name, checked, blobs, None).await {
        Ok(outcome) => TaskOutcome::from_agent(outcome),
        Err(error) => error.into(),
    }
}

/// The files that go along: their names to the module, and where an operator says they are.
fn wanted(args: &JsonMap) -> Vec<(String, String)> {
    let text = |map: &JsonMap, key: &str| {
        map.get(key).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(src) = text(args, "src") {
        return vec![("content".to_owned(), src)];
    }
    if text(args, "body_format").as_deref() != Some("form-multipart") {
        return Vec::new();
    }
    let fields = args.get("body").and_then(Json::as_object);
    let parts = fields.into_iter().flat_map(|fields| fields.values()).filter_map(Json::as_object);
    let mut files: Vec<(String, String)> = parts
        .filter(|part| text(part, "content").is_none())
        .filter_map(|part| text(part, "filename").map(|name| (name.clone(), name)))
        .collect();
    files.sort();
    files.dedup();
    files
}

#[cfg(test)]
mod tests {
    use super::wanted;
    use serde_json::json;

    #[test]
    fn files_of_the_controller() {
        let of = |args: serde_json::Value| wanted(args.as_object().expect("a mapping"));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(of(json!({"src": "a", "body_format": "json"})), [pair("content", "a")]);
        assert!(of(json!({"body": {"x": {"filename": "a"}}, "body_format": "json"})).is_empty());
        let body = json!({
            "a": {"filename": "one"}, "again": {"filename": "one"}, "b": {"filename": "name", "content": "x"},
            "c": "text", "d": {"filename": ""}
        });
        assert_eq!(of(json!({"body": body, "body_format": "form-multipart"})), [pair("one", "one")]);
    }
}
