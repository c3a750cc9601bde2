//! From events to a terminal or a file. The only code that writes to a terminal.

pub mod callbacks;
pub mod diff;
pub mod dump;
pub mod event;
pub mod json;
mod minimal;
pub mod pretty;
pub mod question;
pub mod terminal;
pub mod values;

pub use event::{Banner, Event, JobState, Reporter, Speaker, Stats, Status, TaskResult};
