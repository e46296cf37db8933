//! A search for private keys in bytes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Whether bytes show any part of a private key, whatever they write it in.
pub fn shows(bytes: &[u8], pkcs8: &[u8]) -> bool {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    private_parts(pkcs8).iter().any(|part| written(part).iter().any(|form| has(form)))
}

/// Raw, as hexadecimal digits, and as base64, which depends on what stands before.
fn written(part: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![part.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        let text = BASE64_STANDARD.encode([&[0; 3][..before], part].concat());
        let end = text.trim_end_matches('=').len();
        forms.push(text.as_bytes()[4..end - 2].to_vec());
    }
    forms
}

/// The private exponent, the primes, their exponents and the coefficient of a PKCS#8 key.
fn private_parts(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let whole = elements(content(pkcs8));
    let key = elements(content(whole[2]));
    let parts: Vec<Vec<u8>> = key[3..9].iter().map(|part| trimmed(part)).collect();
    assert!(parts.iter().all(|part| part.len() >= 100), "an RSA key of 2048 bits");
    parts
}

fn trimmed(integer: &[u8]) -> Vec<u8> {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer[zeros..].to_vec()
}

/// The content of one element of DER.
fn content(element: &[u8]) -> &[u8] {
    let (header, length) = header(element);
    &element[header..header + length]
}

/// The contents of elements that follow each other.
fn elements(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (header, length) = header(rest);
        found.push(&rest[header..header + length]);
        rest = &rest[header + length..];
    }
    found
}

/// Lengths of an element's header and content.
fn header(element: &[u8]) -> (usize, usize) {
    match element[1] {
        short @ 0..0x80 => (2, short.into()),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = element[2..2 + bytes].iter();
            (2 + bytes, length.fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    }
}
