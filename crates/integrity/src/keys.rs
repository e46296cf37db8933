//! The public keys that digests are verified with.
//!
//! They come from `ListPublicKeys`, or from files that were kept: the JSON that `aws cloudtrail
//! list-public-keys` prints, or PEM, `RSA PUBLIC KEY` (PKCS#1) or `PUBLIC KEY` (SubjectPublicKeyInfo).
//! A key from a PEM file is trusted for any time, as such a file does not tell when it was valid.
//! A fingerprint is worked out from the key, never taken from where it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyring::PublicKey;
use model::{Region, Timestamp};
use serde::Deserialize;

/// A digest may be signed so long after its end: for this long `aws cloudtrail validate-logs` asks
/// for keys beyond the end of its range.
pub const SIGNED_LATE_MAX: Duration = Duration::from_secs(2 * 3600);
/// `rsaEncryption`, as the algorithm of a SubjectPublicKeyInfo, NULL parameters included.
const RSA: [u8; 15] = [0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0x00];
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// Text that holds no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKeys(String);

/// A public key, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: PublicKey,
    /// From when to when it is valid; `None` where that is not told.
    pub valid: Option<(Timestamp, Timestamp)>,
    /// The Region that it is of; `None` where that is not told.
    pub region: Option<Region>,
}

/// Public keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    by_fingerprint: BTreeMap<String, Vec<KnownKey>>,
    /// Regions whose keys could not be listed, and why.
    not_listed: BTreeMap<Region, String>,
}

/// What `aws cloudtrail list-public-keys` prints.
#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "PublicKeyList")]
    keys: Vec<PrintedKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrintedKey {
    value: String,
    validity_start_time: Option<PrintedTime>,
    validity_end_time: Option<PrintedTime>,
    fingerprint: Option<String>,
}

/// Seconds since 1970, or ISO 8601 with an offset, as the command line is configured.
#[derive(Deserialize)]
#[serde(untagged)]
enum PrintedTime {
    Seconds(f64),
    Text(String),
}

impl KnownKey {
    /// Whether it may sign what is of this moment.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.valid.is_none_or(|(from, to)| from <= at.plus(SIGNED_LATE_MAX) && at <= to)
    }
}

impl Keys {
    /// Adds a key.
    pub fn add(&mut self, key: KnownKey) {
        let known = self.by_fingerprint.entry(key.key.fingerprint()).or_default();
        if !known.contains(&key) {
            known.push(key);
        }
    }

    /// Adds all keys of another set.
    pub fn extend(&mut self, other: Keys) {
        other.by_fingerprint.into_values().flatten().for_each(|key| self.add(key));
        self.not_listed.extend(other.not_listed);
    }

    /// The keys of a Region could not be listed: whose digests' key is not known then, that says
    /// nothing of them.
    pub fn miss(&mut self, region: Region, why: String) {
        self.not_listed.insert(region, why);
    }

    /// Why the keys of a Region are not known.
    #[must_use]
    pub fn why_missing(&self, region: &Region) -> Option<&str> {
        self.not_listed.get(region).map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_fingerprint.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &KnownKey> {
        self.by_fingerprint.values().flatten()
    }

    /// The key of a fingerprint that signs digests of a Region; of several the one that is valid at
    /// that moment.
    #[must_use]
    pub fn find(&self, fingerprint: &str, region: &Region, at: Timestamp) -> Option<&KnownKey> {
        let known = self.by_fingerprint.get(fingerprint)?;
        let of_region =
            || known.iter().filter(|key| key.region.as_ref().is_none_or(|of| of == region));
        of_region().find(|key| key.is_valid_at(at)).or_else(|| of_region().next())
    }

    /// Reads a file of keys.
    pub fn parse(text: &[u8]) -> Result<Keys, InvalidKeys> {
        let text = str::from_utf8(text)
            .map_err(|_| InvalidKeys("it is neither JSON nor PEM: not even UTF-8".into()))?;
        let keys = if text.trim_start().starts_with('{') { json(text)? } else { pem(text)? };
        match keys.is_empty() {
            false => Ok(keys),
            true => Err(InvalidKeys(
                "it holds no key; write it with `aws cloudtrail list-public-keys --start-time … --end-time …`".into(),
            )),
        }
    }
}

fn json(text: &str) -> Result<Keys, InvalidKeys> {
    let printed: Printed = serde_json::from_str(text).map_err(|error| {
        InvalidKeys(format!("it is not what `aws cloudtrail list-public-keys` prints: {error}"))
    })?;
    let mut keys = Keys::default();
    for (index, printed) in printed.keys.into_iter().enumerate() {
        let place = |member: &str| format!("PublicKeyList[{index}].{member}");
        let der = STANDARD.decode(printed.value.as_bytes());
        let der = der.ok().filter(|der| is_pkcs1(der)).ok_or_else(|| {
            InvalidKeys(format!("{} is no base64 of a PKCS#1 RSAPublicKey", place("Value")))
        })?;
        let key = PublicKey::from_pkcs1(der);
        let fingerprint = key.fingerprint();
        if printed.fingerprint.is_some_and(|told| told != fingerprint) {
            let place = place("Fingerprint");
            return Err(InvalidKeys(format!("{place} is not that of the key: {fingerprint}")));
        }
        let moment = |time: Option<PrintedTime>, member| match time {
            None => Ok(None),
            Some(time) => {
                let read = time
                    .read()
                    .ok_or_else(|| InvalidKeys(format!("{} is no moment", place(member))))?;
                Ok(Some(read))
            }
        };
        let from = moment(printed.validity_start_time, "ValidityStartTime")?;
        let to = moment(printed.validity_end_time, "ValidityEndTime")?;
        let valid = match (from, to) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None) => None,
            (from, _) => {
                let missing = if from.is_none() { "ValidityStartTime" } else { "ValidityEndTime" };
                let place = place(missing);
                return Err(InvalidKeys(format!(
                    "{place} is missing; give both validity times, or none to trust the key for any time"
                )));
            }
        };
        keys.add(KnownKey { key, valid, region: None });
    }
    Ok(keys)
}

impl PrintedTime {
    fn read(self) -> Option<Timestamp> {
        match self {
            #[allow(clippy::cast_possible_truncation)] // the year says whether it is sensible
            PrintedTime::Seconds(seconds) => {
                seconds.is_finite().then(|| Timestamp::from_millis((seconds * 1000.0) as i64))
            }
            PrintedTime::Text(text) => {
                let offset: Result<jiff::Timestamp, _> = text.parse();
                let offset = offset.ok().map(|at| Timestamp::from_millis(at.as_millisecond()));
                offset.or_else(|| Timestamp::parse(&text))
            }
        }
    }
}

fn pem(text: &str) -> Result<Keys, InvalidKeys> {
    let mut keys = Keys::default();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("-----BEGIN ") {
        let broken = || InvalidKeys("a PEM block does not end".into());
        let (label, behind) = behind.split_once("-----").ok_or_else(broken)?;
        let end = format!("-----END {label}-----");
        let (body, behind) = behind.split_once(end.as_str()).ok_or_else(broken)?;
        rest = behind;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD
            .decode(body)
            .map_err(|_| InvalidKeys(format!("a PEM block {label:?} is no base64")))?;
        let pkcs1 = match label {
            "RSA PUBLIC KEY" => Some(der),
            "PUBLIC KEY" => spki(&der).map(<[u8]>::to_vec),
            _ => {
                return Err(InvalidKeys(format!(
                    "a PEM block is {label:?}; public keys are \"RSA PUBLIC KEY\" or \"PUBLIC KEY\""
                )));
            }
        };
        let pkcs1 = pkcs1
            .filter(|der| is_pkcs1(der))
            .ok_or_else(|| InvalidKeys(format!("a PEM block {label:?} holds no RSA key")))?;
        let key = PublicKey::from_pkcs1(pkcs1);
        keys.add(KnownKey { key, valid: None, region: None });
    }
    Ok(keys)
}

/// The key inside of a SubjectPublicKeyInfo.
fn spki(der: &[u8]) -> Option<&[u8]> {
    let (inside, rest) = element(der, SEQUENCE)?;
    let bits = inside.strip_prefix(&RSA)?;
    let (bits, more) = element(bits, BIT_STRING)?;
    let key = bits.strip_prefix(&[0])?;
    (rest.is_empty() && more.is_empty()).then_some(key)
}

/// Whether this is a sequence of two integers and nothing else.
fn is_pkcs1(der: &[u8]) -> bool {
    let integers = || {
        let (inside, rest) = element(der, SEQUENCE)?;
        let (_, exponent) = element(inside, INTEGER)?;
        let (_, more) = element(exponent, INTEGER)?;
        (rest.is_empty() && more.is_empty()).then_some(())
    };
    integers().is_some()
}

/// What is inside of the first element of DER, which must have this tag, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, first, rest @ ..] = der else { return None };
    let count = usize::from(first & 0x7f);
    let (length, rest) = match first {
        0..0x80 => (count, rest),
        _ if (1..=4).contains(&count) => {
            let (length, rest) = rest.split_at_checked(count)?;
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (*found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use keyring::SigningKey;

    use super::*;

    fn der(tag: u8, inside: &[u8]) -> Vec<u8> {
        let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], inside].concat()
    }

    fn pem_of(label: &str, der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn the_same_key_is_read_from_json_and_both_kinds_of_pem() {
        let key = SigningKey::generate().unwrap().public().clone();
        let value = STANDARD.encode(key.pkcs1());
        let fingerprint = key.fingerprint();
        let bits = der(BIT_STRING, &[&[0], key.pkcs1()].concat());
        let spki = der(SEQUENCE, &[&RSA[..], &bits].concat());
        for text in [
            format!(
                r#"{{"PublicKeyList":[{{"Value":"{value}","ValidityStartTime":1773064800.0,"ValidityEndTime":1775656800,"Fingerprint":"{fingerprint}"}}]}}"#
            ),
            format!(
                r#"{{"PublicKeyList":[{{"Value":"{value}","ValidityStartTime":"2026-03-09T15:00:00+01:00","ValidityEndTime":"2026-04-08T14:00:00Z","Fingerprint":"{fingerprint}"}}]}}"#
            ),
            pem_of("RSA PUBLIC KEY", key.pkcs1()),
            pem_of("PUBLIC KEY", &spki),
        ] {
            let keys = Keys::parse(text.as_bytes()).unwrap();
            let region = "eu-west-1".parse().unwrap();
            let found = keys.find(&fingerprint, &region, Timestamp::EPOCH).unwrap();
            assert_eq!(found.key, key, "{text}");
            let valid = found.valid.map(|(from, to)| (from.to_iso_seconds(), to.to_iso_seconds()));
            if text.starts_with('{') {
                let valid = valid.unwrap();
                assert_eq!(valid.0, "2026-03-09T14:00:00Z");
                assert_eq!(valid.1, "2026-04-08T14:00:00Z");
            } else {
                assert_eq!(valid, None);
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "holds no key"),
            ("\u{0}", "holds no key"),
            ("{\"PublicKeyList\":[]}", "holds no key"),
            ("{}", "PublicKeyList"),
            ("{\"PublicKeyList\":[{\"Value\":\"AAAA\"}]}", "PublicKeyList[0].Value"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "PRIVATE KEY"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "holds no RSA key"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA", "does not end"),
        ] {
            let error = Keys::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_key_with_only_one_of_its_times_is_refused() {
        let value = STANDARD.encode(SigningKey::generate().unwrap().public().pkcs1());
        for (told, missing) in [
            (r#""ValidityStartTime":1773064800"#, "PublicKeyList[0].ValidityEndTime is missing"),
            (r#""ValidityEndTime":1773064800"#, "PublicKeyList[0].ValidityStartTime is missing"),
        ] {
            let text = format!(r#"{{"PublicKeyList":[{{"Value":"{value}",{told}}}]}}"#);
            let error = Keys::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
        }
    }

    #[test]
    fn a_key_is_valid_from_two_hours_before_to_its_end_and_in_its_region() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let key = SigningKey::generate().unwrap().public().clone();
        let valid = Some((at("2026-03-09T14:00:00Z"), at("2026-04-08T14:00:00Z")));
        let known = KnownKey { key, valid, region: Some("eu-west-1".parse().unwrap()) };
        for (moment, expected) in [
            ("2026-03-09T11:59:59Z", false),
            ("2026-03-09T12:00:00Z", true),
            ("2026-04-08T14:00:00Z", true),
            ("2026-04-08T14:00:01Z", false),
        ] {
            assert_eq!(known.is_valid_at(at(moment)), expected, "{moment}");
        }
        let fingerprint = known.key.fingerprint();
        let mut keys = Keys::default();
        keys.add(known);
        let now = at("2026-03-10T00:00:00Z");
        assert!(keys.find(&fingerprint, &"eu-west-1".parse().unwrap(), now).is_some());
        assert!(keys.find(&fingerprint, &"us-east-1".parse().unwrap(), now).is_none());
    }
}
