//! Before and after as a unified diff.

use similar::TextDiff;
use windlass_protocol::Diff;

const GREEN: &str = "\u{1b}[0;32m";
const RED: &str = "\u{1b}[0;31m";
const CYAN: &str = "\u{1b}[0;36m";
const RESET: &str = "\u{1b}[0m";

/// A diff as text; empty if there is nothing to show.
#[must_use]
pub fn render(diff: &Diff, color: bool) -> String {
    // A blank line follows a comparison.
    let text = match diff {
        Diff::Text { before, after } => {
            apart(unified(&before.text, &after.text, &before.header, &after.header))
        }
        Diff::State { before, after } => {
            apart(unified(&pretty(&before.text), &pretty(&after.text), &before.header, &after.header))
        }
        Diff::Prepared(text) => text.clone(),
        Diff::Omitted { reason, .. } => {
            reason.lines().map(|reason| format!("diff skipped: {reason}\n")).collect()
        }
    };
    if color { paint(&text) } else { text }
}

fn apart(text: String) -> String {
    if text.is_empty() { text } else { text + "\n" }
}

/// A JSON text with indentation, so that its lines can be compared.
fn pretty(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => format!("{}\n", super::json::dump_json(&value, true)),
        Err(_) => text.to_owned(),
    }
}

fn unified(before: &str, after: &str, before_header: &str, after_header: &str) -> String {
    if before == after {
        return String::new();
    }
    let header =
        |word: &str, name: &str| if name.is_empty() { word.to_owned() } else { format!("{word}: {name}") };
    let diff = TextDiff::from_lines(before, after);
    let mut text = diff
        .unified_diff()
        .context_radius(3)
        .header(&header("before", before_header), &header("after", after_header))
        .to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn paint(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            let (body, end) = line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n"));
            match body.chars().next() {
                Some('+') => format!("{GREEN}{body}{RESET}{end}"),
                Some('-') => format!("{RED}{body}{RESET}{end}"),
                Some('@') => format!("{CYAN}{body}{RESET}{end}"),
                _ => line.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use windlass_protocol::{Diff, DiffSide};

    #[test]
    fn headers_name_both_sides() {
        let side = |header: &str, text: &str| DiffSide { header: header.into(), text: text.into() };
        let diff = Diff::Text { before: side("/etc/x", "a\nb\n"), after: side("src", "a\nc\n") };
        assert_eq!(
            super::render(&diff, false),
            "--- before: /etc/x\n+++ after: src\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\n"
        );
    }
}
