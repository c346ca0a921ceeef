//! The ways of grouping that there have been. A hash depends on the way it was made, so what is
//! changed about frames, functions or messages is a new way, and the old one stays as it was:
//! during an upgrade it finds the issues that events belong to.

use serde::{Deserialize, Serialize};

/// A way of grouping; later ones are greater.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Version {
    /// The first.
    #[serde(rename = "vedette:1")]
    First,
    /// Adds frameworks that are never the application's own, recursion through several functions,
    /// names that compilers and minifiers make, and random ids in messages.
    #[serde(rename = "vedette:2")]
    Second,
    /// Lets rules about fingerprints see what rules about frames say of a frame.
    #[serde(rename = "vedette:3")]
    Third,
    /// Adds type arguments and further numbers in .NET's names, and a minifier's names behind
    /// `async` and `new`.
    #[default]
    #[serde(rename = "vedette:4")]
    Fourth,
}

impl Version {
    /// Every way, the oldest first.
    pub const ALL: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::Fourth];
    /// What projects use that have set nothing.
    pub const LATEST: Self = Self::Fourth;

    /// The number in the store.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
            Self::Fourth => 4,
        }
    }

    /// The way of a number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "vedette:1",
            Self::Second => "vedette:2",
            Self::Third => "vedette:3",
            Self::Fourth => "vedette:4",
        }
    }

    /// The way of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    pub(super) fn is_first(self) -> bool {
        self == Self::First
    }
}
