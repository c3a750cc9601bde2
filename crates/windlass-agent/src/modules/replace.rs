//! `replace`: everything in a file that an expression matches.

use crate::system::Observe;
use crate::text::pattern::{Template, UnknownGroup, compile, substitute};
use crate::text::{Edit, Writing, other_encoding};
use crate::{Context, Module, ModuleError, Plan};
use windlass_protocol::modules::replace::ReplaceArgs;

/// The module.
pub struct Replace;

impl Module for Replace {
    type Args = ReplaceArgs;

    fn plan(args: &ReplaceArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        plan.set("rc", 0);
        plan.warnings.extend(other_encoding(&args.encoding));
        let edit = Edit::open(&args.path, sys)?;
        let Some(old) = edit.old.clone() else {
            return Err(ModuleError::new(format!("Path {} does not exist !", &*args.path)).with("rc", 257));
        };
        let (from, to) = match section(args, &old)? {
            Section::Part { from, to } => (from, to),
            Section::Unmatched(pattern) => {
                let text = format!("Pattern for before/after params did not match the given file: {pattern}");
                plan.msg = Some(text);
                return Ok(plan);
            }
        };
        let regex = compile(&args.regexp, "m")?;
        let template = Template::parse(&args.replace).map_err(|error| {
            ModuleError::new(format!("Unable to process replace due to error: {}", error.msg))
        })?;
        template.check(&regex).map_err(|error| match error {
            // A name that is unknown ends the reference without further words.
            UnknownGroup::Number(..) => {
                ModuleError::new(format!("Unable to process replace due to error: {error}"))
            }
            UnknownGroup::Name(_) => error.into(),
        })?;
        let part = &old[from..to];
        let (replaced, count) = substitute(&regex, &template, part)?;
        let new =
            (count > 0 && replaced != part).then(|| format!("{}{replaced}{}", &old[..from], &old[to..]));
        let how = Writing {
            common: &args.common,
            backup: args.backup,
            validate: args.validate.as_deref(),
            diff: cx.diff,
            header: "",
            check: cx.check,
        };
        if new.is_some() {
            plan.set("rc", 0);
        }
        edit.plan(&mut plan, new.as_deref(), &format!("{count} replacements made"), &how, sys)?;
        Ok(plan)
    }
}

/// What is searched.
enum Section {
    /// This part of the text.
    Part { from: usize, to: usize },
    /// Nothing, as `after` and `before`, joined to this pattern, are not there. That is no failure.
    Unmatched(String),
}

/// The part of the text between `after` and `before`.
fn section(args: &ReplaceArgs, text: &str) -> Result<Section, ModuleError> {
    let full = |option: &Option<String>| option.clone().filter(|text| !text.is_empty());
    let pattern = match (full(&args.after), full(&args.before)) {
        (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
        (Some(after), None) => format!("{after}(?P<subsection>.*)"),
        (None, Some(before)) => format!("(?P<subsection>.*){before}"),
        (None, None) => return Ok(Section::Part { from: 0, to: text.len() }),
    };
    let regex = compile(&pattern, "s")?;
    let captures =
        regex.captures(text).map_err(|error| ModuleError::new(format!("the pattern gave up: {error}")))?;
    let part = captures.and_then(|captures| captures.name("subsection"));
    Ok(match part {
        Some(part) => Section::Part { from: part.start(), to: part.end() },
        None => Section::Unmatched(pattern),
    })
}

#[cfg(test)]
mod tests {
    use crate::system::fake::Fake;
    use serde_json::json;

    #[test]
    fn an_encoding_that_has_no_effect_is_told() {
        let fake = Fake::new();
        fake.file("/srv/x", "a");
        for (encoding, warns) in [("utf-8", false), ("UTF8", false), ("ascii", false), ("latin-1", true)] {
            let args = json!({"path": "/srv/x", "regexp": "z", "encoding": encoding});
            assert_eq!(!fake.run_module("replace", args).warnings.is_empty(), warns, "{encoding}");
            let args = json!({"paths": "/srv", "contains": "a", "encoding": encoding});
            let found = fake.run_module("find", args);
            assert_eq!((!found.warnings.is_empty(), &found.values()["matched"]), (warns, &json!(1)));
        }
        let by_name = fake.run_module("find", json!({"paths": "/srv", "encoding": "latin-1"}));
        assert!(by_name.warnings.is_empty());
    }
}
