//! What listens to a run beside the default output, or in its place: named for the callback plugins that do the like.

mod junit;
mod timed;
mod tree;
mod whole;

pub use junit::{JUnit, Settings as JUnitSettings};
pub use timed::{ProfileSettings, ProfileTasks, Timer};
pub use tree::Tree;
pub use whole::Whole;

use super::event::Event;

/// What a callback wants to have printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A line.
    Line(String),
    /// A line with stars behind it.
    Banner(String),
    /// A warning.
    Warning(String),
}

/// Listens to a run.
pub trait Callback: Send {
    /// Something happened; what is to be printed of it goes behind what the output printed.
    fn event(&mut self, event: &Event, said: &mut Vec<Said>);
}
