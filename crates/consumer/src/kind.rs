//! What an announced object is, told from its key.
//!
//! The idea: not everything in a CloudTrail bucket is a log file, and the key says which is which
//! before anything is fetched. Shape of a key:
//! `[PREFIX/]AWSLogs/[O-ID/]ACCOUNT/FOLDER/REGION/YYYY/MM/DD/FILE`.
//!
//! The folder is looked for where CloudTrail puts it, so a bucket prefix that happens to be called
//! `CloudTrail-Digest` hides no log file. A key without that layout (a copied archive) is judged by
//! the first segment that is named like one of CloudTrail's folders.
//!
//! Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files".

/// What an announced object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// Records are inside: folder `CloudTrail`, `CloudTrail-Insight`, `-NetworkActivity`,
    /// `-Aggregated`, `-ActivityAuditLog`, or one that is to come.
    LogFile,
    /// Hashes and a signature, no records: folder `CloudTrail-Digest`.
    Digest,
    /// The empty object that CloudTrail puts to try a bucket: not gzip, although it says so.
    Marker,
    /// Not CloudTrail's.
    Foreign,
    /// An S3 event that tells of something else than a new object, a deletion for instance.
    NotCreated,
}

impl ObjectKind {
    /// Judges a key of which nothing else is known.
    #[must_use]
    pub fn of_key(key: &str) -> ObjectKind {
        if key.ends_with('/') {
            return ObjectKind::Marker;
        }
        match folder(key) {
            Some("CloudTrail-Digest") => ObjectKind::Digest,
            Some(name) if is_folder(name) => ObjectKind::LogFile,
            _ => ObjectKind::Foreign,
        }
    }
}

fn folder(key: &str) -> Option<&str> {
    let (folders, _file) = key.rsplit_once('/')?;
    let segments: Vec<&str> = folders.split('/').collect();
    let Some(root) = segments.iter().rposition(|&segment| segment == "AWSLogs") else {
        return segments.into_iter().find(|&segment| is_folder(segment));
    };
    let mut below = segments[root + 1..].iter().copied();
    let first = below.next()?;
    let account = if first.starts_with("o-") { below.next()? } else { first };
    if is_account(account) { below.next() } else { None }
}

fn is_folder(segment: &str) -> bool {
    segment == "CloudTrail" || segment.starts_with("CloudTrail-")
}

fn is_account(segment: &str) -> bool {
    segment.len() == 12 && segment.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::ObjectKind::{self, Digest, Foreign, LogFile, Marker};

    #[track_caller]
    fn check(key: &str, kind: ObjectKind) {
        assert_eq!(ObjectKind::of_key(key), kind, "{key}");
    }

    #[test]
    fn a_key_says_what_its_object_is() {
        let file = "eu-west-1/2026/03/09/x.json.gz";
        for folder in [
            "CloudTrail",
            "CloudTrail-Insight",
            "CloudTrail-NetworkActivity",
            "CloudTrail-Aggregated",
            "CloudTrail-ActivityAuditLog",
        ] {
            check(&format!("AWSLogs/111111111111/{folder}/{file}"), LogFile);
            check(&format!("logs/AWSLogs/o-abc123defg/111111111111/{folder}/{file}"), LogFile);
        }
        check(&format!("AWSLogs/111111111111/CloudTrail-Digest/{file}"), Digest);
        check(&format!("p/AWSLogs/o-abc123defg/111111111111/CloudTrail-Digest/{file}"), Digest);
        check("AWSLogs/111111111111/CloudTrail/", Marker);
        check("AWSLogs/111111111111/CloudTrail-Digest/", Marker);
        check(&format!("AWSLogs/111111111111/Config/{file}"), Foreign);
        check(&format!("AWSLogs/{file}"), Foreign);
        check("AWSLogs/111111111111/CloudTrail", Foreign);
        check("report.csv", Foreign);
        check("", Foreign);
    }

    #[test]
    fn a_prefix_named_like_a_folder_decides_nothing() {
        check("CloudTrail-Digest/AWSLogs/111111111111/CloudTrail/r/2026/01/01/x.json.gz", LogFile);
        check("CloudTrail/AWSLogs/111111111111/CloudTrail-Digest/r/2026/01/01/x.json.gz", Digest);
        check("AWSLogs/AWSLogs/111111111111/CloudTrail/r/2026/01/01/x.json.gz", LogFile);
        check("CloudTrail/AWSLogs/111111111111/Config/r/2026/01/01/x.json.gz", Foreign);
    }

    #[test]
    fn a_copied_archive_is_judged_by_the_folders_it_kept() {
        check("archive/CloudTrail/2026/x.json.gz", LogFile);
        check("archive/CloudTrail-Digest/2026/x.json.gz", Digest);
    }
}
