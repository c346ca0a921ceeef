//! How the link is, as its owner shows it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::ids::Lane;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::channel::Carrier;
use super::trouble::Trouble;

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
    /// What carries the link.
    pub carrier: Option<Carrier>,
    /// Round trip to the hub, in milliseconds.
    pub rtt_ms: Option<u32>,
    /// Bytes of blocks per second that the link carried when it was last full.
    pub rate: Option<u64>,
    /// Lost packets in thousandths; over QUIC alone.
    pub loss_permille: Option<u32>,
    /// Whether traces and blobs wait because the link is very thin.
    pub is_bulk_paused: bool,
    /// Whether these are quiet hours.
    pub is_quiet: bool,
    /// Most bytes a second, by whoever says the least; `None` is without limit.
    pub bandwidth_max: Option<u64>,
    /// This clock minus the hub's, when the hub last welcomed the relay.
    pub clock_offset_ms: Option<i64>,
    /// When the hub last acknowledged anything.
    pub last_ack_at: Option<Timestamp>,
    /// What ended the last connection, or kept it from coming about.
    pub last_error: Option<String>,
    /// What a person should know or do about it.
    pub trouble: Option<Trouble>,
    /// When the certificate ends, by the hub's clock.
    pub certificate_ends_at: Option<Timestamp>,
    /// How often the relay was started under its identity.
    pub generation: u64,
    /// Times the hub welcomed the relay.
    pub connections: u64,
    /// Those of them at which it knew the relay by its first packet.
    pub early: u64,
    /// Blocks sent, repeated ones included.
    pub blocks_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Blocks that are sent and not acknowledged.
    pub in_flight: u32,
    /// The last acknowledged record of each lane since the start.
    pub acked: [u64; Lane::ALL.len()],
}

/// What the owner shows.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) status: Mutex<LinkStatus>,
    /// The hub's clock at the last welcome, and when that was.
    pub(super) hub_time: Mutex<Option<(Timestamp, Instant)>>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, LinkStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hub's clock now, as far as is known; it is not while there is no connection.
    pub(super) fn hub_time(&self) -> Option<Timestamp> {
        let at = self.hub_time.lock().unwrap_or_else(PoisonError::into_inner);
        at.map(|(hub_time, read_at)| {
            let passed = i64::try_from(read_at.elapsed().as_millis()).unwrap_or(i64::MAX);
            hub_time.plus_millis(passed)
        })
    }

    pub(super) fn set_hub_time(&self, hub_time: Timestamp) {
        let mut at = self.hub_time.lock().unwrap_or_else(PoisonError::into_inner);
        *at = Some((hub_time, Instant::now()));
    }

    pub(super) fn count_block(&self, bytes: usize) {
        let mut status = self.lock();
        status.blocks_sent += 1;
        status.bytes_sent += bytes as u64;
    }

    pub(super) fn set_state(&self, state: LinkState, now: Timestamp) {
        let mut status = self.lock();
        if status.state != state {
            status.state = state;
            status.since = now;
        }
    }
}
