//! AWS's own examples: what AWS says is the signature of a request verifies, and nothing next to it.
#![allow(clippy::unwrap_used)]

mod support;

use cairn_sigv4::SignatureError;
use support::{KEY_ID, SECRET, SIGNED_AT, Sent};

const CASES: &str = include_str!("aws_cases.txt");
const SCOPE: &str = "20150830/us-east-1/service/aws4_request";
const DATE: &str = "20150830T123600Z";

#[derive(Clone, Debug)]
struct Case {
    name: String,
    sent: Sent,
    token: Option<String>,
    signed: (String, String),
    presigned: Option<(String, String)>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, text) = line.split_once(' ').unwrap();
        if word == "case" {
            let (token, signed, presigned) = (None, Default::default(), None);
            let sent = Sent::new("GET /", "");
            cases.push(Case { name: text.into(), sent, token, signed, presigned });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let pair = || text.split_once(' ').map(|(list, hex)| (list.into(), hex.into())).unwrap();
        match word {
            "request" => case.sent = Sent::new(text, ""),
            "header" => {
                let (name, value) = text.split_once(':').unwrap();
                case.sent = case.sent.clone().with(name, value);
            }
            "body" => case.sent.body = text.into(),
            "token" => case.token = Some(text.into()),
            "signed" => case.signed = pair(),
            "presigned" => case.presigned = Some(pair()),
            word => panic!("{word} is no word of the cases"),
        }
    }
    cases
}

impl Case {
    /// The request with its signature in the header.
    fn in_header(&self, hex: &str) -> Sent {
        let list = &self.signed.0;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={KEY_ID}/{SCOPE}, SignedHeaders={list}, Signature={hex}"
        );
        let mut sent = self.sent.clone().with("x-amz-date", DATE);
        if let Some(token) = &self.token {
            sent = sent.with("x-amz-security-token", token);
        }
        if list.contains("x-amz-content-sha256") {
            let hash = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
            sent = sent.with("x-amz-content-sha256", hash);
        }
        sent.with("authorization", &authorization)
    }

    /// The request with its signature in the query.
    fn in_query(&self, list: &str, hex: &str) -> Sent {
        let mut sent = self.sent.clone();
        sent = sent.and("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        sent = sent.and("X-Amz-Credential", &format!("{KEY_ID}/{SCOPE}"));
        sent = sent.and("X-Amz-Date", DATE).and("X-Amz-SignedHeaders", list);
        sent = sent.and("X-Amz-Expires", "3600");
        if let Some(token) = &self.token {
            sent = sent.and("X-Amz-Security-Token", token);
        }
        sent.and("X-Amz-Signature", hex)
    }
}

/// The digits of another signature.
fn other(hex: &str) -> String {
    let (rest, last) = hex.split_at(hex.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn the_published_signatures_verify_in_the_header() {
    let cases = cases();
    assert_eq!(cases.len(), 31);
    for case in cases {
        let verify = |hex: &str| case.in_header(hex).verify(SECRET, SIGNED_AT);
        assert_eq!(verify(&case.signed.1), Ok(()), "{}", case.name);
        assert_eq!(verify(&other(&case.signed.1)), Err(SignatureError::Mismatch), "{}", case.name);
    }
}

#[test]
fn the_published_signatures_verify_in_the_query() {
    for case in cases() {
        let Some((list, hex)) = &case.presigned else { continue };
        let verify = |hex: &str| case.in_query(list, hex).verify(SECRET, SIGNED_AT);
        assert_eq!(verify(hex), Ok(()), "{}", case.name);
        assert_eq!(verify(&other(hex)), Err(SignatureError::Mismatch), "{}", case.name);
    }
}
