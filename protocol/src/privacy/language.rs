//! The language in which people write privacy rules of their own: rules, and where they apply.
//!
//! A document names rules (`type`, parameters, `redaction`) and applies them, or built-in ones (`@email:mask`), to what a selector
//! points at. A document is taken whole or not at all: whatever is not understood is an error that names it, because a rule that
//! silently does nothing leaves private data where somebody believes it gone.
//!
//! Two dialects: [`Dialect::Vedette`] checks digits, keys its pseudonyms and keeps the order in which rules are listed;
//! [`Dialect::Reference`] does what Sentry's scrubber does with the same document.

pub(super) mod builtin;
pub(super) mod checks;
pub(super) mod document;
pub(super) mod kinds;
pub(super) mod national;
pub(super) mod need;
pub(super) mod program;
pub(super) mod selector;
pub(super) mod settings;

#[cfg(test)]
mod tests;

pub use document::{Dialect, RuleDocument, RuleError};
pub use selector::SelectorError;
pub use settings::rules_of;
