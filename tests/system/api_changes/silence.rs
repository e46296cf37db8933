//! A call that silences a trail is the last that the trail tells of: nobody falls silent unseen.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::RequestId;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, Tag};
use serde_json::json;

use super::told::Told;
use crate::support::cairn::{Cairn, Site};
use crate::support::localstack::{LocalStack, sdk};

const ACCOUNT: &str = "620000000001";
const REGION: &str = "eu-west-1";

/// A trail that will fall silent, beside one that hears everything.
struct Scene {
    localstack: LocalStack,
    daemon: Cairn,
    client: Client,
    /// Where the trail's log files go at first.
    bucket: String,
    /// Where those of the other trail go.
    witness: String,
    /// The requests that were acknowledged since both are logging.
    requests: Vec<String>,
}

impl Scene {
    async fn set(site: &Site) -> Option<Scene> {
        let localstack = LocalStack::find().await?;
        let (bucket, witness) =
            (localstack.bucket("silenced").await, localstack.bucket("witness").await);
        let daemon = site.start().await;
        let client = Client::new(&sdk(&daemon.url(""), ACCOUNT, REGION).await);
        for (name, bucket) in [("silenced", &bucket), ("witness", &witness)] {
            let create = client.create_trail().name(name).s3_bucket_name(bucket);
            create.send().await.unwrap();
        }
        client.start_logging().name("silenced").send().await.unwrap();
        client.start_logging().name("witness").send().await.unwrap();
        Some(Scene { localstack, daemon, client, bucket, witness, requests: Vec::new() })
    }

    /// A change that has nothing to do with what the trail takes.
    async fn tag(&mut self) {
        let arn = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/witness");
        let tag = Tag::builder().key("n").value(self.requests.len().to_string()).build().unwrap();
        let tagged = self.client.add_tags().resource_id(arn).tags_list(tag).send().await.unwrap();
        self.acknowledged(tagged.request_id());
    }

    fn acknowledged(&mut self, request: Option<&str>) {
        self.requests.push(request.unwrap().to_owned());
    }

    /// Settles; then the trail must have told of these changes and no others, and the other trail of
    /// each acknowledged one once.
    async fn end(self, expected: &[&str]) {
        self.daemon.finish().await;
        let told = Told::read(&self.localstack, &self.bucket).await;
        assert_eq!(told.changes(), expected);
        let witness = Told::read(&self.localstack, &self.witness).await;
        for request in &self.requests {
            let record = witness.of(request);
            assert_eq!(record["userIdentity"]["accountId"], ACCOUNT, "{record}");
            assert_eq!(record["recipientAccountId"], ACCOUNT, "{record}");
            assert_eq!(record.get("errorCode"), None, "{record}");
        }
    }
}

#[tokio::test]
async fn a_trail_tells_that_its_logging_was_stopped_and_nothing_after_that() {
    let site = Site::new("");
    let Some(mut scene) = Scene::set(&site).await else { return };
    scene.tag().await;
    let stopped = scene.client.stop_logging().name("silenced").send().await.unwrap();
    scene.acknowledged(stopped.request_id());
    scene.tag().await;
    // `StartLogging witness` came when the trail was logging already.
    scene.end(&["AddTags", "StartLogging", "StopLogging"]).await;
}

#[tokio::test]
async fn a_trail_tells_that_it_was_deleted_and_nothing_after_that() {
    let site = Site::new("");
    let Some(mut scene) = Scene::set(&site).await else { return };
    let deleted = scene.client.delete_trail().name("silenced").send().await.unwrap();
    scene.acknowledged(deleted.request_id());
    scene.tag().await;
    scene.end(&["DeleteTrail", "StartLogging"]).await;
}

#[tokio::test]
async fn a_trail_tells_that_its_selectors_were_narrowed_and_nothing_after_that() {
    let site = Site::new("");
    let Some(mut scene) = Scene::set(&site).await else { return };
    let field = |name: &str, value: &str| {
        AdvancedFieldSelector::builder().field(name).equals(value).build().unwrap()
    };
    let objects = AdvancedEventSelector::builder()
        .field_selectors(field("eventCategory", "Data"))
        .field_selectors(field("resources.type", "AWS::S3::Object"))
        .build()
        .unwrap();
    let put = scene.client.put_event_selectors().trail_name("silenced");
    let put = put.advanced_event_selectors(objects).send().await.unwrap();
    scene.acknowledged(put.request_id());
    scene.tag().await;
    scene.end(&["PutEventSelectors", "StartLogging"]).await;
}

#[tokio::test]
async fn a_trail_tells_its_former_bucket_that_it_was_given_another() {
    let site = Site::new("");
    let Some(mut scene) = Scene::set(&site).await else { return };
    let other = scene.localstack.bucket("latter").await;
    let update = scene.client.update_trail().name("silenced").s3_bucket_name(&other);
    let updated = update.send().await.unwrap();
    scene.acknowledged(updated.request_id());
    scene.tag().await;
    let request = scene.requests[0].clone();
    let (localstack, bucket) = (LocalStack::find().await.unwrap(), scene.bucket.clone());
    scene.end(&["StartLogging", "UpdateTrail"]).await;
    let record = Told::read(&localstack, &bucket).await.of(&request).clone();
    let parameters = json!({"name": "silenced", "s3BucketName": other});
    assert_eq!(record["requestParameters"], parameters, "{record}");
    assert_eq!(Told::read(&localstack, &other).await.changes(), ["AddTags"]);
}

#[tokio::test]
async fn reads_and_refused_calls_are_recorded_too() {
    let site = Site::new("");
    let Some(scene) = Scene::set(&site).await else { return };
    let read = scene.client.describe_trails().send().await.unwrap();
    let refused = scene.client.delete_trail().name("unknown").send().await.unwrap_err();
    let requests = [read.request_id().unwrap(), refused.request_id().unwrap()];
    scene.daemon.finish().await;
    let told = Told::read(&scene.localstack, &scene.bucket).await;
    let [read, refused] = requests.map(|request| told.of(request));
    assert_eq!((&read["eventName"], &read["readOnly"]), (&json!("DescribeTrails"), &json!(true)));
    assert_eq!(refused["errorCode"], "TrailNotFoundException");
    let text = format!("Unknown trail: unknown for the user: {ACCOUNT}");
    assert_eq!((&refused["errorMessage"], &refused["readOnly"]), (&json!(text), &json!(false)));
    assert_eq!(refused["requestParameters"], json!({"name": "unknown"}));
}
