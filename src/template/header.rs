//! The `#jinja2:` line at the top of a template file.

use super::error::{TemplateError, TemplateErrorKind};
use super::syntax::Syntax;
use std::sync::Arc;
use windlass_yaml::{SourceFile, Span};

const MARK: &str = "#jinja2:";

/// Where the template begins behind its header, and the syntax that the header asks for.
pub(super) fn apply(source: &Arc<SourceFile>, syntax: &Syntax) -> Result<(usize, Syntax), TemplateError> {
    let Some(rest) = source.text.strip_prefix(MARK) else { return Ok((0, syntax.clone())) };
    let (line, body) = rest.split_once('\n').unwrap_or((rest, ""));
    let mut syntax = syntax.clone();
    for pair in line.split(',').filter(|p| !p.trim().is_empty()) {
        let error = |message: String| TemplateError {
            kind: TemplateErrorKind::Syntax,
            message: format!("Syntax error in template: {message}"),
            span: Some(Span::of_line(source, 1)),
            hint: None,
        };
        let (key, value) = pair.split_once(':').ok_or_else(|| {
            error(format!("Missing key-value separator `:` in '#jinja2:' override pair '{pair}'."))
        })?;
        let value = value.trim();
        let text = value.trim_matches(['\'', '"']).to_owned();
        let flag = || match value {
            "True" | "true" | "1" => Ok(true),
            "False" | "false" | "0" => Ok(false),
            _ => Err(error(format!(
                "TemplateOverrides.{} must be <class 'bool'> instead of <class 'str'>",
                key.trim()
            ))),
        };
        match key.trim() {
            "block_start_string" => syntax.block_start = text,
            "block_end_string" => syntax.block_end = text,
            "variable_start_string" => syntax.variable_start = text,
            "variable_end_string" => syntax.variable_end = text,
            "comment_start_string" => syntax.comment_start = text,
            "comment_end_string" => syntax.comment_end = text,
            "line_statement_prefix" => syntax.line_statement = Some(text).filter(|t| t != "None"),
            "line_comment_prefix" => syntax.line_comment = Some(text).filter(|t| t != "None"),
            "trim_blocks" => syntax.trim_blocks = flag()?,
            "lstrip_blocks" => syntax.lstrip_blocks = flag()?,
            // They are put back after rendering in any case.
            "keep_trailing_newline" => {
                flag()?;
            }
            "newline_sequence" => {
                syntax.newline = match text.as_str() {
                    "\\r\\n" => "\r\n",
                    "\\r" => "\r",
                    _ => "\n",
                }
            }
            other => {
                return Err(error(format!("Invalid '#jinja2:' override key '{other}'.")));
            }
        }
    }
    Ok((source.text.len() - body.len(), syntax))
}
