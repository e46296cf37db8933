//! Which delivered logs are meant: the flags that name a bucket, or a copy of one, and what of it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use clap::Args;
use integrity::{DigestFolder, Keys, Selection, Source, SourceError};
use model::{AccountId, BucketName, KeyPrefix, OrganizationId, Region, Timestamp, TrailArn};

use super::cloudtrail;
use crate::aws;

/// Flags that name delivered logs.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Only the digests of this trail; without --s3-bucket CloudTrail is asked for its bucket
    #[arg(long, value_name = "ARN")]
    pub(crate) trail_arn: Option<TrailArn>,
    /// The bucket
    #[arg(long, value_name = "BUCKET")]
    s3_bucket: Option<BucketName>,
    /// What stands before AWSLogs/ in the keys
    #[arg(long, value_name = "PREFIX")]
    pub(crate) s3_prefix: Option<KeyPrefix>,
    /// A copy of the bucket, its files named by their keys
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Only this account's; may be repeated
    #[arg(long, value_name = "12 DIGITS")]
    account_id: Vec<AccountId>,
    /// Only this Region's; may be repeated
    #[arg(long, value_name = "REGION")]
    region: Vec<Region>,
    /// Only this organization's
    #[arg(long, value_name = "O-ID")]
    organization_id: Option<OrganizationId>,
}

/// Delivered logs that are there.
pub(crate) struct Delivered {
    /// The objects.
    pub(crate) source: Source,
    /// The bucket that digests name.
    pub(crate) bucket: String,
    /// The folders that are meant. Never empty.
    pub(crate) folders: Vec<DigestFolder>,
}

/// `2026-03-09`, or with a time: `2026-03-09T14:00:00Z`, `2026-03-09 14:00:00`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let read = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    read.ok_or_else(|| "not a moment such as 2026-03-09 or 2026-03-09T14:00:00Z".into())
}

/// The public keys in these files, which a flag names; `None` where there are no files.
pub(crate) fn keys_of(flag: &str, files: &[PathBuf]) -> anyhow::Result<Option<Keys>> {
    let mut all = Keys::default();
    for path in files {
        let place = || format!("{flag} {}", path.display());
        let text = std::fs::read(path).with_context(place)?;
        all.extend(Keys::parse(&text).with_context(place)?);
    }
    Ok((!files.is_empty()).then_some(all))
}

impl Place {
    /// Looks for the folders of digests and log files.
    pub(crate) async fn find(&self, config: &SdkConfig) -> anyhow::Result<Delivered> {
        let (source, bucket, selection) = self.source(config).await?;
        let folders = integrity::find_folders(&source, &bucket, &selection).await;
        let folders = folders.map_err(|error| explained(&error))?;
        let bucket = match bucket.is_empty() {
            false => bucket,
            true => self.bucket_of_copy(&source, &folders).await?,
        };
        if folders.is_empty() {
            let prefix =
                self.s3_prefix.as_ref().map_or(String::new(), |prefix| format!("{prefix}/"));
            bail!(
                "No digests found: there is nothing below s3://{bucket}/{prefix}AWSLogs/ of what was asked for"
            );
        }
        Ok(Delivered { source, bucket, folders })
    }

    /// Where the objects are; the bucket is empty where a copy must tell it.
    async fn source(&self, config: &SdkConfig) -> anyhow::Result<(Source, String, Selection)> {
        let mut selection = Selection {
            prefix: self.s3_prefix.clone(),
            organization: self.organization_id.clone(),
            accounts: self.account_id.clone(),
            regions: self.region.clone(),
        };
        let named = self.s3_bucket.as_ref().map(|bucket| bucket.as_str().to_owned());
        if let Some(directory) = &self.directory {
            if !directory.is_dir() {
                bail!("--directory {}: there is no such directory", directory.display());
            }
            let source = Source::directory(directory.clone());
            return Ok((source, named.unwrap_or_default(), selection));
        }
        let bucket = match (named, &self.trail_arn) {
            (Some(bucket), _) => bucket,
            (None, Some(arn)) => {
                let trail = cloudtrail::describe(config, arn).await?;
                selection.prefix = selection.prefix.or(trail.prefix);
                trail.bucket
            }
            (None, None) => {
                bail!("say where the logs are: --s3-bucket, --trail-arn or --directory")
            }
        };
        let builder = aws_sdk_s3::config::Builder::from(config);
        Ok((Source::s3(builder, aws::is_path_style(config)), bucket, selection))
    }

    async fn bucket_of_copy(
        &self,
        source: &Source,
        folders: &[DigestFolder],
    ) -> anyhow::Result<String> {
        let told = integrity::digest::told_bucket(source, folders).await;
        let told = told.map_err(|error| explained(&error))?;
        let directory = self.directory.as_deref().unwrap_or_else(|| "".as_ref()).display();
        told.with_context(|| {
            format!(
                "No digests found in {directory}: it must hold the objects by their keys, [PREFIX/]AWSLogs/…, as `aws s3 sync s3://BUCKET DIR` makes it"
            )
        })
    }
}

/// What to do when a listing was refused.
pub(crate) fn explained(error: &SourceError) -> anyhow::Error {
    let advice = match error.code.as_str() {
        "AccessDenied" | "Http403" => {
            "; s3:ListBucket and s3:GetObject are needed on the bucket and its objects"
        }
        "NoSuchBucket" => "; is AWS_ENDPOINT_URL set as it should be?",
        "Unreachable" => "; are AWS_ENDPOINT_URL, credentials and the network as they should be?",
        _ => "",
    };
    anyhow::anyhow!("{error}{advice}")
}
