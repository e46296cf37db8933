//! What GetTrailStatus tells outlives the daemon.

use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;

use super::registers::{TRAIL, client};
use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;
use crate::support::wait::eventually;

#[tokio::test]
async fn the_times_of_a_trail_outlive_a_stop_and_a_kill() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("status").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let aws = client(&daemon.url("")).await;
    aws.create_trail().name(TRAIL).s3_bucket_name(&bucket).send().await.unwrap();
    aws.start_logging().name(TRAIL).send().await.unwrap();
    let status =
        async |url: String| client(&url).await.get_trail_status().name(TRAIL).send().await.unwrap();
    let before = eventually("a delivery", async || {
        let status = status(daemon.url("")).await;
        status.latest_delivery_time().is_some().then_some(status)
    })
    .await;
    daemon.stop().await;
    let daemon = site.start().await;
    assert_is_kept(&before, &status(daemon.url("")).await);
    daemon.kill();
    let daemon = site.start().await;
    assert_is_kept(&before, &status(daemon.url("")).await);
    daemon.stop().await;
}

fn assert_is_kept(before: &GetTrailStatusOutput, after: &GetTrailStatusOutput) {
    assert_eq!(after.is_logging(), Some(true));
    assert_eq!(after.start_logging_time(), before.start_logging_time());
    assert_eq!(after.time_logging_started(), before.time_logging_started());
    // The last delivery of the daemon before may be a later one.
    assert!(after.latest_delivery_time() >= before.latest_delivery_time(), "{after:?}");
    assert_ne!(after.latest_delivery_attempt_succeeded(), Some(""));
}
