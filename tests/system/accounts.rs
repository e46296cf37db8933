//! `cairn account` as an operator types it, beside a daemon that runs on the same data directory.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::cairn::Site;
use crate::support::process::{Ended, cairn};

const ACCOUNT: &str = "702000000001";
const READ_ONLY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudtrail:Get*","cloudtrail:List*"],"Resource":"*"}]}"#;

async fn run(site: &Site, arguments: &str) -> Ended {
    let configuration = site.configuration().to_str().unwrap().to_owned();
    let mut typed = vec!["account", "--config", &configuration];
    typed.extend(arguments.split(' '));
    cairn(&typed).await
}

/// Runs a command that must do what it says.
#[track_caller]
fn done(ended: Ended) -> String {
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{ended:?}");
    ended.output
}

async fn json(site: &Site, arguments: &str) -> Value {
    serde_json::from_str(&done(run(site, &format!("{arguments} --json")).await)).unwrap()
}

#[tokio::test]
async fn accounts_users_and_keys_are_made_and_unmade_beside_a_daemon() {
    let site = Site::new("");
    let daemon = site.start().await;
    let policy = site.file("read-only.json", READ_ONLY);
    let made = done(run(&site, &format!("create {ACCOUNT} --alias acme")).await);
    assert!(
        made.contains(&format!("next, one of:\n  cairn account create-user {ACCOUNT}")),
        "{made}"
    );
    let made = json(&site, &format!("create-user {ACCOUNT} amy --administrator")).await;
    assert_eq!(made["User"]["Arn"], format!("arn:aws:iam::{ACCOUNT}:user/amy"));
    let made = done(run(&site, &format!("create-user {ACCOUNT} bob --policy {policy}")).await);
    assert!(
        made.ends_with(&format!("next:\n  cairn account create-key {ACCOUNT} bob\n")),
        "{made}"
    );

    let key = json(&site, &format!("create-key {ACCOUNT} amy")).await;
    let key = &key["AccessKey"];
    assert_eq!((&key["UserName"], &key["Status"]), (&"amy".into(), &"Active".into()));
    let of_root = json(&site, &format!("create-key {ACCOUNT}")).await;
    assert_eq!(of_root["AccessKey"]["UserName"], Value::Null);
    let session = json(&site, &format!("create-session {ACCOUNT} bob --duration 15m")).await;
    let session = &session["Credentials"];
    assert!(session["AccessKeyId"].as_str().unwrap().starts_with("ASIA"), "{session}");

    let lines = done(run(&site, &format!("create-key {ACCOUNT} bob")).await);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], format!("# of user bob of account {ACCOUNT}, shown this once"));
    let id = lines[1].strip_prefix("export AWS_ACCESS_KEY_ID=AKIA").unwrap();
    let secret = lines[2].strip_prefix("export AWS_SECRET_ACCESS_KEY=").unwrap();
    assert_eq!((id.len(), secret.len(), lines[3]), (16, 40, "unset AWS_SESSION_TOKEN"));

    // Nothing but the answer to its creation shows a secret.
    let shown = done(run(&site, &format!("show {ACCOUNT}")).await);
    let detail = json(&site, &format!("show {ACCOUNT}")).await;
    let kept = fs::read_to_string(site.data().join("accounts.json")).unwrap();
    let secrets = [
        key["SecretAccessKey"].as_str().unwrap(),
        of_root["AccessKey"]["SecretAccessKey"].as_str().unwrap(),
        session["SecretAccessKey"].as_str().unwrap(),
        session["SessionToken"].as_str().unwrap(),
        secret,
    ];
    for secret in secrets {
        for place in [&shown, &detail.to_string(), &kept] {
            assert!(!place.contains(secret) && !place.contains(&secret[..10]), "{place}");
        }
    }
    for part in
        ["alias acme", "root key AKIA", "user amy, AIDA", "  policy read-only", "  session ASIA"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let users = detail["Account"]["Users"].as_array().unwrap();
    let document: Value = serde_json::from_str(READ_ONLY).unwrap();
    assert_eq!(users[1]["Policies"][0]["PolicyDocument"], document);

    let amys = key["AccessKeyId"].as_str().unwrap();
    let said = done(run(&site, &format!("deactivate-key {amys}")).await);
    assert_eq!(said, format!("access key {amys} of user amy of account {ACCOUNT} is out of use\n"));
    let shown = done(run(&site, &format!("show {ACCOUNT}")).await);
    assert!(shown.contains(&format!("  key {amys}, Inactive")), "{shown}");
    done(run(&site, &format!("activate-key {amys}")).await);
    done(run(&site, &format!("delete-key {amys}")).await);
    done(run(&site, &format!("put-policy {ACCOUNT} amy {policy} --name more")).await);
    done(run(&site, &format!("delete-policy {ACCOUNT} amy more")).await);
    done(run(&site, &format!("delete-user {ACCOUNT} amy")).await);
    let list = done(run(&site, "list").await);
    assert_eq!(list, format!("{ACCOUNT}     1 users  acme\n"));
    done(run(&site, &format!("delete {ACCOUNT}")).await);
    assert!(done(run(&site, "list").await).contains("cairn account create"), "what to do first");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_said_with_what_to_do_and_changes_nothing() {
    let site = Site::new("");
    done(run(&site, &format!("create {ACCOUNT}")).await);
    done(run(&site, &format!("create-user {ACCOUNT} amy --administrator")).await);
    let before = fs::read(site.data().join("accounts.json")).unwrap();
    let misspelt = site.file("misspelt.json", READ_ONLY.replace("Resource", "Resuorce"));
    let long = site.file("long.json", " ".repeat(100_000));
    let unnamed = site.file("un named.json", READ_ONLY);
    let unnamed = unnamed.as_str();
    let other = "702000000002";
    for (arguments, code, message) in [
        (format!("create {ACCOUNT}"), 1, "exists already"),
        (format!("create-key {other}"), 1, "create it with: cairn account create 702000000002"),
        (format!("create-key {ACCOUNT} bob"), 1, "cairn account create-user 702000000001 bob"),
        (format!("create-user {ACCOUNT} Amy"), 1, "has a user amy already"),
        (
            format!("put-policy {ACCOUNT} amy {misspelt}"),
            1,
            "Statement[0]: unknown element \"Resuorce\"; known are Sid, Effect",
        ),
        (format!("put-policy {ACCOUNT} amy {long}"), 1, "expected at most 10240"),
        ("delete-key AKIANONE".into(), 1, "cairn account show lists an account's keys"),
        (format!("create-session {ACCOUNT} amy --duration 1m"), 1, "15 minutes to 36 hours"),
        (format!("put-policy {ACCOUNT} amy /nowhere/p.json"), 2, "/nowhere/p.json"),
        (format!("create-session {ACCOUNT} amy --duration 1"), 2, "such as 1h"),
        ("create 12345".into(), 2, "12 digits"),
        (format!("create-user {ACCOUNT} a/b"), 2, "1 to 64 letters"),
        (format!("show {ACCOUNT} --data-dir /nowhere"), 2, "/nowhere is no data directory"),
    ] {
        let ended = run(&site, &arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(ended.errors.contains(message), "{arguments}: {}", ended.errors);
        assert_eq!(ended.output, "", "{arguments}");
    }
    let configuration = site.configuration().to_str().unwrap().to_owned();
    let put = ["account", "put-policy", ACCOUNT, "amy", unnamed, "--config", &configuration];
    let ended = cairn(&put).await;
    assert!(ended.errors.contains("say which by put-policy --name"), "{ended:?}");
    assert_eq!(fs::read(site.data().join("accounts.json")).unwrap(), before);
    assert!(!Path::new("/nowhere").exists());
}

#[tokio::test]
async fn a_copy_of_the_data_directory_gives_no_secret_away_when_the_key_is_elsewhere() {
    let site = Site::new("");
    let key = site.configuration().with_file_name("apart.key");
    let with_key = |arguments: &str| format!("{arguments} --accounts-key {}", key.display());
    done(run(&site, &format!("create {ACCOUNT}")).await);
    done(run(&site, &with_key(&format!("create-key {ACCOUNT}"))).await);
    assert!(key.exists() && !site.data().join("accounts.key").exists());
    let ended = run(&site, &format!("create-key {ACCOUNT}")).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("accounts.key is missing"), "{}", ended.errors);
    assert!(ended.errors.contains("accounts_key"), "where to say it: {}", ended.errors);
    done(run(&site, &format!("show {ACCOUNT}")).await);
    // The setting does what the flag does.
    let text = fs::read_to_string(site.configuration()).unwrap();
    fs::write(site.configuration(), format!("accounts_key = {key:?}\n{text}")).unwrap();
    done(run(&site, &format!("create-key {ACCOUNT}")).await);
}

#[tokio::test]
async fn commands_that_run_at_once_all_take_effect() {
    let site = Site::new("");
    done(run(&site, &format!("create {ACCOUNT}")).await);
    let create = |number: usize| {
        let (site, arguments) = (&site, format!("create-user {ACCOUNT} user-{number}"));
        async move { done(run(site, &arguments).await) }
    };
    futures_util::future::join_all((0..6).map(create)).await;
    assert_eq!(json(&site, "list").await["Accounts"][0]["Users"], 6);
}
