//! The credential of a request: `KEYID/DATE/REGION/SERVICE/aws4_request`, an access key and what it
//! signs for.

use std::borrow::Cow;

use crate::error::SignatureError;

const TERMINATOR: &str = "aws4_request";

/// An access key and the scope of what it signed.
#[derive(Clone, Debug)]
pub(crate) struct Credential<'a> {
    text: Cow<'a, str>,
    /// Where the key, the date and the Region end.
    ends: [usize; 3],
}

impl<'a> Credential<'a> {
    pub fn read(text: Cow<'a, str>) -> Result<Credential<'a>, SignatureError> {
        let mut slashes = text.match_indices('/').map(|(at, _)| at);
        let ends = [(); 3].map(|()| slashes.next().unwrap_or_default());
        let last = slashes.next().unwrap_or_default();
        // Four slashes and no more, with something between them.
        let has_five_parts =
            slashes.next().is_none() && text.split('/').all(|part| !part.is_empty());
        if last == 0 || !has_five_parts {
            return Err(SignatureError::incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term, got '{text}'"
            )));
        }
        let terminator = &text[last + 1..];
        if terminator != TERMINATOR {
            return Err(SignatureError::invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', \
                 not '{terminator}'."
            )));
        }
        Ok(Credential { text, ends })
    }

    pub fn access_key_id(&self) -> &str {
        &self.text[..self.ends[0]]
    }

    /// `DATE/REGION/SERVICE/aws4_request`.
    pub fn scope(&self) -> &str {
        &self.text[self.ends[0] + 1..]
    }

    pub fn date(&self) -> &str {
        &self.text[self.ends[0] + 1..self.ends[1]]
    }

    pub fn region(&self) -> &str {
        &self.text[self.ends[1] + 1..self.ends[2]]
    }

    pub fn service(&self) -> &str {
        &self.text[self.ends[2] + 1..self.text.len() - TERMINATOR.len() - 1]
    }
}
