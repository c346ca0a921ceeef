//! Blocks to the hub over QUIC, or TCP where no UDP passes, the roster back.
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
//! authority it joined, or not of the region it is pinned to.

mod adapt;
mod backoff;
mod by_hand;
mod carry;
mod channel;
mod config;
mod detour;
mod diagnosis;
mod dial;
mod dictionaries;
mod erase;
mod error;
mod flight;
mod hubs;
mod identity;
mod join;
mod limits;
mod outbox;
mod pass;
mod path;
mod probe;
mod process;
mod proxy;
mod receipts;
mod renew;
mod report;
mod session;
mod state;
mod tell;
mod tickets;
mod tls;
mod told;
mod trouble;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::{Lane, Seq};
use protocol::wire::CloseCode;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::ledger::{Audit, Ledger};
use crate::roster::Roster;
use crate::spool::Spool;

pub use adapt::{Adapted, Measured, Second, adapt, choose};
pub use by_hand::{BUNDLE_BYTES_MAX, join_by_hand, request_by_hand};
pub use carry::{CarryError, Exported, Moved, acknowledge, export, read_receipt};
pub use channel::Carrier;
pub use config::{CarrierChoice, Config, Congestion, NoCarrier};
pub use diagnosis::Question;
pub use identity::IdentityError;
pub use join::{JoinError, JoinRequest, Joined, join};
pub use limits::QuietLanes;
pub use outbox::{ACK_TIMEOUT, ByLane, GiveUp, Order, Outbox};
pub use pass::PassError;
pub use probe::{Known, addresses, identity_file, known, reach_by_tcp, reach_by_udp};
pub use proxy::{NoProxy, Proxy};
pub use receipts::hand_in;
pub use state::{LinkState, LinkStatus};
pub use trouble::Trouble;

use backoff::Backoff;
use diagnosis::{Answering, Asking};
use dial::Dialled;
use erase::Erasures;
use error::LinkError;
use hubs::Peers;
use identity::{Identity, Start};
use path::Preference;
use session::Ended;
use state::Shared;
use tickets::Tickets;

/// The port a hub address has when it names none.
pub const HUB_PORT: u16 = 4801;

/// How often a relay that has not joined looks whether it has.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(2);

/// A handle on the link.
#[derive(Clone, Debug)]
pub struct Handle {
    config: Arc<Config>,
    shared: Arc<Shared>,
    audit: Audit,
    answering: Answering,
}

impl Handle {
    /// How the link is.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        let mut status = self.shared.lock().clone();
        // The clocks may have been set since the welcome.
        if let Some(hub_time) = self.shared.hub_time() {
            let offset = clock::now().millis_since(hub_time);
            status.clock_offset_ms = Some(offset);
            status.trouble = status.trouble.or(Trouble::of_clock(offset));
        }
        status
    }

    /// The next question of the hub for how the relay is.
    pub async fn question(&self) -> Question {
        self.answering.next().await
    }

    /// How the relay's accounts compare with the hub's.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }
}

/// What the link's owner works with.
struct Link {
    config: Config,
    spool: Spool,
    roster: Roster,
    ledger: Ledger,
    audit: Audit,
    shared: Arc<Shared>,
    cancel: CancellationToken,
    /// The numbers the first records since the program's start have.
    first: Mutex<ByLane<Seq>>,
    /// Where the hub that went last said it may be found.
    alternatives: Mutex<Vec<String>>,
    tickets: Tickets,
    erasures: Erasures,
    asking: Asking,
}

impl Link {
    /// The numbers the first records since the program's start have.
    fn first(&self) -> MutexGuard<'_, ByLane<Seq>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alternatives(&self) -> MutexGuard<'_, Vec<String>> {
        let alternatives = self.alternatives.lock();
        alternatives.unwrap_or_else(PoisonError::into_inner)
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
    let status = LinkStatus {
        state: LinkState::NotJoined,
        hub: config.hub.clone(),
        relay: None,
        since: clock::now(),
        carrier: None,
        rtt_ms: None,
        rate: None,
        loss_permille: None,
        is_bulk_paused: false,
        is_quiet: false,
        bandwidth_max: None,
        clock_offset_ms: None,
        last_ack_at: None,
        last_error: None,
        trouble: None,
        certificate_ends_at: None,
        generation: 0,
        connections: 0,
        early: 0,
        blocks_sent: 0,
        bytes_sent: 0,
        in_flight: 0,
        acked: [0; Lane::ALL.len()],
    };
    let shared = Arc::new(Shared {
        status: Mutex::new(status),
        hub_time: Mutex::default(),
    });
    let audit = Audit::default();
    let (asking, answering) = diagnosis::channel();
    let handle = Handle {
        answering,
        config: Arc::new(config.clone()),
        shared: Arc::clone(&shared),
        audit: audit.clone(),
    };
    let erasures = Erasures::default();
    tracker.spawn(erase::run(
        roster.clone(),
        spool.clone(),
        erasures.clone(),
        cancel.clone(),
    ));
    let first = Mutex::new(spool.lanes().map(|lane| lane.next));
    let link = Link {
        config,
        first,
        alternatives: Mutex::default(),
        tickets: Tickets::default(),
        erasures,
        asking,
        spool,
        roster,
        ledger,
        audit,
        shared,
        cancel,
    };
    // What was used before the start is used again, whether the hub is there or not.
    let _asked_for_later = dictionaries::settle(&link.roster, &link.spool);
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
    link.shared.set_state(LinkState::Closed, clock::now());
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
    let instance = random();
    let mut backoff = Backoff::default();
    let mut preference = Preference::default();
    let mut measured = Measured::default();
    let mut is_away = false;
    while !link.cancel.is_cancelled() {
        link.shared.set_state(LinkState::Connecting, clock::now());
        let start = Start {
            instance,
            epoch: link.spool.epoch(),
            acked: link.spool.lanes().map(|lane| lane.acked),
        };
        identity = match identity.begin(&link.config.dir, start).await {
            Ok(identity) => identity,
            Err(error) => {
                let text = error.to_string();
                tracing::warn!(error = text, "the relay's start cannot be noted, buffering");
                link.shared.lock().last_error = Some(text);
                drop(timeout(IDENTITY_INTERVAL, link.cancel.cancelled()).await);
                identity = wait_for_identity(link).await;
                continue;
            }
        };
        let hubs = present(link, &identity);
        let began = Instant::now();
        let peers = Peers {
            link,
            identity: &identity,
            hubs: &hubs,
        };
        let ended = connected(&peers, &mut preference, measured, &mut is_away).await;
        measured = ended.measured;
        if link.cancel.is_cancelled() {
            break;
        }
        link.shared.set_state(LinkState::Away, clock::now());
        note_end(link, &identity, &ended, &mut is_away);
        let is_recovered = ended.error.hub_code() == Some(CloseCode::Expired)
            && recover(link, &hubs, &identity).await;
        if ended.made_progress || is_recovered {
            backoff.reset();
        }
        let is_refusal = ended.error.is_refusal() && !is_recovered;
        let delay = backoff.next(is_refusal, random());
        tracing::debug!(
            delay_ms = delay.as_millis(),
            lasted_ms = began.elapsed().as_millis(),
            "connecting again"
        );
        identity = wait(link, delay, identity).await;
    }
}

/// Connects and serves the connection, and those that it moves to, until the last ends.
async fn connected(
    peers: &Peers<'_>,
    preference: &mut Preference,
    measured: Measured,
    is_away: &mut bool,
) -> Ended {
    let mut dialled = match dial(peers, preference, measured).await {
        Ok(dialled) => dialled,
        Err(error) => return Ended::before_welcome(error, measured),
    };
    let mut measured = measured;
    loop {
        preference.won(dialled.channel.carrier(), clock::monotonic());
        note_welcome(peers, &dialled, is_away);
        let mut ended = session::serve(peers, dialled, measured).await;
        measured = ended.measured;
        match ended.next.take() {
            Some(next) if !peers.link.cancel.is_cancelled() => dialled = next,
            _ => return ended,
        }
    }
}

async fn dial(
    peers: &Peers<'_>,
    preference: &Preference,
    measured: Measured,
) -> Result<Dialled, LinkError> {
    let Link { config, cancel, .. } = peers.link;
    let first = preference.first(config.quic_retry_interval.0, clock::monotonic());
    let plan = config.carrier.plan(first, config.tcp_delay.0);
    let dialled = cancel
        .run_until_cancelled(peers.dial(plan, measured, hubs::HUB_DELAY))
        .await;
    dialled.unwrap_or(Err(LinkError::Stopping))
}

fn note_welcome(peers: &Peers<'_>, dialled: &Dialled, is_away: &mut bool) {
    let Peers { link, identity, .. } = peers;
    let hub = &dialled.hub;
    let carrier = dialled.channel.carrier();
    let hub_time = dialled.welcome.hub_time;
    let now = clock::now();
    link.shared.set_state(LinkState::Connected, now);
    let mut status = link.shared.lock();
    status.connections += 1;
    status.early += u64::from(dialled.channel.was_early());
    status.hub = Some(hub.clone());
    status.last_error = None;
    status.carrier = Some(carrier);
    status.clock_offset_ms = Some(now.millis_since(hub_time));
    status.trouble = None;
    drop(status);
    link.shared.set_hub_time(hub_time);
    link.alternatives().clear();
    let carrier = carrier.name();
    tracing::info!(hub, relay.id = %identity.relay, carrier, was_away = *is_away, "connected to the hub");
    *is_away = false;
}

/// Says who the relay is, to whoever shows it and to the roster; gives where its hub is looked for.
fn present(link: &Link, identity: &Identity) -> Vec<String> {
    let hubs = hubs::in_order(&link.config, &identity.joined_at(), &link.alternatives());
    link.roster.belongs_to(identity.relay);
    let mut status = link.shared.lock();
    status.hub = hubs.first().cloned();
    status.relay = Some(identity.relay.to_string());
    status.certificate_ends_at = identity.validity().map(|(_, to)| to);
    status.generation = identity.generation;
    hubs
}

/// Gets another certificate in the place of one that has ended.
async fn recover(link: &Link, hubs: &[String], identity: &Identity) -> bool {
    for hub in hubs {
        let recovering = Box::pin(renew::recover(&link.config, hub, identity));
        match link.cancel.run_until_cancelled(recovering).await {
            None => return false,
            Some(Ok(())) => return true,
            Some(Err(error)) => {
                let error = error.to_string();
                tracing::debug!(hub, error, "ended certificate is not exchanged");
                link.shared.lock().last_error = Some(error);
            }
        }
    }
    false
}

/// Waits before the next attempt, no longer than until the relay has joined again; gives the
/// identity as it is then.
async fn wait(link: &Link, delay: Duration, identity: Identity) -> Identity {
    let until = Instant::now() + delay;
    let mut identity = identity;
    while !link.cancel.is_cancelled() {
        let left = until.saturating_duration_since(Instant::now());
        let turn = left.min(IDENTITY_INTERVAL);
        drop(timeout(turn, link.cancel.cancelled()).await);
        let before = identity.relay;
        if let Ok(loaded) = Identity::load(&link.config.dir).await {
            identity = loaded;
        }
        if identity.relay != before || Instant::now() >= until {
            break;
        }
    }
    identity
}

/// One line when an outage begins; what follows is for those who debug.
fn note_end(link: &Link, identity: &Identity, ended: &Ended, is_away: &mut bool) {
    let error = ended.error.to_string();
    let hub = link.shared.lock().hub.clone().unwrap_or_default();
    let relay = identity.relay;
    let now = clock::now();
    let is_foreign = ended.error.is_foreign();
    let trouble = Trouble::of_code(ended.error.hub_code(), identity.validity(), now)
        .or(is_foreign.then_some(Trouble::ForeignRegion));
    if *is_away {
        tracing::debug!(hub, error, "hub is still away");
    } else {
        *is_away = true;
        tracing::warn!(hub, relay.id = %relay, error, "hub is away, buffering");
    }
    let mut status = link.shared.lock();
    if let Some(trouble) = trouble
        && status.trouble != Some(trouble)
    {
        let remedy = trouble.remedy();
        tracing::warn!(relay.id = %relay, trouble = trouble.name(), remedy, "hub does not take this relay, buffering");
    }
    // What the hub said holds until it says otherwise.
    status.trouble = trouble.or(status.trouble);
    status.last_error = Some(error);
    status.in_flight = 0;
    status.carrier = None;
    status.rtt_ms = None;
}

/// Jitter needs no more than to differ between hosts.
fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX / 2)
}
