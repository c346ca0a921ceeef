//! One connection to the hub, from WELCOME to its end: the edge that does what the outbox says.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use protocol::block::ItemCount;
use protocol::ids::{Lane, Seq};
use protocol::outcome::{Account, Term, reason};
use protocol::unit::Bandwidth;
use protocol::wire::{Ack, DiagGet, Erased, Frame, Goaway, Ping};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::adapt::{Measured, Second, adapt};
use super::channel::{Carrier, Channel, PathFigures};
use super::detour::Detours;
use super::dial::Dialled;
use super::dictionaries;
use super::error::LinkError;
use super::flight;
use super::hubs::{self, Peers};
use super::outbox::{ByLane, Order, Outbox};
use super::path::PathState;
use super::renew::Renewal;
use super::report::{self, Reporter};
use super::{Link, told};
use crate::clock;
use crate::ledger::Ledger;
use crate::spool::{self, ReadOutcome, SpoolError};

/// A connection that lasted this long was one, even if nothing was to be sent.
const GOOD_CONNECTION: Duration = Duration::from_secs(30);
/// The part of the spool's bytes that may be under way.
const UNDER_WAY_SHARE: u64 = 4;
/// How often the path is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long the end of a connection looks for what the hub said last.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Most that it looks at: what is under way, and some more.
const LAST_WORDS_MAX: usize = 300;
/// How long a second is.
const SECOND: Duration = Duration::from_millis(990);
/// How a connection ended.
pub(super) struct Ended {
    pub(super) error: LinkError,
    /// Whether the next failure is the first again.
    pub(super) made_progress: bool,
    /// The connection that the link goes on with at once.
    pub(super) next: Option<Dialled>,
    /// What was measured of the link.
    pub(super) measured: Measured,
}

impl Ended {
    /// There was no connection.
    pub(super) const fn before_welcome(error: LinkError, measured: Measured) -> Self {
        Self {
            error,
            made_progress: false,
            next: None,
            measured,
        }
    }
}

type Acking = Pin<Box<dyn Future<Output = Result<(), SpoolError>> + Send>>;
struct Session<'a> {
    link: &'a Link,
    channel: Channel,
    outbox: Outbox,
    /// Where the outbox's time begins.
    began: Instant,
    acking: Option<Acking>,
    renewal: Renewal,
    /// What of each lane was delivered under another identity.
    floors: ByLane<Seq>,
    reporter: Reporter,
    detours: Detours<'a>,
    /// What the hub was told of erasures.
    erased: Vec<Erased>,
    next: Option<Dialled>,
    measured: Measured,
    /// What the path showed when the second began, and when that was.
    figures: (PathFigures, Instant),
}

/// Serves a connection until it ends or a better one is there.
pub(super) async fn serve(peers: &Peers<'_>, dialled: Dialled, measured: Measured) -> Ended {
    let link = peers.link;
    let Dialled {
        hub,
        channel,
        welcome,
    } = dialled;
    let now = Instant::now();
    if let Err(error) = told::go_on_behind(link, &welcome.cursors).await {
        let error = channel.close(error).await;
        return Ended::before_welcome(error, measured);
    }
    let detours = Detours::new(peers, (hub, channel.carrier()), &measured);
    let mut session = Session {
        link,
        channel,
        outbox: Outbox::new(
            &welcome.cursors,
            &link.spool.lanes(),
            welcome.window,
            link.config.window,
            Duration::ZERO,
        ),
        began: now,
        acking: None,
        renewal: Renewal::new(link.config.dir.clone(), peers.identity, &welcome),
        floors: Lane::ALL.map(|lane| peers.identity.floor(link.spool.epoch(), lane)),
        reporter: Reporter::default(),
        detours,
        erased: Vec::new(),
        next: None,
        measured,
        figures: (PathFigures::default(), now),
    };
    let rtt = session.channel.figures().rtt;
    session.measured.begin(rtt);
    session.outbox.begin(rtt, session.measured.carried());
    // What is under way does not give way to what is new: most of a small spool has to.
    session
        .outbox
        .cap(link.spool.status().bytes_max / UNDER_WAY_SHARE);
    link.spool.welcomed();
    report::welcomed(link, &welcome.cursors, &session.floors);
    told::welcomed(link, &welcome);
    let ended = match session.tell_notice().await {
        Ok(()) => match session.ask_for_dictionaries().await {
            Ok(()) => session.run().await,
            failed => failed,
        },
        failed => failed,
    };
    if matches!(&ended, Err(LinkError::Lost(_) | LinkError::Closed { .. })) {
        session.hear_last_words().await;
    }
    let made_progress = session.outbox.has_acks() || now.elapsed() >= GOOD_CONNECTION;
    let Session {
        channel,
        next,
        measured,
        ..
    } = session;
    let error = channel
        .close(ended.err().unwrap_or(LinkError::Stopping))
        .await;
    Ended {
        error,
        made_progress,
        next,
        measured,
    }
}

impl Session<'_> {
    async fn run(&mut self) -> Result<(), LinkError> {
        let mut changed = self.link.spool.changed();
        self.outbox.spool_changed(&self.link.spool.lanes());
        let _ = self.look();
        let report_interval = self.link.config.report_interval.0;
        let mut reports = ticks(report_interval.max(Duration::from_millis(100)));
        let mut looks = ticks(LOOK_INTERVAL);
        let mut drain_until: Option<Instant> = None;
        loop {
            self.obey().await?;
            self.begin_ack();
            self.show();
            if drain_until.is_some() && self.outbox.is_empty() && self.acking.is_none() {
                return self.leave().await;
            }
            let deadline = self.outbox.deadline().map(|at| self.began + at);
            tokio::select! {
                frame = self.channel.next() => self.take(frame?).await?,
                acked = next_ack(&mut self.acking) => {
                    self.acking = None;
                    note_ack(acked)?;
                    if report::compare_all(self.link) {
                        self.report().await?;
                    }
                }
                result = wait(&mut changed) => {
                    result?;
                    self.outbox.spool_changed(&self.link.spool.lanes());
                }
                () = self.renewal.due() => if let Some(request) = self.renewal.ask() {
                    self.channel.send(&request).await?;
                },
                _ = reports.tick() => self.report().await?,
                _ = looks.tick() => {
                    if self.look() != PathState::Lives {
                        self.knock().await?;
                    }
                    self.tell_notice().await?;
                    self.tell_erased().await?;
                }
                dialled = self.detours.next() => self.consider(dialled)?,
                // What is to be done then is the outbox's to say.
                () = sleep_to(deadline) => {}
                () = self.link.cancel.cancelled(), if drain_until.is_none() => {
                    drain_until = Some(Instant::now() + self.link.config.drain_timeout.0);
                }
                () = sleep_to(drain_until) => return self.leave().await,
            }
        }
    }

    /// Does what the outbox says, until it has nothing more to say.
    async fn obey(&mut self) -> Result<(), LinkError> {
        while let Some(order) = self.outbox.next(self.began.elapsed()) {
            match order {
                Order::Read { lane, from } => self.read(lane, from).await?,
                Order::Block { lane, bytes } => {
                    self.link.shared.count_block(bytes.len());
                    self.channel.send_block(lane, bytes).await?;
                }
                Order::Gap(gap) => {
                    told::note_unkept(&gap, &self.floors);
                    self.channel.send(&Frame::Gap(gap)).await?;
                }
                Order::CountRejected(counts) => count_rejected(&self.link.ledger, &counts),
                Order::GiveUp(why) => return Err(why.into()),
            }
        }
        Ok(())
    }

    async fn read(&mut self, lane: Lane, from: Seq) -> Result<(), LinkError> {
        let floor = self.floors.get(lane.index()).copied().unwrap_or_default();
        let read = if from <= floor {
            Ok(ReadOutcome::Gap(elsewhere(from, floor)))
        } else {
            self.link.spool.read(lane, from).await
        };
        match read {
            Ok(read) => self.outbox.was_read(lane, read, self.began.elapsed()),
            Err(SpoolError::Closed) => return Err(SpoolError::Closed.into()),
            Err(error) => {
                tracing::debug!(%lane, seq = from.0, %error, "block is not readable");
                self.outbox.was_not_readable(lane);
            }
        }
        Ok(())
    }

    /// Shows how far the hub is.
    fn note_acked(&self, ack: &Ack) {
        let mut status = self.link.shared.lock();
        status.last_ack_at = Some(clock::now());
        if let Some(acked) = status.acked.get_mut(ack.lane.index()) {
            *acked = ack.upto.0.max(*acked);
        }
    }

    /// Where the hub may be found may be said and unread when something else finds the connection
    /// closed.
    async fn hear_last_words(&mut self) {
        for _ in 0..LAST_WORDS_MAX {
            match timeout(LAST_WORDS, self.channel.next()).await {
                Ok(Ok(Frame::Goaway(last))) => {
                    hubs::note_alternatives(self.link, last.alternatives);
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), LinkError> {
        match frame {
            Frame::Ack(ack) => {
                let now = self.began.elapsed();
                self.outbox.acked(ack.lane, ack.upto, now)?;
                self.note_acked(&ack);
                if report::acked(self.link, &ack) {
                    self.report().await?;
                }
            }
            Frame::Nack(nack) => {
                let (lane, seq) = (nack.lane, nack.first_seq.0);
                let (verdict, reason) = (nack.verdict, nack.reason.as_str());
                tracing::warn!(%lane, seq, ?verdict, reason, "hub refused a block");
                self.outbox.nacked(&nack)?;
            }
            Frame::Credit(credit) => self.outbox.credited(credit.window),
            // The lanes went on behind these cursors already: the welcome names the same.
            Frame::Rewind(rewind) => told::note_rewind(&rewind),
            Frame::Config(roster) => {
                let status = told::apply(self.link, roster).await;
                self.channel.send(&Frame::ConfigStatus(status)).await?;
                self.ask_for_dictionaries().await?;
            }
            Frame::Dict(dict) => dictionaries::take(self.link, dict).await,
            Frame::DiagGet(DiagGet { nonce }) => {
                if let Some(answer) = self.link.asking.ask(nonce).await {
                    self.channel.send(&Frame::Diag(answer)).await?;
                }
            }
            Frame::DictGet(asked) => {
                if let Some(answer) = dictionaries::answer(asked) {
                    self.channel.send(&answer).await?;
                }
            }
            Frame::Goaway(Goaway {
                reason,
                alternatives,
                ..
            }) => {
                tracing::debug!(reason, "hub is about to close");
                hubs::note_alternatives(self.link, alternatives);
                self.outbox.hub_is_leaving();
            }
            Frame::Ping(Ping { nonce, answer }) if !answer => {
                let pong = Ping {
                    nonce,
                    answer: true,
                };
                self.channel.send(&Frame::Ping(pong)).await?;
            }
            // The path lives: no other way is needed.
            Frame::Ping(_) => {
                self.look();
            }
            Frame::Cert(cert) => {
                if let Some(kept) = self.renewal.take(cert).await {
                    self.channel.send(&kept).await?;
                }
            }
            Frame::Error(error) => self.renewal.refused(&error),
            other => return Err(LinkError::Unexpected(other.name())),
        }
        Ok(())
    }

    /// Asks for what the roster names and the spool does not have.
    async fn ask_for_dictionaries(&mut self) -> Result<(), LinkError> {
        for asking in dictionaries::missing(self.link).await {
            self.channel.send(&asking).await?;
        }
        Ok(())
    }

    /// Says when a roster that was taken did not hold. The hub keeps it from the others then.
    async fn tell_notice(&mut self) -> Result<(), LinkError> {
        match self.link.roster.take_notice() {
            Some(notice) => self.channel.send(&Frame::ConfigStatus(notice)).await,
            None => Ok(()),
        }
    }

    /// Says what was erased, as far as this hub does not know.
    async fn tell_erased(&mut self) -> Result<(), LinkError> {
        let receipts = self.link.erasures.receipts();
        for receipt in receipts.iter().filter(|one| !self.erased.contains(one)) {
            self.channel.send(&Frame::Erased(*receipt)).await?;
        }
        self.erased = receipts;
        Ok(())
    }

    async fn report(&mut self) -> Result<(), LinkError> {
        let figures = self.channel.figures();
        let path = report::Path {
            rtt: figures.rtt,
            carrier: self.channel.carrier(),
            loss_ppm: figures.loss_ppm(),
        };
        let report = self.reporter.make(self.link, &path).await;
        self.channel.send(&Frame::Report(report)).await
    }

    /// Tells the spool of one lane's acknowledgements; those that come meanwhile go together.
    fn begin_ack(&mut self) {
        if self.acking.is_some() {
            return;
        }
        if let Some((lane, upto)) = self.outbox.take_ack() {
            let spool = self.link.spool.clone();
            self.acking = Some(Box::pin(async move { spool.ack(lane, upto).await }));
        }
    }

    /// Asks a silent hub for a word. QUIC tries a silent path ever more rarely, and would sleep
    /// through the seconds in which one that comes and goes is there: what was under way would be
    /// sent again on another connection.
    async fn knock(&mut self) -> Result<(), LinkError> {
        // Behind more it would wait for the hub itself, and this task with it.
        let has_room = self.outbox.bytes_in_flight() < flight::BYTES_MAX / 2;
        if self.channel.carrier() != Carrier::Quic || !has_room {
            return Ok(());
        }
        let knock = Ping {
            nonce: 0,
            answer: false,
        };
        self.channel.send(&Frame::Ping(knock)).await
    }

    /// Looks at what may change while the connection lasts; gives what the path shows.
    fn look(&mut self) -> PathState {
        let since = self.began.elapsed();
        let (config, now) = (&self.link.config, clock::now());
        let told = self.link.roster.link(now);
        let limits = told.stricter(&config.limits());
        let is_quiet = limits.is_quiet(now);
        self.outbox.allow(config.quiet_lanes.lanes(is_quiet));
        self.outbox
            .set_bandwidth(limits.bandwidth_max.map(Bandwidth), since);
        {
            let mut state = self.link.shared.lock();
            state.is_quiet = is_quiet;
            state.bandwidth_max = limits.bandwidth_max;
        }
        let figures = self.channel.figures();
        if self.figures.1.elapsed() >= SECOND {
            self.measure(figures, since);
        }
        let is_owed = !self.outbox.is_empty();
        self.detours.look(figures, is_owed, self.measured)
    }

    /// Lets the sender follow what the last second showed.
    fn measure(&mut self, figures: PathFigures, since: Duration) {
        let (before, _) = self.figures;
        self.figures = (figures, Instant::now());
        let second = Second {
            sent: figures.sent.saturating_sub(before.sent),
            lost: figures.lost.saturating_sub(before.lost),
            heard: figures.heard.saturating_sub(before.heard),
            ..self.outbox.take_second(figures.rtt, since)
        };
        let adapted = adapt(&mut self.measured, &second);
        self.detours.note_second(figures.rtt, second.was_full);
        tracing::trace!(
            acked = second.acked,
            latency = ?second.latency,
            oldest = ?second.oldest,
            full = second.was_full,
            rate = self.measured.rate,
            rtt = ?figures.rtt,
            cwnd = figures.cwnd,
            under_way = self.outbox.bytes_in_flight(),
            "a second of the link"
        );
        self.outbox.adapt(adapted);
        let mut status = self.link.shared.lock();
        status.rate = self.measured.rate;
        status.loss_permille = self.measured.loss_permille;
        status.is_bulk_paused = adapted.is_bulk_paused;
    }

    /// Goes on with the other way, if it is one.
    fn consider(&mut self, dialled: Result<Dialled, LinkError>) -> Result<(), LinkError> {
        match dialled {
            Ok(dialled) => {
                self.next = Some(dialled);
                Err(LinkError::Moved)
            }
            Err(error) => {
                tracing::debug!(%error, "no other way to the hub");
                Ok(())
            }
        }
    }

    fn show(&self) {
        let rtt = self.channel.figures().rtt;
        let mut status = self.link.shared.lock();
        status.rtt_ms = Some(u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX));
        status.in_flight = u32::try_from(self.outbox.in_flight()).unwrap_or(u32::MAX);
    }

    /// The last word: how the relay is, and that it goes.
    async fn leave(&mut self) -> Result<(), LinkError> {
        self.report().await?;
        let goaway = Goaway {
            reason: "stopping".to_owned(),
            drain_ms: 0,
            alternatives: Vec::new(),
        };
        self.channel.send(&Frame::Goaway(goaway)).await?;
        self.channel.finish().await;
        Ok(())
    }
}

/// Records that were delivered under another identity.
const fn elsewhere(from: Seq, to: Seq) -> spool::Gap {
    spool::Gap {
        from,
        to,
        reason: spool::GapReason::Acknowledged,
    }
}

fn count_rejected(ledger: &Ledger, counts: &[ItemCount]) {
    ledger.count_all(counts.iter().map(|count| {
        let account = Account {
            project: Some(count.project),
            category: count.category,
            term: Term::Rejected,
            reason: reason::POISON.into(),
        };
        (account, count.n)
    }));
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Ends at a time; never, when there is none.
async fn sleep_to(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn wait(changed: &mut watch::Receiver<u64>) -> Result<(), LinkError> {
    let changed = changed.changed().await;
    changed.map_err(|_| LinkError::Spool(SpoolError::Closed))
}

/// Ends when the spool has noted an acknowledgement; never, when there is none to note.
async fn next_ack(acking: &mut Option<Acking>) -> Result<(), SpoolError> {
    match acking {
        Some(acking) => acking.await,
        None => std::future::pending().await,
    }
}

/// A cursor that is not durable costs no more than sending again.
fn note_ack(acked: Result<(), SpoolError>) -> Result<(), LinkError> {
    match acked {
        Err(SpoolError::Closed) => Err(SpoolError::Closed.into()),
        Err(error) => {
            tracing::debug!(%error, "acknowledgement is not noted");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
