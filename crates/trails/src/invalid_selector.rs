//! What is wrong with selectors, as the client is told: `InvalidEventSelectorsException`.
//!
//! The texts in the upper half are CloudTrail's own, letter by letter. AWS documents no text for the
//! others; theirs name the field and the fix.

use crate::check_advanced::{NAME_CHARACTERS_MAX, VALUE_CHARACTERS_MAX, VALUES_MAX};
use crate::check_basic::DATA_RESOURCES_MAX;
use crate::field::{Field, Operator};

/// Selectors that CloudTrail refuses with `InvalidEventSelectorsException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// Basic and advanced selectors in one call.
    #[error(
        "You can select events by using either EventSelectors or AdvancedEventSelectors, but not both."
    )]
    Both,
    /// No basic selector, or more than five.
    #[error("Specify a valid number of selectors (1 to 5) for your trail")]
    BasicCount,
    /// No advanced selector, or more than there can be values.
    #[error("Specify between 1 and 500 selectors for your trail.")]
    AdvancedCount,
    /// A `ReadWriteType` that is unknown.
    #[error("Value {0} for ReadWriteType is invalid.")]
    ReadWriteType(String),
    /// A `DataResource.Type` that basic selectors do not know.
    #[error("Value {0} for DataResources.Type is invalid.")]
    DataResourceType(String),
    /// A `DataResource.Values` that names no resource of its type.
    #[error("Value {0} for DataResources.Values is invalid.")]
    DataResourceValue(String),
    /// A field without which the others make no selector.
    #[error("The following fields are required: [{0}].")]
    Required(Field),
    /// None, several, or an unknown type of resource.
    #[error("The resources.type field value is not valid.")]
    ResourceType,
    /// `Equals` and `NotEquals` of `resources.ARN` take whole ARNs only.
    #[error("The specified ARN {0} is not valid. Verify that the ARN is properly formatted.")]
    ResourceArn(String),

    /// None, or more than 250, over all selectors.
    #[error(
        "Specify a valid number of data resources (1 to {DATA_RESOURCES_MAX}) for your trail; {0} are given"
    )]
    DataResourceCount(usize),
    /// An event source that cannot be left out.
    #[error(
        "Value {0} for ExcludeManagementEventSources is invalid; use kms.amazonaws.com or rdsdata.amazonaws.com"
    )]
    ExcludedSource(String),
    /// Sources are left out of management events that are not taken.
    #[error("ExcludeManagementEventSources needs IncludeManagementEvents to be true")]
    ExcludedFromNothing,
    /// `AdvancedEventSelector.Name` is too long.
    #[error("Name has more than {NAME_CHARACTERS_MAX} characters")]
    NameLength,
    /// An unknown category, or one that trails do not take.
    #[error(
        "eventCategory {0:?} is unknown; use one of Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog"
    )]
    UnknownCategory(String),
    /// `Field` is not of 1 to 1000 letters, digits, dots, underscores and bars.
    #[error("Field is not of 1 to 1000 letters, digits, dots, underscores and vertical bars")]
    FieldName,
    /// An unknown field.
    #[error("field {0:?} is unknown; use one of {list}", list = Field::names())]
    UnknownField(String),
    /// A field that selectors of this category do not have.
    #[error("field \"{field}\" cannot be used with eventCategory {category}; use one of {allowed}")]
    FieldOfOtherCategory {
        /// The field.
        field: Field,
        /// The selector's category.
        category: &'static str,
        /// The fields that it has.
        allowed: String,
    },
    /// A field selector without an operator.
    #[error(
        "field {0:?} needs at least one value under Equals, StartsWith, EndsWith, NotEquals, NotStartsWith or NotEndsWith"
    )]
    NoValues(String),
    /// An operator that the field does not take with this category.
    #[error(
        "field \"{field}\" does not take {operator} with eventCategory {category}; use {allowed}"
    )]
    WrongOperator {
        /// The field.
        field: Field,
        /// The operator.
        operator: Operator,
        /// The selector's category.
        category: &'static str,
        /// The operators that it takes.
        allowed: String,
    },
    /// A value that the field does not take.
    #[error("field \"{field}\" does not take the value {value:?}; use {allowed}")]
    WrongValue {
        /// The field.
        field: Field,
        /// The value.
        value: String,
        /// The values that it takes.
        allowed: &'static str,
    },
    /// A value outside 1 to 2048 characters.
    #[error("field {0:?} has a value outside 1 to {VALUE_CHARACTERS_MAX} characters")]
    ValueLength(String),
    /// Too many values.
    #[error("the selectors hold {0} values; at most {VALUES_MAX} are allowed")]
    TooManyValues(usize),
}
