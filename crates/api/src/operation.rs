//! What an operation is: its name, the resource that policies name, and what it does.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trails::{Definitions, LogGroup, Trail};

use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::lookup::Lookup;
use crate::wire;

/// The input of an operation.
pub trait Input: DeserializeOwned {
    /// The member that holds the tags that a call gives, of which policies ask.
    const TAGS: Option<&'static str> = None;
    /// The members that are times, which records tell as texts.
    const TIMES: &'static [&'static str] = &[];

    /// The ARN of what it acts on, for policies; `*` where there is none.
    fn resource(&self, _caller: &Caller) -> String {
        "*".into()
    }

    /// The ARNs of all that it acts on, where that may be several: policies must allow each.
    fn resources(&self, caller: &Caller) -> Vec<String> {
        vec![self.resource(caller)]
    }
}

/// What a change wants.
#[derive(Clone, Debug)]
pub struct Plan<O> {
    /// What the definitions will be.
    pub definitions: Definitions,
    /// The answer.
    pub output: O,
    /// What must hold outside, in the order in which AWS looks. A rule that is known to be broken
    /// stands where AWS looks at it.
    pub checks: Vec<Result<Check, Exception>>,
}

/// Something to be tried outside before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The trail's bucket takes what the trail will put there.
    Bucket {
        /// The trail as it will be.
        trail: Box<Trail>,
        /// Whether digests are put there too.
        validates_log_files: bool,
    },
    /// The KMS key exists and makes data keys; the check finds its ARN.
    Key {
        /// As the caller names it: an id, an alias or an ARN.
        key: String,
        /// The trail that it is for.
        trail: Box<Trail>,
    },
    /// The trail's topic takes messages.
    Topic {
        /// The trail as it will be.
        trail: Box<Trail>,
    },
    /// The log group takes events by the role.
    LogGroup {
        /// The log group and its role.
        group: LogGroup,
        /// The trail that it is for.
        trail: Box<Trail>,
    },
}

/// A plan whose answer is on the wire's form.
pub(crate) type WirePlan = Plan<Value>;
pub(crate) type Run<T> = Box<dyn Fn(&Context<'_>, &Value) -> Result<T, Exception> + Send + Sync>;
type Resources = Box<dyn Fn(&Caller, &Value) -> Result<Vec<String>, Exception> + Send + Sync>;

/// What an operation does.
pub(crate) enum Handler {
    /// It answers from what is known.
    Read(Run<Value>),
    /// It answers from the history.
    Lookup(Run<Lookup>),
    /// It changes what is defined.
    Change(Run<WirePlan>),
    /// Cairn has it not.
    Unsupported,
}

/// An operation of the API.
pub(crate) struct Operation {
    pub(crate) handler: Handler,
    pub(crate) resources: Resources,
    /// The member that holds the tags that a call gives.
    pub(crate) tags: Option<&'static str>,
    /// The members that records tell as texts.
    pub(crate) times: &'static [&'static str],
}

/// Operations by their names.
pub(crate) type Table = BTreeMap<&'static str, Operation>;

/// An operation that answers from what is known.
pub(crate) fn read<I: Input, O: Serialize>(
    run: impl Fn(&Context<'_>, &I) -> Result<O, Exception> + Send + Sync + 'static,
) -> Operation {
    let run = move |context: &Context<'_>, input: &Value| {
        Ok(wire::output(&run(context, &wire::input::<I>(input)?)?))
    };
    operation::<I>(Handler::Read(Box::new(run)))
}

/// An operation that answers from the history.
pub(crate) fn lookup<I: Input>(
    run: impl Fn(&Context<'_>, &I) -> Result<Lookup, Exception> + Send + Sync + 'static,
) -> Operation {
    let run = move |context: &Context<'_>, input: &Value| run(context, &wire::input::<I>(input)?);
    operation::<I>(Handler::Lookup(Box::new(run)))
}

/// An operation that changes what is defined.
pub(crate) fn change<I: Input, O: Serialize>(
    run: impl Fn(&Context<'_>, &I) -> Result<Plan<O>, Exception> + Send + Sync + 'static,
) -> Operation {
    let run = move |context: &Context<'_>, input: &Value| {
        let Plan { definitions, output, checks } = run(context, &wire::input::<I>(input)?)?;
        Ok(Plan { definitions, output: wire::output(&output), checks })
    };
    operation::<I>(Handler::Change(Box::new(run)))
}

fn operation<I: Input>(handler: Handler) -> Operation {
    Operation { handler, resources: resources::<I>(), tags: I::TAGS, times: I::TIMES }
}

/// An operation that Cairn has not.
pub(crate) fn unsupported() -> Operation {
    let resources: Resources = Box::new(|_, _| Ok(vec!["*".into()]));
    Operation { handler: Handler::Unsupported, resources, tags: None, times: &[] }
}

fn resources<I: Input>() -> Resources {
    Box::new(|caller, input| Ok(wire::input::<I>(input)?.resources(caller)))
}
