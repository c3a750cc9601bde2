//! Files need not be UTF-8, patterns are: bytes that are no text become signs of a private area, and turn back.

/// First sign for a byte that is no text; the byte's value is added.
const ESCAPE: u32 = 0x0010_FE00;

fn is_sign(c: char) -> bool {
    (ESCAPE + 0x80..=ESCAPE + 0xFF).contains(&(c as u32))
}

/// Bytes as text that [`encode`] turns back into the same bytes.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(is_sign)
    {
        return text.to_owned();
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    let escape = |byte: u8| char::from_u32(ESCAPE + u32::from(byte));
    let mut buffer = [0; 4];
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_sign(c) {
                // A real one of these would turn back into one byte; its own bytes, all above ASCII, turn back into it.
                out.extend(c.encode_utf8(&mut buffer).bytes().filter_map(escape));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(escape));
    }
    out
}

/// The bytes of such a text.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match (c as u32).checked_sub(ESCAPE).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if byte >= 0x80 => out.push(byte),
            _ => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn any_bytes_survive() {
        let all: Vec<u8> = (0..=255).chain("grün".bytes()).collect();
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(decode("grün".as_bytes()), "grün");
        for text in ["\u{10FE80}", "a\u{10FEFF}b", "\u{10FE7F}\u{10FF00}"] {
            assert_eq!(encode(&decode(text.as_bytes())), text.as_bytes());
        }
    }
}
