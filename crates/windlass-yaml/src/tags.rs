//! Tags on collections, and the merge key.

use granit_parser::ScalarStyle;

use crate::error::YamlError;
use crate::node::{Node, Tag, Yaml};

/// The namespace of YAML's own tags.
pub(crate) const CORE: &str = "tag:yaml.org,2002:";

/// YAML's own tags for collections.
pub(crate) const COLLECTION_TAGS: [&str; 6] = ["seq", "map", "set", "omap", "pairs", "python/dict"];
/// YAML's own tags for scalars.
pub(crate) const SCALAR_TAGS: [&str; 7] = ["str", "int", "float", "bool", "null", "binary", "timestamp"];

/// What a tag asks for.
pub(crate) enum TagName {
    NonSpecific,
    Core(String),
    Vault,
    Unsafe,
    Other(String),
}

/// Reads a tag as the parser gives it.
pub(crate) fn name(tag: &granit_parser::Tag) -> TagName {
    let full = format!("{}{}", tag.handle(), tag.suffix());
    match full.as_str() {
        "!" | "" => TagName::NonSpecific,
        "!vault" | "!vault-encrypted" => TagName::Vault,
        "!unsafe" => TagName::Unsafe,
        _ => match full.strip_prefix(CORE) {
            Some(suffix) => TagName::Core(suffix.to_owned()),
            None => TagName::Other(full),
        },
    }
}

/// Gives a finished collection what its tag asks for.
pub(crate) fn apply_to_collection(
    tag: Option<&granit_parser::Tag>,
    mut node: Node,
) -> Result<Node, YamlError> {
    let Some(raw) = tag else { return Ok(node) };
    let wants = |suffix: &str, what: &str, node: &Node| {
        Err(YamlError::new(
            format!("the tag `!!{suffix}` wants {what}, not {}", node.kind()),
            node.span.clone(),
        ))
    };
    match name(raw) {
        TagName::NonSpecific => {}
        TagName::Core(suffix) => match suffix.as_str() {
            "seq" if matches!(node.value, Yaml::Seq(_)) => {}
            "map" | "python/dict" if matches!(node.value, Yaml::Map(_)) => {}
            "seq" => return wants(&suffix, "a list", &node),
            "map" | "python/dict" => return wants(&suffix, "a mapping", &node),
            "set" => match node.value {
                Yaml::Map(map) => node.value = Yaml::Seq(map.into_iter().map(|(key, _)| key).collect()),
                _ => return wants(&suffix, "a mapping", &node),
            },
            "omap" | "pairs" => node = pairs(&suffix, node)?,
            _ => return wants(&suffix, "a single value", &node),
        },
        TagName::Vault => {
            return Err(YamlError::new("the tag `!vault` wants a string", node.span));
        }
        TagName::Unsafe => mark_unsafe(&mut node),
        TagName::Other(name) => node.tag = Some(Tag::Other(name)),
    }
    Ok(node)
}

/// Whether a key is `<<`.
pub(crate) fn is_merge(text: &str, style: ScalarStyle, tag: Option<&granit_parser::Tag>) -> bool {
    match tag {
        None => style == ScalarStyle::Plain && text == "<<",
        Some(tag) => matches!(name(tag), TagName::Core(suffix) if suffix == "merge"),
    }
}

/// Adds the entries of a `<<` value. Within a list the first mapping wins, so it is added last.
pub(crate) fn merge_into(into: &mut Vec<(Node, Node)>, value: Node) -> Result<(), YamlError> {
    match value.value {
        Yaml::Map(map) => into.extend(map),
        Yaml::Seq(items) => {
            for item in items.into_iter().rev() {
                match item.value {
                    Yaml::Map(map) => into.extend(map),
                    _ => return Err(bad_merge(&item)),
                }
            }
        }
        _ => return Err(bad_merge(&value)),
    }
    Ok(())
}

fn bad_merge(node: &Node) -> YamlError {
    YamlError::new(
        format!("`<<` merges a mapping or a list of mappings, not {}", node.kind()),
        node.span.clone(),
    )
}

fn pairs(suffix: &str, node: Node) -> Result<Node, YamlError> {
    let Yaml::Seq(items) = node.value else {
        return Err(YamlError::new(format!("the tag `!!{suffix}` wants a list"), node.span));
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item.value {
            Yaml::Map(map) if map.len() == 1 => {
                for (key, value) in map {
                    let value = Yaml::Seq(vec![key, value]);
                    out.push(Node { value, span: item.span.clone(), tag: None });
                }
            }
            _ => {
                let message = format!("the items of `!!{suffix}` are mappings of one entry");
                return Err(YamlError::new(message, item.span));
            }
        }
    }
    Ok(Node { value: Yaml::Seq(out), span: node.span, tag: node.tag })
}

fn mark_unsafe(node: &mut Node) {
    node.tag = match node.tag.take() {
        Some(Tag::Vault) => Some(Tag::Vault),
        _ => Some(Tag::Unsafe),
    };
    match &mut node.value {
        Yaml::Seq(items) => items.iter_mut().for_each(mark_unsafe),
        Yaml::Map(map) => map.values_mut().for_each(|(key, value)| {
            mark_unsafe(key);
            mark_unsafe(value);
        }),
        _ => {}
    }
}
