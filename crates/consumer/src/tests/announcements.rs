//! Every body that a queue of CloudTrail may hold, and some that it should not.

use super::world::{BUCKET, enveloped, notice, s3_event};
use crate::ObjectKind::{Digest, Foreign, LogFile, Marker, NotCreated};
use crate::{Announced, Announcement, ObjectKind, UnreadableMessage};

const FILE: &str = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/x.json.gz";
const DIGEST: &str = "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/03/09/x.json.gz";
const TEST_EVENT: &str = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-09T14:05:00.000Z","Bucket":"log-bucket","RequestId":"R","HostId":"H"}"#;

fn objects(objects: &[(&str, ObjectKind)]) -> Announcement {
    let announced = |&(key, kind): &(&str, ObjectKind)| Announced {
        bucket: BUCKET.into(),
        key: key.into(),
        kind,
    };
    Announcement::Objects(objects.iter().map(announced).collect())
}

/// Raw and enveloped must read the same.
#[track_caller]
fn check(body: &str, expected: &Announcement) {
    for body in [body.to_owned(), enveloped(body), format!("\n {body} ")] {
        assert_eq!(&Announcement::parse(&body).expect(&body), expected, "{body}");
    }
}

#[track_caller]
fn check_unreadable(body: &str, expected: &str) {
    let error: UnreadableMessage = Announcement::parse(body).expect_err(body);
    assert!(error.to_string().contains(expected), "{body}: {error}");
}

#[test]
fn a_notice_of_cloudtrail_is_read_raw_and_enveloped() {
    check(&notice(&[FILE]), &objects(&[(FILE, LogFile)]));
    check(
        &notice(&[FILE, DIGEST, "a/"]),
        &objects(&[(FILE, LogFile), (DIGEST, Digest), ("a/", Marker)]),
    );
}

#[test]
fn a_key_in_a_notice_is_plain_and_stays_as_it_is() {
    let odd = "my logs+%2B/AWSLogs/111111111111/CloudTrail/r/2026/03/09/x.json.gz";
    check(&notice(&[odd]), &objects(&[(odd, LogFile)]));
}

#[test]
fn a_notice_is_believed_when_it_names_a_key_of_unusual_layout() {
    check(&notice(&["some/file"]), &objects(&[("some/file", LogFile)]));
}

#[test]
fn an_s3_event_is_read_raw_and_enveloped() {
    check(&s3_event("ObjectCreated:Put", FILE, 12), &objects(&[(FILE, LogFile)]));
    check(&s3_event("s3:ObjectCreated:Put", FILE, 12), &objects(&[(FILE, LogFile)]));
    check(&s3_event("ObjectCreated:Put", DIGEST, 12), &objects(&[(DIGEST, Digest)]));
    check(&s3_event("ObjectCreated:Put", FILE, 0), &objects(&[(FILE, Marker)]));
    check(&s3_event("ObjectCreated:Put", "cat.png", 12), &objects(&[("cat.png", Foreign)]));
    check(&s3_event("ObjectRemoved:Delete", FILE, 12), &objects(&[(FILE, NotCreated)]));
    check(&s3_event("LifecycleExpiration:Delete", FILE, 12), &objects(&[(FILE, NotCreated)]));
}

#[test]
fn a_key_in_an_s3_event_is_url_encoded_with_plus_for_a_blank() {
    let encoded = "my+logs%2B/AWSLogs/111111111111/CloudTrail/r/2026/03/09/caf%C3%A9.json.gz";
    let plain = "my logs+/AWSLogs/111111111111/CloudTrail/r/2026/03/09/café.json.gz";
    check(&s3_event("ObjectCreated:Put", encoded, 12), &objects(&[(plain, LogFile)]));
}

#[test]
fn messages_that_only_try_the_way_are_recognised() {
    check("CloudTrail validation message.", &Announcement::Validation);
    check("CloudTrail validation message", &Announcement::Validation);
    check(TEST_EVENT, &Announcement::TestEvent);
}

#[test]
fn a_body_of_another_kind_is_unreadable() {
    check_unreadable("", "not JSON");
    check_unreadable("hello", "not JSON");
    check_unreadable("[]", "not JSON");
    check_unreadable("{}", "neither");
    check_unreadable(r#"{"Message":"no envelope without a type or topic"}"#, "neither");
    check_unreadable(&enveloped(&enveloped(&notice(&[FILE]))), "neither");
    check_unreadable(&enveloped("hello"), "not JSON");
    check_unreadable(&notice(&[]), "at least one key");
    check_unreadable(r#"{"s3Bucket":"b","s3ObjectKey":"not an array"}"#, "not a CloudTrail notice");
    check_unreadable(r#"{"s3Bucket":7,"s3ObjectKey":["k"]}"#, "not a CloudTrail notice");
    check_unreadable(r#"{"Records":[]}"#, "at least one object");
    check_unreadable(r#"{"Records":[{"eventSource":"aws:ses"}]}"#, "not an S3 event");
    check_unreadable(&s3_event("ObjectCreated:Put", "a%2", 1), "not URL-encoded");
}

#[test]
fn a_subscription_that_waits_for_confirmation_says_so() {
    let body = r#"{"Type":"SubscriptionConfirmation","TopicArn":"a","Message":"You have chosen to subscribe","SubscribeURL":"https://x"}"#;
    check_unreadable(body, "SubscribeURL");
}
