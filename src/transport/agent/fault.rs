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
    /// It does not wait until it may go on sending.
    #[error("it sent more of a content than it had credit for")]
    NoCredit,
    /// It sends more at once than it may.
    #[error("a piece has {size} bytes, over the limit of {most}")]
    Piece {
        /// What it sent.
        size: usize,
        /// What it may send.
        most: usize,
    },
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Reader, contents};
    use super::*;
    use tokio::sync::oneshot;
    use windlass_protocol::frame::{self, CHUNK, Decoder, MAX_FRAME};
    use windlass_protocol::message::AgentIdentity;
    use windlass_protocol::{FromAgent, Hello};

    fn hello(version: u16, agent: Option<AgentIdentity>) -> Vec<u8> {
        frame::encode(&FromAgent::Hello(Hello { version, program: String::new(), agent })).unwrap()
    }

    /// What a reader that waits for the hello says of these bytes.
    async fn said(bytes: &[u8]) -> String {
        let (greeting, _greeted) = oneshot::channel();
        let mut reader = Reader {
            host: String::new(),
            state: Arc::default(),
            decoder: Decoder::default(),
            greeting: Some(greeting),
            said: Vec::new(),
            exit: None,
            fatal: None,
        };
        reader.take(bytes).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_is_said_of_an_agent_that_breaks_the_protocol() {
        let expected = format!("it speaks version 999 of the protocol, windlass version {PROTOCOL_VERSION}");
        assert_eq!(said(&hello(999, None)).await, expected);
        assert_eq!(said(&hello(PROTOCOL_VERSION, None)).await, "its hello does not say who it is");
        let (user, home, machine) = ("u".to_owned(), "/".to_owned(), "x86_64".to_owned());
        let good = hello(PROTOCOL_VERSION, Some(AgentIdentity { pid: 1, uid: 1, user, home, machine }));
        assert_eq!(said(&[good.clone(), good].concat()).await, "a second hello");
        let early = frame::encode(&FromAgent::LacksWeb { id: 1 }).unwrap();
        assert_eq!(said(&early).await, "it did not begin with a hello");
        let expected =
            format!("the peer announced a frame of {} bytes, over the limit of {MAX_FRAME}", u32::MAX);
        assert_eq!(said(&u32::MAX.to_le_bytes()).await, expected);
    }

    #[test]
    fn a_piece_of_content_may_not_claim_too_much() {
        let claimed = u32::try_from(CHUNK + 1).unwrap().to_le_bytes();
        let expected = format!("a piece of content claims {} bytes, over the limit of {CHUNK}", CHUNK + 1);
        assert_eq!(contents::unpack(&claimed).unwrap_err().to_string(), expected);
        assert!(matches!(contents::unpack(&[1]), Err(UnpackError::Damaged(_))));
    }
}
