//! `NextToken` of LookupEvents: where the page before ended, and what was asked for.
//!
//! ```text
//! base64url of  version 1 | time 8 | batch 8 | index 4 | parameters 8     (bytes, big-endian)
//! ```
//!
//! A token is good for the same parameters only, by a hash of them. It holds nothing that its caller
//! may not know, and one that is made up is no more than another place to begin at.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use history::{Position, Sequence};
use model::{BatchId, Timestamp};

const VERSION: u8 = 1;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Behind this position.
    pub(crate) after: Position,
    /// What was asked for.
    pub(crate) parameters: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { time, sequence: Sequence { batch, index } } = self.after;
        let mut bytes = vec![VERSION];
        bytes.extend(time.as_millis().to_be_bytes());
        bytes.extend(batch.0.to_be_bytes());
        bytes.extend(index.to_be_bytes());
        bytes.extend(self.parameters.to_be_bytes());
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl Token {
    /// `None` of what no page had.
    pub(crate) fn parse(text: &str) -> Option<Token> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&version, bytes) = bytes.split_first()?;
        let (time, bytes) = bytes.split_first_chunk()?;
        let (batch, bytes) = bytes.split_first_chunk()?;
        let (index, bytes) = bytes.split_first_chunk()?;
        let parameters = bytes.try_into().ok()?;
        let time = Timestamp::from_millis(i64::from_be_bytes(*time));
        let batch = BatchId(u64::from_be_bytes(*batch));
        let sequence = Sequence { batch, index: u32::from_be_bytes(*index) };
        let after = Position { time, sequence };
        (version == VERSION).then_some(Token { after, parameters: u64::from_be_bytes(parameters) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_nothing_else_is_one() {
        let sequence = Sequence { batch: BatchId(u64::MAX), index: 7 };
        let after = Position { time: Timestamp::from_millis(-1), sequence };
        let token = Token { after, parameters: 9 };
        let text = token.to_string();
        assert_eq!(Token::parse(&text), Some(token));
        let other_version = BASE64_URL_SAFE_NO_PAD.encode([2; 29]);
        for text in ["", "a", "next", "////", &text[1..], &format!("{text}A"), &other_version] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
