//! `loop` and `with_*`.

use crate::playbook::{Loop, LoopControl};
use crate::template::{Templar, TemplateContext, TemplateError};
pub use crate::vars::value::truthy;
use crate::vars::{Key, Map, Value};
use std::sync::Arc;
use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

/// Why a loop has no items.
#[derive(Debug)]
pub enum NoItems {
    /// Its expression fails.
    Failed(Box<TemplateError>),
    /// The lookup of its `with_` fails.
    Lookup(Box<TemplateError>),
    /// It gives something that is no list.
    NoList(Box<Diagnostic>),
}

impl From<TemplateError> for NoItems {
    fn from(error: TemplateError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// The items of a loop.
///
/// # Errors
/// If the expression fails or is no list.
pub fn items(loop_: &Loop, templar: &Templar, cx: &TemplateContext<'_>) -> Result<Vec<Value>, NoItems> {
    let at = |error: TemplateError| error.at(Some(&loop_.span));
    match loop_.lookup.as_deref() {
        None => {
            let value = templar.render(&loop_.value, cx).map_err(at)?;
            match value {
                Value::List(items) => Ok(items.to_vec()),
                Value::Omit => Ok(Vec::new()),
                other => Err(NoItems::NoList(Box::new(no_list(&other, &loop_.span)))),
            }
        }
        Some(lookup) => {
            let value = templar.render(&loop_.value, cx).map_err(at)?;
            let terms = match value {
                Value::List(items) => items.to_vec(),
                other => vec![other],
            };
            let found = templar.lookup(lookup, terms, Map::new(), cx);
            found.map_err(|error| NoItems::Lookup(Box::new(at(error))))
        }
    }
}

/// A loop over something that is no list.
#[must_use]
pub fn no_list(value: &Value, span: &Span) -> Diagnostic {
    let error =
        Diagnostic::error(format!("The `loop` value must resolve to a 'list', not '{}'.", value.type_name()));
    error.at(span).hint(match value {
        Value::Map(_) => "loop over `{{ x | dict2items }}`, or over `{{ x | list }}` for the keys alone",
        Value::Str(_) => "split the text (`{{ x | split(',') }}`), or put it into a list: `[x]`",
        _ => "for numbers in a row use `{{ range(1, 6) | list }}`",
    })
}

/// The items of a loop and the names under which each one is seen.
#[derive(Debug)]
pub struct Items {
    items: Arc<Vec<Value>>,
    names: Names,
}

impl Items {
    /// Items with those names.
    #[must_use]
    pub fn new(items: Vec<Value>, names: Names) -> Self {
        Self { items: Arc::new(items), names }
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
    /// The names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }
    /// One of them.
    #[must_use]
    pub fn at(&self, index: usize) -> &Value {
        static NOTHING: Value = Value::Null;
        self.items.get(index).unwrap_or(&NOTHING)
    }

    /// What one item adds to the variables.
    #[must_use]
    pub fn vars(&self, index: usize) -> Map {
        let Self { items, names } = self;
        let mut map = Map::new();
        map.insert(Key::from(names.item.as_str()), self.at(index).clone());
        map.insert(Key::from("ansible_loop_var"), Value::text(names.item.as_str()));
        if let Some(name) = &names.index {
            map.insert(Key::from(name.as_str()), Value::Int(index as i64));
            map.insert(Key::from("ansible_index_var"), Value::text(name.as_str()));
        }
        if names.extended {
            let length = items.len();
            let mut info = Map::new();
            let mut set = |key: &str, value: Value| {
                info.insert(Key::from(key), value);
            };
            if names.all_items {
                // One list for all of them.
                set("allitems", Value::List(Arc::clone(items)));
            }
            set("index", Value::Int(index as i64 + 1));
            set("index0", Value::Int(index as i64));
            set("first", Value::Bool(index == 0));
            set("last", Value::Bool(index + 1 == length));
            set("length", Value::Int(length as i64));
            set("revindex", Value::Int((length - index) as i64));
            set("revindex0", Value::Int((length - index) as i64 - 1));
            if let Some(next) = items.get(index + 1) {
                set("nextitem", next.clone());
            }
            if let Some(previous) = index.checked_sub(1).and_then(|i| items.get(i)) {
                set("previtem", previous.clone());
            }
            map.insert(Key::from("ansible_loop"), Value::map(info));
        }
        map
    }
}

/// The rendered names of a loop control.
#[derive(Debug, Clone)]
pub struct Names {
    /// Name of the item.
    pub item: String,
    /// Name of the index.
    pub index: Option<String>,
    /// Whether `ansible_loop` is made.
    pub extended: bool,
    /// Whether it has `allitems`.
    pub all_items: bool,
}

impl Names {
    /// Renders a loop control.
    ///
    /// # Errors
    /// If one of its templates fails.
    pub fn of(
        control: &LoopControl,
        templar: &Templar,
        cx: &TemplateContext<'_>,
    ) -> Result<Self, TemplateError> {
        let text = |value: &Option<Value>| -> Result<Option<String>, TemplateError> {
            match value {
                None => Ok(None),
                Some(value) => Ok(templar.render(value, cx)?.as_str().map(str::to_owned)),
            }
        };
        let flag = |value: &Option<Value>, default: bool| -> Result<bool, TemplateError> {
            match value {
                None => Ok(default),
                Some(value) => Ok(truthy(&templar.render(value, cx)?).unwrap_or(default)),
            }
        };
        Ok(Self {
            item: text(&control.loop_var)?.unwrap_or_else(|| "item".to_owned()),
            index: text(&control.index_var)?,
            extended: flag(&control.extended, false)?,
            all_items: flag(&control.extended_allitems, true)?,
        })
    }
}

/// What is printed in the place of an item that may not be shown.
pub const CENSORED: &str = "(censored due to no_log)";

/// How an item is printed if there is no label.
#[must_use]
pub fn label_of(item: &Value) -> String {
    match item {
        Value::Str(text) => text.as_str().to_owned(),
        other => windlass_protocol::args::python_text(&other.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_items_are_one_list() {
        let names = Names { item: "item".to_owned(), index: None, extended: true, all_items: true };
        let items = Items::new(vec![Value::Int(1), Value::Int(2)], names);
        let list = |index| match items.vars(index).get("ansible_loop") {
            Some(Value::Map(info)) => match info.get("allitems") {
                Some(Value::List(list)) => Some(Arc::clone(list)),
                _ => None,
            },
            _ => None,
        };
        let (Some(first), Some(second)) = (list(0), list(1)) else { panic!("no list of all items") };
        assert!(Arc::ptr_eq(&first, &second));
    }
}
