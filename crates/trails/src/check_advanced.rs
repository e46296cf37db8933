//! The rules of advanced event selectors: how many values, which fields with which operators, and
//! what each field may be compared with.
//!
//! Two things hold in Cairn alone: a selector may name several categories, if its other fields fit
//! each of them; and the configuration may select `Data` without `resources.type` and
//! `NetworkActivity` without `eventSource`, all at once. PutEventSelectors does not take the latter,
//! see [`Form`].
//! Source: AWS CloudTrail API Reference, `AdvancedFieldSelector`; "Quotas in CloudTrail".

use model::Category;

use crate::arn::Kind;
use crate::field::{Field, allowed};
use crate::invalid_selector::InvalidSelector;
use crate::selector::{AdvancedEventSelector, FieldSelector};

/// Most values over all conditions of one trail.
pub(crate) const VALUES_MAX: usize = 500;
/// Most characters of one value.
pub(crate) const VALUE_CHARACTERS_MAX: usize = 2048;
/// Most characters of a selector's name.
pub(crate) const NAME_CHARACTERS_MAX: usize = 1000;
const FIELD_BYTES_MAX: usize = 1000;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `Data` and `NetworkActivity` may stand alone.
    Configuration,
    /// As AWS: `Data` needs `resources.type`, `NetworkActivity` needs `eventSource`.
    Api,
}

/// Checks all advanced selectors of a trail.
pub(crate) fn check(
    selectors: &[AdvancedEventSelector],
    form: Form,
) -> Result<(), InvalidSelector> {
    check_count(selectors)?;
    selectors.iter().try_for_each(|selector| check_one(selector, form))?;
    check_values_count(selectors)
}

/// Checks selectors that are no trail's: how many there are, and that their fields are known and have
/// values; not what goes together.
pub(crate) fn check_words(selectors: &[AdvancedEventSelector]) -> Result<(), InvalidSelector> {
    check_count(selectors)?;
    let mut fields = selectors.iter().flat_map(|selector| &selector.field_selectors);
    fields.try_for_each(|field| parse(field).map(drop))?;
    check_values_count(selectors)
}

fn check_count(selectors: &[AdvancedEventSelector]) -> Result<(), InvalidSelector> {
    match (1..=VALUES_MAX).contains(&selectors.len()) {
        true => Ok(()),
        false => Err(InvalidSelector::AdvancedCount),
    }
}

fn check_values_count(selectors: &[AdvancedEventSelector]) -> Result<(), InvalidSelector> {
    let fields = selectors.iter().flat_map(|selector| &selector.field_selectors);
    match fields.flat_map(FieldSelector::values).count() {
        count if count > VALUES_MAX => Err(InvalidSelector::TooManyValues(count)),
        _ => Ok(()),
    }
}

/// Checks one selector, whatever others the trail has.
pub(crate) fn check_one(
    selector: &AdvancedEventSelector,
    form: Form,
) -> Result<(), InvalidSelector> {
    let name = selector.name.as_deref().unwrap_or_default();
    if name.chars().count() > NAME_CHARACTERS_MAX {
        return Err(InvalidSelector::NameLength);
    }
    let categories = categories(selector)?;
    let fields = &selector.field_selectors;
    let fields = fields.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    for category in &categories {
        for (field, selector) in &fields {
            check_operators(*category, *field, selector)?;
        }
        let required = match category {
            Category::Data if form == Form::Api => Field::ResourcesType,
            Category::NetworkActivity if form == Form::Api => Field::EventSource,
            _ => Field::EventCategory,
        };
        if !fields.iter().any(|(field, _)| *field == required) {
            return Err(InvalidSelector::Required(required));
        }
    }
    let kind = resource_kind(&fields)?;
    let has_source = fields.iter().any(|(field, _)| *field == Field::EventSource);
    if has_source && categories.contains(&Category::NetworkActivity) {
        check_source(&fields)?;
    }
    fields.iter().try_for_each(|(field, one)| check_values(*field, one, kind))
}

/// The categories of a selector, all of which trails take.
fn categories(selector: &AdvancedEventSelector) -> Result<Vec<Category>, InvalidSelector> {
    let is_category = |one: &&FieldSelector| one.field == Field::EventCategory.name();
    let named = selector.field_selectors.iter().filter(is_category);
    let mut named = named.flat_map(|one| &one.equals).peekable();
    if named.peek().is_none() {
        return Err(InvalidSelector::Required(Field::EventCategory));
    }
    let known = |name: &String| {
        let category = Category::from_name(name).filter(|category| allowed(*category).is_some());
        category.ok_or_else(|| InvalidSelector::UnknownCategory(name.clone()))
    };
    named.map(known).collect()
}

fn parse(selector: &FieldSelector) -> Result<(Field, &FieldSelector), InvalidSelector> {
    let name = &selector.field;
    let is_name_character = |one: char| one.is_alphanumeric() || "._|".contains(one);
    let is_name =
        (1..=FIELD_BYTES_MAX).contains(&name.len()) && name.chars().all(is_name_character);
    if !is_name {
        return Err(InvalidSelector::FieldName);
    }
    let field =
        Field::from_name(name).ok_or_else(|| InvalidSelector::UnknownField(name.clone()))?;
    if selector.values().next().is_none() {
        return Err(InvalidSelector::NoValues(name.clone()));
    }
    let fits = |value: &String| (1..=VALUE_CHARACTERS_MAX).contains(&value.chars().count());
    if !selector.values().all(fits) {
        return Err(InvalidSelector::ValueLength(name.clone()));
    }
    Ok((field, selector))
}

fn check_operators(
    category: Category,
    field: Field,
    selector: &FieldSelector,
) -> Result<(), InvalidSelector> {
    let of_category = allowed(category).unwrap_or_default();
    let Some((_, operators)) = of_category.iter().find(|(one, _)| *one == field) else {
        let allowed = joined(of_category.iter().map(|(field, _)| field));
        let category = category.name();
        return Err(InvalidSelector::FieldOfOtherCategory { field, category, allowed });
    };
    let used = selector.operators().into_iter().filter(|(_, values)| !values.is_empty());
    match used.map(|(operator, _)| operator).find(|operator| !operators.contains(operator)) {
        Some(operator) => {
            let (category, allowed) = (category.name(), joined(operators.iter()));
            Err(InvalidSelector::WrongOperator { field, operator, category, allowed })
        }
        None => Ok(()),
    }
}

fn check_values(field: Field, selector: &FieldSelector, kind: Kind) -> Result<(), InvalidSelector> {
    let only = |allowed: &[&str], text| match selector
        .values()
        .find(|value| !allowed.contains(&value.as_str()))
    {
        Some(value) => {
            Err(InvalidSelector::WrongValue { field, value: value.clone(), allowed: text })
        }
        None => Ok(()),
    };
    match field {
        Field::ReadOnly => only(&["true", "false"], "\"true\" or \"false\""),
        Field::SessionCredentialFromConsole => only(&["true"], "\"true\""),
        Field::ErrorCode => only(&["VpceAccessDenied"], "\"VpceAccessDenied\""),
        Field::ResourcesArn => {
            let mut exact = selector.equals.iter().chain(&selector.not_equals);
            match exact.find(|arn| !kind.is_exact(arn)) {
                Some(arn) => Err(InvalidSelector::ResourceArn(arn.clone())),
                None => Ok(()),
            }
        }
        Field::EventCategory
        | Field::EventName
        | Field::EventSource
        | Field::EventType
        | Field::ResourcesType
        | Field::UserIdentityArn
        | Field::VpcEndpointId => Ok(()),
    }
}

/// What the one `resources.type` of a selector says that its ARNs are.
fn resource_kind(fields: &[(Field, &FieldSelector)]) -> Result<Kind, InvalidSelector> {
    match equals(fields, Field::ResourcesType).as_slice() {
        [] => Ok(Kind::Other),
        [one] if is_listed(RESOURCE_TYPES, one) => Ok(Kind::of(one)),
        _ => Err(InvalidSelector::ResourceType),
    }
}

fn check_source(fields: &[(Field, &FieldSelector)]) -> Result<(), InvalidSelector> {
    match equals(fields, Field::EventSource).as_slice() {
        [source] if is_listed(NETWORK_ACTIVITY_SOURCES, source) => Ok(()),
        sources => Err(InvalidSelector::WrongValue {
            field: Field::EventSource,
            value: sources.join(", "),
            allowed: "one source that has network activity events, such as \"kms.amazonaws.com\"",
        }),
    }
}

fn equals<'a>(fields: &[(Field, &'a FieldSelector)], wanted: Field) -> Vec<&'a str> {
    let of_field = fields.iter().filter(|(field, _)| *field == wanted);
    of_field.flat_map(|(_, selector)| &selector.equals).map(String::as_str).collect()
}

/// Those that AWS documents, September 2026; it adds some each month. One a line, sorted.
const RESOURCE_TYPES: &str = include_str!("../data/resource_types.txt");
/// The same of event sources with network activity events.
const NETWORK_ACTIVITY_SOURCES: &str = include_str!("../data/network_activity_sources.txt");

fn is_listed(list: &str, wanted: &str) -> bool {
    list.lines().any(|line| line == wanted)
}

fn joined<T: ToString>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
