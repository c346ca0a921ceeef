//! Blocks to the hub over QUIC, the roster back.
//!
//! One task owns the connection. It sends blocks as they lie in the spool, the most important lane
//! first with a share for every other, and tells the spool what the hub has committed. Whatever is
//! not acknowledged when a connection ends is sent again on the next, from the cursors that the
//! hub names: nothing is kept here that a crash could lose.
//!
//! What always holds: a record leaves the spool only after the hub's acknowledgement; blocks and
//! bytes under way are bounded; a hub that is away, slow or wrong never keeps the relay from
//! accepting.
//!
//! What it never does: look into a record, or talk to a hub whose certificate is not of the
//! authority it joined.

mod backoff;
mod carry;
mod flight;
mod identity;
mod join;
mod outbox;
mod receipts;
mod session;
mod tls;
mod turns;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::{Lane, RelayId};
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::roster::Roster;
use crate::spool::Spool;

pub use carry::{CarryError, Exported, Moved, acknowledge, export, read_receipt};
pub use identity::IdentityError;
pub use join::{JoinError, JoinRequest, Joined, join};
pub use outbox::{ACK_TIMEOUT, ByLane, GiveUp, Order, Outbox};
pub use receipts::hand_in;

use backoff::Backoff;
use identity::Identity;
use session::{Ended, Link};

/// The port a hub address has when it names none.
pub const HUB_PORT: u16 = 4801;

/// How often a relay that has not joined looks whether it has.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(2);

/// Settings of the way to the hub. A restart is needed to change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the relay keeps what it joined with.
    pub dir: PathBuf,
    /// `host` or `host:port`; when not set, the hub that was joined.
    pub hub: Option<String>,
    /// How the rate is found: `bbr` holds on lossy links, `cubic` is fairer on thin clean ones.
    pub congestion: Congestion,
    /// Most blocks under way; the hub may allow fewer.
    pub window: u16,
    /// How often the relay tells the hub how it is.
    pub report_interval: Span,
    /// How long the end of the relay waits for acknowledgements.
    pub drain_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/lib/vedette-relay"),
            hub: None,
            congestion: Congestion::Bbr,
            window: 16,
            report_interval: Span(Duration::from_secs(5)),
            drain_timeout: Span(Duration::from_secs(1)),
        }
    }
}

/// How the rate is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Congestion {
    /// By the measured bandwidth and round trip.
    #[default]
    Bbr,
    /// By loss.
    Cubic,
}

/// How the link is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// No identity: the relay buffers until it is joined to a hub.
    NotJoined,
    /// On the way.
    Connecting,
    /// The hub has welcomed the relay.
    Connected,
    /// The hub is away, or refuses the relay; the relay buffers and tries again.
    Away,
    /// The relay is stopping.
    Closed,
}

/// How the link is, in figures.
#[derive(Clone, Debug, Serialize)]
pub struct LinkStatus {
    /// The state.
    pub state: LinkState,
    /// Where the hub is looked for.
    pub hub: Option<String>,
    /// Who the relay is to the hub.
    pub relay: Option<String>,
    /// Since when the state lasts.
    pub since: Timestamp,
    /// Round trip to the hub, in milliseconds.
    pub rtt_ms: Option<u32>,
    /// This clock minus the hub's, when the hub last welcomed the relay.
    pub clock_offset_ms: Option<i64>,
    /// When the hub last acknowledged anything.
    pub last_ack_at: Option<Timestamp>,
    /// What ended the last connection, or kept it from coming about.
    pub last_error: Option<String>,
    /// Times the hub welcomed the relay.
    pub connections: u64,
    /// Blocks sent, repeated ones included.
    pub blocks_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Blocks that are sent and not acknowledged.
    pub in_flight: u32,
    /// The last acknowledged record of each lane since the start.
    pub acked: [u64; Lane::ALL.len()],
}

/// A handle on the link.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// How the link is.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        self.shared.lock().clone()
    }
}

/// What the owner shows.
#[derive(Debug)]
struct Shared(Mutex<LinkStatus>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, LinkStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: LinkState, now: Timestamp) {
        let mut status = self.lock();
        if status.state != state {
            status.state = state;
            status.since = now;
        }
    }
}

/// Starts the link's owner. Without an identity it waits for one and everything stays buffered.
pub fn start(
    config: Config,
    spool: Spool,
    roster: Roster,
    ledger: Ledger,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> Handle {
    let shared = Arc::new(Shared(Mutex::new(LinkStatus {
        state: LinkState::NotJoined,
        hub: config.hub.clone(),
        relay: None,
        since: crate::clock::now(),
        rtt_ms: None,
        clock_offset_ms: None,
        last_ack_at: None,
        last_error: None,
        connections: 0,
        blocks_sent: 0,
        bytes_sent: 0,
        in_flight: 0,
        acked: [0; Lane::ALL.len()],
    })));
    let handle = Handle {
        shared: Arc::clone(&shared),
    };
    let link = Link {
        config,
        spool,
        roster,
        ledger,
        shared,
        cancel,
    };
    tracker.spawn(receipts::take(
        link.config.dir.clone(),
        link.spool.clone(),
        link.cancel.clone(),
    ));
    tracker.spawn(run(link));
    handle
}

async fn run(link: Link) {
    let cancel = link.cancel.clone();
    if let Some(identity) = cancel.run_until_cancelled(wait_for_identity(&link)).await {
        keep_connected(&link, identity).await;
    }
    link.shared
        .set_state(LinkState::Closed, crate::clock::now());
}

/// Reads the identity, or waits until `join` has written one.
async fn wait_for_identity(link: &Link) -> Identity {
    let mut said = None;
    loop {
        match Identity::load(&link.config.dir).await {
            Ok(identity) => return identity,
            Err(error) => {
                let text = error.to_string();
                if said.as_ref() != Some(&text) {
                    tracing::warn!(error = text, "buffering until the relay is joined to a hub");
                    link.shared.lock().last_error = Some(text.clone());
                    said = Some(text);
                }
            }
        }
        sleep(IDENTITY_INTERVAL).await;
    }
}

async fn keep_connected(link: &Link, mut identity: Identity) {
    let hub = link
        .config
        .hub
        .clone()
        .unwrap_or_else(|| identity.hub.clone());
    {
        let mut status = link.shared.lock();
        status.hub = Some(hub.clone());
        status.relay = Some(identity.relay.to_string());
        status.last_error = None;
    }
    let mut backoff = Backoff::default();
    let mut is_away = false;
    while !link.cancel.is_cancelled() {
        link.shared
            .set_state(LinkState::Connecting, crate::clock::now());
        let began = Instant::now();
        let ended = session::run(link, &identity, &hub, &mut is_away).await;
        let now = crate::clock::now();
        if link.cancel.is_cancelled() {
            break;
        }
        link.shared.set_state(LinkState::Away, now);
        note_end(link, &hub, identity.relay, &ended, &mut is_away);
        if ended.made_progress {
            backoff.reset();
        }
        let delay = backoff.next(ended.error.is_refusal(), random());
        tracing::debug!(
            delay_ms = delay.as_millis(),
            lasted_ms = began.elapsed().as_millis(),
            "connecting again"
        );
        drop(timeout(delay, link.cancel.cancelled()).await);
        // It may have been exchanged meanwhile, by joining again.
        if let Ok(loaded) = Identity::load(&link.config.dir).await {
            link.shared.lock().relay = Some(loaded.relay.to_string());
            identity = loaded;
        }
    }
}

/// One line when an outage begins; what follows is for those who debug.
fn note_end(link: &Link, hub: &str, relay: RelayId, ended: &Ended, is_away: &mut bool) {
    let error = ended.error.to_string();
    if *is_away {
        tracing::debug!(hub, error, "hub is still away");
    } else {
        *is_away = true;
        tracing::warn!(hub, relay.id = %relay, error, "hub is away, buffering");
    }
    let mut status = link.shared.lock();
    status.last_error = Some(error);
    status.in_flight = 0;
    status.rtt_ms = None;
}

/// Jitter needs no more than to differ between hosts.
fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX / 2)
}
