//! A KMS key that private keys are encrypted with.
//!
//! A private key has 1.2 KB, and KMS encrypts 4 KB: so the key itself goes there, and no data key in
//! between. The encryption context binds a ciphertext to the public key and the Region that it is of,
//! and is in AWS's own log of who used the KMS key.
//! Source: AWS KMS API Reference, `Encrypt` and `Decrypt`.

use std::collections::HashMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::Region;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use zeroize::Zeroizing;

/// The encryption context's name for the fingerprint of the public key.
pub const CONTEXT_KEY: &str = "cairn:digest-key";
/// The encryption context's name for the Region whose digests the key signs.
pub const CONTEXT_REGION: &str = "cairn:region";

/// KMS did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the KMS key {key} (digests.kms_key) could not be used: {message}")]
pub struct KmsError {
    /// What was asked.
    pub key: String,
    /// What KMS said, or what went wrong on the way to it.
    pub message: String,
}

/// A KMS key, by the name that the configuration gives it.
#[derive(Clone, Debug)]
pub struct Kms {
    client: Client,
    named: String,
}

/// A private key as KMS encrypted it.
pub(crate) struct Encrypted {
    pub(crate) arn: String,
    pub(crate) ciphertext: Vec<u8>,
}

/// What a ciphertext is bound to.
pub(crate) struct Binding<'a> {
    pub(crate) fingerprint: String,
    pub(crate) region: &'a model::Region,
}

impl Kms {
    /// A key by its id, its alias (`alias/NAME`), or the ARN of either; an ARN says the Region. The
    /// client's time-outs bound how long a digest waits for an answer.
    #[must_use]
    pub fn new(config: &aws_sdk_kms::Config, named: &str) -> Kms {
        let mut builder = config.to_builder();
        if let Some(region) = named.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)) {
            builder.set_region(Some(Region::new(region.to_owned())));
        }
        Kms { client: Client::from_conf(builder.build()), named: named.to_owned() }
    }

    /// As the configuration names it.
    #[must_use]
    pub fn named(&self) -> &str {
        &self.named
    }

    /// Tries what private keys need of it, on something else.
    ///
    /// # Errors
    /// It could not be used.
    pub async fn check(&self) -> Result<(), KmsError> {
        let region = "us-east-1".parse().expect("a Region");
        let binding = Binding { fingerprint: "none".into(), region: &region };
        self.encrypt(b"cairn doctor", &binding).await.map(drop)
    }

    /// Encrypts, and sees that it can be undone: whoever may encrypt alone would find out when the
    /// plaintext is gone.
    pub(crate) async fn encrypt(
        &self,
        der: &[u8],
        binding: &Binding<'_>,
    ) -> Result<Encrypted, KmsError> {
        let encrypted = self.encrypt_alone(der, binding).await?;
        if *self.decrypt(&encrypted, binding).await? != der {
            let message = "it decrypts something else than it encrypted".into();
            return Err(KmsError { key: self.named.clone(), message });
        }
        Ok(encrypted)
    }

    async fn encrypt_alone(
        &self,
        der: &[u8],
        binding: &Binding<'_>,
    ) -> Result<Encrypted, KmsError> {
        let asked = self.client.encrypt().key_id(&self.named).plaintext(Blob::new(der));
        let asked = asked.set_encryption_context(Some(binding.context()));
        let answer = asked.send().await.map_err(|error| failed(&self.named, &error))?;
        match (answer.key_id, answer.ciphertext_blob) {
            (Some(arn), Some(ciphertext)) => {
                Ok(Encrypted { arn, ciphertext: ciphertext.into_inner() })
            }
            _ => Err(incomplete(&self.named)),
        }
    }

    pub(crate) async fn decrypt(
        &self,
        encrypted: &Encrypted,
        binding: &Binding<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let Encrypted { arn, ciphertext } = encrypted;
        let asked = self.client.decrypt().key_id(arn).ciphertext_blob(Blob::new(&ciphertext[..]));
        let asked = asked.set_encryption_context(Some(binding.context()));
        let answer = asked.send().await.map_err(|error| failed(arn, &error))?;
        let plaintext = answer.plaintext.ok_or_else(|| incomplete(arn))?;
        Ok(Zeroizing::new(plaintext.into_inner()))
    }
}

impl Binding<'_> {
    fn context(&self) -> HashMap<String, String> {
        HashMap::from([
            (CONTEXT_KEY.to_owned(), self.fingerprint.clone()),
            (CONTEXT_REGION.to_owned(), self.region.to_string()),
        ])
    }
}

fn failed<E>(key: &str, error: &SdkError<E>) -> KmsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let message = match error.as_service_error().and_then(|service| service.code()) {
        Some(code) => format!("{code}: {}", error.message().unwrap_or("KMS said nothing more")),
        None => unanswered(error),
    };
    KmsError { key: key.to_owned(), message }
}

/// Why there is no answer of KMS. Never its bytes: an answer that cannot be read may hold a private key.
fn unanswered<E>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => "the call could not be made".into(),
        SdkError::TimeoutError(_) => "it does not answer in time".into(),
        SdkError::DispatchFailure(failure) => {
            let mut said = "it cannot be reached".to_owned();
            let mut cause = failure.as_connector_error().and_then(std::error::Error::source);
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            said
        }
        SdkError::ResponseError(answer) => foreign(answer.raw().status().as_u16()),
        SdkError::ServiceError(answer) => foreign(answer.raw().status().as_u16()),
        _ => "it did not answer".into(),
    }
}

fn foreign(status: u16) -> String {
    format!("the answer is not one of KMS (HTTP {status}); is its endpoint right?")
}

fn incomplete(key: &str) -> KmsError {
    KmsError { key: key.to_owned(), message: "the answer of KMS is incomplete".into() }
}
