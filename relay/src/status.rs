//! Tells how the relay is: health, readiness, metrics.
//!
//! | path | answer |
//! |---|---|
//! | `/health/live`, `/api/relay/healthcheck/live/` | 200 while the process serves |
//! | `/health/ready`, `/api/relay/healthcheck/ready/` | 200 when it can keep what it takes, else 503 |
//! | `/metrics` | counters and gauges as Prometheus reads them |
//! | `/status` | the same in short, as JSON |
//!
//! What always holds: nothing here waits, writes or shows what users sent; projects are left out
//! of the metrics, so that their number is bounded.

mod metrics;
mod summary;

pub use summary::{
    CategorySummary, DiskSummary, LaneSummary, LedgerSummary, LinkSummary, SpoolSummary, Summary,
};

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::clock;
use crate::forward::{self, LinkState};
use crate::ledger::Ledger;
use crate::pipeline::Meter;
use crate::roster::Roster;
use crate::site;
use crate::spool::Spool;

/// A disk that failed so recently may fail the next request too.
const DISK_TROUBLE: Duration = Duration::from_secs(10);

/// Everything that is told about.
#[derive(Clone, Debug)]
pub struct Status {
    /// How requests ended.
    pub meter: Meter,
    /// What became of items.
    pub ledger: Ledger,
    /// What is kept.
    pub spool: Spool,
    /// Who may send.
    pub roster: Roster,
    /// The link to the hub.
    pub link: forward::Handle,
    /// Relays that pass through, when they may.
    pub site: Option<site::Handle>,
    /// When the program started, by [`clock::monotonic`].
    pub started: Duration,
}

#[derive(Serialize)]
struct Ready {
    is_healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

impl Status {
    /// How everything is, as `/status` shows it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The answer to a path; `None` when it is not one of these.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<Response<Bytes>> {
        match path.trim_end_matches('/') {
            "/health/live" | "/api/relay/healthcheck/live" => Some(json(
                StatusCode::OK,
                &Ready {
                    is_healthy: true,
                    why: None,
                },
            )),
            "/health/ready" | "/api/relay/healthcheck/ready" => Some(self.ready()),
            "/metrics" => {
                let text = metrics::text(self);
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                Some(respond(StatusCode::OK, kind, Bytes::from(text)))
            }
            "/status" => Some(json(StatusCode::OK, &self.summary())),
            _ => None,
        }
    }

    fn ready(&self) -> Response<Bytes> {
        let why = self.refuses();
        let status = match why {
            None => StatusCode::OK,
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        json(
            status,
            &Ready {
                is_healthy: why.is_none(),
                why,
            },
        )
    }

    /// Why what is sent next is likely to be refused.
    fn refuses(&self) -> Option<&'static str> {
        let is_drained = self.roster.is_drained();
        let drained = is_drained.then_some("drained: it delivers what it has, and no more comes");
        drained.or_else(|| self.trouble())
    }

    /// What is wrong with the disk. A hub that is away is no trouble.
    fn trouble(&self) -> Option<&'static str> {
        let spool = self.spool.status();
        let recent = spool.last_error.is_some_and(|error| {
            let age = clock::now().millis_since(error.at);
            u128::try_from(age).is_ok_and(|age| age < DISK_TROUBLE.as_millis())
        });
        recent.then_some("the disk failed a moment ago")
    }
}

/// The state's name in metrics and in the status.
fn state_name(state: &LinkState) -> &'static str {
    match state {
        LinkState::NotJoined => "not_joined",
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::Away => "away",
        LinkState::Closed => "closed",
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Plain data always becomes JSON.
    let body = serde_json::to_vec(body).unwrap_or_default();
    respond(status, "application/json", Bytes::from(body))
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
