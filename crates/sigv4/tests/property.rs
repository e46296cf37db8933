//! Whatever AWS's own signer signs verifies, and a request with one byte changed verifies exactly when
//! the signer would give it the same signature.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use proptest::sample::select;
use support::signer::{SIGNER, Signer};
use support::{SECRET, SIGNED_AT, Sent};

fn token() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![None, Some("FwoGZXIvYXdzE//+=="), Some("t")])
}

fn signer() -> impl Strategy<Value = Signer> {
    let service = select(vec!["cloudtrail", "execute-api", "s3"]);
    let expires = select(vec![None, Some(1), Some(3_600), Some(604_800)]);
    (token(), service, expires, any::<bool>(), any::<bool>()).prop_map(
        |(token, service, expires, says_hash, is_partly_signed)| {
            // A URL for S3 does not sign the body unless it says so.
            let payload = (service == "s3" && expires.is_some()).then_some("UNSIGNED-PAYLOAD");
            let says_hash = says_hash && payload.is_none() && expires.is_none();
            let unsigned =
                if is_partly_signed { vec!["x-one", "x-amz-target"] } else { Vec::new() };
            Signer { token, service, expires, says_hash, payload, unsigned, ..SIGNER }
        },
    )
}

fn query() -> impl Strategy<Value = String> {
    // Names and values as any program may write them, some of them badly.
    let piece = "([a-zA-Z0-9._~-]|%C3%A9|%[0-7][0-9A-Fa-f]|[+*'()/:@!$,;=]){0,4}";
    let pairs = prop::collection::vec((piece, piece), 0..5);
    pairs.prop_map(|pairs| {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    })
}

prop_compose! {
    fn request()(
        method in select(vec!["GET", "POST", "PUT", "DELETE"]),
        path in "(/([a-zA-Z0-9_~-]|[.]|%20|%2F|%E1%88%B4){0,5}){1,4}",
        query in query(),
        one in "[!-~]( {0,3}[!-~]{1,5}){0,3}",
        two in prop::collection::vec("[!-~]{0,8}", 0..3),
        target in "[A-Za-z_.0-9]{1,20}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Sent {
        let mut sent = Sent::new(&format!("{method} {path}"), "");
        (sent.query, sent.body) = (query, body);
        sent = sent.with("x-one", &one).with("x-amz-target", &target);
        two.iter().fold(sent, |sent, two| sent.with("x-two", two))
    }
}

/// What of a request is changed, where, and into what.
#[derive(Clone, Debug)]
struct Change {
    place: usize,
    at: prop::sample::Index,
    byte: u8,
}

fn change() -> impl Strategy<Value = Change> {
    let visible = select((b'!'..=b'~').collect::<Vec<u8>>());
    (0..7_usize, any::<prop::sample::Index>(), visible).prop_map(|(place, at, byte)| Change {
        place,
        at,
        byte,
    })
}

impl Change {
    /// The bytes with one of them changed.
    fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut changed = bytes.to_vec();
        let at = (!bytes.is_empty()).then(|| self.at.index(bytes.len()))?;
        changed[at] = self.byte;
        // Upper and lower case digits of one encoded byte mean the same to us, not to the signer.
        let is_other = !bytes[at].eq_ignore_ascii_case(&self.byte);
        is_other.then_some(changed)
    }

    fn apply_text(&self, text: &str) -> Option<String> {
        String::from_utf8(self.apply(text.as_bytes())?).ok()
    }

    /// The request with one byte changed; nothing when there is none at that place.
    fn of(&self, sent: &Sent) -> Option<Sent> {
        let mut changed = sent.clone();
        match self.place {
            0 => changed.method = self.apply_text(&sent.method)?,
            // The first slash stays, and what would end the path or the query.
            1 | 2 if matches!(self.byte, b'?' | b'#') => return None,
            1 => changed.path = format!("/{}", self.apply_text(&sent.path[1..])?),
            2 => changed.query = self.apply_text(&sent.query)?,
            3 => changed.body = self.apply(&sent.body)?,
            place => {
                let name = ["x-one", "x-two", "x-amz-target"][place - 4];
                let value = sent.headers.get(name)?.as_bytes();
                let value = self.apply(value)?;
                *changed.headers.get_mut(name)? = http::HeaderValue::from_bytes(&value).ok()?;
            }
        }
        Some(changed)
    }
}

/// The request as changed, with the signature of the one that it was.
fn with_signature_of(changed: &Sent, sent: &Sent, signed: &Sent) -> Sent {
    let mut forged = changed.clone();
    for name in ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "authorization"] {
        if let Some(value) = signed.headers.get(name) {
            forged = forged.with(name, value.to_str().unwrap());
        }
    }
    let added = &signed.query[sent.query.len()..];
    forged.query.push_str(if forged.query.is_empty() {
        added.trim_start_matches('&')
    } else {
        added
    });
    forged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_signer_signs_verifies(signer in signer(), sent in request()) {
        let signed = signer.sign(&sent);
        prop_assert_eq!(signed.verify(SECRET, SIGNED_AT), Ok(()), "{:?}", signed);
        let read = signed.read(SIGNED_AT).unwrap();
        prop_assert_eq!((read.service(), read.region()), (signer.service, "us-east-1"));
        prop_assert_eq!(read.session_token(), signer.token);
    }

    #[test]
    fn a_changed_byte_counts_exactly_when_it_is_signed(
        signer in signer(),
        sent in request(),
        change in change(),
    ) {
        let signed = signer.sign(&sent);
        let Some(changed) = change.of(&sent) else { return Ok(()) };
        let Some(signed_anew) = signer.try_sign(&changed) else { return Ok(()) };
        let forged = with_signature_of(&changed, &sent, &signed);
        let signature = |sent: &Sent| {
            let authorization = sent.headers.get("authorization");
            let text = authorization.map_or(&*sent.query, |value| value.to_str().unwrap());
            text.split("Signature=").nth(1).unwrap()[..64].to_owned()
        };
        let is_same = signature(&signed_anew) == signature(&signed);
        prop_assert_eq!(forged.verify(SECRET, SIGNED_AT).is_ok(), is_same, "{:?}", forged);
    }

    #[test]
    fn a_changed_signature_or_scope_never_verifies(
        signer in signer(),
        sent in request(),
        change in change(),
    ) {
        let signed = signer.sign(&sent);
        let mut forged = signed.clone();
        if signer.expires.is_some() {
            let kept = sent.query.len();
            let changed = change.apply_text(&signed.query[kept..]);
            let Some(changed) = changed else { return Ok(()) };
            forged.query = format!("{}{changed}", sent.query);
        } else {
            let Some(changed) = change.apply_text(signed.header("authorization")) else {
                return Ok(());
            };
            // Between the members commas and blanks are alike.
            prop_assume!(change.byte != b',' && signed.header("authorization").len() == changed.len());
            let is_mark = |byte: &u8| matches!(byte, b',' | b' ');
            let words = |text: &str| -> Vec<Vec<u8>> {
                let parts = text.as_bytes().split(is_mark).filter(|part| !part.is_empty());
                parts.map(<[u8]>::to_vec).collect()
            };
            prop_assume!(words(&changed) != words(signed.header("authorization")));
            forged = forged.set("authorization", &changed);
        }
        prop_assert!(forged.verify(SECRET, SIGNED_AT).is_err(), "{:?}", forged);
    }
}
