//! The rules of basic event selectors: how many, and which resources they may name.
//!
//! | `DataResource.Type` | `Values` |
//! | --- | --- |
//! | `AWS::S3::Object` | `arn:aws:s3` or `arn:aws:s3:::` (all), `arn:aws:s3:::BUCKET/`, `arn:aws:s3:::BUCKET/PREFIX` |
//! | `AWS::Lambda::Function` | `arn:aws:lambda` (all), the ARN of a function |
//! | `AWS::DynamoDB::Table` | `arn:aws:dynamodb` (all), the ARN of a table |
//!
//! Source: AWS CloudTrail API Reference, `EventSelector` and `DataResource`; "Quotas in CloudTrail".

use crate::arn::{self, Kind};
use crate::event_selectors::{DataResource, EventSelector};
use crate::invalid_selector::InvalidSelector;

/// Most basic selectors of a trail.
const SELECTORS_MAX: usize = 5;
/// Most values of data resources over all selectors of a trail; those that mean all are not counted.
pub(crate) const DATA_RESOURCES_MAX: usize = 250;
/// Sources whose management events are so many that they may be left out.
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// Checks all basic selectors of a trail.
pub(crate) fn check(selectors: &[EventSelector]) -> Result<(), InvalidSelector> {
    if !(1..=SELECTORS_MAX).contains(&selectors.len()) {
        return Err(InvalidSelector::BasicCount);
    }
    for selector in selectors {
        check_excluded(selector)?;
        selector.data_resources.iter().try_for_each(check_resource)?;
    }
    let resources = selectors.iter().flat_map(|selector| &selector.data_resources);
    let is_counted = |value: &&String| !is_all(value);
    let count = resources.flat_map(|resource| &resource.values).filter(is_counted).count();
    if count > DATA_RESOURCES_MAX {
        return Err(InvalidSelector::DataResourceCount(count));
    }
    Ok(())
}

fn check_excluded(selector: &EventSelector) -> Result<(), InvalidSelector> {
    let excluded = &selector.exclude_management_event_sources;
    if let Some(other) = excluded.iter().find(|source| !EXCLUDABLE.contains(&source.as_str())) {
        return Err(InvalidSelector::ExcludedSource(other.clone()));
    }
    if !excluded.is_empty() && !selector.include_management_events {
        return Err(InvalidSelector::ExcludedFromNothing);
    }
    Ok(())
}

fn check_resource(resource: &DataResource) -> Result<(), InvalidSelector> {
    let Some(kind) = Kind::of_basic(&resource.kind) else {
        return Err(InvalidSelector::DataResourceType(resource.kind.clone()));
    };
    if resource.values.is_empty() {
        return Err(InvalidSelector::DataResourceCount(0));
    }
    let names_one = |value: &str| match kind {
        Kind::Object => arn::is_object_prefix(value),
        Kind::Function | Kind::Table | Kind::Other => kind.is_exact(value),
    };
    match resource.values.iter().find(|value| !(is_all_of(kind, value) || names_one(value))) {
        Some(wrong) => Err(InvalidSelector::DataResourceValue(wrong.clone())),
        None => Ok(()),
    }
}

/// Whether a value stands for all resources of its type.
pub(crate) fn is_all(value: &str) -> bool {
    [Kind::Object, Kind::Function, Kind::Table].into_iter().any(|kind| is_all_of(kind, value))
}

fn is_all_of(kind: Kind, value: &str) -> bool {
    match (kind, arn::behind_partition(value)) {
        (Kind::Object, Some(rest)) => matches!(rest, "s3" | "s3:::"),
        (Kind::Function, Some(rest)) => rest == "lambda",
        (Kind::Table, Some(rest)) => rest == "dynamodb",
        (Kind::Other, _) | (_, None) => false,
    }
}
