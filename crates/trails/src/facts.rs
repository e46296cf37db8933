//! What the rules ask of an event: where it is filed, its category, and the values that its record has
//! for a field.
//!
//! The record is parsed at most once, and only when a rule asks for more than the journal keeps
//! beside it. Asking allocates nothing as long as the texts that are asked for have no escapes.
//!
//! A stream of a DynamoDB table stands for its table too: who selects tables gets the events of their
//! streams. AWS lists both in the `resources` of such an event; where a record lists the stream alone,
//! its table is added here.
//! Source: AWS CloudTrail User Guide, "Logging data events", note on `AWS::DynamoDB::Table`.

use std::borrow::Cow;
use std::cell::OnceCell;

use model::record::Resource;
use model::{AccountId, Category, Envelope, Event, Region};

use crate::field::Field;

const STREAM: &str = "AWS::DynamoDB::Stream";
const TABLE: &str = "AWS::DynamoDB::Table";
/// Resources that are kept once they were read. Few records list more; those are read again.
const KEPT: usize = 4;

/// What the rules may ask about an event.
pub struct Facts<'a> {
    /// The account that the event is filed under.
    pub account: &'a AccountId,
    /// The Region that it is filed under.
    pub region: &'a Region,
    /// Its category.
    pub category: Category,
    /// Whether a global service recorded it.
    pub is_global: bool,
    record: &'a [u8],
    envelope: OnceCell<Option<Envelope<'a>>>,
    resources: OnceCell<Resources<'a>>,
    user_arn: OnceCell<Option<Cow<'a, str>>>,
}

/// The first resources of a record, and whether there are more.
#[derive(Default)]
struct Resources<'a> {
    first: [Option<Resource<'a>>; KEPT],
    count: usize,
}

impl<'a> Facts<'a> {
    /// The facts of one event.
    #[must_use]
    pub fn of(event: &'a Event) -> Facts<'a> {
        let Event { account, region, category, is_global, record, .. } = event;
        Facts::new(account, region, *category, *is_global, record)
    }

    /// The facts of an event that is kept in parts; `record` are its bytes.
    #[must_use]
    pub fn new(
        account: &'a AccountId,
        region: &'a Region,
        category: Category,
        is_global: bool,
        record: &'a [u8],
    ) -> Facts<'a> {
        Facts {
            account,
            region,
            category,
            is_global,
            record,
            envelope: OnceCell::new(),
            resources: OnceCell::new(),
            user_arn: OnceCell::new(),
        }
    }

    /// Whether one of the values that the record has for a field meets a test. Fields other than
    /// those of `resources` have one value at most.
    pub(crate) fn any(&self, field: Field, mut test: impl FnMut(&str) -> bool) -> bool {
        if field == Field::EventCategory {
            // Known without parsing the record: most trails ask for no more.
            return test(self.category.name());
        }
        let Some(envelope) = self.envelope() else { return false };
        let mut is = |text: Option<Cow<'_, str>>| text.is_some_and(|text| test(&text));
        match field {
            Field::EventCategory => false,
            Field::ErrorCode => is(envelope.error_code()),
            Field::EventName => is(envelope.event_name()),
            Field::EventSource => is(envelope.event_source()),
            Field::EventType => is(envelope.event_type()),
            Field::ReadOnly => {
                let text = |flag| if flag { "true" } else { "false" };
                is(envelope.read_only().map(|flag| text(flag).into()))
            }
            Field::SessionCredentialFromConsole => is(envelope.session_credential_from_console()),
            Field::UserIdentityArn => {
                let arn = self.user_arn.get_or_init(|| envelope.user_arn());
                arn.as_deref().is_some_and(test)
            }
            Field::VpcEndpointId => is(envelope.vpc_endpoint_id()),
            Field::ResourcesArn => self.any_resource(envelope, |_, arn| arn.is_some_and(&mut test)),
            Field::ResourcesType => {
                self.any_resource(envelope, |kind, _| kind.is_some_and(&mut test))
            }
        }
    }

    /// Whether it is the record of one of CloudTrail's own deliveries.
    pub(crate) fn is_own_delivery(&self) -> bool {
        let Some(envelope) = self.envelope() else { return false };
        let is = |text: Option<Cow<'_, str>>, wanted: &str| text.as_deref() == Some(wanted);
        let put = is(envelope.event_source(), "s3.amazonaws.com")
            && is(envelope.event_name(), "PutObject");
        let logged = is(envelope.event_source(), "logs.amazonaws.com")
            && is(envelope.event_name(), "PutLogEvents");
        (put || logged) && is(envelope.invoked_by(), "cloudtrail.amazonaws.com")
    }

    /// Asks for the type and the ARN of each resource.
    fn any_resource(
        &self,
        envelope: &Envelope<'_>,
        mut test: impl FnMut(Option<&str>, Option<&str>) -> bool,
    ) -> bool {
        let mut test = |resource: &Resource<'_>| {
            let (kind, arn) = (resource.kind.as_deref(), resource.arn.as_deref());
            let is_stream = kind == Some(STREAM);
            test(kind, arn) || (is_stream && test(Some(TABLE), arn.and_then(table_of)))
        };
        let resources = self.resources.get_or_init(|| self.read_resources());
        if resources.count > KEPT {
            return envelope.any_resource(|resource| test(&resource));
        }
        resources.first.iter().flatten().any(test)
    }

    fn read_resources(&self) -> Resources<'a> {
        let mut resources = Resources::default();
        let Some(envelope) = self.envelope() else { return resources };
        envelope.any_resource(|resource| {
            if let Some(place) = resources.first.get_mut(resources.count) {
                *place = Some(resource);
            }
            resources.count += 1;
            resources.count > KEPT
        });
        resources
    }

    fn envelope(&self) -> Option<&Envelope<'a>> {
        self.envelope.get_or_init(|| Envelope::parse(self.record).ok()).as_ref()
    }
}

/// `…:table/NAME` of `…:table/NAME/stream/LABEL`.
fn table_of(stream: &str) -> Option<&str> {
    Some(stream.split_once("/stream/")?.0)
}
