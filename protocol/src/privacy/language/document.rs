//! A document of rules as it is written, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::selector::SelectorError;
use crate::limits::ROSTER_RULE_BYTES_MAX;

/// Most rules of a document.
pub(super) const RULES_MAX: usize = 200;
/// Most applications of a document.
pub(super) const APPLICATIONS_MAX: usize = 200;
/// How deep rules may name other rules.
pub(super) const RULE_DEPTH_MAX: usize = 8;
/// Most rules that one document applies, rules named by rules counted each time.
pub(super) const STEPS_MAX: usize = 1000;

/// How a document is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Check digits are checked, pseudonyms are keyed, rules run in the order they are listed, and what is not known is an error.
    #[default]
    Vedette,
    /// As Sentry's scrubber: no check digits, pseudonyms without a key, rules in the order of their names, names of rules that are
    /// not known are passed over.
    Reference,
}

/// Rules, and what they apply to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleDocument {
    /// How it is understood.
    pub dialect: Dialect,
    /// The rules by their names.
    pub rules: BTreeMap<String, RuleSpec>,
    /// Values that rules may refer to; only `hashKey` is known, and it is not used: keys do not belong into rules.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, Value>,
    /// Selectors, and the rules that apply to what they point at.
    pub applications: BTreeMap<String, Vec<String>>,
    /// What else was written.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// One rule as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleSpec {
    /// What it looks for.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of `pattern`: the regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Of `pattern`: which groups are redacted; `[0]` is the whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_groups: Option<Vec<u8>>,
    /// Of `redact_pair`: the regular expression for keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_pattern: Option<String>,
    /// Of `multiple`: the rules it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// Of `alias`: the rule it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Of `multiple` and `alias`: notes name this rule, not those it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hide_inner: Option<bool>,
    /// What is left in the place of what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<RedactionSpec>,
    /// What else was written.
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, Value>,
}

/// A redaction as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionSpec {
    /// `default`, `remove`, `replace`, `mask` or `hash`.
    pub method: String,
    /// Of `replace`: the text; `[Filtered]` when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Why a document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is larger than any honest one.
    #[error("privacy rules are larger than {ROSTER_RULE_BYTES_MAX} bytes")]
    TooLarge,
    /// It has too much of something.
    #[error("privacy rules have more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most.
        max: usize,
    },
    /// It is not JSON, or not of the right shape.
    #[error("privacy rules cannot be read: {0}")]
    NotReadable(String),
    /// A name that means nothing stands at the top or in a rule.
    #[error("`{name}` in {place} means nothing: remove it or correct its spelling")]
    UnknownName {
        /// Where.
        place: String,
        /// What.
        name: String,
    },
    /// A rule's type is not known.
    #[error("rule `{rule}` has the unknown type `{kind}`")]
    UnknownType {
        /// Which rule.
        rule: String,
        /// Its type.
        kind: String,
    },
    /// A rule lacks a parameter that its type needs, or has one that its type does not take.
    #[error("rule `{rule}` of type `{kind}` {problem} `{parameter}`")]
    Parameter {
        /// Which rule.
        rule: String,
        /// Its type.
        kind: String,
        /// "needs" or "does not take".
        problem: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
    /// A redaction is not known.
    #[error(
        "rule `{rule}` has the unknown redaction `{method}`: use default, remove, replace, mask or hash"
    )]
    UnknownRedaction {
        /// Which rule.
        rule: String,
        /// Its method.
        method: String,
    },
    /// A regular expression cannot be compiled, or would be too large.
    #[error("rule `{rule}`: its pattern cannot be used: {problem}")]
    Pattern {
        /// Which rule.
        rule: String,
        /// Why.
        problem: String,
    },
    /// A group to be redacted does not exist in the pattern.
    #[error("rule `{rule}`: its pattern has no group {group}")]
    Group {
        /// Which rule.
        rule: String,
        /// The group.
        group: u8,
    },
    /// A rule is named that does not exist.
    #[error("{place} names the rule `{rule}`, which does not exist")]
    UnknownRule {
        /// Who names it.
        place: String,
        /// The name.
        rule: String,
    },
    /// Rules name each other in a circle, or too deeply.
    #[error("rule `{rule}` names itself, or rules are nested deeper than {RULE_DEPTH_MAX}")]
    Circle {
        /// One of them.
        rule: String,
    },
    /// A selector cannot be read.
    #[error("selector `{selector}`: {source}")]
    Selector {
        /// Which.
        selector: String,
        /// Where and why.
        source: SelectorError,
    },
}

impl RuleDocument {
    /// Reads a document and checks its names; patterns and selectors are checked when it is compiled.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > ROSTER_RULE_BYTES_MAX {
            return Err(RuleError::TooLarge);
        }
        let read = serde_json::from_str(text);
        let document: Self = read.map_err(|error| RuleError::NotReadable(error.to_string()))?;
        document.check_counts()?;
        if document.dialect == Dialect::Vedette {
            document.check_names()?;
        }
        Ok(document)
    }

    fn check_counts(&self) -> Result<(), RuleError> {
        let counts = [
            ("rules", self.rules.len(), RULES_MAX),
            ("applications", self.applications.len(), APPLICATIONS_MAX),
        ];
        match counts.into_iter().find(|(_, n, max)| n > max) {
            Some((what, _, max)) => Err(RuleError::TooMany { what, max }),
            None => Ok(()),
        }
    }

    fn check_names(&self) -> Result<(), RuleError> {
        let unknown = |place: &str, name: &String| RuleError::UnknownName {
            place: place.to_owned(),
            name: name.clone(),
        };
        if let Some(name) = self.others.keys().next() {
            return Err(unknown("the privacy rules", name));
        }
        if let Some(name) = self.vars.keys().find(|name| *name != "hashKey") {
            return Err(unknown("`vars`", name));
        }
        for (rule, spec) in &self.rules {
            if let Some(name) = spec.others.keys().next() {
                return Err(unknown(&format!("rule `{rule}`"), name));
            }
            if rule.starts_with('@') {
                return Err(unknown("the rules: `@` is for built-in ones", rule));
            }
        }
        Ok(())
    }
}
