//! `template`: renders on the controller, writes on the target.

use super::Cx;
use super::content::{Content, send};
use crate::engine::result::TaskOutcome;
use crate::template::{FileOptions, about};
use crate::vars::scope::Layers;
use crate::vars::{Key, Value};
use std::path::Path;
use windlass_yaml::SourceFile;

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let Some(src) = cx.text("src") else { return TaskOutcome::failure("src and dest are required") };
    let Some(dest) = cx.text("dest") else { return TaskOutcome::failure("src and dest are required") };
    let Some(path) = cx.exec.search.find("templates", &src) else {
        return super::not_found(cx, "templates", &src);
    };
    let (text, secret) = match cx.exec.shared.loader.template(&path) {
        Ok(found) => found,
        Err(reason) => return TaskOutcome::failure(format!("cannot read {}: {reason}", path.display())),
    };
    let mut own = about::variables(&path, &src, Some(&dest));
    own.insert(Key::from("ansible_managed"), Value::text("Ansible managed"));
    let layers = cx.layers.with(own);
    let options = match options(cx) {
        Ok(options) => options,
        Err(error) => return TaskOutcome::failure(error.to_string()),
    };
    let rendered = match render(cx, &layers, &path, &text, &options) {
        Ok(rendered) => rendered,
        Err(outcome) => return *outcome,
    };
    let mut args = cx.args.clone();
    for own in [
        "src",
        "trim_blocks",
        "lstrip_blocks",
        "newline_sequence",
        "output_encoding",
        "block_start_string",
        "block_end_string",
        "variable_start_string",
        "variable_end_string",
        "comment_start_string",
        "comment_end_string",
    ] {
        args.shift_remove(own);
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    args.insert(Key::from("_original_basename"), Value::text(name));
    args.entry(Key::from("follow")).or_insert(Value::Bool(false));
    if args.get("mode").and_then(Value::as_str) == Some("preserve") {
        args.insert(Key::from("mode"), Value::text(mode_of(&path)));
    }
    let encoding = cx.text("output_encoding").unwrap_or_else(|| "utf-8".to_owned());
    let bytes = match encoded(rendered, &encoding) {
        Ok(bytes) => bytes,
        Err(error) => return TaskOutcome::failure(error.to_string()),
    };
    send(cx, args, Content::of(bytes).hidden(secret), &path).await
}

/// The mode of a file of this machine, as octal text.
pub(super) fn mode_of(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|m| format!("0{:o}", m.mode() & 0o7777)).unwrap_or_else(|_| "0644".to_owned())
}

/// Why a text cannot be written in an encoding.
#[derive(Debug, thiserror::Error)]
enum EncodingError {
    #[error("unknown encoding: {0}")]
    Unknown(String),
    #[error("the character {1:?} has no place in {0}: choose another output_encoding")]
    Lacking(String, char),
}

/// A text in an encoding by one of Python's names for it.
fn encoded(text: String, encoding: &str) -> Result<Vec<u8>, EncodingError> {
    let limited = |most: u32| {
        let byte = |c: char| u8::try_from(u32::from(c)).ok().filter(|byte| u32::from(*byte) <= most);
        let bytes =
            text.chars().map(|c| byte(c).ok_or_else(|| EncodingError::Lacking(encoding.to_owned(), c)));
        bytes.collect::<Result<Vec<u8>, EncodingError>>()
    };
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" | "u8" => Ok(text.into_bytes()),
        "utf-8-sig" => Ok([b"\xef\xbb\xbf", text.as_bytes()].concat()),
        "ascii" | "us-ascii" | "646" => limited(0x7f),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => limited(0xff),
        "utf-16-le" | "utf-16le" => Ok(wide(u16::to_le_bytes)),
        "utf-16-be" | "utf-16be" => Ok(wide(u16::to_be_bytes)),
        "utf-16" | "utf16" | "u16" => Ok([vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat()),
        _ => Err(EncodingError::Unknown(encoding.to_owned())),
    }
}

/// A `newline_sequence` that is none.
#[derive(Debug, thiserror::Error)]
#[error("newline_sequence needs to be one of: \\n, \\r or \\r\\n")]
struct NewlineError;

fn options(cx: &Cx<'_>) -> Result<FileOptions, NewlineError> {
    let mut options = FileOptions::default();
    let syntax = &mut options.syntax;
    let text = |name: &str, default: &str| cx.text(name).unwrap_or_else(|| default.to_owned());
    syntax.trim_blocks = cx.flag("trim_blocks", true);
    syntax.lstrip_blocks = cx.flag("lstrip_blocks", false);
    syntax.block_start = text("block_start_string", "{%");
    syntax.block_end = text("block_end_string", "%}");
    syntax.variable_start = text("variable_start_string", "{{");
    syntax.variable_end = text("variable_end_string", "}}");
    syntax.comment_start = text("comment_start_string", "{#");
    syntax.comment_end = text("comment_end_string", "#}");
    syntax.newline = match text("newline_sequence", "\n").as_str() {
        "\n" | "\\n" => "\n",
        "\r" | "\\r" => "\r",
        "\r\n" | "\\r\\n" => "\r\n",
        _ => return Err(NewlineError),
    };
    Ok(options)
}

fn render(
    cx: &Cx<'_>,
    layers: &Layers,
    path: &Path,
    text: &str,
    options: &FileOptions,
) -> Result<String, Box<TaskOutcome>> {
    let file = SourceFile::new(path, text);
    let mut search = cx.exec.search.clone();
    if let Some(dir) = path.parent() {
        search.roots.insert(0, dir.to_owned());
    }
    let templates = crate::template::TemplateContext::new(layers, &search);
    cx.exec
        .shared
        .templar
        .render_file(&file, options, &templates)
        .map_err(|error| Box::new(TaskOutcome::of_template(&error)))
}
