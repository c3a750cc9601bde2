//! How errors and warnings look, for the whole project.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Drawn, Renderer, Snippet};

use crate::source::Span;

/// Text is cut to this many columns around the place that matters.
const WIDTH: usize = 120;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The work cannot go on.
    Error,
    /// It can, but hardly as meant.
    Warning,
    /// Something to know.
    Note,
}

/// A message about a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// What stands there; written behind the caret.
    pub label: Option<String>,
    /// Other places that belong to the matter, and what they are.
    pub related: Vec<(Span, String)>,
    /// More about it.
    pub notes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A message of a level.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            span: None,
            label: None,
            related: Vec::new(),
            notes: Vec::new(),
            hint: None,
        }
    }

    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Level::Error, message)
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Level::Warning, message)
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span = Some(span.clone());
        self
    }

    /// Says what stands there.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn related(mut self, span: &Span, what: impl Into<String>) -> Self {
        self.related.push((span.clone(), what.into()));
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Draws a diagnostic, without a line end behind it.
pub fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.level {
        Level::Error => Drawn::ERROR,
        Level::Warning => Drawn::WARNING,
        Level::Note => Drawn::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(printable(&diagnostic.message)));
    if let Some(span) = &diagnostic.span {
        // Places in one file share one snippet, so that the lines between them are shown or folded.
        let (near, far): (Vec<_>, Vec<_>) = diagnostic
            .related
            .iter()
            .partition(|(other, _)| other.file.path == span.file.path && other.line.abs_diff(span.line) <= 6);
        let mut marks = vec![(span, diagnostic.label.clone(), AnnotationKind::Primary)];
        marks.extend(near.iter().map(|(other, what)| (other, Some(what.clone()), AnnotationKind::Context)));
        group = group.element(snippet(&marks));
        for (other, what) in far {
            group = group.element(snippet(&[(other, Some(what.clone()), AnnotationKind::Context)]));
        }
    }
    for note in &diagnostic.notes {
        group = group.element(Drawn::NOTE.message(printable(note)));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Drawn::HELP.with_name("hint").message(printable(hint)));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(WIDTH).render(&[group])
}

/// Cuts the lines that the marks need out of their file: the whole text may be long, and none of its other lines is
/// to be seen.
fn snippet(
    marks: &[(&Span, Option<String>, AnnotationKind)],
) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
    let file = &marks[0].0.file;
    let text = file.text.as_str();
    let mut from = text.len();
    let mut to = 0;
    for (span, ..) in marks {
        let Range { start, end } = clamp(span, text);
        from = from.min(text[..start].rfind('\n').map_or(0, |i| i + 1));
        to = to.max(text[end..].find('\n').map_or(text.len(), |i| end + i));
    }
    let to = to.max(from);
    let first = text[..from].matches('\n').count() + 1;
    let shown = file.excerpt(from..to);
    let mut out = Snippet::source(shown.text.clone()).path(file.path.display().to_string()).line_start(first);
    for (span, label, kind) in marks {
        let Range { start, end } = clamp(span, text);
        let start = shown.place(start, false);
        let mut annotation = kind.span(start..shown.place(end, true).max(start));
        if let Some(label) = label {
            annotation = annotation.label(printable(label));
        }
        out = out.annotation(annotation);
    }
    out
}

/// The span, or its first line if it has several.
fn clamp(span: &Span, text: &str) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let mut end = end.min(line_end).max(start);
    while end > start && text[start..end].ends_with([' ', '\t', '\r']) {
        end -= 1;
    }
    start..end
}

/// The text without control characters, which could otherwise steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
