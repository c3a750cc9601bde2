//! From YAML to plays, blocks, tasks and roles.
//!
//! [`load::Loader`] reads files (`read_file`) and makes the tree below; everything that is wrong with them is collected as
//! diagnostics and reported together, before a host is touched. What is static in Ansible (imports, `roles:`) is
//! resolved here; what is dynamic (includes) is loaded by the same code while the play runs.

pub mod action_groups;
pub mod attrs;
mod check;
mod conceal;
pub mod freeform;
pub mod import;
pub mod keywords;
pub mod load;
pub mod load_role;
pub mod parse_task;
pub mod play;
pub mod problems;
mod read_file;
pub mod role;
pub mod strategy;
pub mod tags;
pub mod task;

pub use attrs::Attrs;
pub use load::Loader;
pub use play::Play;
pub use problems::Problems;
pub use role::{Role, RoleFrom};
pub use strategy::Strategy;
pub use tags::TagFilter;
pub use task::{Block, Loop, LoopControl, Node, Section, Task};
