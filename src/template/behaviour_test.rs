//! What a table cannot show: places of errors, marks, laziness, files, limits.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::vars::from_yaml::{OpenNothing, Reader};
use crate::vars::{Dynamic, Map, Text};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass_yaml::SourceFile;

fn load(text: &str) -> Map {
    let (node, _) = windlass_yaml::load_one(SourceFile::new("play.yml", text)).unwrap();
    let reader = Reader { open: &OpenNothing, secret: false, trusted: true };
    match reader.value(&node.unwrap()) {
        Value::Map(map) => (*map).clone(),
        _ => Map::new(),
    }
}

fn render(scope: &Map, text: &str) -> Result<Value, TemplateError> {
    let search = SearchPath::default();
    Templar::new(TemplarSettings::default())
        .render_str(&Text::trusted(text, None), &TemplateContext::new(scope, &search))
}

#[test]
fn an_error_points_into_the_playbook() {
    let scope = load(
        "first: 1\nmsg: \"hello {{ frist }} and {{ first }}\"\nblock: |\n  one\n  two {{ first | nosuch }}\n",
    );
    let search = SearchPath::default();
    let templar = Templar::new(TemplarSettings::default());
    let cx = TemplateContext::new(&scope, &search);
    let error = templar.render(scope.get("msg").unwrap(), &cx).unwrap_err();
    assert_eq!(error.message, "'frist' is undefined");
    assert_eq!(error.hint.as_deref(), Some("did you mean 'first'?"));
    let span = error.span.unwrap();
    assert_eq!((span.line, span.column, span.text()), (2, 16, "frist"));
    let found = templar.check_syntax(scope.get("block").unwrap());
    assert_eq!(found.len(), 1);
    let span = found[0].span.clone().unwrap();
    assert_eq!((span.line, span.text()), (5, "nosuch"));
    assert_eq!(found[0].kind, TemplateErrorKind::UnknownName);
}

#[test]
fn the_static_check_knows_names() {
    let scope = load(
        "a: \"{{ x | defualt(1) }}\"\nb: \"{{ x is definde }}\"\nc: \"{{ lookup('fiel', 'x') }}\"\nd: \"{{ x | }}\"\ne: \"{{ y | default(1) }}\"\n",
    );
    let templar = Templar::new(TemplarSettings::default());
    let hints: Vec<Option<String>> = ["a", "b", "c", "d", "e"]
        .iter()
        .flat_map(|name| templar.check_syntax(scope.get(*name).unwrap()))
        .map(|e| e.hint)
        .collect();
    assert_eq!(hints.len(), 4);
    assert_eq!(hints[0].as_deref(), Some("did you mean 'default'?"));
    assert_eq!(hints[1].as_deref(), Some("did you mean 'defined'?"));
    assert_eq!(hints[2].as_deref(), Some("did you mean 'file'?"));
}

#[test]
fn free_variables_leave_local_names_out() {
    let templar = Templar::new(TemplarSettings::default());
    let text = "{% for x in items %}{{ x }}{{ y.z }}{% set w = q %}{{ w }}{% endfor %}{{ loop }}";
    let found = templar.free_variables(&Value::Str(Text::trusted(text, None)));
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["items", "loop", "q", "y"]);
}

#[test]
fn what_a_target_said_is_never_a_template() {
    let mut scope = Map::new();
    scope.insert("out".into(), Value::text("{{ lookup('pipe', 'id') }}"));
    scope.insert("list".into(), Value::list(vec![Value::text("{{ 1 }}")]));
    assert_eq!(render(&scope, "{{ out }}").unwrap().as_str(), Some("{{ lookup('pipe', 'id') }}"));
    assert_eq!(render(&scope, "a {{ out }}").unwrap().as_str(), Some("a {{ lookup('pipe', 'id') }}"));
    assert_eq!(render(&scope, "{{ list | first }}").unwrap().as_str(), Some("{{ 1 }}"));
    let Value::Str(text) = render(&scope, "{{ '{{' ~ ' 1 }}' }}").unwrap() else { panic!("no text") };
    assert!(!text.is_template());
    let search = SearchPath::default();
    let cx = TemplateContext::new(&scope, &search);
    let result = Templar::new(TemplarSettings::default()).condition(scope.get("out").unwrap(), &cx);
    assert_eq!(result.unwrap_err().message, "Encountered untrusted template or expression.");
}

#[test]
fn secrets_stay_secret_through_expressions() {
    let mut scope = Map::new();
    scope.insert("pw".into(), Value::Str(Text::plain("hunter2").into_secret()));
    scope.insert(
        "cfg".into(),
        Value::map(
            [(crate::vars::Key::from("k"), Value::Str(Text::plain("deep").into_secret()))]
                .into_iter()
                .collect(),
        ),
    );
    let secret = |source: &str| match render(&scope, source).unwrap() {
        Value::Str(text) => text.is_secret(),
        _ => false,
    };
    for source in [
        "{{ pw }}",
        "x{{ pw }}",
        "{{ pw ~ 'x' }}",
        "{{ pw | b64encode }}",
        "{{ pw.upper() }}",
        "{{ pw[1:] }}",
        "{{ '%s' % pw }}",
        "{{ cfg | to_json }}",
        "{{ pw + 'a' }}",
    ] {
        assert!(secret(source), "{source}");
    }
    for source in ["{{ 'a' if pw else 'b' }}", "{{ pw | ternary('a', 'b') }}", "{{ nope | default('c') }}"] {
        assert!(!secret(source), "{source}");
    }
}

#[derive(Debug)]
struct Counting(AtomicUsize);

impl Dynamic for Counting {
    fn get(&self, key: &str) -> Result<Option<Value>, TemplateError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((key == "web1").then(|| Value::text("found")))
    }
    fn keys(&self) -> Vec<crate::vars::Key> {
        vec!["web1".into(), "web2".into()]
    }
}

#[test]
fn hostvars_are_asked_only_for_what_is_used() {
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    let mut scope = Map::new();
    scope.insert("hostvars".into(), Value::Dynamic(counting.clone()));
    assert_eq!(render(&scope, "{{ hostvars['web1'] }}").unwrap().as_str(), Some("found"));
    assert_eq!(
        render(&scope, "{{ hostvars.web1 }} {{ 'web2' in hostvars }}").unwrap().as_str(),
        Some("found True")
    );
    assert_eq!(counting.0.load(Ordering::SeqCst), 2);
}

#[test]
fn a_sealed_value_is_an_error_only_where_it_is_used() {
    let scope = load("a:\n  secret: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    00\n  open: 1\n");
    assert_eq!(render(&scope, "{{ a.open }}").unwrap(), Value::Int(1));
    assert_eq!(render(&scope, "{{ a.secret }}").unwrap_err().kind, TemplateErrorKind::Sealed);
}

#[test]
fn variables_defined_by_themselves_are_found() {
    let scope = load("a: \"{{ b }}\"\nb: \"{{ a }}\"\nc: \"{{ c | default(1) }}\"\nl: [\"{{ l }}\"]\n");
    on_a_large_stack(move || {
        for source in ["{{ a }}", "{{ c }}", "{{ l }}"] {
            let error = render(&scope, source).unwrap_err();
            assert_eq!(error.kind, TemplateErrorKind::Loop, "{source}: {error}");
        }
    });
}

fn on_a_large_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_long_chain_of_variables_is_followed() {
    let links: String = (0..80).map(|i| format!("v{i}: \"{{{{ v{} }}}}\"\n", i + 1)).collect();
    let scope = load(&format!("{links}v80: end\n"));
    on_a_large_stack(move || assert_eq!(render(&scope, "{{ v0 }}").unwrap().as_str(), Some("end")));
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let run = || {
        let scope = Map::new();
        for text in [
            format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
            format!("{{{{ {}1 }}}}", "not ".repeat(5000)),
            format!("{{{{ {}1 }}}}", "-".repeat(5000)),
            format!("{{{{ 1{} }}}}", " + 1".repeat(5000)),
            format!("{{{{ a{} }}}}", ".b".repeat(5000)),
            format!("{{{{ a{} }}}}", "|upper".repeat(5000)),
            format!("{{{{ a|upper{} }}}}", "()".repeat(100_000)),
            format!("{{{{ 1{} }}}}", " if 1".repeat(100_000)),
            format!(
                "{{{{ {}1{} }}}}",
                "(".repeat(38),
                format!("{0}{1}{2})", "*1".repeat(190), "+1".repeat(190), " and 1".repeat(190)).repeat(38)
            ),
            format!("{}{}", "{% if a %}".repeat(500), "{% endif %}".repeat(500)),
            "{% set x = [] %}{{ x.append(x) }}{{ x }}".to_owned(),
        ] {
            let _ = render(&scope, &text);
        }
    };
    on_a_large_stack(run);
}

fn file(name: &str, text: &str, scope: &Map, search: &SearchPath) -> Result<String, TemplateError> {
    let source = SourceFile::new(name, text);
    Templar::new(TemplarSettings::default()).render_file(
        &source,
        &FileOptions::default(),
        &TemplateContext::new(scope, search),
    )
}

#[test]
fn files_keep_and_trim_what_the_template_module_does() {
    let scope = load("n: 5\nl: [1, 2]\nz: null\n");
    let search = SearchPath::default();
    let run = |text: &str| file("t.j2", text, &scope, &search).unwrap();
    assert_eq!(run("{% for x in l %}\n  {{ x }}\n{% endfor %}\nend\n"), "  1\n  2\nend\n");
    assert_eq!(run("a\n{# c #}\nb\n"), "a\nb\n");
    assert_eq!(run("  {% if n %}\nx\n  {% endif %}\n"), "  x\n  \n");
    assert_eq!(run("{{ n }}"), "5");
    assert_eq!(run("{{ l }}\n\n"), "[1, 2]\n\n");
    assert_eq!(run("{{ 'a\\tb' }}\n"), "a\tb\n");
    assert_eq!(run("#jinja2: lstrip_blocks: True, trim_blocks:False\n  {% if n %}x{% endif %}\n"), "x\n");
    assert_eq!(
        run("#jinja2:variable_start_string:'[%' , variable_end_string:'%]'\n[% n %] {{ n }}\n"),
        "5 {{ n }}\n"
    );
    assert_eq!(run("{{ z }}|\n"), "|\n");
}

#[test]
fn an_error_in_a_file_has_its_line() {
    let scope = Map::new();
    let search = SearchPath::default();
    let error = file("t.j2", "one\ntwo {{ nope }}\n", &scope, &search).unwrap_err();
    let span = error.span.unwrap();
    assert_eq!((span.line, span.column), (2, 8));
    let error = file("t.j2", "one\n{% if %}\n", &scope, &search).unwrap_err();
    assert_eq!(error.span.unwrap().line, 2);
}

#[test]
fn templates_include_import_and_extend_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    for (name, text) in [
        ("base.j2", "<{% block a %}base{% endblock %}|{% block b %}B{{ n }}{% endblock %}>"),
        ("macros.j2", "{% macro hi(x) %}hi {{ x }}{% endmacro %}{% set v = 7 %}"),
        ("part.j2", "part {{ n }} {{ local | default('-') }}"),
    ] {
        std::fs::write(templates.join(name), text).unwrap();
    }
    let scope = load("n: 5\n");
    let search = SearchPath::new(vec![dir.path().to_owned()]);
    let run = |text: &str| file("t.j2", text, &scope, &search);
    assert_eq!(
        run("{% extends 'base.j2' %}x{% block a %}new {{ super() }}{% endblock %}").unwrap(),
        "<new base|B5>"
    );
    assert_eq!(run("{% set local = 1 %}{% include 'part.j2' %}").unwrap(), "part 5 1");
    assert_eq!(run("{% import 'macros.j2' as m %}{{ m.hi(1) }} {{ m.v }}").unwrap(), "hi 1 7");
    assert_eq!(run("{% from 'macros.j2' import hi as hello with context %}{{ hello(2) }}").unwrap(), "hi 2");
    assert_eq!(run("{% include 'nope.j2' ignore missing %}x").unwrap(), "x");
    assert_eq!(run("{% include ['nope.j2', 'part.j2'] %}").unwrap(), "part 5 -");
    assert!(run("{% include 'nope.j2' %}").unwrap_err().message.contains("nope.j2"));
    let looked = render_with(&scope, &search, "{{ lookup('template', 'part.j2', template_vars={'n': 9}) }}");
    assert_eq!(looked.unwrap().as_str(), Some("part 9 -"));
}

fn render_with(scope: &Map, search: &SearchPath, text: &str) -> Result<Value, TemplateError> {
    Templar::new(TemplarSettings::default())
        .render_str(&Text::trusted(text, None), &TemplateContext::new(scope, search))
}

#[test]
fn lookups_read_files() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("a.txt"), "content\n").unwrap();
    std::fs::write(files.join("x.ini"), "[s]\nKey = v\nother: w\n").unwrap();
    std::fs::write(files.join("x.csv"), "k,v,w\nq,\"a,b\",c\n").unwrap();
    let scope = Map::new();
    let search = SearchPath::new(vec![dir.path().to_owned()]);
    let run = |text: &str| render_with(&scope, &search, text).unwrap();
    assert_eq!(run("{{ lookup('file', 'a.txt') }}").as_str(), Some("content"));
    assert_eq!(run("{{ lookup('file', 'a.txt', rstrip=false) }}").as_str(), Some("content\n"));
    assert_eq!(run("{{ lookup('ini', 'key section=s file=x.ini') }}").as_str(), Some("v"));
    assert_eq!(
        run("{{ lookup('ini', 'nope', section='s', file='x.ini', default='d') }}").as_str(),
        Some("d")
    );
    assert_eq!(run("{{ lookup('csvfile', 'q', file='x.csv', delimiter=',') }}").as_str(), Some("a,b"));
    assert_eq!(run("{{ lookup('first_found', ['nope', 'a.txt']) | basename }}").as_str(), Some("a.txt"));
    assert_eq!(
        run("{{ query('fileglob', '*.txt') | map('basename') | list }}"),
        Value::list(vec![Value::text("a.txt")])
    );
    assert_eq!(run("{{ lookup('pipe', 'echo hi') }}").as_str(), Some("hi"));
    let first = run("{{ lookup('password', 'pw.txt length=12 chars=digits') }}");
    assert_eq!(first.as_str().unwrap().len(), 12);
    assert_eq!(run("{{ lookup('password', 'pw.txt length=12 chars=digits') }}"), first);
}

#[test]
fn community_filters() {
    let scope = load("l: [{a: 1, b: x}, {a: 2, b: y}]\n");
    let run = |text: &str| render(&scope, text).unwrap().to_json().to_string();
    assert_eq!(run("{{ l | json_query('[?a==`2`].b') }}"), r#"["y"]"#);
    assert_eq!(run("{{ l | community.general.json_query('[*].a') }}"), "[1,2]");
    assert_eq!(run("{{ '192.168.1.5/24' | ansible.utils.ipaddr('network') }}"), r#""192.168.1.0""#);
    assert_eq!(run("{{ '10.0.0.0/8' | ansible.utils.ipsubnet(16, 1) }}"), r#""10.1.0.0/16""#);
    assert_eq!(run("{{ '192.168.1.5/24' | ansible.utils.ipaddr('netmask') }}"), r#""255.255.255.0""#);
    assert_eq!(run("{{ ['10.0.0.1', 'x', '::1'] | ansible.utils.ipv4 }}"), r#"["10.0.0.1"]"#);
    assert_eq!(
        run("{{ ['1.10', '1.9', '1.2'] | community.general.version_sort }}"),
        r#"["1.2","1.9","1.10"]"#
    );
    assert_eq!(run("{{ '1h 30m' | community.general.to_minutes }}"), "90.0");
    assert_eq!(run("{{ ['a', 'b', 'a'] | community.general.counter }}"), r#"{"a":2,"b":1}"#);
    assert_eq!(run("{{ 'x' | community.general.dict_kv('k') }}"), r#"{"k":"x"}"#);
}

#[test]
fn vault_filters_turn_around() {
    let value = render(&Map::new(), "{{ 'text' | vault('pw') | unvault('pw') }}").unwrap();
    assert_eq!(value.as_str(), Some("text"));
}

#[test]
fn bcrypt_has_the_form_of_crypt() {
    let value =
        render(&Map::new(), "{{ 'test' | password_hash('bcrypt', '1234567890123456789012', rounds=5) }}")
            .unwrap();
    let text = value.as_str().unwrap().to_owned();
    assert!(text.starts_with("$2b$05$123456789012345678901") && text.len() == 60, "{text}");
    assert!(bcrypt::verify("test", &text).unwrap());
}

#[test]
fn a_condition_may_be_lenient() {
    let settings = TemplarSettings { allow_broken_conditionals: true, ..TemplarSettings::default() };
    let scope = load("s: text\n");
    let search = SearchPath::default();
    let cx = TemplateContext::new(&scope, &search);
    let templar = Templar::new(settings);
    assert!(templar.condition(&Value::Str(Text::trusted("s", None)), &cx).unwrap());
    assert!(!templar.condition(&Value::Str(Text::trusted("[]", None)), &cx).unwrap());
    let list = Value::list(vec![Value::Bool(false), Value::Str(Text::trusted("nope", None))]);
    assert!(!templar.condition(&list, &cx).unwrap(), "the first that does not hold ends it");
}

#[test]
fn a_simple_expression_is_fast() {
    let scope = load("a: {b: [1, 2, {c: x}]}\nname: web\n");
    let search = SearchPath::default();
    let cx = TemplateContext::new(&scope, &search);
    let templar = Templar::new(TemplarSettings::default());
    let text = Text::trusted("{{ name }}-{{ a.b[2].c | upper }}", None);
    let started = std::time::Instant::now();
    for _ in 0..2000 {
        assert_eq!(templar.render_str(&text, &cx).unwrap().as_str(), Some("web-X"));
    }
    // About 5 µs each in a release build; far from that even in a debug build would be a mistake in the cache.
    assert!(started.elapsed().as_millis() < 2000, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn random_text_never_panics(text in r#"(\{\{|\}\}|\{%|%\}|\{#|#\}|-| |[a-d]|\.|\||\(|\)|\[|\]|'|"|if|for|in|set|end(if|for)|=|\+|\*|%|~|is|not|,|:|[0-9]|é|\\|\n|raw|macro|default|upper|map|join|range){0,40}"#) {
        let scope = load("a: 1\nb: [1, x]\nc: {d: \"{{ a }}\"}\n");
        let templar = Templar::new(TemplarSettings { allow_side_effects: false, ..TemplarSettings::default() });
        let search = SearchPath::default();
        let cx = TemplateContext::new(&scope, &search);
        let value = Value::Str(Text::trusted(text.as_str(), None));
        let _ = templar.render(&value, &cx);
        let _ = templar.condition(&value, &cx);
        let _ = templar.check_syntax(&value);
        let _ = templar.check_condition(&value);
        let _ = templar.free_variables(&value);
    }
}

#[test]
fn places_count_headers_and_line_ends() {
    let scope = load("n: 5\n");
    let search = SearchPath::default();
    let place = |text: &str| {
        let span = file("t.j2", text, &scope, &search).unwrap_err().span.unwrap();
        (span.line, span.column, span.text().to_owned())
    };
    assert_eq!(place("#jinja2: trim_blocks: true\na\nb {{ nope }}\n"), (3, 6, "nope".to_owned()));
    assert_eq!(place("#jinja2: trim_blocks: true\na\n{{ n | nosuch }}\n").0, 3);
    assert_eq!(place("a\r\nb\r\n{{ n }}\r\nc {{ nope }}\r\n"), (4, 6, "nope".to_owned()));
    assert_eq!(place("#jinja2: lstrip_blocks: true\r\na\r\n{% if %}\r\n").0, 3);
}

#[test]
fn one_value_that_is_no_text_is_a_whole_file() {
    let scope = load("n: 5\nl: [1, 2]\ns: x\n");
    let search = SearchPath::default();
    let run = |text: &str| file("t.j2", text, &scope, &search);
    assert_eq!(run("{{ n }}\n").unwrap(), "5");
    assert_eq!(run("{{ l }}\n").unwrap(), "[1, 2]");
    assert_eq!(run("{% if false %}x{% endif %}\n").unwrap(), "");
    assert_eq!(run("{{ s }}\n").unwrap(), "x\n");
    assert_eq!(run("{{ n }} \n").unwrap(), "5 \n");
    assert_eq!(run("{{ omit }}\n").unwrap_err().message, "A template was resolved to an Omit scalar.");
}

#[derive(Debug)]
struct Opens(&'static str);

impl Vault for Opens {
    fn open(&self, _: &str) -> Result<Vec<u8>, crate::secrets::SecretError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

#[test]
fn what_templates_take_out_of_secrets_is_learnt() {
    let learnt = Arc::new(std::sync::Mutex::new(Vec::new()));
    let known = Arc::clone(&learnt);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), "$ANSIBLE_VAULT;1.1;AES256\n00\n").unwrap();
    let opened = "user: admin1\nlist: [{password: s3cr3t}]\n";
    let templar = Templar::new(TemplarSettings {
        vault: Some(Arc::new(Opens(opened))),
        learn: Some(Arc::new(move |text| known.lock().unwrap().push(text.to_owned()))),
        ..TemplarSettings::default()
    });
    let mut scope = Map::new();
    let sealed = crate::secrets::vault::seal(b"inner", b"pw", None).unwrap();
    scope.insert("sealed".into(), Value::text(sealed));
    scope.insert("pair".into(), Value::Str(Text::plain("admin:p4ssw0rd").into_secret()));
    let search = SearchPath::new(vec![dir.path().to_owned()]);
    let cx = TemplateContext::new(&scope, &search);
    let learns = |source: &str, wanted: &str| {
        learnt.lock().unwrap().clear();
        templar.render_str(&Text::trusted(source, None), &cx).unwrap();
        assert!(learnt.lock().unwrap().iter().any(|text| text == wanted), "{source}: {:?}", learnt.lock());
    };
    learns("{{ lookup('file', 'f') }}", opened);
    learns("{{ (lookup('file', 'f') | from_yaml).user }}", "admin1");
    learns("{{ (lookup('unvault', 'f') | from_yaml_all | first)['list'] }}", "s3cr3t");
    learns("{{ lookup('file', 'f') | regex_search('pass.*: (.*)}', '\\1') | first }}", "s3cr3t");
    learns("{{ pair.split(':')[1] }}", "p4ssw0rd");
    learns("{{ (pair | split(':'))[1] }}", "p4ssw0rd");
    learns("{{ ('http://' ~ pair ~ '@h') | urlsplit('password') }}", "p4ssw0rd");
    learns("{{ pair[6:] }}", "p4ssw0rd");
    learns("{{ sealed | unvault('pw') }}", "inner");
    let made = templar.render_str(&Text::trusted("{{ lookup('password', '/dev/null seed=1') }}", None), &cx);
    learns("{{ lookup('password', '/dev/null seed=1') }}", made.unwrap().as_str().unwrap());
    learnt.lock().unwrap().clear();
    for source in ["{{ lookup('file', 'f').split() | length }}", "{{ pair | length }}", "{{ 'a b'.split() }}"]
    {
        templar.render_str(&Text::trusted(source, None), &cx).unwrap();
    }
    assert!(!learnt.lock().unwrap().iter().any(|text| text == "user:" || text == "a"));
}

#[test]
fn a_password_that_cannot_be_read_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pw"), b"latin-1 \xe9\n").unwrap();
    let scope = Map::new();
    let search = SearchPath::new(vec![dir.path().to_owned()]);
    let result = Templar::new(TemplarSettings::default()).render_str(
        &Text::trusted("{{ lookup('password', 'pw') }}", None),
        &TemplateContext::new(&scope, &search),
    );
    assert!(result.unwrap_err().message.contains("could not read"));
    assert_eq!(std::fs::read(dir.path().join("pw")).unwrap(), b"latin-1 \xe9\n");
}

#[test]
fn braces_in_a_pattern_are_braces() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["{a,b}.txt", "a.txt", "b.txt", "[x.txt", "back\\a.txt"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let scope = Map::new();
    let search = SearchPath::new(vec![dir.path().to_owned()]);
    let cx = TemplateContext::new(&scope, &search);
    let templar = Templar::new(TemplarSettings::default());
    let found = |pattern: &str| {
        let term = vec![Value::text(format!("{}/{pattern}", dir.path().display()))];
        let found = templar.lookup("fileglob", term, Map::new(), &cx).unwrap();
        let names = found.iter().filter_map(Value::as_str).filter_map(|p| p.rsplit('/').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("{a,b}.*"), ["{a,b}.txt"]);
    assert_eq!(found("[x.*"), ["[x.txt"]);
    assert_eq!(found("[ab].*"), ["a.txt", "b.txt"]);
    assert_eq!(found("[!a].*"), ["b.txt"]);
    assert_eq!(found("back\\*"), ["back\\a.txt"]);
}

#[test]
fn a_lookup_may_fail_with_a_warning() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let warnings = Arc::clone(&told);
    let templar = Templar::new(TemplarSettings {
        warn: Some(Arc::new(move |text| warnings.lock().unwrap().push(text))),
        ..TemplarSettings::default()
    });
    let (scope, search) = (Map::new(), SearchPath::default());
    let cx = TemplateContext::new(&scope, &search);
    for (errors, wanted) in [("ignore", 0), ("warn", 1)] {
        let source = format!("{{{{ lookup('file', 'nope', errors='{errors}') }}}}");
        assert!(matches!(templar.render_str(&Text::trusted(source, None), &cx), Ok(Value::Null)));
        assert_eq!(told.lock().unwrap().len(), wanted);
    }
    assert_eq!(
        told.lock().unwrap()[0],
        "An error occurred while running the lookup plugin 'file': Unable to access the file 'nope': File not found. Use -vvvvv to see paths searched."
    );
}

#[test]
fn large_ranges_and_many_numbers_take_no_time() {
    let scope = Map::new();
    for (source, wanted) in [
        ("{{ 5000000000 in range(9000000000) }}", Value::Bool(true)),
        ("{{ 5 in range(0, 9000000000, 2) }}", Value::Bool(false)),
        ("{{ range(9000000000)[-1] }}", Value::Int(8_999_999_999)),
        ("{{ range(10, 9000000000) | first }}", Value::Int(10)),
        ("{{ range(40000) | union(range(40000)) | length }}", Value::Int(40_000)),
        ("{{ range(40000) | map('string') | map('int') | unique | length }}", Value::Int(40_000)),
    ] {
        let begin = std::time::Instant::now();
        assert_eq!(render(&scope, source).unwrap(), wanted, "{source}");
        assert!(begin.elapsed().as_secs() < 20, "{source}: {:?}", begin.elapsed());
    }
}

#[test]
fn what_is_no_template_may_be_told_of() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let warnings = Arc::clone(&told);
    let settings = TemplarSettings {
        warn: Some(Arc::new(move |text| warnings.lock().unwrap().push(text))),
        warn_untrusted: true,
        ..TemplarSettings::default()
    };
    let mut scope = Map::new();
    scope.insert("out".into(), Value::text("{{ 1 }}"));
    let search = SearchPath::default();
    let cx = TemplateContext::new(&scope, &search);
    let value = Templar::new(settings).render(&Value::Str(Text::trusted("{{ out }}", None)), &cx).unwrap();
    assert_eq!(value.as_str(), Some("{{ 1 }}"));
    assert_eq!(*told.lock().unwrap(), ["Encountered untrusted template or expression."]);
}

#[test]
fn comments_without_decoration() {
    for (call, wanted) in [
        ("comment(decoration='')", "a\n\nb\n"),
        ("comment(decoration='', prefix='x')", "x\na\n\nb\n"),
        ("comment('cblock', decoration='+ ')", "/*\n+\n+ a\n+\n+ b\n+\n */"),
        ("comment(prefix='\n', prefix_count=2)", "\n\n# a\n#\n# b\n#"),
    ] {
        let value = render(&Map::new(), &format!("{{{{ 'a\n\nb' | {call} }}}}")).unwrap();
        assert_eq!(value.as_str(), Some(wanted), "{call}");
    }
}

#[test]
fn a_size_of_salt_is_a_number() {
    let error = render(&Map::new(), "{{ 'x' | password_hash(salt_size=[9]) }}").unwrap_err();
    assert!(error.message.ends_with("salt_size must be an integer"), "{}", error.message);
}
