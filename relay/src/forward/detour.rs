//! Other ways to the hub that are tried while a connection lasts: when its path seems lost, when
//! QUIC may pass again, when the preferred address may be back, when QUIC would find its rate
//! better on a connection of its own.
//!
//! The connection is left for another only when the hub has welcomed the relay there.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::adapt::Measured;
use super::channel::{Carrier, PathFigures};
use super::dial::{Dialled, Plan};
use super::error::LinkError;
use super::hubs::{HUB_DELAY, Peers, RESCUE_DELAY};
use super::identity::Identity;
use super::path::{PathLength, PathState, PathWatch};
use super::{Config, Congestion};

/// How long the path is left alone after another way was tried in vain.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a connection lasts, at least, before it is given up for one that finds its rate better.
const SWITCH_INTERVAL: Duration = Duration::from_secs(30);

type Dialling<'a> = Pin<Box<dyn Future<Output = Result<Dialled, LinkError>> + Send + 'a>>;

/// One other way that is being tried.
struct Detour<'a> {
    dialling: Dialling<'a>,
    /// Because the path seems lost; given up when it is not.
    is_rescue: bool,
}

/// What is tried, and when.
pub(super) struct Detours<'a> {
    peers: &'a Peers<'a>,
    began: Instant,
    /// The address that the hub welcomed the relay at, and what carries the connection.
    at: (String, Carrier),
    path: PathWatch,
    length: PathLength,
    under_way: Option<Detour<'a>>,
    /// Not before then another way is tried again.
    rescue_at: Instant,
    /// When QUIC is tried again, if TCP carries the link.
    retry_quic_at: Instant,
    /// When the preferred address is tried again, if this is another.
    retry_hub_at: Instant,
    /// How QUIC finds its rate on this connection.
    congestion: Congestion,
    /// Not before then another connection is made for another way to find it.
    switch_at: Instant,
}

impl<'a> Detours<'a> {
    pub(super) fn new(peers: &'a Peers<'a>, at: (String, Carrier), measured: &Measured) -> Self {
        let (config, now) = (&peers.link.config, Instant::now());
        Self {
            peers,
            began: now,
            at,
            path: PathWatch::new(Duration::ZERO),
            length: PathLength::default(),
            under_way: None,
            rescue_at: now,
            retry_quic_at: now + config.quic_retry_interval.0,
            retry_hub_at: now + config.hub_retry_interval.0,
            congestion: config.congestion.resolve(measured),
            switch_at: now + SWITCH_INTERVAL,
        }
    }

    /// Notes the round trip of a second, and whether more waited in it than could go.
    pub(super) fn note_second(&mut self, rtt: Duration, was_full: bool) {
        self.length.note(rtt, was_full);
    }

    /// Begins another way when there is reason to; gives what the path shows. `is_owed` is whether
    /// the hub has something to answer.
    pub(super) fn look(
        &mut self,
        figures: PathFigures,
        is_owed: bool,
        measured: Measured,
    ) -> PathState {
        let now = Instant::now();
        // Over TCP no more is heard than the hub itself says, in its own time.
        let is_owed = is_owed && self.at.1 == Carrier::Quic;
        let state = self.path.note(figures, is_owed, self.began.elapsed());
        let is_suspect = match state {
            PathState::Lives => false,
            // Elsewhere a hub may be that lives; where there is one alone, patience costs less than
            // dialling it again.
            PathState::Owes => self.peers.hubs.len() > 1,
            PathState::Silent => true,
        };
        let config = self.config();
        match &self.under_way {
            Some(detour) if detour.is_rescue && !is_suspect => self.under_way = None,
            Some(_) => {}
            None if is_suspect && now >= self.rescue_at => {
                tracing::debug!("hub is silent, looking for another way");
                let plan = config.carrier.plan_of_rescue();
                self.begin(plan, self.peers.hubs.to_vec(), true, measured);
            }
            None if self.is_elsewhere() && now >= self.retry_hub_at => {
                self.retry_hub_at = now + config.hub_retry_interval.0;
                let plan = config.carrier.plan_of_rescue();
                let preferred = self.peers.preferred().to_owned();
                self.begin(plan, vec![preferred], false, measured);
            }
            None if self.retries_quic() && now >= self.retry_quic_at => {
                self.retry_quic_at = now + config.quic_retry_interval.0;
                self.begin_quic(measured);
            }
            None if self.is_misled(&measured) && now >= self.switch_at => {
                self.switch_at = now + SWITCH_INTERVAL;
                self.begin_quic(measured);
            }
            None => {}
        }
        state
    }

    /// Ends when the other way is there or is none; never, when none is tried. Dropping the future
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Result<Dialled, LinkError> {
        let dialled = match &mut self.under_way {
            Some(detour) => (&mut detour.dialling).await,
            None => std::future::pending().await,
        };
        self.under_way = None;
        if dialled.is_err() {
            self.rescue_at = Instant::now() + PAUSE;
        }
        dialled
    }

    const fn config(&self) -> &'a Config {
        &self.peers.link.config
    }

    /// Whether this is not the preferred address.
    fn is_elsewhere(&self) -> bool {
        self.at.0 != self.peers.preferred()
    }

    fn retries_quic(&self) -> bool {
        self.at.1 == Carrier::Tcp && self.config().carrier.is_auto()
    }

    /// Whether the link has proved to be one on which QUIC finds its rate in another way, or has
    /// become another.
    fn is_misled(&self, measured: &Measured) -> bool {
        let better = self.config().congestion.resolve(measured);
        let is_quic = self.at.1 == Carrier::Quic;
        let is_another = self.congestion == Congestion::Bbr && self.length.is_another();
        is_quic && measured.rate.is_some() && (is_another || better != self.congestion)
    }

    fn begin_quic(&mut self, measured: Measured) {
        let hub = self.at.0.clone();
        self.begin(Plan::Only(Carrier::Quic), vec![hub], false, measured);
    }

    fn begin(&mut self, plan: Plan, hubs: Vec<String>, is_rescue: bool, measured: Measured) {
        let peers = self.peers;
        let delay = if is_rescue { RESCUE_DELAY } else { HUB_DELAY };
        let dialling: Dialling<'a> = Box::pin(async move {
            // The certificate may have been renewed since the connection was made.
            let identity = Identity::load(&peers.link.config.dir).await?;
            let peers = Peers {
                identity: &identity,
                hubs: &hubs,
                ..*peers
            };
            peers.dial(plan, measured, delay).await
        });
        self.under_way = Some(Detour {
            dialling,
            is_rescue,
        });
    }
}
