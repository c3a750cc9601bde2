//! `windlass doc`: made from the same descriptions that check a playbook.

use crate::actions;
use crate::cli::doc::{DocArgs, Format};
use crate::playbook::keywords;
use crate::playbook::problems::nearest;
use crate::template;
use minijinja::Environment;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use windlass_protocol::ModuleSpec;
use windlass_protocol::spec::{ArgKind, Constraint, Support};

const TEXT: &str = "\
> {{ name }}

  {{ doc }}
  Check mode: {{ check }}. Diff: {{ diff }}.
{% if aliases %}  Also called: {{ aliases | join(', ') }}.
{% endif %}
{% if options %}ARGUMENTS (= is required)

{% for o in options %}{{ '=' if o.required else '-' }} {{ o.name }}{% if o.aliases %} (or {{ o.aliases | join(', ') }}){% endif %}: {{ o.type }}{% if o.choices %}, one of {{ o.choices | join(', ') }}{% endif %}{% if o.default is not none %}, default {{ o.default }}{% endif %}

      {{ o.doc }}
{% endfor %}{% endif %}{% if rules %}
RULES

{% for rule in rules %}- {{ rule }}
{% endfor %}{% endif %}";

const MARKDOWN: &str = "\
## {{ name }}

{{ doc }}

Check mode: {{ check }}. Diff: {{ diff }}.{% if aliases %} Also called: {% for a in aliases %}`{{ a }}`{{ ', ' if not loop.last }}{% endfor %}.{% endif %}

{% if options %}| argument | type | default | what it is |
|---|---|---|---|
{% for o in options %}| `{{ o.name }}`{% for a in o.aliases %}, `{{ a }}`{% endfor %} | {{ o.type }}{% if o.required %}, required{% endif %} | {% if o.default is not none %}`{{ o.default }}`{% endif %} | {{ o.doc | replace('|', '\\\\|') }}{% if o.choices %} One of {% for c in o.choices %}`{{ c }}`{{ ', ' if not loop.last }}{% endfor %}.{% endif %} |
{% endfor %}{% endif %}{% for rule in rules %}
- {{ rule }}{% endfor %}
";

const SNIPPET: &str = "\
- name: {{ doc }}
  {{ name }}:
{% for o in options %}{% if o.required %}    {{ o.name }}: # {{ o.doc }}
{% endif %}{% endfor %}{% for o in options %}{% if not o.required %}    # {{ o.name }}: {{ o.doc }}
{% endif %}{% endfor %}";

/// Runs `doc`: the text, or what is wrong.
///
/// # Errors
/// One sentence, with a hint, if there is no such module.
pub fn run(args: &DocArgs) -> Result<String, DocError> {
    if args.kind != "module" {
        return names_of(args).ok_or_else(|| DocError::Kind(args.kind.clone()));
    }
    if args.list || args.names.is_empty() {
        let all = all();
        if args.json {
            let map: BTreeMap<&str, String> = all.iter().map(|(n, s)| (*n, first_line(s.doc))).collect();
            return Ok(format!("{:#}", json!(map)));
        }
        let width = all.keys().map(|n| n.len()).max().unwrap_or_default();
        return Ok(all.iter().map(|(n, s)| format!("{n:width$}  {}\n", first_line(s.doc))).collect());
    }
    let mut out = Vec::new();
    let mut objects = serde_json::Map::new();
    for name in &args.names {
        let Some(action) = actions::resolve(name) else {
            let names = actions::all_names();
            let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(DocError::Unknown { name: name.clone(), near });
        };
        let described = describe(action.spec);
        if args.json {
            objects.insert(action.spec.name.to_owned(), described);
            continue;
        }
        let source = match (args.snippet, args.format) {
            (true, _) => SNIPPET,
            (_, Format::Text) => TEXT,
            (_, Format::Markdown) => MARKDOWN,
        };
        let environment = Environment::new();
        out.push(environment.render_str(source, minijinja::Value::from(minijinja::value::Serde(described)))?);
    }
    if args.json {
        return Ok(format!("{:#}", Json::Object(objects)));
    }
    Ok(out.join("\n"))
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum DocError {
    /// No such module.
    #[error("there is no module '{name}'{}", near.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// No documentation of that kind.
    #[error(
        "there is documentation of modules, and `--list` of types filter, test, lookup and keyword, not of '{0}'"
    )]
    Kind(String),
    /// The page cannot be made.
    #[error(transparent)]
    Page(#[from] minijinja::Error),
}

/// The names of another kind, which have no pages.
fn names_of(args: &DocArgs) -> Option<String> {
    let mut names: Vec<&str> = match args.kind.as_str() {
        "keyword" => {
            [keywords::PLAY, keywords::ROLE, keywords::BLOCK, keywords::TASK, keywords::HANDLER].concat()
        }
        kind => template::known_names().into_iter().find(|(k, _)| *k == kind)?.1,
    };
    names.sort_unstable();
    names.dedup();
    if !args.list || !args.names.is_empty() {
        return None;
    }
    if args.json {
        let map: BTreeMap<&str, &str> = names.iter().map(|name| (*name, "")).collect();
        return Some(format!("{:#}", json!(map)));
    }
    Some(names.iter().map(|name| format!("{name}\n")).collect())
}

fn all() -> BTreeMap<&'static str, &'static ModuleSpec> {
    actions::all_names().iter().filter_map(|n| actions::resolve(n)).map(|a| (a.spec.name, a.spec)).collect()
}

fn first_line(doc: &str) -> String {
    doc.trim().lines().next().unwrap_or_default().trim().to_owned()
}

fn flow(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn type_of(kind: &ArgKind) -> String {
    match kind {
        ArgKind::List(inner) => format!("list of {}", type_of(inner)),
        other => other.name().to_owned(),
    }
}

fn describe(spec: &ModuleSpec) -> Json {
    let support = |s: Support| match s {
        Support::Full => "full",
        Support::Partial => "partial",
        Support::None => "none",
    };
    let options: Vec<Json> = spec
        .all_fields()
        .filter(|f| !f.name.starts_with('_'))
        .map(|f| {
            json!({
                "name": f.name, "aliases": f.aliases, "doc": flow(f.doc), "type": type_of(&f.kind), "choices": f.choices,
                "required": f.required, "default": f.default.map(|d| d.replace('\n', "\\n")), "no_log": f.no_log,
            })
        })
        .collect();
    let rules: Vec<String> = spec
        .constraints
        .iter()
        .map(|c| match c {
            Constraint::MutuallyExclusive(names) => format!("at most one of {}", names.join(", ")),
            Constraint::RequiredTogether(names) => format!("{} go together", names.join(", ")),
            Constraint::RequiredOneOf(names) => format!("one of {} is needed", names.join(", ")),
            Constraint::RequiredIf { key, value, needs, any } => {
                format!("{key}={value} needs {}{}", if *any { "one of " } else { "" }, needs.join(", "))
            }
            Constraint::RequiredBy(key, needs) => format!("{key} needs {}", needs.join(", ")),
        })
        .collect();
    json!({
        "name": spec.name, "doc": flow(spec.doc), "aliases": spec.aliases, "check": support(spec.check), "diff": support(spec.diff),
        "options": options, "rules": rules,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn args(names: &[&str]) -> DocArgs {
        DocArgs {
            verbose: 0,
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            list: false,
            snippet: false,
            kind: "module".into(),
            format: Format::Text,
            json: false,
        }
    }

    #[test]
    fn every_module_has_a_page_in_every_form() {
        for name in all().keys() {
            for (format, snippet) in [(Format::Text, false), (Format::Markdown, false), (Format::Text, true)]
            {
                let page = run(&DocArgs { verbose: 0, format, snippet, ..args(&[name]) }).unwrap();
                assert!(page.contains(name), "{name}: {page}");
            }
        }
    }

    #[test]
    fn names_of_other_kinds_are_listed() {
        for (kind, name) in
            [("filter", "combine"), ("test", "match"), ("lookup", "fileglob"), ("keyword", "listen")]
        {
            let list = DocArgs { kind: kind.into(), list: true, ..args(&[]) };
            assert!(run(&list).unwrap().lines().any(|line| line == name), "{kind}");
            assert!(run(&DocArgs { json: true, ..list }).unwrap().contains(&format!("\"{name}\"")), "{kind}");
            assert!(matches!(run(&DocArgs { kind: kind.into(), ..args(&[name]) }), Err(DocError::Kind(_))));
        }
        assert!(run(&DocArgs { kind: "cliconf".into(), list: true, ..args(&[]) }).is_err());
    }

    #[test]
    fn every_argument_has_a_sentence() {
        for (name, spec) in all() {
            for field in spec.all_fields() {
                assert!(!field.doc.trim().is_empty(), "{name}: {} has no documentation", field.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let error = run(&args(&["templte"])).unwrap_err();
        assert_eq!(error.to_string(), "there is no module 'templte'; did you mean `template`?");
    }
}
