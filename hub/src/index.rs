//! Searchable columns and text of events; the only room that names tantivy.

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;

/// What is searchable of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The event's row, which rises in the order of digestion.
    pub row: i64,
    /// The project; `None` never leaves the digest.
    pub project: Option<ProjectId>,
    /// The issue's row.
    pub issue: i64,
    /// The event's id.
    pub event_id: Option<EventId>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the relay had it.
    pub received_at: Timestamp,
    /// `fatal`, `error`, `warning`, `info`, `debug`.
    pub level: String,
    /// `python`, `javascript`, …
    pub platform: String,
    /// `error`, `default`, `csp`, …
    pub kind: String,
    /// The release.
    pub release: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The distribution.
    pub dist: Option<String>,
    /// The transaction.
    pub transaction: Option<String>,
    /// The host.
    pub server_name: Option<String>,
    /// The logger.
    pub logger: Option<String>,
    /// Who met it.
    pub user: User,
    /// The request's address.
    pub url: Option<String>,
    /// The request's method.
    pub method: Option<String>,
    /// The issue's title by this event.
    pub title: String,
    /// The message.
    pub message: String,
    /// Type and value of each exception.
    pub exceptions: Vec<(String, String)>,
    /// The frames of every exception.
    pub frames: Vec<Frame>,
    /// The breadcrumbs' texts.
    pub breadcrumbs: Vec<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Whether the application handled it; `None` is not said.
    pub handled: Option<bool>,
    /// The SDK's name.
    pub sdk: Option<String>,
    /// The trace it belongs to, 32 hexadecimal digits.
    pub trace_id: Option<String>,
}

/// Who met an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The application's own id.
    pub id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Internet address.
    pub ip: Option<String>,
}

/// One frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Module.
    pub module: Option<String>,
    /// Function.
    pub function: Option<String>,
    /// File.
    pub filename: Option<String>,
    /// Whether it is the application's own code.
    pub in_app: bool,
}
