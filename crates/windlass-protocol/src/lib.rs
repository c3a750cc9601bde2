//! What the controller and the agent say to each other, and the shape of every module's arguments.
//!
//! Nothing here does anything: it is the vocabulary that both sides share. [`frame`] cuts the byte stream,
//! [`message`] says what a frame holds, [`change`] is the plan that a module makes, [`spec`] and [`args`]
//! describe and check arguments, and [`modules`] has one file per module with its argument type.

pub mod args;
pub mod change;
pub mod frame;
pub mod http;
pub mod message;
#[macro_use]
pub mod spec;
pub mod modules;

pub use change::{Change, Diff, DiffSide, FileAttrs, FileKind, Op, RunSpec, What};
pub use http::HttpRequest;
pub use message::{Blob, BlobData, FromAgent, Hello, Outcome, Request, Stream, ToAgent};
pub use spec::{ArgKind, ArgType, Constraint, FieldSpec, ModuleArgs, ModuleSpec};

/// The value tree of arguments and results: JSON, with the order of keys kept.
pub type Json = serde_json::Value;
/// A JSON object with the order of keys kept.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;

/// Version of the protocol. Both sides refuse to talk to another one.
pub const PROTOCOL_VERSION: u16 = 3;
