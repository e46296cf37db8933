//! A journal that takes no events: what cannot be recorded is not changed, what only reads is answered,
//! and callers learn nothing of the machine.

use aws_sdk_cloudtrail::error::ProvideErrorMetadata;

use super::registers::{TRAIL, client};
use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;
use crate::support::wait::eventually;

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_refused_and_reads_are_answered() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("unrecorded").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon.url("")).await;
    client.create_trail().name(TRAIL).s3_bucket_name(&bucket).send().await.unwrap();
    // The segment that is open can be written to; there can be no other one.
    std::fs::rename(site.data().join("journal"), site.data().join("elsewhere")).unwrap();
    let mut made = 0;
    let refused = eventually("a change is refused", async || {
        let update = client.update_trail().name(TRAIL).s3_key_prefix(format!("p{}", made + 1));
        let refused = update.send().await.err();
        made += usize::from(refused.is_none());
        refused
    })
    .await;
    let status = refused.raw_response().unwrap().status().as_u16();
    assert_eq!((status, refused.code()), (503, Some("ServiceUnavailableException")));
    let said = format!("{:?}", refused.raw_response().unwrap().body());
    for secret in [site.data().to_str().unwrap(), "journal/", "os error"] {
        assert!(!said.contains(secret), "{said}");
    }
    let trail = client.get_trail().name(TRAIL).send().await.unwrap().trail.unwrap();
    let last = (made > 0).then(|| format!("p{made}"));
    assert_eq!(trail.s3_key_prefix(), last.as_deref(), "the refused change was not made");
    daemon.kill();
}
