//! ECDSA keys that the key library refuses: OpenSSH writes a key's number without the zero bytes that it begins with, and the
//! library wants 32 bytes at least. One P-256 key in about five hundred is shorter.

use crate::transport::target::Secret;
use base64::Engine as _;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::encoding::Decode as _;
use russh::keys::ssh_key::private::KeypairData;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const ALGORITHM: &[u8] = b"ecdsa-sha2-nistp256";
/// Bytes of the number of a P-256 key.
const SIZE: usize = 32;

/// Reads such a key in OpenSSH's own format. `None` if it is none, or if the passphrase is wrong.
pub(super) fn read(text: &str, passphrase: Option<&Secret>) -> Option<PrivateKey> {
    let private = match passphrase {
        None => plain(text)?,
        Some(passphrase) => decrypted(text, passphrase)?,
    };
    let mut rest = private.as_slice();
    let check = rest.split_off(..4)?;
    if check != rest.split_off(..4)? {
        return None;
    }
    let [algorithm, curve, point, number, comment] = [(); 5].map(|()| field(&mut rest));
    let (algorithm, number) = (algorithm?, number?);
    let zeros = SIZE.checked_sub(number.len())?;
    if algorithm != ALGORITHM {
        return None;
    }
    let mut padded = Zeroizing::new(vec![0; zeros]);
    padded.extend_from_slice(number);
    let mut whole = Zeroizing::new(Vec::new());
    for part in [algorithm, curve?, point?, &padded] {
        whole.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        whole.extend_from_slice(part);
    }
    let pair = KeypairData::decode(&mut whole.as_slice()).ok()?;
    PrivateKey::new(pair, String::from_utf8_lossy(comment?).into_owned()).ok()
}

/// The private part of a key without a passphrase.
fn plain(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, body) = text.split_once(BEGIN)?;
    let (body, _) = body.split_once(END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let bytes = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(body.as_bytes()).ok()?);
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let (cipher, _derivation, _options) = (field(&mut rest)?, field(&mut rest)?, field(&mut rest)?);
    let count = rest.split_off(..4)?;
    if cipher != b"none" || count != [0, 0, 0, 1] {
        return None;
    }
    field(&mut rest)?;
    field(&mut rest).map(|private| Zeroizing::new(private.to_vec()))
}

/// The private part of a key with a passphrase. Ciphers that authenticate it are not OpenSSH's choice for keys.
fn decrypted(text: &str, passphrase: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let key = PrivateKey::from_openssh(text).ok()?;
    let mut buffer = Zeroizing::new(key.key_data().encrypted()?.to_vec());
    let (secret, iv) = key.kdf().derive_key_and_iv(key.cipher(), passphrase.expose()).ok()?;
    key.cipher().decrypt(&secret, &iv, &mut buffer, None).ok()?;
    Some(buffer)
}

/// The next field: its length in four bytes, and it.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?);
    rest.split_off(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use russh::keys::PublicKey;

    fn data(name: &str) -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ssh");
        std::fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn keys_that_are_too_short_for_the_library() {
        let public = PublicKey::from_openssh(data("short_ecdsa.pub").trim()).unwrap();
        let text = data("short_ecdsa");
        assert!(
            PrivateKey::from_openssh(&text).is_err(),
            "the library reads it: this file is not needed any more"
        );
        assert_eq!(read(&text, None).unwrap().public_key().key_data(), public.key_data());
        let locked = data("short_ecdsa_locked");
        let with = |passphrase: &str| read(&locked, Some(&Secret::new(passphrase)));
        assert_eq!(with("pass phrase").unwrap().public_key().key_data(), public.key_data());
        assert!(with("another").is_none() && read(&locked, None).is_none());
    }

    #[test]
    fn what_is_cut_off_is_no_key() {
        let text = data("short_ecdsa");
        for end in 0..text.len() {
            assert!(read(&text[..end], None).is_none() || end >= text.trim_end().len(), "{end}");
        }
    }
}
