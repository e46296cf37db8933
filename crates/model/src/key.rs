//! Object keys of log files, as CloudTrail lays them out:
//!
//! ```text
//! [PREFIX/]AWSLogs/[O-ID/]ACCT/FOLDER/REGION/YYYY/MM/DD/ACCT_FOLDER_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz
//! ```
//!
//! `UNIQUE` has 16 characters of `[0-9A-Za-z]`. In AWS they are random; here they are derived, so
//! that a retry after a crash meets its own object: eight digits of the batch's number, which grow
//! with time (readers that list with start-after miss nothing), then eight of a SHA-256 over what
//! makes the file what it is. Nothing is ever named by listing a bucket.
//! Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files".

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base62;
use crate::category::Folder;
use crate::ids::{AccountId, BatchId, KeyPrefix, OrganizationId, Region, TrailArn};
use crate::time::Timestamp;

/// Stamps of the `CloudTrail` folder lie on this grid.
const STAMP_GRID: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);

/// Everything that a log file's key is derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFileName {
    /// The trail's `S3KeyPrefix`.
    pub prefix: Option<KeyPrefix>,
    /// Of an organization trail: the organization.
    pub organization: Option<OrganizationId>,
    /// The account whose records are inside.
    pub account: AccountId,
    /// The folder of their category.
    pub folder: Folder,
    /// The Region of the events.
    pub region: Region,
    /// When the batch was sealed; the stamp is the next moment of the folder's grid.
    pub sealed_at: Timestamp,
    /// The batch that the records come from.
    pub batch: BatchId,
    /// Which journal the batch is of: two installations that share a bucket never share a name.
    pub journal: u64,
    /// The trail that selected the records: trails that share a bucket never share a name.
    pub trail: TrailArn,
    /// Counts the files that one batch needed for this trail, account, Region and folder, from 0.
    pub part: u32,
}

impl LogFileName {
    /// The object key; `attempt` is 0, or higher when foreign objects took the names before it.
    #[must_use]
    pub fn key(&self, attempt: u32) -> String {
        format!("{}{}", self.directory(), self.file_name(attempt))
    }

    fn directory(&self) -> String {
        let mut key = account_root(self.prefix.as_ref(), self.organization.as_ref(), &self.account);
        let LogFileName { folder, region, .. } = self;
        let date = self.stamp().to_date_folders();
        key.push_str(&format!("{}/{region}/{date}/", folder.name()));
        key
    }

    fn file_name(&self, attempt: u32) -> String {
        let LogFileName { account, folder, region, .. } = self;
        let stamp = self.stamp().to_name_stamp();
        format!("{account}_{}_{region}_{stamp}_{}.json.gz", folder.name(), self.unique(attempt))
    }

    fn stamp(&self) -> Timestamp {
        let grid = if self.folder.has_five_minute_grid() { STAMP_GRID } else { MINUTE };
        self.sealed_at.round_up_to(grid)
    }

    fn unique(&self, attempt: u32) -> String {
        let organization = self.organization.as_ref().map_or("", OrganizationId::as_str);
        let prefix = self.prefix.as_ref().map_or("", KeyPrefix::as_str);
        let mut hash = Sha256::new();
        for text in
            [prefix, organization, self.account.as_str(), self.region.as_str(), self.folder.name()]
        {
            hash.update(text);
            hash.update([0]);
        }
        hash.update(self.trail.to_string());
        hash.update(self.journal.to_le_bytes());
        hash.update(self.batch.0.to_le_bytes());
        hash.update(self.part.to_le_bytes());
        hash.update(attempt.to_le_bytes());
        let digest = hash.finalize();
        let number = u64::from_le_bytes(digest[..8].try_into().expect("8 of 32 bytes"));
        base62::encode(self.batch.0, 8) + &base62::encode(number, 8)
    }
}

/// The zero-byte objects that CloudTrail puts when a trail is made or changed, by which the trail
/// proves that it may write where its files go: log files, and digests if it writes them. An organization trail proves it for its own account too,
/// as the bucket policy of AWS has it: the trail may be turned back into an account's own.
#[must_use]
pub fn marker_keys(
    prefix: Option<&KeyPrefix>,
    organization: Option<&OrganizationId>,
    account: &AccountId,
    writes_digests: bool,
) -> Vec<String> {
    let organizations = [Some(None), organization.map(Some)].into_iter().flatten();
    let roots = organizations.map(|organization| account_root(prefix, organization, account));
    let folders = |root: String| {
        let digests = writes_digests.then(|| format!("{root}CloudTrail-Digest/"));
        [Some(root + "CloudTrail/"), digests].into_iter().flatten()
    };
    roots.flat_map(folders).collect()
}

/// The folder of all that is of one account: `[PREFIX/]AWSLogs/[O-ID/]ACCT/`.
#[must_use]
pub fn account_root(
    prefix: Option<&KeyPrefix>,
    organization: Option<&OrganizationId>,
    account: &AccountId,
) -> String {
    let mut key = String::with_capacity(192);
    let prefix = prefix.map(KeyPrefix::as_str);
    let organization = organization.map(OrganizationId::as_str);
    for part in [prefix, Some("AWSLogs"), organization].into_iter().flatten() {
        key.push_str(part);
        key.push('/');
    }
    key.push_str(account.as_str());
    key.push('/');
    key
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn name() -> LogFileName {
        LogFileName {
            prefix: None,
            organization: None,
            account: "111111111111".parse().unwrap(),
            folder: Folder::CloudTrail,
            region: "eu-west-1".parse().unwrap(),
            sealed_at: Timestamp::parse("2026-03-09T14:01:13Z").unwrap(),
            batch: BatchId(1_773_064_800_123),
            journal: 7,
            trail: "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all".parse().unwrap(),
            part: 0,
        }
    }

    fn check(name: &LogFileName, attempt: u32, expected: &Expect) {
        expected.assert_eq(&name.key(attempt));
    }

    #[test]
    fn keys_are_laid_out_as_cloudtrail_does() {
        check(
            &name(),
            0,
            &expect![
                "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VDNXCupN75yH1zy.json.gz"
            ],
        );
        let prefixed = LogFileName { prefix: Some("logs/a".parse().unwrap()), ..name() };
        check(
            &prefixed,
            0,
            &expect![
                "logs/a/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VDNXCupGT7nPPNT.json.gz"
            ],
        );
        let organization = LogFileName {
            organization: Some("o-abc123defg".parse().unwrap()),
            folder: Folder::NetworkActivity,
            ..name()
        };
        check(
            &organization,
            0,
            &expect![
                "AWSLogs/o-abc123defg/111111111111/CloudTrail-NetworkActivity/eu-west-1/2026/03/09/111111111111_CloudTrail-NetworkActivity_eu-west-1_20260309T1402Z_0VDNXCupSUeF4Oyq.json.gz"
            ],
        );
        let insight = LogFileName { folder: Folder::Insight, ..name() };
        check(
            &insight,
            0,
            &expect![
                "AWSLogs/111111111111/CloudTrail-Insight/eu-west-1/2026/03/09/111111111111_CloudTrail-Insight_eu-west-1_20260309T1402Z_0VDNXCupKg3pajBY.json.gz"
            ],
        );
    }

    #[test]
    fn a_trail_marks_each_place_that_it_writes_to() {
        let (prefix, account) = ("logs".parse().unwrap(), "111111111111".parse().unwrap());
        let organization = "o-abc123defg".parse().unwrap();
        let account_alone = marker_keys(None, None, &account, false);
        assert_eq!(account_alone, ["AWSLogs/111111111111/CloudTrail/"]);
        assert_eq!(
            marker_keys(Some(&prefix), Some(&organization), &account, true),
            [
                "logs/AWSLogs/111111111111/CloudTrail/",
                "logs/AWSLogs/111111111111/CloudTrail-Digest/",
                "logs/AWSLogs/o-abc123defg/111111111111/CloudTrail/",
                "logs/AWSLogs/o-abc123defg/111111111111/CloudTrail-Digest/",
            ]
        );
    }

    #[test]
    fn whatever_makes_a_file_another_file_gives_it_another_name() {
        let others = [
            LogFileName { part: 1, ..name() },
            LogFileName { journal: 8, ..name() },
            LogFileName { batch: BatchId(1_773_064_800_124), ..name() },
            LogFileName {
                trail: "arn:aws:cloudtrail:eu-west-1:111111111111:trail/two".parse().unwrap(),
                ..name()
            },
        ];
        let mut keys: Vec<String> = others.iter().map(|name| name.key(0)).collect();
        keys.push(name().key(0));
        keys.push(name().key(1));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
        assert_eq!(name().key(0), name().key(0));
    }

    #[test]
    fn names_of_one_stamp_sort_by_batch() {
        let keys: Vec<String> = (0..200)
            .map(|later| LogFileName { batch: BatchId(1_773_064_800_123 + later), ..name() }.key(0))
            .collect();
        assert!(keys.is_sorted());
    }
}
