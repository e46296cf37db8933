//! The request to the daemon.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, bail};
use bytes::Bytes;
use history::Attribute;
use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};
use model::{Region, Timestamp};

use super::Lookup;
use crate::export::Format;
use crate::http::history::PATH;
use crate::http_client;
use crate::serve::wall_clock;
use crate::signing::{self, Signer};

/// How often it is asked again when the daemon is busy.
const TRIES: u32 = 30;

/// Asks for so many events in this format. The answer comes as it is read.
pub(super) async fn open(
    lookup: &Lookup,
    format: Format,
    limit: Option<u64>,
) -> anyhow::Result<Incoming> {
    let (region, account) = (lookup.region.first(), lookup.account.as_ref());
    let signer = Signer::new("cairn-lookup", signing::API, region, account).await?;
    let query = query(lookup, format, limit, wall_clock());
    let uri = format!("{}{PATH}?{query}", lookup.endpoint.trim_end_matches('/'));
    for _ in 0..TRIES {
        let request = request(lookup, &uri, &signer).await?;
        let answer = http_client::open(request).await?;
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer.into_body());
        }
        let wait = http_client::retry_after(answer.headers());
        let answer = http_client::read(answer, &uri.parse()?).await?;
        let told: http_client::Told = serde_json::from_slice(answer.body()).unwrap_or_default();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                let message = &told.message;
                let _ = writeln!(std::io::stderr(), "cairn lookup: {message}; trying again");
                tokio::time::sleep(wait).await;
            }
            StatusCode::FORBIDDEN => {
                let advice = signer.advice().await;
                bail!("{}: {} ({advice})", told.kind, told.message);
            }
            StatusCode::NOT_FOUND => bail!(
                "{} has no event history: is it a Cairn of this version? ({})",
                lookup.endpoint,
                told.message
            ),
            _ if told.kind.is_empty() => bail!("{status}: not an answer of Cairn"),
            _ => bail!("{}: {}", told.kind, told.message),
        }
    }
    bail!("the daemon stayed busy; ask again later")
}

async fn request(
    lookup: &Lookup,
    uri: &str,
    signer: &Signer,
) -> anyhow::Result<Request<http_client::Body>> {
    let request = Request::get(uri).body(Bytes::new());
    let mut request =
        request.with_context(|| format!("--endpoint {:?} is not a URL", lookup.endpoint))?;
    let agent = concat!("cairn-lookup/", env!("CARGO_PKG_VERSION"));
    request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static(agent));
    let request = signer.sign(request, wall_clock()).await?;
    Ok(request.map(|_| http_client::empty()))
}

/// What is asked for, as the query of a URL.
fn query(lookup: &Lookup, format: Format, limit: Option<u64>, now: Timestamp) -> String {
    let mut query = format!("format={}", format.name());
    let mut add = |name: &str, value: &str| {
        let _ = write!(query, "&{name}={}", escaped(value));
    };
    let mut attributes = lookup.filters.clone();
    let mut of = |attribute, values: &[String]| {
        attributes.extend(values.iter().map(|value| (attribute, value.clone())));
    };
    of(Attribute::EventName, lookup.event_name.as_slice());
    of(Attribute::EventId, lookup.event_id.as_slice());
    of(Attribute::Username, lookup.username.as_slice());
    of(Attribute::ResourceName, &lookup.resource_name);
    of(Attribute::ResourceType, &lookup.resource_type);
    of(Attribute::EventSource, lookup.event_source.as_slice());
    of(Attribute::AccessKeyId, lookup.access_key_id.as_slice());
    of(Attribute::ReadOnly, lookup.read_only.map(|is| is.to_string()).as_slice());
    for (attribute, value) in &attributes {
        add(attribute.name(), value);
    }
    let since = lookup.since.map(|since| {
        let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(now.as_millis().saturating_sub(since))
    });
    for (name, moment) in [("startTime", since.or(lookup.from)), ("endTime", lookup.to)] {
        if let Some(moment) = moment {
            add(name, &moment.to_iso_seconds());
        }
    }
    if lookup.all_regions {
        add("regions", "ALL");
    } else if lookup.region.len() > 1 {
        let names: Vec<&str> = lookup.region.iter().map(Region::as_str).collect();
        add("regions", &names.join(","));
    }
    for (name, value) in [("accountIds", &lookup.accounts), ("eventCategories", &lookup.category)] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    if let Some(limit) = limit {
        add("limit", &limit.to_string());
    }
    query
}

/// Escaped as a signature's canonical form has it.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        lookup: Lookup,
    }

    fn check(words: &[&str], expected: &Expect) {
        let words = ["lookup"].iter().chain(words);
        let Typed { lookup } =
            Typed::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let now = Timestamp::parse("2026-03-09T14:05:00Z").unwrap();
        expected.assert_eq(&query(&lookup, Format::Csv, lookup.limit, now));
    }

    #[test]
    fn a_query_says_what_was_typed() {
        check(&[], &expect!["format=csv"]);
        check(
            &["event-name=DeleteBucket", "readOnly=false", "--username", "amy+b&c=d é"],
            &expect![
                "format=csv&EventName=DeleteBucket&ReadOnly=false&Username=amy%2Bb%26c%3Dd%20%C3%A9"
            ],
        );
        check(
            &["--since", "2h", "--all-regions", "--limit", "7"],
            &expect!["format=csv&startTime=2026-03-09T12%3A05%3A00Z&regions=ALL&limit=7"],
        );
        check(
            &["--from", "2026-03-08", "--to", "2026-03-09T01:00:00+01:00", "--accounts", "ALL"],
            &expect![
                "format=csv&startTime=2026-03-08T00%3A00%3A00Z&endTime=2026-03-09T00%3A00%3A00Z&accountIds=ALL"
            ],
        );
        check(
            &["--region", "eu-west-1,us-east-1", "--category", "data,networkactivity"],
            &expect![
                "format=csv&regions=eu-west-1%2Cus-east-1&eventCategories=Data%2CNetworkActivity"
            ],
        );
        check(
            &["--region", "eu-west-1", "--read-only", "true"],
            &expect!["format=csv&ReadOnly=true"],
        );
        check(
            &["--resource-name", "a", "--resource-name", "b", "--resource-type", "AWS::S3::Bucket"],
            &expect![
                "format=csv&ResourceName=a&ResourceName=b&ResourceType=AWS%3A%3AS3%3A%3ABucket"
            ],
        );
    }
}
