//! Removes private data from payloads, and notes in `_meta` what it removed.
//!
//! What always holds: a payload in which nothing private is found is handed back as the same bytes; a payload that cannot be read
//! (not JSON, nested too deeply, not UTF-8) is an error and never a pass-through; what was removed once stays removed, and a second
//! run changes nothing. The room is pure: no clock, no I/O, no state between two payloads.
//!
//! Two kinds of redaction, chosen to read like Sentry's own:
//! - a value under a sensitive key (`password`, `token`, …) is replaced whole by `[Filtered]`, rule `@password:filter`;
//!   the values of session cookies likewise, rule `@cookies:filter`;
//! - a secret inside a longer text is replaced alone, by the label of its rule: `[creditcard]`, `[iban]`, `[usssn]`,
//!   `Bearer [token]`, `[auth]`, `[pemkey]`, `[user]`, `[email]`, `[ip]`.
//!
//! Booleans, `null`, empty texts, placeholders and redactions made by others are never private data.
//! Cards need a right Luhn digit, IBANs right check digits and their country's length; neither is found inside a longer id.
//! Of a GraphQL request the variables go whole, and what its answer says of them (`graphql`).
//! In source lines only quoted values of sensitive keys go, so that the code stays readable.
//!
//! How it works: `walk` goes once over the raw bytes and knows by `roles` where it is; `json` tells from the bytes of a text whether any
//! rule could find something; only then `text` runs `pairs`, `numbers`, `secrets` and `addresses` over it. What is found becomes `edits`
//! and `notes`, and the payload is copied once. No step recurses, and each is linear in the payload.
//!
//! Rules that people wrote (`language`) run behind the built-in ones, in a walk of their own (`engine`); where there are none, it costs
//! nothing. They can only remove more.
//!
//! Files keep their length: what is found in them, in UTF-8 or UTF-16LE (`wide`), becomes asterisks.
//! Fields that a project named are left alone: by their key (`keys`), or by a selector that names one (`safe`).
//!
//! To add a rule: a variant in `rules`, a matcher that pushes `Found`, its call in `text` behind a cheap condition, and examples in
//! `tests/texts.rs`. To exempt a field: its key in `roles`.

mod addresses;
mod edits;
mod engine;
mod found;
mod graphql;
mod json;
mod keys;
mod language;
mod named;
mod notes;
mod numbers;
mod pairs;
mod pieces;
mod roles;
mod rules;
mod safe;
mod secrets;
mod text;
mod walk;
mod wide;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::roster::PrivacySettings;
use text::{Mode, Rules};
use walk::{Walk, Walked};

pub use engine::CustomRules;
pub use language::{Dialect, RuleDocument, RuleError, SelectorError, rules_of};
pub use pieces::{CONTEXT_BYTES, NeedsWhole, Pieces};
pub use rules::{Hits, REMOVED_HEADER, Rule};
pub use safe::{TooSafe, check_safe_field, combined, is_selector};

/// Removes private data by the settings of one project; compiled once, cheap to clone.
#[derive(Clone, Debug)]
pub struct Scrubber {
    rules: Arc<Rules>,
    custom: Custom,
}

/// The rules that people wrote for a project.
#[derive(Clone, Debug)]
enum Custom {
    None,
    Rules(Arc<CustomRules>),
    /// They are wrong. Nothing may leave without them, so nothing leaves.
    Wrong,
}

/// What a JSON payload is, which decides where private data may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An error event, also feedback and replay events: everything with the event's shape.
    Event,
    /// A transaction with its spans.
    Transaction,
    /// A container of logs, spans or metrics (`{"items": […]}`), or a single one of them.
    Items,
    /// Any other JSON: sessions, check-ins, client reports, profiles.
    Json,
    /// The header line of an envelope or of an item, whose DSN must stay.
    Header,
}

/// A payload without private data.
#[derive(Clone, Debug)]
pub struct Scrubbed {
    /// The payload; the very same bytes when nothing was found.
    pub payload: Bytes,
    /// Whether anything was removed.
    pub changed: bool,
    /// How often each rule removed something.
    pub hits: Hits,
}

/// Why a payload cannot be scrubbed; it must not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScrubError {
    /// The bytes are not UTF-8.
    #[error("payload is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first wrong byte.
        at: usize,
    },
    /// The text is not JSON.
    #[error("payload is not JSON at byte {at}")]
    NotJson {
        /// Where reading ended.
        at: usize,
    },
    /// Nested deeper than `limits::JSON_DEPTH_MAX`.
    #[error("payload is nested deeper than {max} levels")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// The project's own rules cannot be compiled; a relay refuses such a roster before it comes to this.
    #[error("the project's own privacy rules are wrong, so nothing of it is forwarded")]
    WrongRules,
}

impl Scrubber {
    /// Compiles the settings of a project. With rules of people that are wrong, it refuses every payload.
    #[must_use]
    pub fn new(settings: &PrivacySettings) -> Self {
        Self::try_new(settings).unwrap_or_else(|_| Self {
            rules: Arc::new(Rules::new(settings)),
            custom: Custom::Wrong,
        })
    }

    /// Compiles the settings of a project.
    ///
    /// # Errors
    /// When the rules that people wrote are wrong.
    pub fn try_new(settings: &PrivacySettings) -> Result<Self, RuleError> {
        let custom = CustomRules::compile(&settings.rules, settings.pseudonym_key.clone())?;
        Ok(Self {
            rules: Arc::new(Rules::new(settings)),
            custom: if custom.is_empty() {
                Custom::None
            } else {
                Custom::Rules(Arc::new(custom))
            },
        })
    }

    /// Removes private data from a JSON payload.
    ///
    /// # Errors
    /// When the payload cannot be read to its end; such a payload is dropped, never forwarded.
    pub fn scrub_json(&self, payload: &Bytes, kind: Payload) -> Result<Scrubbed, ScrubError> {
        check_utf8(payload)?;
        let walked = Walk::new(payload, &self.rules).run(kind)?;
        let scrubbed = if walked.edits.is_empty() {
            payload.clone()
        } else {
            rewrite(payload, kind, &walked)
        };
        // People's rules see what the built-in ones left: a rule that parts an address, say, hides none from them.
        let (scrubbed, n_custom) = match &self.custom {
            Custom::None => (scrubbed, 0),
            Custom::Rules(rules) => rules.apply(&scrubbed, kind)?,
            Custom::Wrong => return Err(ScrubError::WrongRules),
        };
        let mut hits = walked.hits;
        hits.add(Rule::Custom, n_custom);
        Ok(Scrubbed {
            changed: scrubbed.as_ptr() != payload.as_ptr(),
            payload: scrubbed,
            hits,
        })
    }

    /// Removes private data from an attachment, at equal length so that all offsets stay: by the built-in rules as far as it is text,
    /// then by those that people wrote for it. The same bytes come back when there was none.
    ///
    /// # Errors
    /// When the rules that people wrote are wrong.
    pub fn scrub_attachment(
        &self,
        name: &str,
        bytes: &Bytes,
        is_minidump: bool,
    ) -> Result<Scrubbed, ScrubError> {
        let (masked, mut hits) = self.mask(bytes, 0..bytes.len());
        let (payload, n_custom) = match &self.custom {
            Custom::None => (masked, 0),
            Custom::Rules(rules) => rules.apply_to_attachment(name, &masked, is_minidump),
            Custom::Wrong => return Err(ScrubError::WrongRules),
        };
        hits.add(Rule::Custom, n_custom);
        Ok(Scrubbed {
            changed: payload.as_ptr() != bytes.as_ptr(),
            payload,
            hits,
        })
    }

    /// Removes private data from free text: file names, user agents, log lines. `None` when there was none.
    #[must_use]
    pub fn scrub_text(&self, text: &str) -> Option<String> {
        self.scrub(text, Mode::Text)
    }

    /// Removes private data from one header's value. `None` when there was none.
    #[must_use]
    pub fn scrub_header(&self, name: &str, value: &str) -> Option<String> {
        let key = name.as_bytes();
        if self.rules.keys.is_safe(key) {
            return None;
        }
        if self.rules.keys.is_sensitive(key) {
            return (!pairs::is_plain(value.as_bytes())).then(|| Rule::Password.label().to_owned());
        }
        let is_cookie =
            name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie");
        self.scrub(value, if is_cookie { Mode::Cookie } else { Mode::Text })
    }

    /// Masks private data in a file with asterisks, so that its length and all offsets stay: in text in UTF-8, or in UTF-16LE
    /// between other bytes too. The same bytes come back when there was none. Compressed files are not looked into.
    #[must_use]
    pub fn scrub_bytes_same_length(&self, bytes: &Bytes) -> Bytes {
        self.mask(bytes, 0..bytes.len()).0
    }

    /// As [`Scrubber::scrub_bytes_same_length`], and how often each rule masked something that begins in a range.
    fn mask(&self, bytes: &Bytes, counted: Range<usize>) -> (Bytes, Hits) {
        let mut hits = Hits::default();
        let mut found = Vec::new();
        self.rules.inspect(bytes, Mode::Text, &mut found);
        let mut secrets: Vec<_> = found.iter().map(|f| (f.range.clone(), f.rule, 1)).collect();
        let mut from = 0;
        while let Some(wide) = wide::quick(bytes, from) {
            self.rules
                .inspect(wide.text.as_bytes(), Mode::Text, &mut found);
            let places = wide.places(found.iter().map(|secret| secret.range.clone()));
            secrets.extend(places.zip(&found).map(|(place, f)| (place, f.rule, 2)));
            from = wide.end();
        }
        if secrets.is_empty() {
            return (bytes.clone(), hits);
        }
        let mut masked = bytes.to_vec();
        for (range, rule, width) in secrets {
            if counted.contains(&range.start) {
                hits.count(rule);
            }
            for character in masked.get_mut(range).unwrap_or_default().chunks_mut(width) {
                character.fill(0);
                character
                    .first_mut()
                    .into_iter()
                    .for_each(|byte| *byte = b'*');
            }
        }
        if masked == bytes.as_ref() {
            (bytes.clone(), Hits::default())
        } else {
            (Bytes::from(masked), hits)
        }
    }

    fn scrub(&self, text: &str, mode: Mode) -> Option<String> {
        let mut secrets = Vec::new();
        self.rules.inspect(text.as_bytes(), mode, &mut secrets);
        if secrets.is_empty() {
            return None;
        }
        let (clean, _) = self.rules.clean(text.as_bytes(), mode, &mut secrets);
        Some(String::from_utf8_lossy(&clean).into_owned())
    }
}

fn check_utf8(payload: &[u8]) -> Result<(), ScrubError> {
    std::str::from_utf8(payload)
        .map(|_| ())
        .map_err(|error| ScrubError::NotUtf8 {
            at: error.valid_up_to(),
        })
}

/// Copies the payload with its edits and the notes about them.
fn rewrite(payload: &Bytes, kind: Payload, walked: &Walked) -> Bytes {
    const META_KEY: &[u8] = b",\"_meta\":";
    let edits = &walked.edits;
    let mut out = Vec::with_capacity(
        payload.len() + edits.growth() + walked.notes.len() * 96 + META_KEY.len(),
    );
    let takes_notes = !walked.notes.is_empty() && kind != Payload::Header;
    match (&walked.meta, walked.root_end) {
        (Some(meta), Some(_)) if takes_notes => {
            let mut before = Vec::with_capacity(meta.len());
            edits.copy(payload, meta.clone(), &mut before);
            edits.copy(payload, 0..meta.start, &mut out);
            out.extend_from_slice(&notes::merge(payload, &walked.notes, Some(&before)));
            edits.copy(payload, meta.end..payload.len(), &mut out);
        }
        (None, Some(end)) if takes_notes => {
            edits.copy(payload, 0..end, &mut out);
            out.extend_from_slice(META_KEY);
            out.extend_from_slice(&notes::merge(payload, &walked.notes, None));
            edits.copy(payload, end..payload.len(), &mut out);
        }
        _ => edits.copy(payload, 0..payload.len(), &mut out),
    }
    Bytes::from(out)
}
