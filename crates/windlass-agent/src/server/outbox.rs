//! What is sent to the controller. One frame at a time, from any thread.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use windlass_protocol::frame::{self, FrameError};
use windlass_protocol::{FromAgent, Outcome};

/// The writing side.
pub(super) struct Outbox(Mutex<Box<dyn Write + Send>>);

impl Outbox {
    pub(super) fn new(stream: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(stream)))
    }

    /// Sends a message.
    pub(super) fn send(&self, message: &FromAgent) -> Result<(), FrameError> {
        let bytes = frame::encode(message)?;
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&bytes)?;
        stream.flush()?;
        Ok(())
    }

    /// Sends the end of a request. A result that does not fit into a frame becomes a failure that says so, because
    /// what was done is done and the controller has to hear of it.
    pub(super) fn done(&self, id: u64, outcome: Outcome) -> Result<(), FrameError> {
        let changed = outcome.changed;
        match self.send(&FromAgent::Done { id, outcome: Box::new(outcome) }) {
            Err(FrameError::TooLarge(size)) => {
                let mut outcome = Outcome::failure(format!(
                    "the module's result has {size} bytes, more than the {} that can be sent back; \
                     redirect large output to a file on the target and fetch it",
                    frame::MAX_FRAME
                ));
                outcome.changed = changed;
                self.send(&FromAgent::Done { id, outcome: Box::new(outcome) })
            }
            other => other,
        }
    }
}
