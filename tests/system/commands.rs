//! What an operator meets: mistakes in the configuration, doctor, health.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::cairn::Site;
use crate::support::configuration::{Trail, fan_out, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::process::cairn;

const ACCOUNT: &str = "701000000001";

#[tokio::test]
async fn all_mistakes_of_a_configuration_are_shown_together_and_nothing_starts() {
    let site = Site::new("");
    let two = "[[trails]]\nname = \"a b\"\naccount = \"12345\"\nregion = \"eu-west-1\"\nbucket = \"B\"\n\
               [[trails]]\nname = \"fifo\"\naccount = \"111111111111\"\nregion = \"eu-west-1\"\nbucket = \"bucket\"\n\
               topic = \"files.fifo\"\nmulti_region = true\ninclude_global_service_events = false\nbuckett = 1\n\
               [log]\nformat = \"yaml\"\n";
    site.configure_with_interval("5 parsecs", two);
    let ended = site.launch().ended().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for mistake in [
        "delivery.interval = \"5 parsecs\"",
        "trails[0].name = \"a b\"",
        "trails[0].account = \"12345\"",
        "trails[0].bucket = \"B\"",
        "trails[1].topic",
        "trails[1].include_global_service_events",
        "trails[1].buckett",
        "log.format = \"yaml\"",
        "8 mistakes",
    ] {
        assert!(ended.errors.contains(mistake), "{mistake}: {}", ended.errors);
    }
    assert!(!site.configuration().with_file_name("data").exists(), "nothing was begun");
    let missing = cairn(&["serve", "--config", "/nowhere/cairn.toml"]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.contains("/nowhere/cairn.toml"), "{missing:?}");
    assert_eq!(cairn(&["serve", "--unknown"]).await.code, Some(2));
}

#[tokio::test]
async fn put_sends_what_came_whole_before_a_file_breaks_off() {
    let site = Site::new("");
    let daemon = site.start().await;
    let lines: String = (0..500).map(|n| event(ACCOUNT, "eu-west-1", n) + "\n").collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let file = site.file("half.json.gz", &packed[..packed.len() / 2]);
    let put = cairn(&["put", "--json", "--endpoint", &daemon.url(""), &file]).await;
    assert_eq!(put.code, Some(1), "{put:?}");
    assert!(put.errors.contains("not whole gzip"), "{put:?}");
    assert!(put.errors.contains("what came before was sent"), "{put:?}");
    let totals: Value = serde_json::from_str(&put.output).unwrap();
    let recorded = totals["recorded"].as_u64().unwrap();
    assert!((100..500).contains(&recorded), "{totals}");
    let whole = site.file("whole.json.gz", &packed);
    let put = cairn(&["put", "--json", "--endpoint", &daemon.url(""), &whole]).await;
    let totals: Value = serde_json::from_str(&put.output).unwrap();
    assert_eq!(totals["duplicates"], recorded, "sent again, and recorded once");
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_takes_events_reloads_and_stops_while_aws_does_not_answer() {
    // Connections are made and nothing comes back.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let trail = |name| Trail::new(name, ACCOUNT, "eu-west-1", "bucket");
    let topic = "arn:aws:sns:us-east-1:000000000000:topic";
    let queues = fan_out(topic, "enveloped", "raw");
    let site = Site::new("");
    site.configure_with_interval("1h", &trail("one").to_string());
    let daemon = site.start_on(&endpoint).await;
    daemon.record(&[event(ACCOUNT, "eu-west-1", 1)]).await;
    site.configure_with_interval("1h", &format!("{}{queues}", trail("two").topic(topic)));
    assert!(daemon.reload().await);
    daemon.record(&[event(ACCOUNT, "eu-west-1", 2)]).await;
    assert_eq!(daemon.get("/readyz").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn doctor_tries_everything_and_says_what_is_missing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (present, missing) = (localstack.bucket("there").await, localstack.name("absent"));
    let topic = localstack.topic("doctored");
    let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
    let good = Trail::new("good", ACCOUNT, "eu-west-1", &present).prefix("p").topic(&topic);
    let site = Site::new(&format!("{good}{queues}"));
    let configuration = site.configuration().to_str().unwrap().to_owned();
    let doctor = cairn(&["doctor", "--config", &configuration]).await;
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    let (place, tried) = doctor.output.split_once('\n').unwrap();
    assert!(place.contains("endpoint http") && place.contains("Region us-east-1"), "{place}");
    assert!(tried.lines().all(|line| line.starts_with("ok ")), "{}", doctor.output);
    let put = format!("put s3://{present}/p/AWSLogs/{ACCOUNT}/CloudTrail/");
    let read = format!("read the ACL of {present}");
    let publish = format!("publish to {topic}");
    let fan_out = format!("fan-out of {topic}");
    let arrives = format!("{}: a message published to the topic arrives", localstack.name("raw"));
    for tried in [put, read, publish, fan_out, arrives] {
        assert!(doctor.output.contains(&tried), "{tried}: {}", doctor.output);
    }

    let bad = Trail::new("bad", ACCOUNT, "cn-north-1", &missing).prefix("q");
    site.configure(&trails(&[good, bad]));
    let doctor = cairn(&["doctor", "--config", &configuration]).await;
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let failed: Vec<&str> = doctor.output.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.len() >= 2, "the object and the ACL: {}", doctor.output);
    assert!(failed.iter().all(|line| line.contains("trail bad") && line.contains(&missing)));
    assert!(doctor.output.contains("NoSuchBucket"), "{}", doctor.output);
    let json = cairn(&["doctor", "--config", &configuration, "--json"]).await;
    let report: Value = serde_json::from_str(&json.output).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let statement_of = |part: &str| {
        let is_it =
            |check: &&Value| check["ok"] == false && check["what"].as_str().unwrap().contains(part);
        checks.iter().find(is_it).map(|check| &check["missing"]).unwrap()
    };
    let write = statement_of("trail bad: put");
    assert_eq!(write["Resource"], format!("arn:aws-cn:s3:::{missing}/q/AWSLogs/*"));
    assert!(write["Action"].as_array().unwrap().contains(&json!("s3:PutObject")), "{write}");
    assert_eq!(statement_of("read the ACL")["Action"], "s3:GetBucketAcl");
    // No permission is missing here: people are told what is.
    assert!(doctor.output.contains("create it (aws s3 mb s3://NAME)"), "{}", doctor.output);
}

#[tokio::test]
async fn doctor_asks_a_daemon_for_its_health() {
    let site = Site::new(&Trail::new("any", ACCOUNT, "eu-west-1", "bucket").to_string());
    let daemon = site.start().await;
    let url = daemon.url("");
    let healthy = cairn(&["doctor", "--health", "--endpoint", &url]).await;
    assert_eq!((healthy.code, healthy.output.as_str()), (Some(0), "ready\n"), "{healthy:?}");
    let json = cairn(&["doctor", "--health", "--json", "--endpoint", &url]).await;
    let health: Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!(health, json!({"status": "ready", "problems": [], "warnings": []}));
    assert_eq!(
        (daemon.get("/healthz").await.text().as_str(), daemon.get("/x").await.status),
        ("ok\n", 404)
    );
    daemon.stop().await;
    let gone = cairn(&["doctor", "--health", "--endpoint", &url]).await;
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(!gone.errors.is_empty());
}
