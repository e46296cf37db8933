//! Gzip that is none, lies, or hides a bomb; and encodings that are not taken.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::case::{Case, record};

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_ref()).unwrap();
    gzip.finish().unwrap()
}

pub fn cases() -> Vec<Case> {
    let whole = |id: &str| (gzip(record(id)), record(id));
    let changed = |id: &str, at_from_end: usize| {
        let mut bytes = gzip(record(id) + "\n");
        let at = bytes.len() - at_from_end;
        bytes[at] ^= 1;
        bytes
    };
    let ((plain, kept), (upper, kept_upper)) = (whole("gzip-1"), whole("gzip-2"));
    let (behind, kept_behind) = (gzip(record("gzip-3") + "\n"), record("gzip-3"));
    let two = [gzip(record("gzip-4") + "\n"), gzip(record("gzip-5"))].concat();
    let half = gzip(record("gzip-half"));
    vec![
        Case::bulk("gzip that is not said to be", &plain).keeps(kept),
        Case::encoded("gzip in capitals", "GZIP", &upper).keeps(kept_upper),
        Case::encoded("two members", "gzip", two).keeps(record("gzip-4")).keeps(record("gzip-5")),
        Case::encoded("text that is said to be gzip", "gzip", record("refused")),
        Case::encoded("nothing that is said to be gzip", "gzip", ""),
        Case::encoded("gzip that breaks off", "gzip", &half[..half.len() / 2]),
        Case::encoded("a wrong checksum behind a whole record", "gzip", changed("refused-6", 8)),
        Case::encoded("a wrong length behind a whole record", "gzip", changed("refused-7", 1)),
        Case::encoded("text behind a member", "gzip", [&behind[..], b"rest"].concat())
            .keeps(kept_behind),
        Case::encoded("gzip in gzip", "gzip", gzip(gzip(record("refused")))),
        Case::encoded("a bomb of 64 MiB of blanks", "gzip", gzip(" ".repeat(64 << 20))),
        Case::encoded("a bomb of one record", "gzip", gzip("{".repeat(64 << 20))),
        Case::encoded("a bomb in an array", "gzip", gzip(format!("[{{{}", "[".repeat(64 << 20)))),
        Case::encoded("br", "br", record("refused")),
        Case::encoded("zstd", "zstd", b"\x28\xb5\x2f\xfd"),
        Case::encoded("deflate", "deflate", b"\x78\x9c"),
        Case::encoded("gzip twice", "gzip, gzip", gzip(gzip(record("refused")))),
        Case::encoded("an encoding that is not text", "\u{e9}", record("refused")),
        Case::with(
            "PutAuditEvents in gzip",
            "POST /PutAuditEvents?channelArn=x HTTP/1.1",
            "Content-Encoding: gzip\r\n",
            gzip("{}"),
        ),
    ]
}
