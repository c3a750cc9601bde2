//! Secrets: ansible-vault, age, and keeping both out of what is printed.
//!
//! [`Secrets`] holds what is needed to open an encrypted file or string and hands out plain text; everything it opens
//! is told to its [`Redactor`], through which every printer passes its text.

mod age_keys;
mod atomic;
mod beginnings;
mod hex;
mod load;
mod password;
mod read_file;
mod redact;
mod store;
pub mod vault;

pub use age_keys::{
    AgeError, AgeKeys, DEFAULT_IDENTITY, Recipients, generate_identity, is_age, recipient_count,
};
pub use atomic::{replace, write_private};
pub use load::{DataFile, LoadError, VarsFile, load_data_file, load_vars_file};
pub(crate) use load::{load_node, register};
pub use password::{Ask, AskError, NoTerminal, PasswordError, Terminal, VaultSecret};
pub use read_file::ReadFileError;
pub(crate) use read_file::text_of;
pub use redact::{MASK, Redactor};
pub use store::{Opened, SecretError, SecretOptions, Secrets};
