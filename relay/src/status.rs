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

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use protocol::timestamp::Timestamp;
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

#[derive(Serialize)]
struct Summary {
    version: &'static str,
    uptime_secs: u64,
    ready: bool,
    roster_version: u64,
    keys: usize,
    link: LinkSummary,
    spool: SpoolSummary,
    items: Vec<ItemSummary>,
}

#[derive(Serialize)]
struct LinkSummary {
    state: &'static str,
    carrier: Option<&'static str>,
    hub: Option<String>,
    relay: Option<String>,
    since: String,
    last_ack_at: Option<String>,
    last_error: Option<String>,
    trouble: Option<&'static str>,
    remedy: Option<&'static str>,
    certificate_ends_at: Option<String>,
}

#[derive(Serialize)]
struct SpoolSummary {
    epoch: String,
    bytes_used: u64,
    bytes_max: u64,
    lanes: Vec<LaneSummary>,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct LaneSummary {
    lane: String,
    records: u64,
    bytes: u64,
    oldest_received_at: Option<String>,
}

#[derive(Serialize)]
struct ItemSummary {
    category: &'static str,
    outcome: &'static str,
    reason: String,
    n: u64,
}

impl Status {
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
        let why = self.trouble();
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

    /// Why what is sent next may not be kept. A hub that is away is no trouble.
    fn trouble(&self) -> Option<&'static str> {
        let spool = self.spool.status();
        let recent = spool.last_error.is_some_and(|error| {
            let age = clock::now().millis_since(error.at);
            u128::try_from(age).is_ok_and(|age| age < DISK_TROUBLE.as_millis())
        });
        recent.then_some("the disk failed a moment ago")
    }

    fn summary(&self) -> Summary {
        let spool = self.spool.status();
        let link = self.link.status();
        let lanes = protocol::ids::Lane::ALL.iter().zip(&spool.lanes);
        let lanes = lanes.map(|(lane, state)| LaneSummary {
            lane: lane.to_string(),
            records: state.records,
            bytes: state.bytes,
            oldest_received_at: state.oldest_received_at.map(Timestamp::to_rfc3339),
        });
        let items = metrics::items(self).into_iter();
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            uptime_secs: clock::monotonic().saturating_sub(self.started).as_secs(),
            ready: self.trouble().is_none(),
            roster_version: self.roster.version(),
            keys: self.roster.n_keys(),
            link: LinkSummary {
                state: state_name(&link.state),
                carrier: link.carrier.map(forward::Carrier::name),
                hub: link.hub,
                relay: link.relay,
                since: link.since.to_rfc3339(),
                last_ack_at: link.last_ack_at.map(Timestamp::to_rfc3339),
                last_error: link.last_error,
                trouble: link.trouble.map(forward::Trouble::name),
                remedy: link.trouble.map(forward::Trouble::remedy),
                certificate_ends_at: link.certificate_ends_at.map(Timestamp::to_rfc3339),
            },
            spool: SpoolSummary {
                epoch: format!("{:016x}", spool.epoch.0),
                bytes_used: spool.bytes_used,
                bytes_max: spool.bytes_max,
                lanes: lanes.collect(),
                last_error: spool.last_error.map(|error| error.message),
            },
            items: items
                .map(|((category, outcome, reason), n)| ItemSummary {
                    category,
                    outcome,
                    reason,
                    n,
                })
                .collect(),
        }
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
