//! Hexadecimal digits and percent-encoding, as Signature Version 4 wants them: `A`–`Z`, `a`–`z`,
//! `0`–`9`, `-`, `.`, `_` and `~` stand for themselves, every other byte is `%` and two upper-case
//! digits (AWS's `UriEncode`).

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// A SHA-256 hash, or a signature.
pub(crate) type Hash = [u8; 32];

/// The 64 lower-case digits of a hash.
pub(crate) fn to_hex(hash: &Hash) -> [u8; 64] {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        pair[0] = LOWER[usize::from(byte >> 4)];
        pair[1] = LOWER[usize::from(byte & 15)];
    }
    text
}

/// The hash that 64 lower-case digits stand for.
pub(crate) fn from_hex(text: &[u8]) -> Option<Hash> {
    let is_lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.iter().all(is_lower) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = escaped(pair)?;
    }
    Some(hash)
}

/// Appends a byte, encoded unless it stands for itself.
pub(crate) fn push_encoded(out: &mut Vec<u8>, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
        out.push(byte);
    } else {
        out.extend([b'%', UPPER[usize::from(byte >> 4)], UPPER[usize::from(byte & 15)]]);
    }
}

/// The first byte of an encoded text, decoded, and what follows. A `%` without two digits behind it
/// stands for itself.
pub(crate) fn split_decoded(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', rest @ ..] => match rest.split_at_checked(2) {
            Some((digits, after)) if let Some(byte) = escaped(digits) => Some((byte, after)),
            _ => Some((b'%', rest)),
        },
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}
