//! What a line of a tail is to people: who did what, where, to what, and whether it went wrong.
//!
//! ```text
//! 2026-11-23T02:16:58Z  eu-west-1     alice                 s3 DeleteBucket  bucketName=logs  AccessDenied: no
//! ```
//!
//! All that comes from records is written without commands for a terminal, and cut where it is long.

use history::Summary;
use integrity::Plain;
use serde_json::Value;

use super::feed::Line;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Characters of a name that are shown.
const NAME_MAX: usize = 40;
/// Characters of what an event is about, and of its error.
const TEXT_MAX: usize = 120;
/// Characters of one value.
const VALUE_MAX: usize = 60;

/// How lines are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    pub(super) is_coloured: bool,
    /// Whether events of several accounts may come.
    pub(super) has_accounts: bool,
}

impl Show {
    /// An event, in one line.
    pub(super) fn event(self, line: &Line) -> String {
        let text = line.event.as_deref().map_or("", |record| record.get());
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        let summary = Summary::of(text.as_bytes());
        let member = |name: &str| record[name].as_str().unwrap_or_default();
        let source = member("eventSource");
        let source = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        let time = match member("eventTime") {
            "" => "-",
            time => time,
        };
        let mut shown = format!("{}  ", self.painted(DIM, &format!("{:20}", cut(time, NAME_MAX))));
        if self.has_accounts {
            shown += &format!("{}  ", cut(&line.account, NAME_MAX));
        }
        shown += &format!("{:12}  ", cut(&line.region, NAME_MAX));
        let user = format!("{:20}", cut(&user(&record, &summary), NAME_MAX));
        shown += &format!("{}  ", self.painted(CYAN, &user));
        let name = format!("{} {}", cut(source, NAME_MAX), cut(member("eventName"), NAME_MAX));
        shown += &self.painted(BOLD, name.trim());
        let about = about(&record, &summary);
        if !about.is_empty() {
            shown += &format!("  {}", cut(&about, TEXT_MAX));
        }
        let error = [member("errorCode"), member("errorMessage")];
        let error: Vec<&str> = error.into_iter().filter(|text| !text.is_empty()).collect();
        if !error.is_empty() {
            shown += &format!("  {}", self.painted(RED, &cut(&error.join(": "), TEXT_MAX)));
        }
        shown
    }

    /// That some are missing, in their place.
    pub(super) fn missed(self, line: &Line) -> String {
        self.painted(YELLOW, &missed(line))
    }

    fn painted(self, colour: &str, text: &str) -> String {
        if self.is_coloured { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}

/// That some are missing, and how to look them up.
pub(super) fn missed(line: &Line) -> String {
    let (from, to) = (Plain(&line.start_time), Plain(&line.end_time));
    let count = line.missed.unwrap_or_default();
    let what = match (line.at_most, line.at_least, count) {
        (_, true, 0) => "events may be missing here: not all that is past was seen".to_owned(),
        (at_most, at_least, count) => {
            let bound = match (at_most, at_least) {
                (true, _) => "at most ",
                (_, true) => "at least ",
                _ => "",
            };
            let events = if count == 1 { "event is" } else { "events are" };
            format!("{bound}{count} {events} missing here, more than could be told in time")
        }
    };
    format!("{what}; look them up with: cairn lookup --all-regions --from {from} --to {to}")
}

/// Who acted.
fn user(record: &Value, summary: &Summary<'_>) -> String {
    let identity = &record["userIdentity"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let last = |arn: String| arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    let username = summary.username.as_deref().map(str::to_owned);
    let known = username.or_else(|| text(&identity["arn"]).map(last));
    let known = known.or_else(|| text(&identity["invokedBy"])).or_else(|| text(&identity["type"]));
    known.filter(|name| !name.is_empty()).unwrap_or_else(|| "-".into())
}

/// What it is about: the first name of a resource, or else what was asked for.
fn about(record: &Value, summary: &Summary<'_>) -> String {
    if let Some(resource) = summary.resources.first() {
        return resource.name.clone().into_owned();
    }
    let arns = record["resources"].as_array().into_iter().flatten();
    if let Some(arn) = arns.filter_map(|resource| resource["ARN"].as_str()).next() {
        return arn.to_owned();
    }
    let Some(parameters) = record["requestParameters"].as_object() else { return String::new() };
    let parameters = parameters.iter().filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(format!("{name}={}", cut_only(&value, VALUE_MAX)))
    });
    parameters.collect::<Vec<_>>().join(" ")
}

/// Text from outside, for a terminal, not too long.
fn cut(text: &str, characters_max: usize) -> String {
    cut_only(&Plain(text).to_string(), characters_max)
}

fn cut_only(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn line(record: &Value) -> Line {
        let line = json!({ "account": "111122223333", "region": "eu-west-1", "event": record });
        serde_json::from_str(&line.to_string()).unwrap()
    }

    fn check(record: &Value, expected: &Expect) {
        let show = Show { is_coloured: false, has_accounts: false };
        expected.assert_eq(&show.event(&line(record)));
    }

    #[test]
    fn an_event_is_one_line() {
        let mut record = json!({
            "eventTime": "2026-11-23T02:16:58Z", "eventSource": "shop.example.com",
            "eventName": "PutOrder", "userIdentity": { "userName": "alice" },
            "requestParameters": { "order": "seven", "items": ["a"], "n": 3 },
        });
        check(
            &record,
            &expect![
                "2026-11-23T02:16:58Z  eu-west-1     alice                 shop.example.com PutOrder  n=3 order=seven"
            ],
        );
        record["errorCode"] = "AccessDenied".into();
        record["errorMessage"] = "no\u{1b}[31m\nway \u{202e}".into();
        record["userIdentity"] = json!({ "arn": "arn:aws:sts::1:assumed-role/r/ses\u{7}sion" });
        record["eventSource"] = "s3.amazonaws.com".into();
        record["requestParameters"] = Value::Null;
        check(
            &record,
            &expect![[
                r"2026-11-23T02:16:58Z  eu-west-1     ses\u{7}sion          s3 PutOrder  AccessDenied: no\u{1b}[31m\nway \u{202e}"
            ]],
        );
        let coloured = Show { is_coloured: true, has_accounts: true }.event(&line(&record));
        assert!(coloured.contains("111122223333") && coloured.contains("\x1b[31mAccessDenied"));
        check(&json!({}), &expect!["-                     eu-west-1     -                     "]);
        check(
            &json!({ "eventName": "x".repeat(100), "userIdentity": { "type": "AWSService" } }),
            &expect![
                "-                     eu-west-1     AWSService            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
            ],
        );
    }

    #[test]
    fn what_is_missing_is_told_with_how_to_find_it() {
        let line = json!({ "missed": 1_234, "atMost": true,
            "startTime": "2026-11-23T02:16:58Z", "endTime": "2026-11-23T02:17:09Z" });
        let line: Line = serde_json::from_str(&line.to_string()).unwrap();
        let told = |line: &Line| missed(line).split("; ").next().unwrap().to_owned();
        expect!["at most 1234 events are missing here, more than could be told in time; look them up with: cairn lookup --all-regions --from 2026-11-23T02:16:58Z --to 2026-11-23T02:17:09Z"]
            .assert_eq(&missed(&line));
        let some = Line { at_most: false, at_least: true, missed: Some(1), ..Line::default() };
        expect!["at least 1 event is missing here, more than could be told in time"]
            .assert_eq(&told(&some));
        let none = Line { missed: Some(0), ..some };
        expect!["events may be missing here: not all that is past was seen"]
            .assert_eq(&told(&none));
    }
}
