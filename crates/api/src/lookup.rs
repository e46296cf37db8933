//! A lookup that was asked for, and its answer: pages of the history, rendered as JSON.
//!
//! The answer is written straight from the records that are found: it holds each of them as a text,
//! and is mostly that. It ends early, with a token, when it has grown to [`ANSWER_BYTES`].

use history::{Found, PAGE_BYTES, Page, Position, Query, Summary};
use model::AccountId;
use serde::Serialize;

use crate::event_context;
use crate::token::Token;

/// An answer takes no further event when it has so many bytes.
pub const ANSWER_BYTES: usize = 2 << 20;
/// Rows that are read at a time.
const ROWS_AT_A_TIME: usize = 50;

/// What is to be looked up for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Whose turn it is to look.
    pub account: AccountId,
    /// Whether it asks for what AWS does not have: such an answer does not go out unrecorded.
    pub is_beyond_aws: bool,
    /// Which rows; as many as the caller wants at most.
    pub query: Query,
    /// What the next page's token is bound to.
    pub(crate) parameters: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<&'a str>,
    /// Seconds since 1970.
    event_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    resources: Vec<Resource<'a>>,
    cloud_trail_event: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'a str>,
    resource_name: &'a str,
}

impl Lookup {
    /// The body of the answer. `read` gives a page of the history; it may wait for the disk.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn answer<E>(&self, mut read: impl FnMut(&Query) -> Result<Page, E>) -> Result<Vec<u8>, E> {
        let mut body = br#"{"Events":["#.to_vec();
        let mut query = self.query.clone();
        let mut left = self.query.limit;
        let mut next = None;
        while left > 0 {
            query.limit = left.min(ROWS_AT_A_TIME);
            let page = read(&query)?;
            let rows = page.rows.len();
            let (taken, last) = add_rows(&mut body, &page.rows);
            left = left.saturating_sub(taken);
            // What was not taken comes on the next page.
            next = if taken < rows { last } else { page.next };
            // A page that is short, and not of large records, took long to find: it is answered as
            // it is.
            let is_short = rows < query.limit && page.bytes() < PAGE_BYTES;
            if next.is_none() || is_short || body.len() >= ANSWER_BYTES {
                break;
            }
            query.after = next;
        }
        body.push(b']');
        if let Some(after) = next {
            let token = Token { after, parameters: self.parameters };
            body.extend_from_slice(br#","NextToken":"#);
            write(&mut body, &token.to_string());
        }
        body.push(b'}');
        Ok(body)
    }
}

/// Adds rows to a list as long as it is not too long; how many, and the position of the last.
fn add_rows(body: &mut Vec<u8>, rows: &[Found]) -> (usize, Option<Position>) {
    for (taken, row) in rows.iter().enumerate() {
        if body.len() >= ANSWER_BYTES {
            return (taken, taken.checked_sub(1).map(|last| rows[last].position));
        }
        if !body.ends_with(b"[") {
            body.push(b',');
        }
        add(body, row);
    }
    (rows.len(), rows.last().map(|row| row.position))
}

fn add(body: &mut Vec<u8>, row: &Found) {
    let Summary {
        event_id,
        event_name,
        event_source,
        read_only,
        access_key_id,
        username,
        resources,
    } = Summary::of(&row.record);
    let record = String::from_utf8_lossy(&row.record);
    let event = Event {
        event_id: event_id.as_deref(),
        event_name: event_name.as_deref(),
        read_only: read_only.map(|is| if is { "true" } else { "false" }),
        access_key_id: access_key_id.as_deref(),
        event_time: row.position.time.as_millis().div_euclid(1_000),
        event_source: event_source.as_deref(),
        username: username.as_deref(),
        resources: resources.iter().map(named).collect(),
        cloud_trail_event: &event_context::left_out(&record),
    };
    write(body, &event);
}

fn named<'a>(resource: &'a history::ResourceName<'_>) -> Resource<'a> {
    Resource { resource_type: resource.kind.as_deref(), resource_name: &resource.name }
}

fn write(body: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(body, value).expect("texts and numbers always serialize");
}
