//! Which log files are meant: a bucket or a copy of one, and what of it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use integrity::{DigestFolder, Selection, Source};
use model::BucketName;

use super::Import;
use crate::aws;
use crate::validate::place::explained;

/// A bucket, or a copy of one.
pub(super) struct Place {
    pub(super) source: Source,
    /// The bucket; empty where a copy does not tell.
    pub(super) bucket: String,
    /// What the report calls it.
    pub(super) name: String,
    selection: Selection,
}

impl Place {
    pub(super) fn new(import: &Import, config: &SdkConfig) -> anyhow::Result<Place> {
        let mut selection = Selection {
            prefix: import.s3_prefix.clone(),
            organization: import.organization_id.clone(),
            accounts: import.account.clone(),
            regions: import.region.clone(),
        };
        let Some(place) = import.source.strip_prefix("s3://") else {
            let directory = PathBuf::from(&import.source);
            if !directory.is_dir() {
                bail!(
                    "{}: there is no such directory; a bucket is s3://BUCKET[/PREFIX]",
                    directory.display()
                );
            }
            let name = directory.display().to_string();
            let source = Source::directory(directory);
            return Ok(Place { source, bucket: String::new(), name, selection });
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let bucket: BucketName = bucket.parse().with_context(|| import.source.clone())?;
        let prefix = prefix.trim_end_matches('/');
        if format!("{prefix}/").contains("AWSLogs/") {
            bail!(
                "{}: name only what stands before AWSLogs/; --organization-id, --account and --region say what of it",
                import.source
            );
        }
        if !prefix.is_empty() {
            if selection.prefix.is_some() {
                bail!("--s3-prefix is for copies: s3://BUCKET/PREFIX has one already");
            }
            selection.prefix = Some(prefix.parse().with_context(|| import.source.clone())?);
        }
        let builder = aws_sdk_s3::config::Builder::from(config);
        let source = Source::s3(builder, aws::is_path_style(config));
        let name = import.source.trim_end_matches('/').to_owned();
        Ok(Place { source, bucket: bucket.as_str().to_owned(), name, selection })
    }

    /// The folders of log files; of a copy, also its bucket. Never empty.
    pub(super) async fn find(&mut self) -> anyhow::Result<Vec<DigestFolder>> {
        let folders = integrity::find_folders(&self.source, &self.bucket, &self.selection).await;
        let folders = folders.map_err(|error| explained(&error))?;
        if folders.is_empty() {
            let prefix = self.selection.prefix.as_ref();
            let prefix = prefix.map_or(String::new(), |prefix| format!("{prefix}/"));
            bail!(
                "{}: there is nothing below {prefix}AWSLogs/ of what was asked for; objects must have CloudTrail's keys, [PREFIX/]AWSLogs/[O-ID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/…json.gz",
                self.name
            );
        }
        if self.source.is_copy() {
            let told = integrity::digest::told_bucket(&self.source, &folders).await;
            self.bucket = told.map_err(|error| explained(&error))?.unwrap_or_default();
        }
        Ok(folders)
    }

    /// An object, for people.
    pub(super) fn show(&self, key: &str) -> String {
        match self.source.is_copy() {
            true => format!("{}/{key}", self.name.trim_end_matches('/')),
            false => format!("s3://{}/{key}", self.bucket),
        }
    }
}
