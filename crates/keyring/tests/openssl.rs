//! Keys and signatures as the `openssl` command line sees them: our verifier is not its own witness.
//!
//! `openssl` must be installed; without it these tests fail.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cairn_keyring::{PublicKey, SigningKey};
use support::{NOW, World, all, at, region};
use tempfile::TempDir;

/// What a reader has: the public key as `ListPublicKeys` gives it, a message, a signature.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The key as `openssl` wants it, which reads it as PKCS#1.
    fn pem(&self, key: &PublicKey) -> PathBuf {
        let (der, pem) = (self.write("key.der", key.pkcs1()), self.path("key.pem"));
        let arguments = ["rsa", "-RSAPublicKey_in", "-inform", "DER", "-pubout", "-in"];
        let made = openssl(&arguments, &[&der, Path::new("-out"), &pem]);
        assert!(made.status.success(), "{}", said(&made));
        pem
    }

    /// Whether `openssl` takes a signature of a message.
    fn verifies(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let pem = self.pem(key);
        let (message, signature) =
            (self.write("message", message), self.write("signature", signature));
        let arguments: [&Path; 5] =
            [Path::new("-verify"), &pem, Path::new("-signature"), &signature, &message];
        let answer = openssl(&["dgst", "-sha256"], &arguments);
        match (answer.status.success(), said(&answer)) {
            (true, text) if text.contains("Verified OK") => true,
            (false, text) if text.contains("Verification failure") => false,
            (_, text) => panic!("openssl: {text}"),
        }
    }
}

fn openssl(arguments: &[&str], paths: &[&Path]) -> Output {
    let output = Command::new("openssl").args(arguments).args(paths).output();
    output.unwrap_or_else(|error| {
        panic!(
            "openssl cannot be run ({error}): install the package openssl, which this test needs"
        )
    })
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).join("\n")
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[tokio::test]
async fn openssl_verifies_what_a_ring_signs_by_the_key_that_it_publishes() {
    let (world, bench) = (World::new(), Bench::new());
    let ring = world.ring();
    let key = ring.signing_key(&region("eu-west-1"), at(NOW)).await.unwrap();
    let [published] = all(&ring, "eu-west-1").try_into().unwrap();
    let message = b"2026-03-09T14:05:06Z\nbucket/key\n00ff\nnull";
    let signature = from_hex(&key.sign_hex(message).unwrap());
    assert_eq!(signature.len(), 256);
    assert!(bench.verifies(&published.key, message, &signature));

    let mut broken = signature.clone();
    broken[200] ^= 1;
    assert!(!bench.verifies(&published.key, message, &broken));
    assert!(!bench.verifies(&published.key, &message[1..], &signature));
    let other = SigningKey::generate().unwrap();
    assert!(!bench.verifies(other.public(), message, &signature));
}

#[test]
fn what_openssl_signs_we_verify() {
    let bench = Bench::new();
    let (private, message) = (bench.path("private.pem"), bench.write("message", b"message"));
    let made = openssl(
        &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"],
        &[&private],
    );
    assert!(made.status.success(), "{}", said(&made));
    let (der, signature) = (bench.path("public.der"), bench.path("signature"));
    let public = ["rsa", "-RSAPublicKey_out", "-outform", "DER", "-in"];
    let public = openssl(&public, &[&private, Path::new("-out"), &der]);
    assert!(public.status.success(), "{}", said(&public));
    let arguments: [&Path; 5] =
        [Path::new("-sign"), &private, Path::new("-out"), &signature, &message];
    let signed = openssl(&["dgst", "-sha256"], &arguments);
    assert!(signed.status.success(), "{}", said(&signed));
    let key = PublicKey::from_pkcs1(fs::read(der).unwrap());
    let hex: String =
        fs::read(signature).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(key.verifies_hex(b"message", &hex));
    assert!(!key.verifies_hex(b"massage", &hex));
}

#[test]
fn a_fingerprint_is_the_md5_that_openssl_finds() {
    let bench = Bench::new();
    let key = SigningKey::generate().unwrap();
    let der = bench.write("key.der", key.public().pkcs1());
    let digest = openssl(&["dgst", "-md5", "-r"], &[&der]);
    let digest = said(&digest);
    assert_eq!(digest.split_whitespace().next(), Some(&*key.public().fingerprint()), "{digest}");
}

#[test]
fn a_public_key_is_a_pkcs1_sequence_of_modulus_and_exponent() {
    let bench = Bench::new();
    let key = SigningKey::generate().unwrap();
    assert_eq!(key.public().pkcs1().len(), 270);
    let der = bench.write("key.der", key.public().pkcs1());
    let parsed = said(&openssl(&["asn1parse", "-inform", "DER", "-in"], &[&der]));
    let lines: Vec<&str> = parsed.lines().filter(|line| !line.trim().is_empty()).collect();
    let [sequence, modulus, exponent] = lines[..] else { panic!("{parsed}") };
    assert!(sequence.contains("d=0") && sequence.contains("l= 266 cons: SEQUENCE"), "{parsed}");
    assert!(modulus.contains("d=1") && modulus.contains("l= 257 prim: INTEGER"), "{parsed}");
    assert!(exponent.contains("d=1") && exponent.ends_with(":010001"), "{parsed}");
}
