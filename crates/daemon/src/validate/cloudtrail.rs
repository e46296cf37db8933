//! What CloudTrail is asked: where a trail delivers, and the public keys of Regions.

use std::collections::BTreeSet;

use anyhow::{Context, anyhow, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::config::Builder;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::PublicKey as Published;
use integrity::keys::SIGNED_LATE_MAX;
use integrity::{DigestFolder, Keys, KnownKey};
use keyring::PublicKey;
use model::{KeyPrefix, Region, Timestamp, TrailArn};

/// When nothing else is said, all keys are asked for.
const ALL_KEYS: Timestamp = Timestamp::EPOCH;
/// Answers of `ListPublicKeys` for one Region.
const PAGES_MAX: usize = 1000;

/// Where a trail delivers.
pub(super) struct Delivers {
    pub(super) bucket: String,
    pub(super) prefix: Option<KeyPrefix>,
}

/// Looks a trail up, as `aws cloudtrail validate-logs` does.
pub(super) async fn describe(config: &SdkConfig, arn: &TrailArn) -> anyhow::Result<Delivers> {
    let text = arn.to_string();
    let asked = Client::new(config).describe_trails().send().await;
    let answer = asked.map_err(|error| {
        anyhow!(
            "CloudTrail was not to be asked for the trail: {}; --s3-bucket says where its digests are",
            outbox::brief(&error)
        )
    })?;
    let trail = answer.trail_list().iter().find(|trail| trail.trail_arn() == Some(text.as_str()));
    let trail = trail.with_context(|| {
        format!("A trail could not be found for {text}; --s3-bucket says where its digests are")
    })?;
    let bucket = trail.s3_bucket_name().context("the trail has no bucket")?.to_owned();
    let prefix = trail.s3_key_prefix().filter(|prefix| !prefix.is_empty());
    Ok(Delivers { bucket, prefix: prefix.map(str::parse).transpose()? })
}

/// The keys of all Regions that digests are of, for digests of a time. One Region that does not answer
/// leaves the others': its own digests are not verified then.
pub(crate) async fn public_keys(
    config: &SdkConfig,
    folders: &[DigestFolder],
    (from, to): (Option<Timestamp>, Timestamp),
) -> anyhow::Result<Keys> {
    let regions: BTreeSet<&Region> = folders.iter().map(|folder| &folder.region).collect();
    let from = from.unwrap_or(ALL_KEYS);
    let to = to.plus(SIGNED_LATE_MAX);
    let mut keys = Keys::default();
    let mut failed = None;
    for region in regions {
        let listed = match list(config, region, from, to).await {
            Ok(listed) => listed,
            Err(error) => {
                keys.miss(region.clone(), error.to_string());
                failed.get_or_insert(error);
                continue;
            }
        };
        for published in listed {
            let der = published.value().context("a public key has no Value")?.as_ref().to_vec();
            let moment = |at: Option<&DateTime>| at.and_then(|at| at.to_millis().ok());
            let valid_from = moment(published.validity_start_time()).map(Timestamp::from_millis);
            let valid_to = moment(published.validity_end_time()).map(Timestamp::from_millis);
            keys.add(KnownKey {
                key: PublicKey::from_pkcs1(der),
                valid: valid_from.zip(valid_to),
                region: Some(region.clone()),
            });
        }
    }
    if keys.is_empty() {
        if let Some(error) = failed {
            return Err(error);
        }
        bail!(
            "No public keys found between {from} and {to}; --keys names a file with them, and AWS_ENDPOINT_URL_CLOUDTRAIL who is asked"
        );
    }
    Ok(keys)
}

async fn list(
    config: &SdkConfig,
    region: &Region,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<Vec<Published>> {
    let of_region = aws_config::Region::new(region.as_str().to_owned());
    let client = Client::from_conf(Builder::from(config).region(of_region).build());
    let moment = |at: Timestamp| DateTime::from_millis(at.as_millis());
    let mut keys = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let asked = client.list_public_keys().start_time(moment(from)).end_time(moment(to));
        let answer = asked.set_next_token(next.take()).send().await.map_err(|error| {
            anyhow!(
                "the public keys of {region} could not be listed: {}; --keys names a file with them, and AWS_ENDPOINT_URL_CLOUDTRAIL who is asked",
                outbox::brief(&error)
            )
        })?;
        keys.extend(answer.public_key_list().iter().cloned());
        next = answer.next_token().map(str::to_owned);
        if next.is_none() {
            return Ok(keys);
        }
    }
    bail!("the public keys of {region} do not end after {PAGES_MAX} answers")
}
