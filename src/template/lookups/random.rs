//! The lookup `random_string` of community.general.

use super::{Call, Lookup, of};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::filters::Random;
use base64::Engine as _;

pub(super) const LOOKUPS: &[Lookup] = &[of("community.general.random_string", random_string)];

/// The kinds of letters: the option that wants them, the one that wants some at least, and the letters.
const KINDS: [(&str, &str, &str); 4] = [
    ("numbers", "min_numeric", "0123456789"),
    ("lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"),
    ("upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("special", "min_special", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
];

fn random_string(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let number = |name: &str, default: usize| match call.get(name) {
        None => Ok(default),
        Some(value) => {
            let number = value.as_int().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| *number <= 1 << 20)
                .ok_or_else(|| failed(format!("the option '{name}' of random_string is no length")))
        }
    };
    let length = number("length", 8)?;
    let least: Vec<usize> = KINDS.iter().map(|(_, name, _)| number(name, 0)).collect::<R<_>>()?;
    let similar = match call.flag(it, "ignore_similar_chars", false)? {
        true => call.str(it, "similar_chars")?.unwrap_or_else(|| "il1LoO0".to_owned()),
        false => String::new(),
    };
    let (special, every) = (call.str(it, "override_special")?, call.str(it, "override_all")?);
    let seed = call.str(it, "seed")?;
    let mut random = Random::new(seed.as_deref());
    let mut choose = |letters: &[char], count: usize| -> R<String> {
        if letters.is_empty() {
            return Err(failed("Available characters cannot be None, please change constraints"));
        }
        let mut one = || letters[usize::try_from(random.below(letters.len() as u64)).unwrap_or(0)];
        Ok((0..count).map(|_| one()).collect())
    };
    let (mut chosen, mut all) = (String::new(), Vec::new());
    match every.filter(|every| !every.is_empty()) {
        Some(every) => all.extend(every.chars()),
        None => {
            let mut kinds = Vec::new();
            for ((wanted, _, letters), least) in KINDS.into_iter().zip(least) {
                let letters = match (&special, wanted) {
                    (Some(own), "special") if !own.is_empty() => own.as_str(),
                    _ => letters,
                };
                let letters: Vec<char> = letters.chars().filter(|c| !similar.contains(*c)).collect();
                if least > 0 {
                    chosen.push_str(&choose(&letters, least)?);
                }
                if call.flag(it, wanted, true)? {
                    kinds.push((wanted, letters));
                }
            }
            // With a seed the order matters.
            for name in ["upper", "lower", "numbers", "special"] {
                all.extend(kinds.iter().filter(|(wanted, _)| *wanted == name).flat_map(|(_, l)| l.clone()));
            }
        }
    }
    let left = length.saturating_sub(chosen.chars().count());
    chosen.push_str(&choose(&all, left)?);
    let mut letters: Vec<char> = chosen.chars().collect();
    if seed.is_none() {
        for at in (1..letters.len()).rev() {
            letters.swap(at, rand::random_range(0..=at));
        }
    }
    let text: String = letters.into_iter().collect();
    Ok(vec![Val::from(match call.flag(it, "base64", false)? {
        true => base64::engine::general_purpose::STANDARD.encode(text),
        false => text,
    })])
}
