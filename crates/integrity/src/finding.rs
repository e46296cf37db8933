//! What is found, one by one, and what it comes to.
//!
//! A finding has the shape of a line of `aws cloudtrail validate-logs`:
//! `Digest file⇥s3://BUCKET/KEY⇥INVALID: not found`.

use std::fmt;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A digest of a chain's hours.
    Digest,
    /// A backfill digest.
    BackfillDigest,
    /// A log file.
    LogFile,
    /// A folder of digests or log files.
    Folder,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Standing {
    /// Something is not as it was delivered.
    Invalid,
    /// It could not be found out: neither valid nor invalid.
    Unverified,
    /// Nothing is wrong, but somebody should know.
    Note,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Problem {
    /// A digest or log file that should be there is not.
    NotFound,
    /// It is not gzip, or a digest is not what a digest is.
    InvalidFormat,
    /// It is larger than such an object can be.
    TooLarge,
    /// A digest lies elsewhere than it says.
    Moved,
    /// A digest's metadata has no signature.
    SignatureMissing,
    /// A digest's signature is not that of its key.
    SignatureInvalid,
    /// No public key has the fingerprint.
    KeyUnknown,
    /// The key was not valid when the digest ended.
    KeyNotValid,
    /// A digest's interval is none, or not that of its name.
    IntervalInvalid,
    /// A digest begins before or after the end of the one that it follows.
    IntervalsDoNotTouch,
    /// The `previousDigestHashValue` is not the hash of the digest before.
    PreviousHashDiffers,
    /// The `previousDigestSignature` is not the signature of the digest before.
    PreviousSignatureDiffers,
    /// Another digest lies between a digest and the one that it says it follows.
    Fork,
    /// A chain ends though its trail went on.
    NoDigestAfter,
    /// Log files without any digest, where others have digests.
    NoDigests,
    /// An object among the digests that is none.
    NotADigest,
    /// The content of a log file has another hash.
    HashDiffers,
    /// No digest lists a log file.
    NotListed,
    /// A log file was listed before.
    ListedTwice,
    /// It could not be read.
    Unreadable,
    /// A copy has lost the signature of a digest.
    SignatureNotInCopy,
    /// A log file lies in a bucket that is not in the copy.
    NotInCopy,
    /// A chain begins again.
    Restarted,
    /// A chain ends, and nothing tells why.
    Ended,
    /// A chain goes on in another bucket.
    OtherBucket,
    /// Log files of a kind that no digest lists.
    KindNotListed,
    /// A folder has other trails' digests alone.
    OtherTrails,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// The bucket.
    pub s3_bucket: String,
    /// The key, or a folder.
    pub s3_object: String,
    /// How bad it is.
    pub status: Standing,
    /// What is wrong.
    pub problem: Problem,
    /// The same for people.
    pub message: String,
    /// Of a time in which something is missing: its begin, `2026-05-04T03:02:01Z`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Of a time in which something is missing: its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
}

/// What a validation tells on its way, always in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// Something was found.
    Found(Finding),
    /// This is valid. Told only where it was asked for.
    #[serde(rename_all = "camelCase")]
    Valid {
        /// What it is.
        subject: Subject,
        /// The bucket.
        s3_bucket: String,
        /// The key.
        s3_object: String,
    },
}

/// How many of a kind are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// As they were delivered.
    pub valid: u64,
    /// Not so.
    pub invalid: u64,
    /// Not known.
    pub unverified: u64,
}

/// What it comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Chains that were found: by trail, account, Region and kind.
    pub chains: u64,
    /// Digests of the chains' hours.
    pub digest_files: Count,
    /// Backfill digests.
    pub backfill_digest_files: Count,
    /// Log files that digests list, or should list.
    pub log_files: Count,
    /// Log files that only digests list that are not valid: they were not looked at.
    pub log_files_not_checked: u64,
    /// Log files that are younger than the newest digest.
    pub log_files_not_yet_listed: u64,
    /// Log files of times for which there are no digests.
    pub log_files_not_covered: u64,
    /// The begin of the oldest valid digest.
    pub found_from: Option<Timestamp>,
    /// The end of the newest valid digest.
    pub found_to: Option<Timestamp>,
    /// Findings that are not about a single object, and are wrong all the same.
    pub other_invalid: u64,
    /// Things to know.
    pub notes: u64,
}

impl Problem {
    fn standing(self) -> Standing {
        match self {
            Problem::Unreadable | Problem::SignatureNotInCopy | Problem::NotInCopy => {
                Standing::Unverified
            }
            Problem::Restarted
            | Problem::Ended
            | Problem::OtherBucket
            | Problem::KindNotListed
            | Problem::OtherTrails => Standing::Note,
            _ => Standing::Invalid,
        }
    }
}

impl Finding {
    /// A finding about `s3://bucket/key`.
    #[must_use]
    pub fn new(
        subject: Subject,
        (bucket, key): (&str, &str),
        problem: Problem,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            subject,
            s3_bucket: bucket.to_owned(),
            s3_object: key.to_owned(),
            status: problem.standing(),
            problem,
            message: message.into(),
            from: None,
            to: None,
        }
    }

    /// The same, of a time.
    #[must_use]
    pub fn between(self, from: Timestamp, to: Timestamp) -> Finding {
        Finding { from: Some(from.to_iso_seconds()), to: Some(to.to_iso_seconds()), ..self }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Subject::Digest => "Digest file",
            Subject::BackfillDigest => "(backfill) Digest file",
            Subject::LogFile => "Log file",
            Subject::Folder => "Folder",
        })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Standing::Invalid => "INVALID",
            Standing::Unverified => "UNVERIFIED",
            Standing::Note => "note",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Found(found) => {
                let Finding { subject, s3_bucket, s3_object, status, message, .. } = found;
                let (object, message) = (Plain(s3_object), Plain(message));
                write!(
                    formatter,
                    "{subject}\ts3://{}/{object}\t{status}: {message}",
                    Plain(s3_bucket)
                )
            }
            Event::Valid { subject, s3_bucket, s3_object } => {
                write!(
                    formatter,
                    "{subject}\ts3://{}/{}\tvalid",
                    Plain(s3_bucket),
                    Plain(s3_object)
                )
            }
        }
    }
}

/// Text from outside, on one line, without commands for a terminal, and in the order in which it is read.
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '"' | '\'' | '\\' => write!(formatter, "{letter}"),
            _ => write!(formatter, "{}", letter.escape_debug()),
        })
    }
}

impl Count {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.valid + self.invalid + self.unverified
    }

    /// Counts one.
    pub fn add(&mut self, standing: Option<Standing>) {
        match standing {
            None | Some(Standing::Note) => self.valid += 1,
            Some(Standing::Invalid) => self.invalid += 1,
            Some(Standing::Unverified) => self.unverified += 1,
        }
    }

    fn merge(&mut self, other: Count) {
        self.valid += other.valid;
        self.invalid += other.invalid;
        self.unverified += other.unverified;
    }
}

impl Summary {
    /// Adds what another part came to.
    pub fn merge(&mut self, other: &Summary) {
        self.chains += other.chains;
        self.digest_files.merge(other.digest_files);
        self.backfill_digest_files.merge(other.backfill_digest_files);
        self.log_files.merge(other.log_files);
        self.log_files_not_checked += other.log_files_not_checked;
        self.log_files_not_yet_listed += other.log_files_not_yet_listed;
        self.log_files_not_covered += other.log_files_not_covered;
        self.other_invalid += other.other_invalid;
        self.notes += other.notes;
        self.found_from = self.found_from.into_iter().chain(other.found_from).min();
        self.found_to = self.found_to.max(other.found_to);
    }

    /// Takes note of a valid digest's interval.
    pub fn covers(&mut self, from: Timestamp, to: Timestamp) {
        self.found_from = Some(self.found_from.map_or(from, |held| held.min(from)));
        self.found_to = self.found_to.max(Some(to));
    }

    /// Whether anything is invalid.
    #[must_use]
    pub fn has_invalid(&self) -> bool {
        self.digest_files.invalid
            + self.backfill_digest_files.invalid
            + self.log_files.invalid
            + self.other_invalid
            > 0
    }

    /// Whether anything could not be found out.
    #[must_use]
    pub fn has_unverified(&self) -> bool {
        self.digest_files.unverified
            + self.backfill_digest_files.unverified
            + self.log_files.unverified
            > 0
    }
}
