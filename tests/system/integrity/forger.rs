//! Changes to what a bucket holds, as data: made, and taken back. A forger may have the private key;
//! then all digests after the one that was changed are signed anew, so that only the change is wrong.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use keyring::SigningKey;
use model::digest::sha256_hex;
use serde_json::Value;

use super::holdings::{DigestFile, Holdings, Stored, text, unzip};
use crate::support::localstack::LocalStack;

/// What becomes of objects, by their keys; `None`: it is deleted.
pub type Changes = BTreeMap<String, Option<Stored>>;

/// A bucket with a chain of digests, and who may have signed them.
pub struct Victim {
    pub holdings: Holdings,
    /// The Region of the chain that is tampered with.
    pub region: String,
    /// The private key of the installation, stolen.
    pub stolen: Arc<SigningKey>,
    /// One of its keys that was not valid any more.
    pub expired: Arc<SigningKey>,
    /// A key of somebody else.
    pub foreign: Arc<SigningKey>,
}

impl Victim {
    pub fn chain(&self) -> &[DigestFile] {
        self.holdings.chain(&self.region)
    }

    pub fn object(&self, key: &str) -> &Stored {
        &self.holdings.objects[key]
    }

    /// A digest whose text is changed, and whose signature is the old one.
    pub fn edit(&self, at: usize, change: impl FnOnce(&mut Value)) -> Changes {
        let digest = &self.chain()[at];
        let mut says = digest.says.clone();
        change(&mut says);
        let stored = Stored { body: zip(&bytes(&says)), ..self.object(&digest.key).clone() };
        Changes::from([(digest.key.clone(), Some(stored))])
    }

    /// A digest that says something else, signed by `key`, and all after it, signed by the stolen one.
    /// It lies where it says.
    pub fn forge(&self, at: usize, key: &SigningKey, change: impl FnOnce(&mut Value)) -> Changes {
        let mut says = self.chain()[at].says.clone();
        change(&mut says);
        let mut changes = Changes::new();
        let mut before = put(&mut changes, &says, key);
        for digest in &self.chain()[at + 1..] {
            let mut says = digest.says.clone();
            let (object, sha256, signature) = before;
            says["previousDigestS3Object"] = object.into();
            says["previousDigestHashValue"] = sha256.into();
            says["previousDigestSignature"] = signature.into();
            before = put(&mut changes, &says, &self.stolen);
        }
        changes
    }

    /// The same for one digest alone: what comes after it names the one that was there.
    pub fn forge_alone(
        &self,
        at: usize,
        key: &SigningKey,
        change: impl FnOnce(&mut Value),
    ) -> Changes {
        let mut says = self.chain()[at].says.clone();
        change(&mut says);
        let mut changes = Changes::new();
        put(&mut changes, &says, key);
        changes
    }

    /// Makes changes in S3.
    pub async fn tamper(&self, localstack: &LocalStack, changes: &Changes) {
        for (key, object) in changes {
            store(localstack, &self.holdings.bucket, key, object.as_ref()).await;
        }
    }

    /// Takes them back.
    pub async fn restore(&self, localstack: &LocalStack, changes: &Changes) {
        for key in changes.keys() {
            let object = self.holdings.objects.get(key);
            store(localstack, &self.holdings.bucket, key, object).await;
        }
    }
}

/// Signs what a digest says and lays it where it says. Gives key, hash and signature.
fn put(changes: &mut Changes, says: &Value, key: &SigningKey) -> (String, String, String) {
    let body = bytes(says);
    let (sha256, object) = (sha256_hex(&body), text(says, "digestS3Object"));
    let signed = format!(
        "{}\n{}/{object}\n{sha256}\n{}",
        text(says, "digestEndTime"),
        text(says, "digestS3Bucket"),
        says["previousDigestSignature"].as_str().unwrap_or("null"),
    );
    let signature = key.sign_hex(signed.as_bytes()).unwrap();
    let metadata = [("signature", signature.as_str()), ("signature-algorithm", "SHA256withRSA")];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let stored = Stored { body: zip(&body), metadata, kms_key: None };
    changes.insert(object.into(), Some(stored));
    (object.into(), sha256, signature)
}

/// Puts an object, or deletes it.
pub async fn store(localstack: &LocalStack, bucket: &str, key: &str, object: Option<&Stored>) {
    let Some(Stored { body, metadata, .. }) = object else {
        localstack.s3.delete_object().bucket(bucket).key(key).send().await.unwrap();
        return;
    };
    let put = localstack.s3.put_object().bucket(bucket).key(key);
    let put = put.content_type("application/json").content_encoding("gzip");
    let put = put.set_metadata(Some(metadata.clone())).body(ByteStream::from(body.clone()));
    put.send().await.unwrap();
}

fn bytes(says: &Value) -> Vec<u8> {
    serde_json::to_vec(says).unwrap()
}

pub fn zip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// The same object with other content.
pub fn rewritten(object: &Stored, change: impl FnOnce(String) -> String) -> Stored {
    let content = String::from_utf8(unzip(&object.body)).unwrap();
    Stored { body: zip(change(content).as_bytes()), ..object.clone() }
}
