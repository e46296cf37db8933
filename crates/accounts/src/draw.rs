//! Ids, secrets and tokens, drawn from randomness that is passed in.
//!
//! Sources: IAM User Guide, "IAM identifiers" (prefixes of unique ids); the forms are those of keys
//! that AWS hands out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Draws 64 bits that nobody can foresee.
pub type Entropy<'a> = &'a dyn Fn() -> u64;

/// What follows the prefix of an id: no letter or digit that is taken for another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(crate) fn bytes<const N: usize>(entropy: Entropy<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&entropy().to_le_bytes()[..chunk.len()]);
    }
    bytes
}

/// `AIDA` and 17 characters.
pub(crate) fn user_id(entropy: Entropy<'_>) -> String {
    id::<17>("AIDA", entropy)
}

/// `AKIA` and 16 characters: an access key that stays.
pub(crate) fn access_key_id(entropy: Entropy<'_>) -> String {
    id::<16>("AKIA", entropy)
}

/// `ASIA` and 16 characters: an access key of a session.
pub(crate) fn session_key_id(entropy: Entropy<'_>) -> String {
    id::<16>("ASIA", entropy)
}

/// A secret access key: 240 bits as 40 characters.
pub(crate) fn secret(entropy: Entropy<'_>) -> Secret {
    text::<30>(entropy)
}

/// A session token: 384 bits as 64 characters.
pub(crate) fn session_token(entropy: Entropy<'_>) -> Secret {
    text::<48>(entropy)
}

fn id<const N: usize>(prefix: &str, entropy: Entropy<'_>) -> String {
    let drawn = bytes::<N>(entropy);
    let characters = drawn.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(characters).collect()
}

fn text<const N: usize>(entropy: Entropy<'_>) -> Secret {
    let drawn = Zeroizing::new(bytes::<N>(entropy));
    Secret::new(STANDARD.encode(drawn.as_slice()))
}
