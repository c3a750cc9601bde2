//! Data files, encrypted or not, as values.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Node, SourceFile, Span, Yaml, YamlError, load_one};

use super::store::{SecretError, Secrets};
use crate::vars::from_yaml::Reader;
use crate::vars::{Key, Map, Text, Value};

/// What a file holds.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// The value; null for an empty file.
    pub value: Value,
    /// What is hardly meant, as duplicate keys.
    pub warnings: Vec<Diagnostic>,
    /// Whether the file as a whole was encrypted.
    pub encrypted: bool,
    /// Where the file's value begins.
    pub span: Span,
}

/// The variables of a file.
#[derive(Debug, Clone)]
pub struct VarsFile {
    /// The variables.
    pub vars: Arc<Map>,
    /// What is hardly meant, as duplicate keys.
    pub warnings: Vec<Diagnostic>,
    /// Whether the file as a whole was encrypted.
    pub encrypted: bool,
}

/// Why a file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {}: {}", path.display(), crate::playbook::problems::reason_of(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be decrypted.
    #[error("cannot decrypt {}: {source}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SecretError,
    },
    /// It is no text.
    #[error("{} is no UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It is no YAML.
    #[error(transparent)]
    Yaml(#[from] Box<YamlError>),
    /// It holds no mapping.
    #[error("{}: variables must be a mapping, but this is {kind}", span)]
    NotMapping {
        /// What it is.
        kind: &'static str,
        /// Where.
        span: Span,
    },
}

impl LoadError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            Self::Yaml(error) => error.to_diagnostic(),
            Self::Secret { source, .. } => {
                let mut out = Diagnostic::error(self.to_string());
                out.hint = source.hint();
                out
            }
            Self::NotMapping { kind, span } => {
                Diagnostic::error(format!("a file of variables must hold a mapping, but this is {kind}"))
                    .at(span)
                    .hint("write `name: value`, one to a line")
            }
            Self::Read { .. } | Self::NotText(_) => Diagnostic::error(self.to_string()),
        }
    }
}

/// Loads the variables of a file, decrypting it where it has to be. Every string of an encrypted file is marked secret
/// and made known to the redactor. An empty file has no variables.
pub fn load_vars_file(path: &Path, secrets: &Secrets) -> Result<VarsFile, LoadError> {
    let DataFile { value, warnings, encrypted, span } = load_data_file(path, secrets)?;
    let vars = match value {
        Value::Map(map) => map,
        Value::Null => Arc::default(),
        other => return Err(LoadError::NotMapping { kind: kind(&other), span }),
    };
    Ok(VarsFile { vars, warnings, encrypted })
}

/// Loads any value from a file of YAML or JSON, decrypting it where it has to be.
pub fn load_data_file(path: &Path, secrets: &Secrets) -> Result<DataFile, LoadError> {
    let data = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let opened =
        secrets.open_bytes(data).map_err(|source| LoadError::Secret { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&opened.plain).map_err(|_| LoadError::NotText(path.to_owned()))?;
    load_text(SourceFile::new(path, text), opened.encrypted, secrets)
}

/// A document with its places.
pub(crate) struct LoadedNode {
    /// The document; none in an empty file.
    pub(crate) node: Option<Node>,
    /// What is hardly meant.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Whether the file as a whole was encrypted.
    pub(crate) encrypted: bool,
}

/// Loads the one document of a file, decrypting it where it has to be.
pub(crate) fn load_node(path: &Path, secrets: &Secrets) -> Result<LoadedNode, LoadError> {
    let data = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let opened =
        secrets.open_bytes(data).map_err(|source| LoadError::Secret { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&opened.plain).map_err(|_| LoadError::NotText(path.to_owned()))?;
    node_of(&SourceFile::new(path, text), opened.encrypted)
}

fn node_of(file: &Arc<SourceFile>, encrypted: bool) -> Result<LoadedNode, LoadError> {
    let (mut node, mut warnings) = load_one(Arc::clone(file)).map_err(|mut error| {
        if encrypted {
            error.conceal(&masked(file, None));
        }
        Box::new(error)
    })?;
    if encrypted && let Some(node) = &mut node {
        // Places are still told, but the plain text must not appear in a message.
        let masked = masked(file, Some(node));
        node.rehome(&masked);
        warnings.iter_mut().for_each(|warning| warning.rehome(&masked));
    }
    let warnings = warnings.iter().map(windlass_yaml::Warning::to_diagnostic).collect();
    Ok(LoadedNode { node, warnings, encrypted })
}

fn load_text(file: Arc<SourceFile>, encrypted: bool, secrets: &Secrets) -> Result<DataFile, LoadError> {
    let reader = Reader { open: secrets, secret: encrypted, trusted: true };
    let start = Span::new(&file, 0, 0);
    let (value, warnings, span) = match node_of(&file, encrypted) {
        Ok(LoadedNode { node: None, .. }) => (Value::Null, Vec::new(), start),
        Ok(LoadedNode { node: Some(node), warnings, .. }) => (reader.value(&node), warnings, node.span),
        // JSON may be indented with tabs.
        Err(error) => (json(&file.text, encrypted).ok_or(error)?, Vec::new(), start),
    };
    if encrypted {
        register(&value, secrets);
    }
    Ok(DataFile { value, warnings, encrypted, span })
}

fn json(text: &str, secret: bool) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    fn trusted(value: serde_json::Value, secret: bool) -> Value {
        match value {
            serde_json::Value::String(text) => {
                let text = Text::trusted(text, None);
                Value::Str(if secret { text.into_secret() } else { text })
            }
            serde_json::Value::Array(items) => {
                Value::list(items.into_iter().map(|v| trusted(v, secret)).collect())
            }
            serde_json::Value::Object(map) => {
                Value::map(map.into_iter().map(|(k, v)| (Key::from(k), trusted(v, secret))).collect())
            }
            other => Value::from(other),
        }
    }
    Some(trusted(serde_json::from_str(text).ok()?, secret))
}

/// A number of fewer digits is nobody's secret, but stands in many places.
const DIGITS: usize = 5;

/// Tells the redactor every string, and every number of some length: a PIN, an account.
pub(crate) fn register(value: &Value, secrets: &Secrets) {
    match value {
        Value::Str(text) => secrets.redactor().add(text.as_str()),
        Value::List(items) => items.iter().for_each(|item| register(item, secrets)),
        Value::Map(map) => map.values().for_each(|item| register(item, secrets)),
        Value::Int(_) | Value::Float(_) => {
            let text = crate::vars::value::scalar_text(value).unwrap_or_default();
            if text.chars().filter(char::is_ascii_digit).count() >= DIGITS {
                secrets.redactor().add(&text);
            }
        }
        _ => {}
    }
}

/// The file with every value (or everything, without a node) replaced by asterisks.
fn masked(file: &Arc<SourceFile>, node: Option<&Node>) -> Arc<SourceFile> {
    let mut bytes = file.text.clone().into_bytes();
    let mut hide = |from: usize, to: usize| {
        let to = to.min(bytes.len());
        for byte in &mut bytes[from.min(to)..to] {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    };
    match node {
        None => hide(0, usize::MAX),
        Some(node) => {
            hide_comments(&file.text, &mut hide);
            hide_values(node, &mut hide);
        }
    }
    // Whole characters were replaced by as many ASCII bytes as they had.
    SourceFile::new(&file.path, String::from_utf8(bytes).unwrap_or_default())
}

fn hide_values(node: &Node, hide: &mut impl FnMut(usize, usize)) {
    match &node.value {
        Yaml::Seq(items) => items.iter().for_each(|item| hide_values(item, hide)),
        Yaml::Map(map) => map.iter().for_each(|(_, value)| hide_values(value, hide)),
        _ => hide(node.span.start, node.span.end),
    }
}

/// A comment of an encrypted file may hold an old password.
fn hide_comments(text: &str, hide: &mut impl FnMut(usize, usize)) {
    let mut at = 0;
    for line in text.split('\n') {
        if let Some(hash) = line.find('#') {
            hide(at + hash, at + line.len());
        }
        at += line.len() + 1;
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Str(_) => "a string",
        Value::List(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Map(_) | Value::Dynamic(_) => "a mapping",
        Value::Null | Value::Omit => "nothing",
        Value::Sealed(_) => "an encrypted string",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::VaultSecret;
    use crate::secrets::vault::seal;
    use windlass_yaml::diagnostic::render;
    use zeroize::Zeroizing;

    fn secrets() -> Secrets {
        let secret = VaultSecret { label: "default".into(), password: Zeroizing::new(b"p".to_vec()) };
        Secrets::with_passwords(vec![secret])
    }

    fn load(content: &str, secrets: &Secrets) -> Result<VarsFile, LoadError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vars.yml");
        std::fs::write(&path, content).unwrap();
        load_vars_file(&path, secrets)
    }

    fn text(vars: &Map, key: &str) -> Text {
        match vars.get(key) {
            Some(Value::Str(text)) => text.clone(),
            other => panic!("{key}: {other:?}"),
        }
    }

    #[test]
    fn plain_and_encrypted() {
        let secrets = secrets();
        let plain = load("a: 1\nb: '{{ x }}'\n", &secrets).unwrap();
        assert!(
            !plain.encrypted && text(&plain.vars, "b").is_template() && !text(&plain.vars, "b").is_secret()
        );

        let sealed =
            seal("a: swordfish\nb: [ärger1, {c: 'geheim!'}]\nn: 5\n".as_bytes(), b"p", None).unwrap();
        let loaded = load(&sealed, &secrets).unwrap();
        assert!(loaded.encrypted && text(&loaded.vars, "a").is_secret());
        assert_eq!(secrets.redactor().redact("swordfish ärger1 geheim! 5"), "******** ******** ******** 5");
        // The place is known, the text is not.
        let span = text(&loaded.vars, "a").span().unwrap().clone();
        assert_eq!((span.line, span.column, span.text()), (1, 4, "*********"));
        let shown = render(&Diagnostic::error("x").at(&span), false);
        assert!(shown.contains("1 | a: *********") && !shown.contains("swordfish"), "{shown}");
    }

    #[test]
    fn long_numbers_of_an_encrypted_file_are_secret() {
        let secrets = secrets();
        let sealed = seal(b"pin: 123456\nport: 8080\nx: [-98765, 3.14159]\nf: 1.5\n", b"p", None).unwrap();
        load(&sealed, &secrets).unwrap();
        assert_eq!(
            secrets.redactor().redact("123456 8080 -98765 3.14159 1.5"),
            "******** 8080 ******** ******** 1.5"
        );
    }

    #[test]
    fn inline_vault() {
        let sealed = seal(b"swordfish", b"p", None).unwrap().replace('\n', "\n  ");
        let loaded = load(&format!("a: !vault |\n  {sealed}\nb: 1\n"), &secrets()).unwrap();
        assert_eq!(text(&loaded.vars, "a").as_str(), "swordfish");
        assert!(text(&loaded.vars, "a").is_secret());
        let sealed = load(&format!("a: !vault |\n  {sealed}\n"), &Secrets::none()).unwrap();
        assert!(matches!(sealed.vars.get("a"), Some(Value::Sealed(_))));
    }

    #[test]
    fn errors() {
        let secrets = secrets();
        assert!(load("", &secrets).unwrap().vars.is_empty());
        assert!(load("{\n\t\"a\": 1\n}", &secrets).unwrap().vars.contains_key("a"), "JSON with tabs");
        let list = load("- a\n", &secrets).unwrap_err();
        assert!(render(&list.to_diagnostic(), false).contains("must hold a mapping, but this is a list"));
        let texts = [
            "a: 2024-13-45\n",
            "a: *swordfish\n",
            "a: !swordfish x\n",
            "a: !swordfish [x]\n",
            "a: %swordfish\n",
            "a: {{ swordfish }} 2024-13-45\n",
        ];
        for text in texts {
            let sealed = seal(text.as_bytes(), b"p", None).unwrap();
            let error = load(&sealed, &secrets).unwrap_err();
            let shown = format!("{error}\n{}", render(&error.to_diagnostic(), false));
            let word = if text.contains("swordfish") { "swordfish" } else { "2024" };
            assert!(!shown.contains(word) && shown.contains("vars.yml:1:"), "{shown}");
            let plain = render(&load(text, &secrets).unwrap_err().to_diagnostic(), false);
            assert!(plain.contains(word), "of a file that is no secret all is told: {plain}");
        }
        let sealed = seal(b"a: swordfish: x\n", b"p", None).unwrap();
        let shown = render(&load(&sealed, &secrets).unwrap_err().to_diagnostic(), false);
        assert!(!shown.contains("swordfish") && shown.contains("vars.yml:1:13"), "{shown}");
        let shown = render(&load(&sealed, &Secrets::none()).unwrap_err().to_diagnostic(), false);
        assert!(shown.contains("no vault password was given") && shown.contains("= hint:"), "{shown}");
    }
}
