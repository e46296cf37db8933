//! The limit: what the work itself costs one thread, without HTTP, disk, journal or upload.
//!
//! Of taking events ([`cpu_seconds`]): for each body, simdutf8 checks that it is text. For each record, serde_json checks all of it and
//! reads the five members that routing needs, borrowed where they can be. Then the body as a whole:
//! SHA-256 by sha2, once; gzip by flate2 (zlib-rs) at the level that is Cairn's default, one stream
//! for each [`FILE_BYTES`]. The same bytes that were sent, the same versions of the libraries, the
//! same profile. Of validating them ([`validation_seconds`]): gunzip and SHA-256 of each log file, a
//! buffer at a time, as nobody can judge a file without reading it. Timed by the CPU clock of the
//! thread.

use std::borrow::Cow;
use std::io::{Read, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::chain::LogFile;
use crate::process::thread_cpu_seconds;
use crate::requests::Request;

/// Bytes of one gzip stream: a log file of a full segment.
const FILE_BYTES: usize = 64 << 20;
/// Unpacked at once, when log files are validated.
const BUFFER_BYTES: usize = 64 << 10;

/// The members that decide where a record goes; all others are checked to be JSON and skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // what is read is what costs
struct Fields<'a> {
    #[serde(borrow)]
    recipient_account_id: Cow<'a, str>,
    #[serde(borrow)]
    aws_region: Cow<'a, str>,
    #[serde(borrow)]
    event_time: Cow<'a, str>,
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    #[serde(borrow)]
    event_category: Cow<'a, str>,
}

/// CPU seconds of parse + SHA-256 + gzip of the bodies of these requests.
pub fn cpu_seconds(requests: &[Request], level: u32) -> Result<f64> {
    let begun = thread_cpu_seconds();
    let mut hash = Sha256::new();
    let mut gzip = encoder(level);
    let mut written = 0;
    for request in requests {
        let body = request.body();
        let mut rest = simdutf8::basic::from_utf8(body)?;
        while let Some(end) = memchr::memchr(b'\n', rest.as_bytes()) {
            let (record, more) = rest.split_at(end + 1);
            let fields: Fields<'_> = serde_json::from_str(record)?;
            std::hint::black_box(&fields);
            rest = more;
        }
        // At once: a call for each record costs more.
        hash.update(body);
        gzip.write_all(body)?;
        written += body.len();
        if written >= FILE_BYTES {
            std::hint::black_box(std::mem::replace(&mut gzip, encoder(level)).finish()?);
            written = 0;
        }
    }
    std::hint::black_box((hash.finalize(), gzip.finish()?));
    Ok(thread_cpu_seconds() - begun)
}

/// CPU seconds of gunzip + SHA-256 of these log files.
pub fn validation_seconds(files: &[LogFile]) -> Result<f64> {
    let begun = thread_cpu_seconds();
    let mut buffer = vec![0; BUFFER_BYTES];
    for file in files {
        let mut gunzip = GzDecoder::new(file.body.as_slice());
        let mut hash = Sha256::new();
        loop {
            match gunzip.read(&mut buffer)? {
                0 => break,
                length => hash.update(&buffer[..length]),
            }
        }
        std::hint::black_box(hash.finalize());
    }
    Ok(thread_cpu_seconds() - begun)
}

fn encoder(level: u32) -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::new(level))
}

/// Cairn's default level, as deploy/cairn.toml says it; a test of the daemon holds that page to the
/// defaults.
pub fn default_level() -> Result<u32> {
    let page = include_str!("../../../deploy/cairn.toml");
    let line = page.lines().find_map(|line| line.strip_prefix("#compression_level = "));
    Ok(line.context("deploy/cairn.toml says the default of compression_level")?.parse()?)
}
