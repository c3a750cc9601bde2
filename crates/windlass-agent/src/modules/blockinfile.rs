//! `blockinfile`: a block of lines between two markers.

use crate::system::Observe;
use crate::text::pattern::{compile, find, is_match};
use crate::text::{Edit, Writing, lines_of};
use crate::{Context, Module, ModuleError, Plan};
use windlass_protocol::modules::blockinfile::BlockinfileArgs;
use windlass_protocol::modules::lineinfile::LineState;

/// The module.
pub struct Blockinfile;

impl Module for Blockinfile {
    type Args = BlockinfileArgs;

    fn plan(args: &BlockinfileArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        let edit = Edit::open(&args.path, sys)?;
        if edit.old.is_none() && !args.create {
            let text = format!("Path {} does not exist !", &*args.path);
            return Err(ModuleError::new(text).with("rc", 257));
        }
        if edit.old.is_none() && args.state == LineState::Absent {
            plan.msg = Some(format!("File {} not present", &*args.path));
            return Ok(plan);
        }
        edit.make_folders(&mut plan, sys)?;
        let old = edit.old.clone().unwrap_or_default();
        let block = block_lines(args);
        let new = edited(args, &old, &block)?;
        let said = match (&edit.old, block.is_empty()) {
            (None, _) => "File created",
            (Some(_), true) => "Block removed",
            (Some(_), false) => "Block inserted",
        };
        let how = Writing {
            common: &args.common,
            backup: args.backup,
            validate: args.validate.as_deref(),
            diff: cx.diff,
            header: " (content)",
            check: cx.check,
        };
        let is_new = edit.old.as_deref() != Some(new.as_str());
        edit.plan(&mut plan, is_new.then_some(new.as_str()), said, &how, sys)?;
        Ok(plan)
    }
}

fn marker(args: &BlockinfileArgs, word: &str) -> String {
    format!("{}\n", args.marker.replace("{mark}", word))
}

/// The block with its markers; nothing if it has to go.
fn block_lines(args: &BlockinfileArgs) -> Vec<String> {
    if args.state == LineState::Absent || args.block.is_empty() {
        return Vec::new();
    }
    let mut block = args.block.clone();
    if !block.ends_with('\n') {
        block.push('\n');
    }
    let mut lines = vec![marker(args, &args.marker_begin)];
    lines.extend(lines_of(&block));
    lines.push(marker(args, &args.marker_end));
    lines
}

fn edited(args: &BlockinfileArgs, old: &str, block: &[String]) -> Result<String, ModuleError> {
    let mut lines = lines_of(old);
    let (begin, end) = (marker(args, &args.marker_begin), marker(args, &args.marker_end));
    let last = |marker: &str| lines.iter().rposition(|line| line == marker || format!("{line}\n") == marker);
    let mut at = match (last(&begin), last(&end)) {
        (Some(from), Some(to)) => {
            let (from, to) = (from.min(to), from.max(to));
            lines.drain(from..=to);
            from
        }
        _ => insertion(args, old, &lines)?,
    };
    let present = args.state == LineState::Present;
    if at > 0
        && let Some(line) = lines.get_mut(at - 1)
        && !line.ends_with('\n')
    {
        line.push('\n');
    }
    let empty = || "\n".to_owned();
    if args.prepend_newline && present && at != 0 && lines[at - 1] != "\n" {
        lines.insert(at, empty());
        at += 1;
    }
    lines.splice(at..at, block.iter().cloned());
    let after = at + block.len();
    if args.append_newline && present && lines.get(after).is_some_and(|line| line != "\n") {
        lines.insert(after, empty());
    }
    Ok(lines.concat())
}

/// Where a block goes that is not there yet.
fn insertion(args: &BlockinfileArgs, old: &str, lines: &[String]) -> Result<usize, ModuleError> {
    let (text, is_after) = match (&args.insertafter, &args.insertbefore) {
        (Some(after), _) if after == "EOF" => return Ok(lines.len()),
        (Some(after), _) => (after, true),
        (None, Some(before)) if before == "BOF" => return Ok(0),
        (None, Some(before)) => (before, false),
        (None, None) => return Ok(lines.len()),
    };
    let regex = compile(text, "")?;
    // A pattern over several lines looks at the whole text.
    let flags = text.strip_prefix("(?").and_then(|rest| rest.split_once(')')).map_or("", |(flags, _)| flags);
    if flags.contains('m') && flags.chars().all(|c| c.is_ascii_alphabetic()) {
        let Some(found) = find(&regex, old)? else { return Ok(lines.len()) };
        let edge = if is_after { found.end() } else { found.start() };
        let line = old[..edge].matches('\n').count();
        return Ok(if is_after { (line + 1).min(lines.len()) } else { line });
    }
    let mut found = None;
    for (index, line) in lines.iter().enumerate().rev() {
        if is_match(&regex, line.strip_suffix('\n').unwrap_or(line))? {
            found = Some(index);
            break;
        }
    }
    Ok(match found {
        None => lines.len(),
        Some(line) if is_after => line + 1,
        Some(line) => line,
    })
}
