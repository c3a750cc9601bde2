//! What the engine has to offer.

use crate::transport::Sink;
use std::future::Future;
use std::path::PathBuf;
use windlass_protocol::{JsonMap, Outcome};

/// A content that goes with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Name of the blob.
    pub name: String,
    /// Its bytes.
    pub source: UploadSource,
}

/// Where an upload's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadSource {
    /// Here.
    Bytes(Vec<u8>),
    /// In a local file, to be read when it is sent.
    File(PathBuf),
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The outcome.
    pub outcome: Outcome,
}

/// A host's agent, as this task reaches it: check mode, diff, environment and become are those of the task.
pub trait Remote: Send {
    /// How a request fails on the way.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Sends one request and waits for its end. What the agent sends back goes to the sink.
    fn request(
        &mut self,
        module: &str,
        args: JsonMap,
        blobs: Vec<Upload>,
        sink: Option<&mut dyn Sink>,
    ) -> impl Future<Output = Result<Reply, Self::Error>> + Send;
}
