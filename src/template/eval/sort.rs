//! Python's way of sorting: stable, with nothing but `<`, which may fail or be no order at all (`nan`).

/// Lists shorter than this are one run, as in Python.
const SHORT: usize = 64;
/// Longer ones are cut into runs of this size.
const RUN: usize = 32;

/// Sorts with `less`; the first comparison that fails ends it.
///
/// # Errors
/// What `less` fails with.
pub(crate) fn sort<T, E>(
    items: Vec<T>,
    mut less: impl FnMut(&T, &T) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let size = if items.len() < SHORT { SHORT } else { RUN };
    let mut rest = items.into_iter();
    let mut runs = Vec::new();
    loop {
        let run: Vec<T> = rest.by_ref().take(size).collect();
        if run.is_empty() {
            break;
        }
        runs.push(insertion(run, &mut less)?);
    }
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(left) = pairs.next() {
            merged.push(match pairs.next() {
                Some(right) => merge(left, right, &mut less)?,
                None => left,
            });
        }
        runs = merged;
    }
    Ok(runs.pop().unwrap_or_default())
}

/// What is in order already stays; each item behind it is put into its place.
fn insertion<T, E>(mut items: Vec<T>, less: &mut impl FnMut(&T, &T) -> Result<bool, E>) -> Result<Vec<T>, E> {
    let mut done = 1;
    if items.len() > 1 && less(&items[1], &items[0])? {
        done = 2;
        while done < items.len() && less(&items[done], &items[done - 1])? {
            done += 1;
        }
        items[..done].reverse();
    } else if items.len() > 1 {
        done = 2;
        while done < items.len() && !less(&items[done], &items[done - 1])? {
            done += 1;
        }
    }
    for at in done..items.len() {
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = low + (high - low) / 2;
            if less(&items[at], &items[middle])? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        items[low..=at].rotate_right(1);
    }
    Ok(items)
}

fn merge<T, E>(
    left: Vec<T>,
    right: Vec<T>,
    less: &mut impl FnMut(&T, &T) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if less(b, a)? { right.next() } else { left.next() };
        out.extend(next);
    }
    out.extend(left);
    out.extend(right);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::sort;

    fn numbers(count: u64) -> Vec<u64> {
        (0..count).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).collect()
    }

    #[test]
    fn as_the_standard_library_and_stable() {
        for count in [0, 1, 2, 3, 31, 63, 64, 65, 97, 500] {
            let keyed: Vec<(u64, usize)> = numbers(count).into_iter().zip(0..).collect();
            let mut wanted = keyed.clone();
            wanted.sort_by_key(|(key, _)| *key);
            assert_eq!(sort(keyed, |a, b| Ok::<_, ()>(a.0 < b.0)).unwrap(), wanted, "{count}");
        }
        let falling: Vec<u32> = (0..100).rev().collect();
        assert_eq!(sort(falling, |a, b| Ok::<_, ()>(a < b)).unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_order_does_no_harm() {
        let floats: Vec<f64> =
            numbers(300).into_iter().map(|n| if n % 3 == 0 { f64::NAN } else { n as f64 }).collect();
        assert_eq!(sort(floats, |a, b| Ok::<_, ()>(a < b)).unwrap().len(), 300);
        // Rock, paper, scissors.
        let rounds: Vec<u64> = numbers(300).into_iter().map(|n| n % 3).collect();
        assert_eq!(sort(rounds, |a, b| Ok::<_, ()>((a + 1) % 3 == *b)).unwrap().len(), 300);
    }

    #[test]
    fn the_first_failure_ends_it() {
        let mixed = vec![Some(1), Some(2), None, Some(0)];
        let mut calls = 0;
        let result = sort(mixed, |a, b| {
            calls += 1;
            Ok::<_, &str>(a.ok_or("left")? < b.ok_or("right")?)
        });
        assert_eq!((result, calls), (Err("left"), 2));
    }
}
