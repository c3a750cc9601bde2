//! `lineinfile`: a line that has to be in a file, or must not be.

use crate::module::{Applied, Finish};
use crate::system::Observe;
use crate::text::pattern::{Template, compile, gave_up, is_match};
use crate::text::{Edit, Writing, lines_of};
use crate::{Context, Module, ModuleError, Plan};
use fancy_regex::Regex;
use windlass_protocol::modules::lineinfile::{LineState, LineinfileArgs};

/// The module.
pub struct Lineinfile;

impl Module for Lineinfile {
    type Args = LineinfileArgs;

    fn plan(args: &LineinfileArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        let empty = |text: &Option<String>| text.as_deref() == Some("");
        if empty(&args.regexp) || empty(&args.search_string) {
            let (what, instead) = match empty(&args.regexp) {
                true => (
                    "regular expression",
                    " If this is desired, use '^' to match every line in the file and avoid this warning.",
                ),
                false => ("search string", ""),
            };
            plan.warnings.push(format!(
                "The {what} is an empty string, which will match every line in the file. This may have unintended consequences, such as replacing the last line in the file rather than appending.{instead}"
            ));
        }
        if args.state == LineState::Present {
            if args.backrefs && args.regexp.is_none() {
                return Err(ModuleError::new("regexp is required with backrefs=true"));
            }
            if args.line.is_none() {
                return Err(ModuleError::new("line is required with state=present"));
            }
        } else if args.regexp.is_none() && args.search_string.is_none() && args.line.is_none() {
            let text = "one of line, search_string, or regexp is required with state=absent";
            return Err(ModuleError::new(text));
        }
        let edit = Edit::open(&args.path, sys)?;
        let how = Writing {
            common: &args.common,
            backup: args.backup,
            validate: args.validate.as_deref(),
            diff: cx.diff,
            header: " (content)",
            check: cx.check,
        };
        let old = edit.old.clone().unwrap_or_default();
        if args.state == LineState::Absent {
            if edit.old.is_none() {
                plan.msg = Some("file not present".into());
                return Ok(plan);
            }
            plan.set("backup", "");
            let (new, found) = without(args, &old)?;
            plan.set("found", found);
            let said = format!("{found} line(s) removed");
            edit.plan(&mut plan, (found > 0).then_some(new.as_str()), &said, &how, sys)?;
            return Ok(plan);
        }
        if edit.old.is_none() && !args.create {
            let text = format!("Destination {} does not exist !", &*args.path);
            return Err(ModuleError::new(text).with("rc", 257));
        }
        plan.set("backup", "");
        edit.make_folders(&mut plan, sys)?;
        let mut lines = lines_of(&old);
        let said = with(args, &mut lines)?;
        let new = lines.concat();
        edit.plan(&mut plan, said.map(|_| new.as_str()), said.unwrap_or_default(), &how, sys)?;
        Ok(plan)
    }

    fn finish(
        _args: &LineinfileArgs,
        _cx: &Context<'_>,
        _sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        if let Some(backup) = applied.backups.first() {
            plan.set("backup", backup.as_str());
        }
        Ok(Finish::Done(plan))
    }
}

/// A line without its end, as `$` sees it.
fn body(line: &str) -> &str {
    line.strip_suffix('\n').unwrap_or(line)
}

fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// The text without the lines that have to go, and how many they are.
fn without(args: &LineinfileArgs, old: &str) -> Result<(String, usize), ModuleError> {
    let regex = args.regexp.as_deref().map(|text| compile(text, "")).transpose()?;
    let wanted = args.line.as_deref().unwrap_or_default();
    let lines = lines_of(old);
    let (mut new, mut found) = (String::with_capacity(old.len()), 0);
    for line in &lines {
        let goes = match (&regex, &args.search_string) {
            (Some(regex), _) => is_match(regex, body(line))?,
            (None, Some(text)) => line.contains(text.as_str()),
            (None, None) => bare(line) == wanted,
        };
        if goes {
            found += 1;
        } else {
            new.push_str(line);
        }
    }
    Ok((new, found))
}

/// Where the line belongs.
struct Places {
    /// The line to replace.
    matched: Option<usize>,
    /// The line is there already, word for word, without having been looked for by an expression.
    exact: Option<usize>,
    /// Where to insert.
    insert: Option<usize>,
}

fn places(
    args: &LineinfileArgs,
    regex: Option<&Regex>,
    line: &str,
    lines: &[String],
) -> Result<Places, ModuleError> {
    let mut matched = None;
    for (index, text) in lines.iter().enumerate() {
        let is_wanted = match (regex, &args.search_string) {
            (Some(regex), _) => is_match(regex, body(text))?,
            (None, Some(part)) => text.contains(part.as_str()),
            (None, None) => false,
        };
        if is_wanted {
            matched = Some(index);
            if args.firstmatch {
                break;
            }
        }
    }
    if matched.is_some() {
        return Ok(Places { matched, exact: None, insert: None });
    }
    let anchor = match (&args.insertafter, &args.insertbefore) {
        (Some(after), _) if !matches!(after.as_str(), "BOF" | "EOF") => Some((compile(after, "")?, 1)),
        (None, Some(before)) if before != "BOF" => Some((compile(before, "")?, 0)),
        _ => None,
    };
    let (mut exact, mut insert) = (None, None);
    for (index, text) in lines.iter().enumerate() {
        if bare(text) == line {
            exact = Some(index);
        } else if let Some((anchor, step)) = &anchor
            && is_match(anchor, body(text))?
        {
            insert = Some(index + step);
            if args.firstmatch {
                break;
            }
        }
    }
    Ok(Places { matched, exact, insert })
}

/// Puts the line into the lines; says what was done, if anything.
fn with(args: &LineinfileArgs, lines: &mut Vec<String>) -> Result<Option<&'static str>, ModuleError> {
    let line = args.line.clone().unwrap_or_default();
    let regex = args.regexp.as_deref().map(|text| compile(text, "")).transpose()?;
    let places = places(args, regex.as_ref(), &line, lines)?;
    if let Some(index) = places.matched.or(places.exact) {
        let mut new = match &regex {
            Some(regex) if args.backrefs && places.matched.is_some() => {
                let mut filled = String::new();
                if let Some(captures) = regex.captures(body(&lines[index])).map_err(gave_up)? {
                    let template = Template::parse(&line)?;
                    template.check(regex)?;
                    template.fill(&captures, &mut filled);
                }
                filled
            }
            _ => line,
        };
        if !new.ends_with('\n') {
            new.push('\n');
        }
        if lines[index] == new {
            return Ok(None);
        }
        lines[index] = new;
        return Ok(Some("line replaced"));
    }
    if args.backrefs {
        // Without a match there is nothing to fill the line from.
        return Ok(None);
    }
    let new = format!("{line}\n");
    if args.insertbefore.as_deref() == Some("BOF") || args.insertafter.as_deref() == Some("BOF") {
        lines.insert(0, new);
        return Ok(Some("line added"));
    }
    let Some(at) = places.insert else {
        if let Some(last) = lines.last_mut()
            && !last.ends_with(['\n', '\r'])
        {
            last.push('\n');
        }
        lines.push(new);
        return Ok(Some("line added"));
    };
    if args.insertafter.is_some() {
        let neighbour = lines.get(at).or(lines.last());
        if neighbour.is_some_and(|there| bare(there) == line) {
            return Ok(None);
        }
        if at == lines.len()
            && let Some(last) = lines.last_mut()
            && !last.ends_with(['\n', '\r'])
        {
            last.push('\n');
        }
    }
    lines.insert(at, new);
    Ok(Some("line added"))
}
