//! Listings of a bucket of the [null S3](crate::null_s3): ListObjects and ListObjectsV2, in the order
//! of keys, in pages of 1,000.
//!
//! Of a query `prefix`, `delimiter`, `max-keys` and where the page begins are read: `marker`, or
//! `start-after` and `continuation-token`. Keys are written as they are, whatever `encoding-type` asks
//! for: those of log files need no escapes.
//! Source: Amazon S3 API Reference, `ListObjects` and `ListObjectsV2`.

use std::fmt::Write as _;
use std::ops::Bound;

use anyhow::{Context, Result};

use crate::null_s3::Objects;

/// Keys of a page at most.
const KEYS_MAX: usize = 1000;

/// What a page has one of.
#[derive(PartialEq)]
enum Entry<'a> {
    /// A key, and the object's size.
    Object(&'a str, usize),
    /// What keys have in common, up to the delimiter.
    Folder(&'a str),
}

/// The page that a query asks for, in XML.
pub fn page(objects: &Objects, bucket: &str, query: &str) -> Result<String> {
    let fields: Vec<_> = query.split('&').map(|field| field.split_once('=')).collect();
    let value = |name: &str| {
        let mut fields = fields.iter().flatten();
        fields.find(|(field, _)| *field == name).map(|(_, value)| decoded(value)).transpose()
    };
    let root = format!("/{bucket}/");
    let prefix = format!("{root}{}", value("prefix")?.unwrap_or_default());
    let mut from = Bound::Included(prefix.clone());
    for name in ["marker", "start-after", "continuation-token"] {
        if let Some(after) = value(name)?.map(|key| format!("{root}{key}"))
            && after >= prefix
        {
            from = Bound::Excluded(after);
        }
    }
    let max = value("max-keys")?.map_or(Ok(KEYS_MAX), |text| text.parse())?.min(KEYS_MAX);
    let delimiter = value("delimiter")?;
    let (mut entries, mut last, mut is_truncated) = (Vec::new(), "", false);
    for (path, object) in objects.range((from, Bound::Unbounded)) {
        if !path.starts_with(&prefix) {
            break;
        }
        let key = &path[root.len()..];
        let end = delimiter.as_ref().and_then(|delimiter| {
            let place = path[prefix.len()..].find(delimiter)?;
            Some(prefix.len() - root.len() + place + delimiter.len())
        });
        let entry = match end {
            Some(end) => Entry::Folder(&key[..end]),
            None => Entry::Object(key, object.body.len()),
        };
        if entries.last() != Some(&entry) {
            if entries.len() == max {
                is_truncated = true;
                break;
            }
            entries.push(entry);
        }
        last = key;
    }
    let mut xml = String::from("<ListBucketResult>");
    for entry in &entries {
        match entry {
            Entry::Folder(prefix) => {
                write!(xml, "<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>")?;
            }
            Entry::Object(key, size) => write!(
                xml,
                "<Contents><Key>{key}</Key><LastModified>2026-03-14T00:00:00.000Z</LastModified>\
                 <ETag>\"0\"</ETag><Size>{size}</Size></Contents>"
            )?,
        }
    }
    let count = entries.len();
    write!(xml, "<KeyCount>{count}</KeyCount><IsTruncated>{is_truncated}</IsTruncated>")?;
    if is_truncated {
        write!(
            xml,
            "<NextMarker>{last}</NextMarker><NextContinuationToken>{last}</NextContinuationToken>"
        )?;
    }
    Ok(xml + "</ListBucketResult>")
}

/// A value of a query without its escapes.
fn decoded(value: &str) -> Result<String> {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).context("%, and no two digits")?;
        bytes.push(u8::from_str_radix(digits, 16)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The keys or folders of the page that this query asks for, and the next one's beginning.
    fn list(query: &str) -> (Vec<String>, Option<String>) {
        let mut objects = Objects::new();
        for number in (0..2500).rev() {
            objects.insert(format!("/bucket/a b/{number:04}"), <_>::default());
        }
        objects.insert("/bucket/c".into(), <_>::default());
        objects.insert("/bucket-of-others/a b/1".into(), <_>::default());
        let xml = page(&objects, "bucket", query).unwrap();
        let texts = |name: &str| -> Vec<String> {
            let tag = format!("<{name}>");
            let ends = xml.split(&tag).skip(1);
            ends.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
        };
        let next = texts("NextMarker");
        assert_eq!(next, texts("NextContinuationToken"));
        assert_eq!(texts("IsTruncated"), [(!next.is_empty()).to_string()]);
        ([texts("Key"), texts("Prefix")].concat(), next.first().cloned())
    }

    #[test]
    fn pages_follow_each_other_in_the_order_of_keys() {
        for next_is in ["prefix=a%20b%2F&marker=", "list-type=2&prefix=a%20b&continuation-token="] {
            let (mut all, mut from) = (vec![], String::new());
            let mut lengths = vec![];
            loop {
                let (keys, next) = list(&format!("{next_is}{}", from.replace(' ', "%20")));
                lengths.push(keys.len());
                all.extend(keys);
                let Some(next) = next else { break };
                from = next;
            }
            assert_eq!(lengths, [1000, 1000, 500], "{next_is}");
            assert!(all.is_sorted_by(|one, other| one < other));
        }
    }

    #[test]
    fn a_page_has_what_its_query_asks_for() {
        let cases = [
            ("max-keys=2", vec!["a b/0000", "a b/0001"]),
            ("prefix=a%20b/12&max-keys=1&start-after=a%20b/1204", vec!["a b/1205"]),
            ("prefix=a%20b/12&max-keys=1&marker=a", vec!["a b/1200"]),
            ("prefix=c", vec!["c"]),
            ("delimiter=%2F", vec!["c", "a b/"]),
            ("delimiter=/&max-keys=1", vec!["a b/"]),
            ("delimiter=/&max-keys=1&start-after=a%20b/2499", vec!["c"]),
            ("delimiter=/&prefix=a%20b/2499", vec!["a b/2499"]),
            ("prefix=d", vec![]),
        ];
        for (query, expected) in cases {
            assert_eq!(list(query).0, expected, "{query}");
        }
    }
}
