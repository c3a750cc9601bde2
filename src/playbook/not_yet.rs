//! Keywords that are read and have no effect yet: using one gives a warning, so that nobody waits for what does not happen.

use super::problems::Problems;
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Mapping, Yaml};

/// What happens in the place of what the keyword asks for; `None` where its value asks for nothing.
fn instead(keyword: &str, value: &Yaml) -> Option<String> {
    let text = match value {
        Yaml::Null => return None,
        Yaml::Str(text, _) => text.as_str(),
        _ => "",
    };
    match (keyword, text) {
        ("debugger", "never") => None,
        ("debugger", _) => Some("`debugger` is not there yet: nothing is stopped".into()),
        ("strategy", "debug" | "ansible.builtin.debug") => {
            Some("strategy 'debug' is not there yet: the play runs as with 'linear'".into())
        }
        _ => None,
    }
}

/// Warns about those in a play, block or task, about each once in a run.
pub fn warn(map: &Mapping, problems: &mut Problems) {
    for keyword in ["debugger", "strategy"] {
        let Some(node) = map.get(keyword) else { continue };
        if let Some(message) = instead(keyword, &node.value) {
            problems.push_once(Diagnostic::warning(message).at(&node.span));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_yaml::SourceFile;

    fn warnings(text: &str) -> Vec<String> {
        let (node, _) = windlass_yaml::load_one(SourceFile::new("test.yml", text)).expect("it is YAML");
        let mut problems = Problems::default();
        for node in node.as_ref().and_then(|n| n.as_seq()).expect("it is a list") {
            warn(node.as_map().expect("of mappings"), &mut problems);
        }
        problems.all().iter().map(|d| d.message.clone()).collect()
    }

    #[test]
    fn each_is_told_once() {
        let text = "- {debugger: always}\n- {debugger: on_failed}\n- {strategy: debug}\n";
        assert_eq!(
            warnings(text),
            [
                "`debugger` is not there yet: nothing is stopped",
                "strategy 'debug' is not there yet: the play runs as with 'linear'",
            ]
        );
    }

    #[test]
    fn values_that_ask_for_nothing_are_quiet() {
        let none: [String; 0] = [];
        let text = "- {debugger: never}\n- {strategy: linear}\n- {strategy: free}\n- {debugger: }\n";
        assert_eq!(warnings(text), none);
    }
}
