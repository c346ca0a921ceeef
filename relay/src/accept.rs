//! Takes requests of SDKs over HTTP and answers them.
//!
//! | route | answer |
//! |---|---|
//! | `POST /api/{project}/envelope/` | 200 `{"id":"…"}` once the spool has it durably |
//! | `POST /api/{project}/store/`, `/api/store/` | the same for one event of the older protocol |
//! | `GET` of the store routes with `sentry_data` | a pixel |
//! | `POST …/security/`, `…/csp-report/` | 201, a browser's reports of broken policies |
//! | `POST …/nel/` | 200, a browser's reports of network errors |
//! | `POST …/minidump/`, `…/unreal/{key}/` | 200, the crash's event id as text |
//! | `POST …/events/{event}/attachments/` | 201, files that come after their event |
//! | `GET`, `POST …/cron/{monitor}/[{key}/]` | 202, a check-in by its address |
//! | `POST …/integration/otlp/v1/{traces,logs,metrics}` | 200, as OpenTelemetry answers |
//! | `POST …/integration/vercel/logs/` | 202, lines of a log drain |
//! | `GET`, `POST /api/embed/error-page/` | the dialog of an error page, and what is written there |
//! | `OPTIONS` of these | what browsers may send |
//! | everything else | what the status room says, or 404 |
//!
//! What always holds: bodies are bounded before and after decompression, one by one and all
//! together, and so are connections, headers and waits; every refusal is counted, says why in its
//! body and in `X-Sentry-Error`, and can be read by a browser.

mod answer;
mod body;
mod connection;
mod decode;
mod form;
mod guests;
mod handle;
mod large;
mod parts;
mod route;
mod source;
pub mod tus;
mod upload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::unit::{ByteSize, Span};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::pipeline::Pipeline;
use body::Budget;
use guests::Guests;

pub use handle::Head;

/// Most large bodies that come at a time; beyond it: 503.
const LARGE_MAX: usize = 4;

/// Settings of the HTTP side. A change takes a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Most connections at a time; when more come, those that make the least of theirs are cut.
    pub connections_max: u32,
    /// Most bytes of bodies in memory at a time, compressed and decompressed; beyond it: 503.
    pub in_flight_bytes_max: ByteSize,
    /// Largest body as it is sent.
    pub body_bytes_max: ByteSize,
    /// Largest body once decompressed.
    pub decompressed_bytes_max: ByteSize,
    /// How long a new connection may take for its first request's headers.
    pub header_timeout: Span,
    /// How long a body may pause, and how long it may be slower than 1 KiB a second.
    pub body_pause_timeout: Span,
    /// How long a whole body may take.
    pub body_timeout: Span,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        let secs = |n| Span(Duration::from_secs(n));
        let mib = |n: u64| ByteSize(n << 20);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4900)),
            connections_max: 512,
            in_flight_bytes_max: mib(32),
            body_bytes_max: mib(16),
            decompressed_bytes_max: mib(24),
            header_timeout: secs(10),
            body_pause_timeout: secs(10),
            body_timeout: secs(60),
            idle_timeout: secs(75),
        }
    }
}

/// What else is served on the port: health, metrics, status.
pub trait Beside: Send + Sync + 'static {
    /// The answer to a `GET`, if the path is one of its own.
    fn answer(&self, path: &str) -> Option<http::Response<Bytes>>;
}

/// Takes connections until it is told to end, then lets requests finish.
///
/// Whoever ends it waits for it, and no longer than they want to.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    pipeline: Pipeline,
    beside: Arc<dyn Beside>,
    cancel: CancellationToken,
) {
    let door = Arc::new(Door {
        budget: Budget::new(config.in_flight_bytes_max),
        guests: Guests::default(),
        large: Semaphore::new(LARGE_MAX),
        config,
        pipeline,
        beside,
        cancel,
    });
    connection::accept(listener, door).await;
}

/// What every request needs.
struct Door {
    config: Config,
    budget: Budget,
    guests: Guests,
    /// Places of those who send what is too large to be held.
    large: Semaphore,
    pipeline: Pipeline,
    beside: Arc<dyn Beside>,
    cancel: CancellationToken,
}

#[cfg(test)]
mod tests;
