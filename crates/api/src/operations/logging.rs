//! StartLogging and StopLogging.

use super::shapes::{NamedTrail, Nothing};
use crate::context::Context;
use crate::exception::Exception;
use crate::names::changeable;
use crate::operation::Plan;

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
