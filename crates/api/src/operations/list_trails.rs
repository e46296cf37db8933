//! ListTrails: the trails that an account sees in a Region, in pages: those whose home it is, and the
//! multi-Region ones of others.
//!
//! AWS's reference leaves open whether single-Region trails of other Regions are listed; moto, which
//! many try their programs with, holds that they are not.
//!
//! Trails come by ARN. A page's token holds the ARN of its last trail, so that a trail that is made or
//! deleted between two pages moves no other one from page to page.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::TrailArn;
use serde::{Deserialize, Serialize};
use trails::TrailDefinition;

use super::shapes::Listed;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::sees;
use crate::operation::Input;

/// Trails on one page.
const PAGE: usize = 100;

/// The input of ListTrails.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListTrails {
    next_token: Option<String>,
}

impl Input for ListTrails {}

/// The output of ListTrails.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    trails: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(crate) fn list(context: &Context<'_>, input: &ListTrails) -> Result<Page, Exception> {
    let Context { caller, definitions, .. } = context;
    let after = input.next_token.as_deref().map(last_of).transpose()?;
    let is_left = |one: &&TrailDefinition| {
        let is_home = one.trail.arn.home_region == caller.region;
        sees(definitions, &caller.account, one)
            && (is_home || one.trail.is_multi_region)
            && after.as_ref().is_none_or(|after| one.trail.arn > *after)
    };
    let mut left: Vec<&TrailDefinition> = definitions.trails.iter().filter(is_left).collect();
    left.sort_by(|a, b| a.trail.arn.cmp(&b.trail.arn));
    let more = left.len() > PAGE;
    left.truncate(PAGE);
    let next_token = left.last().filter(|_| more).map(|one| token(&one.trail.arn));
    Ok(Page { trails: left.into_iter().map(Listed::of).collect(), next_token })
}

fn token(last: &TrailArn) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.to_string())
}

fn last_of(token: &str) -> Result<TrailArn, Exception> {
    let arn = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|arn| String::from_utf8(arn).ok());
    arn.and_then(|arn| arn.parse().ok()).ok_or_else(|| {
        let message = "NextToken is not valid. Use the one of the page before, or none.";
        Exception::new("ValidationException", message)
    })
}
