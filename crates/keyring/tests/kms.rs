//! Private keys that KMS encrypts, with a KMS that answers, refuses, is away or is silent. The real
//! one's part is played by LocalStack in `tests/system`.
#![allow(clippy::unwrap_used)]

#[path = "../../notifier/tests/support/endpoint.rs"]
mod endpoint;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kms::Config;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, Region};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cairn_keyring::{Custody, FILE, KeyRing, KeyRingError, Kms};
use endpoint::{Answer, Request};
use serde_json::{Value, json};
use support::{KEYS, NOW, World, all, at, region};
use tokio::task::JoinSet;

const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

/// A KMS key: what it is asked, and how it answers.
#[derive(Clone)]
struct FakeKms {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    mood: Arc<Mutex<Mood>>,
}

/// What, of which key, in which Region, with which encryption context.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    what: String,
    key: String,
    region: String,
    context: Value,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// An answer of an error.
    Refusing(u16, &'static str),
    /// It takes calls and never answers.
    Silent,
    /// It decrypts everything to the same other key.
    Lying,
    /// It encrypts only.
    NoDecrypt,
}

impl FakeKms {
    fn new() -> FakeKms {
        let (asked, mood) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(Mutex::new(Mood::Well)));
        let (seen, now) = (Arc::clone(&asked), Arc::clone(&mood));
        let url = endpoint::serve(move |request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            seen.lock().unwrap().push(Asked::of(request, &body));
            let mood = *now.lock().unwrap();
            answer(request, &body, mood)
        });
        FakeKms { url, asked, mood }
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn named(&self, named: &str) -> Custody {
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.url)
            .credentials_provider(Credentials::from_keys(endpoint::ACCOUNT, "secret", None))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Custody::Kms(Kms::new(&config, named))
    }

    fn custody(&self) -> Custody {
        self.named("alias/cairn")
    }
}

impl Asked {
    fn of(request: &Request, body: &Value) -> Asked {
        let target = &request.headers["x-amz-target"];
        Asked {
            what: target.strip_prefix("TrentService.").unwrap().to_owned(),
            key: body["KeyId"].as_str().unwrap().to_owned(),
            region: request.region().to_owned(),
            context: body["EncryptionContext"].clone(),
        }
    }
}

/// What stands in for encryption: each byte turned over, behind the encryption context.
fn answer(request: &Request, body: &Value, mood: Mood) -> Answer {
    match mood {
        Mood::Silent => return None,
        Mood::Refusing(status, code) => {
            return Some((status, json!({ "__type": code, "message": "no" }).to_string()));
        }
        Mood::Well | Mood::Lying | Mood::NoDecrypt => {}
    }
    let context = body["EncryptionContext"].to_string().into_bytes();
    let turned = |bytes: &[u8]| bytes.iter().map(|byte| !byte).collect::<Vec<u8>>();
    let blob = |name: &str| BASE64_STANDARD.decode(body[name].as_str().unwrap()).unwrap();
    if request.headers["x-amz-target"].ends_with("Encrypt") {
        let plaintext = blob("Plaintext");
        assert!(plaintext.len() <= 4096, "more than KMS takes");
        let ciphertext = BASE64_STANDARD.encode([context, turned(&plaintext)].concat());
        return Some((200, json!({ "KeyId": ARN, "CiphertextBlob": ciphertext }).to_string()));
    }
    if mood == Mood::NoDecrypt {
        return Some((400, json!({ "__type": "AccessDeniedException" }).to_string()));
    }
    let ciphertext = blob("CiphertextBlob");
    let plaintext = match ciphertext.strip_prefix(&context[..]) {
        Some(_) if mood == Mood::Lying => KEYS[40].clone(),
        Some(rest) => turned(rest),
        None => return Some((400, json!({ "__type": "InvalidCiphertextException" }).to_string())),
    };
    let plaintext = BASE64_STANDARD.encode(plaintext);
    Some((200, json!({ "KeyId": ARN, "Plaintext": plaintext }).to_string()))
}

async fn signer(ring: &KeyRing, of: &str) -> String {
    try_signer(ring, of).await.unwrap()
}

async fn try_signer(ring: &KeyRing, of: &str) -> Result<String, KeyRingError> {
    let key = ring.signing_key(&region(of), at(NOW)).await?;
    Ok(key.public().fingerprint())
}

#[tokio::test]
async fn no_private_key_is_on_the_disk_and_a_restart_decrypts_it() {
    let (world, kms) = (World::new(), FakeKms::new());
    let ring = world.kept(kms.custody()).unwrap();
    let fingerprint = signer(&ring, "eu-west-1").await;
    assert_eq!(world.given_away(), 0);
    let context = json!({ "cairn:digest-key": fingerprint, "cairn:region": "eu-west-1" });
    let asked = |what: &str, key: &str, region: &str| Asked {
        what: what.into(),
        key: key.into(),
        region: region.into(),
        context: context.clone(),
    };
    let encrypted =
        [asked("Encrypt", "alias/cairn", "us-east-1"), asked("Decrypt", ARN, "us-east-1")];
    assert_eq!(kms.asked(), encrypted, "and it can be decrypted");
    // It is in memory from now on.
    signer(&ring, "eu-west-1").await;
    assert_eq!(kms.asked(), []);
    let ring = world.kept(kms.custody()).unwrap();
    assert_eq!(kms.asked(), [], "a start does not wait for KMS");
    for _ in 0..2 {
        assert_eq!(signer(&ring, "eu-west-1").await, fingerprint);
    }
    assert_eq!(kms.asked(), [asked("Decrypt", ARN, "us-east-1")]);
    assert_eq!(world.drawn(), 1);
}

#[tokio::test]
async fn an_arn_names_the_region_in_which_its_key_is() {
    let (world, kms) = (World::new(), FakeKms::new());
    let named = "arn:aws:kms:ap-south-1:111122223333:alias/cairn";
    signer(&world.kept(kms.named(named)).unwrap(), "eu-west-1").await;
    signer(&world.kept(kms.named(named)).unwrap(), "eu-west-1").await;
    let asked = kms.asked();
    let what: Vec<&str> = asked.iter().map(|asked| &*asked.what).collect();
    assert_eq!(what, ["Encrypt", "Decrypt", "Decrypt"]);
    assert!(asked.iter().all(|asked| asked.region == "ap-south-1"), "{asked:?}");
}

#[tokio::test]
async fn what_was_kept_plain_is_encrypted_when_it_is_tended_or_used() {
    for is_tended in [true, false] {
        let (world, kms) = (World::new(), FakeKms::new());
        let plain = world.kept(Custody::Plain).unwrap();
        let before = signer(&plain, "eu-west-1").await;
        signer(&plain, "us-east-1").await;
        assert_eq!(world.given_away(), 2);
        let ring = world.kept(kms.custody()).unwrap();
        if is_tended {
            ring.tend(at(NOW)).await.unwrap();
        } else {
            assert_eq!(signer(&ring, "eu-west-1").await, before);
        }
        assert_eq!(world.given_away(), 0);
        // The same key signs on, also after a restart.
        assert_eq!(signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await, before);
        assert_eq!(world.drawn(), 2);
    }
}

#[tokio::test]
async fn while_kms_refuses_nothing_is_made_or_lost_and_then_it_goes_on() {
    let (world, kms) = (World::new(), FakeKms::new());
    let before = signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await;
    let file = world.file();
    let ring = world.kept(kms.custody()).unwrap();
    for (status, code) in [
        (400, "AccessDeniedException"),
        (400, "DisabledException"),
        (400, "NotFoundException"),
        (400, "ThrottlingException"),
        (500, "KMSInternalException"),
    ] {
        kms.is(Mood::Refusing(status, code));
        for of in ["eu-west-1", "us-east-1"] {
            let refused = try_signer(&ring, of).await.unwrap_err();
            let text = refused.to_string();
            assert!(matches!(refused, KeyRingError::Kms(_)), "{text}");
            let key = if of == "eu-west-1" { ARN } else { "alias/cairn" };
            assert!(text.contains(code) && text.contains(key), "{text}");
            assert!(text.contains("digests.kms_key"), "{text}");
        }
        assert_eq!(world.file(), file);
    }
    kms.is(Mood::Well);
    assert_eq!(signer(&ring, "eu-west-1").await, before);
    signer(&ring, "us-east-1").await;
    assert_eq!(all(&ring, "us-east-1").len(), 1);
}

#[tokio::test]
async fn a_kms_that_nobody_reaches_is_told_as_such() {
    let world = World::new();
    let nobody = FakeKms { url: "http://127.0.0.1:1".into(), ..FakeKms::new() };
    let refused =
        try_signer(&world.kept(nobody.custody()).unwrap(), "eu-west-1").await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("alias/cairn") && text.to_lowercase().contains("connect"), "{text}");
}

#[tokio::test]
async fn a_silent_kms_holds_up_neither_listing_nor_keys_in_memory() {
    let (world, kms) = (World::new(), FakeKms::new());
    let ring = Arc::new(world.kept(kms.custody()).unwrap());
    let known = signer(&ring, "eu-west-1").await;
    kms.asked();
    kms.is(Mood::Silent);
    let mut waits = JoinSet::new();
    waits.spawn({
        let ring = Arc::clone(&ring);
        async move { try_signer(&ring, "us-east-1").await }
    });
    while kms.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(signer(&ring, "eu-west-1").await, known);
    assert_eq!(all(&ring, "eu-west-1").len(), 1);
    assert!(waits.try_join_next().is_none());
    waits.shutdown().await;
    kms.is(Mood::Well);
    signer(&ring, "us-east-1").await;
    assert_eq!(all(&ring, "us-east-1").len(), 1, "a call that was given up leaves nothing behind");
}

#[tokio::test]
async fn without_the_kms_key_the_start_is_refused_unless_it_is_to_be_no_longer() {
    let (world, kms) = (World::new(), FakeKms::new());
    let before = signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await;
    let refused = world.kept(Custody::Plain).unwrap_err().to_string();
    for part in [FILE, "alias/cairn", "digests.kms_key", "\"none\""] {
        assert!(refused.contains(part), "{refused}");
    }
    kms.is(Mood::Refusing(400, "NotFoundException"));
    let ring = world.kept(Custody::NoLongerKms).unwrap();
    let after = signer(&ring, "eu-west-1").await;
    assert_ne!(after, before);
    let listed = ring.published(&region("eu-west-1"), at(NOW), at(NOW));
    let listed: Vec<String> = listed.iter().map(|key| key.key.fingerprint()).collect();
    assert_eq!(listed, [before.clone(), after.clone()]);
    // And back: the key of before signs again, since the other is encrypted by the same KMS key.
    kms.is(Mood::Well);
    let ring = world.kept(kms.custody()).unwrap();
    assert_eq!(signer(&ring, "eu-west-1").await, after, "the one made last");
    assert_eq!((world.drawn(), world.given_away()), (2, 0));
}

#[tokio::test]
async fn another_kms_key_makes_new_keys_so_that_a_lost_one_is_no_dead_end() {
    let (world, kms) = (World::new(), FakeKms::new());
    let before = signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await;
    let ring = world.kept(kms.named("alias/other")).unwrap();
    let after = signer(&ring, "eu-west-1").await;
    assert_ne!(after, before);
    assert_eq!(all(&ring, "eu-west-1").len(), 2);
    // Whoever goes back goes on with the first.
    assert_eq!(signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await, before);
    assert_eq!(world.drawn(), 2);
}

#[tokio::test]
async fn a_ciphertext_of_another_key_or_region_is_not_taken() {
    let (world, kms) = (World::new(), FakeKms::new());
    let ring = world.kept(kms.custody()).unwrap();
    signer(&ring, "eu-west-1").await;
    signer(&ring, "us-east-1").await;
    // Somebody swaps the two on the disk.
    let mut file: Value = serde_json::from_slice(&world.file()).unwrap();
    let keys = file["state"]["keys"].as_array_mut().unwrap();
    let [one, other] = [0, 1].map(|key| keys[key]["private"].clone());
    (keys[0]["private"], keys[1]["private"]) = (other, one);
    let checksum = crc32fast::hash(file["state"].to_string().as_bytes());
    let bytes = format!(r#"{{"format":1,"checksum":{checksum},"state":{}}}"#, file["state"]);
    disk::replace(&world.disk, FILE, bytes.as_bytes()).unwrap();
    let ring = world.kept(kms.custody()).unwrap();
    let refused = try_signer(&ring, "eu-west-1").await.unwrap_err().to_string();
    assert!(refused.contains("InvalidCiphertextException"), "{refused}");
}

#[tokio::test]
async fn a_kms_that_decrypts_to_something_else_is_not_believed() {
    let (world, kms) = (World::new(), FakeKms::new());
    kms.is(Mood::Lying);
    let refused = try_signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await.unwrap_err();
    assert!(refused.to_string().contains("decrypts something else"), "{refused}");
    kms.is(Mood::Well);
    let ring = world.kept(kms.custody()).unwrap();
    assert_eq!(all(&ring, "eu-west-1"), []);
    signer(&ring, "eu-west-1").await;
    kms.is(Mood::Lying);
    let refused = try_signer(&world.kept(kms.custody()).unwrap(), "eu-west-1").await.unwrap_err();
    assert!(matches!(refused, KeyRingError::Corrupt(_)), "{refused}");
}

#[tokio::test]
async fn who_may_encrypt_and_not_decrypt_gets_no_key_and_loses_none() {
    let (world, kms) = (World::new(), FakeKms::new());
    let before = signer(&world.kept(Custody::Plain).unwrap(), "eu-west-1").await;
    kms.is(Mood::NoDecrypt);
    let ring = world.kept(kms.custody()).unwrap();
    for of in ["eu-west-1", "us-east-1"] {
        let refused = try_signer(&ring, of).await.unwrap_err().to_string();
        assert!(refused.contains("AccessDeniedException"), "{refused}");
    }
    assert_eq!(world.given_away(), 1, "what is there is kept until it is known to be safe");
    kms.is(Mood::Well);
    assert_eq!(signer(&ring, "eu-west-1").await, before);
    assert_eq!(world.given_away(), 0);
}

#[tokio::test]
async fn what_kms_encrypted_is_forgotten_like_the_rest() {
    let (world, kms) = (World::new(), FakeKms::new());
    let ring = world.kept(kms.custody()).unwrap();
    let before = signer(&ring, "eu-west-1").await;
    assert!(String::from_utf8(world.file()).unwrap().contains("ciphertext"));
    ring.tend(at(NOW + support::days(100))).await.unwrap();
    assert!(!String::from_utf8(world.file()).unwrap().contains("ciphertext"));
    assert_ne!(signer(&ring, "eu-west-1").await, before, "nothing of it is left in memory");
}
