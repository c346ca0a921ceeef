//! What a project sets about grouping: the way, rules about frames, rules about fingerprints, and
//! the issues that were split.
//!
//! Both languages have a rule per line and `#` comments. To add a condition see `matcher`, to add
//! an action `enhance`.

mod enhance;
mod fingerprint;
mod matcher;
mod text;

use std::collections::BTreeMap;

use super::version::Version;
use text::Cursor;

pub use enhance::Enhancements;
pub(super) use enhance::{Mark, Marks};
pub(super) use fingerprint::Fingerprint;
pub use fingerprint::FingerprintRules;
pub(super) use matcher::FrameFacts;

/// Longest text of rules, in bytes.
pub const RULES_BYTES_MAX: usize = 64 * 1024;
/// Most rules of a kind.
const RULES_MAX: usize = 1000;
/// Most conditions, actions or fingerprint parts of a rule.
const PARTS_MAX: usize = 32;
/// Longest pattern, in characters.
const PATTERN_CHARS_MAX: usize = 512;

/// What is wrong with a text of rules, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct RuleError {
    /// Counts from 1.
    pub line: usize,
    /// In characters; counts from 1.
    pub column: usize,
    /// First and last but one byte in the text.
    pub span: [usize; 2],
    /// What is wrong.
    pub message: String,
}

/// A project's settings.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The way of grouping.
    pub version: Version,
    /// The way before, while an upgrade looks for issues by it.
    pub previous: Option<Version>,
    /// Which frames count.
    pub enhancements: Enhancements,
    /// Which events belong together.
    pub fingerprints: FingerprintRules,
    /// Hashes whose events are told apart by a tag as well.
    pub splits: BTreeMap<[u8; 16], String>,
}

/// Reads a text of rules, each with `read`.
fn read_all<R>(
    text: &str,
    read: impl Fn(&mut Cursor<'_>) -> Result<R, RuleError>,
) -> Result<Vec<R>, RuleError> {
    if text.len() > RULES_BYTES_MAX {
        return Err(RuleError {
            line: 1,
            column: 1,
            span: [0, text.len()],
            message: format!("rules have at most {RULES_BYTES_MAX} bytes"),
        });
    }
    let mut cursor = Cursor::new(text);
    let mut rules = Vec::new();
    while cursor.next_rule() {
        if rules.len() == RULES_MAX {
            let from = cursor.at();
            return Err(cursor.error(from, format!("at most {RULES_MAX} rules")));
        }
        rules.push(read(&mut cursor)?);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
