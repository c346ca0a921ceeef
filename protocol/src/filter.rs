//! Inbound filters: whether an item is one that its project does not want to keep, and why.
//!
//! The order is fixed and the first that fits decides: conditions, security reports, addresses,
//! releases, messages, messages of logs, names of metrics, localhost, extensions, old browsers, crawlers, health checks. Relays apply
//! this room; the hub checks settings with it before it tells relays.
//!
//! Filters see what the SDK sent, before private data is removed, and keep nothing of it. Logs,
//! metrics and spans are looked at one by one: their release, the body of a log, the browser that
//! their attributes name, and whatever a condition asks for.
//!
//! What always holds: a filter that is off costs nothing, and a project without filters has its
//! events not even read.

mod browsers;
mod crawlers;
mod csp;
mod extensions;
mod local;

use std::sync::Arc;

use crate::condition::{Condition, ConditionError};
use crate::event::Event;
use crate::facts::{ROOTS, Subject};
use crate::item::ItemKind;
use crate::outcome::{Reason, reason};
use crate::pattern::{Case, GlobError, Globs, Network, NetworkError};
use crate::roster::FilterSettings;

pub use browsers::LegacyBrowser;

/// A filter by condition that comes with this program: its reason and its condition.
pub type Ready = (&'static str, &'static str);

/// Errors of React when a page differs from what the server made of it.
pub const REACT_HYDRATION_ERRORS: Ready = (
    "react-hydration-errors",
    r#"{"op":"any","name":"event.exceptions","inner":{"op":"glob","name":"value","value":[
        "*Minified React error #{418,419,422,423,425}*",
        "*https://reactjs.org/docs/error-decoder.html?invariant={418,419,422,423,425}*",
        "*https://react.dev/errors/{418,419,422,423,425}*",
        "*Hydration failed because*",
        "*Text content does not match server-rendered HTML*",
        "*There was an error while hydrating*",
        "*The server could not finish this Suspense boundary*",
        "*This Suspense boundary received an update before it finished hydrating*"]}}"#,
);

/// Errors of pages that ask for parts of a version that is no longer there.
pub const CHUNK_LOAD_ERROR: Ready = (
    "chunk-load-error",
    r#"{"op":"any","name":"event.exceptions","inner":{"op":"or","inner":[
        {"op":"eq","name":"ty","value":"ChunkLoadError"},
        {"op":"glob","name":"value","value":["ChunkLoadError: *","*Uncaught*ChunkLoadError*"]}]}}"#,
);

/// Names of transactions that only ask whether a service is well.
const HEALTH_CHECKS: &[&str] = &[
    "*healthcheck*",
    "*heartbeat*",
    "*/health{,/}",
    "*/healthy{,/}",
    "*/healthz{,/}",
    "*/health_check{,/}",
    "*/_health{,/}",
    "*/live{,/}",
    "*/livez{,/}",
    "*/liveness{,/}",
    "*/ready{,/}",
    "*/readyz{,/}",
    "*/readiness{,/}",
    "*/ping{,/}",
    "*/up{,/}",
    "*/status/ok{,/}",
];

/// The filters of one project, compiled; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Filters(Option<Arc<Compiled>>);

#[derive(Debug)]
struct Compiled {
    generic: Vec<(String, Condition)>,
    csp: csp::Sources,
    client_ips: Vec<Network>,
    releases: Globs,
    messages: Globs,
    log_messages: Globs,
    metric_names: Globs,
    health_checks: Globs,
    legacy: Vec<LegacyBrowser>,
    localhost: bool,
    extensions: bool,
    crawlers: bool,
}

/// A filter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A condition cannot be read.
    #[error("filter {id:?}: {source}")]
    Condition {
        /// Of which filter.
        id: String,
        /// What is wrong.
        source: ConditionError,
    },
    /// An id that is no name.
    #[error("filter {id:?}: an id is lower-case letters, digits, `-`, `_` and `.`")]
    Id {
        /// The id.
        id: String,
    },
    /// An address that is none.
    #[error("{text:?} is not an address such as 192.0.2.7 or a network such as 192.0.2.0/24")]
    Address {
        /// What stands there.
        text: String,
    },
    /// Patterns that take too much memory.
    #[error("{field}: {source}")]
    Globs {
        /// Of which filter.
        field: &'static str,
        /// Why.
        source: GlobError,
    },
}

impl Filters {
    /// Compiles the settings of a project.
    ///
    /// # Errors
    /// [`FilterError`], the first that is found.
    pub fn compile(settings: &FilterSettings) -> Result<Self, FilterError> {
        if settings.is_default() {
            return Ok(Self(None));
        }
        let generic = settings.generic.iter().map(|filter| {
            let id = filter.id.clone();
            if !is_id(&id) {
                return Err(FilterError::Id { id });
            }
            match Condition::parse(&filter.condition, ROOTS) {
                Ok(condition) => Ok((id, condition)),
                Err(source) => Err(FilterError::Condition { id, source }),
            }
        });
        let addresses = settings.client_ips.iter().map(|text| {
            text.parse()
                .map_err(|_: NetworkError| FilterError::Address { text: text.clone() })
        });
        let health_checks: &[&str] = if settings.health_checks {
            HEALTH_CHECKS
        } else {
            &[]
        };
        // A group of a later version is none that this program can tell.
        let legacy = settings.legacy_browsers.iter();
        Ok(Self(Some(Arc::new(Compiled {
            generic: generic.collect::<Result<_, _>>()?,
            csp: csp::Sources::new(settings.csp_defaults, &settings.csp_sources),
            client_ips: addresses.collect::<Result<_, _>>()?,
            releases: globs("releases", &settings.releases)?,
            messages: globs("error messages", &settings.error_messages)?,
            log_messages: globs("messages of logs", &settings.log_messages)?,
            metric_names: globs("names of metrics", &settings.trace_metric_names)?,
            health_checks: globs("health checks", health_checks)?,
            legacy: legacy
                .filter_map(|name| LegacyBrowser::from_name(name))
                .collect(),
            localhost: settings.localhost,
            extensions: settings.browser_extensions,
            crawlers: settings.web_crawlers,
        }))))
    }

    /// Whether items of a kind are looked at at all.
    #[must_use]
    pub fn concern(&self, kind: &ItemKind) -> bool {
        let is_looked_at = matches!(
            kind,
            ItemKind::Event
                | ItemKind::Transaction
                | ItemKind::Security
                | ItemKind::RawSecurity
                | ItemKind::Feedback
                | ItemKind::Log
                | ItemKind::TraceMetric
                | ItemKind::Span
        );
        self.0.is_some() && is_looked_at
    }

    /// Why an item is not wanted; `None` when it is.
    #[must_use]
    pub fn refuse(&self, kind: &ItemKind, subject: &Subject<'_>) -> Option<Reason> {
        let filters = self.0.as_deref()?;
        if let Some(id) = filters.by_condition(subject) {
            return Some(Reason::Owned(id.to_owned()));
        }
        filters.by_kind(kind, subject).map(Reason::Borrowed)
    }
}

impl Compiled {
    fn by_condition(&self, subject: &Subject<'_>) -> Option<&str> {
        let mut filters = self.generic.iter();
        let found = filters.find(|(_, condition)| condition.holds(subject));
        found.map(|(id, _)| id.as_str())
    }

    /// The filters after the conditions, in their order.
    fn by_kind(&self, kind: &ItemKind, subject: &Subject<'_>) -> Option<&'static str> {
        let event = &subject.event;
        let client_ip = subject.client_ip();
        let agent = subject.user_agent();
        let rows = [
            (reason::FILTER_CSP, self.csp.refuse(event)),
            (
                reason::FILTER_ADDRESS,
                client_ip.is_some_and(|ip| self.client_ips.iter().any(|net| net.holds(ip))),
            ),
            (
                reason::FILTER_RELEASE,
                event
                    .release
                    .as_deref()
                    .is_some_and(|text| self.releases.matches(text)),
            ),
            (reason::FILTER_MESSAGE, self.has_message(subject)),
            (
                reason::FILTER_LOG_MESSAGE,
                *kind == ItemKind::Log
                    && subject
                        .message()
                        .is_some_and(|text| self.log_messages.matches(text)),
            ),
            (
                reason::FILTER_METRIC_NAME,
                *kind == ItemKind::TraceMetric
                    && subject
                        .entry_name()
                        .is_some_and(|name| self.metric_names.matches(name)),
            ),
            (
                reason::FILTER_LOCALHOST,
                self.localhost && (subject.is_localhost() || local::is_local(event)),
            ),
            (
                reason::FILTER_EXTENSION,
                self.extensions && extensions::is_of_extension(event),
            ),
            (
                reason::FILTER_BROWSER,
                agent.is_some_and(|agent| browsers::is_legacy(agent, &self.legacy)),
            ),
            (
                reason::FILTER_CRAWLER,
                self.crawlers && agent.is_some_and(crawlers::is_crawler),
            ),
            (
                reason::FILTER_TRANSACTION,
                matches!(kind, ItemKind::Transaction | ItemKind::Span)
                    && self.is_health_check(event),
            ),
        ];
        rows.into_iter()
            .find_map(|(reason, fits)| fits.then_some(reason))
    }

    fn has_message(&self, subject: &Subject<'_>) -> bool {
        if self.messages.is_empty() {
            return false;
        }
        let is_message = subject
            .message()
            .is_some_and(|text| self.messages.matches(text));
        is_message
            || subject.event.exceptions.iter().any(|exception| {
                let ty = exception.ty.as_deref().unwrap_or_default();
                let value = exception.value.0.as_deref().unwrap_or_default();
                let text = match (ty.is_empty(), value.is_empty()) {
                    (true, true) => return false,
                    (true, false) => value.to_owned(),
                    (false, true) => ty.to_owned(),
                    (false, false) => format!("{ty}: {value}"),
                };
                self.messages.matches(&text)
            })
    }

    fn is_health_check(&self, event: &Event<'_>) -> bool {
        let name = event.transaction.as_deref().unwrap_or_default();
        self.health_checks.matches(name)
    }
}

fn globs<T: AsRef<str>>(field: &'static str, globs: &[T]) -> Result<Globs, FilterError> {
    Globs::compile(globs, Case::Ignored).map_err(|source| FilterError::Globs { field, source })
}

fn is_id(id: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    !id.is_empty() && id.bytes().all(is_letter)
}

#[cfg(test)]
mod tests;
