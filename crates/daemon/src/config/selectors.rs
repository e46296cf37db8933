//! Advanced event selectors, in the shape of the AWS API: as TOML tables, or as a text that holds
//! the same in JSON (what `aws cloudtrail put-event-selectors` takes).

use serde_json::Value;
use toml::de::DeValue;
use trails::{AdvancedEventSelector, FieldSelector};

use super::reader::Reader;

const KEY: &str = "advanced_event_selectors";

/// The selectors of the trail being read; none when there are none, or a mistake in them.
pub(super) fn read(trail: &mut Reader<'_, '_>) -> Vec<AdvancedEventSelector> {
    match trail.peek(KEY) {
        Some(DeValue::String(_)) => from_json(trail),
        _ => from_tables(trail),
    }
}

/// Each selector is checked where it stands. Only those without a mistake are returned, so that
/// `Trail::check` finds what is wrong with all of them together, and nothing twice.
fn from_tables(trail: &mut Reader<'_, '_>) -> Vec<AdvancedEventSelector> {
    let selectors = trail.each(KEY, |reader, _| {
        let before = reader.mistakes();
        let selector = AdvancedEventSelector {
            name: reader.text("Name", "a text"),
            field_selectors: reader.each("FieldSelectors", |reader, _| field_selector(reader)),
        };
        if !reader.has("FieldSelectors") {
            reader.mistake("FieldSelectors", "missing; expected a list of field selectors".into());
        }
        if reader.mistakes() > before {
            return None;
        }
        match selector.check() {
            Ok(()) => return Some(selector),
            Err(error) => reader.mistake("FieldSelectors", error.to_string()),
        }
        None
    });
    selectors.into_iter().flatten().collect()
}

fn field_selector(reader: &mut Reader<'_, '_>) -> FieldSelector {
    const FIELD: &str = "a field's name, such as eventCategory";
    let field = reader.text("Field", FIELD);
    if !reader.has("Field") {
        reader.mistake("Field", format!("missing; expected {FIELD}"));
    }
    let mut values = |name| reader.list(name, "a text", |text| Some(text.to_owned()));
    FieldSelector {
        field: field.unwrap_or_default(),
        equals: values("Equals"),
        starts_with: values("StartsWith"),
        ends_with: values("EndsWith"),
        not_equals: values("NotEquals"),
        not_starts_with: values("NotStartsWith"),
        not_ends_with: values("NotEndsWith"),
    }
}

fn from_json(trail: &mut Reader<'_, '_>) -> Vec<AdvancedEventSelector> {
    let text = trail.text(KEY, "a list").unwrap_or_default();
    let values: Vec<Value> = match serde_json::from_str(&text) {
        Ok(values) => values,
        Err(error) => {
            trail.wrong(KEY, format!("expected a JSON array of selectors: {error}"));
            return Vec::new();
        }
    };
    let mut selectors = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let parsed = serde_json::from_value::<AdvancedEventSelector>(value)
            .map_err(|error| error.to_string())
            .and_then(|selector| match selector.check() {
                Ok(()) => Ok(selector),
                Err(error) => Err(error.to_string()),
            });
        match parsed {
            Ok(selector) => selectors.push(selector),
            Err(error) => trail.wrong(KEY, format!("selector {index} of the JSON: {error}")),
        }
    }
    selectors
}
