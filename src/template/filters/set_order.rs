//! The order in which Python's sets have numbers.
//!
//! The set filters give the items of a set, and the place of a number in a set follows from its hash: the same on every run,
//! and for small numbers by size, so playbooks rely on it. Texts are hashed with a secret of the process; for them there is
//! no order to follow.

use crate::template::eval::val::Val;

/// Places that are tried one after the other before jumping.
const PROBES: usize = 9;
/// Python's hashes of numbers are remainders by this.
const MODULUS: u64 = (1 << 61) - 1;

#[derive(Clone)]
enum Slot {
    Empty,
    /// Something was here.
    Gone,
    Taken(i64, Val),
}

/// A hash table as CPython fills it.
#[derive(Clone)]
struct Set {
    table: Vec<Slot>,
    fill: usize,
    used: usize,
}

fn hash(value: &Val) -> Option<i64> {
    let hash = match value {
        Val::Int(i) => {
            let rest = i64::try_from(i.unsigned_abs() % MODULUS).ok()?;
            if *i < 0 { -rest } else { rest }
        }
        Val::Bool(b) => i64::from(*b),
        Val::Float(f) if f.is_finite() => hash_float(*f),
        _ => return None,
    };
    Some(if hash == -1 { -2 } else { hash })
}

fn hash_float(f: f64) -> i64 {
    // The mantissa's bits, 28 at a time, then turned by the exponent.
    let bits = f.abs().to_bits();
    let (raw, mut mantissa) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let mut exponent = raw - 1075;
    if raw == 0 {
        exponent += 1;
    } else {
        mantissa |= 1 << 52;
    }
    let mut turn = exponent.rem_euclid(61);
    let mut x = mantissa % MODULUS;
    while turn > 0 {
        x = ((x << 1) & MODULUS) | (x >> 60);
        turn -= 1;
    }
    let x = i64::try_from(x % MODULUS).unwrap_or(0);
    if f < 0.0 { -x } else { x }
}

fn same(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Int(x), Val::Int(y)) => x == y,
        _ => a.as_f64() == b.as_f64(),
    }
}

impl Set {
    fn new() -> Self {
        Self { table: vec![Slot::Empty; 8], fill: 0, used: 0 }
    }

    fn of(items: &[Val]) -> Option<Self> {
        let mut set = Self::new();
        for item in items {
            set.add(hash(item)?, item);
        }
        Some(set)
    }

    /// The place of a value, or the free one where it belongs.
    fn place(&self, hash: i64, value: &Val) -> usize {
        let mask = self.table.len() - 1;
        let mut perturb = hash as u64;
        let mut at = (perturb as usize) & mask;
        loop {
            let last = if at + PROBES <= mask { at + PROBES } else { at };
            for place in at..=last {
                match &self.table[place] {
                    Slot::Empty => return place,
                    Slot::Taken(other, there) if *other == hash && same(there, value) => return place,
                    _ => {}
                }
            }
            perturb >>= 5;
            at = (at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as usize)) & mask;
        }
    }

    fn has(&self, hash: i64, value: &Val) -> bool {
        matches!(self.table[self.place(hash, value)], Slot::Taken(..))
    }

    fn add(&mut self, hash: i64, value: &Val) {
        let place = self.place(hash, value);
        if matches!(self.table[place], Slot::Taken(..)) {
            return;
        }
        self.table[place] = Slot::Taken(hash, value.clone());
        self.fill += 1;
        self.used += 1;
        if self.fill * 5 >= (self.table.len() - 1) * 3 {
            let size = if self.used > 50_000 { self.used * 2 } else { self.used * 4 };
            self.resize(size);
        }
    }

    fn remove(&mut self, hash: i64, value: &Val) -> bool {
        let place = self.place(hash, value);
        let there = matches!(self.table[place], Slot::Taken(..));
        if there {
            self.table[place] = Slot::Gone;
            self.used -= 1;
        }
        there
    }

    fn resize(&mut self, more_than: usize) {
        let mut size = 8;
        while size <= more_than {
            size <<= 1;
        }
        let old = std::mem::replace(&mut self.table, vec![Slot::Empty; size]);
        self.fill = self.used;
        for slot in old {
            if let Slot::Taken(hash, value) = slot {
                let place = self.place(hash, &value);
                self.table[place] = Slot::Taken(hash, value);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        if other.used == 0 {
            return;
        }
        if (self.fill + other.used) * 5 >= (self.table.len() - 1) * 3 {
            self.resize((self.used + other.used) * 2);
        }
        if self.fill == 0 && self.table.len() == other.table.len() && other.fill == other.used {
            self.clone_from(other);
            return;
        }
        for (hash, value) in other.entries() {
            self.add(hash, value);
        }
    }

    fn copy(&self) -> Self {
        let mut out = Self::new();
        out.merge(self);
        out
    }

    fn entries(&self) -> impl Iterator<Item = (i64, &Val)> {
        self.table.iter().filter_map(|slot| match slot {
            Slot::Taken(hash, value) => Some((*hash, value)),
            _ => None,
        })
    }

    fn items(&self) -> Vec<Val> {
        self.entries().map(|(_, value)| value.clone()).collect()
    }
}

/// `a | b` where both are numbers alone.
pub(super) fn union(a: &[Val], b: &[Val]) -> Option<Vec<Val>> {
    let mut out = Set::of(a)?.copy();
    out.merge(&Set::of(b)?);
    Some(out.items())
}

/// `a & b` where both are numbers alone.
pub(super) fn intersection(a: &[Val], b: &[Val]) -> Option<Vec<Val>> {
    let (a, b) = (Set::of(a)?, Set::of(b)?);
    let (within, small) = if b.used > a.used { (b, a) } else { (a, b) };
    let mut out = Set::new();
    for (hash, value) in small.entries() {
        if within.has(hash, value) {
            out.add(hash, value);
        }
    }
    Some(out.items())
}

/// `a - b` where both are numbers alone.
pub(super) fn difference(a: &[Val], b: &[Val]) -> Option<Vec<Val>> {
    let (a, b) = (Set::of(a)?, Set::of(b)?);
    if a.used >> 2 > b.used {
        let mut out = a.copy();
        for (hash, value) in b.entries() {
            out.remove(hash, value);
        }
        return Some(out.items());
    }
    let mut out = Set::new();
    for (hash, value) in a.entries() {
        if !b.has(hash, value) {
            out.add(hash, value);
        }
    }
    Some(out.items())
}

/// `a ^ b` where both are numbers alone.
pub(super) fn symmetric_difference(a: &[Val], b: &[Val]) -> Option<Vec<Val>> {
    let (a, mut out) = (Set::of(a)?, Set::of(b)?.copy());
    for (hash, value) in a.entries() {
        if !out.remove(hash, value) {
            out.add(hash, value);
        }
    }
    Some(out.items())
}
