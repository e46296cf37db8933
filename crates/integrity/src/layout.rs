//! What a key names: the folder of a chain's digests, a digest, a log file.
//!
//! ```text
//! [PREFIX/]AWSLogs/[O-ID/]ACCT/CloudTrail-Digest/REGION/YYYY/MM/DD/ACCT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_STAMP[_backfill].json.gz
//! [PREFIX/]AWSLogs/[O-ID/]ACCT/FOLDER/REGION/YYYY/MM/DD/ACCT_FOLDER_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz
//! ```
//!
//! A key is taken for what it names only if that would have exactly this key.

use std::fmt;

use futures_util::{StreamExt, TryStreamExt, stream};
use model::digest::FOLDER;
use model::key::account_root;
use model::{
    AccountId, DigestKind, Folder, KeyPrefix, OrganizationId, Region, Timestamp, TrailName,
};
use serde::{Deserialize, Serialize};

use crate::source::{Source, SourceError};

/// Accounts whose folders are listed at once.
const LISTINGS_AT_ONCE: usize = 16;

/// The folders of log files that digests list.
pub const LOG_FOLDERS: [Folder; 7] = [
    Folder::CloudTrail,
    Folder::Insight,
    Folder::NetworkActivity,
    Folder::Aggregated,
    Folder::ActivityAuditLog,
    Folder::ConfigurationItem,
    Folder::Evidence,
];

/// What happened to one account in one Region: its digests lie in one folder, of whatever trail, and
/// its log files in others beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DigestFolder {
    /// The trail's `S3KeyPrefix`.
    pub prefix: Option<KeyPrefix>,
    /// Of an organization trail: the organization.
    pub organization: Option<OrganizationId>,
    /// The account of the listed files.
    pub account: AccountId,
    /// The Region of the listed files.
    pub region: Region,
}

/// Which chain of a folder: digests of one trail, standard or backfill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainName {
    /// The trail's name.
    pub trail: TrailName,
    /// The trail's home Region.
    pub home: Region,
    /// Standard or backfill.
    pub kind: DigestKind,
}

/// What a digest's key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestName {
    /// The chain.
    pub chain: ChainName,
    /// The digest's end.
    pub end: Timestamp,
}

/// What a log file's key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogName {
    /// The moment at or after which it was sealed, by at most five minutes.
    pub stamp: Timestamp,
}

impl DigestFolder {
    /// Of the key of a digest or a log file: what it is of. Whether it names one is another question.
    #[must_use]
    pub fn of_key(key: &str) -> Option<DigestFolder> {
        let (prefix, rest) = key.split_once("AWSLogs/")?;
        let (owner, below) = rest.split_once('/')?;
        let (organization, account, below) = match owner.parse::<OrganizationId>() {
            Ok(organization) => {
                let (account, below) = below.split_once('/')?;
                (Some(organization), account, below)
            }
            Err(_) => (None, owner, below),
        };
        let prefix = if prefix.is_empty() { None } else { Some(prefix.strip_suffix('/')?) };
        Some(DigestFolder {
            prefix: prefix.map(str::parse).transpose().ok()?,
            organization,
            account: account.parse().ok()?,
            region: below.split('/').nth(1)?.parse().ok()?,
        })
    }

    /// `[PREFIX/]AWSLogs/[O-ID/]ACCT/`
    #[must_use]
    pub fn root(&self) -> String {
        account_root(self.prefix.as_ref(), self.organization.as_ref(), &self.account)
    }

    /// `[PREFIX/]AWSLogs/[O-ID/]ACCT/CloudTrail-Digest/REGION/`
    #[must_use]
    pub fn digests(&self) -> String {
        format!("{}{FOLDER}/{}/", self.root(), self.region)
    }

    /// `[PREFIX/]AWSLogs/[O-ID/]ACCT/FOLDER/REGION/`
    #[must_use]
    pub fn logs(&self, folder: Folder) -> String {
        format!("{}{}/{}/", self.root(), folder.name(), self.region)
    }

    /// The key of a digest.
    #[must_use]
    pub fn key(&self, name: &DigestName) -> String {
        let (DigestFolder { account, region, .. }, DigestName { chain, end }) = (self, name);
        let ChainName { trail, home, kind } = chain;
        let (folder, date, stamp) = (self.digests(), end.to_date_folders(), end.to_digest_stamp());
        format!(
            "{folder}{date}/{account}_{FOLDER}_{region}_{trail}_{home}_{stamp}{}",
            kind.suffix()
        )
    }

    /// The digest that a key names.
    #[must_use]
    pub fn digest(&self, key: &str) -> Option<DigestName> {
        let kind = DigestKind::of_key(key);
        let name = key.rsplit('/').next()?.strip_suffix(kind.suffix())?;
        let name = name.strip_prefix(&format!("{}_{FOLDER}_{}_", self.account, self.region))?;
        let (name, stamp) = name.rsplit_once('_')?;
        let (trail, home) = name.rsplit_once('_')?;
        let chain = ChainName { trail: trail.parse().ok()?, home: home.parse().ok()?, kind };
        let name = DigestName { chain, end: read_stamp(stamp)? };
        (self.key(&name) == key).then_some(name)
    }

    /// The log file that a key names.
    #[must_use]
    pub fn log_file(&self, folder: Folder, key: &str) -> Option<LogName> {
        let rest = key.strip_prefix(&self.logs(folder))?;
        let (date, name) = rest.rsplit_once('/')?;
        let named = self.log_file_name(folder, name)?;
        (named.stamp.to_date_folders() == date).then_some(named)
    }

    /// The log file that a name names, whatever folder it is in.
    #[must_use]
    pub fn log_file_name(&self, folder: Folder, name: &str) -> Option<LogName> {
        let DigestFolder { account, region, .. } = self;
        let name = name.strip_prefix(&format!("{account}_{}_{region}_", folder.name()))?;
        let (stamp, unique) = name.strip_suffix(".json.gz")?.split_once('_')?;
        let stamp = read_stamp(stamp)?;
        (!unique.is_empty()).then_some(LogName { stamp })
    }
}

impl fmt::Display for DigestFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.digests())
    }
}

/// `20260309T152923Z` or `20260309T1529Z`.
fn read_stamp(stamp: &str) -> Option<Timestamp> {
    let is_plain = stamp.is_ascii() && matches!(stamp.len(), 14 | 16);
    is_plain.then_some(())?;
    let (day, time) = stamp.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = [day.get(..4)?, day.get(4..6)?, day.get(6..8)?];
    let [hour, minute] = [time.get(..2)?, time.get(2..4)?];
    let second = if time.len() == 4 { "00" } else { time.get(4..6)? };
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// What of a bucket is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Below this prefix.
    pub prefix: Option<KeyPrefix>,
    /// Only of this organization.
    pub organization: Option<OrganizationId>,
    /// Only of these accounts; none named means all.
    pub accounts: Vec<AccountId>,
    /// Only of these Regions; none named means all.
    pub regions: Vec<Region>,
}

/// All folders of digests or log files below `[PREFIX/]AWSLogs/` that are asked for, in order.
pub async fn find_folders(
    source: &Source,
    bucket: &str,
    selection: &Selection,
) -> Result<Vec<DigestFolder>, SourceError> {
    let prefix = selection.prefix.as_ref();
    let root = prefix.map_or("AWSLogs/".to_owned(), |prefix| format!("{prefix}/AWSLogs/"));
    let mut accounts = Vec::new();
    for name in source.folders(bucket, &root).await? {
        if let Ok(account) = name.parse::<AccountId>() {
            accounts.push((None, account));
        } else if let Ok(organization) = name.parse::<OrganizationId>() {
            let members = source.folders(bucket, &format!("{root}{name}/")).await?;
            let members = members.iter().filter_map(|member| member.parse().ok());
            accounts.extend(members.map(|account| (Some(organization.clone()), account)));
        }
    }
    let wanted = &selection.organization;
    accounts.retain(|(organization, account)| {
        (wanted.is_none() || wanted == organization)
            && (selection.accounts.is_empty() || selection.accounts.contains(account))
    });
    let of_accounts = accounts.into_iter().map(|(organization, account)| {
        folders_of(source, bucket, selection, organization, account)
    });
    let folders: Vec<Vec<DigestFolder>> =
        stream::iter(of_accounts).buffered(LISTINGS_AT_ONCE).try_collect().await?;
    Ok(folders.into_iter().flatten().collect())
}

async fn folders_of(
    source: &Source,
    bucket: &str,
    selection: &Selection,
    organization: Option<OrganizationId>,
    account: AccountId,
) -> Result<Vec<DigestFolder>, SourceError> {
    let prefix = selection.prefix.as_ref();
    let root = account_root(prefix, organization.as_ref(), &account);
    let known = LOG_FOLDERS.map(Folder::name);
    let mut regions = Vec::new();
    for name in source.folders(bucket, &root).await? {
        if name == FOLDER || known.contains(&name.as_str()) {
            let found = source.folders(bucket, &format!("{root}{name}/")).await?;
            regions.extend(found.iter().filter_map(|region| region.parse::<Region>().ok()));
        }
    }
    regions.sort_unstable();
    regions.dedup();
    regions.retain(|region| selection.regions.is_empty() || selection.regions.contains(region));
    let folders = regions.into_iter().map(|region| DigestFolder {
        prefix: prefix.cloned(),
        organization: organization.clone(),
        account: account.clone(),
        region,
    });
    Ok(folders.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> DigestFolder {
        DigestFolder {
            prefix: Some("logs".parse().unwrap()),
            organization: Some("o-abc123defg".parse().unwrap()),
            account: "222222222222".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }
    }

    const DIGEST: &str = "logs/AWSLogs/o-abc123defg/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_my_trail_us-east-1_20260309T000009Z";

    #[test]
    fn a_digest_is_known_by_its_key() {
        for (suffix, kind) in
            [(".json.gz", DigestKind::Standard), ("_backfill.json.gz", DigestKind::Backfill)]
        {
            let key = format!("{DIGEST}{suffix}");
            let name = folder().digest(&key).unwrap();
            assert_eq!(name.chain.trail.as_str(), "my_trail");
            assert_eq!(name.chain.home.as_str(), "us-east-1");
            assert_eq!(name.chain.kind, kind);
            assert_eq!(name.end.to_iso_seconds(), "2026-03-09T00:00:09Z");
            assert_eq!(folder().key(&name), key);
            assert_eq!(DigestFolder::of_key(&key), Some(folder()));
        }
        for other in ["2026/03/10", "2026/03/09/x"] {
            let key = format!("{DIGEST}.json.gz").replace("2026/03/09", other);
            assert_eq!(folder().digest(&key), None, "{key}");
        }
        for key in ["", "x", &DIGEST.replace("222222222222_", "222222222223_"), DIGEST] {
            assert_eq!(folder().digest(key), None, "{key}");
        }
    }

    #[test]
    fn a_log_file_is_known_by_its_key() {
        let key = "logs/AWSLogs/o-abc123defg/222222222222/CloudTrail/eu-west-1/2026/03/09/222222222222_CloudTrail_eu-west-1_20260309T1405Z_aB3dE6gH9jK2mN5p.json.gz";
        let name = folder().log_file(Folder::CloudTrail, key).unwrap();
        assert_eq!(name.stamp.to_iso_seconds(), "2026-03-09T14:05:00Z");
        assert_eq!(folder().log_file(Folder::Insight, key), None);
        assert_eq!(DigestFolder::of_key(key), Some(folder()));
        let bare = DigestFolder { prefix: None, organization: None, ..folder() };
        let key = key.replace("logs/", "").replace("o-abc123defg/", "");
        assert_eq!(DigestFolder::of_key(&key), Some(bare));
        assert_eq!(DigestFolder::of_key(&format!("x{key}")), None);
        assert_eq!(folder().log_file(Folder::CloudTrail, &key.replace("/09/", "/10/")), None);
    }
}
