//! Signing keys: what is made of a secret for one day, Region and service, and signs there.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::encoding::Hash;

/// The key of a secret for one scope. Whoever has it can sign for that scope: it is a secret itself.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Derives the key from a secret access key and a scope, `20150830/us-east-1/iam/aws4_request`
    /// ([`Signed::scope`](crate::Signed::scope)). Takes some microseconds; the key holds for the day.
    #[must_use]
    pub fn derive(secret: &str, scope: &str) -> SigningKey {
        let secret = ["AWS4", secret].concat();
        scope.split('/').fold(SigningKey::new(secret.as_bytes()), |key, part| {
            SigningKey::new(&key.sign(&[part.as_bytes()]))
        })
    }

    fn new(key: &[u8]) -> SigningKey {
        SigningKey(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// The signature of these parts, one behind the other.
    fn sign(&self, parts: &[&[u8]]) -> Hash {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether this is the signature of these parts; takes as long whichever byte differs.
    pub(crate) fn verifies(&self, parts: &[&[u8]], signature: &Hash) -> bool {
        self.mac(parts).verify_slice(signature).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}
