//! The hashes of password files: making them, and telling whether a password fits one.

use crate::ModuleError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};

/// The alphabet of `crypt`.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Work factor of new bcrypt hashes: about a third of a second on an ordinary machine.
const BCRYPT_COST: u32 = 12;
/// Rounds of new SHA-crypt hashes, the same as the reference's.
const SHA256_ROUNDS: usize = 535_000;
const SHA512_ROUNDS: usize = 656_000;
/// Rounds where a hash names none.
const SHA_DEFAULT_ROUNDS: usize = 5_000;

/// How a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Apr1,
    Md5,
    Sha256,
    Sha512,
    Bcrypt,
    Sha1,
    Plain,
}

impl Scheme {
    pub(super) fn named(name: &str) -> Result<Self, ModuleError> {
        Ok(match name {
            "apr_md5_crypt" | "portable" | "portable_apache_22" => Self::Apr1,
            "md5_crypt" => Self::Md5,
            "sha256_crypt" => Self::Sha256,
            "sha512_crypt" => Self::Sha512,
            "bcrypt" | "portable_apache_24" | "host_apache_24" => Self::Bcrypt,
            "ldap_sha1" => Self::Sha1,
            "plaintext" => Self::Plain,
            "des_crypt" => {
                return Err(ModuleError::new(
                    "hash_scheme des_crypt is not supported: it looks at eight characters only and is broken \
                     within hours; use bcrypt or apr_md5_crypt",
                ));
            }
            other => {
                return Err(ModuleError::new(format!(
                    "no crypt handler found for algorithm: '{other}'; supported are apr_md5_crypt, bcrypt, \
                     md5_crypt, sha256_crypt, sha512_crypt, ldap_sha1, plaintext"
                )));
            }
        })
    }

    pub(super) fn hash(self, password: &str) -> Result<String, ModuleError> {
        let bytes = password.as_bytes();
        Ok(match self {
            Self::Apr1 => md5_crypt(bytes, "$apr1$", &salt(8)?),
            Self::Md5 => md5_crypt(bytes, "$1$", &salt(8)?),
            Self::Sha256 => sha_crypt(password, '5', &salt(16)?, Some(SHA256_ROUNDS))?,
            Self::Sha512 => sha_crypt(password, '6', &salt(16)?, Some(SHA512_ROUNDS))?,
            Self::Bcrypt => {
                let mut salt = [0; 16];
                fill(&mut salt)?;
                bcrypt::hash_with_salt(bytes, BCRYPT_COST, salt)
                    .map_err(|error| ModuleError::new(format!("bcrypt: {error}")))?
                    .format_for_version(bcrypt::Version::TwoB)
            }
            Self::Sha1 => format!("{{SHA}}{}", STANDARD.encode(sha1::Sha1::digest(bytes))),
            Self::Plain => password.to_owned(),
        })
    }
}

/// Whether the password fits the hash. A hash of an unknown kind fits nothing.
pub(super) fn fits(hash: &str, password: &str) -> bool {
    let bytes = password.as_bytes();
    let made = if let Some(rest) = hash.strip_prefix("$apr1$") {
        Some(md5_crypt(bytes, "$apr1$", salt_of(rest)))
    } else if let Some(rest) = hash.strip_prefix("$1$") {
        Some(md5_crypt(bytes, "$1$", salt_of(rest)))
    } else if let Some(rest) = hash.strip_prefix("$5$") {
        sha_again(rest, '5', password)
    } else if let Some(rest) = hash.strip_prefix("$6$") {
        sha_again(rest, '6', password)
    } else if hash.starts_with("$2") {
        return bcrypt::verify(bytes, hash).unwrap_or(false);
    } else if hash.starts_with("{SHA}") {
        Scheme::Sha1.hash(password).ok()
    } else {
        Some(password.to_owned())
    };
    made.is_some_and(|made| same(made.as_bytes(), hash.as_bytes()))
}

/// Compares without telling by the time where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

fn salt_of(rest: &str) -> &str {
    rest.split('$').next().unwrap_or_default()
}

fn sha_again(rest: &str, kind: char, password: &str) -> Option<String> {
    let (rounds, rest) = match rest.strip_prefix("rounds=").and_then(|r| r.split_once('$')) {
        Some((rounds, rest)) => (Some(rounds.parse().ok()?), rest),
        None => (None, rest),
    };
    sha_crypt(password, kind, salt_of(rest), rounds).ok()
}

fn sha_crypt(password: &str, kind: char, salt: &str, rounds: Option<usize>) -> Result<String, ModuleError> {
    let failed = |error| ModuleError::new(format!("SHA-crypt: {error:?}"));
    let count = rounds.unwrap_or(SHA_DEFAULT_ROUNDS);
    let (bytes, salt_bytes) = (password.as_bytes(), salt.as_bytes());
    let sum = if kind == '5' {
        sha256_crypt_b64(bytes, salt_bytes, &Sha256Params::new(count).map_err(failed)?).map_err(failed)?
    } else {
        sha512_crypt_b64(bytes, salt_bytes, &Sha512Params::new(count).map_err(failed)?).map_err(failed)?
    };
    let rounds = rounds.map(|n| format!("rounds={n}$")).unwrap_or_default();
    Ok(format!("${kind}${rounds}{salt}${sum}"))
}

fn fill(bytes: &mut [u8]) -> Result<(), ModuleError> {
    let mut done = 0;
    while done < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[done..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => done += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(ModuleError::new(format!("no random numbers: {error}"))),
        }
    }
    Ok(())
}

fn salt(length: usize) -> Result<String, ModuleError> {
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 63)])).collect())
}

/// The MD5-based scheme of FreeBSD's `crypt` and, with another prefix, of Apache.
fn md5_crypt(password: &[u8], prefix: &str, salt: &str) -> String {
    let salt = salt.get(..salt.len().min(8)).unwrap_or(salt);
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut hasher = Md5::new().chain_update(password).chain_update(prefix).chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        hasher.update(&inner[..left.min(16)]);
        left = left.saturating_sub(16);
    }
    // Bit by bit of the length: a zero byte, or the first character of the password.
    let mut length = password.len();
    while length > 0 {
        if length & 1 == 1 {
            hasher.update([0]);
        } else {
            hasher.update(&password[..1]);
        }
        length >>= 1;
    }
    let mut sum = hasher.finalize();
    for round in 0..1000 {
        let mut hasher = Md5::new();
        if round % 2 == 1 {
            hasher.update(password)
        } else {
            hasher.update(sum)
        }
        if round % 3 != 0 {
            hasher.update(salt);
        }
        if round % 7 != 0 {
            hasher.update(password);
        }
        if round % 2 == 1 {
            hasher.update(sum)
        } else {
            hasher.update(password)
        }
        sum = hasher.finalize();
    }
    let mut out = format!("{prefix}{salt}$");
    let mut put = |value: u32, count: u32| {
        for index in 0..count {
            out.push(char::from(ALPHABET[(value >> (6 * index) & 63) as usize]));
        }
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        put(u32::from(sum[a]) << 16 | u32::from(sum[b]) << 8 | u32::from(sum[c]), 4);
    }
    put(u32::from(sum[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Made by `openssl passwd` and by passlib.
    const KNOWN: [(&str, &str); 7] = [
        ("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"),
        ("secret", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"),
        ("secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"),
        (
            "secret",
            "$6$rounds=1000$abc$MqEcPZUYRGGcOeq7PhMpfjfu/F0HrVEI0OlZBijWvO8mSG77iNUDP5MqFceKpJTBc8iITVtNyLiNTRNCxv6oh0",
        ),
        ("secret", "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
        ("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("secret", "secret"),
    ];

    #[test]
    fn known_hashes_fit_their_password_and_no_other() {
        for (password, hash) in KNOWN {
            assert!(fits(hash, password), "{hash}");
            assert!(!fits(hash, "Secret"), "{hash}");
        }
    }

    #[test]
    fn new_hashes_fit() {
        for scheme in [Scheme::Apr1, Scheme::Md5, Scheme::Sha1, Scheme::Plain] {
            for password in ["", "a", "sixteen chars ok", "a long pass phrase of more than sixteen bytes, ü"]
            {
                let hash = scheme.hash(password).unwrap();
                assert!(fits(&hash, password), "{scheme:?} {password}");
            }
        }
        assert_ne!(Scheme::Apr1.hash("x").unwrap(), Scheme::Apr1.hash("x").unwrap());
    }

    #[test]
    fn strange_hashes_fit_nothing() {
        for hash in [
            "$apr1$",
            "$5$rounds=x$a$b",
            "$6$rounds=99999999999999$a$b",
            "$2y$99$x",
            "$y$j9T$x$y",
            "{SHA}",
            "",
        ] {
            assert!(!fits(hash, "secret"), "{hash}");
        }
    }
}
