//! Conditions over named facts, as filters and sampling rules are written: JSON in Sentry's form.
//!
//! ```json
//! {"op": "and", "inner": [
//!     {"op": "glob", "name": "event.transaction", "value": ["/api/*"]},
//!     {"op": "not", "inner": {"op": "eq", "name": "event.environment", "value": "prod"}}]}
//! ```
//!
//! | op | true when |
//! |---|---|
//! | `and`, `or`, `not` | all, one, none of `inner`; an empty `and` is true, an empty `or` is not |
//! | `eq` | the fact is `value`, or one of its list; `null` is a fact that is not there |
//! | `gt`, `gte`, `lt`, `lte` | the fact is a number and beyond `value` |
//! | `glob` | the fact is a text and fits one pattern of `value` |
//! | `cidr` | the fact is an address in one network of `value` |
//! | `release` | the fact's version stands to `value` as `cmp` says: `eq`, `gt`, `gte`, `lt`, `lte` |
//! | `any`, `all` | `inner` holds for one, all of the parts of the list that is named |
//!
//! What always holds: a condition that is read is bounded in size and depth, and so is the time it
//! takes; a fact of another kind than is asked for makes a condition false and never an error.

mod read;
mod version;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::pattern::{Globs, Network};
use version::Version;

pub use read::ConditionError;

/// Most conditions within one.
pub const NODES_MAX: usize = 256;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 16;
/// Most values of one list.
pub const VALUES_MAX: usize = 256;

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Value<'a> {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// Where facts come from.
pub trait Facts {
    /// The fact of a name, if there is one.
    fn value(&self, name: &str) -> Option<Value<'_>>;

    /// The parts of the list of a name, for `any` and `all`. Names within are the parts' own.
    fn list(&self, name: &str) -> Vec<&dyn Facts>;
}

/// A condition.
#[derive(Clone, Debug)]
pub struct Condition(Node);

#[derive(Clone, Debug)]
enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Eq(String, Vec<Literal>, Spelling),
    Compare(String, Order, f64),
    Glob(String, Globs),
    Cidr(String, Vec<Network>),
    Release(String, Order, Version),
    Any(String, Box<Self>),
    All(String, Box<Self>),
}

#[derive(Clone, Debug)]
enum Literal {
    Absent,
    Text(String),
    Number(f64),
    Flag(bool),
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    Exact,
    AnyCase,
}

/// How one value stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Order {
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
        }
    }
}

impl Condition {
    /// Reads a condition. Names begin with one of these words and a dot.
    ///
    /// # Errors
    /// [`ConditionError`], with the place.
    pub fn parse(json: &str, roots: &[&str]) -> Result<Self, ConditionError> {
        read::read(json, roots).map(Self)
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &dyn Facts) -> bool {
        self.0.holds(facts)
    }
}

impl Node {
    fn holds(&self, facts: &dyn Facts) -> bool {
        match self {
            Self::And(inner) => inner.iter().all(|node| node.holds(facts)),
            Self::Or(inner) => inner.iter().any(|node| node.holds(facts)),
            Self::Not(inner) => !inner.holds(facts),
            Self::Eq(name, values, spelling) => {
                let fact = facts.value(name);
                values
                    .iter()
                    .any(|value| value.is(fact.as_ref(), *spelling))
            }
            Self::Compare(name, order, bound) => match facts.value(name) {
                Some(Value::Number(n)) => n
                    .partial_cmp(bound)
                    .is_some_and(|ordering| order.holds(ordering)),
                _ => false,
            },
            Self::Glob(name, globs) => text(facts, name).is_some_and(|text| globs.matches(&text)),
            Self::Cidr(name, networks) => {
                let address = text(facts, name).and_then(|text| text.parse::<IpAddr>().ok());
                address.is_some_and(|address| networks.iter().any(|net| net.holds(address)))
            }
            Self::Release(name, order, bound) => {
                let version = text(facts, name).and_then(|text| Version::parse(&text));
                version.is_some_and(|version| order.holds(version.cmp(bound)))
            }
            Self::Any(name, inner) => facts.list(name).into_iter().any(|part| inner.holds(part)),
            Self::All(name, inner) => facts.list(name).into_iter().all(|part| inner.holds(part)),
        }
    }
}

fn text<'a>(facts: &'a dyn Facts, name: &str) -> Option<Cow<'a, str>> {
    match facts.value(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

impl Literal {
    fn is(&self, fact: Option<&Value<'_>>, spelling: Spelling) -> bool {
        match (self, fact) {
            (Self::Absent, None) => true,
            (Self::Text(own), Some(Value::Text(text))) => match spelling {
                Spelling::Exact => own == text,
                Spelling::AnyCase => own.to_lowercase() == text.to_lowercase(),
            },
            (Self::Number(own), Some(Value::Number(n))) => own.total_cmp(n).is_eq(),
            (Self::Flag(own), Some(Value::Flag(flag))) => own == flag,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
