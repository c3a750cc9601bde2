//! Secrets that stand in a playbook: values of arguments that a module's description calls secret. No excerpt of the file
//! shows them. What is encrypted or comes from a variable is none; of a template the texts in quotes are hidden.

use crate::actions;
use std::ops::Range;
use windlass_protocol::ModuleSpec;
use windlass_yaml::{Node, Style, Tag, Yaml};

/// Hides the secret arguments of a task: a mapping, or `name=value` text.
pub(super) fn arguments(spec: &ModuleSpec, node: &Node) {
    let secret = |name: &str| spec.field(name).is_some_and(|field| field.no_log);
    match &node.value {
        Yaml::Map(_) => entries(node, &secret),
        Yaml::Str(..) => pairs(node, &secret),
        _ => {}
    }
}

/// Hides those of `module_defaults`: a mapping of modules and groups, or a list of such mappings.
pub(super) fn defaults(node: &Node) {
    for item in node.as_seq().unwrap_or_default() {
        defaults(item);
    }
    for (module, args) in node.as_map().into_iter().flat_map(|map| map.iter()) {
        let module = module.as_str().unwrap_or_default();
        entries(args, &|name| actions::is_secret(module, name));
    }
}

fn entries(node: &Node, secret: &dyn Fn(&str) -> bool) {
    for (name, value) in node.as_map().into_iter().flat_map(|map| map.iter()) {
        if name.as_str().is_some_and(secret) {
            hide(value);
        }
    }
}

/// `name=value name2='other value'`, somewhere in the text of a scalar.
fn pairs(node: &Node, secret: &dyn Fn(&str) -> bool) {
    let raw = node.span.text();
    let name_char = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (equals, _) in raw.match_indices('=') {
        let name = raw[..equals].rsplit(|c: char| !name_char(c)).next().unwrap_or_default();
        if secret(name) {
            let start = equals + 1;
            let value = start..start + value_length(&raw[start..]);
            if let Some(piece) = literals(&raw[value.clone()], false) {
                let at = node.span.start + value.start;
                node.span.file.hide(at + piece.start..at + piece.end);
            }
        }
    }
}

/// How long the value of a pair is: up to a blank that stands neither in quotes nor in braces.
fn value_length(text: &str) -> usize {
    let (mut quote, mut braces) = (None, 0_usize);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('{', None) => braces += 1,
            ('}', None) => braces = braces.saturating_sub(1),
            _ if c.is_whitespace() && quote.is_none() && braces == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// Hides a value and everything in it.
fn hide(node: &Node) {
    let style = match &node.value {
        _ if node.tag == Some(Tag::Vault) => return,
        Yaml::Null => return,
        Yaml::Seq(items) => return items.iter().for_each(hide),
        Yaml::Map(map) => return map.iter().for_each(|(_, value)| hide(value)),
        Yaml::Str(_, style) => *style,
        _ => Style::Plain,
    };
    let raw = node.span.text();
    let quoted = matches!(style, Style::SingleQuoted | Style::DoubleQuoted) && raw.len() >= 2;
    if let Some(piece) = literals(raw, quoted) {
        node.span.file.hide(node.span.start + piece.start..node.span.start + piece.end);
    }
}

/// The parts of a value's text that are secret: all of it, but of one expression only what is in quotes. They are taken
/// together: which of them is a name and which a secret only the expression knows.
fn literals(raw: &str, quoted: bool) -> Option<Range<usize>> {
    let whole = if quoted { 1..raw.len() - 1 } else { 0..raw.trim_end().len() };
    let inner = raw.get(whole.clone())?;
    let trimmed = inner.trim().trim_matches(['"', '\'']);
    let expression =
        trimmed.starts_with("{{") && trimmed.ends_with("}}") && trimmed.matches("{{").count() == 1;
    if !expression {
        return Some(whole);
    }
    let opened = whole.start + inner.find("{{")? + 2;
    let closed = whole.start + inner.rfind("}}")?;
    let expression = raw.get(opened..closed)?;
    let first = expression.find(['"', '\''])? + 1;
    let last = expression.rfind(['"', '\''])?;
    (first < last).then(|| opened + first..opened + last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use windlass_yaml::{SourceFile, load_one};

    /// A text after what its tasks and defaults have in secret arguments was hidden.
    fn shown(text: &str) -> String {
        let (node, _) = load_one(SourceFile::new("a.yml", text)).unwrap();
        let node = node.unwrap();
        for (key, value) in node.as_map().unwrap().iter() {
            match key.as_str().unwrap() {
                "module_defaults" => defaults(value),
                name => arguments(actions::resolve(name).unwrap().spec, value),
            }
        }
        let file = &node.span.file;
        file.excerpt(0..file.text.len()).text
    }

    #[test]
    fn literal_values_are_hidden_however_they_are_written() {
        let value = |text: &str| {
            let shown = shown(&format!("ansible.builtin.user:\n  password: {text}\n  name: x\n"));
            let value = shown.strip_prefix("ansible.builtin.user:\n  password: ").unwrap();
            value.strip_suffix("\n  name: x\n").unwrap().to_owned()
        };
        assert_eq!(value("hunter2 # a note"), "******** # a note");
        assert_eq!(value("'hunter2'"), "'********'");
        assert_eq!(value("\"hunter2\""), "\"********\"");
        assert_eq!(value("12345"), "********");
        assert_eq!(value("|\n    hunter2\n    and more"), "|\n    ********\n    ********");
        assert_eq!(value("\"{{ vault_password }}\""), "\"{{ vault_password }}\"");
        assert_eq!(value("\"hunter2{{ vault_password }}\""), "\"********\"");
        assert_eq!(value("\"{{ 'hunter2' | password_hash('sha512') }}\""), "\"{{ '********') }}\"");
        assert_eq!(value("'{{ ''hunter2'' | password_hash }}'"), "'{{ '********' | password_hash }}'");
        assert_eq!(value("[hunter2, {a: hunter2}]"), "[********, {a: ********}]");
        assert_eq!(value("''"), "''");
    }

    #[test]
    fn arguments_in_a_text_by_other_names_and_by_default() {
        assert_eq!(
            shown("ansible.builtin.user: name=x password='hunter2 b' update_password=always\n"),
            "ansible.builtin.user: name=x password=******** update_password=always\n"
        );
        assert_eq!(
            shown("ansible.builtin.get_url: {url: a, dest: b, password: hunter2}\n"),
            "ansible.builtin.get_url: {url: a, dest: b, password: ********}\n"
        );
        assert_eq!(
            shown(
                "module_defaults:\n  group/community.proxmox.proxmox:\n    api_password: hunter2\n    api_user: a\n  \
                 community.general.proxmox_kvm: {api_token_secret: hunter2, cores: 2}\n"
            ),
            "module_defaults:\n  group/community.proxmox.proxmox:\n    api_password: ********\n    api_user: a\n  \
             community.general.proxmox_kvm: {api_token_secret: ********, cores: 2}\n"
        );
    }
}
