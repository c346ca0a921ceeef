//! Follows log files and the journal, and makes errors of the stack traces in them: for programs
//! that have no SDK.
//!
//! A trace becomes an event of the project that the configured DSN names, and takes every step
//! that an SDK's does: it is filtered, limited, scrubbed, kept and counted. Lines that are no part
//! of a trace go nowhere.
//!
//! What always holds: a cursor moves over a trace only once the spool has it durably; what is read
//! again after a crash has the same event id, so that the hub has it once; lines, and what is held
//! of them, are bounded; a relay that cannot read a log serves all the same.
//!
//! What it never does: log or keep a line.

mod cursors;
mod file;
mod journal;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::auth::Credentials;
use protocol::dsn::Dsn;
use protocol::ids::EventId;
use protocol::timestamp::Timestamp;
use protocol::traceback::Traceback;
use protocol::unit::{ByteSize, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use file::{Follower, Looked, Place};
pub use journal::{Entry, Voices};

use crate::clock;
use crate::pipeline::{Form, Pipeline, Refusal, Request};

/// Most files, and most units, that are followed.
pub const SOURCES_MAX: usize = 64;
/// Who it is that sends.
const CLIENT: &str = concat!("vedette.relay.tail/", env!("CARGO_PKG_VERSION"));
/// How long is waited before a trace is tried again that could not be kept.
const RETRY: Duration = Duration::from_secs(5);
/// How long the start waits for files to be open: one on a share that is away keeps no SDK waiting.
const OPEN_WITHIN: Duration = Duration::from_millis(200);

/// Settings of following logs. A change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The DSN of the project whose errors the traces become; nothing is followed when not set.
    pub dsn: Option<String>,
    /// Log files.
    pub files: Vec<PathBuf>,
    /// Units whose journal is followed, as `journalctl` tells it.
    pub journal_units: Vec<String>,
    /// The environment that the events have.
    pub environment: Option<String>,
    /// How often files are looked at.
    pub poll_interval: Span,
    /// Longest line; what is behind is left out.
    pub line_bytes_max: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dsn: None,
            files: Vec::new(),
            journal_units: Vec::new(),
            environment: None,
            poll_interval: Span(Duration::from_secs(1)),
            line_bytes_max: ByteSize(16 * 1024),
        }
    }
}

impl Config {
    /// The DSN, where it is one.
    #[must_use]
    pub fn read_dsn(&self) -> Option<Dsn> {
        self.dsn.as_deref()?.parse().ok()
    }

    /// Longest line, in bytes.
    fn line_max(&self) -> usize {
        usize::try_from(self.line_bytes_max.0).unwrap_or(usize::MAX)
    }
}

/// A trace, where it was, and when.
#[derive(Debug)]
pub struct Found {
    /// The trace.
    pub trace: Traceback,
    /// Tells it from every other, and is the same when it is read again.
    pub mark: String,
    /// What the log is called.
    pub logger: String,
    /// When it was written, where the log says so.
    pub at: Option<Timestamp>,
}

/// Whom traces go to.
#[derive(Clone, Debug)]
struct Sink {
    pipeline: Pipeline,
    dsn: Arc<Dsn>,
    environment: Option<String>,
    server_name: String,
    cancel: CancellationToken,
}

/// Follows what the configuration names until `cancel`. What is written to a file from the return
/// on is found.
pub async fn start(
    config: &Config,
    state_dir: &Path,
    pipeline: &Pipeline,
    tracker: &TaskTracker,
    cancel: &CancellationToken,
) {
    let Some(dsn) = config.read_dsn() else {
        return;
    };
    let sink = Sink {
        pipeline: pipeline.clone(),
        dsn: Arc::new(dsn),
        environment: config.environment.clone(),
        server_name: host_name(),
        cancel: cancel.clone(),
    };
    if !config.files.is_empty() {
        let (opened, are_open) = oneshot::channel();
        tracker.spawn(file::follow(
            config.clone(),
            state_dir.join("tail-files.json"),
            sink.clone(),
            opened,
        ));
        if timeout(OPEN_WITHIN, are_open).await.is_err() {
            tracing::warn!("log files take their time to open; what they hold by then is not read");
        }
    }
    if !config.journal_units.is_empty() {
        tracker.spawn(journal::follow(
            config.clone(),
            state_dir.join("tail-journal.json"),
            sink,
        ));
    }
    let (files, units) = (config.files.len(), config.journal_units.len());
    tracing::info!(files, units, "logs are followed");
}

impl Sink {
    /// Hands a trace over, again and again until it is durable or refused for good; `false` when
    /// the relay ends before.
    async fn send(&self, found: &Found) -> bool {
        let mut is_told = false;
        loop {
            let refusal = if self.pipeline.is_drained() {
                // It stays in the log.
                Refusal::Drained
            } else {
                let Err(refusal) = self.pipeline.take(self.request(found)).await else {
                    return true;
                };
                // Counted like any other; what the server cannot do now it may do later.
                if refusal.status() < 500 {
                    tracing::warn!(%refusal, "a trace of a log is refused");
                    return true;
                }
                refusal
            };
            if !is_told {
                tracing::warn!(%refusal, "a trace of a log waits");
                is_told = true;
            }
            tokio::select! {
                () = self.cancel.cancelled() => return false,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    fn request(&self, found: &Found) -> Request {
        let now = clock::now();
        Request {
            form: Form::Envelope,
            body: Bytes::from(self.envelope(found, now)),
            project: Ok(Some(self.dsn.project)),
            credentials: Ok(Some(Credentials {
                key: self.dsn.public_key,
                secret: None,
                version: 7,
                client: Some(CLIENT.to_owned()),
                project: Some(self.dsn.project),
            })),
            origin: None,
            remote_addr: None,
            user_agent: None,
            received_at: now,
            now: clock::monotonic(),
        }
    }

    fn envelope(&self, found: &Found, now: Timestamp) -> String {
        let id = event_id(&found.mark, &found.trace.lines);
        let mut event = found.trace.event();
        let fields = [
            ("event_id", json!(id.to_string())),
            ("timestamp", json!(found.at.unwrap_or(now).to_rfc3339())),
            ("logger", json!(found.logger)),
            ("server_name", json!(self.server_name)),
            ("environment", json!(self.environment)),
            (
                "sdk",
                json!({"name": "vedette.relay.tail", "version": env!("CARGO_PKG_VERSION")}),
            ),
        ];
        for (name, value) in fields {
            if let Some(event) = event.as_object_mut().filter(|_| value != Value::Null) {
                event.insert(name.to_owned(), value);
            }
        }
        let event = event.to_string();
        let n = event.len();
        format!("{{\"event_id\":\"{id}\"}}\n{{\"type\":\"event\",\"length\":{n}}}\n{event}\n")
    }
}

/// The id of a trace: the same each time it is read.
fn event_id(mark: &str, lines: &[String]) -> EventId {
    let mut hasher = Sha256::new();
    hasher.update(mark);
    for line in lines {
        hasher.update([0]);
        hasher.update(line);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    EventId::from_bytes(id)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests;
