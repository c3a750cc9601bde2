//! What differential tests have in common: the reference (ansible-core, and its collections), which comes from PyPI on
//! first use; a driver for its modules; a small web server for modules that make requests; pictures of trees.

mod modules;
mod reference;
mod tree;
mod web;

pub use modules::Modules;
pub use reference::{CORE, Reference};
pub use tree::{Times, picture};
pub use web::WebServer;
