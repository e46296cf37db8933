//! Keys of the index: a value of an attribute, as 64 bits.
//!
//! Two values may share a key; a lookup compares the rows that it finds.

use sha2::{Digest, Sha256};

/// What rows are looked up by. Source: CloudTrail API Reference, `LookupAttribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// `eventID`.
    EventId,
    /// `eventName`.
    EventName,
    /// `readOnly`, as `true` or `false`.
    ReadOnly,
    /// Who: see [`crate::Summary::username`].
    Username,
    /// The type of a resource.
    ResourceType,
    /// A name, id or ARN of a resource.
    ResourceName,
    /// `eventSource`.
    EventSource,
    /// `userIdentity.accessKeyId`.
    AccessKeyId,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Attribute; 8] = [
        Attribute::EventId,
        Attribute::EventName,
        Attribute::ReadOnly,
        Attribute::Username,
        Attribute::ResourceType,
        Attribute::ResourceName,
        Attribute::EventSource,
        Attribute::AccessKeyId,
    ];

    /// As the API names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Attribute::EventId => "EventId",
            Attribute::EventName => "EventName",
            Attribute::ReadOnly => "ReadOnly",
            Attribute::Username => "Username",
            Attribute::ResourceType => "ResourceType",
            Attribute::ResourceName => "ResourceName",
            Attribute::EventSource => "EventSource",
            Attribute::AccessKeyId => "AccessKeyId",
        }
    }

    /// By the API's name, which is told apart by case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|attribute| attribute.name() == name)
    }
}

/// Under what the index files a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// The key of all rows.
    pub const ALL: Key = Key(0);

    /// The key of rows that have this value. Stored in files: it never changes its meaning.
    #[must_use]
    pub fn of(attribute: Attribute, value: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(attribute.name());
        hash.update([0]);
        hash.update(value);
        Key::from_hash(&hash.finalize())
    }

    /// The key of a record without an `eventID`, by its bytes, to know it again.
    #[must_use]
    pub fn of_record(record: &[u8]) -> Key {
        let mut hash = Sha256::new();
        hash.update(b"record\0");
        hash.update(record);
        Key::from_hash(&hash.finalize())
    }

    fn from_hash(hash: &[u8]) -> Key {
        let bytes = hash.first_chunk().expect("a SHA-256 has 32 bytes");
        // 0 means all rows.
        Key(u64::from_be_bytes(*bytes).max(1))
    }
}
