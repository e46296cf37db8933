//! DeleteTrail. What it delivered stays, and so do its bucket and its topic.

use super::shapes::{NamedTrail, Nothing};
use crate::context::Context;
use crate::exception::Exception;
use crate::names::changeable;
use crate::operation::Plan;

pub(crate) fn delete(
    context: &Context<'_>,
    input: &NamedTrail,
) -> Result<Plan<Nothing>, Exception> {
    let arn = &changeable(context, &input.name)?.trail.arn;
    let mut definitions = context.definitions.clone();
    definitions.trails.retain(|one| one.trail.arn != *arn);
    Ok(Plan { definitions, output: Nothing {}, checks: Vec::new() })
}
