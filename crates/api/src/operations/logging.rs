//! StartLogging and StopLogging.

use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, trail_resource};
use crate::operation::{Input, Plan};

/// The input of both.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NamedTrail {
    /// A name or an ARN.
    #[serde(default)]
    pub(crate) name: String,
}

impl Input for NamedTrail {
    fn resource(&self, caller: &Caller) -> String {
        trail_resource(caller, &self.name)
    }
}

/// The output of operations that have none.
#[derive(Serialize)]
pub(crate) struct Nothing {}

pub(crate) fn start(context: &Context<'_>, input: &NamedTrail) -> Result<Plan<Nothing>, Exception> {
    set(context, &input.name, true)
}

pub(crate) fn stop(context: &Context<'_>, input: &NamedTrail) -> Result<Plan<Nothing>, Exception> {
    set(context, &input.name, false)
}

fn set(context: &Context<'_>, name: &str, is_logging: bool) -> Result<Plan<Nothing>, Exception> {
    let arn = &changeable(context, name)?.trail.arn;
    let mut definitions = context.definitions.clone();
    for one in definitions.trails.iter_mut().filter(|one| one.trail.arn == *arn) {
        one.trail.is_logging = is_logging;
    }
    Ok(Plan { definitions, output: Nothing {}, checks: Vec::new() })
}
