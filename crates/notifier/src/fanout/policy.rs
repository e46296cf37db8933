//! The queue policy that lets a topic send: one statement among those that are there.

use model::ids::TopicArn;
use serde_json::{Map, Value, json};

use super::QueueArn;

/// A policy that cannot be added to without destroying something.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPolicy {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of another shape.
    #[error("{0}")]
    Shape(&'static str),
}

/// The statement that lets the topic, and nothing else of SNS, send to the queue. Its `Sid` is made
/// of the topic's ARN, so that one queue can serve several topics.
#[must_use]
pub fn send_statement(topic: &TopicArn, queue: &QueueArn) -> Value {
    json!({
        "Sid": format!("CairnFanout-{}-{}-{}", topic.region, topic.account, topic.name),
        "Effect": "Allow",
        "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": queue.to_string(),
        "Condition": { "ArnEquals": { "aws:SourceArn": topic.to_string() } },
    })
}

/// Puts the statement into a policy, in place of one with its `Sid`, behind the others where there
/// is none. Everything else stays as it is. `None` when the policy has that very statement.
pub fn merge_policy(
    existing: Option<&str>,
    statement: &Value,
) -> Result<Option<String>, InvalidPolicy> {
    let mut policy = parse(existing)?;
    let statements = policy.entry("Statement").or_insert_with(|| json!([]));
    if statements.is_object() {
        // IAM takes a lone statement without its array.
        *statements = json!([statements.take()]);
    }
    let Value::Array(statements) = statements else {
        return Err(InvalidPolicy::Shape("its Statement is neither an array nor an object"));
    };
    if statements.contains(statement) {
        return Ok(None);
    }
    match statements.iter_mut().find(|one| one["Sid"] == statement["Sid"]) {
        Some(one) => *one = statement.clone(),
        None => statements.push(statement.clone()),
    }
    Ok(Some(Value::Object(policy).to_string()))
}

fn parse(existing: Option<&str>) -> Result<Map<String, Value>, InvalidPolicy> {
    let text = existing.map(str::trim).filter(|text| !text.is_empty());
    match text.map(serde_json::from_str).transpose()? {
        None => Ok(Map::from_iter([("Version".to_owned(), json!("2012-10-17"))])),
        Some(Value::Object(policy)) => Ok(policy),
        Some(_) => Err(InvalidPolicy::Shape("it is not a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(topic: &str) -> Value {
        let topic = format!("arn:aws:sns:eu-west-1:111122223333:{topic}").parse().unwrap();
        send_statement(&topic, &"arn:aws:sqs:eu-west-1:111122223333:siem".parse().unwrap())
    }

    /// Merges and reads the result back.
    fn merge(existing: Option<&str>, statement: &Value) -> Option<Value> {
        let merged = merge_policy(existing, statement).unwrap()?;
        assert_eq!(merge_policy(Some(&merged), statement).unwrap(), None, "once is enough");
        Some(serde_json::from_str(&merged).unwrap())
    }

    const OTHER: &str = r#"{"Sid":"owner","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"SQS:*","Resource":"*"}"#;

    fn other() -> Value {
        serde_json::from_str(OTHER).unwrap()
    }

    #[test]
    fn the_statement_lets_one_topic_send_to_one_queue() {
        let golden = json!({
            "Sid": "CairnFanout-eu-west-1-111122223333-news",
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": "arn:aws:sqs:eu-west-1:111122223333:siem",
            "Condition": {
                "ArnEquals": { "aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:news" },
            },
        });
        assert_eq!(statement("news"), golden);
    }

    #[test]
    fn a_queue_without_a_policy_gets_one() {
        let made = json!({ "Version": "2012-10-17", "Statement": [statement("news")] });
        assert_eq!(merge(None, &statement("news")), Some(made.clone()));
        assert_eq!(merge(Some(" "), &statement("news")), Some(made));
    }

    #[test]
    fn other_statements_and_members_stay() {
        let policy = format!(r#"{{"Version":"2008-10-17","Id":"mine","Statement":[{OTHER}]}}"#);
        let expected = json!({
            "Version": "2008-10-17",
            "Id": "mine",
            "Statement": [other(), statement("news")],
        });
        assert_eq!(merge(Some(&policy), &statement("news")), Some(expected));
    }

    #[test]
    fn a_lone_statement_stays() {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":{OTHER}}}"#);
        let merged = merge(Some(&policy), &statement("news")).unwrap();
        assert_eq!(merged["Statement"], json!([other(), statement("news")]));
    }

    #[test]
    fn an_older_statement_of_ours_is_replaced_where_it_stands() {
        let mut old = statement("news");
        old["Condition"] = json!({});
        let policy = json!({ "Statement": [old, other()] }).to_string();
        let merged = merge(Some(&policy), &statement("news")).unwrap();
        assert_eq!(merged, json!({ "Statement": [statement("news"), other()] }));
    }

    #[test]
    fn two_topics_have_two_statements() {
        let one = merge_policy(None, &statement("one")).unwrap().unwrap();
        let both = merge(Some(&one), &statement("two")).unwrap();
        assert_eq!(both["Statement"], json!([statement("one"), statement("two")]));
    }

    #[test]
    fn a_policy_that_is_not_understood_is_left_alone() {
        for policy in ["{", "[]", "7", r#"{"Statement":7}"#, r#"{"Statement":null}"#] {
            assert!(merge_policy(Some(policy), &statement("news")).is_err(), "{policy}");
        }
    }
}
