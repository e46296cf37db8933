//! A fan-out is set up once, stays as it is, and what is others' stays theirs.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cairn_notifier::fanout::{
    Change, Fanout, FanoutError, FanoutQueue, FanoutReport, QueueArn, send_statement, set_up,
};
use serde_json::{Value, json};
use support::{ACCOUNT, Answer, Request, serve, sns_answer, sns_config, sns_error, sqs_config};

type Attributes = BTreeMap<String, String>;

/// As much of SNS and SQS as a fan-out needs. Everything is by ARN.
#[derive(Default)]
struct Cloud {
    topics: BTreeSet<String>,
    subscriptions: Vec<(String, String, Attributes)>,
    queues: BTreeMap<String, Attributes>,
    denied: Option<&'static str>,
    pending: bool,
    /// Calls that change something, as `Region Action`.
    changes: Vec<String>,
}

const READS: [&str; 5] = [
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "GetSubscriptionAttributes",
    "GetQueueUrl",
    "GetQueueAttributes",
];

impl Cloud {
    fn answer(&mut self, request: &Request) -> Answer {
        let target = request.headers.get("x-amz-target").cloned();
        let form = request.form();
        let action = match &target {
            Some(target) => target.split('.').nth(1).unwrap().to_owned(),
            None => form["Action"].clone(),
        };
        if self.denied == Some(action.as_str()) {
            return match target {
                Some(_) => sqs_error("AccessDeniedException"),
                None => sns_error(403, "AuthorizationError"),
            };
        }
        if !READS.contains(&action.as_str()) {
            self.changes.push(format!("{} {action}", request.region()));
        }
        match target {
            Some(_) => {
                self.sqs(&action, request.region(), &serde_json::from_str(&request.body).unwrap())
            }
            None => self.sns(&action, request.region(), &form),
        }
    }

    fn sns(&mut self, action: &str, region: &str, form: &Attributes) -> Answer {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let topic = text("TopicArn");
        let result = match action {
            "GetTopicAttributes" if !self.topics.contains(&topic) => {
                return sns_error(404, "NotFound");
            }
            "GetTopicAttributes" => entries(&Attributes::new()),
            "CreateTopic" => {
                let arn = format!("arn:aws:sns:{region}:{ACCOUNT}:{}", text("Name"));
                self.topics.insert(arn.clone());
                format!("<TopicArn>{arn}</TopicArn>")
            }
            "ListSubscriptionsByTopic" => self.page(&topic, &text("NextToken")),
            "Subscribe" => {
                assert_eq!(text("Protocol"), "sqs");
                let (name, value) =
                    (text("Attributes.entry.1.key"), text("Attributes.entry.1.value"));
                let attributes = Attributes::from([(name, value)]);
                self.subscriptions.push((topic, text("Endpoint"), attributes));
                let last = self.subscriptions.len() - 1;
                format!("<SubscriptionArn>{}</SubscriptionArn>", self.subscription_arn(last))
            }
            "GetSubscriptionAttributes" => entries(&self.subscription(&text("SubscriptionArn")).2),
            "SetSubscriptionAttributes" => {
                let (name, value) = (text("AttributeName"), text("AttributeValue"));
                self.subscription(&text("SubscriptionArn")).2.insert(name, value);
                String::new()
            }
            other => panic!("nobody expects {other}"),
        };
        sns_answer(action, &result)
    }

    fn subscription(&mut self, arn: &str) -> &mut (String, String, Attributes) {
        let index: usize = arn.rsplit(':').next().unwrap().parse().unwrap();
        &mut self.subscriptions[index]
    }

    fn subscription_arn(&self, index: usize) -> String {
        if self.pending {
            return "PendingConfirmation".to_owned();
        }
        format!("{}:{index}", self.subscriptions[index].0)
    }

    /// Pages of one subscription each.
    fn page(&self, topic: &str, token: &str) -> String {
        let index: usize = token.parse().unwrap_or(0);
        let Some((of, endpoint, _)) = self.subscriptions.get(index) else {
            return "<Subscriptions/>".to_owned();
        };
        let arn = self.subscription_arn(index);
        let member = format!(
            "<member><Protocol>sqs</Protocol><Endpoint>{endpoint}</Endpoint>\
             <SubscriptionArn>{arn}</SubscriptionArn></member>"
        );
        let members = if of == topic { member } else { String::new() };
        let next = index + 1;
        format!("<Subscriptions>{members}</Subscriptions><NextToken>{next}</NextToken>")
    }

    fn sqs(&mut self, action: &str, region: &str, body: &Value) -> Answer {
        let name = body["QueueName"].as_str().unwrap_or_default();
        let owner = body["QueueOwnerAWSAccountId"].as_str().unwrap_or(ACCOUNT);
        let queue = body["QueueUrl"].as_str().unwrap_or_default().replace("http://queue/", "");
        let url = |arn: &str| json!({ "QueueUrl": format!("http://queue/{arn}") });
        let result = match action {
            "GetQueueUrl" => {
                let arn = format!("arn:aws:sqs:{region}:{owner}:{name}");
                if !self.queues.contains_key(&arn) {
                    // AWS's code, and that of other endpoints.
                    return sqs_error(match region {
                        "eu-west-1" => "AWS.SimpleQueueService.NonExistentQueue",
                        _ => "QueueDoesNotExist",
                    });
                }
                url(&arn)
            }
            "CreateQueue" => {
                let arn = format!("arn:aws:sqs:{region}:{ACCOUNT}:{name}");
                assert_eq!(body["Attributes"]["MessageRetentionPeriod"], "1209600");
                self.queues
                    .insert(arn.clone(), Attributes::from([("QueueArn".into(), arn.clone())]));
                url(&arn)
            }
            "GetQueueAttributes" => {
                let wanted = body["AttributeNames"][0].as_str().unwrap();
                match self.queues[&queue].get(wanted) {
                    Some(value) => json!({ "Attributes": { wanted: value } }),
                    None => json!({}),
                }
            }
            "SetQueueAttributes" => {
                let policy = body["Attributes"]["Policy"].as_str().unwrap().to_owned();
                self.queues.get_mut(&queue).unwrap().insert("Policy".into(), policy);
                json!({})
            }
            other => panic!("nobody expects {other}"),
        };
        Some((200, result.to_string()))
    }
}

fn entries(attributes: &Attributes) -> String {
    let entry = |(name, value)| format!("<entry><key>{name}</key><value>{value}</value></entry>");
    let entries: String = attributes.iter().map(entry).collect();
    format!("<Attributes>{entries}</Attributes>")
}

fn sqs_error(code: &str) -> Answer {
    let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "no" });
    Some((400, body.to_string()))
}

struct World {
    cloud: Arc<Mutex<Cloud>>,
    url: String,
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:news";
const RAW: &str = "RawMessageDelivery";

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}")
}

fn queue_arn(name: &str) -> QueueArn {
    arn(name).parse().unwrap()
}

fn fanout(topic: &str, queues: &[(&str, bool)]) -> Fanout {
    let queue =
        |(queue, raw): &(&str, bool)| FanoutQueue { queue: queue.parse().unwrap(), raw: *raw };
    Fanout { topic: topic.parse().unwrap(), queues: queues.iter().map(queue).collect() }
}

impl World {
    fn new() -> World {
        let cloud = Arc::new(Mutex::new(Cloud::default()));
        let served = Arc::clone(&cloud);
        let url = serve(move |request| served.lock().unwrap().answer(request));
        World { cloud, url }
    }

    async fn set_up(
        &self,
        topic: &str,
        queues: &[(&str, bool)],
    ) -> Result<FanoutReport, FanoutError> {
        set_up(&sns_config(&self.url), &sqs_config(&self.url), &fanout(topic, queues)).await
    }

    /// Sets up and returns what was changed, by the report and by the calls.
    async fn changes(&self, topic: &str, queues: &[(&str, bool)]) -> (Vec<Change>, Vec<String>) {
        self.cloud.lock().unwrap().changes.clear();
        let report = self.set_up(topic, queues).await.unwrap();
        (report.changes, self.cloud.lock().unwrap().changes.clone())
    }

    fn policy(&self, queue: &str) -> Value {
        serde_json::from_str(&self.cloud.lock().unwrap().queues[&arn(queue)]["Policy"]).unwrap()
    }

    fn raw(&self, index: usize) -> Option<String> {
        self.cloud.lock().unwrap().subscriptions[index].2.get(RAW).cloned()
    }
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let world = World::new();
    let queues = [("raw", true), ("enveloped", false)];
    let (changes, calls) = world.changes(TOPIC, &queues).await;
    let made = |name: &str| {
        let queue = queue_arn(name);
        [
            Change::QueueMade(queue.clone()),
            Change::PolicyChanged(queue.clone()),
            Change::Subscribed(queue),
        ]
    };
    let mut expected = vec![Change::TopicMade(TOPIC.parse().unwrap())];
    expected.extend(made("raw"));
    expected.extend(made("enveloped"));
    assert_eq!(changes, expected);
    assert!(calls.iter().all(|call| call.starts_with("eu-west-1 ")), "{calls:?}");
    assert_eq!((world.raw(0).as_deref(), world.raw(1)), (Some("true"), None));
    let statement = send_statement(&TOPIC.parse().unwrap(), &queue_arn("raw"));
    assert_eq!(world.policy("raw")["Statement"], json!([statement]));

    assert_eq!(world.changes(TOPIC, &queues).await, (vec![], vec![]));
}

#[tokio::test]
async fn what_differs_is_corrected_and_nothing_else() {
    let world = World::new();
    world.set_up(TOPIC, &[("one", false), ("two", true)]).await.unwrap();
    let (changes, calls) = world.changes(TOPIC, &[("one", true), ("two", true)]).await;
    assert_eq!(changes, [Change::DeliveryChanged(queue_arn("one"))]);
    assert_eq!(calls, ["eu-west-1 SetSubscriptionAttributes"]);
    assert_eq!(world.raw(0).as_deref(), Some("true"));
    let (changes, _) = world.changes(TOPIC, &[("one", true), ("two", false)]).await;
    assert_eq!(changes, [Change::DeliveryChanged(queue_arn("two"))]);
    assert_eq!(world.raw(1).as_deref(), Some("false"));
}

#[tokio::test]
async fn what_others_made_stays() {
    let world = World::new();
    let theirs = json!({ "Sid": "theirs", "Effect": "Deny", "Action": "*" });
    let policy = json!({ "Id": "x", "Statement": theirs }).to_string();
    let attributes = [("QueueArn".to_owned(), arn("one")), ("Policy".to_owned(), policy)];
    world.cloud.lock().unwrap().queues.insert(arn("one"), Attributes::from(attributes));
    let (changes, _) = world.changes(TOPIC, &[("one", true)]).await;
    assert!(!changes.contains(&Change::QueueMade(queue_arn("one"))));
    let ours = send_statement(&TOPIC.parse().unwrap(), &queue_arn("one"));
    assert_eq!(world.policy("one"), json!({ "Id": "x", "Statement": [theirs, ours] }));

    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    world.set_up(other, &[("one", true)]).await.unwrap();
    assert_eq!(world.policy("one")["Statement"].as_array().unwrap().len(), 3);
    assert_eq!(world.changes(TOPIC, &[("one", true)]).await.0, []);
}

#[tokio::test]
async fn a_queue_is_sought_where_its_arn_says() {
    let world = World::new();
    let queue = "arn:aws:sqs:ap-south-1:111122223333:far";
    let report = world.set_up(TOPIC, &[(queue, true)]).await.unwrap();
    assert_eq!(report.queues[0].arn.to_string(), queue);
    assert_eq!(report.queues[0].url, format!("http://queue/{queue}"));
    assert_eq!(world.changes(TOPIC, &[(&report.queues[0].url, true)]).await.0, []);

    let theirs = "arn:aws:sqs:eu-west-1:999999999999:siem";
    let attributes = Attributes::from([("QueueArn".to_owned(), theirs.to_owned())]);
    world.cloud.lock().unwrap().queues.insert(theirs.to_owned(), attributes);
    let report = world.set_up(TOPIC, &[(theirs, true)]).await.unwrap();
    assert_eq!(report.queues[0].arn.to_string(), theirs);
}

#[tokio::test]
async fn another_accounts_topic_or_queue_is_not_taken_for_ours() {
    let world = World::new();
    let topic = "arn:aws:sns:eu-west-1:999999999999:news";
    let error = world.set_up(topic, &[]).await.unwrap_err();
    assert!(matches!(error, FanoutError::OtherAccount { wanted, .. } if wanted == topic));
    let queue = "arn:aws:sqs:eu-west-1:999999999999:siem";
    let error = world.set_up(TOPIC, &[(queue, true)]).await.unwrap_err();
    assert!(matches!(error, FanoutError::OtherAccount { wanted, .. } if wanted == queue));
}

#[tokio::test]
async fn every_denied_call_names_the_missing_statement() {
    let queue = arn("one");
    let by_name = "arn:*:sqs:*:*:one";
    for (action, permission, resource) in [
        ("GetTopicAttributes", "sns:GetTopicAttributes", TOPIC),
        ("CreateTopic", "sns:CreateTopic", TOPIC),
        ("GetQueueUrl", "sqs:GetQueueUrl", by_name),
        ("CreateQueue", "sqs:CreateQueue", by_name),
        ("SetQueueAttributes", "sqs:SetQueueAttributes", queue.as_str()),
        ("ListSubscriptionsByTopic", "sns:ListSubscriptionsByTopic", TOPIC),
        ("Subscribe", "sns:Subscribe", TOPIC),
    ] {
        let world = World::new();
        world.cloud.lock().unwrap().denied = Some(action);
        let error = world.set_up(TOPIC, &[("one", true)]).await.unwrap_err();
        let statement: Value = serde_json::from_str(&error.missing_statement().unwrap()).unwrap();
        let expected = json!({ "Effect": "Allow", "Action": permission, "Resource": resource });
        assert_eq!(statement, expected, "{action}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot {permission} on ")), "{text}");
        assert!(text.contains(&expected.to_string()), "{text}");
        // Once it is allowed, the next run completes what this one began.
        world.cloud.lock().unwrap().denied = None;
        world.set_up(TOPIC, &[("one", true)]).await.unwrap();
        assert_eq!(world.changes(TOPIC, &[("one", true)]).await.0, []);
    }
}

#[tokio::test]
async fn fifo_is_refused_before_anything_is_made() {
    let world = World::new();
    let error = world.set_up(&format!("{TOPIC}.fifo"), &[("one", true)]).await.unwrap_err();
    assert!(error.to_string().starts_with("InvalidSnsTopicNameException: "), "{error}");
    let error = world.set_up(TOPIC, &[("one", true), ("two.fifo", true)]).await.unwrap_err();
    assert!(matches!(error, FanoutError::FifoQueue { .. }));
    assert!(world.cloud.lock().unwrap().changes.is_empty());
}

#[tokio::test]
async fn an_unconfirmed_subscription_is_said_to_be_so() {
    let world = World::new();
    world.cloud.lock().unwrap().pending = true;
    for _ in 0..2 {
        let error = world.set_up(TOPIC, &[("one", true)]).await.unwrap_err();
        assert!(matches!(error, FanoutError::Unconfirmed { .. }), "{error}");
    }
    assert_eq!(world.cloud.lock().unwrap().subscriptions.len(), 1);
}

#[tokio::test]
async fn a_policy_that_is_not_understood_is_left_alone() {
    let world = World::new();
    world.set_up(TOPIC, &[("one", true)]).await.unwrap();
    let damage = |cloud: &mut Cloud| {
        cloud.queues.get_mut(&arn("one")).unwrap().insert("Policy".into(), "{".into());
    };
    damage(&mut world.cloud.lock().unwrap());
    let error = world.set_up(TOPIC, &[("one", true)]).await.unwrap_err();
    assert!(matches!(error, FanoutError::Policy { .. }), "{error}");
    assert_eq!(world.cloud.lock().unwrap().queues[&arn("one")]["Policy"], "{");
}
