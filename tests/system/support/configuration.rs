//! The lists of a configuration, as a user writes them.

use std::fmt::{self, Display, Formatter};

/// Every category that a trail may select.
pub const ALL: [&str; 6] =
    ["Management", "Data", "NetworkActivity", "Insight", "Aggregated", "ActivityAuditLog"];

/// `[[trails]]`
#[derive(Clone, Debug)]
pub struct Trail {
    name: String,
    account: String,
    region: String,
    bucket: String,
    /// Lines of TOML.
    more: String,
}

impl Trail {
    /// Of one Region, with the default selector.
    pub fn new(name: &str, account: &str, region: &str, bucket: &str) -> Trail {
        Trail {
            name: name.into(),
            account: account.into(),
            region: region.into(),
            bucket: bucket.into(),
            more: String::new(),
        }
    }

    pub fn with(mut self, line: &str) -> Trail {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }

    pub fn prefix(self, prefix: &str) -> Trail {
        self.with(&format!("prefix = {prefix:?}"))
    }

    pub fn topic(self, arn: &str) -> Trail {
        self.with(&format!("topic = {arn:?}"))
    }

    pub fn multi_region(self) -> Trail {
        self.with("multi_region = true")
    }

    pub fn categories(self, categories: &[&str]) -> Trail {
        self.with(&format!(
            "advanced_event_selectors = [{{ FieldSelectors = [{{ Field = \"eventCategory\", Equals = {categories:?} }}] }}]"
        ))
    }
}

impl Display for Trail {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Trail { name, account, region, bucket, more } = self;
        writeln!(formatter, "[[trails]]\nname = {name:?}\naccount = {account:?}")?;
        writeln!(formatter, "region = {region:?}\nbucket = {bucket:?}\n{more}")
    }
}

/// Trails, one below the other.
pub fn trails(trails: &[Trail]) -> String {
    trails.iter().map(Trail::to_string).collect()
}

/// `[[fanout]]` with an enveloped queue and a raw one.
pub fn fan_out(topic: &str, enveloped: &str, raw: &str) -> String {
    format!(
        "[[fanout]]\ntopic = {topic:?}\nqueues = [{{ name = {enveloped:?} }}, {{ name = {raw:?}, raw = true }}]\n"
    )
}
