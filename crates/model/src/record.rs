//! A CloudTrail record: a checked envelope over untouched bytes.
//!
//! [`Envelope::parse`] walks the record once. It validates that the whole text is one JSON object
//! in UTF-8, keeps the members that routing and selection read as slices of the input, and renders
//! nothing again. Members that Cairn does not know are validated as JSON and left alone.
//!
//! Two kinds of disorder are told apart, because an audit log that refuses odd records loses them:
//! * what is no record at all (not UTF-8, not one JSON object, a member twice) is an
//!   [`InvalidRecord`]: refused, with the member, the shape that was found and the byte offset;
//! * an odd value in a member (an account of five digits, a number where a string belongs) is an
//!   [`Oddity`]: the record is kept as it is, and the member counts as absent.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents" (eventVersion 1.0 to 1.11).

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::category::Category;
use crate::ids::{AccountId, Region};
use crate::time::Timestamp;

/// The members of one record that Cairn reads. Borrows from the record's text.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    text: &'a str,
    members: Members<'a>,
}

/// Raw JSON text of the members that Cairn reads; absent ones are `None`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Members<'a> {
    #[serde(borrow)]
    pub user_identity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub aws_region: Option<&'a RawValue>,
    #[serde(borrow)]
    pub user_agent: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error_message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    pub additional_event_data: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestID")]
    pub request_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventID")]
    pub event_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventId")]
    pub aggregated_event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub read_only: Option<&'a RawValue>,
    #[serde(borrow)]
    pub resources: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub management_event: Option<&'a RawValue>,
    #[serde(borrow)]
    pub recipient_account_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub account_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub service_event_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub vpc_endpoint_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_category: Option<&'a RawValue>,
    #[serde(borrow)]
    pub edge_device_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub session_credential_from_console: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub time_window: Option<&'a RawValue>,
    #[serde(borrow)]
    pub insight_details: Option<&'a RawValue>,
}

/// One entry of a record's `resources`, as far as selectors read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// `type`, such as `AWS::S3::Object`.
    pub kind: Option<Cow<'a, str>>,
    /// `ARN`, or where a listing has only that, `ARNPrefix`.
    pub arn: Option<Cow<'a, str>>,
}

/// Who acted: the texts of `userIdentity`, as far as lookups show them. What is empty is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIdentity<'a> {
    /// `type`, such as `IAMUser`.
    pub kind: Option<Cow<'a, str>>,
    /// `principalId`; of a session, that of the role, a colon and the session's name.
    pub principal_id: Option<Cow<'a, str>>,
    /// `arn`.
    pub arn: Option<Cow<'a, str>>,
    /// `accountId`.
    pub account_id: Option<Cow<'a, str>>,
    /// `accessKeyId`, which signed the call.
    pub access_key_id: Option<Cow<'a, str>>,
    /// `userName`.
    pub user_name: Option<Cow<'a, str>>,
    /// `onBehalfOf.userId`: a user of IAM Identity Center.
    pub on_behalf_of: Option<Cow<'a, str>>,
}

/// Text that is not one CloudTrail record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: found {found}, expected {expected} (byte {offset})")]
pub struct InvalidRecord {
    /// The member in question, or `record` for the whole.
    pub member: String,
    /// The shape that was found.
    pub found: String,
    /// What is expected there.
    pub expected: String,
    /// Where, in bytes from the record's first.
    pub offset: usize,
}

/// An odd value in a member that routing reads; the record is kept, the member counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The member.
    pub member: &'static str,
    /// The shape that was found.
    pub found: String,
    /// What CloudTrail writes there.
    pub expected: &'static str,
    /// Where its value begins, in bytes from the record's first.
    pub offset: usize,
}

impl fmt::Display for Oddity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Oddity { member, found, expected, offset } = self;
        write!(formatter, "{member}: found {found}, expected {expected} (byte {offset})")
    }
}

/// The account or Region that a record names, and what was odd about it.
pub type Named<T> = Result<Option<T>, Oddity>;

impl<'a> Envelope<'a> {
    /// Reads one record: a JSON object in UTF-8, without a byte before or after it.
    pub fn parse(bytes: &'a [u8]) -> Result<Envelope<'a>, InvalidRecord> {
        let text = simdutf8::compat::from_utf8(bytes).map_err(|error| InvalidRecord {
            member: "record".into(),
            found: "bytes that are not UTF-8".into(),
            expected: "UTF-8 text".into(),
            offset: error.valid_up_to(),
        })?;
        if !text.starts_with('{') || !text.ends_with('}') {
            return Err(not_an_object(text));
        }
        let members = serde_json::from_str(text).map_err(|error| broken_json(text, &error))?;
        Ok(Envelope { text, members })
    }

    /// The record's text, as it came.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn members(&self) -> &Members<'a> {
        &self.members
    }

    /// The account that the record is for: `recipientAccountId`; of an aggregated record
    /// `accountId`; of a record older than 1.02, which has neither, `userIdentity.accountId`.
    pub fn account(&self) -> Named<AccountId> {
        const EXPECTED: &str = "a string of 12 digits";
        let members = &self.members;
        if let Some(raw) = members.recipient_account_id {
            return self.identifier("recipientAccountId", raw, EXPECTED);
        }
        if let Some(raw) = members.account_id {
            return self.identifier("accountId", raw, EXPECTED);
        }
        match self.identity_member("accountId") {
            Some(raw) => self.identifier("userIdentity.accountId", raw, EXPECTED),
            None => Ok(None),
        }
    }

    /// The Region that the request went to: `awsRegion`.
    pub fn region(&self) -> Named<Region> {
        let expected = "a Region code such as eu-west-1";
        match self.members.aws_region {
            Some(raw) => self.identifier("awsRegion", raw, expected),
            None => Ok(None),
        }
    }

    /// `eventTime`, or the end of an aggregated record's window; whole seconds in CloudTrail.
    pub fn event_time(&self) -> Named<Timestamp> {
        let Some(raw) = self.members.event_time.or_else(|| self.window_end()) else {
            return Ok(None);
        };
        match string(raw).as_deref().and_then(Timestamp::parse) {
            Some(time) => Ok(Some(time)),
            None => Err(self.oddity("eventTime", raw, "a time such as 2026-05-04T03:02:01Z")),
        }
    }

    /// What kind of event this is: `eventCategory`, or where a record is older than that member
    /// (1.07), what `eventType`, `managementEvent` and the resources tell.
    #[must_use]
    pub fn category(&self) -> Category {
        let named = self.text_of(|members| members.event_category);
        if let Some(category) = named.as_deref().and_then(Category::from_name) {
            return category;
        }
        let event_type = self.text_of(|members| members.event_type);
        if let Some(category) = event_type.as_deref().and_then(Category::from_event_type) {
            return category;
        }
        if self.flag(self.members.management_event) == Some(false) || self.is_old_data_event() {
            return Category::Data;
        }
        Category::Management
    }

    /// Data events before `managementEvent` existed (1.06): object-level S3 and Lambda invocations.
    fn is_old_data_event(&self) -> bool {
        if self.members.management_event.is_some() {
            return false;
        }
        match self.event_source().as_deref() {
            Some("s3.amazonaws.com") => {
                self.resources().iter().any(|r| r.kind.as_deref() == Some("AWS::S3::Object"))
            }
            Some("lambda.amazonaws.com") => {
                self.event_name().is_some_and(|name| name.starts_with("Invoke"))
            }
            _ => false,
        }
    }

    /// `eventID`, or an aggregated record's `eventId`.
    #[must_use]
    pub fn event_id(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.event_id.or(members.aggregated_event_id))
    }

    /// `eventSource`, such as `s3.amazonaws.com`.
    #[must_use]
    pub fn event_source(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.event_source)
    }

    /// `eventName`, the API action.
    #[must_use]
    pub fn event_name(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.event_name)
    }

    /// `eventType`, such as `AwsApiCall`.
    #[must_use]
    pub fn event_type(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.event_type)
    }

    /// `errorCode`, absent on success.
    #[must_use]
    pub fn error_code(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.error_code)
    }

    /// `vpcEndpointId`.
    #[must_use]
    pub fn vpc_endpoint_id(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.vpc_endpoint_id)
    }

    /// `sessionCredentialFromConsole`: the string `true`, or absent.
    #[must_use]
    pub fn session_credential_from_console(&self) -> Option<Cow<'a, str>> {
        self.text_of(|members| members.session_credential_from_console)
    }

    /// `readOnly`; real records hold a boolean, edited ones also a string.
    #[must_use]
    pub fn read_only(&self) -> Option<bool> {
        self.flag(self.members.read_only)
    }

    /// Who acted: `userIdentity`.
    #[must_use]
    pub fn user_identity(&self) -> UserIdentity<'a> {
        self.members.user_identity.map(UserIdentity::of).unwrap_or_default()
    }

    /// The JSON text of `requestParameters`.
    #[must_use]
    pub fn request_parameters(&self) -> Option<&'a str> {
        self.members.request_parameters.map(RawValue::get)
    }

    /// The JSON text of `responseElements`.
    #[must_use]
    pub fn response_elements(&self) -> Option<&'a str> {
        self.members.response_elements.map(RawValue::get)
    }

    /// The JSON text of `serviceEventDetails`.
    #[must_use]
    pub fn service_event_details(&self) -> Option<&'a str> {
        self.members.service_event_details.map(RawValue::get)
    }

    /// A text of `additionalEventData`.
    #[must_use]
    pub fn additional_text(&self, name: &str) -> Option<Cow<'a, str>> {
        member(self.members.additional_event_data?, name).and_then(string)
    }

    /// A text of `insightDetails`, which say what an Insight is about.
    #[must_use]
    pub fn insight_text(&self, name: &str) -> Option<Cow<'a, str>> {
        member(self.members.insight_details?, name).and_then(string)
    }

    /// `userIdentity.arn`.
    #[must_use]
    pub fn user_arn(&self) -> Option<Cow<'a, str>> {
        self.identity_member("arn").and_then(string)
    }

    /// `userIdentity.invokedBy`: the service that made the call.
    #[must_use]
    pub fn invoked_by(&self) -> Option<Cow<'a, str>> {
        self.identity_member("invokedBy").and_then(string)
    }

    /// Whether the call went to a global endpoint: `additionalEventData.RequestDetails.endpointType`
    /// of STS; `None` when the record does not say.
    #[must_use]
    pub fn is_global_endpoint(&self) -> Option<bool> {
        let details = member(self.members.additional_event_data?, "RequestDetails")?;
        string(member(details, "endpointType")?).map(|kind| kind == "global")
    }

    /// `resources`: entries that are not objects are left out.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource<'a>> {
        let mut all = Vec::new();
        self.any_resource(|resource| {
            all.push(resource);
            false
        });
        all
    }

    /// Whether one of [`Envelope::resources`] meets a test; those behind it are not asked. Allocates
    /// nothing when their texts have no escapes.
    pub fn any_resource(&self, test: impl FnMut(Resource<'a>) -> bool) -> bool {
        match self.members.resources.map(RawValue::get) {
            Some(list) if list.starts_with('[') => {
                let mut deserializer = serde_json::Deserializer::from_str(list);
                deserializer.deserialize_seq(AnyResource(test)).unwrap_or(false)
            }
            _ => false,
        }
    }

    fn window_end(&self) -> Option<&'a RawValue> {
        member(self.members.time_window?, "windowEnd")
    }

    fn identity_member(&self, name: &str) -> Option<&'a RawValue> {
        member(self.members.user_identity?, name)
    }

    fn text_of(&self, pick: impl Fn(&Members<'a>) -> Option<&'a RawValue>) -> Option<Cow<'a, str>> {
        pick(&self.members).and_then(string)
    }

    fn flag(&self, raw: Option<&RawValue>) -> Option<bool> {
        match raw?.get() {
            "true" => Some(true),
            "false" => Some(false),
            text if text.eq_ignore_ascii_case("\"true\"") => Some(true),
            text if text.eq_ignore_ascii_case("\"false\"") => Some(false),
            _ => None,
        }
    }

    fn identifier<T: std::str::FromStr>(
        &self,
        member: &'static str,
        raw: &RawValue,
        expected: &'static str,
    ) -> Named<T> {
        if raw.get() == "null" {
            return Ok(None);
        }
        match string(raw).and_then(|text| text.parse().ok()) {
            Some(id) => Ok(Some(id)),
            None => Err(self.oddity(member, raw, expected)),
        }
    }

    fn oddity(&self, member: &'static str, raw: &RawValue, expected: &'static str) -> Oddity {
        let offset = raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
        Oddity { member, found: shape(raw.get()), expected, offset }
    }
}

/// The text of a JSON string; `None` for any other value.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Reads a member's name without keeping it: which of these it is.
#[derive(Clone, Copy)]
struct WhichName<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for WhichName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for WhichName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name))
    }
}

/// Asks about the entries of `resources`, one after the other.
struct AnyResource<T>(T);

impl<'de, T: FnMut(Resource<'de>) -> bool> Visitor<'de> for AnyResource<T> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            let is_object = entry.get().starts_with('{');
            found = found || (is_object && (self.0)(Resource::of(entry)));
        }
        Ok(found)
    }
}

impl<'a> Resource<'a> {
    fn of(entry: &'a RawValue) -> Resource<'a> {
        let [kind, arn, prefix] =
            members_of(entry, ["type", "ARN", "ARNPrefix"]).map(|found| found.and_then(string));
        Resource { kind, arn: arn.or(prefix) }
    }
}

impl<'a> UserIdentity<'a> {
    fn of(identity: &'a RawValue) -> UserIdentity<'a> {
        let names =
            ["type", "principalId", "arn", "accountId", "accessKeyId", "userName", "onBehalfOf"];
        let [kind, principal_id, arn, account_id, access_key_id, user_name, on_behalf_of] =
            members_of(identity, names);
        // Some members are there and empty when there is nothing to say.
        let text =
            |found: Option<&'a RawValue>| found.and_then(string).filter(|text| !text.is_empty());
        UserIdentity {
            kind: text(kind),
            principal_id: text(principal_id),
            arn: text(arn),
            account_id: text(account_id),
            access_key_id: text(access_key_id),
            user_name: text(user_name),
            on_behalf_of: text(on_behalf_of.and_then(|object| member(object, "userId"))),
        }
    }
}

/// A member of a JSON object, borrowed from it; of a repeated one, the last.
fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let [found] = members_of(object, [name]);
    found
}

/// Members of a JSON object, found in one walk. Of an object that is broken, none.
fn members_of<'a, const N: usize>(
    object: &'a RawValue,
    names: [&str; N],
) -> [Option<&'a RawValue>; N] {
    struct Find<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Find<'_, N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(which) = map.next_key_seed(WhichName(&self.0))? {
                let value: &'de RawValue = map.next_value()?;
                if let Some(which) = which {
                    found[which] = Some(value);
                }
            }
            Ok(found)
        }
    }
    if !object.get().starts_with('{') {
        return [None; N];
    }
    let mut deserializer = serde_json::Deserializer::from_str(object.get());
    deserializer.deserialize_map(Find(names)).unwrap_or([None; N])
}

/// What a value looks like, without showing it: values may be secrets.
pub(crate) fn shape(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => {
            let characters =
                serde_json::from_str::<String>(json).map_or(0, |text| text.chars().count());
            format!("a string of {characters} characters")
        }
        Some(b'{') => "an object".into(),
        Some(b'[') => "an array".into(),
        Some(b't' | b'f') => "a boolean".into(),
        Some(b'n') => "null".into(),
        Some(_) => "a number".into(),
        None => "nothing".into(),
    }
}

fn not_an_object(text: &str) -> InvalidRecord {
    let found = match text.as_bytes().first() {
        Some(b'{') => "an object that is not complete (one line holds one record)".into(),
        _ => serde_json::from_str::<&RawValue>(text)
            .map_or("text that is not JSON".into(), |raw| shape(raw.get())),
    };
    InvalidRecord {
        member: "record".into(),
        found,
        expected: "one JSON object, from { to }".into(),
        offset: 0,
    }
}

fn broken_json(text: &str, error: &serde_json::Error) -> InvalidRecord {
    let message = error.to_string();
    let offset = byte_offset(text, error.line(), error.column());
    let repeated =
        message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
    match repeated {
        Some(member) => InvalidRecord {
            member: member.into(),
            found: "the member a second time".into(),
            expected: "each member once".into(),
            offset,
        },
        None => InvalidRecord {
            member: "record".into(),
            found: format!(
                "text that is not JSON ({})",
                message.split(" at line ").next().unwrap_or("broken")
            ),
            expected: "one JSON object".into(),
            offset,
        },
    }
}

/// The byte that a JSON parser's line and column (both from 1, columns in bytes) speak of.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// What Cairn reads of a record, one line a fact.
    fn check(record: &str, expected: &Expect) {
        let envelope = match Envelope::parse(record.as_bytes()) {
            Ok(envelope) => envelope,
            Err(error) => return expected.assert_eq(&error.to_string()),
        };
        let show = |named: Result<Option<String>, Oddity>| match named {
            Ok(value) => value.unwrap_or("-".into()),
            Err(oddity) => format!("- ({oddity})"),
        };
        expected.assert_eq(&format!(
            "account {}\nregion {}\ntime {}\ncategory {:?}\nid {}",
            show(envelope.account().map(|id| id.map(|id| id.to_string()))),
            show(envelope.region().map(|id| id.map(|id| id.to_string()))),
            show(envelope.event_time().map(|time| time.map(|time| time.to_string()))),
            envelope.category(),
            envelope.event_id().unwrap_or("-".into()),
        ));
    }

    #[test]
    fn a_record_of_today_is_read() {
        check(
            r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","accountId":"222222222222"},"eventTime":"2026-05-04T03:02:01Z","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","requestParameters":null,"eventID":"4f5e","readOnly":false,"recipientAccountId":"111111111111","eventCategory":"Management"}"#,
            &expect![[r#"
                account 111111111111
                region us-east-1
                time 2026-05-04T03:02:01Z
                category Management
                id 4f5e"#]],
        );
    }

    #[test]
    fn a_record_older_than_recipient_account_id_belongs_to_its_caller() {
        check(
            r#"{"eventVersion":"1.01","userIdentity":{"accountId":"222222222222"},"eventTime":"2014-05-04T03:02:01Z","awsRegion":"us-east-1"}"#,
            &expect![[r#"
                account 222222222222
                region us-east-1
                time 2014-05-04T03:02:01Z
                category Management
                id -"#]],
        );
    }

    #[test]
    fn an_aggregated_record_has_its_own_names() {
        check(
            r#"{"eventVersion":"1.0","accountId":"111111111111","eventId":"77","eventCategory":"Aggregated","awsRegion":"eu-west-1","timeWindow":{"windowStart":"2026-01-02T03:00:00Z","windowEnd":"2026-01-02T03:05:00Z"}}"#,
            &expect![[r#"
                account 111111111111
                region eu-west-1
                time 2026-01-02T03:05:00Z
                category Aggregated
                id 77"#]],
        );
    }

    #[test]
    fn odd_values_are_named_and_the_record_is_kept() {
        check(
            r#"{"recipientAccountId":"12345","awsRegion":7,"eventTime":"soon","userIdentity":"me"}"#,
            &expect![[r#"
                account - (recipientAccountId: found a string of 5 characters, expected a string of 12 digits (byte 22))
                region - (awsRegion: found a number, expected a Region code such as eu-west-1 (byte 42))
                time - (eventTime: found a string of 4 characters, expected a time such as 2026-05-04T03:02:01Z (byte 56))
                category Management
                id -"#]],
        );
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_place() {
        check(
            "[1]",
            &expect!["record: found an array, expected one JSON object, from { to } (byte 0)"],
        );
        check(
            "",
            &expect![
                "record: found text that is not JSON, expected one JSON object, from { to } (byte 0)"
            ],
        );
        check(
            r#"{"eventID":"1","eventID":"2"}"#,
            &expect![
                "eventID: found the member a second time, expected each member once (byte 23)"
            ],
        );
        check(
            r#"{"eventID":1,}"#,
            &expect![
                "record: found text that is not JSON (trailing comma), expected one JSON object (byte 13)"
            ],
        );
        check(
            "{\"a\":1,\n\"b\":}",
            &expect![
                "record: found text that is not JSON (expected value), expected one JSON object (byte 12)"
            ],
        );
        check(
            r#"{"a":1}{"b":2}"#,
            &expect![
                "record: found text that is not JSON (trailing characters), expected one JSON object (byte 7)"
            ],
        );
        let broken = Envelope::parse(b"{\"a\":\"\xff\"}").unwrap_err();
        assert_eq!((broken.found.as_str(), broken.offset), ("bytes that are not UTF-8", 6));
    }

    #[test]
    fn categories_of_records_without_event_category_are_derived() {
        for (record, category) in [
            (r#"{"eventType":"AwsApiCall"}"#, Category::Management),
            (r#"{"eventType":"AwsApiCall","managementEvent":false}"#, Category::Data),
            (
                r#"{"eventSource":"s3.amazonaws.com","resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"}]}"#,
                Category::Data,
            ),
            (
                r#"{"eventSource":"s3.amazonaws.com","resources":[{"type":"AWS::S3::Bucket"}]}"#,
                Category::Management,
            ),
            (r#"{"eventSource":"lambda.amazonaws.com","eventName":"Invoke"}"#, Category::Data),
            (r#"{"eventType":"AwsVpceEvents"}"#, Category::NetworkActivity),
            (r#"{"eventType":"AwsCloudTrailInsight"}"#, Category::Insight),
            (r#"{"eventType":"ActivityLog"}"#, Category::ActivityAuditLog),
            (r#"{"eventCategory":"Invented"}"#, Category::Management),
        ] {
            assert_eq!(
                Envelope::parse(record.as_bytes()).unwrap().category(),
                category,
                "{record}"
            );
        }
    }

    #[test]
    fn escaped_text_is_read_as_its_meaning() {
        let record =
            r#"{"eventName":"Get\u004fbject","userIdentity":{"arn":"arn:aws:iam::1:user\/a"}}"#;
        let envelope = Envelope::parse(record.as_bytes()).unwrap();
        assert_eq!(envelope.event_name().as_deref(), Some("GetObject"));
        assert_eq!(envelope.user_arn().as_deref(), Some("arn:aws:iam::1:user/a"));
    }
}
