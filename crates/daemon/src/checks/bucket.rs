//! Whether a trail's bucket takes what the trail will put there.
//!
//! `s3:GetBucketAcl`, and a PUT of each marker with all that a log file's PUT has: the ACL, the
//! encryption and its context. Both are attempted, so that a marker is left though the ACL may not be
//! read, as with AWS.

use bytes::Bytes;
use delivery::{Metadata, Put, S3Store, StoreError};
use futures_util::future::{join, join_all};
use model::OrganizationId;
use model::key::marker_keys;
use trails::Trail;

use super::{Found, key};

/// Codes, in whole or in part, that say nothing about the bucket: S3 is busy, or our credentials or
/// our clock are wrong.
const NOT_THE_BUCKET: [&str; 12] = [
    "SlowDown",
    "Throttl",
    "TooManyRequests",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "Internal",
    "Http5",
    "ExpiredToken",
    "InvalidToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
];

/// Reads the bucket's ACL and puts the trail's markers; `organization` is that of an organization
/// trail.
pub(super) async fn check(
    store: &S3Store,
    trail: &Trail,
    organization: Option<&OrganizationId>,
    writes_digests: bool,
) -> Result<Option<String>, Found> {
    let markers = markers(trail, organization, writes_digests);
    let puts = join_all(markers.iter().map(|marker| store.put_marker(marker)));
    let (acl, puts) = join(store.read_acl(&trail.bucket), puts).await;
    let errors = [acl].into_iter().chain(puts).filter_map(Result::err);
    let found = errors.map(|error| found(trail, &error));
    // What refuses says more than what did not answer.
    found.min_by_key(|found| found.problem.status).map_or(Ok(None), Err)
}

fn markers(trail: &Trail, organization: Option<&OrganizationId>, writes_digests: bool) -> Vec<Put> {
    let keys = marker_keys(trail.prefix.as_ref(), organization, &trail.arn.account, writes_digests);
    // A key that makes no sense is the business of its own check.
    let named = trail.kms_key.as_deref().and_then(|named| key::Reference::parse(named, &trail.arn));
    let marker = |object_key| Put {
        bucket: trail.bucket.clone(),
        key: object_key,
        body: Bytes::new(),
        kms_key: named.as_ref().map(|key| key.arn.clone()),
        metadata: Metadata::new(),
        trail: trail.arn.clone(),
    };
    keys.into_iter().map(marker).collect()
}

fn found(trail: &Trail, error: &StoreError) -> Found {
    let bucket = &trail.bucket;
    let code = error.code.as_str();
    // S3 says `KMS.` and what KMS said; of a key that it may not use, `AccessDenied` and the action.
    if let Some(of_kms) = code.strip_prefix("KMS.") {
        return key::found(trail, of_kms, &error.message, error);
    }
    if code == "AccessDenied" && error.message.contains("kms:") {
        return key::found(trail, code, &error.message, error);
    }
    let says_nothing =
        !error.is_of_the_destination() || NOT_THE_BUCKET.iter().any(|part| code.contains(part));
    if code == "NoSuchBucket" {
        let message = format!("S3 bucket {bucket} does not exist!");
        Found::refused("S3BucketDoesNotExistException", message, error)
    } else if says_nothing {
        Found::unknown(error)
    } else {
        let message = format!("Incorrect S3 bucket policy is detected for bucket: {bucket}");
        Found::refused("InsufficientS3BucketPolicyException", message, error)
    }
}
