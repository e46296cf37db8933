//! Takes keys out of a TOML table, one by one, and collects what is wrong with them.
//!
//! A value that is missing or wrong is reported, and a stand-in is returned so that reading goes
//! on and finds the other mistakes; what was read is given out only when nothing was reported.
//! Keys that are left in a table when its reader ends are unknown.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use model::InvalidId;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Form, Key};
use super::layers::Layers;
use super::mistake::{Mistake, Place, nearest, shown};

/// The raw text, what stands above it, and the mistakes found so far.
pub(super) struct Input<'doc> {
    file: &'doc str,
    text: &'doc str,
    /// Where each line but the first begins.
    line_starts: Vec<usize>,
    layers: Layers,
    pub(super) mistakes: Vec<Mistake>,
}

/// One table being read.
pub(super) struct Reader<'r, 'doc> {
    input: &'r mut Input<'doc>,
    path: String,
    place: Place,
    table: DeTable<'doc>,
    asked: Vec<&'static str>,
    seen: BTreeMap<&'static str, Seen>,
}

/// A key that was there.
#[derive(Clone)]
struct Seen {
    place: Place,
    found: String,
    is_sound: bool,
}

impl<'doc> Input<'doc> {
    pub(super) fn new(
        file: &'doc str,
        text: &'doc str,
        layers: Layers,
        mistakes: Vec<Mistake>,
    ) -> Input<'doc> {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Input { file, text, line_starts, layers, mistakes }
    }

    /// Reads the whole file. With errors in its syntax nothing in it can be trusted, and only they
    /// are reported.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_, 'doc>) -> T) -> T {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        let table = if errors.is_empty() { document.into_inner() } else { DeTable::new() };
        for error in errors {
            let place = self.place_of(error.span().unwrap_or_default());
            let why = format!("not TOML: {}", error.message());
            self.mistakes.push(Mistake { place, key: String::new(), found: None, why });
        }
        let place = Place::Nowhere;
        Reader::new(self, String::new(), place, table).finish(read)
    }

    fn place_of(&self, span: Range<usize>) -> Place {
        let line = 1 + self.line_starts.partition_point(|start| *start <= span.start);
        Place::File(self.file.into(), Some(line))
    }

    fn seen(&self, value: &Spanned<DeValue<'_>>) -> Seen {
        let found = match value.get_ref() {
            DeValue::Table(_) => "{…}".into(),
            _ => shown(self.text.get(value.span()).unwrap_or_default()),
        };
        Seen { place: self.place_of(value.span()), found, is_sound: true }
    }
}

impl<'r, 'doc> Reader<'r, 'doc> {
    fn new(
        input: &'r mut Input<'doc>,
        path: String,
        place: Place,
        table: DeTable<'doc>,
    ) -> Reader<'r, 'doc> {
        Reader { input, path, place, table, asked: Vec::new(), seen: BTreeMap::new() }
    }

    /// The value of a scalar key: the strongest one given. The others are checked all the same.
    pub(super) fn scalar<T: PartialOrd>(&mut self, key: &Key<T>) -> Option<T> {
        let name = key.leaf();
        let mut strongest = None;
        if let Some(value) = self.take(name) {
            match scalar_text(&value, key.form()) {
                Some(text) => strongest = self.parse(key, &text),
                None => self.wrong(name, format!("expected {}", key.allowed())),
            }
        }
        for given in self.input.layers.of(key.name).to_vec() {
            let found = format!("{:?}", shown(&given.text));
            self.seen.insert(name, Seen { place: given.place, found, is_sound: true });
            strongest = self.parse(key, &given.text).or(strongest);
        }
        strongest
    }

    /// The value of a scalar key, or its default.
    pub(super) fn scalar_or_default<T: PartialOrd>(&mut self, key: &Key<T>) -> T {
        self.scalar(key).unwrap_or_else(|| key.default())
    }

    /// An identifier that must be there.
    pub(super) fn required<T: Identifier>(&mut self, name: &'static str, stand_in: &str) -> T {
        let value = self.optional(name);
        if !self.has(name) {
            self.mistake(name, format!("missing; expected {}", expected::<T>()));
        }
        value.unwrap_or_else(|| stand_in.parse().expect("a stand-in is a valid value"))
    }

    /// An identifier that may be there.
    pub(super) fn optional<T: Identifier>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name, expected::<T>())?;
        let parsed = text.parse::<T>().map_err(|error| error.expected);
        parsed.map_err(|expected| self.wrong(name, format!("expected {expected}"))).ok()
    }

    /// A text that may be there.
    pub(super) fn text(&mut self, name: &'static str, expected: &str) -> Option<String> {
        match self.take(name)? {
            DeValue::String(text) => return Some(text.into_owned()),
            _ => self.wrong(name, format!("expected a text in quotes: {expected}")),
        }
        None
    }

    /// A yes or no.
    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.take(name) {
            None => return default,
            Some(DeValue::Boolean(flag)) => return flag,
            Some(_) => self.wrong(name, "expected true or false".into()),
        }
        default
    }

    /// A list of texts; those that do not parse are reported and left out.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let DeValue::Array(values) = value else {
            self.wrong(name, format!("expected a list, each {expected}"));
            return Vec::new();
        };
        let mut parsed = Vec::new();
        for (index, value) in values.iter().enumerate() {
            match value.get_ref().as_str().and_then(&parse) {
                Some(item) => parsed.push(item),
                None => {
                    let seen = self.input.seen(value);
                    self.wrong_item(name, index, seen, format!("expected {expected}"));
                }
            }
        }
        parsed
    }

    /// A table inside this one; an absent one is read as empty.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Reader<'_, 'doc>) -> T,
    ) -> T {
        let path = self.path_of(name);
        let table = match self.take(name) {
            None => DeTable::new(),
            Some(DeValue::Table(table)) => table,
            Some(_) => {
                self.wrong(name, format!("expected a table: [{path}]"));
                DeTable::new()
            }
        };
        let place = self.place_of(name);
        Reader::new(self.input, path, place, table).finish(read)
    }

    /// The tables of a list of tables. The index of each is given with it.
    pub(super) fn each<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Reader<'_, 'doc>, usize) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let DeValue::Array(values) = value else {
            self.wrong(name, format!("expected a list of tables: [[{}]]", self.header_of(name)));
            return Vec::new();
        };
        let mut items = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let seen = self.input.seen(&value);
            let DeValue::Table(table) = value.into_inner() else {
                self.wrong_item(name, index, seen, "expected a table".into());
                continue;
            };
            let path = format!("{}[{index}]", self.path_of(name));
            let reader = Reader::new(self.input, path, seen.place, table);
            items.push(reader.finish(|reader| read(reader, index)));
        }
        items
    }

    /// The value of a key, before it is taken out.
    pub(super) fn peek(&self, name: &str) -> Option<&DeValue<'doc>> {
        self.table.get(name).map(Spanned::get_ref)
    }

    /// Whether a key is there, or was before it was taken out.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name) || self.seen.contains_key(name)
    }

    /// How many mistakes were found so far, in the whole configuration.
    pub(super) fn mistakes(&self) -> usize {
        self.input.mistakes.len()
    }

    /// Whether these keys were there and right.
    pub(super) fn are_sound(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.seen.get(name).is_some_and(|seen| seen.is_sound))
    }

    /// Reports a key that is missing, or that contradicts others.
    pub(super) fn mistake(&mut self, name: &'static str, why: String) {
        let seen = self.seen.get(name).cloned();
        let (place, found) = match seen {
            Some(seen) => (seen.place, Some(seen.found)),
            None => (self.place.clone(), None),
        };
        self.input.mistakes.push(Mistake { place, key: self.path_of(name), found, why });
    }

    /// Reports a key whose value cannot be used.
    pub(super) fn wrong(&mut self, name: &'static str, why: String) {
        self.mistake(name, why);
        if let Some(seen) = self.seen.get_mut(name) {
            seen.is_sound = false;
        }
    }

    fn wrong_item(&mut self, name: &'static str, index: usize, item: Seen, why: String) {
        let Seen { place, found, .. } = item;
        let key = format!("{}[{index}]", self.path_of(name));
        self.input.mistakes.push(Mistake { place, key, found: Some(found), why });
        if let Some(seen) = self.seen.get_mut(name) {
            seen.is_sound = false;
        }
    }

    fn parse<T: PartialOrd>(&mut self, key: &Key<T>, text: &str) -> Option<T> {
        let value = key.parse(text);
        if value.is_none() {
            self.wrong(key.leaf(), format!("expected {}", key.allowed()));
        }
        value
    }

    fn take(&mut self, name: &'static str) -> Option<DeValue<'doc>> {
        self.asked.push(name);
        let value = self.table.remove(name)?;
        self.seen.insert(name, self.input.seen(&value));
        Some(value.into_inner())
    }

    fn path_of(&self, name: &str) -> String {
        let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
        let name = if !name.is_empty() && name.chars().all(is_bare) {
            name.to_owned()
        } else {
            format!("\"{}\"", shown(name))
        };
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The path as TOML writes it in a header: without indices.
    fn header_of(&self, name: &str) -> String {
        let path = self.path_of(name);
        let parts = path.split('.').map(|part| part.split('[').next().unwrap_or(part));
        parts.collect::<Vec<_>>().join(".")
    }

    fn place_of(&self, name: &str) -> Place {
        self.seen.get(name).map_or_else(|| self.place.clone(), |seen| seen.place.clone())
    }

    fn finish<T>(mut self, read: impl FnOnce(&mut Reader<'r, 'doc>) -> T) -> T {
        let value = read(&mut self);
        for (name, _) in &std::mem::take(&mut self.table) {
            let place = self.input.place_of(name.span());
            let (key, why) = (self.path_of(name.get_ref()), self.unknown(name.get_ref()));
            self.input.mistakes.push(Mistake { place, key, found: None, why });
        }
        value
    }

    /// What to say about an unknown key. Its value, which could be anything, is not repeated.
    fn unknown(&self, name: &str) -> String {
        if self.path.is_empty() && name == "aws" {
            return "unknown key; endpoint, Region and credentials of AWS come from its own \
                    settings (AWS_ENDPOINT_URL, AWS_PROFILE, ~/.aws/config, …)"
                .into();
        }
        let elsewhere = || keys::all().into_iter().find(|key| leaf(key.name) == name);
        match nearest(name, self.asked.iter().copied()) {
            Some(near) => format!("unknown key; did you mean {near}?"),
            None => match elsewhere() {
                Some(key) => format!("unknown key; did you mean {}?", key.name),
                None => format!("unknown key; known here are {}", self.asked.join(", ")),
            },
        }
    }
}

/// A type of `model` that is parsed from text and says what it expects.
pub(super) trait Identifier: FromStr<Err = InvalidId> {}

impl<T: FromStr<Err = InvalidId>> Identifier for T {}

/// What an identifier expects; no identifier is empty.
pub(super) fn expected<T: Identifier>() -> &'static str {
    "".parse::<T>().err().map_or("a text", |error| error.expected)
}

fn leaf(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn scalar_text(value: &DeValue<'_>, form: Form) -> Option<String> {
    match value {
        DeValue::String(text) if form != Form::Integer => Some(text.clone().into_owned()),
        DeValue::Integer(number) if form != Form::Text => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string())
        }
        _ => None,
    }
}
