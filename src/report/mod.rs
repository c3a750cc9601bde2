//! From events to a terminal or a file. The only code that writes to a terminal.

pub mod diff;
pub mod event;
pub mod json;
pub mod question;
pub mod terminal;

pub use event::{Event, Reporter, Speaker, Stats, Status, TaskResult};
