//! Channels, which PutAuditEvents names: made, changed, listed, deleted.
//!
//! Of AWS's destinations, event data stores, Cairn has none. A channel's destinations are taken and
//! told as they were given, if they are ARNs of stores in the caller's account and Region; events go
//! to the trails that select `ActivityAuditLog`.
//!
//! The source is `Custom`, or the only `eventSource` whose events the channel takes.
//! Source: AWS CloudTrail API Reference, `CreateChannel` and so on.

use model::ChannelName;
use trails::channel::ChannelDestination;
use trails::{Channel, Definitions, Origin};

use super::channel_shapes::{
    ChannelList, CreateChannel, ListChannels, ListedChannel, NamedChannel, ShownChannel,
    UpdateChannel,
};
use super::shapes::Nothing;
use super::{event_data_stores, room, tags};
use crate::context::Context;
use crate::exception::Exception;
use crate::operation::Plan;
use crate::resource_arn::{ResourceArn, is_uuid};
use crate::wire::invalid_member;

const DESTINATIONS_MAX: usize = 200;
const SOURCE_CHARACTERS_MAX: usize = 256;
const RESULTS_MAX: usize = 1000;

/// CreateChannel.
pub(crate) fn create(
    context: &Context<'_>,
    input: &CreateChannel,
) -> Result<Plan<ShownChannel>, Exception> {
    let Context { caller, definitions, quotas, .. } = context;
    let channel = Channel {
        id: context.id.to_string(),
        account: caller.account.clone(),
        region: caller.region.clone(),
        name: name(&input.name)?,
        source: source(&input.source)?,
        origin: Origin::Api,
        destinations: destinations(context, &input.destinations)?,
        tags: tags::merged(&[], &input.tags, quotas.tags)?,
        policy: None,
    };
    check_free(context, &channel.name)?;
    room::check_region(definitions, &caller.account, &caller.region)?;
    if own(context).count() >= quotas.channels {
        let message =
            format!("There are {} channels in {} already.", quotas.channels, caller.region);
        return Err(Exception::new("ChannelMaxLimitExceededException", message));
    }
    let output = ShownChannel { tags: channel.tags.clone(), ..ShownChannel::of(&channel) };
    let mut definitions = (*definitions).clone();
    definitions.channels.push(channel);
    Ok(Plan { definitions, output, checks: Vec::new() })
}

/// UpdateChannel: name and destinations.
pub(crate) fn update(
    context: &Context<'_>,
    input: &UpdateChannel,
) -> Result<Plan<ShownChannel>, Exception> {
    let mut channel = changeable(context, &input.channel)?.clone();
    if let Some(given) = &input.destinations {
        channel.destinations = destinations(context, given)?;
    }
    if let Some(given) = input.name.as_ref().filter(|given| *given != channel.name.as_str()) {
        channel.name = name(given)?;
        check_free(context, &channel.name)?;
    }
    let output = ShownChannel::of(&channel);
    let definitions = with_channel(context, &channel.id.clone(), |one| *one = channel);
    Ok(Plan { definitions, output, checks: Vec::new() })
}

/// DeleteChannel.
pub(crate) fn delete(
    context: &Context<'_>,
    input: &NamedChannel,
) -> Result<Plan<Nothing>, Exception> {
    let id = &changeable(context, &input.channel)?.id;
    let mut definitions = context.definitions.clone();
    definitions.channels.retain(|channel| channel.id != *id);
    Ok(Plan { definitions, output: Nothing {}, checks: Vec::new() })
}

/// GetChannel.
pub(crate) fn get(context: &Context<'_>, input: &NamedChannel) -> Result<ShownChannel, Exception> {
    find(context, &input.channel).map(ShownChannel::of)
}

/// ListChannels: by their ids, so that a page may begin behind any channel, there or gone.
pub(crate) fn list(context: &Context<'_>, input: &ListChannels) -> Result<ChannelList, Exception> {
    let allowed = 1..=RESULTS_MAX;
    let asked = input.max_results.map_or(Some(RESULTS_MAX), |count| usize::try_from(count).ok());
    let Some(count) = asked.filter(|count| allowed.contains(count)) else {
        return Err(invalid_member(format_args!(
            "Value at 'maxResults' failed to satisfy constraint: Member must be between 1 and {RESULTS_MAX}"
        )));
    };
    let behind = input.next_token.as_deref().unwrap_or_default();
    if input.next_token.is_some() && !is_uuid(behind) {
        let message = "NextToken is not one that ListChannels gave.";
        return Err(Exception::new("InvalidNextTokenException", message));
    }
    let mut page: Vec<&Channel> =
        own(context).filter(|channel| channel.id.as_str() > behind).collect();
    page.sort_by(|a, b| a.id.cmp(&b.id));
    let has_more = page.len() > count;
    page.truncate(count);
    let next_token = page.last().filter(|_| has_more).map(|last| last.id.clone());
    let channels = page.into_iter().map(ListedChannel::of).collect();
    Ok(ChannelList { channels, next_token })
}

/// The caller's channel of an ARN or its last part.
pub(crate) fn find<'a>(context: &Context<'a>, arn_or_id: &str) -> Result<&'a Channel, Exception> {
    let id = match ResourceArn::parse(arn_or_id) {
        Some(arn) if arn.kind == "channel" => arn.id,
        _ => arn_or_id,
    };
    if !is_uuid(id) {
        let message = format!(
            "{arn_or_id} is not the ARN of a channel: arn:PARTITION:cloudtrail:REGION:ACCOUNT:channel/UUID."
        );
        return Err(Exception::new("ChannelARNInvalidException", message));
    }
    own(context).find(|channel| channel.is_named(arn_or_id)).ok_or_else(|| {
        let message = format!("There is no channel {arn_or_id}.");
        Exception::new("ChannelNotFoundException", message)
    })
}

/// The same, if the API may change it.
pub(crate) fn changeable<'a>(
    context: &Context<'a>,
    arn_or_id: &str,
) -> Result<&'a Channel, Exception> {
    let channel = find(context, arn_or_id)?;
    if channel.origin == Origin::Configuration {
        let message = format!(
            "Channel {} is defined in the daemon's configuration file, and can only be changed there.",
            channel.name
        );
        return Err(Exception::new("OperationNotPermittedException", message));
    }
    Ok(channel)
}

/// The definitions with one channel changed.
pub(crate) fn with_channel(
    context: &Context<'_>,
    id: &str,
    change: impl FnOnce(&mut Channel),
) -> Definitions {
    let mut definitions = context.definitions.clone();
    definitions.channels.iter_mut().find(|channel| channel.id == id).map(change);
    definitions
}

/// The channels of the caller's account in the Region of the call.
fn own<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Channel> {
    let Context { caller, definitions, .. } = *context;
    let is_own = |one: &&Channel| one.account == caller.account && one.region == caller.region;
    definitions.channels.iter().filter(is_own)
}

fn name(given: &str) -> Result<ChannelName, Exception> {
    given.parse().map_err(|_| {
        let message = "Name must have 3 to 128 letters, digits, periods, underscores and hyphens.";
        Exception::new("InvalidParameterException", message)
    })
}

fn check_free(context: &Context<'_>, name: &ChannelName) -> Result<(), Exception> {
    if own(context).any(|channel| channel.name == *name) {
        let message = format!("There is a channel {name} already.");
        return Err(Exception::new("ChannelAlreadyExistsException", message));
    }
    Ok(())
}

fn source(source: &str) -> Result<String, Exception> {
    let is_sound = (1..=SOURCE_CHARACTERS_MAX).contains(&source.chars().count())
        && !source.chars().any(char::is_control);
    if !is_sound {
        let message = format!(
            "Source must have 1 to {SOURCE_CHARACTERS_MAX} characters: Custom, or the only eventSource that the channel takes."
        );
        return Err(Exception::new("InvalidSourceException", message));
    }
    Ok(source.to_owned())
}

fn destinations(
    context: &Context<'_>,
    given: &[ChannelDestination],
) -> Result<Vec<ChannelDestination>, Exception> {
    let refuse = |message: String| Err(Exception::new("InvalidParameterException", message));
    if !(1..=DESTINATIONS_MAX).contains(&given.len()) {
        return refuse(format!("Destinations must have 1 to {DESTINATIONS_MAX} entries."));
    }
    for ChannelDestination { kind, location } in given {
        if kind != "EVENT_DATA_STORE" {
            return refuse("The Type of a destination must be EVENT_DATA_STORE.".into());
        }
        if !event_data_stores::arn(location)?.is_at(context.caller) {
            return Err(event_data_stores::not_found(location));
        }
    }
    Ok(given.to_vec())
}
