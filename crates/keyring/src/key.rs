//! One RSA key: signs, verifies, has a fingerprint.
//!
//! RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2). A public key is the DER of a PKCS#1
//! `RSAPublicKey`, its fingerprint the lower-case hex MD5 of that, as `ListPublicKeys` gives both.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// Bytes that are no RSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no RSA key of 2048 to 8192 bits")]
pub struct InvalidKey;

/// A private key.
pub struct SigningKey {
    pair: RsaKeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Draws a key of 2048 bits; takes about 0.1 s.
    pub fn generate() -> Result<SigningKey, InvalidKey> {
        RsaKeyPair::generate(KeySize::Rsa2048).map(SigningKey::new).map_err(|_| InvalidKey)
    }

    /// From the DER of a PKCS#8 `PrivateKeyInfo`.
    pub fn from_pkcs8(der: &[u8]) -> Result<SigningKey, InvalidKey> {
        RsaKeyPair::from_pkcs8(der).map(SigningKey::new).map_err(|_| InvalidKey)
    }

    fn new(pair: RsaKeyPair) -> SigningKey {
        let public = PublicKey { der: pair.public_key().as_ref().to_vec() };
        SigningKey { pair, public }
    }

    /// The DER of its PKCS#8 `PrivateKeyInfo`.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
        let der = self.pair.as_der().map_err(|_| InvalidKey)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// What others verify with.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of a message, in lower-case hex. The same message is always signed alike.
    pub fn sign_hex(&self, message: &[u8]) -> Result<String, InvalidKey> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
        signed.map_err(|_| InvalidKey)?;
        Ok(hex(&signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public.fingerprint())
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    der: Vec<u8>,
}

impl PublicKey {
    /// From the DER of a PKCS#1 `RSAPublicKey`. Bytes that are none verify nothing.
    #[must_use]
    pub fn from_pkcs1(der: Vec<u8>) -> PublicKey {
        PublicKey { der }
    }

    /// The DER of a PKCS#1 `RSAPublicKey`: 270 bytes for 2048 bits.
    #[must_use]
    pub fn pkcs1(&self) -> &[u8] {
        &self.der
    }

    /// 32 hexadecimal digits, lower case.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&Md5::digest(&self.der))
    }

    /// Whether this is the key's signature of the message, in hex.
    #[must_use]
    pub fn verifies_hex(&self, message: &[u8], signature: &str) -> bool {
        let Some(signature) = from_hex(signature) else { return false };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der);
        key.verify(message, &signature).is_ok()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    pairs.collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_what_its_public_key_verifies_and_nothing_else() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign_hex(b"message").unwrap();
        assert_eq!(signature.len(), 512);
        assert!(key.public().verifies_hex(b"message", &signature));
        assert!(!key.public().verifies_hex(b"messagf", &signature));
        assert!(!key.public().verifies_hex(b"message", &signature[2..]));
        assert!(!key.public().verifies_hex(b"message", "no hex"));
        assert!(!SigningKey::generate().unwrap().public().verifies_hex(b"message", &signature));
        assert_eq!(key.public().pkcs1().len(), 270);
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.sign_hex(b"message").unwrap(), signature, "signing draws nothing");
        assert_eq!(again.public().fingerprint(), key.public().fingerprint());
    }
}
