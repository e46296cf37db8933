//! The examples of the Amazon S3 API Reference, "Authenticating Requests": what S3 does differently,
//! and bodies that are signed in chunks.
#![allow(clippy::unwrap_used)]

mod support;

use cairn_sigv4::{CHUNK_BYTES_MAX, Chunks, Payload, SignatureError, SigningKey};
use proptest::prelude::*;
use support::Sent;

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";
const DATE: &str = "20130524T000000Z";
/// 2013-05-24T00:00:00Z
const NOW: i64 = 1_369_353_600;
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn signed(sent: Sent, list: &str, hex: &str) -> Sent {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={ID}/{SCOPE},SignedHeaders={list},Signature={hex}");
    sent.with("x-amz-date", DATE).with("authorization", &authorization)
}

fn verify(sent: &Sent) -> Result<(), SignatureError> {
    use sha2::{Digest, Sha256};
    let signed = sent.read(NOW)?;
    assert_eq!((signed.access_key_id(), signed.scope()), (ID, SCOPE));
    signed.verify(&SigningKey::derive(SECRET, SCOPE), &Sha256::digest(&sent.body).into())
}

#[test]
fn the_examples_of_headers_verify() {
    let list = "host;x-amz-content-sha256;x-amz-date";
    let bucket = |line: &str, body: &str, hash: &str| {
        let sent = Sent::new(line, body).set("host", "examplebucket.s3.amazonaws.com");
        sent.with("x-amz-content-sha256", hash)
    };
    let welcome = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    for (sent, list, hex) in [
        (
            bucket("GET /test.txt", "", EMPTY).with("range", "bytes=0-9"),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            bucket("PUT /test%24file.text", "Welcome to Amazon S3.", welcome)
                .with("date", "Fri, 24 May 2013 00:00:00 GMT")
                .with("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            bucket("GET /?lifecycle", "", EMPTY),
            list,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            bucket("GET /?max-keys=2&prefix=J", "", EMPTY),
            list,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let sent = signed(sent, list, hex);
        assert_eq!(verify(&sent), Ok(()), "{sent:?}");
        let other = Sent { path: format!("{}/", sent.path), ..sent };
        assert_eq!(verify(&other), Err(SignatureError::Mismatch));
    }
}

#[test]
fn the_example_of_a_presigned_url_verifies_with_any_body() {
    let mut sent = Sent::new("GET /test.txt", "").set("host", "examplebucket.s3.amazonaws.com");
    for (name, value) in [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &*format!("{ID}/{SCOPE}")),
        ("X-Amz-Date", DATE),
        ("X-Amz-Expires", "86400"),
        ("X-Amz-SignedHeaders", "host"),
        ("X-Amz-Signature", "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
    ] {
        sent = sent.and(name, value);
    }
    assert_eq!(verify(&sent), Ok(()));
    assert_eq!(sent.read(NOW).unwrap().payload(), Payload::Unsigned);
    assert_eq!(verify(&Sent { body: b"any".into(), ..sent }), Ok(()));
}

/// The example: an object of 65 KiB of `a`, sent in chunks of 64 KiB.
fn upload(has_trailer: bool) -> Sent {
    let mut sent = Sent::new("PUT /examplebucket/chunkObject.txt", "")
        .set("host", "s3.amazonaws.com")
        .with("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .with("content-encoding", "aws-chunked")
        .with("x-amz-decoded-content-length", "66560")
        .with("content-length", "66824");
    let (a, b) = ("a".repeat(65_536), "a".repeat(1_024));
    let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    if has_trailer {
        sent.body = format!(
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n{a}\r\n\
             400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n{b}\r\n\
             0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
             x-amz-checksum-crc32c:sOO8/Q==\r\n\
             x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
        )
        .into();
        sent = sent
            .with("x-amz-content-sha256", &format!("{payload}-TRAILER"))
            .with("x-amz-trailer", "x-amz-checksum-crc32c");
        let list = "content-encoding;host;x-amz-content-sha256;x-amz-date;\
                    x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer";
        return signed(
            sent,
            list,
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        );
    }
    sent.body = format!(
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n{a}\r\n\
         400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n{b}\r\n\
         0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
    )
    .into();
    sent = sent.with("x-amz-content-sha256", payload);
    let list = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
                x-amz-decoded-content-length;x-amz-storage-class";
    signed(sent, list, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
}

fn chunks(sent: &Sent) -> Chunks {
    let signed = sent.read(NOW).unwrap();
    signed.chunks(&SigningKey::derive(SECRET, SCOPE)).unwrap().unwrap()
}

/// What comes out of a body that comes in by parts of this size, and how it ends.
fn unchunk(mut chunks: Chunks, body: &[u8], size: usize) -> (Vec<u8>, Result<(), SignatureError>) {
    let mut verified = Vec::new();
    for part in body.chunks(size) {
        if let Err(error) = chunks.take(part, &mut verified) {
            assert_eq!(chunks.take(b"", &mut verified), Err(error.clone()), "an error stays");
            assert_eq!(chunks.finish(), Err(error.clone()));
            return (verified, Err(error));
        }
    }
    let end = chunks.finish();
    (verified, end)
}

#[test]
fn the_examples_of_chunks_verify_however_they_come_in() {
    for has_trailer in [false, true] {
        let sent = upload(has_trailer);
        assert_eq!(verify(&sent), Ok(()), "the request itself");
        assert_eq!(sent.read(NOW).unwrap().payload(), Payload::Chunked { has_trailer });
        for size in [1, 7, 1_000, 65_536, 100_000] {
            let (verified, end) = unchunk(chunks(&sent), &sent.body, size);
            assert_eq!(end, Ok(()), "{size}");
            assert!(verified == vec![b'a'; 66_560]);
        }
    }
}

#[test]
fn only_whole_verified_chunks_come_out() {
    let sent = upload(false);
    let mut verified = Vec::new();
    let mut chunks = chunks(&sent);
    // All but the line end behind the first chunk.
    let (first, rest) = sent.body.split_at(65_536 + 88);
    chunks.take(first, &mut verified).unwrap();
    assert!(verified.is_empty());
    chunks.take(&rest[..1], &mut verified).unwrap();
    chunks.take(&rest[1..2], &mut verified).unwrap();
    assert_eq!(verified.len(), 65_536);
    assert_eq!(chunks.finish().unwrap_err().code(), "IncompleteSignatureException");
}

#[test]
fn chunks_left_out_doubled_or_moved_are_refused() {
    let sent = upload(false);
    let (first, rest) = sent.body.split_at(65_536 + 90);
    let (second, last) = rest.split_at(1_024 + 88);
    for (parts, length) in [
        (vec![second, last], 0),
        (vec![first, last], 65_536),
        (vec![first, first, second, last], 65_536),
        (vec![second, first, last], 0),
        (vec![first, second, second, last], 66_560),
        (vec![last], 0),
        (vec![first, second], 66_560),
        (vec![first, second, last, b"x"], 66_560),
        (vec![first, second, last, last], 66_560),
        (vec![first, second, &last[..last.len() - 2], b"\n\n"], 66_560),
    ] {
        let (verified, end) = unchunk(chunks(&sent), &parts.concat(), 4_096);
        assert!(end.is_err());
        assert_eq!(verified.len(), length, "{end:?}");
    }
}

#[test]
fn what_is_no_chunk_is_refused_before_it_is_kept() {
    let check = |body: &str, text: &str| {
        let (verified, end) = unchunk(chunks(&upload(false)), body.as_bytes(), 4_096);
        assert_eq!((verified.len(), end.unwrap_err().to_string().as_str()), (0, text), "{body}");
    };
    let broken = |why: &str| format!("The chunked body is broken: {why}.");
    let hex = "0".repeat(64);
    for size in ["", "x", "+5", "-1", "ffffffffffffffffffff", "é"] {
        check(
            &format!("{size};chunk-signature={hex}\r\n"),
            &broken("a chunk does not begin with its size"),
        );
    }
    check("5\r\n", &broken("a chunk is without its signature"));
    check(&"0".repeat(1_024), &broken("a line of it is too long"));
    check(
        &format!("10401;chunk-signature={hex}\r\n"),
        &broken("it is longer than x-amz-decoded-content-length says"),
    );
    check(
        &format!("{:x};chunk-signature={hex}\r\n", CHUNK_BYTES_MAX + 1),
        "A chunk of the body is of 1048577 bytes; 1048576 are the most.",
    );
    check(&format!("1;chunk-signature={hex}\r\naXX"), &broken("no line ends behind a chunk"));
    check("", &broken("the body ends before its last chunk"));
}

#[test]
fn a_body_of_another_length_than_is_said_is_refused() {
    for (length, why) in [("66561", "shorter"), ("66559", "longer")] {
        let sent = upload(false).set("x-amz-decoded-content-length", length);
        let (_, end) = unchunk(chunks(&sent), &sent.body, 4_096);
        let why = format!("it is {why} than x-amz-decoded-content-length says");
        assert_eq!(end.unwrap_err().to_string(), format!("The chunked body is broken: {why}."));
    }
}

#[test]
fn the_length_must_be_said() {
    let mut sent = upload(false);
    sent.headers.remove("x-amz-decoded-content-length");
    let signed = sent.read(NOW).unwrap();
    let error = signed.chunks(&SigningKey::derive(SECRET, SCOPE)).unwrap_err();
    assert_eq!(error.to_string(), "'x-amz-decoded-content-length' must say the body's length.");
    assert!(upload(false).set("x-amz-content-sha256", EMPTY).read(NOW).is_ok_and(|signed| {
        signed.chunks(&SigningKey::derive(SECRET, SCOPE)).unwrap().is_none()
    }));
}

#[test]
fn other_services_take_the_words_of_s3_only_where_the_route_takes_streams() {
    let credential = format!("{ID}/20130524/us-east-1/cloudtrail-data/aws4_request");
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={credential},SignedHeaders=host,Signature={EMPTY}");
    for (word, streamed) in [
        (None, Ok(Payload::Hashed)),
        (Some(EMPTY), Ok(Payload::Hashed)),
        (Some("UNSIGNED-PAYLOAD"), Ok(Payload::Unsigned)),
        (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Ok(Payload::Chunked { has_trailer: false })),
        (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Err("IncompleteSignatureException")),
    ] {
        let sent = Sent::new("POST /v1/events", "").with("x-amz-date", DATE);
        let sent = sent.with("authorization", &authorization);
        let sent =
            word.into_iter().fold(sent, |sent, word| sent.with("x-amz-content-sha256", word));
        let signed = sent.read(NOW).unwrap();
        assert_eq!(signed.payload(), Payload::Hashed, "{word:?}");
        let payload = signed.streamed().map(|signed| signed.payload());
        assert_eq!(payload.map_err(|error| error.code()), streamed, "{word:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_of_a_chunked_body_ends_it(
        has_trailer in any::<bool>(),
        // Most changes are made around the chunks' data, which is long.
        at in prop_oneof![0..100_usize, 65_600..65_750_usize, 66_600..67_100_usize, 0..67_100_usize],
        size in 1..70_000_usize,
    ) {
        let sent = upload(has_trailer);
        let mut body = sent.body.clone();
        let Some(byte) = body.get_mut(at) else { return Ok(()) };
        *byte ^= 1;
        let (verified, end) = unchunk(chunks(&sent), &body, size);
        prop_assert!(end.is_err());
        prop_assert!([0, 65_536, 66_560].contains(&verified.len()));
        prop_assert!(verified.iter().all(|byte| *byte == b'a'));
    }
}
