//! Tokens: what a client gives back for the next page.
//!
//! ```text
//! version (1) ─ hash of the lookup's parameters (8) ─ time (8) ─ batch (8) ─ index (4)      base64url
//! ```
//!
//! A token says behind which position the next page begins, and nothing else: it stays good for as long
//! as rows do, over restarts and merges. Nothing in it is secret, and a forged one does no more than
//! begin a page elsewhere: what a lookup may see is decided by the lookup. The hash keeps a token from
//! being used with other parameters by mistake.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{BatchId, Timestamp};
use sha2::{Digest, Sha256};

use crate::position::{Position, Sequence};

const VERSION: u8 = 1;
const BYTES: usize = 29;

/// Not the token of a lookup with these parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the token is of no lookup with these parameters: send a page's token with the parameters that the \
     page was asked for with"
)]
pub struct InvalidToken;

/// The token of the page that begins behind a position. The parameters are bytes that are the same
/// whenever a client asks for the same.
#[must_use]
pub fn write(after: Position, parameters: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&hash(parameters));
    bytes.extend_from_slice(&after.time.as_millis().to_be_bytes());
    bytes.extend_from_slice(&after.sequence.batch.0.to_be_bytes());
    bytes.extend_from_slice(&after.sequence.index.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a token says.
pub fn read(token: &str, parameters: &[u8]) -> Result<Position, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| InvalidToken)?;
    let (head, position) = bytes.split_at(9);
    if head[0] != VERSION || head[1..] != hash(parameters) {
        return Err(InvalidToken);
    }
    let mut rest = position;
    let time = i64::from_be_bytes(take(&mut rest));
    let batch = BatchId(u64::from_be_bytes(take(&mut rest)));
    let index = u32::from_be_bytes(take(&mut rest));
    Ok(Position { time: Timestamp::from_millis(time), sequence: Sequence { batch, index } })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk().expect("a token has as many bytes");
    *bytes = rest;
    *first
}

fn hash(parameters: &[u8]) -> [u8; 8] {
    let hash = Sha256::digest(parameters);
    *hash.first_chunk().expect("a SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn position(millis: i64, batch: u64, index: u32) -> Position {
        let sequence = Sequence { batch: BatchId(batch), index };
        Position { time: Timestamp::from_millis(millis), sequence }
    }

    #[test]
    fn a_token_stays_as_it_is() {
        let token = write(position(1_777_852_800_000, 1_777_852_700_123, 41), b"{}");
        expect!["AUQTb6NVs2eKAAABnfBI3AAAAAGd8EdV2wAAACk"].assert_eq(&token);
    }

    #[test]
    fn what_is_no_token_of_the_lookup_is_refused() {
        let good = write(position(5, 6, 7), b"one");
        assert_eq!(read(&good, b"one"), Ok(position(5, 6, 7)));
        let version = "B".to_owned() + &good[1..];
        let longer = good.clone() + "AAAA";
        let padded = good.clone() + "=";
        let bits = good[..good.len() - 1].to_owned() + "d";
        for bad in ["", "A", "é", &good[1..], &good[..36], &version, &longer, &padded, &bits] {
            assert_eq!(read(bad, b"one"), Err(InvalidToken), "{bad}");
        }
        assert_eq!(read(&good, b"two"), Err(InvalidToken));
    }

    proptest! {
        #[test]
        fn a_token_says_its_position(
            millis in -62_135_596_800_000i64..253_370_764_800_000,
            batch: u64,
            index: u32,
            parameters: Vec<u8>,
        ) {
            let position = position(millis, batch, index);
            let token = write(position, &parameters);
            prop_assert_eq!(read(&token, &parameters), Ok(position));
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }

        #[test]
        fn any_text_is_a_token_or_is_not(text: String) {
            prop_assert_eq!(read(&text, b""), Err(InvalidToken));
        }
    }
}
