//! A body as it comes: its bytes, out of their signed chunks where there are such. What comes out of
//! chunks is proven.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use sigv4::{Chunks, SignatureError};

use super::cause;

/// A body on its way.
pub(super) struct Input {
    body: Body,
    chunks: Option<Chunks>,
}

/// Why nothing more can be had of a body, for its sender.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl From<SignatureError> for Broken {
    fn from(error: SignatureError) -> Broken {
        Broken(error.to_string())
    }
}

impl Input {
    /// A body, and what takes it out of its chunks.
    pub(super) fn new(body: Body, chunks: Option<Chunks>) -> Input {
        Input { body, chunks }
    }

    /// What was not read.
    pub(super) fn into_rest(self) -> Body {
        self.body
    }

    /// The first bytes, so many at least, if the body has them, however they come in.
    pub(super) async fn beginning(&mut self, length: usize) -> Result<Bytes, Broken> {
        let mut begun = Bytes::new();
        while begun.len() < length
            && let Some(data) = self.next().await?
        {
            begun = if begun.is_empty() { data } else { [begun, data].concat().into() };
        }
        Ok(begun)
    }

    /// The next bytes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        while let Some(frame) = self.body.frame().await {
            let frame =
                frame.map_err(|error| Broken(format!("the body broke off: {}", cause(&error))))?;
            let Ok(data) = frame.into_data() else { continue };
            let Some(chunks) = &mut self.chunks else { return Ok(Some(data)) };
            let mut proven = Vec::new();
            chunks.take(&data, &mut proven)?;
            if !proven.is_empty() {
                return Ok(Some(proven.into()));
            }
        }
        if let Some(chunks) = self.chunks.take() {
            chunks.finish()?;
        }
        Ok(None)
    }
}
