//! Splitting a command line into words by the quoting rules of a POSIX shell, and nothing else of a shell.

use crate::module::ModuleError;

/// Why a command line has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote is not closed.
    #[error("No closing quotation")]
    Quote,
    /// A backslash at the end.
    #[error("No escaped character")]
    Escape,
}

/// Splits it.
///
/// # Errors
/// A quote that is not closed, a backslash at the end.
pub fn split_words(line: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or(WordsError::Quote)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or(WordsError::Quote)? {
                        '"' => break,
                        '\\' => match chars.next().ok_or(WordsError::Escape)? {
                            c @ ('"' | '\\') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next().ok_or(WordsError::Escape)?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The argument vector of a `validate:` text, which has to contain `%s`.
///
/// # Errors
/// If it does not, or cannot be split.
pub fn validation(text: Option<&str>) -> Result<Option<Vec<String>>, ModuleError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if !text.contains("%s") {
        return Err(ModuleError::new(format!("validate must contain %s: {text}")));
    }
    split_words(text).map(Some).map_err(|error| ModuleError::new(format!("validate: {error}: {text}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(split_words(r#"a 'b c' "d \" \n" e\ f ''"#).unwrap(), ["a", "b c", "d \" \\n", "e f", ""]);
        assert_eq!(
            split_words(r#"a 'b  c' "d\"e\f" g\ h "" i"j"'k'"#).unwrap(),
            ["a", "b  c", "d\"e\\f", "g h", "", "ijk"]
        );
        assert_eq!(split_words("a\nb").unwrap(), ["a", "b"]);
        assert_eq!(split_words("  ").unwrap(), Vec::<String>::new());
        assert_eq!(split_words("it's"), Err(WordsError::Quote));
        assert_eq!(split_words("\"a\\"), Err(WordsError::Escape));
        assert_eq!(split_words("'a"), Err(WordsError::Quote));
        assert_eq!(split_words("a\\"), Err(WordsError::Escape));
    }

    #[test]
    fn a_validation_names_the_file() {
        assert_eq!(validation(Some("visudo -cf %s")).unwrap().unwrap(), ["visudo", "-cf", "%s"]);
        assert!(validation(Some("visudo -c")).is_err());
        assert!(validation(None).unwrap().is_none());
    }
}
