//! Records of real shapes and sizes, and the requests that carry them.
//!
//! Generated from a seed, so that every run sends the same bytes but for the identifiers. Shapes are
//! those of everyday trails: eight calls of seven services, by a few roles and users of each account,
//! from a few dozen addresses. Sizes go from 0.7 to 5 KB with a mean of about 1.3 KB, and a log file
//! of them compresses about as real ones do (6 to 11 times); `record_bytes_mean` and
//! `compression_ratio` say what came out.
//!
//! An event that is sent again is not recorded again. So that a request can be sent any number of
//! times, each place of an `eventID` in it is remembered, and [`Request::renew`] writes new ones.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use trails::Channel;

/// An account and a Region.
pub type Pair = (String, String);

/// Whose trail takes everything.
pub const OWNER: &str = "100000000000";

/// One record's text.
#[derive(Clone, Debug)]
pub struct Record {
    text: String,
    /// Where the 36 characters of its `eventID` are.
    id: usize,
}

/// One HTTP request, ready to be written to a connection.
#[derive(Clone, Debug)]
pub struct Request {
    bytes: Vec<u8>,
    body: usize,
    ids: Vec<usize>,
    /// What the answer says when all events were taken.
    answer: String,
}

/// Numbers that no other `Ids` of this process draws, as the text of UUIDs.
#[derive(Debug)]
pub struct Ids {
    next: u64,
}

/// The channel of `PutAuditEvents`.
#[must_use]
pub fn channel() -> Channel {
    Channel {
        account: OWNER.parse().expect("twelve digits"),
        region: "us-east-1".parse().expect("a Region"),
        name: "bench".parse().expect("a name"),
        source: "Custom".into(),
    }
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

/// So many pairs: `accounts` accounts with up to ten Regions, all texts of the same length.
#[must_use]
pub fn pairs(count: usize) -> Vec<Pair> {
    const REGIONS: [&str; 10] = [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "ap-east-1",
        "sa-east-1",
        "ca-west-1",
    ];
    let owner: u64 = OWNER.parse().expect("twelve digits");
    let pair = |number: usize| {
        let account = owner + (number / REGIONS.len()) as u64;
        (account.to_string(), REGIONS[number % REGIONS.len()].to_owned())
    };
    (0..count).map(pair).collect()
}

/// So many records, the pairs taking turns.
#[must_use]
pub fn records(count: usize, pairs: &[Pair]) -> Vec<Record> {
    let mut dice = Dice(0x00c0_ffee);
    (0..count).map(|number| record(&pairs[number % pairs.len()], &mut dice)).collect()
}

impl Request {
    /// `POST /v1/events`, one record a line.
    #[must_use]
    pub fn bulk(records: &[Record]) -> Request {
        let (mut body, mut ids) = (Vec::new(), Vec::new());
        for record in records {
            ids.push(body.len() + record.id);
            body.extend_from_slice(record.text.as_bytes());
            body.push(b'\n');
        }
        Request::new("/v1/events", &body, &ids, "\"refused\":0,")
    }

    /// `PutAuditEvents` with whole records as events.
    #[must_use]
    pub fn put_audit_events(records: &[Record]) -> Request {
        let (mut body, mut ids) = (String::from("{\"auditEvents\":["), Vec::new());
        for (number, record) in records.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(body, "{comma}{{\"id\":\"{number}\",\"eventData\":").expect("text takes text");
            // The place within the JSON string: what stands before it may be escaped.
            ids.push(body.len() + json(&record.text[..record.id]).len() - 1);
            write!(body, "{}}}", json(&record.text)).expect("text takes text");
        }
        body.push_str("]}");
        let path = format!("/PutAuditEvents?channelArn={}", channel().id());
        Request::new(&path, body.as_bytes(), &ids, "\"failed\":[]")
    }

    fn new(path: &str, body: &[u8], ids: &[usize], answer: &str) -> Request {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        Request {
            bytes: [head.as_bytes(), body].concat(),
            body: head.len(),
            ids: ids.iter().map(|id| head.len() + id).collect(),
            answer: answer.to_owned(),
        }
    }

    /// All records, as requests whose bodies are about so large.
    #[must_use]
    pub fn bulks(records: &[Record], body_bytes: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let mut size = 0;
            let fits = rest.iter().take_while(|record| {
                size += record.text.len() + 1;
                size <= body_bytes
            });
            let (these, others) = rest.split_at(fits.count().max(1));
            requests.push(Request::bulk(these));
            rest = others;
        }
        requests
    }

    /// Makes events of it that were not sent before.
    pub fn renew(&mut self, ids: &mut Ids) {
        for place in &self.ids {
            ids.write(&mut self.bytes[*place..*place + 36]);
        }
    }

    /// Head and body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// Whether an answer says that all events were taken.
    #[must_use]
    pub fn is_taken(&self, answer: &str) -> bool {
        answer.contains(&self.answer)
    }

    /// How many events it carries.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ids.len() as u64
    }
}

impl Ids {
    /// A sequence of its own, of up to 2^40 numbers.
    #[must_use]
    pub fn new() -> Ids {
        static SEQUENCES: AtomicU64 = AtomicU64::new(0);
        Ids { next: SEQUENCES.fetch_add(1, Ordering::Relaxed) << 40 }
    }

    /// Writes the next one as a version 4 UUID. Its first 16 digits are a one-to-one function of the
    /// number, less the digit of the version; that one goes on at the end.
    fn write(&mut self, text: &mut [u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let halves = [mix(self.next), mix(!self.next)];
        self.next += 1;
        for (place, byte) in text.iter_mut().enumerate() {
            let digit = match place {
                8 | 13 | 18 | 23 => continue,
                0..8 => place,
                9..13 => place - 1,
                14 => {
                    *byte = b'4';
                    continue;
                }
                15..18 => place - 2,
                19..23 => place - 3,
                _ => place - 4,
            };
            let half = halves[digit / 16];
            *byte = DIGITS[(half >> (60 - digit % 16 * 4) & 15) as usize];
        }
    }
}

/// A one-to-one function that looks random (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// A seeded source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[(self.roll() % among.len() as u64) as usize]
    }

    fn hex(&mut self, digits: usize) -> String {
        let text = format!("{:016x}{:016x}", self.roll(), self.roll());
        text[..digits].to_owned()
    }

    fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// What differs from call to call.
struct Call {
    service: &'static str,
    name: &'static str,
    is_read: bool,
    parameters: String,
    response: String,
}

fn record((account, region): &Pair, dice: &mut Dice) -> Record {
    let call = call(account, region, dice);
    let Call { service, name, is_read, parameters, response } = call;
    let second = dice.below(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let agent = dice.pick(&[
        "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.6 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.210.1 m/E",
        "Boto3/1.37.4 md/Botocore#1.37.4 ua/2.1 os/linux#6.1.128-136.201.amzn2023.x86_64 lang/python#3.12.9 Botocore/1.37.4",
        "aws-cli/2.24.16 md/awscrt#0.23.8 ua/2.1 os/macos#24.3.0 md/arch#arm64 lang/python#3.12.9 md/command#sts.assume-role",
        "APN/1.0 HashiCorp/1.0 Terraform/1.10.5 (+https://www.terraform.io) terraform-provider-aws/5.88.0 (+https://registry.terraform.io/providers/hashicorp/aws)",
        "aws-sdk-java/2.30.30 md/io#sync md/http#Apache ua/2.1 os/Linux#5.10.234-225.895.amzn2.x86_64 lang/java#17.0.14 md/OpenJDK_64-Bit_Server_VM#17.0.14+7-LTS",
        "amazon-ssm-agent/3.3.1611.0",
    ]);
    let address = format!("10.{}.{}.{}", dice.below(3), dice.below(64), dice.below(256));
    let mut text = format!(
        r#"{{"eventVersion":"1.11","userIdentity":{},"eventTime":"2026-03-14T{hour:02}:{minute:02}:{second:02}Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"{address}","userAgent":"{agent}""#,
        identity(account, dice),
    );
    if dice.below(25) == 0 {
        write!(text, r#","errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::{account}:assumed-role/deploy/ci is not authorized to perform: {service}:{name} because no identity-based policy allows the {service}:{name} action""#).expect("text takes text");
    }
    write!(
        text,
        r#","requestParameters":{parameters},"responseElements":{response},"requestID":"{}","eventID":""#,
        dice.uuid(),
    )
    .expect("text takes text");
    let id = text.len();
    write!(
        text,
        r#"{}","readOnly":{is_read},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.{region}.amazonaws.com"}}}}"#,
        dice.uuid(),
    )
    .expect("text takes text");
    Record { text, id }
}

fn identity(account: &str, dice: &mut Dice) -> String {
    let key = format!("ASIA{:016X}", mix(dice.below(400)));
    match dice.below(10) {
        0 => r#"{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}"#.to_owned(),
        1 => {
            let user = dice.pick(&["amy", "ben", "backup", "grafana"]);
            format!(
                r#"{{"type":"IAMUser","principalId":"AIDA4EXAMPLE7QZ{}","arn":"arn:aws:iam::{account}:user/{user}","accountId":"{account}","accessKeyId":"{key}","userName":"{user}"}}"#,
                user.to_uppercase(),
            )
        }
        _ => {
            let role = dice.pick(&[
                "eks-node-group",
                "deploy",
                "ecs-task-orders",
                "lambda-thumbnails",
                "AWSServiceRoleForConfig",
            ]);
            let session = match role {
                "eks-node-group" => format!("i-0{:016x}", mix(dice.below(500))),
                other => format!("{other}-{}", dice.below(100_000)),
            };
            format!(
                r#"{{"type":"AssumedRole","principalId":"AROA4EXAMPLE7QZ{length:04}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA4EXAMPLE7QZ{length:04}","arn":"arn:aws:iam::{account}:role/{role}","accountId":"{account}","userName":"{role}"}},"attributes":{{"creationDate":"2026-03-14T{:02}:{:02}:{:02}Z","mfaAuthenticated":"false"}}}}}}"#,
                dice.below(24),
                dice.below(60),
                dice.below(60),
                length = role.len(),
            )
        }
    }
}

fn call(account: &str, region: &str, dice: &mut Dice) -> Call {
    let read = |service, name, parameters: String| Call {
        service,
        name,
        is_read: true,
        parameters,
        response: "null".into(),
    };
    match dice.below(32) {
        0..8 => read(
            "ec2",
            "DescribeInstances",
            format!(
                r#"{{"maxResults":1000,"instancesSet":{{}},"filterSet":{{"items":[{{"name":"private-dns-name","valueSet":{{"items":[{{"value":"ip-10-0-{}-{}.{region}.compute.internal"}}]}}}}]}}}}"#,
                dice.below(32),
                dice.below(256)
            ),
        ),
        8..14 => read(
            "kms",
            "Decrypt",
            format!(
                r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::orders-{account}/2026/03/14/{}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#,
                dice.hex(12)
            ),
        ),
        14..19 => assume_role(account, dice),
        19..23 => Call {
            service: "logs",
            name: "CreateLogStream",
            is_read: false,
            parameters: format!(
                r#"{{"logGroupName":"/aws/lambda/thumbnails","logStreamName":"2026/03/14/[$LATEST]{}"}}"#,
                dice.hex(32)
            ),
            response: "null".into(),
        },
        23..26 => read(
            "dynamodb",
            "DescribeTable",
            format!(r#"{{"tableName":"orders-{}"}}"#, dice.below(30)),
        ),
        26..28 => read(
            "iam",
            "GetRole",
            format!(r#"{{"roleName":"{}"}}"#, dice.pick(&["deploy", "audit", "eks-node-group"])),
        ),
        28..31 => Call {
            service: "ssm",
            name: "UpdateInstanceInformation",
            is_read: false,
            parameters: format!(
                r#"{{"instanceId":"i-0{}","agentVersion":"3.3.1611.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.{}.{}","computerName":"ip-10-0-1-1.{region}.compute.internal","agentName":"amazon-ssm-agent","sSMConnectionChannel":"ssmmessages"}}"#,
                dice.hex(16),
                dice.below(32),
                dice.below(256)
            ),
            response: "null".into(),
        },
        _ => run_instances(account, region, dice),
    }
}

fn assume_role(account: &str, dice: &mut Dice) -> Call {
    let token: String = (0..10).map(|_| dice.hex(32)).collect();
    Call {
        service: "sts",
        name: "AssumeRole",
        is_read: true,
        parameters: format!(
            r#"{{"roleArn":"arn:aws:iam::{account}:role/deploy","roleSessionName":"ci-{}","durationSeconds":3600}}"#,
            dice.below(100_000)
        ),
        response: format!(
            r#"{{"credentials":{{"accessKeyId":"ASIA{}","sessionToken":"IQoJb3JpZ2luX2VjE{token}","expiration":"Mar 14, 2026, 5:32:10 PM"}},"assumedRoleUser":{{"assumedRoleId":"AROA4EXAMPLE7QZ0006:ci","arn":"arn:aws:sts::{account}:assumed-role/deploy/ci"}}}}"#,
            dice.hex(16).to_uppercase()
        ),
    }
}

fn run_instances(account: &str, region: &str, dice: &mut Dice) -> Call {
    let instances = 1 + dice.below(3);
    let instance = |dice: &mut Dice| {
        format!(
            r#"{{"instanceId":"i-0{}","imageId":"ami-0a1b2c3d4e5f60718","bootMode":"uefi-preferred","instanceState":{{"code":0,"name":"pending"}},"privateDnsName":"ip-10-0-{}-{}.{region}.compute.internal","amiLaunchIndex":0,"productCodes":{{}},"instanceType":"m7i.large","launchTime":1773480000000,"placement":{{"availabilityZone":"{region}a","tenancy":"default"}},"monitoring":{{"state":"pending"}},"subnetId":"subnet-0f1e2d3c4b5a69788","vpcId":"vpc-0123456789abcdef0","stateReason":{{"code":"pending","message":"pending"}},"architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","tagSet":{{"items":[{{"key":"Name","value":"web"}},{{"key":"team","value":"orders"}}]}},"hypervisor":"xen","clientToken":"fleet-{}","ebsOptimized":false}}"#,
            dice.hex(16),
            dice.below(32),
            dice.below(256),
            dice.uuid(),
        )
    };
    let items: Vec<String> = (0..instances).map(|_| instance(dice)).collect();
    Call {
        service: "ec2",
        name: "RunInstances",
        is_read: false,
        parameters: format!(
            r#"{{"instancesSet":{{"items":[{{"minCount":{instances},"maxCount":{instances}}}]}},"instanceType":"m7i.large","monitoring":{{"enabled":false}},"disableApiTermination":false,"launchTemplate":{{"launchTemplateId":"lt-0{}","version":"7"}}}}"#,
            dice.hex(16)
        ),
        response: format!(
            r#"{{"requestId":"{}","reservationId":"r-0{}","ownerId":"{account}","groupSet":{{}},"instancesSet":{{"items":[{}]}}}}"#,
            dice.uuid(),
            dice.hex(16),
            items.join(",")
        ),
    }
}
