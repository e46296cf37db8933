//! What is known of a call beside who makes it, what is done, and to what: condition keys and their
//! values.
//!
//! Keys are compared without regard to case. A key without values is absent. A pattern of a policy
//! is compared in at most its length times the value's steps: whoever sets a value that comes from
//! outside bounds it (records keep 1 KB of a user agent).
//! Source: IAM User Guide, "AWS global condition context keys".

use std::collections::BTreeMap;

use model::Timestamp;

/// Condition keys and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// What is known at a moment: `aws:CurrentTime` and `aws:EpochTime`.
    #[must_use]
    pub fn at(now: Timestamp) -> Context {
        let mut context = Context::default();
        context.set("aws:CurrentTime", now.to_iso_seconds());
        context.set("aws:EpochTime", now.as_millis().div_euclid(1000).to_string());
        context
    }

    /// Gives a key one value, instead of what it had.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Gives a key several values (such as `aws:TagKeys`), instead of what it had.
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.values.insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// The values of a key that is given in lower case.
    pub(super) fn values(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }
}
