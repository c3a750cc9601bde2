//! What an agent may do that is against the protocol.

use super::contents::UnpackError;
use std::sync::Arc;
use windlass_protocol::PROTOCOL_VERSION;
use windlass_protocol::frame::FrameError;

/// How the protocol was broken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProtocolFault {
    /// A frame cannot be read or written.
    #[error(transparent)]
    Frame(Arc<FrameError>),
    /// The arguments of a task cannot be written.
    #[error(transparent)]
    Arguments(Arc<serde_json::Error>),
    /// A piece of content that it sent cannot be unpacked.
    #[error(transparent)]
    Content(Arc<UnpackError>),
    /// It speaks another version of the protocol.
    #[error("it speaks version {0} of the protocol, windlass version {PROTOCOL_VERSION}")]
    Version(u16),
    /// Its hello lacks the identity.
    #[error("its hello does not say who it is")]
    Anonymous,
    /// It said hello again.
    #[error("a second hello")]
    SecondHello,
    /// It began with something else.
    #[error("it did not begin with a hello")]
    NoHello,
    /// It said nothing in time.
    #[error("it did not say hello")]
    Silent,
    /// It ended without a word.
    #[error("it ended before it said hello")]
    EndedFirst,
    /// It asks for windlass-web again and again.
    #[error("it does not keep windlass-web")]
    LosesWeb,
    /// What it complained about before it gave up.
    #[error("{0}")]
    Complaint(String),
}

impl From<FrameError> for ProtocolFault {
    fn from(error: FrameError) -> Self {
        Self::Frame(Arc::new(error))
    }
}

impl From<UnpackError> for ProtocolFault {
    fn from(error: UnpackError) -> Self {
        Self::Content(Arc::new(error))
    }
}

impl From<serde_json::Error> for ProtocolFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Arguments(Arc::new(error))
    }
}
