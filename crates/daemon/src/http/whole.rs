//! Bodies that are used when they are here as a whole: because the signature is over their hash, or
//! because they are one JSON text.
//!
//! Memory is taken as a body comes: who announces much and sends little holds little. As long as the
//! caller is not proven, that is of a room of its own, in which each account that is named has half
//! at most: who only knows another's access key can keep no call out that is proven, and no account
//! but the one that it names.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::Timestamp;
use producer::intake::WAIT_MAX;
use sha2::{Digest, Sha256};
use sigv4::SignatureError;

use super::auth::{Claim, Proven};
use super::room::{CALL_BYTES, Held, NoRoom, Room};
use super::{Site, cause};

/// Of a body, what a call has memory for before it comes.
const FIRST_BYTES: usize = 64 << 10;
/// The room of bodies whose callers are not proven.
pub const UNPROVEN_BYTES: usize = 32 << 20;

/// How large a body may be, and what it costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Bytes.
    pub(super) bytes_max: usize,
    /// What a call holds for each byte of it, its own included.
    pub(super) factor: usize,
}

/// A body that is here.
pub(super) struct Whole {
    pub(super) proven: Proven,
    pub(super) body: Vec<u8>,
    /// What the call holds from now on.
    pub(super) held: Held,
}

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// There is no memory for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// It is larger than bodies may be.
    #[error("the body is too large; at most {0} bytes are taken")]
    TooLarge(usize),
    /// It did not come whole.
    #[error("the body broke off: {0}")]
    BrokeOff(String),
    /// It is not proven to be the caller's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Reads a body, and proves that it is its caller's.
pub(super) async fn read(
    site: &Site,
    claim: Claim<'_>,
    body: &mut Body,
    measure: Measure,
) -> Result<Whole, NotTaken> {
    // What the sender says that it sends; more is not read.
    let bytes_max = body.size_hint().upper().map_or(measure.bytes_max, |announced| {
        usize::try_from(announced).unwrap_or(usize::MAX).min(measure.bytes_max)
    });
    let (room, factor) = match claim.is_believed() {
        true => (&site.room, measure.factor),
        false => (&site.unproven, 1),
    };
    let first = CALL_BYTES + factor * bytes_max.min(FIRST_BYTES);
    let mut held = room.enter(claim.account(), first, WAIT_MAX).await?;
    let mut limited = Limited::new(body, bytes_max);
    let (mut body, mut hash) = (Vec::new(), Sha256::new());
    while let Some(frame) = limited.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => NotTaken::TooLarge(measure.bytes_max),
            false => NotTaken::BrokeOff(cause(&*error)),
        })?;
        if let Ok(data) = frame.into_data() {
            held.hold(CALL_BYTES + factor * (body.len() + data.len()), WAIT_MAX).await?;
            body.extend_from_slice(&data);
            hash.update(&data);
        }
    }
    let now: Timestamp = site.parts.now().wall;
    let is_believed = claim.is_believed();
    let proven = claim.prove(&hash.finalize().into(), now)?;
    if !is_believed {
        let bytes = CALL_BYTES + measure.factor * body.len();
        held = enter(&site.room, &proven, bytes).await?;
    }
    Ok(Whole { proven, body, held })
}

/// A place for a call whose caller is proven.
async fn enter(room: &Arc<Room>, proven: &Proven, bytes: usize) -> Result<Held, NoRoom> {
    room.enter(&proven.caller.account, bytes, WAIT_MAX).await
}
