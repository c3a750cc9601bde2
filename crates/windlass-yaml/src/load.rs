//! From the parser's events to nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span as RawSpan, StrInput};

use crate::error::{Warning, YamlError};
use crate::hints;
use crate::mend::{self, Mended};
use crate::node::{Duplicate, Mapping, Node, Style, Tag, Yaml};
use crate::resolve::{TagError, resolve_plain, tagged};
use crate::source::{SourceFile, Span};
use crate::tags::{COLLECTION_TAGS, SCALAR_TAGS, TagName, apply_to_collection, is_merge, merge_into, name};
use crate::timestamp;

/// How many nodes the aliases and anchors of one file may copy, all together. A file of a few hundred bytes can ask
/// for billions.
const MAX_COPIES: usize = 1_000_000;

/// How deep a tree may be, aliases included: whatever walks it does so recursively, on a stack that may be small.
const MAX_DEPTH: usize = 200;

/// All documents of a file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The documents in order; none for an empty file.
    pub docs: Vec<Node>,
    /// What is hardly meant.
    pub warnings: Vec<Warning>,
}

/// How to load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep unknown tags as [`Tag::Other`] instead of refusing them as PyYAML does.
    pub unknown_tags: bool,
}

/// Loads every document of a file.
pub fn load(file: Arc<SourceFile>) -> Result<Loaded, YamlError> {
    load_with(file, Options::default())
}

/// Loads every document of a file, with options.
pub fn load_with(file: Arc<SourceFile>, options: Options) -> Result<Loaded, YamlError> {
    attempt(&file, options, |loader| {
        let mut docs = Vec::new();
        while let Some((doc, _)) = loader.next_document()? {
            docs.push(doc);
        }
        Ok(Loaded { docs, warnings: std::mem::take(&mut loader.warnings) })
    })
}

/// Loads a file that may hold one document; `None` when it holds none. A second document is an error at its place.
pub fn load_one(file: Arc<SourceFile>) -> Result<(Option<Node>, Vec<Warning>), YamlError> {
    attempt(&file, Options::default(), |loader| {
        let first = loader.next_document()?.map(|(doc, _)| doc);
        if first.is_some()
            && let Some((_, marker)) = loader.next_document()?
        {
            return Err(YamlError::new("expected a single document, but found another one", marker)
                .label("the second document starts here")
                .hint("keep one document per file, or remove this `---`"));
        }
        Ok((first, std::mem::take(&mut loader.warnings)))
    })
}

/// How many places are set right for the parser before it is left at that: quoted values that are not indented, and
/// comments without a blank in front.
const MAX_MENDED: usize = 500;

/// Loads, and loads again with what only the parser objects to set right.
fn attempt<T>(
    file: &Arc<SourceFile>,
    options: Options,
    load: impl Fn(&mut Loader<'_>) -> Result<T, YamlError>,
) -> Result<T, YamlError> {
    let mut mended: Option<Mended> = None;
    let mut unclosed: Option<YamlError> = None;
    for _ in 0..MAX_MENDED {
        let mut loader = Loader::new(file, mended.as_ref(), options);
        let error = match load(&mut loader) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        let text = mended.as_ref().map_or(file.text.as_str(), |mended| &mended.text);
        let separated = loader.glued.and_then(|at| Mended::separated(&file.text, mended.as_ref(), at));
        let next = separated.or_else(|| {
            let at = loader.unindented?;
            // If it does not load even so, this was the mistake.
            if unclosed.is_none() && mend::swallows_keys(text, at) {
                unclosed = Some(error.clone());
            }
            Mended::new(&file.text, mended.as_ref(), at)
        });
        match next {
            Some(next) => mended = Some(next),
            None => return Err(unclosed.unwrap_or(error)),
        }
    }
    Err(unclosed.unwrap_or_else(|| {
        let text = "too many quoted values that are not indented, or comments without a blank in front";
        YamlError::new(text, Span::new(file, 0, 0))
    }))
}

/// A node that an alias can refer to.
struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

struct Loader<'a> {
    file: &'a Arc<SourceFile>,
    /// What the parser reads in place of the file's text.
    mended: Option<&'a Mended>,
    /// Where the parser found a quoted value not to be indented.
    unindented: Option<usize>,
    /// Where it found a comment with no blank in front of it.
    glued: Option<usize>,
    options: Options,
    parser: Parser<'a, StrInput<'a>>,
    /// By the parser's anchor id; `None` while the node is still being read.
    anchors: HashMap<usize, Option<Anchored>>,
    copies: usize,
    warnings: Vec<Warning>,
    started: bool,
    /// Where the tag of the event just read stands.
    tag_span: Option<RawSpan>,
}

/// A node with what the limits need to know about it.
struct Built {
    node: Node,
    size: usize,
    depth: usize,
}

/// A collection that is being read.
struct Frame {
    entries: Entries,
    span: Span,
    anchor: usize,
    tag: Option<granit_parser::Tag>,
    size: usize,
    deepest: usize,
}

enum Entries {
    Seq(Vec<Node>),
    Map {
        own: Vec<(Node, Node)>,
        /// What `<<` brought in.
        merged: Vec<(Node, Node)>,
        /// The key whose value is to come.
        key: Option<Node>,
        /// Whether that key is `<<`.
        merge: bool,
    },
}

impl Frame {
    fn new(entries: Entries, span: Span, anchor: usize, tag: Option<granit_parser::Tag>) -> Self {
        Self { entries, span, anchor, tag, size: 1, deepest: 0 }
    }

    /// Puts a finished node into its place.
    fn take(&mut self, built: Built) -> Result<(), YamlError> {
        self.size += built.size;
        self.deepest = self.deepest.max(built.depth);
        match &mut self.entries {
            Entries::Seq(items) => items.push(built.node),
            Entries::Map { own, merged, key, merge } => match key.take() {
                None => *key = Some(built.node),
                Some(_) if std::mem::take(merge) => merge_into(merged, built.node)?,
                Some(key) => own.push((key, built.node)),
            },
        }
        Ok(())
    }
}

impl<'a> Loader<'a> {
    fn new(file: &'a Arc<SourceFile>, mended: Option<&'a Mended>, options: Options) -> Self {
        let mut settings = granit_parser::Options::default();
        settings.set_emit_comments(false);
        settings.block_nesting_limit = MAX_DEPTH;
        settings.flow_nesting_limit = MAX_DEPTH;
        Self {
            file,
            options,
            mended,
            unindented: None,
            glued: None,
            parser: Parser::new_from_str_with_options(
                mended.map_or(file.text.as_str(), |mended| &mended.text),
                settings,
            ),
            anchors: HashMap::new(),
            copies: 0,
            warnings: Vec::new(),
            started: false,
            tag_span: None,
        }
    }

    fn span(&self, raw: &RawSpan) -> Span {
        let mut start = raw.start.byte_offset().unwrap_or(0);
        let mut end = raw.end.byte_offset().unwrap_or(start).max(start);
        let mut column = raw.start.col() + 1;
        if let Some(mended) = self.mended {
            column -= mended.column_shift(start).min(column - 1);
            (start, end) = (mended.original(start), mended.original(end));
        }
        Span {
            file: Arc::clone(self.file),
            start,
            end,
            line: u32::try_from(raw.start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, raw))) => {
                self.tag_span = raw.tag_span();
                Ok((event, self.span(&raw)))
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset();
                if matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent) {
                    self.unindented = at;
                }
                if matches!(error.kind(), ErrorKind::CommentNotSeparated) {
                    self.glued = at;
                }
                let at = at.map(|at| self.mended.map_or(at, |mended| mended.original(at)));
                Err(hints::scan_error(self.file, error.kind(), at.unwrap_or(self.file.text.len())))
            }
            None => Ok((Event::StreamEnd, Span::new(self.file, self.file.text.len(), self.file.text.len()))),
        }
    }

    /// The next document, with the place of its start.
    fn next_document(&mut self) -> Result<Option<(Node, Span)>, YamlError> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentStart(..) => {
                    self.anchors.clear();
                    let first = !self.started;
                    self.started = true;
                    let (event, at) = self.next()?;
                    let node = self.node(event, at.clone())?;
                    // `---` alone has a place of its own; an implicit start has that of the first node.
                    let marker = if first || span.end > span.start { span } else { at };
                    return Ok(Some((node, marker)));
                }
                Event::StreamEnd => return Ok(None),
                _ => {}
            }
        }
    }

    /// Reads the node that begins with an event. Open collections are kept on a stack of our own: how deep a file may
    /// be must not depend on the thread that reads it.
    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, YamlError> {
        let mut stack: Vec<Frame> = Vec::new();
        let (mut event, mut span) = (event, span);
        loop {
            let done = match event {
                Event::Alias(id) => Some(self.alias(id, &span, stack.len())?),
                Event::Scalar(text, style, anchor, tag) => {
                    if let Some(Frame { entries: Entries::Map { key: None, merge, .. }, .. }) =
                        stack.last_mut()
                    {
                        *merge = is_merge(&text, style, tag.as_deref());
                    }
                    let text = self.unterminated(text.into_owned(), style, &span);
                    let node = self.scalar(text, convert(style), tag.as_deref(), span)?;
                    let built = Built { node, size: 1, depth: 1 };
                    self.anchor(anchor, &built)?;
                    Some(built)
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.open(anchor, tag.as_deref())?;
                    stack.push(Frame::new(Entries::Seq(Vec::new()), span, anchor, tag.map(Cow::into_owned)));
                    None
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.open(anchor, tag.as_deref())?;
                    let entries =
                        Entries::Map { own: Vec::new(), merged: Vec::new(), key: None, merge: false };
                    stack.push(Frame::new(entries, span, anchor, tag.map(Cow::into_owned)));
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                    Some(frame) => Some(self.close(frame, &span)?),
                    None => return Err(YamlError::new("did not find the expected content", span)),
                },
                // The parser gives a node for every place that may hold one, so this is not reached.
                _ => return Err(YamlError::new("did not find the expected content", span)),
            };
            if let Some(built) = done {
                match stack.last_mut() {
                    Some(frame) => frame.take(built)?,
                    None => return Ok(built.node),
                }
            }
            if stack.len() > MAX_DEPTH {
                let at = stack.pop().map_or_else(|| Span::new(self.file, 0, 0), |frame| frame.span);
                return Err(YamlError::new("the document is nested too deeply", at));
            }
            (event, span) = self.next()?;
        }
    }

    fn anchor(&mut self, anchor: usize, built: &Built) -> Result<(), YamlError> {
        if anchor != 0 {
            self.copied(built.size, &built.node.span)?;
            let Built { node, size, depth } = built;
            self.anchors.insert(anchor, Some(Anchored { node: node.clone(), size: *size, depth: *depth }));
        }
        Ok(())
    }

    /// A collection begins: its anchor is known, its value is not, and its tag must be one that exists.
    fn open(&mut self, anchor: usize, tag: Option<&granit_parser::Tag>) -> Result<(), YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.check_tag(tag)
    }

    fn close(&mut self, frame: Frame, end: &Span) -> Result<Built, YamlError> {
        let Frame { entries, mut span, anchor, tag, size, deepest } = frame;
        let value = match entries {
            Entries::Seq(items) => {
                span.end = end_of(span.end, items.last(), end);
                Yaml::Seq(items)
            }
            Entries::Map { own, merged, .. } => {
                span.end = end_of(span.end, own.last().map(|(_, value)| value), end);
                let mut map = self.unite(own, &span)?;
                if !merged.is_empty() {
                    // What was merged in comes first and is meant to be overridden: no duplicate.
                    let own = std::mem::take(&mut map);
                    map.inherit(merged, own);
                }
                Yaml::Map(map)
            }
        };
        let node = apply_to_collection(tag.as_ref(), Node { value, span, tag: None })?;
        let built = Built { node, size, depth: deepest + 1 };
        self.anchor(anchor, &built)?;
        Ok(built)
    }

    fn copied(&mut self, size: usize, span: &Span) -> Result<(), YamlError> {
        self.copies = self.copies.saturating_add(size);
        if self.copies > MAX_COPIES {
            return Err(YamlError::new("the aliases of this file expand to too much", span.clone())
                .hint(format!("together they may stand for at most {MAX_COPIES} values")));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &Span, depth: usize) -> Result<Built, YamlError> {
        let (size, deep) = match self.anchors.get(&id) {
            Some(Some(anchored)) => (anchored.size, anchored.depth),
            Some(None) => {
                return Err(YamlError::new(
                    "an alias stands inside the very value it refers to",
                    span.clone(),
                ));
            }
            None => return Err(YamlError::new("this alias refers to no anchor", span.clone())),
        };
        if depth + deep > MAX_DEPTH {
            return Err(YamlError::new("the document is nested too deeply", span.clone()));
        }
        self.copied(size, span)?;
        match self.anchors.get(&id) {
            Some(Some(anchored)) => Ok(Built { node: anchored.node.clone(), size, depth: deep }),
            _ => Err(YamlError::new("this alias refers to no anchor", span.clone())),
        }
    }

    /// The mapping of a list of entries; a key that comes again is noted.
    fn unite(&mut self, entries: Vec<(Node, Node)>, span: &Span) -> Result<Mapping, YamlError> {
        let mut map = Mapping::default();
        for (key, value) in entries {
            if matches!(key.value, Yaml::Seq(_) | Yaml::Map(_)) {
                return Err(hints::unhashable(&key, span));
            }
            if let Some(first) = map.same_key(&key) {
                let (first, second) = (first.span.clone(), key.span.clone());
                let text = key_text(&key);
                let warning =
                    Warning::DuplicateKey { key: text.clone(), first: first.clone(), second: second.clone() };
                self.warnings.push(warning);
                map.note_duplicate(Duplicate { key: text, first, second });
            }
            map.insert(key, value);
        }
        Ok(map)
    }

    fn scalar(
        &self,
        text: String,
        style: Style,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Result<Node, YamlError> {
        let (value, tag) = match tag {
            None if style == Style::Plain => (resolve_plain(&text), None),
            None => (Yaml::Str(text, style), None),
            Some(tag) => match name(tag) {
                // The tag `!` asks for the plain rules whatever the quotes.
                TagName::NonSpecific if text.is_empty() => (Yaml::Str(text, style), None),
                TagName::NonSpecific => (replain(&text, style), None),
                TagName::Core(suffix) => match tagged(&suffix, &text, style) {
                    Ok(value) => (value, None),
                    Err(TagError::Unknown) => return Err(self.unknown_tag(tag)),
                    Err(TagError::Mismatch(wanted)) => {
                        return Err(YamlError::new(format!("the tag `!!{suffix}` wants {wanted}"), span));
                    }
                },
                TagName::Vault => match replain(&text, style) {
                    value @ Yaml::Str(..) => (value, Some(Tag::Vault)),
                    _ => {
                        return Err(YamlError::new("the tag `!vault` wants a string", span)
                            .hint("write `!vault |` and the encrypted lines below, indented"));
                    }
                },
                TagName::Unsafe => (replain(&text, style), Some(Tag::Unsafe)),
                TagName::Other(name) if self.options.unknown_tags => {
                    let value =
                        if style == Style::Plain { resolve_plain(&text) } else { Yaml::Str(text, style) };
                    (value, Some(Tag::Other(name)))
                }
                TagName::Other(_) => return Err(self.unknown_tag(tag)),
            },
        };
        if let Yaml::Timestamp(text) = &value
            && timestamp::iso_format(text).is_none()
        {
            return Err(YamlError::quoting(
                format!("`{text}` looks like a date, but there is no such date"),
                "this looks like a date, but there is no such date",
                span,
            )
            .hint("put it in quotes if it is no date"));
        }
        Ok(Node { value, span, tag })
    }

    /// Refuses an unknown tag of a collection, while its place is known.
    fn check_tag(&self, tag: Option<&granit_parser::Tag>) -> Result<(), YamlError> {
        let Some(raw) = tag else { return Ok(()) };
        let known = match name(raw) {
            TagName::Core(suffix) => {
                COLLECTION_TAGS.contains(&suffix.as_str()) || SCALAR_TAGS.contains(&suffix.as_str())
            }
            TagName::Other(_) => self.options.unknown_tags,
            TagName::NonSpecific | TagName::Vault | TagName::Unsafe => true,
        };
        if known { Ok(()) } else { Err(self.unknown_tag(raw)) }
    }

    fn unknown_tag(&self, tag: &granit_parser::Tag) -> YamlError {
        let end = self.file.text.len();
        let span =
            self.tag_span.as_ref().map_or_else(|| Span::new(self.file, end, end), |raw| self.span(raw));
        hints::unknown_tag(&tag.original(), span)
    }

    /// The parser underneath ends every block scalar with a line end, also one that the file's end cuts off before.
    fn unterminated(&self, mut text: String, style: ScalarStyle, span: &Span) -> String {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block
            && text.ends_with('\n')
            && span.end >= self.file.text.len()
            && !self.file.text.ends_with('\n')
        {
            let last = self.file.text.rsplit('\n').next().unwrap_or_default();
            // A last line of blanks ends the line before it, which then had its end.
            if !last.trim().is_empty() {
                text.pop();
            }
        }
        text
    }
}

fn convert(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn replain(text: &str, style: Style) -> Yaml {
    match resolve_plain(text) {
        Yaml::Str(text, _) => Yaml::Str(text, style),
        value => value,
    }
}

/// Where a collection ends: with its bracket, or with its last value.
fn end_of(start: usize, last: Option<&Node>, end: &Span) -> usize {
    let text = end.text();
    if text == "]" || text == "}" { end.end } else { last.map_or(start, |node| node.span.end.max(start)) }
}

/// A key as text for messages.
fn key_text(key: &Node) -> String {
    match &key.value {
        Yaml::Str(text, _) | Yaml::BigInt(text) | Yaml::Timestamp(text) => text.clone(),
        Yaml::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Yaml::Int(value) => value.to_string(),
        Yaml::Float(value) => value.to_string(),
        Yaml::Null => "None".to_owned(),
        Yaml::Binary(_) | Yaml::Seq(_) | Yaml::Map(_) => key.span.text().to_owned(),
    }
}
