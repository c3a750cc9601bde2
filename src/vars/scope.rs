//! The variables that are visible at one place, as layers from low to high precedence.

use super::{Key, Map, Value};
use crate::template::Scope;
use std::sync::Arc;

/// Layers of variables; a later one wins. Building one copies pointers only.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    layers: Vec<Arc<Map>>,
}

impl Layers {
    /// Adds a layer on top.
    pub fn push(&mut self, layer: &Arc<Map>) {
        if !layer.is_empty() {
            self.layers.push(Arc::clone(layer));
        }
    }
    /// Adds a layer on top that belongs to nobody else.
    pub fn push_owned(&mut self, layer: Map) {
        if !layer.is_empty() {
            self.layers.push(Arc::new(layer));
        }
    }
    /// These layers with another one on top.
    #[must_use]
    pub fn with(&self, layer: Map) -> Self {
        let mut out = self.clone();
        out.push_owned(layer);
        out
    }
    /// The value with the highest precedence.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.layers.iter().rev().find_map(|l| l.get(name))
    }
}

impl Scope for Layers {
    fn get(&self, name: &str) -> Option<Value> {
        self.find(name).cloned()
    }
    fn names(&self) -> Vec<Key> {
        let mut seen = indexmap::IndexSet::new();
        for layer in &self.layers {
            seen.extend(layer.keys().cloned());
        }
        seen.into_iter().collect()
    }
}

/// A search path without folders, for templates that are rendered outside of tasks.
#[must_use]
pub fn nowhere() -> &'static crate::template::SearchPath {
    static NOWHERE: std::sync::LazyLock<crate::template::SearchPath> =
        std::sync::LazyLock::new(crate::template::SearchPath::default);
    &NOWHERE
}
