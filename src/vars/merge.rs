//! Mappings that are merged where usually the later one takes the place of the earlier (`hash_behaviour = merge`).

use super::{Key, Map, Value};
use std::sync::Arc;

/// A value laid over another: mappings are merged at every depth, anything else replaces what was there.
#[must_use]
pub fn over(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Map(below), Value::Map(above)) => {
            let mut out = (**below).clone();
            for (key, value) in above.iter() {
                insert(&mut out, key.clone(), value);
            }
            Value::map(out)
        }
        _ => above.clone(),
    }
}

/// Sets a value in a mapping, merged with what is there.
pub fn insert(map: &mut Map, key: Key, value: &Value) {
    let merged = match map.get(&key) {
        Some(below) => over(below, value),
        None => value.clone(),
    };
    map.insert(key, merged);
}

/// Of layers from low to high those names that several of them have as mappings, merged.
#[must_use]
pub fn layers(layers: &[Arc<Map>]) -> Map {
    let mut out = Map::new();
    let Some((last, below)) = layers.split_last() else { return out };
    let mut above = vec![last];
    for layer in below.iter().rev() {
        for (key, value) in layer.iter().filter(|(_, value)| matches!(value, Value::Map(_))) {
            if !out.contains_key(key) && above.iter().any(|map| map.contains_key(key)) {
                let all = layers.iter().filter_map(|map| map.get(key)).cloned();
                let merged = all.reduce(|merged, next| over(&merged, &next));
                out.insert(key.clone(), merged.unwrap_or_else(|| value.clone()));
            }
        }
        above.push(layer);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Value)]) -> Map {
        entries.iter().map(|(key, value)| (Key::from(*key), value.clone())).collect()
    }

    #[test]
    fn only_mappings_are_merged() {
        let low = map(&[
            (
                "a",
                Value::map(map(&[("x", Value::Int(1)), ("deep", Value::map(map(&[("p", Value::Int(1))])))])),
            ),
            ("b", Value::map(map(&[("x", Value::Int(1))]))),
            ("c", Value::Int(1)),
        ]);
        let middle = map(&[("b", Value::Int(2))]);
        let high = map(&[
            (
                "a",
                Value::map(map(&[("y", Value::Int(2)), ("deep", Value::map(map(&[("q", Value::Int(2))])))])),
            ),
            ("c", Value::Int(2)),
        ]);
        let merged = layers(&[Arc::new(low), Arc::new(middle), Arc::new(high)]);
        let deep = map(&[("p", Value::Int(1)), ("q", Value::Int(2))]);
        let a = map(&[("x", Value::Int(1)), ("deep", Value::map(deep)), ("y", Value::Int(2))]);
        assert_eq!(merged.get("a"), Some(&Value::map(a)));
        // What took its place in between is what counts.
        assert_eq!(merged.get("b"), Some(&Value::Int(2)));
        assert_eq!(merged.get("c"), None);
    }
}
