//! Records of real shapes and sizes.
//!
//! Generated from a seed, so that every run sends the same bytes but for the identifiers and the day,
//! which is yesterday: what is old goes past the event history. Shapes are
//! those of everyday trails: eight calls of seven services, by a few roles and users of each account,
//! with some hundreds of sessions. Sizes go from 0.7 to 5 KB with a mean of about 1.4 KB, and a log
//! file of them compresses about as real ones do (6 to 11 times); `record_bytes_mean` and
//! `compression_ratio` say what came out.

use std::fmt::Write as _;

use model::Timestamp;

use crate::process::wall_clock;

/// An account and a Region.
pub type Pair = (String, String);

/// Whose trail takes everything.
pub const OWNER: &str = "100000000000";

/// One record's text.
#[derive(Clone, Debug)]
pub struct Record {
    /// One JSON object, in one line.
    pub text: String,
    /// Where the 36 characters of its `eventID` are.
    pub id: usize,
}

/// So many pairs, up to ten Regions for each account; all texts have the same length.
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
    let yesterday = Timestamp::from_millis(wall_clock().as_millis() - 24 * 3600 * 1000);
    let day = &yesterday.to_iso_seconds()[..10];
    (0..count).map(|number| record(&pairs[number % pairs.len()], day, &mut dice)).collect()
}

/// A one-to-one function that looks random (the finalizer of SplitMix64).
#[must_use]
pub fn mix(number: u64) -> u64 {
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
        let place = usize::try_from(self.below(among.len() as u64));
        among[place.expect("less than a length")]
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

fn record((account, region): &Pair, day: &str, dice: &mut Dice) -> Record {
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
        r#"{{"eventVersion":"1.11","userIdentity":{},"eventTime":"{day}T{hour:02}:{minute:02}:{second:02}Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"{address}","userAgent":"{agent}""#,
        identity(account, day, dice),
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

fn identity(account: &str, day: &str, dice: &mut Dice) -> String {
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
                r#"{{"type":"AssumedRole","principalId":"AROA4EXAMPLE7QZ{length:04}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA4EXAMPLE7QZ{length:04}","arn":"arn:aws:iam::{account}:role/{role}","accountId":"{account}","userName":"{role}"}},"attributes":{{"creationDate":"{day}T{:02}:{:02}:{:02}Z","mfaAuthenticated":"false"}}}}}}"#,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn records_are_as_large_and_as_compressible_as_real_ones() {
        let lines: Vec<String> = records(5_000, &pairs(30)).into_iter().map(|r| r.text).collect();
        let text = lines.join("\n");
        let mean = text.len() / lines.len();
        assert!((1_000..=1_500).contains(&mean), "{mean} bytes");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
        gzip.write_all(text.as_bytes()).unwrap();
        let ratio = text.len() / gzip.finish().unwrap().len();
        assert!((6..=11).contains(&ratio), "{ratio}");
        let sizes = lines.iter().map(String::len);
        assert!(sizes.clone().min().unwrap() < 800 && sizes.max().unwrap() > 4_000);
    }

    #[test]
    fn pairs_are_all_different_and_their_texts_equally_long() {
        let pairs = pairs(10_000);
        assert_eq!(pairs.iter().collect::<HashSet<_>>().len(), 10_000);
        assert!(pairs.iter().all(|(account, region)| account.len() == 12 && region.len() == 9));
    }
}
