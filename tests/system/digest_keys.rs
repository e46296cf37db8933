//! The keys that sign digests: in a real data directory, with a real KMS (LocalStack's), and as a
//! daemon lists them.

#[path = "../../crates/keyring/tests/support/search.rs"]
mod search;

use std::path::Path;
use std::sync::Arc;

use aws_sdk_kms::primitives::Blob;
use daemon::{aws, config::DigestsKmsKey, serve};
use keyring::{Custody, KeyRing, KeySettings, SigningKey};
use serde_json::{Value, json};

use crate::support::cairn::{Cairn, Site};
use crate::support::localstack::{LocalStack, endpoint, sdk};
use crate::support::process::cairn;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;
use crate::trail_status::call;

const REGION: &str = "eu-west-1";
/// The data directory is searched byte by byte.
const SMALL: &str = "[journal]\nsegment_size = \"1MiB\"\nquota = \"8MiB\"\n";
const ENCRYPTED: &str = "keys that sign digests are encrypted";

/// The key that signs now, of a data directory that no daemon has; it is made if there is none.
async fn signer(site: &Site, custody: Custody) -> Arc<SigningKey> {
    let parts = serve::real_parts(&site.data()).unwrap();
    let settings = KeySettings { custody, ..KeySettings::default() };
    let generate = Arc::new(SigningKey::generate);
    let ring = KeyRing::open(Arc::clone(&parts.disk), generate, settings).unwrap();
    ring.signing_key(&REGION.parse().unwrap(), parts.now().wall).await.unwrap()
}

/// KMS as the daemon asks it.
async fn kms(named: &str) -> Custody {
    let config = sdk(&endpoint(), "test", "us-east-1").await;
    aws::custody(&config, &DigestsKmsKey::Named(named.into()))
}

/// The alias of a new KMS key, and a client of KMS.
async fn alias(localstack: &LocalStack, what: &str) -> (String, aws_sdk_kms::Client) {
    let client = aws_sdk_kms::Client::new(&sdk(&endpoint(), "test", "us-east-1").await);
    let made = client.create_key().send().await.unwrap().key_metadata.unwrap();
    let alias = format!("alias/{}", localstack.name(what));
    client.create_alias().alias_name(&alias).target_key_id(&made.key_id).send().await.unwrap();
    (alias, client)
}

fn with_kms(alias: &str) -> String {
    format!("{SMALL}[digests]\nkms_key = {alias:?}\n")
}

/// The files of a directory that show a private key.
fn giving_away(directory: &Path, key: &SigningKey) -> Vec<String> {
    let der = key.to_pkcs8().unwrap();
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if search::shows(&std::fs::read(&path).unwrap(), &der) {
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The fingerprints that a daemon lists.
async fn listed(daemon: &Cairn) -> Vec<String> {
    let answer = call(daemon, "740000000009", "ListPublicKeys", &json!({})).await;
    let keys = answer["PublicKeyList"].as_array().unwrap().iter();
    keys.map(|key| key["Fingerprint"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn with_a_kms_key_the_data_directory_gives_no_private_key_away() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (alias, client) = alias(&localstack, "digests").await;
    let site = Site::new(SMALL);
    // What was kept plain before is encrypted at the start.
    let plain = signer(&site, Custody::Plain).await;
    assert_eq!(giving_away(&site.data(), &plain), ["digest-keys.json"]);
    site.configure(&with_kms(&alias));
    let daemon = site.start().await;
    daemon.logged(0, ENCRYPTED).await;
    assert_eq!(giving_away(&site.data(), &plain), [""; 0]);
    assert_eq!(listed(&daemon).await, [plain.public().fingerprint()]);
    daemon.stop().await;
    // It signs on.
    let again = signer(&site, kms(&alias).await).await;
    assert_eq!(again.sign_hex(b"message").unwrap(), plain.sign_hex(b"message").unwrap());

    // One that is made under KMS was never there.
    std::fs::remove_file(site.data().join("digest-keys.json")).unwrap();
    let made = signer(&site, kms(&alias).await).await;
    assert_eq!(giving_away(&site.data(), &made), [""; 0]);
    let again = signer(&site, kms(&alias).await).await;
    assert_eq!(again.public(), made.public());

    // KMS gives it to nobody who does not say what it is for.
    let file = std::fs::read(site.data().join("digest-keys.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let ciphertext = file["state"]["keys"][0]["private"]["kms"]["ciphertext"].as_str().unwrap();
    let ciphertext =
        Blob::new(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, ciphertext).unwrap());
    let decrypt = |region: &str| {
        let asked = client.decrypt().ciphertext_blob(ciphertext.clone());
        let asked = asked.encryption_context("cairn:digest-key", made.public().fingerprint());
        asked.encryption_context("cairn:region", region).send()
    };
    assert!(decrypt("us-east-1").await.is_err());
    let plaintext = decrypt(REGION).await.unwrap().plaintext.unwrap();
    assert_eq!(plaintext.into_inner(), made.to_pkcs8().unwrap().to_vec());
}

#[tokio::test]
async fn without_its_kms_key_a_daemon_says_so_and_does_not_start() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (alias, _) = alias(&localstack, "digests").await;
    let site = Site::new("");
    let before = signer(&site, kms(&alias).await).await;
    let ended = site.launch().ended().await;
    assert_ne!(ended.code, Some(0));
    let said = ended.errors;
    assert!(said.contains(&alias) && said.contains("digests.kms_key is not set"), "{said}");
    // Whoever wants to go on without it says so; the keys of before stay listed.
    site.configure("[digests]\nkms_key = \"none\"\n");
    let daemon = site.start().await;
    assert_eq!(listed(&daemon).await, [before.public().fingerprint()]);
    daemon.stop().await;
}

#[tokio::test]
async fn while_kms_refuses_a_daemon_serves_on_and_encrypts_when_it_answers_again() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (alias, _) = alias(&localstack, "refusing").await;
    let proxy = Proxy::start().await;
    let (status, content_type) = (400, "application/x-amz-json-1.1");
    let body = r#"{"__type":"AccessDeniedException","message":"a fault of this test"}"#.into();
    proxy.fail(&[Call::Other], &alias, Fault::Answer { status, content_type, body });
    let site = Site::new(&with_kms(&alias));
    let plain = signer(&site, Custody::Plain).await;
    let daemon = site.start_on(proxy.endpoint()).await;
    let logged = daemon.logged(0, "the keys that sign digests cannot be tended").await;
    let error = logged["error"].as_str().unwrap();
    assert!(error.contains("AccessDeniedException") && error.contains(&alias), "{error}");
    assert_eq!(listed(&daemon).await, [plain.public().fingerprint()]);
    assert_eq!(giving_away(&site.data(), &plain), ["digest-keys.json"]);
    proxy.heal();
    daemon.logged(0, ENCRYPTED).await;
    eventually("nothing is given away", async || {
        giving_away(&site.data(), &plain).is_empty().then_some(())
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn doctor_tries_the_kms_key() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (alias, _) = alias(&localstack, "tried").await;
    let missing = format!("alias/{}", localstack.name("missing"));
    for (named, code) in [(&alias, 0), (&missing, 1)] {
        let site = Site::new(&with_kms(named));
        let configuration = site.configuration();
        let ended = cairn(&["doctor", "--config", configuration.to_str().unwrap()]).await;
        let line = format!("digests: encrypt and decrypt by {named}\n");
        let said = &ended.output;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        match code {
            0 => assert!(said.contains(&format!("ok   {line}")), "{said}"),
            _ => {
                assert!(said.contains(&format!("FAIL {line}")), "{said}");
                assert!(said.contains("correct digests.kms_key"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn damaged_keys_stop_the_start_and_are_left_as_they_are() {
    let Some(_) = LocalStack::find().await else { return };
    let site = Site::new("");
    signer(&site, Custody::Plain).await;
    let path = site.data().join("digest-keys.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged = text.replacen("eu-west-1", "eu-west-2", 1);
    std::fs::write(&path, &damaged).unwrap();
    let ended = site.launch().ended().await;
    assert_ne!(ended.code, Some(0));
    let said = ended.errors;
    let expected =
        "digest-keys.json is damaged (its checksum does not match); restore it from a backup";
    assert!(said.contains(expected), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
}
