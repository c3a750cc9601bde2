//! Random documents: what PyYAML loads, this crate loads to the same values. Some of what libyaml refuses is valid YAML
//! and is loaded; what is in `REFUSED` is not.
//!
//! `WINDLASS_YAML_SEED` and `WINDLASS_YAML_COUNT` choose others and more of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use windlass_test_oracle::Reference;
use windlass_yaml::{SourceFile, load};

use crate::generator::{Random, document};
use crate::{dump, same};

/// What is said of that which PyYAML loads and this crate does not: a mapping that is merged into itself, of which PyYAML
/// takes what it has so far, a dash that stands for itself between brackets, and `!!float 10:30`.
const REFUSED: [&str; 3] = [
    "an alias stands inside the very value it refers to",
    "`-` before a bracket",
    "the tag `!!float` wants a number",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What PyYAML makes of them, in one process.
fn theirs(reference: &Reference, texts: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pyyaml/load.py");
    let mut command = Command::new(reference.python());
    command.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(serde_json::to_string(texts).unwrap().as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn random_documents_as_pyyaml_loads_them() {
    let Some(reference) = Reference::get() else { return };
    let count = usize::try_from(number("WINDLASS_YAML_COUNT", 3000)).unwrap();
    let mut random = Random::new(number("WINDLASS_YAML_SEED", 1));
    let texts: Vec<String> = (0..count).map(|_| document(&mut random)).collect();
    let theirs = theirs(reference, &texts);
    assert_eq!(theirs.len(), texts.len());
    let refused = theirs.iter().filter(|answer| answer.is_object()).count();
    assert!(refused > count / 20 && refused < count / 2, "{refused} of {count} are refused");
    // The shortest first: it shows best what is wrong.
    let mut lenient = 0;
    let mut wrong: BTreeMap<(usize, String), String> = BTreeMap::new();
    for (text, theirs) in texts.iter().zip(&theirs) {
        let ours = load(SourceFile::new("random.yml", text.as_str()));
        let good = match (&ours, theirs) {
            (Err(_), Value::Object(_)) => true,
            (Ok(loaded), Value::Array(docs)) => {
                loaded.docs.len() == docs.len()
                    && loaded.docs.iter().zip(docs).all(|(ours, theirs)| same(&dump(ours), theirs))
            }
            (Ok(_), _) => {
                lenient += 1;
                true
            }
            (Err(error), _) => REFUSED.contains(&error.message.as_str()),
        };
        if !good {
            let ours = match ours {
                Ok(loaded) => Value::from(loaded.docs.iter().map(dump).collect::<Vec<_>>()).to_string(),
                Err(error) => format!("{}: {}", error.span, error.message),
            };
            wrong.insert((text.len(), text.clone()), format!("  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(lenient <= count / 20, "{lenient} of {count} are refused by PyYAML alone");
    let mut shown = String::new();
    for ((_, text), difference) in wrong.iter().take(20) {
        writeln!(shown, "{text:?}\n{difference}").unwrap();
    }
    assert!(wrong.is_empty(), "{} of {count} differ, the shortest of them:\n{shown}", wrong.len());
}
