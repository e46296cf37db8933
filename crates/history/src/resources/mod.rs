//! What an event is about: names, ids and ARNs, as LookupEvents tells them.
//!
//! This is not the record's `resources`, which few services fill: it is derived from what a call says
//! and is answered. Each form of a name is one resource, since each may be looked up: a user is there
//! by name, id and ARN. What a name is of is known
//! - from its ARN ([`arns`]),
//! - from the name of its parameter, for services that are known ([`parameters`]),
//! - from its form, such as `vpc-0a1b2c3d` ([`arns`]).
//!
//! A service that is not known has the names and ids among its parameters, without a type. Reads and
//! refused calls have resources too; AWS leaves many of theirs out.
//!
//! Bounded: the first [`RESOURCES_MAX`] of an event; names of up to [`NAME_BYTES_MAX`] bytes, which is
//! what can be looked up.
//!
//! Source: CloudTrail API Reference, `Resource`; captures of AWS's own answers.

mod arns;
mod parameters;
#[cfg(test)]
mod tests;
mod texts;

use std::borrow::Cow;

use model::Envelope;

use crate::summary::ResourceName;

/// Resources of one event; comparing them pairwise stays cheap.
pub const RESOURCES_MAX: usize = 128;
/// A value to look up has 2,000 characters at most.
pub const NAME_BYTES_MAX: usize = 2_000;

/// The resources of a record.
pub(crate) fn of<'a>(
    record: &Envelope<'a>,
    event_source: Option<&str>,
    event_name: Option<&str>,
) -> Vec<ResourceName<'a>> {
    let mut found = Found(Vec::new());
    let source = event_source.unwrap_or_default();
    let service = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    let service = parameters::Service::of(service, event_name.unwrap_or_default());
    // What is made stands in the answer: it comes first, as at AWS.
    let parts =
        [record.response_elements(), record.request_parameters(), record.service_event_details()];
    for (part, json) in parts.into_iter().enumerate() {
        let is_request = part == 1;
        let Some(json) = json else { continue };
        texts::each(json, |member, depth, text| {
            let is_parameter = is_request && depth == 1;
            found.add_text(&service, member, is_parameter, text);
            found.is_full()
        });
    }
    record.any_resource(|resource| {
        if let Some(arn) = resource.arn {
            found.add_arn(resource.kind, arn);
        }
        found.is_full()
    });
    found.0
}

struct Found<'a>(Vec<ResourceName<'a>>);

impl<'a> Found<'a> {
    fn is_full(&self) -> bool {
        self.0.len() >= RESOURCES_MAX
    }

    fn add_text(
        &mut self,
        service: &parameters::Service,
        member: &str,
        is_parameter: bool,
        text: Cow<'a, str>,
    ) {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return;
        }
        if text.starts_with("arn:") {
            return self.add_arn(None, text);
        }
        let by_parameter = service.kind_of(member, &text);
        // A session may be called like the instance that it is of.
        let by_form = || arns::kind_of_id(&text);
        let is_name = || is_parameter && service.is_unknown() && parameters::is_name(member);
        match by_parameter.filter(|kind| !kind.is_empty()).or_else(by_form) {
            Some(kind) => self.add(Some(kind.into()), text),
            None if by_parameter.is_some() || is_name() => self.add(None, text),
            None => {}
        }
    }

    fn add_arn(&mut self, kind: Option<Cow<'a, str>>, arn: Cow<'a, str>) {
        // Patterns, as policies have them, name no resource.
        if !arn.starts_with("arn:") || arn.len() > NAME_BYTES_MAX || arn.contains('*') {
            return;
        }
        let known = arns::kind_of_arn(&arn);
        // Keys of KMS are called by their ids as often as by their ARNs.
        let id = (known == Some(arns::KMS_KEY)).then(|| arns::after_slash(&arn)).flatten();
        self.add(kind.or(known.map(Cow::from)), arn);
        if let Some(id) = id {
            self.add(Some(arns::KMS_KEY.into()), id);
        }
    }

    /// Each once; a name without a type is the same as that name with one.
    fn add(&mut self, kind: Option<Cow<'a, str>>, name: Cow<'a, str>) {
        let mut same = self.0.iter_mut().filter(|one| one.name == name);
        let is_known = match &kind {
            None => same.next().is_some(),
            Some(kind) => same.any(|one| one.kind.get_or_insert_with(|| kind.clone()) == kind),
        };
        if !is_known && !self.is_full() {
            self.0.push(ResourceName { kind, name });
        }
    }
}
