//! Runs the module tests that are data: `cases/<module>/*.json`, in the form that
//! [`windlass_agent::system::fake::case`] describes.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use windlass_agent::system::fake::case::Case;

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_case_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut failures = Vec::new();
    let mut count = 0;
    for folder in sorted(&root) {
        let module = folder.file_name().unwrap().to_string_lossy().into_owned();
        for path in sorted(&folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let parsed = if text.trim_start().starts_with('[') {
                serde_json::from_str::<Vec<Case>>(&text)
            } else {
                serde_json::from_str::<Case>(&text).map(|case| vec![case])
            };
            let cases = parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for (index, case) in cases.iter().enumerate() {
                count += 1;
                for wrong in case.run(&module) {
                    let name = path.file_name().unwrap().to_string_lossy();
                    failures.push(format!("{module}/{name}[{index}] {}: {wrong}", case.about));
                }
            }
        }
    }
    assert!(count > 0, "there are no cases in {}", root.display());
    assert!(failures.is_empty(), "{} mistakes in {count} cases:\n{}", failures.len(), failures.join("\n"));
}
