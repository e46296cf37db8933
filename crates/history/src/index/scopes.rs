//! The scopes of a file: few beside its rows, each kept once.
//!
//! ```text
//! n, n × (length, account)   n, n × (length, Region)   n, n × (length, category)
//! n, n × (number of the account, of the Region, of the category)      all varints
//! ```
//!
//! A scope's number is its place in the last list: the order in which the rows have them.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use model::{AccountId, Category, Region};

use super::varint::{Malformed, Reader, put};
use crate::scope::{Scope, ScopeFilter};

/// All there can be: the number has 24 bits, and 0 stands for any.
pub(super) const SCOPES_MAX: u32 = (1 << 24) - 2;

/// Numbers for values, in the order in which they come.
struct Numbers<T> {
    of: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Numbers { of: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Numbers<T> {
    fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.of.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer than rows");
        self.of.insert(value.clone(), number);
        self.values.push(value.clone());
        number
    }
}

/// Scopes while rows come.
#[derive(Default)]
pub(super) struct ScopesBuilder {
    scopes: Numbers<Scope>,
}

impl ScopesBuilder {
    pub(super) fn number(&mut self, scope: &Scope) -> u32 {
        let number = self.scopes.number(scope);
        assert!(number < SCOPES_MAX, "a file has fewer rows than 2^24");
        number
    }

    pub(super) fn len(&self) -> usize {
        self.scopes.values.len()
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let mut accounts = Numbers::default();
        let mut regions = Numbers::default();
        let mut categories = Numbers::default();
        let mut triples = Vec::new();
        for scope in &self.scopes.values {
            put(&mut triples, accounts.number(&scope.account).into());
            put(&mut triples, regions.number(&scope.region).into());
            put(&mut triples, categories.number(&scope.category).into());
        }
        write_texts(bytes, accounts.values.iter().map(AccountId::as_str));
        write_texts(bytes, regions.values.iter().map(Region::as_str));
        write_texts(bytes, categories.values.iter().map(|category| category.name()));
        put(bytes, self.len() as u64);
        bytes.extend_from_slice(&triples);
    }
}

fn write_texts<'a>(bytes: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a str>) {
    put(bytes, texts.len() as u64);
    for text in texts {
        put(bytes, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
    }
}

/// Scopes of a file that is open; a scope takes twelve bytes.
#[derive(Debug)]
pub(super) struct Scopes {
    accounts: Vec<AccountId>,
    regions: Vec<Region>,
    categories: Vec<Category>,
    scopes: Vec<(u32, u32, u8)>,
}

/// Which scopes of a file a lookup looks at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// All of them.
    All,
    /// These, ascending.
    These(Vec<u32>),
}

impl Scopes {
    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Scopes, Malformed> {
        let accounts = read_texts(bytes, |text| text.parse::<AccountId>().ok())?;
        let regions = read_texts(bytes, |text| text.parse::<Region>().ok())?;
        let categories = read_texts(bytes, Category::from_name)?;
        let count = bytes.small()?;
        let mut scopes = Vec::new();
        for _ in 0..count.min(SCOPES_MAX) {
            let (account, region, category) = (bytes.small()?, bytes.small()?, bytes.small()?);
            let is_known = (account as usize) < accounts.len()
                && (region as usize) < regions.len()
                && (category as usize) < categories.len();
            let category = u8::try_from(category).map_err(|_| Malformed)?;
            if !is_known {
                return Err(Malformed);
            }
            scopes.push((account, region, category));
        }
        Ok(Scopes { accounts, regions, categories, scopes })
    }

    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Scope> {
        self.scopes.iter().map(|(account, region, category)| Scope {
            account: self.accounts[*account as usize].clone(),
            region: self.regions[*region as usize].clone(),
            category: self.categories[usize::from(*category)],
        })
    }

    pub(super) fn meant(&self, filter: &ScopeFilter) -> Meant {
        let accounts = are_in(filter.accounts.as_ref(), &self.accounts);
        let regions = are_in(filter.regions.as_ref(), &self.regions);
        let categories = are_in(filter.categories.as_ref(), &self.categories);
        let is_meant = |(account, region, category): &(u32, u32, u8)| {
            accounts[*account as usize]
                && regions[*region as usize]
                && categories[usize::from(*category)]
        };
        let meant = (0..).zip(&self.scopes).filter(|(_, scope)| is_meant(scope));
        let meant: Vec<u32> = meant.map(|(number, _)| number).collect();
        if meant.len() == self.scopes.len() { Meant::All } else { Meant::These(meant) }
    }
}

fn read_texts<T>(
    bytes: &mut Reader<'_>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Malformed> {
    let count = bytes.small()?;
    let mut values = Vec::new();
    for _ in 0..count {
        let length = bytes.small()? as usize;
        let text = str::from_utf8(bytes.bytes(length)?).map_err(|_| Malformed)?;
        values.push(parse(text).ok_or(Malformed)?);
    }
    Ok(values)
}

fn are_in<T: Ord>(set: Option<&BTreeSet<T>>, values: &[T]) -> Vec<bool> {
    values.iter().map(|value| set.is_none_or(|set| set.contains(value))).collect()
}
