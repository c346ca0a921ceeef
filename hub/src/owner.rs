//! Who looks after what: rules as people write them, and CODEOWNERS files.
//!
//! A line is `path:src/api/* anna@example.org #web`: what an event must have, and who then looks
//! after it. The last rule that fits decides; of its owners the leftmost that exists is given the
//! issue. Lines of a CODEOWNERS file come before a project's own, so that those decide.
//!
//! Pure. What always holds: reading never panics, is bounded ([`RULES_MAX`], [`OWNERS_MAX`]), and
//! an error names the line, the bytes in it and the remedy. Matching takes each rule and place of
//! the event once, from the last rule on, and ends with the first that fits.

mod codeowners;
mod facts;
mod matcher;
mod read;
mod suspect;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use facts::Facts;
pub use matcher::{Kind, Matcher};
pub use suspect::{SUSPECT_AGE_MAX_MS, SUSPECT_RELEASES_MAX, Suspect, suspects};

/// Most rules of a project, those of its CODEOWNERS file included.
pub const RULES_MAX: usize = 5000;
/// Most owners of one rule.
pub const OWNERS_MAX: usize = 50;
/// Longest text of a project's own rules, in bytes.
pub const RULES_BYTES_MAX: usize = 256 * 1024;
/// Longest CODEOWNERS file, in bytes.
pub const CODEOWNERS_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Who looks after something, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The person of an e-mail address, in lower case.
    Email(String),
    /// The person whose e-mail address begins with this name, in lower case: `@anna` of a
    /// CODEOWNERS file.
    Name(String),
    /// The team of a slug.
    Team(String),
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Email(email) => f.write_str(email),
            Self::Name(name) => write!(f, "@{name}"),
            Self::Team(slug) => write!(f, "#{slug}"),
        }
    }
}

/// What an event must have, and who looks after it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What an event must have.
    pub matcher: Matcher,
    /// Who looks after it; the leftmost first. Empty is nobody, which undoes the rules before.
    pub owners: Vec<Owner>,
    /// The line it stands in, counted from 1.
    pub line: usize,
}

/// Why rules cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct OwnerError {
    /// What is wrong, and the remedy.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The bytes of the whole text that are wrong.
    pub span: Range<usize>,
}

/// Rules in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// Reads a project's own rules.
    ///
    /// # Errors
    /// [`OwnerError`] with the place.
    pub fn parse(text: &str) -> Result<Self, OwnerError> {
        read::rules(text).map(|rules| Self { rules })
    }

    /// Reads a CODEOWNERS file. Sections, and owners that are neither a name, a team nor an
    /// address, are passed over: the file is not written for this program.
    ///
    /// # Errors
    /// [`OwnerError`] when it is too long.
    pub fn parse_codeowners(text: &str) -> Result<Self, OwnerError> {
        codeowners::rules(text).map(|rules| Self { rules })
    }

    /// These rules behind others: the later ones decide.
    #[must_use]
    pub fn behind(self, mut others: Self) -> Self {
        others.rules.extend(self.rules);
        others
    }

    /// The rules, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The last rule that fits an event.
    #[must_use]
    pub fn decide(&self, facts: &Facts) -> Option<&Rule> {
        let mut from_the_last = self.rules.iter().rev();
        from_the_last.find(|rule| rule.matcher.fits(facts))
    }
}
