//! The variables that are visible at one place, as layers from low to high precedence.

use super::{Key, Map, Value};
use crate::template::Scope;
use std::sync::{Arc, OnceLock};

/// Layers of variables; a later one wins. Building one copies pointers only.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    layers: Vec<Arc<Map>>,
    floor: Option<Arc<Floor>>,
}

/// A layer below all others, made when one of its names is looked for and no layer has it.
pub struct Floor {
    names: &'static [&'static str],
    make: Box<dyn Fn() -> Map + Send + Sync>,
    made: OnceLock<Map>,
}

impl Floor {
    /// A layer that can have these names.
    #[must_use]
    pub fn new(names: &'static [&'static str], make: Box<dyn Fn() -> Map + Send + Sync>) -> Self {
        Self { names, make, made: OnceLock::new() }
    }
    fn get(&self, name: &str) -> Option<&Value> {
        if !self.names.contains(&name) {
            return None;
        }
        self.made.get_or_init(|| (self.make)()).get(name)
    }
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor").field("names", &self.names).finish_non_exhaustive()
    }
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
    /// What several layers have as mappings is merged, at every depth.
    pub fn merge(&mut self) {
        let merged = super::merge::layers(&self.layers);
        self.push_owned(merged);
    }
    /// These layers with another one on top.
    #[must_use]
    pub fn with(&self, layer: Map) -> Self {
        let mut out = self.clone();
        out.push_owned(layer);
        out
    }
    /// These layers over a floor.
    #[must_use]
    pub fn over(&self, floor: Floor) -> Self {
        Self { layers: self.layers.clone(), floor: Some(Arc::new(floor)) }
    }
    /// The value with the highest precedence.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.find_above_floor(name).or_else(|| self.floor.as_ref()?.get(name))
    }
    /// The same, the floor left out: what somebody set.
    #[must_use]
    pub fn find_above_floor(&self, name: &str) -> Option<&Value> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_lies_below_all_layers() {
        let map = |value: &str| Map::from([(Key::from("ansible_host"), Value::text(value))]);
        let layers = Layers::default();
        let text = |layers: &Layers, name: &str| layers.find(name).and_then(Value::as_str).map(str::to_owned);
        let floor = || Floor::new(&["ansible_host"], Box::new(move || map("floor")));
        assert_eq!(text(&layers, "ansible_host"), None);
        assert_eq!(text(&layers.over(floor()), "ansible_host").as_deref(), Some("floor"));
        assert_eq!(text(&layers.over(floor()), "ansible_user"), None);
        assert_eq!(text(&layers.over(floor()).with(map("own")), "ansible_host").as_deref(), Some("own"));
        assert_eq!(text(&layers.with(map("own")).over(floor()), "ansible_host").as_deref(), Some("own"));
        assert!(layers.over(floor()).find_above_floor("ansible_host").is_none());
        assert!(layers.over(floor()).with(map("own")).find_above_floor("ansible_host").is_some());
    }
}
