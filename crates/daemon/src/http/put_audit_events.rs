//! `PutAuditEvents`: CloudTrail's API for audit events, REST-JSON, as the AWS SDKs speak it.
//!
//! `POST /PutAuditEvents?channelArn=…[&externalId=…]` with
//! `{"auditEvents":[{"id":…,"eventData":"…","eventDataChecksum":"…"}]}`. Each event's data is either
//! of the integration schema, and stored as `ActivityAuditLog`, or a whole CloudTrail record, which
//! is stored byte for byte as what it says it is. The answer is 200 with a result for each event,
//! and is sent when those named as successful are durable.
//!
//! A signature is scoped to the service `cloudtrail-data`. A caller of another account than the
//! channel's needs the channel's resource policy, see [`super::guests`]. A
//! whole record goes where the channel's account may send.
//! Source: AWS CloudTrail Data Service API Reference, `PutAuditEvents`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use api::{Caller, authorize};
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::activity::event_id;
use model::{AccountId, ActivityChannel, Envelope, Event, Sender};
use producer::intake::WAIT_MAX;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use trails::Channel;

use super::auth::Scope;
use super::guests::{Guest, judge};
use super::permits::{source_ip, text};
use super::whole::{self, Measure, NotTaken, Whole};
use super::{Site, aws_error, caller, cause, no_room, not_proven, refuse, unavailable};

/// 1 MB of events, and room for the JSON around and inside them.
const BODY_BYTES_MAX: usize = 4 << 20;
const EVENTS_BYTES_MAX: usize = 1 << 20;
const EVENTS_MAX: usize = 100;

/// The query of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    channel_arn: Option<String>,
    external_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    audit_events: AuditEvents,
}

/// The events of a call. More than [`EVENTS_MAX`] are counted and not held.
struct AuditEvents {
    held: Vec<AuditEvent>,
    count: usize,
}

impl<'de> Deserialize<'de> for AuditEvents {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<AuditEvents, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = AuditEvents;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AuditEvents, A::Error> {
                let mut held = Vec::new();
                while held.len() < EVENTS_MAX
                    && let Some(event) = list.next_element::<&'de RawValue>()?
                {
                    let event = object(event.get()).map_err(|error| {
                        A::Error::custom(format_args!("auditEvents[{}]: {error}", held.len()))
                    })?;
                    held.push(event);
                }
                let mut count = held.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(AuditEvents { held, count })
            }
        }
        list.deserialize_seq(List)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditEvent {
    id: String,
    event_data: String,
    event_data_checksum: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    successful: Vec<Successful>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Successful {
    id: String,
    #[serde(rename = "eventID")]
    event_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    id: String,
    error_code: &'static str,
    error_message: String,
}

/// A whole call that is refused: AWS's exception and message.
type Exception = (&'static str, String);

const SCOPE: Scope = Scope { services: &["cloudtrail-data"], takes_streams: false };
/// Its events take as much again.
const MEASURE: Measure = Measure { bytes_max: BODY_BYTES_MAX, factor: 2 };

/// Takes a call.
pub async fn handle(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    if head.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let message = "Content-Encoding must be identity: a call is sent as plain JSON";
        let refusal =
            aws_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
        return refuse(&site, body, refusal).await;
    }
    let claim = match site.auth.claim(&head, SCOPE, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
    };
    let Whole { proven, body: whole, held } =
        match whole::read(&site, claim, &mut body, MEASURE).await {
            Ok(whole) => whole,
            Err(error) => return refuse(&site, body, refusal(&site, &error)).await,
        };
    let caller = proven.caller;
    let names = names(&head.uri);
    let channel = match names.and_then(|names| find_channel(&site, &caller, &head, &names)) {
        Ok(channel) => channel,
        Err((kind, message)) => {
            let is_denied = kind == "AccessDeniedException";
            let status = if is_denied { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
            return aws_error(status, kind, &message);
        }
    };
    let parsed = parse(&whole);
    // Its events are held apart from here on.
    drop(whole);
    let answer = match parsed {
        Ok(call) => take(&site, &caller.account, &channel, call).await,
        Err((kind, message)) => aws_error(StatusCode::BAD_REQUEST, kind, &message),
    };
    drop(held);
    answer
}

fn refusal(site: &Site, error: &NotTaken) -> Response {
    match error {
        NotTaken::NoRoom(full) => no_room(site, *full),
        NotTaken::Signature(error) => not_proven(site, error),
        NotTaken::TooLarge(_) | NotTaken::BrokeOff(_) => {
            aws_error(StatusCode::BAD_REQUEST, "ValidationException", &error.to_string())
        }
    }
}

fn names(uri: &Uri) -> Result<Names, Exception> {
    let Query(names) = Query::try_from_uri(uri).map_err(|rejection| {
        let message = format!(
            "the query must be channelArn=…, once, and externalId=…, at most once: {}",
            cause(&rejection)
        );
        ("ValidationException", message)
    })?;
    Ok(names)
}

/// The channel that a call names, if its caller may send to it. Others' are not there, as far as it
/// may know.
fn find_channel(
    site: &Site,
    caller: &Caller,
    head: &Parts,
    names: &Names,
) -> Result<Channel, Exception> {
    let invalid = |message: &str| Err(("InvalidChannelARN", message.to_owned()));
    let Some(named) = names.channel_arn.as_deref().filter(|named| !named.is_empty()) else {
        return invalid("channelArn is required: the ARN or the id of a channel");
    };
    if named.starts_with("arn:") && !named.contains(":channel/") {
        return invalid(
            "channelArn must be arn:aws:cloudtrail:REGION:ACCOUNT:channel/ID, or an id",
        );
    }
    let is_external_id = |id: &String| {
        let is_mark = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        (2..=1224).contains(&id.len()) && id.chars().all(is_mark)
    };
    if names.external_id.as_ref().is_some_and(|id| !is_external_id(id)) {
        let message = "externalId must have 2 to 1224 characters of A-Z a-z 0-9 _ + = , . @ : / -";
        return Err(("ValidationException", message.into()));
    }
    let definitions = Arc::clone(&site.definitions.borrow());
    let found = definitions.channels.iter().find(|channel| channel.is_named(named));
    match found {
        Some(channel) if channel.account == caller.account => {
            if !site.auth.is_open() {
                let external_id = names.external_id.as_deref();
                site.permit(caller, head, Some(channel), external_id)
                    .map_err(|denied| (denied.code, denied.message))?;
            }
            Ok(channel.clone())
        }
        Some(channel) if site.auth.is_open() && caller::is_everybody(&caller.account) => {
            Ok(channel.clone())
        }
        Some(channel) => {
            let user_agent = text(head, header::USER_AGENT.as_str());
            let now = site.parts.now().wall;
            let context = authorize::context(caller, now, &source_ip(head), user_agent);
            match judge(&caller.principal, channel, names.external_id.as_deref(), context) {
                Guest::Allowed => Ok(channel.clone()),
                Guest::Refused => {
                    let message = "the channel's resource policy does not allow this call";
                    Err(("ChannelInsufficientPermission", message.into()))
                }
                Guest::Unknown => Err(no_channel(named)),
            }
        }
        None => Err(no_channel(named)),
    }
}

fn no_channel(named: &str) -> Exception {
    let shown: String = named.chars().filter(|char| !char.is_control()).take(200).collect();
    ("ChannelNotFound", format!("Channel {shown} was not found."))
}

/// Reads a struct of a JSON object; serde would take its members from an array as well.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    if !json.trim_start().starts_with('{') {
        return Err("expected a JSON object".into());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn parse(body: &[u8]) -> Result<Call, Exception> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string());
    let call: Call = text.and_then(object).map_err(|error| {
        ("SerializationException", format!("the body is not a PutAuditEvents call: {error}"))
    })?;
    let validation = |message: String| Err(("ValidationException", message));
    let found = call.audit_events.count;
    if found == 0 || found > EVENTS_MAX {
        return validation(format!("auditEvents has {found} events; 1 to {EVENTS_MAX} are taken"));
    }
    let size: usize = call.audit_events.held.iter().map(|event| event.event_data.len()).sum();
    if size > EVENTS_BYTES_MAX {
        return validation(format!(
            "auditEvents holds {size} bytes; at most {EVENTS_BYTES_MAX} are taken"
        ));
    }
    let mut ids = HashSet::new();
    for event in &call.audit_events.held {
        let is_mark = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=128).contains(&event.id.len()) || !event.id.bytes().all(is_mark) {
            let message = "auditEvents.id must have 1 to 128 characters of A-Z a-z 0-9 - _";
            return validation(message.into());
        }
        if !ids.insert(&event.id) {
            let message = format!("id {} stands twice in the call", event.id);
            return Err(("DuplicatedAuditEventId", message));
        }
    }
    Ok(call)
}

async fn take(site: &Site, sender: &AccountId, channel: &Channel, call: Call) -> Response {
    let mut answer = Answer::default();
    let mut events = Vec::new();
    let arn = channel.arn();
    let is_believed = site.auth.is_open() && caller::is_everybody(sender);
    let is_guest = *sender != channel.account && !is_believed;
    for audit_event in call.audit_events.held {
        match check(site, channel, &arn, is_guest, &audit_event) {
            Ok((event, event_id)) => {
                answer.successful.push(Successful { id: audit_event.id, event_id });
                events.push(event);
            }
            Err((error_code, error_message)) => {
                site.metrics.refused_event(error_code);
                answer.failed.push(Failed { id: audit_event.id, error_code, error_message });
            }
        }
    }
    match site.record(sender, events, WAIT_MAX).await {
        Ok(_) => axum::Json(answer).into_response(),
        Err(refusal) => unavailable(&refusal),
    }
}

/// The event to record and its eventID, or the code and message for the sender.
fn check(
    site: &Site,
    channel: &Channel,
    arn: &str,
    is_guest: bool,
    audit_event: &AuditEvent,
) -> Result<(Event, String), Exception> {
    let data = &audit_event.event_data;
    if let Some(checksum) = &audit_event.event_data_checksum
        && *checksum != STANDARD.encode(Sha256::digest(data))
    {
        let message = "eventDataChecksum is not the base64 SHA-256 of eventData";
        return Err(("InvalidChecksum", message.into()));
    }
    let (event, event_id) = if is_integration_schema(data) {
        let rules = ActivityChannel {
            arn,
            account: &channel.account,
            region: &channel.region,
            source: &channel.source,
        };
        let event = Event::from_activity(&rules, &audit_event.id, data, site.parts.now().wall)
            .map_err(|refused| (refused.code, refused.message))?;
        let id = event_id(event.identity);
        (event, id)
    } else {
        record(site, channel, data)?
    };
    site.serves(&event.account).map_err(|message| ("AccountNotSubscribed", message))?;
    // A guest is let into the channel's account, not into those that it may send for.
    if is_guest && event.account != channel.account {
        let message =
            format!("the record is not of account {}, whose channel it is", channel.account);
        return Err(("InvalidRecipient", message));
    }
    site.files(&channel.account, &event.account)
        .map_err(|message| ("InvalidRecipient", message))?;
    Ok((event, event_id))
}

fn record(site: &Site, channel: &Channel, data: &str) -> Result<(Event, String), Exception> {
    let data = data.trim_matches([' ', '\t', '\r', '\n']);
    let sender = Sender { account: channel.account.clone(), region: channel.region.clone() };
    let accepted = Event::from_record(Bytes::copy_from_slice(data.as_bytes()), &sender)
        .map_err(|error| ("InvalidData", error.to_string()))?;
    site.metrics.accepted(&accepted);
    let envelope = Envelope::parse(&accepted.event.record).ok();
    let named = envelope.and_then(|envelope| envelope.event_id());
    let id = named.map_or_else(|| event_id(accepted.event.identity), Cow::into_owned);
    Ok((accepted.event, id))
}

/// The integration schema has `version` and `UID`, which no CloudTrail record has at its top. The
/// names alone tell: whatever is wrong with the members is for the schema to say.
fn is_integration_schema(data: &str) -> bool {
    #[derive(Deserialize)]
    enum Name {
        #[serde(rename = "version", alias = "UID")]
        OfActivity,
        #[serde(rename = "eventVersion")]
        OfRecord,
        #[serde(other)]
        Other,
    }
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = bool;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
            let (mut of_activity, mut of_record) = (false, false);
            while let Some((name, IgnoredAny)) = members.next_entry()? {
                of_activity |= matches!(name, Name::OfActivity);
                of_record |= matches!(name, Name::OfRecord);
            }
            Ok(of_activity && !of_record)
        }
    }
    serde_json::Deserializer::from_str(data).deserialize_map(Names).unwrap_or(false)
}
