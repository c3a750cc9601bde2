//! Hostile input is refused, never a crash.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write as _;

use proptest::prelude::*;
use windlass_yaml::{SourceFile, diagnostic, load, load_one};

#[test]
fn billion_laughs() {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 9].join(", ");
        writeln!(text, "a{i}: &a{i} [{list}]").unwrap();
    }
    let error = load(SourceFile::new("laugh.yml", text)).unwrap_err();
    assert_eq!(error.message, "the aliases of this file expand to too much");
}

#[test]
fn a_ladder_of_aliases() {
    let mut text = String::from("- &a0 x\n");
    for i in 1..5000 {
        writeln!(text, "- &a{i} [*a{}]", i - 1).unwrap();
    }
    let error = load(SourceFile::new("ladder.yml", text)).unwrap_err();
    assert_eq!(error.message, "the document is nested too deeply");
}

#[test]
fn deep_nesting() {
    assert!(load(SourceFile::new("deep.yml", "[".repeat(100_000))).is_err());
    assert!(load(SourceFile::new("deep.yml", "- ".repeat(100_000))).is_err());
    let mut text = String::new();
    for i in 0..5000 {
        writeln!(text, "{}k:", " ".repeat(i)).unwrap();
    }
    assert!(load(SourceFile::new("deep.yml", text)).is_err());
}

#[test]
fn an_anchor_inside_itself() {
    let error = load(SourceFile::new("self.yml", "a: &a [1, *a]\n")).unwrap_err();
    assert_eq!(error.message, "an alias stands inside the very value it refers to");
    assert_eq!(error.span.to_string(), "self.yml:1:11");
}

#[test]
fn second_document() {
    let error = load_one(SourceFile::new("two.yml", "---\na: 1\n---\nb: 2\n")).unwrap_err();
    assert_eq!(error.span.to_string(), "two.yml:3:1");
}

fn check(text: String) {
    let file = SourceFile::new("any.yml", text);
    match load(file) {
        Ok(loaded) => {
            for warning in loaded.warnings {
                diagnostic::render(&warning.to_diagnostic(), false);
            }
        }
        Err(error) => {
            diagnostic::render(&error.to_diagnostic(), false);
            diagnostic::render(&error.to_diagnostic(), true);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_safe(text in "\\PC*") {
        check(text);
    }

    #[test]
    fn yaml_like_text_is_safe(parts in prop::collection::vec(prop::sample::select(vec![
        "a", "b", ": ", ":", "- ", "-", "\n", "\n  ", "\n    ", "\t", "[", "]", "{", "}", ", ", "\"", "'", "|\n", ">-\n",
        "&x ", "*x", "<<: ", "!vault ", "!!str ", "!unsafe ", "!", "? ", "#", " # c", "---\n", "...\n", "{{ x }}", "0644",
        "ä", "日本", "😀", "\r\n", "%", "@", "`", "~", "yes", "1:30", "2001-01-01", "\u{feff}", "\u{85}", "\\",
    ]), 0..40)) {
        check(parts.concat());
    }
}
