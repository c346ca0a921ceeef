//! A lenient, typed read model of error events, as SDKs of ten years send them.
//!
//! Covers protocol versions 4 to 7: legacy `sentry.interfaces.*` keys, integer levels, lists that
//! come bare, as `{"values": […]}` or as a single object, tags as a map or as pairs.
//!
//! What always holds: any JSON object is an event. A value of the wrong type is noted with its
//! path and left out; it never fails the event. Text is borrowed from the payload, and parts that
//! only a reader of the whole event needs (variables, extra data, contexts' inner values) stay
//! unread JSON. Nothing is corrected here; that is the hub's normalisation.

mod clean;
mod parts;
mod read;
mod stack;
mod values;

use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

pub use parts::{
    Breadcrumb, ContextHead, Csp, LogEntry, MechanismMeta, NsError, Request, SentError, User,
};
pub use read::{NOTES_MAX, Note, NoteKind, Raw};
pub use stack::{DebugMeta, Exception, Frame, Mechanism, Sdk, Stacktrace, Template, Thread};
pub use values::{AnyText, Fields, Loose, Pairs, Texts, text_of};

use read::{Notes, Object, object};

/// Why a payload is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON, also after the known faults of old clients were put right.
    #[error("event is not json")]
    Json(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("event is not a json object")]
    NotAnObject,
}

object! {
    /// An event as it was sent.
    pub struct Event<'a> {
        /// The SDK's id; the envelope's goes before it.
        "event_id" => event_id: Option<Cow<'a, str>>,
        /// `error`, `default`, `csp`, `feedback`; mostly left out.
        "type" => ty: Option<Cow<'a, str>>,
        /// A name or one of Python's numbers.
        "level" => level: Option<Cow<'a, str>>,
        /// The protocol version, as some SDKs say it.
        "version" => version: Option<Cow<'a, str>>,
        /// The language.
        "platform" => platform: Option<Cow<'a, str>>,
        /// When it happened, by the client's clock.
        "timestamp" => timestamp: Option<Timestamp>,
        /// The logger's name.
        "logger" => logger: Option<Cow<'a, str>>,
        /// The release.
        "release" => release: Option<Cow<'a, str>>,
        /// The build of a release.
        "dist" => dist: Option<Cow<'a, str>>,
        /// The environment.
        "environment" => environment: Option<Cow<'a, str>>,
        /// The host.
        "server_name" => server_name: Option<Cow<'a, str>>,
        /// The deployment, of old clients.
        "site" => site: Option<Cow<'a, str>>,
        /// The route, view or task.
        "transaction" => transaction: Option<Cow<'a, str>>,
        /// Where the transaction's name comes from.
        "transaction_info" => transaction_info: Fields<'a>,
        /// The old word for what names the place.
        "culprit" => culprit: Option<Cow<'a, str>>,
        /// A message, of clients that have no log entry.
        "message" => message: Option<Box<LogEntry<'a>>>,
        /// A log message.
        "logentry" | "sentry.interfaces.Message" => logentry: Option<Box<LogEntry<'a>>>,
        /// The chain of exceptions, oldest cause first.
        "exception" | "sentry.interfaces.Exception" => exceptions: Vec<Exception<'a>>,
        /// A stack without an exception.
        "stacktrace" | "sentry.interfaces.Stacktrace" => stacktrace: Option<Box<Stacktrace<'a>>>,
        /// Threads.
        "threads" | "sentry.interfaces.Threads" => threads: Vec<Thread<'a>>,
        /// A place in a template.
        "template" | "sentry.interfaces.Template" => template: Option<Box<Template<'a>>>,
        /// A violated content security policy.
        "csp" | "sentry.interfaces.Csp" => csp: Option<Box<Csp<'a>>>,
        /// What happened before, oldest first.
        "breadcrumbs" | "sentry.interfaces.Breadcrumbs" => breadcrumbs: Vec<Breadcrumb<'a>>,
        /// Who was affected.
        "user" | "sentry.interfaces.User" => user: Option<Box<User<'a>>>,
        /// The HTTP request.
        "request" | "sentry.interfaces.Http" => request: Option<Box<Request<'a>>>,
        /// Named sets of facts.
        "contexts" | "sentry.interfaces.Contexts" => contexts: Fields<'a>,
        /// Tags.
        "tags" => tags: Pairs<'a>,
        /// Further data.
        "extra" => extra: Fields<'a>,
        /// Installed packages with their versions.
        "modules" => modules: Fields<'a>,
        /// Program images.
        "debug_meta" | "sentry.interfaces.DebugMeta" => debug_meta: Option<Box<DebugMeta<'a>>>,
        /// The client library.
        "sdk" | "client_sdk" | "sentry.interfaces.Sdk" => sdk: Option<Box<Sdk<'a>>>,
        /// The application's own idea of which events belong together.
        "fingerprint" => fingerprint: Texts<'a>,
        /// The same of old clients.
        "checksum" => checksum: Option<Cow<'a, str>>,
        /// Problems noted by earlier programs.
        "errors" => errors: Vec<SentError<'a>>,
        /// Remarks on what was cut or removed on the way.
        "_meta" => meta: Option<Raw<'a>>,
        /// Set by the server; what a client sends here is not believed.
        "received" => received: Option<Raw<'a>>,
        /// Set by the server; what a client sends here is not believed.
        "project" | "project_id" | "key_id" | "ingest_path" | "grouping_config" => project: Option<Raw<'a>>,
        /// Only of transactions.
        "start_timestamp" => start_timestamp: Option<Timestamp>,
        /// Only of transactions.
        "spans" => spans: Option<Raw<'a>>,
        /// Only of transactions.
        "measurements" => measurements: Option<Raw<'a>>,
        /// Only of transactions.
        "breakdowns" | "time_spent" => breakdowns: Option<Raw<'a>>,
        /// Of the server's own keeping, or of clients of old.
        "scraping_attempts" | "_metrics" | "_dsc" | "hpkp" | "expectct" | "expectstaple" | "nel" | "repos" => kept: Option<Raw<'a>>,
    }
    others: noted;
}

/// An event with what its reading noted.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The event.
    pub event: Event<'a>,
    /// What was left out, and why; at most [`NOTES_MAX`].
    pub notes: Vec<Note>,
    /// How many notes there were beyond them.
    pub n_notes_omitted: usize,
}

impl<'a> Event<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// Only for what is no JSON object.
    pub fn parse(payload: &'a [u8]) -> Result<Parsed<'a>, EventError> {
        if let Ok(parsed) = read(&mut serde_json::Deserializer::from_slice(payload), false) {
            return Ok(parsed);
        }
        let cleaned = clean::clean(payload);
        if !cleaned.trim_start().starts_with('{') {
            return match serde_json::from_str::<serde::de::IgnoredAny>(&cleaned) {
                Ok(_) => Err(EventError::NotAnObject),
                Err(error) => Err(EventError::Json(error)),
            };
        }
        // A reader lends nothing, so that the event does not borrow from the cleaned copy.
        let mut source = serde_json::Deserializer::from_reader(cleaned.as_bytes());
        read(&mut source, true).map_err(EventError::Json)
    }
}

fn read<'a, R: serde_json::de::Read<'a>>(
    source: &mut serde_json::Deserializer<R>,
    owned: bool,
) -> Result<Parsed<'a>, serde_json::Error> {
    struct Visitor<'n>(&'n mut Notes);
    impl<'a> serde::de::Visitor<'a> for Visitor<'_> {
        type Value = Event<'a>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an event")
        }
        fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Event<'a>, A::Error> {
            Event::read_map(map, self.0)
        }
    }
    let mut notes = Notes::new(owned);
    let event = serde::Deserializer::deserialize_map(&mut *source, Visitor(&mut notes))?;
    source.end()?;
    Ok(Parsed {
        event,
        notes: notes.list,
        n_notes_omitted: notes.n_omitted,
    })
}

/// How bad an event is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For developers.
    Debug,
    /// Nothing wrong.
    Info,
    /// Something to look at.
    Warning,
    /// Something failed.
    #[default]
    Error,
    /// The program ended.
    Fatal,
}

impl Level {
    /// Reads a name, an alias or one of Python's numbers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "debug" | "10" => Some(Self::Debug),
            "info" | "log" | "20" => Some(Self::Info),
            "warning" | "30" => Some(Self::Warning),
            "error" | "40" => Some(Self::Error),
            "fatal" | "critical" | "50" => Some(Self::Fatal),
            _ => None,
        }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

#[cfg(test)]
mod tests;
