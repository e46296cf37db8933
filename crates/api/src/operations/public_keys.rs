//! ListPublicKeys: the keys with which digests of a Region's log files are signed.
//!
//! Keys belong to a Region, not to an account, as in AWS: whoever may call is told the same. All that
//! are asked for come on one page, since the aws CLI's validator asks for one only. A `NextToken` is
//! passed over, as AWS does.
//! Source: AWS CloudTrail API Reference, "ListPublicKeys".

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keyring::PublishedKey;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::exception::Exception;
use crate::operation::Input;
use crate::wire::{epoch, time};

/// The input of ListPublicKeys. A time that is absent is now.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListPublicKeys {
    #[serde(deserialize_with = "time")]
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    end_time: Option<Timestamp>,
}

impl Input for ListPublicKeys {}

/// The output of ListPublicKeys.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    public_key_list: Vec<Listed>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    /// Base64 of the DER of a PKCS#1 `RSAPublicKey`.
    value: String,
    #[serde(serialize_with = "epoch")]
    validity_start_time: Option<Timestamp>,
    #[serde(serialize_with = "epoch")]
    validity_end_time: Option<Timestamp>,
    fingerprint: String,
}

pub(crate) fn list(context: &Context<'_>, input: &ListPublicKeys) -> Result<Page, Exception> {
    let start = input.start_time.unwrap_or(context.now);
    let end = input.end_time.unwrap_or(context.now);
    if start > end {
        let message = format!(
            "The start time {start} occurs after the end time {end}. A time that is not given is now."
        );
        return Err(Exception::new("InvalidTimeRangeException", message));
    }
    let keys = (context.public_keys)(start, end);
    Ok(Page { public_key_list: keys.iter().map(Listed::of).collect() })
}

impl Listed {
    fn of(one: &PublishedKey) -> Listed {
        Listed {
            value: BASE64_STANDARD.encode(one.key.pkcs1()),
            validity_start_time: Some(one.not_before),
            validity_end_time: Some(one.not_after),
            fingerprint: one.key.fingerprint(),
        }
    }
}
