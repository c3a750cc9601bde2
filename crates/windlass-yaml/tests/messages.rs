//! The exact text of the messages for the mistakes that people make.
#![allow(missing_docs, clippy::unwrap_used)]

use windlass_yaml::diagnostic::{Diagnostic, render};
use windlass_yaml::{SourceFile, Span, load};

fn message(text: &str) -> String {
    render(&load(SourceFile::new("x.yml", text)).unwrap_err().to_diagnostic(), false)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let got = message(text);
    assert_eq!(got, expected, "\n{got}\n");
}

#[test]
fn unquoted_template() {
    check(
        "a: {{ x }}/y  # z\n",
        "\
error: a value that starts with `{{` must be quoted
 --> x.yml:1:4
  |
1 | a: {{ x }}/y  # z
  |    ^^^^^^^ YAML reads this as a mapping
  |
  = hint: write \"{{ x }}/y\"",
    );
    check(
        "- {{ \"x\" }}\n",
        "\
error: a value that starts with `{{` must be quoted
 --> x.yml:1:3
  |
1 | - {{ \"x\" }}
  |   ^^^^^^^^^ YAML reads this as a mapping
  |
  = hint: write '{{ \"x\" }}'",
    );
}

#[test]
fn tabs() {
    check(
        "a:\n\t- b\n",
        "\
error: a tab cannot indent YAML
 --> x.yml:2:1
  |
2 |     - b
  | ^ here is a tab
  |
  = hint: indent with spaces",
    );
}

#[test]
fn second_colon() {
    check(
        "- name: x\n  msg: note: this\n",
        "\
error: a second `: ` in one line
 --> x.yml:2:12
  |
2 |   msg: note: this
  |            ^
  |
  = hint: quote the value: msg: \"note: this\"",
    );
}

#[test]
fn glued_colon() {
    check(
        "key:value\nb: 1\n",
        "\
error: this line is no `key: value`
 --> x.yml:1:1
  |
1 | key:value
  | ^^^^^^^^^
  |
  = hint: put a space behind the colon: key: value",
    );
}

#[test]
fn quotes() {
    check(
        "ä: \"ö\" ü\n",
        "\
error: text behind a closing quote
 --> x.yml:1:8
  |
1 | ä: \"ö\" ü
  |        ^
  |
  = hint: a value that starts with a quote must end with it: quote the whole value, and the inner quotes otherwise",
    );
    check(
        "a: 'x\nb: 2\n",
        "\
error: a quote is never closed
 --> x.yml:1:4
  |
1 | a: 'x
  |    ^
  |
  = hint: close it, or double a `'` that is part of the text",
    );
}

#[test]
fn brackets() {
    check(
        "a: [1, 2\nb: 3\n",
        "\
error: this `[` is never closed
 --> x.yml:1:4
  |
1 | a: [1, 2
  |    ^
  |
  = hint: close it, or quote the value if the `[` is part of the text",
    );
}

#[test]
fn value_and_children() {
    check(
        "a: b\n  c: d\n",
        "\
error: a `key:` below a key that already has a value
 --> x.yml:2:3
  |
2 |   c: d
  |   ^^^^
  |
  = hint: indent this line like the one above, or remove the value there",
    );
}

#[test]
fn aliases_and_tags() {
    check(
        "a: *foo\n",
        "\
error: unknown anchor `*foo`
 --> x.yml:1:4
  |
1 | a: *foo
  |    ^
  |
  = hint: a value that begins with `*` is an alias: quote it if it is meant as text",
    );
    check(
        "a: !Vault x\n",
        "\
error: unknown tag `!Vault`
 --> x.yml:1:4
  |
1 | a: !Vault x
  |    ^^^^^^
  |
  = hint: did you mean `!vault`?",
    );
}

#[test]
fn duplicate_key() {
    let loaded = load(SourceFile::new("x.yml", "a: 1\nb: 2\na: 3\n")).unwrap();
    let got = render(&loaded.warnings[0].to_diagnostic(), false);
    let expected = "\
warning: Found duplicate mapping key 'a'.
 --> x.yml:3:1
  |
1 | a: 1
  | - this one is ignored
2 | b: 2
3 | a: 3
  | ^ this value is used
  |
  = hint: remove one of the two";
    assert_eq!(got, expected, "\n{got}\n");
    // What a merge key brings in is meant to be overridden.
    let loaded = load(SourceFile::new("x.yml", "a: &a {k: 1}\nb: {<<: *a, k: 2}\n")).unwrap();
    assert!(loaded.warnings.is_empty());
}

#[test]
fn long_lines_are_cut_and_columns_count_characters() {
    let text = format!("a: \"{}\" ü: b\n", "日本".repeat(500));
    let error = load(SourceFile::new("x.yml", text)).unwrap_err();
    assert_eq!(error.span.to_string(), "x.yml:1:1007");
    let shown = render(&error.to_diagnostic(), false);
    assert!(shown.lines().all(|line| line.chars().count() < 160), "{shown}");
    assert!(shown.contains("..."), "{shown}");
}

#[test]
fn no_place_and_control_characters() {
    let plain = Diagnostic::error("no \u{1b}[31mcolour").note("one").hint("two");
    let expected = "error: no \u{fffd}[31mcolour\n |\n = note: one\n = hint: two";
    assert_eq!(render(&plain, false), expected, "\n{}\n", render(&plain, false));
    assert!(render(&plain, true).contains('\u{1b}'));
    let file = SourceFile::new("x", "a\u{1b}[31mb\n");
    let shown = render(&Diagnostic::error("e").at(&Span::new(&file, 0, 1)), false);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn places_in_quoted_values_that_are_not_indented() {
    let text = "a:\n  b: \"x\ny\nz\"\n  c: ü\nd: 'u\nv'\ne: 1\n";
    let loaded = load(SourceFile::new("x.yml", text)).unwrap();
    let root = loaded.docs[0].as_map().unwrap();
    let a = root.get("a").unwrap().as_map().unwrap();
    let place = |node: &windlass_yaml::Node| (node.span.to_string(), node.span.text().to_owned());
    assert_eq!(place(a.get("b").unwrap()), ("x.yml:2:6".into(), "\"x\ny\nz\"".into()));
    assert_eq!(place(a.get("c").unwrap()), ("x.yml:5:6".into(), "ü".into()));
    assert_eq!(place(root.get("d").unwrap()), ("x.yml:6:4".into(), "'u\nv'".into()));
    assert_eq!(place(root.get("e").unwrap()), ("x.yml:8:4".into(), "1".into()));
    check(
        "a: \"x\ny\"\nb: c: d\n",
        "\
error: a second `: ` in one line
 --> x.yml:3:5
  |
3 | b: c: d
  |     ^
  |
  = hint: quote the value: b: \"c: d\"",
    );
}
