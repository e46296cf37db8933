//! ARNs of resources, as far as selectors check their form: `arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME`.
//!
//! The forms of objects, functions and tables are known. Of other resources only the shape that all
//! ARNs have is checked: AWS has 250 types of them, and more each month.
//! Source: AWS General Reference, "Amazon Resource Names"; AWS CloudTrail API Reference, `DataResource`.

use model::AccountId;

/// What an ARN is to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `arn:aws:s3:::BUCKET/KEY`
    Object,
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, without a version or an alias.
    Function,
    /// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`
    Table,
    /// Anything else.
    Other,
}

/// The parts of an ARN.
struct Parts<'a> {
    service: &'a str,
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

impl Kind {
    /// By a `resources.type`.
    pub(crate) fn of(resource_type: &str) -> Kind {
        match resource_type {
            "AWS::S3::Object" => Kind::Object,
            "AWS::Lambda::Function" => Kind::Function,
            "AWS::DynamoDB::Table" => Kind::Table,
            _ => Kind::Other,
        }
    }

    /// By the `Type` of a basic selector's data resource, which knows these three alone.
    pub(crate) fn of_basic(resource_type: &str) -> Option<Kind> {
        Some(Kind::of(resource_type)).filter(|kind| *kind != Kind::Other)
    }

    /// Whether a text is the ARN of one such resource.
    pub(crate) fn is_exact(self, text: &str) -> bool {
        let Some(Parts { service, region, account, name }) = parts(text) else { return false };
        let is_placed = || !region.is_empty() && account.parse::<AccountId>().is_ok();
        match self {
            Kind::Object => service == "s3" && split_key(name).is_some_and(|key| !key.is_empty()),
            Kind::Function => {
                let function = name.strip_prefix("function:");
                service == "lambda" && is_placed() && function.is_some_and(is_word)
            }
            Kind::Table => {
                let table = name.strip_prefix("table/");
                service == "dynamodb" && is_placed() && table.is_some_and(is_word)
            }
            Kind::Other => !service.is_empty() && !name.is_empty(),
        }
    }
}

/// Whether a text begins the ARNs of all objects of a bucket: `arn:aws:s3:::BUCKET/` and more.
pub(crate) fn is_object_prefix(text: &str) -> bool {
    parts(text).is_some_and(|parts| {
        parts.service == "s3"
            && parts.region.is_empty()
            && parts.account.is_empty()
            && split_key(parts.name).is_some()
    })
}

/// What stands behind `arn:aws:`, `arn:aws-cn:` and so on.
pub(crate) fn behind_partition(arn: &str) -> Option<&str> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let more = partition.strip_prefix("aws")?;
    let is_partition =
        more.is_empty() || (more.starts_with('-') && more.bytes().all(is_lower_or_hyphen));
    is_partition.then_some(rest)
}

fn parts(arn: &str) -> Option<Parts<'_>> {
    let mut parts = behind_partition(arn)?.splitn(4, ':');
    Some(Parts {
        service: parts.next()?,
        region: parts.next()?,
        account: parts.next()?,
        name: parts.next()?,
    })
}

/// The key of `BUCKET/KEY`; `None` without a bucket's name before a slash.
fn split_key(name: &str) -> Option<&str> {
    let (bucket, key) = name.split_once('/')?;
    // Shorter than any bucket's too: AWS's own examples say `b1`.
    let is_bucket = (1..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_bucket.then_some(key)
}

/// The name of a function or a table: neither a version nor a wildcard.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_lower_or_hyphen(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'-'
}
