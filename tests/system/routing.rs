//! Several accounts, Regions, trails and prefixes at once: each trail gets what it should, and only
//! that.

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{ALL, Trail, trails};
use crate::support::localstack::LocalStack;

const MANAGEMENT: &str = "710000000001";
const MEMBER: &str = "710000000002";
const OUTSIDER: &str = "710000000003";
const ORGANIZATION: &str = "o-abc123defg";

/// What each account does: name, Region, eventSource, category.
const DEEDS: [(&str, &str, &str, &str); 6] = [
    ("eu", "eu-west-1", "ec2.amazonaws.com", "Management"),
    ("us", "us-east-1", "ec2.amazonaws.com", "Management"),
    ("iam", "us-east-1", "iam.amazonaws.com", "Management"),
    ("data", "eu-west-1", "s3.amazonaws.com", "Data"),
    ("net", "eu-west-1", "kms.amazonaws.com", "NetworkActivity"),
    ("old", "eu-west-1", "lambda.amazonaws.com", "Management"),
];

#[tokio::test]
async fn each_trail_gets_its_events_and_no_others() {
    let Some(localstack) = LocalStack::find().await else { return };
    let shared = localstack.bucket("shared").await;
    let second = localstack.bucket("elsewhere").await;
    let of = |name, account, region| Trail::new(name, account, region, &shared);
    let all = [
        of("home", MANAGEMENT, "eu-west-1"),
        of("twin", MANAGEMENT, "eu-west-1"),
        of("organization", MANAGEMENT, "us-east-1").prefix("org").multi_region().with("organization = true"),
        of("everything", MEMBER, "eu-west-1").prefix("b/all").multi_region().categories(&ALL),
        of("data", MEMBER, "eu-west-1").prefix("b/data").categories(&["Data"]),
        Trail::new("second", MEMBER, "ap-south-1", &second).multi_region(),
        of("global", OUTSIDER, "us-east-1").prefix("c"),
        of("regional", OUTSIDER, "us-east-1").prefix("c-regional").with("include_global_service_events = false"),
        of("off", OUTSIDER, "us-east-1").prefix("off").multi_region().with("logging = false"),
        of("picky", OUTSIDER, "eu-west-1").prefix("picky").with(
            r#"advanced_event_selectors = '''[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["ec2.amazonaws.com"]}]}]'''"#,
        ),
    ];
    let organization = format!(
        "[organization]\nid = {ORGANIZATION:?}\nmanagement_account = {MANAGEMENT:?}\nmembers = [{MEMBER:?}]\n"
    );
    let daemon = Site::new(&format!("{organization}{}", trails(&all)));
    let site = daemon;
    let daemon = site.start().await;
    daemon.record(&records()).await;
    let metrics = daemon.finish().await;
    assert!(metrics.sum("cairn_trail_unselected_events") > 0);

    let shared = Bucket::read(&localstack, &shared, ("", "")).await;
    let second = Bucket::read(&localstack, &second, ("", "")).await;
    let check = |bucket: &Bucket, prefix, organization, expected: &[&str]| {
        assert_eq!(
            names(bucket, prefix, organization),
            expected,
            "under {prefix:?} {organization:?}"
        );
    };
    // Two trails of one bucket: each delivers its own copy, under names of its own.
    let [m_eu, m_old] = ["710000000001-eu", "710000000001-old"];
    check(&shared, None, None, &[m_eu, m_eu, m_old, m_old]);
    let members = [
        "710000000001-eu",
        "710000000001-iam",
        "710000000001-old",
        "710000000001-us",
        "710000000002-eu",
        "710000000002-iam",
        "710000000002-old",
        "710000000002-us",
    ];
    check(&shared, Some("org"), Some(ORGANIZATION), &members);
    check(&shared, Some("org"), None, &[]);
    let everything = [
        "710000000002-data",
        "710000000002-eu",
        "710000000002-iam",
        "710000000002-net",
        "710000000002-old",
        "710000000002-us",
    ];
    check(&shared, Some("b/all"), None, &everything);
    check(&shared, Some("b/data"), None, &["710000000002-data"]);
    check(&second, None, None, &members[4..]);
    check(&shared, Some("c"), None, &["710000000003-iam", "710000000003-us"]);
    check(&shared, Some("c-regional"), None, &["710000000003-us"]);
    check(&shared, Some("off"), None, &[]);
    check(&shared, Some("picky"), None, &["710000000003-old"]);
    let counted = [4, 8, 6, 1, 2, 1, 1].iter().sum::<usize>();
    assert_eq!(shared.records().len(), counted, "nothing lies anywhere else");
}

fn records() -> Vec<String> {
    let mut records = Vec::new();
    for account in [MANAGEMENT, MEMBER, OUTSIDER] {
        for (name, region, source, category) in DEEDS {
            // A record older than 1.07 does not name its category.
            let category = match name {
                "old" => String::new(),
                _ => format!(r#","eventCategory":"{category}""#),
            };
            records.push(format!(
                r#"{{"eventName":"{account}-{name}","eventSource":"{source}","awsRegion":"{region}","recipientAccountId":"{account}"{category}}}"#
            ));
        }
    }
    records
}

/// The `eventName` of each record there, sorted.
fn names(bucket: &Bucket, prefix: Option<&str>, organization: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    for events in bucket.contents(prefix, organization).into_values() {
        for (record, times) in events {
            let record: serde_json::Value = serde_json::from_str(&record).unwrap();
            let name = record["eventName"].as_str().unwrap();
            names.extend(std::iter::repeat_n(name.to_owned(), times));
        }
    }
    names.sort();
    names
}
