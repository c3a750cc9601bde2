//! Hashes, password hashes and vault envelopes.

use super::Filter;
use crate::secrets::vault;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("hash", &["hashtype"], |it, b| {
        let kind = b.str_or(it, 0, "sha1")?;
        let text = b.text(it)?;
        match digest(&kind, text.as_bytes()) {
            Some(hex) => Ok(Val::from(hex)),
            None => Err(failed(format!("unsupported hash type {kind}"))),
        }
    }),
    Filter::new("md5", &[], |it, b| Ok(Val::from(hex::<Md5>(b.text(it)?.as_bytes())))),
    Filter::new("sha1", &[], |it, b| Ok(Val::from(hex::<Sha1>(b.text(it)?.as_bytes())))),
    Filter::new("checksum", &[], |it, b| Ok(Val::from(hex::<Sha1>(b.text(it)?.as_bytes())))),
    Filter::new("password_hash", &["hashtype", "salt", "salt_size", "rounds", "ident"], password_hash),
    Filter::new("vault", &["secret!", "salt", "vault_id", "wrap_object", "vaultid"], |it, b| {
        let secret = need_secret(b)?;
        if !matches!(b.value, Val::Str(_)) {
            let kind = b.value.type_name();
            return Err(failed(format!("Can only vault strings, instead we got <class '{kind}'>.")));
        }
        let text = b.text(it)?;
        let label = match b.str(it, 2)?.or(b.str(it, 4)?) {
            Some(label) => label,
            None => "filter_default".to_owned(),
        };
        let sealed = vault::seal(text.as_bytes(), secret.as_bytes(), Some(&label))
            .map_err(|e| failed(format!("Unable to encrypt: {e}")))?;
        Ok(Val::from(sealed))
    }),
    Filter::new("unvault", &["secret!", "vault_id", "vaultid"], |it, b| {
        let text = b.text(it)?;
        let secret = need_secret(b)?;
        if !vault::is_vault(text.as_bytes()) {
            return Ok(b.value.clone());
        }
        let plain = vault::Envelope::parse(text.as_bytes())
            .and_then(|envelope| envelope.open(secret.as_bytes()))
            .map_err(|e| {
                let known = "Decryption failed (no vault secrets were found that could decrypt).";
                failed(format!("Unable to decrypt: {known} {e}"))
            })?;
        it.secret_seen = true;
        it.learn(&String::from_utf8_lossy(&plain));
        let text = crate::vars::Text::plain(String::from_utf8_lossy(&plain).into_owned());
        Ok(Val::Str(text.into_secret()))
    }),
];

fn need_secret(b: &Bound) -> R<String> {
    match b.val(0) {
        Val::Str(text) => Ok(text.as_str().to_owned()),
        other => Err(failed(format!(
            "Secret passed is required to be a string, instead we got: {}",
            other.type_name()
        ))),
    }
}

fn hex<D: Digest>(bytes: &[u8]) -> String {
    D::digest(bytes).iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The hash of some bytes in hexadecimal.
pub(super) fn digest(kind: &str, bytes: &[u8]) -> Option<String> {
    Some(match kind {
        "md5" => hex::<Md5>(bytes),
        "sha1" => hex::<Sha1>(bytes),
        "sha224" => hex::<Sha224>(bytes),
        "sha256" => hex::<Sha256>(bytes),
        "sha384" => hex::<Sha384>(bytes),
        "sha512" => hex::<Sha512>(bytes),
        "sha512_224" => hex::<sha2::Sha512_224>(bytes),
        "sha512_256" => hex::<sha2::Sha512_256>(bytes),
        _ => return None,
    })
}

const SALT_CHARS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SALT_LETTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz./";

fn random_salt(size: usize) -> String {
    (0..size).map(|_| char::from(SALT_CHARS[rand::random_range(0..SALT_CHARS.len())])).collect()
}

fn password_hash(it: &mut Interp<'_>, b: &mut Bound) -> R {
    if b.value.is_none() {
        return Err(failed("secret must be unicode or bytes, not None"));
    }
    let password = b.text(it)?;
    let kind = b.str_or(it, 0, "sha512")?;
    let salt = b.str(it, 1)?.filter(|s| !s.is_empty());
    let wrong = |error| match b.get(2) {
        Some(Val::Undefined(_)) | None => error,
        Some(_) => failed("salt_size must be an integer"),
    };
    let size = b.int(2).map_err(wrong)?.map(|n| usize::try_from(n.max(0)).unwrap_or(0));
    if let Some(size) = size.filter(|s| *s > 16 && kind.starts_with("sha")) {
        return Err(failed(format!(
            "Could not hash the secret: {}_crypt: salt_size ({size}) above max_salt_size (16)",
            kind.trim_end_matches("_crypt")
        )));
    }
    let rounds = b.int(3)?.map(|n| usize::try_from(n.max(0)).unwrap_or(0));
    let ident = b.str(it, 4)?;
    make_password_hash(&password, &kind, salt, size, rounds, ident.as_deref())
        .map(|hash| Val::Str(crate::vars::Text::plain(hash)))
}

/// A password as `crypt` stores it.
pub(crate) fn make_password_hash(
    password: &str,
    kind: &str,
    salt: Option<String>,
    size: Option<usize>,
    rounds: Option<usize>,
    ident: Option<&str>,
) -> R<String> {
    let kind = kind.trim_end_matches("_crypt");
    let longest = match kind {
        "md5" => 8,
        "sha256" | "sha512" => 16,
        "bcrypt" | "blowfish" => 22,
        other => {
            return Err(failed(format!(
                "{other} is not in the list of supported passlib algorithms: md5, blowfish, sha256, sha512"
            )));
        }
    };
    let salt = salt.unwrap_or_else(|| random_salt(size.unwrap_or(longest).min(longest)));
    if let Some(wrong) = salt.chars().find(|c| !SALT_LETTERS.contains(*c)) {
        return Err(failed(format!(
            "Could not hash the secret: invalid characters in {kind}_crypt salt: {wrong:?}"
        )));
    }
    if salt.len() > longest {
        return Err(failed(format!(
            "Could not hash the secret: salt too large ({kind}_crypt requires <= {longest} chars)"
        )));
    }
    match kind {
        "md5" => Ok(format!("$1${salt}${}", md5_crypt(password.as_bytes(), salt.as_bytes()))),
        "sha256" | "sha512" => {
            let (mark, default) = if kind == "sha256" { (5, 535_000) } else { (6, 656_000) };
            let rounds = rounds.unwrap_or(default);
            let wrong = |_| {
                let (fault, bound) =
                    if rounds < 1000 { ("low", "at least 1000") } else { ("high", "at most 999999999") };
                failed(format!(
                    "Could not hash the secret: {kind}_crypt: min_desired_rounds ({rounds}) is too {fault}, must be {bound}"
                ))
            };
            let hash = if kind == "sha256" {
                let params = sha_crypt::Sha256Params::new(rounds).map_err(wrong)?;
                sha_crypt::sha256_crypt_b64(password.as_bytes(), salt.as_bytes(), &params)
            } else {
                let params = sha_crypt::Sha512Params::new(rounds).map_err(wrong)?;
                sha_crypt::sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), &params)
            };
            let hash = hash.map_err(|e| failed(format!("Could not hash the secret: {e:?}")))?;
            let shown = if rounds == 5000 { String::new() } else { format!("rounds={rounds}$") };
            Ok(format!("${mark}${shown}{salt}${hash}"))
        }
        _ => {
            let raw = bcrypt_salt(&salt)?;
            let cost = u32::try_from(rounds.unwrap_or(12)).unwrap_or(12);
            let parts = bcrypt::hash_with_salt(password, cost, raw)
                .map_err(|e| failed(format!("Could not hash the secret: {e}")))?;
            let version = match ident {
                Some("2a") => bcrypt::Version::TwoA,
                Some("2y") => bcrypt::Version::TwoY,
                _ => bcrypt::Version::TwoB,
            };
            Ok(parts.format_for_version(version))
        }
    }
}

/// The 16 bytes of a 22 character salt.
fn bcrypt_salt(salt: &str) -> R<[u8; 16]> {
    const LETTERS: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bits: u128 = 0;
    let mut count = 0;
    for c in salt.chars().take(22) {
        let Some(value) = LETTERS.find(c) else { return Err(failed("invalid characters in salt")) };
        // 22 letters hold 132 bits; the last four are none of the salt's.
        if count < 21 {
            bits = (bits << 6) | value as u128;
        } else {
            bits = (bits << 2) | (value as u128 >> 4);
        }
        count += 1;
    }
    if count != 22 {
        return Err(failed(format!("salt too small (bcrypt requires exactly 22 chars), got {count}")));
    }
    Ok(bits.to_be_bytes())
}

/// The MD5 scheme of `crypt`.
fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let salt = &salt[..salt.len().min(8)];
    let mut inner = Md5::new();
    inner.update(password);
    inner.update(salt);
    inner.update(password);
    let inner = inner.finalize();
    let mut main = Md5::new();
    main.update(password);
    main.update(b"$1$");
    main.update(salt);
    let mut left = password.len();
    while left > 0 {
        let take = left.min(16);
        main.update(&inner[..take]);
        left -= take;
    }
    let mut bits = password.len();
    while bits > 0 {
        if bits & 1 == 1 {
            main.update([0]);
        } else {
            main.update(&password[..1]);
        }
        bits >>= 1;
    }
    let mut result = main.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        if round & 1 == 1 {
            next.update(password)
        } else {
            next.update(result)
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if round & 1 == 1 {
            next.update(result)
        } else {
            next.update(password)
        }
        result = next.finalize();
    }
    let mut out = String::new();
    let mut letters = |mut value: u32, count: usize| {
        for _ in 0..count {
            out.push(char::from(SALT_CHARS[(value & 0x3f) as usize]));
            value >>= 6;
        }
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        letters((u32::from(result[a]) << 16) | (u32::from(result[b]) << 8) | u32::from(result[c]), 4);
    }
    letters(u32::from(result[11]), 2);
    out
}
