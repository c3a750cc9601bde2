//! What frames hold.

use crate::{Change, Diff, JsonMap};
use serde::{Deserialize, Serialize};

/// The first frame of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`] of the sender.
    pub version: u16,
    /// The sender's program version, for messages only.
    pub program: String,
    /// From the agent: its process id, effective user name and home directory.
    pub agent: Option<AgentIdentity>,
}

/// Who an agent runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentIdentity {
    /// Process id on the target.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// User name of that id, or the number.
    pub user: String,
    /// Home directory of that user.
    pub home: String,
    /// The processor that the agent was built for, such as `x86_64`.
    pub machine: String,
}

/// From the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// First frame.
    Hello(Hello),
    /// Run a module. Requests are executed in the order in which they arrive.
    Run(Request),
    /// A piece of a content that a later request refers to as [`BlobData::Spooled`].
    BlobChunk {
        /// Number of the content, chosen by the controller.
        blob: u64,
        /// An lz4 block (`lz4_flex::compress_prepend_size`) of at most [`crate::frame::CHUNK`] bytes of content.
        data: Vec<u8>,
        /// True on the last piece.
        last: bool,
    },
    /// Give up request `id` (kill what it runs). Its `Done` still comes.
    Cancel {
        /// The request.
        id: u64,
    },
    /// Credit for [`FromAgent::ContentChunk`] flow control: that many further chunks may be sent.
    Credit {
        /// The request.
        id: u64,
        /// How many chunks.
        chunks: u32,
    },
}

/// One task (or one item of its loop) for the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Number of the request, unique on this connection.
    pub id: u64,
    /// Canonical module name, such as `ansible.builtin.file`.
    pub module: String,
    /// The checked arguments ([`crate::args::normalize`]) as JSON text: postcard cannot carry untyped values.
    pub args: Vec<u8>,
    /// Plan only, do not apply.
    pub check: bool,
    /// Give before and after.
    pub diff: bool,
    /// `environment:` of the task.
    pub environment: Vec<(String, String)>,
    /// Contents that the controller supplies (`copy`'s file, `script`'s text, ...).
    pub blobs: Vec<Blob>,
    /// Send the output of a command while it runs.
    pub stream: bool,
    /// Give up after this many milliseconds.
    pub timeout_ms: Option<u64>,
    /// The task says `no_log`: keep arguments and output out of the target's logs too.
    pub no_log: bool,
    /// Have a process of its own execute it, and answer as soon as that has begun.
    pub job: Option<Job>,
}

/// A request that goes on when the agent has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Beginning of its number; its process id follows.
    pub name: String,
    /// The folder in which what comes of it is written down; `~` is the agent's home.
    pub folder: String,
    /// How long it may take, in seconds.
    pub seconds: u64,
}

/// Name of the content that is the program for requests over HTTP, packed with gzip.
pub const WEB_PROGRAM: &str = "windlass-web";
/// The largest program that an agent takes under that name, unpacked, in bytes.
pub const WEB_PROGRAM_SIZE: u64 = 64 << 20;

/// A content that rides with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// What it is to the module, such as `content`; a tree's file is named by its relative path.
    pub name: String,
    /// blake3 of the content.
    pub hash: [u8; 32],
    /// Size of the content in bytes.
    pub size: u64,
    /// Where the bytes are.
    pub data: BlobData,
}

/// The bytes of a [`Blob`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobData {
    /// Compressed with `lz4_flex::compress_prepend_size`.
    Inline(Vec<u8>),
    /// Came before in [`ToAgent::BlobChunk`] frames with this number.
    Spooled(u64),
}

/// Which of a command's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// From the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    /// First frame.
    Hello(Hello),
    /// Output of a running command, only if [`Request::stream`].
    Output {
        /// The request.
        id: u64,
        /// Which stream.
        stream: Stream,
        /// The bytes as they came.
        data: Vec<u8>,
    },
    /// A piece of a file that a module hands back (`fetch`, the pull of a tree).
    ContentChunk {
        /// The request.
        id: u64,
        /// Which content of that request, 0 if there is one.
        index: u32,
        /// An lz4 block with its size in front.
        data: Vec<u8>,
        /// True on the last piece of this content.
        last: bool,
    },
    /// The end of a request.
    Done {
        /// The request.
        id: u64,
        /// What came of it.
        outcome: Box<Outcome>,
    },
    /// Nothing was done for a request, because it needs the program that makes requests over HTTP and that is not on the
    /// target. It is to be sent again, with the program as the content [`WEB_PROGRAM`].
    LacksWeb {
        /// The request.
        id: u64,
    },
    /// The agent cannot go on (it received something that it refuses).
    Fatal {
        /// Why.
        message: String,
    },
}

/// What came of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Something was (in check mode: would be) changed.
    pub changed: bool,
    /// The module failed.
    pub failed: bool,
    /// The module decided not to run (`creates`, ...).
    pub skipped: bool,
    /// One sentence for people, Ansible's `msg`.
    pub msg: Option<String>,
    /// The plan: what was done, or in check mode would be. It stays on the agent's side; what is sent has none.
    pub changes: Vec<Change>,
    /// Before and after, if asked for.
    pub diff: Vec<Diff>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// The module's other return values as JSON text of an object.
    pub values: Vec<u8>,
}

impl Outcome {
    /// The return values as an object; empty if there are none or they do not parse.
    #[must_use]
    pub fn values(&self) -> JsonMap {
        serde_json::from_slice(&self.values).unwrap_or_default()
    }

    /// Replaces the return values.
    pub fn set_values(&mut self, values: &JsonMap) {
        self.values = serde_json::to_vec(values).unwrap_or_default();
    }

    /// A failure with a message.
    #[must_use]
    pub fn failure(msg: impl Into<String>) -> Self {
        Self { failed: true, msg: Some(msg.into()), ..Self::default() }
    }
}
