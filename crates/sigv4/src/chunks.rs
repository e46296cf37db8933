//! Bodies in signed chunks (`aws-chunked`), from which only verified bytes come out.
//!
//! ```text
//! SIZE;chunk-signature=64 digits ⏎ SIZE bytes ⏎     SIZE in hexadecimal digits, ⏎ is CR LF
//! …
//! 0;chunk-signature=64 digits ⏎
//! name:value ⏎                                      only with a trailer: headers, and the
//! x-amz-trailer-signature:64 digits ⏎               signature of them
//! ⏎
//! ```
//!
//! Each signature is also over the one before it, the first one over the request's: chunks cannot be
//! left out, doubled or moved. A chunk is kept until it has come whole; so memory is bounded by
//! [`CHUNK_BYTES_MAX`]. After an error nothing more comes out.
//!
//! Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
//! Payload in Multiple Chunks", and the same "… Including Trailing Headers".

use sha2::{Digest, Sha256};

use crate::encoding::{Hash, from_hex, to_hex};
use crate::error::SignatureError;
use crate::key::SigningKey;

/// How long a chunk may be, in bytes.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;

const LINE_BYTES_MAX: usize = 1 << 10;
const TRAILER_BYTES_MAX: usize = 8 << 10;
const TRAILER_SIGNATURE: &[u8] = b"x-amz-trailer-signature";
const NEWLINE: &[u8] = b"\r\n";

/// Takes a body as it comes, and gives out what is verified of it.
#[derive(Debug)]
pub struct Chunks {
    key: SigningKey,
    /// The moment and the scope, a line each.
    place: String,
    /// The signature before the one that is awaited.
    previous: Hash,
    /// What came and is not yet used.
    waiting: Vec<u8>,
    /// Bytes of the body that are still to come.
    left: u64,
    has_trailer: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Head,
    Data {
        size: usize,
        signature: Hash,
    },
    /// The signed headers so far, `name:value` a line.
    Trailer {
        signed: Vec<u8>,
    },
    End,
    Whole,
    Broken(SignatureError),
}

impl Chunks {
    pub(crate) fn new(
        key: SigningKey,
        place: String,
        seed: &Hash,
        length: u64,
        has_trailer: bool,
    ) -> Chunks {
        let (waiting, state) = (Vec::new(), State::Head);
        Chunks { key, place, previous: *seed, waiting, left: length, has_trailer, state }
    }

    /// Takes the next bytes of the body, and appends to `verified` what is now proven.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] for a chunk that was changed, [`SignatureError::Incomplete`] for
    /// what is no chunk; the same again for all that follows.
    pub fn take(&mut self, mut bytes: &[u8], verified: &mut Vec<u8>) -> Result<(), SignatureError> {
        loop {
            let room = self.wanted().saturating_sub(self.waiting.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.waiting.extend_from_slice(now);
            bytes = later;
            match self.step(verified) {
                Ok(true) => {}
                Ok(false) if bytes.is_empty() => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    self.state = State::Broken(error.clone());
                    self.waiting = Vec::new();
                    return Err(error);
                }
            }
        }
    }

    /// Checks that the body has come whole.
    ///
    /// # Errors
    /// [`SignatureError::Incomplete`] when something is missing, or the error there was before.
    pub fn finish(self) -> Result<(), SignatureError> {
        match self.state {
            State::Whole => Ok(()),
            State::Broken(error) => Err(error),
            _ => Err(broken("the body ends before its last chunk")),
        }
    }

    /// How many bytes to hold before the next step can be decided.
    fn wanted(&self) -> usize {
        match self.state {
            State::Data { size, .. } => size + NEWLINE.len(),
            State::End => NEWLINE.len(),
            _ => LINE_BYTES_MAX,
        }
    }

    /// One step, if enough is there for it.
    fn step(&mut self, verified: &mut Vec<u8>) -> Result<bool, SignatureError> {
        match &mut self.state {
            State::Head => {
                let Some(line) = line(&mut self.waiting)? else { return Ok(false) };
                let (size, signature) = head(&line)?;
                if size as u64 > self.left {
                    return Err(broken("it is longer than x-amz-decoded-content-length says"));
                }
                self.state = State::Data { size, signature };
            }
            State::Data { size: 0, signature } => {
                let signature = *signature;
                self.check(b"AWS4-HMAC-SHA256-PAYLOAD\n", true, &[], signature)?;
                if self.left > 0 {
                    return Err(broken("it is shorter than x-amz-decoded-content-length says"));
                }
                let signed = Vec::new();
                self.state = if self.has_trailer { State::Trailer { signed } } else { State::End };
            }
            State::Data { size, signature } => {
                let (size, signature) = (*size, *signature);
                let Some(end) = self.waiting.get(size..size + 2) else { return Ok(false) };
                if end != NEWLINE {
                    return Err(broken("no line ends behind a chunk"));
                }
                let waiting = std::mem::take(&mut self.waiting);
                self.check(b"AWS4-HMAC-SHA256-PAYLOAD\n", true, &waiting[..size], signature)?;
                verified.extend_from_slice(&waiting[..size]);
                self.waiting = waiting;
                self.waiting.drain(..size + 2);
                self.left -= size as u64;
                self.state = State::Head;
            }
            State::Trailer { signed } => {
                let Some(line) = line(&mut self.waiting)? else { return Ok(false) };
                let (name, value) = member(&line)?;
                if name == TRAILER_SIGNATURE {
                    let signature = from_hex(value).ok_or(SignatureError::Mismatch)?;
                    let signed = std::mem::take(signed);
                    self.check(b"AWS4-HMAC-SHA256-TRAILER\n", false, &signed, signature)?;
                    self.state = State::End;
                } else {
                    signed.extend([&name[..], b":", value, b"\n"].concat());
                    if signed.len() > TRAILER_BYTES_MAX {
                        return Err(broken("its trailer is too long"));
                    }
                }
            }
            State::End => {
                let Some(end) = self.waiting.get(..NEWLINE.len()) else { return Ok(false) };
                if end != NEWLINE {
                    return Err(broken("no empty line ends it"));
                }
                self.waiting.drain(..NEWLINE.len());
                self.state = State::Whole;
            }
            State::Whole if self.waiting.is_empty() => return Ok(false),
            State::Whole => return Err(broken("something follows its end")),
            State::Broken(error) => return Err(error.clone()),
        }
        Ok(true)
    }

    /// Checks a signature over these bytes and the signature before it, and takes its place.
    fn check(
        &mut self,
        algorithm: &[u8],
        is_chunk: bool,
        bytes: &[u8],
        signature: Hash,
    ) -> Result<(), SignatureError> {
        // The hash of nothing stands for headers, of which a chunk has none.
        const NOTHING: &[u8] =
            b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
        let previous = to_hex(&self.previous);
        let hash = to_hex(&Sha256::digest(bytes).into());
        let nothing = if is_chunk { NOTHING } else { b"" };
        let parts = [algorithm, self.place.as_bytes(), &previous, b"\n", nothing, &hash];
        if !self.key.verifies(&parts, &signature) {
            return Err(SignatureError::Mismatch);
        }
        self.previous = signature;
        Ok(())
    }
}

/// The next line, without its end, taken out of what waits.
fn line(waiting: &mut Vec<u8>) -> Result<Option<Vec<u8>>, SignatureError> {
    let Some(end) = waiting.windows(2).position(|bytes| bytes == NEWLINE) else {
        let is_too_long = waiting.len() >= LINE_BYTES_MAX;
        return if is_too_long { Err(broken("a line of it is too long")) } else { Ok(None) };
    };
    let mut line: Vec<u8> = waiting.drain(..end + 2).collect();
    line.truncate(end);
    Ok(Some(line))
}

/// `SIZE;chunk-signature=…`.
fn head(line: &[u8]) -> Result<(usize, Hash), SignatureError> {
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let (size, rest) = line.split_at(end);
    let digits = std::str::from_utf8(size).ok().filter(|digits| !digits.starts_with('+'));
    let size = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
    let size = size.ok_or_else(|| broken("a chunk does not begin with its size"))?;
    if size > CHUNK_BYTES_MAX {
        return Err(SignatureError::incomplete(format!(
            "A chunk of the body is of {size} bytes; {CHUNK_BYTES_MAX} are the most."
        )));
    }
    let signature = rest.strip_prefix(b";chunk-signature=");
    let signature = signature.ok_or_else(|| broken("a chunk is without its signature"))?;
    Ok((size, from_hex(signature).ok_or(SignatureError::Mismatch)?))
}

/// `name:value` of the trailer, the name in lower case and the value without blanks around it.
fn member(line: &[u8]) -> Result<(Vec<u8>, &[u8]), SignatureError> {
    let colon = line.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or_else(|| broken("its trailer has a line without a colon"))?;
    Ok((line[..colon].trim_ascii().to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
}

fn broken(why: &'static str) -> SignatureError {
    SignatureError::incomplete(format!("The chunked body is broken: {why}."))
}
