//! Event data stores, of which Cairn has none: what calls that name one are answered.
//!
//! A well-formed ARN names a store that does not exist. Only the destination of a channel may be one,
//! see [`super::channels`].

use serde::Deserialize;

use crate::caller::Caller;
use crate::exception::Exception;
use crate::names::trail_resource;
use crate::operation::Input;
use crate::resource_arn::ResourceArn;

/// What operations on a trail or a store say which one they mean by.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TrailOrStore {
    trail_name: Option<String>,
    event_data_store: Option<String>,
}

impl Input for TrailOrStore {
    fn resource(&self, caller: &Caller) -> String {
        match (&self.trail_name, &self.event_data_store) {
            (Some(name), _) => trail_resource(caller, name),
            (None, Some(store)) => store.clone(),
            (None, None) => "*".into(),
        }
    }
}

impl TrailOrStore {
    /// The trail; a call that names a store is told what `of_store` says.
    pub(crate) fn trail(
        &self,
        of_store: impl FnOnce(&str) -> Exception,
    ) -> Result<&str, Exception> {
        let message = match (&self.trail_name, &self.event_data_store) {
            (Some(trail), None) => return Ok(trail),
            (None, Some(store)) => return Err(of_store(store)),
            (Some(_), Some(_)) => "Name a trail or an event data store, but not both.",
            (None, None) => "TrailName or EventDataStore is required.",
        };
        Err(Exception::new("InvalidParameterCombinationException", message))
    }
}

/// Takes the ARN of a store apart.
pub(crate) fn arn(text: &str) -> Result<ResourceArn<'_>, Exception> {
    let is_id = |id: &str| {
        let is_mark = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (3..=64).contains(&id.len()) && id.bytes().all(is_mark)
    };
    let arn = ResourceArn::parse(text);
    arn.filter(|arn| arn.kind == "eventdatastore" && is_id(arn.id)).ok_or_else(|| {
        let message = format!("{text} is not the ARN of an event data store: arn:PARTITION:cloudtrail:REGION:ACCOUNT:eventdatastore/ID.");
        Exception::new("EventDataStoreARNInvalidException", message)
    })
}

/// What a call that names a store by its ARN is answered.
pub(crate) fn not_found(text: &str) -> Exception {
    let missing = |_| {
        let message = format!("There is no event data store {text}.");
        Exception::new("EventDataStoreNotFoundException", message)
    };
    arn(text).map_or_else(|malformed| malformed, missing)
}
