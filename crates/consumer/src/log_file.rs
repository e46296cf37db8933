//! A log file as the caller's sink gets it: records in their own words.
//!
//! All records of a file share its text, so a file costs its size in memory once. A caller who
//! keeps one [`Record`] keeps the text of the whole file: copy [`Record::json`] to keep it alone.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::identity::Identity;
use crate::window::Fingerprint;

/// The new records of one log file.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// The bucket it was read from.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its records, in the file's order, without those that were accepted before. Never empty.
    pub records: Vec<Record>,
}

/// One CloudTrail record, byte for byte as it is in its file.
#[derive(Clone)]
pub struct Record {
    file: Arc<String>,
    range: Range<usize>,
    fingerprint: Option<Fingerprint>,
}

impl Record {
    /// A record at `range` of `file`, which is the text of one JSON object.
    pub(crate) fn new(file: Arc<String>, range: Range<usize>) -> Record {
        let identity = Identity::parse(&file[range.clone()]);
        let fingerprint = identity.as_ref().map(Fingerprint::of);
        Record { file, range, fingerprint }
    }

    /// The record's JSON, untouched.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.file[self.range.clone()]
    }

    /// The record's JSON on one line. CloudTrail writes no white space, others may: line ends are
    /// replaced by blanks, which inside JSON can only stand between tokens.
    #[must_use]
    pub fn line(&self) -> Cow<'_, str> {
        let json = self.json();
        if json.contains(['\n', '\r']) {
            Cow::Owned(json.replace(['\n', '\r'], " "))
        } else {
            Cow::Borrowed(json)
        }
    }

    /// Who the record is, if it says so; parsed anew at each call.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        Identity::parse(self.json())
    }

    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.json())
    }
}
