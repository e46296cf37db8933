//! Records of this project's own: every category and eventVersion, in the shapes that real ones
//! have and that a reader who renders JSON again would change. The same at every run.

use std::fmt::Write as _;

/// What CloudTrail allows a record, and so what comes through uncut.
const RECORD_BYTES_MAX: usize = 256 * 1024;
const VERSIONS: [&str; 14] = [
    "1.0", "1.01", "1.02", "1.03", "1.04", "1.05", "1.05", "1.06", "1.07", "1.08", "1.09", "1.9",
    "1.10", "1.11",
];
pub const ACCOUNTS: [&str; 4] = ["700000000001", "700000000002", "700000000003", "000000000007"];
const REGIONS: [&str; 5] =
    ["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"];

/// Odd and ordinary values of `requestParameters`, as text: the bytes must survive.
const PARAMETERS: [&str; 12] = [
    "null",
    "{}",
    r#"{"policy":"{\u0022Version\u0022:\u00222012-10-17\u0022,\"Sid\":\"\u003d\u0026\u003c\u003e\"}"}"#,
    r#"{"startTime":1.688560107857E9,"small":1E-7,"zero":-0.0,"big":12345678901234567890123456789,"one":1.0}"#,
    r#"{"name":"žluťoučký kůň, 東京, 🚀, \ud83d\ude80, \u00e9, é"}"#,
    r#"{"path":"C:\\dir\\file","slash":"a\/b","controls":"\b\f\n\r\t\u0000\u001f"}"#,
    r#"{ "spaced" : [ 1 , 2 ,3 ] , "tab":	"x" }"#,
    r#"{"nested":{"a":{"b":{"c":{"d":{"e":{"f":[[[[[]]]]]}}}}}}}"#,
    r#"{"Host":"b.s3.amazonaws.com","x-amz-acl":"private","list-type":"2","":"empty name"}"#,
    r#"{"brackets":"}]}\"]}{[\",","comma":",\n"}"#,
    r#"{"omitted":true,"reason":"requestParameters too large"}"#,
    r#"{"recipientAccountId":"999999999999","awsRegion":"nowhere-1","eventCategory":"Insight"}"#,
];

/// Everything: of each category, version and shape some, and large ones.
pub fn records() -> Vec<String> {
    let mut records = Vec::new();
    for (number, version) in
        VERSIONS.iter().cycle().take(VERSIONS.len() * PARAMETERS.len()).enumerate()
    {
        records.push(management(number, version));
    }
    for number in 0..40 {
        records.push(data(number));
        records.push(network(number));
        records.push(insight(number));
        records.push(aggregated(number));
        records.push(activity(number));
        records.push(sign_in(number));
    }
    records.extend(odd());
    records.extend([1_000, 30_000, 120_000, RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX].map(large));
    // What a sender repeats in one go is one event.
    records.push(records[0].clone());
    records
}

/// A small management event of an account and Region; another number makes another event.
pub fn event(account: &str, region: &str, number: usize) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{},"eventTime":"{}","eventSource":"ec2.amazonaws.com","eventName":"StartInstances","awsRegion":"{region}","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","requestParameters":{{"number":{number}}},"responseElements":null,"requestID":"{}","eventID":"{}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}"#,
        user(account),
        time(number),
        uuid(1, number),
        uuid(2, number),
    )
}

fn management(number: usize, version: &str) -> String {
    let (account, region) = (pick(&ACCOUNTS, number / 3), pick(&REGIONS, number / 5));
    let parameters = pick(&PARAMETERS, number / VERSIONS.len());
    let minor: u32 = version[2..].parse().unwrap();
    let mut record = format!(
        r#"{{"eventVersion":"{version}","userIdentity":{},"eventTime":"{}","eventSource":"iam.amazonaws.com","eventName":"GetRole","awsRegion":"{region}","sourceIPAddress":"{}","userAgent":"[S3Console/0.4, aws-internal/3]","requestParameters":{parameters},"responseElements":null"#,
        user(account),
        time(number),
        pick(
            &["192.0.2.7", "2001:db8::1", "AWS Internal/3", "cloudformation.amazonaws.com"],
            number
        ),
    );
    if minor >= 1 {
        write!(
            record,
            r#","requestID":"{}","eventID":"{}","readOnly":true"#,
            uuid(3, number),
            uuid(4, number)
        )
        .unwrap();
    }
    if minor >= 2 {
        write!(record, r#","eventType":"AwsApiCall","recipientAccountId":"{account}""#).unwrap();
    }
    if minor >= 6 {
        record.push_str(r#","managementEvent":true"#);
    }
    if minor >= 7 {
        record.push_str(r#","eventCategory":"Management""#);
    }
    if minor >= 8 {
        record.push_str(r#","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"iam.amazonaws.com"},"sessionCredentialFromConsole":"true""#);
    }
    record + "}"
}

fn data(number: usize) -> String {
    let (account, region) = (pick(&ACCOUNTS, number), pick(&REGIONS, number));
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AWSService","invokedBy":"lambda.amazonaws.com"}},"eventTime":"{}","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"{region}","sourceIPAddress":"lambda.amazonaws.com","userAgent":"lambda.amazonaws.com","requestParameters":{{"bucketName":"b","key":"a b+č/{number}"}},"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","bytesTransferredOut":{number}.0}},"requestID":"{}","eventID":"{}","readOnly":true,"resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/{number}"}},{{"ARNPrefix":"arn:aws:s3:::b/"}}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"{account}","sharedEventID":"{}","eventCategory":"Data"}}"#,
        time(number),
        uuid(5, number),
        uuid(6, number),
        uuid(7, number),
    )
}

fn network(number: usize) -> String {
    let (account, region) = (pick(&ACCOUNTS, number), pick(&REGIONS, number / 2));
    // Both spellings of the type; records of one do not name the category.
    let (kind, category) = match number.is_multiple_of(2) {
        true => ("AwsVpceEvent", r#","eventCategory":"NetworkActivity""#),
        false => ("AwsVpceEvents", ""),
    };
    format!(
        r#"{{"eventVersion":"1.09","userIdentity":{{"type":"AWSAccount","principalId":"AIDAEXAMPLE1","accountId":"222222222222"}},"eventTime":"{}","eventSource":"kms.amazonaws.com","eventName":"ListKeys","awsRegion":"{region}","sourceIPAddress":"10.1.2.3","errorCode":"VpceAccessDenied","errorMessage":"The request was denied due to a VPC endpoint policy","requestID":"{}","eventID":"{}","eventType":"{kind}","recipientAccountId":"{account}","sharedEventID":"{}","vpcEndpointId":"vpce-0abc","vpcEndpointAccountId":"{account}"{category}}}"#,
        time(number),
        uuid(8, number),
        uuid(9, number),
        uuid(10, number),
    )
}

fn insight(number: usize) -> String {
    let (account, region) = (pick(&ACCOUNTS, number), pick(&REGIONS, number / 2));
    format!(
        r#"{{"eventVersion":"1.09","eventTime":"{}","awsRegion":"{region}","eventID":"{}","eventType":"AwsCloudTrailInsight","recipientAccountId":"{account}","sharedEventID":"{}","insightDetails":{{"state":"Start","eventSource":"autoscaling.amazonaws.com","eventName":"CompleteLifecycleAction","insightType":"ApiCallRateInsight","insightContext":{{"statistics":{{"baseline":{{"average":9.8222E-5}},"insight":{{"average":5.0}},"insightDuration":1,"baselineDuration":10181}}}}}},"eventCategory":"Insight"}}"#,
        time(number),
        uuid(11, number),
        uuid(12, number),
    )
}

fn aggregated(number: usize) -> String {
    let (account, region) = (pick(&ACCOUNTS, number), pick(&REGIONS, number / 2));
    format!(
        r#"{{"eventVersion":"1.0","accountId":"{account}","eventId":"{}","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"{region}","eventSource":"s3.amazonaws.com","timeWindow":{{"windowStart":"2026-01-02T03:00:00Z","windowEnd":"2026-01-02T03:05:00Z","windowSize":"PT5M"}},"summary":{{"primaryDimension":{{"dimension":"eventName","statistics":[{{"name":"GetObject","value":{number}}}],"aggregationType":"Count"}},"details":[]}}}}"#,
        uuid(13, number),
    )
}

fn activity(number: usize) -> String {
    let (account, region) = (pick(&ACCOUNTS, number), pick(&REGIONS, number / 2));
    format!(
        r#"{{"eventVersion":"1.11","eventCategory":"ActivityAuditLog","eventType":"ActivityLog","eventID":"{}","eventTime":"{}","awsRegion":"{region}","recipientAccountId":"{account}","metadata":{{"ingestionTime":"2026-01-02T03:04:06Z","channelARN":"arn:aws:cloudtrail:{region}:{account}:channel/x"}},"eventData":{{"version":"1.0","UID":"{number}"}}}}"#,
        uuid(14, number),
        time(number),
    )
}

fn sign_in(number: usize) -> String {
    let account = pick(&ACCOUNTS, number);
    format!(
        r#"{{"eventVersion":"1.09","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE2","accountId":"{account}","accessKeyId":"","userName":"amy"}},"eventTime":"{}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.10","userAgent":"Mozilla/5.0","errorMessage":"Failed authentication","requestParameters":null,"responseElements":{{"ConsoleLogin":"Failure"}},"additionalEventData":{{"LoginTo":"https://console.aws.amazon.com/?a=1&b=2","MobileVersion":"No","MFAUsed":"No"}},"eventID":"{}","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}"#,
        time(number),
        uuid(15, number),
    )
}

/// Records of services that call, thin ones, edited ones, wrong ones: all are kept as they are.
fn odd() -> Vec<String> {
    let account = ACCOUNTS[0];
    let odd = [
        "{}".to_owned(),
        r#"{"eventName":"only a name"}"#.to_owned(),
        r#"{"recipientAccountId":"redacted","awsRegion":"...","eventTime":"yesterday"}"#.to_owned(),
        r#"{"recipientAccountId":12,"awsRegion":["eu-west-1"],"userIdentity":"nobody","readOnly":"true"}"#.to_owned(),
        r#"{"recipientAccountId":null,"awsRegion":null,"userIdentity":null,"resources":null}"#.to_owned(),
        r#"{"userIdentity":{"accountId":"11112222333"},"resources":[null,"x",[{}]]}"#.to_owned(),
        format!(r#"{{"userIdentity":{{"accountId":"{account}","invokedBy":"AWS Internal"}},"eventType":"AwsServiceEvent","serviceEventDetails":{{"keyId":"k"}}}}"#),
        format!(r#"{{"recipientAccountId":"{account}","unknown member of 2030":{{"deep":[1,2,{{"x":null}}]}}}}"#),
        format!(r#"{{"recipientAccountId":"{account}","eventCategory":"Management","addendum":{{"reason":"UPDATED_DATA","updatedFields":["a","b"]}}}}"#),
        format!(r#"{{"recipientAccountId":"{account}","eventContext":{{"requestContext":{{"aws:ViaAWSService":"false"}},"tagContext":{{}}}}}}"#),
        format!("{{\"recipientAccountId\":\"{account}\",\"awsRegion\":\"eu-west-1\" ,\t\"eventName\" : \"Spaced\" }}"),
    ];
    odd.into()
}

/// A record of just so many bytes, no member of it over its limit.
fn large(size_bytes: usize) -> String {
    let small = event(ACCOUNTS[1], "eu-west-1", size_bytes);
    let open = small.strip_suffix('}').unwrap();
    let mut left = size_bytes.saturating_sub(open.len() + 1);
    let mut record = open.to_owned();
    for member in
        ["serviceEventDetails", "additionalEventData", "edgeDeviceDetails", "more", "evenMore"]
    {
        let frame = format!(r#","{member}":{{"text":""}}"#).len();
        let length = left.saturating_sub(frame).min(if member == "serviceEventDetails" {
            100_000
        } else {
            28_000
        });
        let length = if member == "evenMore" { left.saturating_sub(frame) } else { length };
        if left < frame {
            break;
        }
        write!(record, r#","{member}":{{"text":"{}"}}"#, filler(length)).unwrap();
        left -= frame + length;
    }
    record + "}"
}

/// So many bytes of text that does not compress away.
fn filler(length: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        char::from(b'a' + u8::try_from(*state % 26).unwrap())
    };
    (0..length).map(|_| next(&mut state)).collect()
}

fn user(account: &str) -> String {
    format!(
        r#"{{"type":"AssumedRole","principalId":"AROAEXAMPLE:amy","arn":"arn:aws:sts::{account}:assumed-role/admin/amy","accountId":"{account}","accessKeyId":"ASIAEXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::{account}:role/path/admin","accountId":"{account}","userName":"admin"}},"webIdFederationData":{{}},"attributes":{{"creationDate":"2026-05-04T03:02:01Z","mfaAuthenticated":"false"}}}}}}"#
    )
}

fn time(number: usize) -> String {
    format!("2026-01-02T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60)
}

fn uuid(kind: u32, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn pick<'a>(among: &[&'a str], number: usize) -> &'a str {
    among[number % among.len()]
}

#[test]
fn generated_records_are_of_all_kinds_and_sizes() {
    let records = records();
    let sizes: Vec<usize> = records.iter().map(String::len).collect();
    assert!(sizes.contains(&2) && sizes.contains(&RECORD_BYTES_MAX), "{:?}", sizes.iter().max());
    for record in &records {
        serde_json::from_str::<serde_json::Value>(record)
            .unwrap_or_else(|error| panic!("{error}: {record}"));
        assert!(!record.contains('\n'), "one line: {record}");
    }
    for said in VERSIONS.iter().chain(&super::configuration::ALL) {
        let quoted = format!("\"{said}\"");
        assert!(records.iter().any(|record| record.contains(&quoted)), "{said}");
    }
}
