//! Keywords that children inherit.

use crate::vars::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keywords with their values as written. What a child has is its own value, or its parent's; `when`, `environment` and
/// `module_defaults` put the parent's in front, and `tags` unite.
#[derive(Debug, Clone, Default)]
pub struct Attrs(BTreeMap<&'static str, Value>);

impl Attrs {
    /// The value of a keyword.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
    /// Sets a keyword.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }
    /// The entries of a keyword that is a list.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_list).unwrap_or_default()
    }
    /// These keywords with those of a parent behind them.
    #[must_use]
    pub fn under(mut self, parent: &Attrs) -> Self {
        for (name, inherited) in &parent.0 {
            match (*name, self.0.get(name)) {
                (_, None) => {
                    self.0.insert(name, inherited.clone());
                }
                ("when" | "environment" | "module_defaults" | "tags", Some(own)) => {
                    let mut joined = inherited.as_list().unwrap_or_default().to_vec();
                    joined.extend_from_slice(own.as_list().unwrap_or_default());
                    self.0.insert(name, Value::list(joined));
                }
                _ => {}
            }
        }
        self
    }
    /// As [`Self::under`], shared.
    #[must_use]
    pub fn child_of(self, parent: &Arc<Attrs>) -> Arc<Self> {
        if self.0.is_empty() { Arc::clone(parent) } else { Arc::new(self.under(parent)) }
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
