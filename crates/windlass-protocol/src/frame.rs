//! Frames: a 4-byte little-endian length, then that many bytes of postcard.
//!
//! The length is checked against [`MAX_FRAME`] before anything is allocated, because each side treats the other
//! as hostile input.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// The largest frame either side accepts, in bytes. Larger contents travel in chunks of [`CHUNK`].
pub const MAX_FRAME: usize = 16 << 20;
/// How much of a file rides in one chunk frame, in bytes.
pub const CHUNK: usize = 256 << 10;
/// How many chunks of a content the agent may send before the controller gave any credit for that request.
pub const INITIAL_CREDIT: u32 = 32;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer announced more than [`MAX_FRAME`] bytes.
    #[error("the peer announced a frame of {0} bytes, over the limit of {MAX_FRAME}")]
    TooLarge(usize),
    /// The bytes of a frame are not what was expected.
    #[error("the peer sent a frame that cannot be decoded: {0}")]
    Malformed(#[from] postcard::Error),
    /// The stream failed or ended inside a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Encodes one message with its length in front.
///
/// # Errors
/// [`FrameError::TooLarge`] if the message does not fit into a frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let buffer = postcard::to_extend(message, vec![0u8; 4])?;
    let length = buffer.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut buffer = buffer;
    buffer[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(buffer)
}

/// Writes one message and flushes.
///
/// # Errors
/// As [`encode`], and any error of the stream.
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    stream.flush()?;
    Ok(())
}

/// Reads one message; `None` at a clean end of the stream.
///
/// # Errors
/// [`FrameError`] for an end inside a frame, a frame over the limit, or bytes that do not decode.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut header = [0u8; 4];
    let mut filled = 0;
    while filled < 4 {
        match stream.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = u32::from_le_bytes(header) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut body = vec![0u8; length];
    stream.read_exact(&mut body)?;
    Ok(Some(postcard::from_bytes(&body)?))
}

/// Cuts frames out of bytes that arrive in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// As [`read`].
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let pending = &self.buffer[self.start..];
        let Some(header) = pending.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLarge(length));
        }
        let Some(body) = pending.get(4..4 + length) else {
            if self.start > MAX_FRAME {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            return Ok(None);
        };
        let message = postcard::from_bytes(body)?;
        self.start += 4 + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_same_messages() {
        let mut bytes = Vec::new();
        for n in 0..50u64 {
            bytes.extend(encode(&(n, "x".repeat(n as usize))).unwrap());
        }
        for step in [1, 3, 7, 1000] {
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            for piece in bytes.chunks(step) {
                decoder.push(piece);
                while let Some((n, text)) = decoder.next_message::<(u64, String)>().unwrap() {
                    assert_eq!(text.len(), n as usize);
                    seen.push(n);
                }
            }
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_announced_giant_is_refused_before_it_is_allocated() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());
        assert!(matches!(decoder.next_message::<u64>(), Err(FrameError::TooLarge(_))));
        let mut stream: &[u8] = &u32::MAX.to_le_bytes();
        assert!(matches!(read::<u64>(&mut stream), Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error_and_a_clean_end_is_not() {
        assert!(read::<u64>(&mut &[][..]).unwrap().is_none());
        assert!(read::<u64>(&mut &[5, 0, 0, 0, 1][..]).is_err());
        assert!(read::<u64>(&mut &[5, 0][..]).is_err());
    }
}
