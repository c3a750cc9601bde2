//! Checksums.

use md5::Md5;
use sha1::Sha1;
use sha2::digest::{Digest, Output};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::io::{self, Read};
use windlass_protocol::modules::stat::ChecksumAlgorithm;

/// The checksum of everything that a reader gives, in hex.
///
/// # Errors
/// As the reader.
pub fn checksum(algorithm: ChecksumAlgorithm, reader: &mut dyn Read) -> io::Result<String> {
    match algorithm {
        ChecksumAlgorithm::Md5 => run::<Md5>(reader),
        ChecksumAlgorithm::Sha1 => run::<Sha1>(reader),
        ChecksumAlgorithm::Sha224 => run::<Sha224>(reader),
        ChecksumAlgorithm::Sha256 => run::<Sha256>(reader),
        ChecksumAlgorithm::Sha384 => run::<Sha384>(reader),
        ChecksumAlgorithm::Sha512 => run::<Sha512>(reader),
    }
}

fn run<D: Digest>(reader: &mut dyn Read) -> io::Result<String> {
    let mut hasher = D::new();
    pieces(reader, |piece| hasher.update(piece))?;
    Ok(hex::<D>(hasher.finalize()))
}

fn hex<D: Digest>(output: Output<D>) -> String {
    output.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// blake3 of everything that a reader gives, in hex.
///
/// # Errors
/// As the reader.
pub fn blake3_of(reader: &mut dyn Read) -> io::Result<String> {
    blake3_bytes(reader).map(|hash| blake3::Hash::from(hash).to_hex().to_string())
}

/// The same, as bytes.
///
/// # Errors
/// As the reader.
pub fn blake3_bytes(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    pieces(reader, |piece| {
        hasher.update(piece);
    })?;
    Ok(*hasher.finalize().as_bytes())
}

fn pieces(reader: &mut dyn Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0u8; 128 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => each(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_sums() {
        let sum = |algorithm| checksum(algorithm, &mut &b"hi\n"[..]).unwrap();
        assert_eq!(sum(ChecksumAlgorithm::Sha1), "55ca6286e3e4f4fba5d0448333fa99fc5a404a73");
        assert_eq!(sum(ChecksumAlgorithm::Md5), "764efa883dda1e11db47671c4a3bbd9e");
    }
}
