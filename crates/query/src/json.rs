//! Reading one value out of a record's JSON without reading the rest of it.
//!
//! A record is 1.5 KB of which a query wants one field: nothing is built of what is passed over. Of a
//! name that comes twice the last one counts, as for the history's own columns.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// To a member of an object.
    Key(String),
    /// To an element of an array, from 0.
    Index(usize),
}

/// The text of a value within a JSON text; `None` where there is none or the text is no JSON.
pub(crate) fn find<'a>(text: &'a str, path: &[Step]) -> Option<&'a str> {
    let mut text = text;
    for step in path {
        text = child(text, step)?;
    }
    Some(text)
}

/// The same for keys alone.
pub(crate) fn find_keys<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(text, |text, key| member(text, key))
}

/// A member of an object, the last of its name.
pub(crate) fn member<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    // Of what breaks off, what came whole is told.
    let _ = reader.deserialize_map(FindKey { key, found: &mut found });
    found.map(RawValue::get)
}

fn child<'a>(text: &'a str, step: &Step) -> Option<&'a str> {
    match step {
        Step::Key(key) => member(text, key),
        Step::Index(index) => elements(text)?.into_iter().nth(*index),
    }
}

/// The elements of an array; `None` of anything else.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The members of an object in their order; none of anything else.
pub(crate) fn members(text: &str) -> Vec<(Cow<'_, str>, &str)> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let _ = reader.deserialize_map(All(&mut found));
    found
}

/// A value as SQL shows it: a text without its quotes, `None` of `null`, all else as JSON.
pub(crate) fn plain(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(value).ok().map(|text| text.0),
        Some(b'n') => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

/// A text, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct FindKey<'f, 'a> {
    key: &'f str,
    found: &'f mut Option<&'a RawValue>,
}

impl<'a> Visitor<'a> for FindKey<'_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_it) = map.next_key_seed(Same(self.key))? {
            if is_it {
                *self.found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Whether a key is the one, without a copy of it.
struct Same<'f>(&'f str);

impl<'a> DeserializeSeed<'a> for Same<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Same<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

struct All<'f, 'a>(&'f mut Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Visitor<'a> for All<'_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'a>>()? {
            let value: &RawValue = map.next_value()?;
            self.0.push((key, value.get()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn values_are_found_by_their_paths() {
        let text = r#"{"a":{"b":[1,{"c":"x\n\"y\""},null]},"a\u0062":true,"n":null,"d":1,"d":2}"#;
        let key = |key: &str| Step::Key(key.into());
        let steps = [key("a"), key("b"), Step::Index(1), key("c")];
        assert_eq!(find(text, &steps).and_then(plain).unwrap(), "x\n\"y\"");
        assert_eq!(find_keys(text, &["a", "b"]), Some(r#"[1,{"c":"x\n\"y\""},null]"#));
        assert_eq!(member(text, "ab"), Some("true"), "keys are read with their escapes");
        assert_eq!(member(text, "n").and_then(plain), None);
        assert_eq!(member(text, "d"), Some("2"), "the last of a name");
        assert_eq!(member(text, "z"), None);
        assert_eq!(find(text, &[key("a"), Step::Index(0)]), None);
    }

    #[test]
    fn what_is_no_json_holds_nothing() {
        for text in ["", "{", "[1", "\"", "{\"a\"", "{\"a\":", "5", "nul"] {
            assert_eq!(member(text, "a"), None, "{text}");
            assert_eq!(members(text).len(), 0, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab\"é]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_found_as_a_whole_reading_finds_it(value in value(), keys in prop::collection::vec("[ab\"é]{0,2}", 0..3)) {
            let text = value.to_string();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let naive = keys.iter().try_fold(&value, |value, key| value.as_object()?.get(*key));
            let found = find_keys(&text, &keys).map(|found| serde_json::from_str::<Value>(found).unwrap());
            prop_assert_eq!(found.as_ref(), naive);
        }
    }
}
