//! What is wrong with a configuration, and where.

use std::sync::Arc;

/// What is wrong with a configuration.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}: {mistake}")]
pub struct ConfigError {
    /// File and line, or the option's source.
    pub place: String,
    /// What is wrong.
    #[source]
    pub mistake: ConfigMistake,
}

/// What is wrong at a place of a configuration.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigMistake {
    /// A host's name that a shell would execute.
    #[error("hostname contains invalid characters")]
    Hostname,
    /// A user's name that a shell would execute.
    #[error("remote username contains invalid characters")]
    Username,
    /// A file that others can write.
    #[error("Bad owner or permissions: others can write it (`chmod go-w`)")]
    Permissions,
    /// The way to a jump host leads over itself.
    #[error("jumphost loop via {0}")]
    JumpLoop(String),
    /// A list of revoked keys in OpenSSH's own format.
    #[error(
        "key revocation lists can only be read by OpenSSH: name the keys, one per line, or set ansible_connection=system_ssh"
    )]
    RevocationList,
    /// Files include each other without end.
    #[error("too many nested includes")]
    Nested,
    /// A file that was named cannot be read.
    #[error("cannot be read: {0}")]
    Read(Arc<std::io::Error>),
    /// A quote is not closed on a line.
    #[error("a quote is not closed")]
    Quote,
    /// A quote is not closed in these options of ssh.
    #[error("a quote is not closed in: {0}")]
    QuoteIn(String),
    /// The same in options that ssh itself is given.
    #[error("unbalanced quotes in: {0}")]
    Unbalanced(String),
    /// A word among options that is none.
    #[error("'{0}' is not an option of ssh")]
    NoOption(String),
    /// An option that ssh does not have.
    #[error("ssh has no option -{0}")]
    UnknownOption(char),
    /// An option without its value.
    #[error("-{0} wants a value")]
    OptionValue(char),
    /// `-o` with a keyword alone.
    #[error("-o {0} has no value")]
    KeywordAlone(String),
    /// A keyword without a value.
    #[error("{0} wants a value")]
    NoValue(String),
    /// A value that the keyword does not take.
    #[error("'{value}' is no value for {keyword}")]
    Value {
        /// What was given.
        value: String,
        /// The keyword.
        keyword: String,
    },
    /// The same where the place names the keyword.
    #[error("'{0}' is no value for it")]
    ValueHere(String),
    /// `Match` without a condition.
    #[error("Match wants a condition")]
    NoCondition,
    /// A condition of `Match` without its value.
    #[error("Match {0} wants a value")]
    ConditionValue(String),
    /// A condition that `Match` does not have.
    #[error("Match knows no condition '{0}'")]
    UnknownCondition(String),
    /// The command of `Match exec` cannot be run.
    #[error("cannot run '{command}': {error}")]
    Exec {
        /// The command.
        command: String,
        /// Why.
        error: Arc<std::io::Error>,
    },
    /// A token that has no meaning where it stands.
    #[error("the token %{token} has no meaning in '{text}'")]
    Token {
        /// Its letter.
        token: char,
        /// What it stands in.
        text: String,
    },
    /// A `%` with nothing behind it.
    #[error("'{0}' ends in a single %")]
    Percent(String),
    /// `${` without the brace that closes it.
    #[error("'{0}' has no closing brace")]
    Brace(String),
    /// A variable of the environment that is not set.
    #[error("the environment has no variable {0}")]
    Variable(String),
}

impl ConfigMistake {
    /// The error with its place.
    pub(in crate::transport) fn at(self, place: impl Into<String>) -> ConfigError {
        ConfigError { place: place.into(), mistake: self }
    }
}
