//! Which events a reader wants: of some accounts, Regions and categories, that all terms hold for, and
//! that one of the selectors takes.

use std::collections::BTreeSet;

use model::{AccountId, Category, Event, Region};
use trails::{AdvancedEventSelector, InvalidSelector, Picker, Selection};

use crate::line::Subject;
use crate::pattern::Pattern;
use crate::term::{InvalidTerm, Term};

/// Most terms of a filter.
pub const TERMS_MAX: usize = 50;
/// Most values of all terms and selectors together: an event may be compared with each of them.
pub const VALUES_MAX: usize = 1_000;
/// Most bytes of them: half of the head of a request, in which they stand.
pub const VALUES_BYTES_MAX: usize = 8 << 10;

/// What an event is filed under. `None` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// These accounts.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// These Regions.
    pub regions: Option<BTreeSet<Region>>,
    /// These kinds.
    pub categories: Option<BTreeSet<Category>>,
}

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    scope: Scope,
    terms: Vec<Term>,
    selection: Option<Selection>,
}

/// Text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// A term is none.
    #[error(transparent)]
    Term(#[from] InvalidTerm),
    /// Too many terms.
    #[error("there are {0} filters; at most {TERMS_MAX} are allowed")]
    TooManyTerms(usize),
    /// Too many values in all.
    #[error(
        "the filters and selectors have {0} values together; at most {VALUES_MAX} are allowed: use \
         fewer, or patterns with *"
    )]
    TooManyValues(usize),
    /// Their values are too long in all.
    #[error(
        "the values of the filters and selectors have {0} bytes together; at most {VALUES_BYTES_MAX} \
         are allowed: use fewer or shorter ones"
    )]
    TooLong(usize),
    /// The selectors are none.
    #[error(transparent)]
    Selectors(#[from] InvalidSelector),
}

/// A filter that is ready for many events.
#[derive(Debug)]
pub struct Ready<'a> {
    filter: &'a Filter,
    picker: Option<Picker<'a>>,
}

impl Scope {
    /// Whether an event is in it; costs little.
    #[must_use]
    pub fn includes(&self, event: &Event) -> bool {
        self.covers(&event.account, &event.region, event.category)
    }

    /// Whether events are in it that are filed so.
    #[must_use]
    pub fn covers(&self, account: &AccountId, region: &Region, category: Category) -> bool {
        fn is_in<T: Ord>(set: Option<&BTreeSet<T>>, one: &T) -> bool {
            set.is_none_or(|set| set.contains(one))
        }
        is_in(self.accounts.as_ref(), account)
            && is_in(self.regions.as_ref(), region)
            && is_in(self.categories.as_ref(), &category)
    }
}

impl Filter {
    /// Of a scope, by terms as people write them, and by selectors, if there are any.
    pub fn new(
        scope: Scope,
        terms: &[impl AsRef<str>],
        selectors: Option<Vec<AdvancedEventSelector>>,
    ) -> Result<Filter, InvalidFilter> {
        if terms.len() > TERMS_MAX {
            return Err(InvalidFilter::TooManyTerms(terms.len()));
        }
        let terms =
            terms.iter().map(|term| term.as_ref().parse()).collect::<Result<Vec<Term>, _>>()?;
        let of_terms = terms.iter().flat_map(Term::values).map(Pattern::bytes);
        let of_selectors = selectors.iter().flatten().flat_map(|one| one.values()).map(str::len);
        let (values, bytes) = of_terms
            .chain(of_selectors)
            .fold((0, 0), |(values, sum), bytes| (values + 1, sum + bytes));
        if values > VALUES_MAX {
            return Err(InvalidFilter::TooManyValues(values));
        }
        if bytes > VALUES_BYTES_MAX {
            return Err(InvalidFilter::TooLong(bytes));
        }
        Ok(Filter { scope, terms, selection: selectors.map(Selection::new).transpose()? })
    }

    /// What it is limited to.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether it takes all events of its scope.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.terms.is_empty() && self.selection.is_none()
    }

    /// Makes it ready.
    #[must_use]
    pub fn ready(&self) -> Ready<'_> {
        Ready { filter: self, picker: self.selection.as_ref().map(Selection::picker) }
    }
}

impl Ready<'_> {
    /// Whether an event is wanted.
    #[must_use]
    pub fn takes(&self, subject: &Subject<'_>) -> bool {
        self.filter.scope.includes(subject.event())
            && self.picker.as_ref().is_none_or(|picker| picker.takes(subject.facts()))
            && self.filter.terms.iter().all(|term| term.holds(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(terms: &[String], selectors: Option<&str>) -> String {
        let selectors = selectors.map(|json| serde_json::from_str(json).unwrap());
        Filter::new(Scope::default(), terms, selectors).unwrap_err().to_string()
    }

    #[test]
    fn all_values_together_are_bounded() {
        let term =
            |count: usize, value: &str| format!("eventName={}", vec![value; count].join(","));
        let selector = r#"[{"FieldSelectors":[{"Field":"eventName","NotEndsWith":["a"]}]}]"#;
        let selectors: Vec<AdvancedEventSelector> = serde_json::from_str(selector).unwrap();
        let most = [term(500, "a"), term(499, "a")];
        assert!(Filter::new(Scope::default(), &most, Some(selectors)).is_ok());
        let error = refused(&[term(500, "a"), term(500, "a")], Some(selector));
        assert!(error.contains("have 1001 values together; at most 1000 are allowed"), "{error}");
        let error = refused(&[term(500, &"a".repeat(17))], None);
        assert!(error.contains("have 8500 bytes together; at most 8192 are allowed"), "{error}");
    }

    #[test]
    fn a_filter_has_so_many_terms_at_most() {
        let terms = vec!["readOnly=true"; TERMS_MAX];
        assert!(Filter::new(Scope::default(), &terms, None).is_ok());
        let more = vec!["readOnly=true"; TERMS_MAX + 1];
        let error = Filter::new(Scope::default(), &more, None).unwrap_err();
        assert_eq!(error.to_string(), "there are 51 filters; at most 50 are allowed");
    }
}
