//! The command-line options of `ssh` that matter here, as they stand in `ansible_ssh_common_args`.

use super::{ConfigError, ConfigMistake, parse};
use std::path::PathBuf;

/// Options that come before any file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// Keyword in lower case and its arguments, in order.
    pub options: Vec<(String, Vec<String>)>,
    /// `-F`.
    pub config: Option<PathBuf>,
}

/// Options without a value that change nothing here.
const FLAGS: &str = "AaCfGgKkMNnqsTtVvXxYy46";
/// Options with a value that change nothing here.
const VALUED: &str = "BbcDEeILmOQRSWwP";

impl Args {
    /// Adds an option as if it stood in front of the files.
    pub fn set(&mut self, keyword: &str, value: impl Into<String>) {
        self.options.push((keyword.to_ascii_lowercase(), vec![value.into()]));
    }

    /// Adds what a command line says.
    ///
    /// # Errors
    /// [`ConfigError`] if quotes do not close, an option is unknown, or one lacks its value.
    pub fn parse(&mut self, text: &str, place: &str) -> Result<(), ConfigError> {
        let error = |mistake: ConfigMistake| mistake.at(place);
        let words = shlex::split(text).ok_or_else(|| error(ConfigMistake::QuoteIn(text.to_owned())))?;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                return Err(error(ConfigMistake::NoOption(word)));
            };
            let mut rest = letters;
            while let Some(letter) = rest.chars().next() {
                rest = &rest[letter.len_utf8()..];
                if FLAGS.contains(letter) {
                    match letter {
                        'C' => self.set("compression", "yes"),
                        '4' => self.set("addressfamily", "inet"),
                        '6' => self.set("addressfamily", "inet6"),
                        _ => {}
                    }
                    continue;
                }
                if !"oipFlJ".contains(letter) && !VALUED.contains(letter) {
                    return Err(error(ConfigMistake::UnknownOption(letter)));
                }
                let value = if rest.is_empty() {
                    words.next().ok_or_else(|| error(ConfigMistake::OptionValue(letter)))?
                } else {
                    std::mem::take(&mut rest).to_owned()
                };
                rest = "";
                match letter {
                    'o' => match parse::split(&value).map_err(&error)? {
                        Some((keyword, arguments)) if !arguments.is_empty() => {
                            self.options.push((keyword, arguments));
                        }
                        _ => return Err(error(ConfigMistake::KeywordAlone(value))),
                    },
                    'i' => self.set("identityfile", value),
                    'p' => self.set("port", value),
                    'l' => self.set("user", value),
                    'J' => self.set("proxyjump", value),
                    'b' => self.set("bindaddress", value),
                    'F' => self.config = Some(PathBuf::from(value)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
