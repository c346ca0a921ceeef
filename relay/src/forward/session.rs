//! One connection to the hub, from HELLO to its end.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::block::{DictId, ItemCount};
use protocol::ids::{Lane, Seq};
use protocol::outcome::{Account, Term, reason};
use protocol::roster::RosterBundle;
use protocol::wire::{
    Backlog, CloseCode, ConfigStatus, Frame, Gap, GapReason, Goaway, Hello, LaneState, Nack, PROTO,
    Ping, Report, Total, Verdict, Welcome, WireError,
};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::flight::Flight;
use super::identity::Identity;
use super::tls::{ConnectError, connect, link_config};
use super::turns::Turns;
use super::{Config, LinkState, Shared};
use crate::clock;
use crate::ledger::Ledger;
use crate::roster::Roster;
use crate::spool::{ReadOutcome, Spool, SpoolError};

/// How long the hub may take for its first frame, and the relay to write one.
const FRAME_TIMEOUT: Duration = Duration::from_secs(10);
/// A hub that acknowledges nothing for this long, although blocks are under way, is given up.
const ACK_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection that lasted this long was one, even if nothing was to be sent.
const GOOD_CONNECTION: Duration = Duration::from_secs(30);
/// How long the end of a connection waits for the hub to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Most bytes taken from the control stream at once.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// What the link's owner works with.
pub(super) struct Link {
    pub(super) config: Config,
    pub(super) spool: Spool,
    pub(super) roster: Roster,
    pub(super) ledger: Ledger,
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
}

/// How a connection ended.
pub(super) struct Ended {
    pub(super) error: LinkError,
    /// Whether the next failure is the first again.
    pub(super) made_progress: bool,
}

/// Why a connection ended, or did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("hub closed the connection: {reason}")]
    Closed {
        /// The code, when it is a known one.
        code: Option<CloseCode>,
        reason: String,
    },
    #[error("connection lost: {0}")]
    Lost(ConnectionError),
    #[error("hub's bytes are no frames: {0}")]
    Wire(#[from] WireError),
    #[error("hub sent an unexpected {0}")]
    Unexpected(&'static str),
    #[error("hub speaks version {0} of the link, this relay {PROTO}")]
    Version(u16),
    #[error("hub did not answer in time")]
    Timeout,
    #[error("hub cannot take blocks at the moment")]
    Busy,
    #[error("spool: {0}")]
    Spool(#[from] SpoolError),
    #[error("relay is stopping")]
    Stopping,
}

impl LinkError {
    /// Whether the hub will not change its mind soon.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Closed { code, .. } => matches!(
                code,
                Some(CloseCode::UnknownRelay | CloseCode::Revoked | CloseCode::Version)
            ),
            _ => false,
        }
    }

    /// What the hub is told.
    const fn close_code(&self) -> CloseCode {
        match self {
            Self::Wire(_) | Self::Unexpected(_) => CloseCode::BadFrame,
            Self::Version(_) => CloseCode::Version,
            Self::Timeout => CloseCode::Timeout,
            _ => CloseCode::Done,
        }
    }

    fn from_connection(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Closed {
                code: CloseCode::from_code(close.error_code.into_inner()),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            other => Self::Lost(other),
        }
    }
}

/// Something sent that the hub has not acknowledged.
struct InFlight {
    first: Seq,
    last: Seq,
    bytes: u64,
    sent_at: Instant,
    counts: Vec<ItemCount>,
    /// The hub refused it for good; it is counted when the hub has gone past it.
    is_rejected: bool,
}

/// A lane of this connection.
struct LaneOut {
    /// The next record to send.
    next: Seq,
    in_flight: VecDeque<InFlight>,
    /// Nothing to read until the spool changes.
    is_idle: bool,
    /// What the spool is still to be told.
    to_ack: Option<Seq>,
}

type Acking = Pin<Box<dyn Future<Output = Result<(), SpoolError>> + Send>>;

struct Session<'a> {
    link: &'a Link,
    connection: Connection,
    control: SendStream,
    lanes: [LaneOut; Lane::ALL.len()],
    turns: Turns,
    flight: Flight,
    sending: JoinSet<Result<(), ConnectionError>>,
    acking: Option<Acking>,
    last_ack: Instant,
    has_acks: bool,
    /// The hub takes no more on this connection.
    is_hub_leaving: bool,
}

/// Connects and serves the connection until it ends.
pub(super) async fn run(link: &Link, identity: &Identity, hub: &str, is_away: &mut bool) -> Ended {
    let failed = |error| Ended {
        error,
        made_progress: false,
    };
    let config = match link_config(identity, link.config.congestion) {
        Ok(config) => config,
        Err(error) => return failed(error.into()),
    };
    let connecting = connect(hub, &config);
    let (endpoint, connection) = match link.cancel.run_until_cancelled(connecting).await {
        None => return failed(LinkError::Stopping),
        Some(Err(ConnectError::Refused(error))) => {
            return failed(LinkError::from_connection(error));
        }
        Some(Err(error)) => return failed(error.into()),
        Some(Ok(connected)) => connected,
    };
    let began = Instant::now();
    let mut has_acks = false;
    let ended = serve(link, identity, &connection, hub, is_away, &mut has_acks).await;
    // A stream's error says less than the connection's.
    let error = match (ended, connection.close_reason()) {
        (Err(LinkError::Lost(_)), Some(reason)) => LinkError::from_connection(reason),
        (Err(error), _) => error,
        (Ok(()), _) => LinkError::Stopping,
    };
    let code = error.close_code();
    connection.close(VarInt::from_u32(code.code()), code.reason().as_bytes());
    drop(timeout(CLOSE_TIMEOUT, endpoint.wait_idle()).await);
    Ended {
        error,
        made_progress: has_acks || began.elapsed() >= GOOD_CONNECTION,
    }
}

async fn serve(
    link: &Link,
    identity: &Identity,
    connection: &Connection,
    hub: &str,
    is_away: &mut bool,
    has_acks: &mut bool,
) -> Result<(), LinkError> {
    let (mut control, answers) = connection.open_bi().await.map_err(LinkError::Lost)?;
    let mut answers = FrameReader::new(answers);
    send(&mut control, &hello(link, identity)).await?;
    let welcome = timeout(FRAME_TIMEOUT, answers.next()).await;
    let Frame::Welcome(welcome) = welcome.map_err(|_| LinkError::Timeout)?? else {
        return Err(LinkError::Unexpected("frame before Welcome"));
    };
    if welcome.proto != PROTO {
        return Err(LinkError::Version(welcome.proto));
    }
    let now = clock::now();
    link.shared.set_state(LinkState::Connected, now);
    {
        let mut status = link.shared.lock();
        status.connections += 1;
        status.last_error = None;
        status.clock_offset_ms = Some(now.millis_since(welcome.hub_time));
    }
    tracing::info!(hub, relay.id = %identity.relay, was_away = *is_away, "connected to the hub");
    *is_away = false;
    let mut session = Session {
        link,
        connection: connection.clone(),
        control,
        lanes: lanes(link, &welcome),
        turns: Turns::default(),
        flight: Flight::new(usize::from(
            welcome.window.clamp(1, link.config.window.max(1)),
        )),
        sending: JoinSet::new(),
        acking: None,
        last_ack: Instant::now(),
        has_acks: false,
        is_hub_leaving: false,
    };
    let ended = session.run(answers).await;
    *has_acks = session.has_acks;
    ended
}

fn hello(link: &Link, identity: &Identity) -> Frame {
    let lanes = Lane::ALL.into_iter().zip(link.spool.lanes());
    Frame::Hello(Hello {
        proto_min: PROTO,
        proto_max: PROTO,
        relay: identity.relay,
        epoch: link.spool.epoch(),
        lanes: lanes
            .map(|(lane, state)| LaneState {
                lane,
                oldest: state.oldest,
                next: state.next,
                bytes: state.bytes,
            })
            .collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roster_version: link.roster.version(),
        dicts: vec![DictId::NONE.0, DictId::BUILT_IN.0],
        wall: clock::now(),
        capabilities: Vec::new(),
    })
}

/// Every lane goes on behind the hub's cursor, whatever was acknowledged before: the hub's word
/// holds, also after it was restored from a backup.
fn lanes(link: &Link, welcome: &Welcome) -> [LaneOut; Lane::ALL.len()] {
    let states = link.spool.lanes();
    Lane::ALL.map(|lane| {
        let cursor = welcome.cursors.iter().find(|cursor| cursor.lane == lane);
        let upto = cursor.map(|cursor| cursor.upto).unwrap_or_default();
        let acked = states.get(lane.index()).map(|state| state.acked);
        LaneOut {
            next: Seq(upto.0.saturating_add(1)),
            in_flight: VecDeque::new(),
            is_idle: false,
            to_ack: (Some(upto) > acked).then_some(upto),
        }
    })
}

impl Session<'_> {
    async fn run(&mut self, mut answers: FrameReader) -> Result<(), LinkError> {
        let mut changed = self.link.spool.changed();
        let mut reports = interval(
            self.link
                .config
                .report_interval
                .0
                .max(Duration::from_millis(100)),
        );
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drain_until: Option<Instant> = None;
        loop {
            self.fill().await?;
            self.begin_ack();
            self.show();
            if drain_until.is_some() && self.flight.is_empty() && self.acking.is_none() {
                return self.leave().await;
            }
            let give_up = self.last_ack + ACK_TIMEOUT;
            let drained = drain_until.unwrap_or(give_up);
            tokio::select! {
                frame = answers.next() => self.take(frame?).await?,
                Some(sent) = self.sending.join_next() => match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(LinkError::Lost(error)),
                    Err(_) => return Err(LinkError::Stopping),
                },
                acked = next_ack(&mut self.acking) => {
                    self.acking = None;
                    note_ack(acked)?;
                }
                result = wait(&mut changed) => {
                    result?;
                    self.lanes.iter_mut().for_each(|lane| lane.is_idle = false);
                }
                _ = reports.tick() => self.report().await?,
                () = sleep_until(give_up), if !self.flight.is_empty() => {
                    return Err(LinkError::Timeout);
                }
                () = self.link.cancel.cancelled(), if drain_until.is_none() => {
                    drain_until = Some(Instant::now() + self.link.config.drain_timeout.0);
                }
                () = sleep_until(drained), if drain_until.is_some() => return self.leave().await,
            }
        }
    }

    /// Sends blocks while there is room and there are any.
    async fn fill(&mut self) -> Result<(), LinkError> {
        while self.flight.has_room() && !self.is_hub_leaving {
            let waiting = self.waiting();
            let Some(lane) = self.turns.pick(waiting) else {
                break;
            };
            let bytes = self.send_next(lane).await?;
            self.turns.sent(lane, bytes, waiting);
        }
        Ok(())
    }

    /// The lanes that have something to send.
    fn waiting(&self) -> [bool; Lane::ALL.len()] {
        let states = self.link.spool.lanes();
        let mut waiting = [false; Lane::ALL.len()];
        for ((waits, lane), state) in waiting.iter_mut().zip(&self.lanes).zip(states) {
            *waits = !lane.is_idle && lane.next < state.next;
        }
        waiting
    }

    /// Sends what stands next in a lane; gives its bytes.
    async fn send_next(&mut self, lane: Lane) -> Result<u64, LinkError> {
        let Some(out) = self.lanes.get_mut(lane.index()) else {
            return Ok(0);
        };
        let read = match self.link.spool.read(lane, out.next).await {
            Ok(read) => read,
            Err(SpoolError::Closed) => return Err(SpoolError::Closed.into()),
            Err(error) => {
                // The other lanes go on; this one when the spool has changed.
                tracing::debug!(%lane, seq = out.next.0, %error, "block is not readable");
                out.is_idle = true;
                return Ok(0);
            }
        };
        let mut in_flight = InFlight {
            first: out.next,
            last: out.next,
            bytes: 0,
            sent_at: Instant::now(),
            counts: Vec::new(),
            is_rejected: false,
        };
        match read {
            ReadOutcome::Empty => {
                out.is_idle = true;
                return Ok(0);
            }
            ReadOutcome::Gap(gap) => {
                in_flight.last = gap.to;
                let gap = Frame::Gap(Gap {
                    lane,
                    from: out.next,
                    upto: gap.to,
                    reason: GapReason::Lost,
                });
                send(&mut self.control, &gap).await?;
            }
            ReadOutcome::Block { head, bytes } => {
                in_flight.first = head.first_seq;
                in_flight.last = head.last_seq();
                in_flight.bytes = bytes.len() as u64;
                in_flight.counts = head.counts;
                let header = Frame::batch_header(bytes.len())?;
                let block = send_block(self.connection.clone(), lane, header, bytes);
                self.sending.spawn(block);
                let mut status = self.link.shared.lock();
                status.blocks_sent += 1;
                status.bytes_sent += in_flight.bytes;
            }
        }
        let bytes = in_flight.bytes;
        if self.flight.is_empty() {
            self.last_ack = Instant::now();
        }
        out.next = in_flight.last.next();
        out.in_flight.push_back(in_flight);
        self.flight.sent(bytes);
        Ok(bytes)
    }

    async fn take(&mut self, frame: Frame) -> Result<(), LinkError> {
        match frame {
            Frame::Ack(ack) => self.acked(ack.lane, ack.upto),
            Frame::Nack(nack) => self.refused(nack).await,
            Frame::Credit(credit) => {
                let most = self.link.config.window.max(1);
                self.flight
                    .set_blocks_max(usize::from(credit.window.min(most)));
                Ok(())
            }
            Frame::Config(config) => self.apply(config.roster).await,
            Frame::Goaway(Goaway { reason, .. }) => {
                tracing::debug!(reason, "hub is about to close");
                self.is_hub_leaving = true;
                Ok(())
            }
            Frame::Ping(Ping { nonce, answer }) if !answer => {
                let pong = Ping {
                    nonce,
                    answer: true,
                };
                send(&mut self.control, &Frame::Ping(pong)).await
            }
            Frame::Ping(_) => Ok(()),
            other => Err(LinkError::Unexpected(other.name())),
        }
    }

    fn acked(&mut self, lane: Lane, upto: Seq) -> Result<(), LinkError> {
        let Some(out) = self.lanes.get_mut(lane.index()) else {
            return Ok(());
        };
        if upto >= out.next {
            return Err(LinkError::Unexpected(
                "acknowledgement of what was not sent",
            ));
        }
        while let Some(done) = out.in_flight.pop_front_if(|sent| sent.last <= upto) {
            self.flight.acked(done.bytes, done.sent_at.elapsed());
            if done.is_rejected {
                count_rejected(&self.link.ledger, &done.counts);
            }
        }
        self.has_acks = true;
        self.last_ack = Instant::now();
        out.to_ack = out.to_ack.max(Some(upto));
        let mut status = self.link.shared.lock();
        status.last_ack_at = Some(clock::now());
        if let Some(acked) = status.acked.get_mut(lane.index()) {
            *acked = upto.0.max(*acked);
        }
        Ok(())
    }

    /// A block that the hub will never apply is given up, so that those behind it proceed.
    async fn refused(&mut self, nack: Nack) -> Result<(), LinkError> {
        let (lane, reason) = (nack.lane, nack.reason);
        if let Verdict::RetryAfterMillis(_) = nack.verdict {
            return Err(LinkError::Busy);
        }
        let Some(out) = self.lanes.get_mut(lane.index()) else {
            return Ok(());
        };
        let refused = out
            .in_flight
            .iter_mut()
            .find(|sent| sent.first == nack.first_seq);
        let Some(refused) = refused else {
            return Ok(());
        };
        tracing::warn!(%lane, seq = refused.first.0, reason, "hub refused a block for good");
        refused.is_rejected = true;
        let gap = Gap {
            lane,
            from: refused.first,
            upto: refused.last,
            reason: GapReason::Rejected,
        };
        send(&mut self.control, &Frame::Gap(gap)).await
    }

    /// Puts a roster in force; one that is refused leaves the one before.
    async fn apply(&mut self, bundle: RosterBundle) -> Result<(), LinkError> {
        let version = bundle.version;
        let roster = self.link.roster.clone();
        let applied = tokio::task::spawn_blocking(move || roster.apply(bundle)).await;
        let refused = match applied {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(gone) => Some(gone.to_string()),
        };
        if let Some(reason) = &refused {
            tracing::warn!(
                roster.version = version,
                reason,
                "roster of the hub is refused"
            );
        }
        let status = ConfigStatus { version, refused };
        send(&mut self.control, &Frame::ConfigStatus(status)).await
    }

    async fn report(&mut self) -> Result<(), LinkError> {
        let rtt = self.connection.rtt();
        let report = report(self.link, rtt);
        send(&mut self.control, &Frame::Report(report)).await
    }

    /// Tells the spool of one lane's acknowledgements; those that come meanwhile go together.
    fn begin_ack(&mut self) {
        if self.acking.is_some() {
            return;
        }
        for (lane, out) in Lane::ALL.into_iter().zip(&mut self.lanes) {
            if let Some(upto) = out.to_ack.take() {
                let spool = self.link.spool.clone();
                self.acking = Some(Box::pin(async move { spool.ack(lane, upto).await }));
                return;
            }
        }
    }

    fn show(&self) {
        let rtt = u32::try_from(self.connection.rtt().as_millis()).unwrap_or(u32::MAX);
        let mut status = self.link.shared.lock();
        status.rtt_ms = Some(rtt);
        status.in_flight = u32::try_from(self.flight.blocks()).unwrap_or(u32::MAX);
    }

    /// The last word: how the relay is, and that it goes.
    async fn leave(&mut self) -> Result<(), LinkError> {
        self.report().await?;
        let goaway = Goaway {
            reason: "stopping".to_owned(),
            drain_ms: 0,
        };
        send(&mut self.control, &Frame::Goaway(goaway)).await?;
        // Closing throws away what the hub has not received yet.
        if self.control.finish().is_ok() {
            drop(timeout(CLOSE_TIMEOUT, self.control.stopped()).await);
        }
        Ok(())
    }
}

/// Sends one block on a stream of its own; the more important the lane, the earlier.
async fn send_block(
    connection: Connection,
    lane: Lane,
    header: Bytes,
    block: Bytes,
) -> Result<(), ConnectionError> {
    let mut stream = connection.open_uni().await?;
    let priority = i32::try_from(lane.index()).map_or(i32::MIN, |place| -place);
    // These fail only with the connection, which the owner hears of by itself.
    if stream.set_priority(priority).is_err() {
        return Ok(());
    }
    let written = stream.write_all_chunks(&mut [header, block]).await;
    match (written, connection.close_reason()) {
        (Err(_), Some(reason)) => Err(reason),
        (Err(_), None) => Err(ConnectionError::Reset),
        (Ok(()), _) => {
            drop(stream.finish());
            Ok(())
        }
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

fn report(link: &Link, rtt: Duration) -> Report {
    let status = link.spool.status();
    let lanes = Lane::ALL.into_iter().zip(status.lanes);
    let totals = link.ledger.totals().into_iter().take(Report::TOTALS_MAX);
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        wall: clock::now(),
        roster_version: link.roster.version(),
        spool_bytes: status.bytes_used,
        spool_bytes_max: status.bytes_max,
        lanes: lanes
            .map(|(lane, state)| Backlog {
                lane,
                records: state.records,
                bytes: state.bytes,
                oldest_received_at: state.oldest_received_at,
            })
            .collect(),
        totals: totals
            .map(|(account, n)| Total {
                project: account.project,
                category: account.category,
                term: account.term,
                reason: account.reason.into_owned(),
                n,
            })
            .collect(),
        rtt_ms: u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX),
    }
}

async fn wait(changed: &mut watch::Receiver<u64>) -> Result<(), LinkError> {
    let changed = changed.changed().await;
    changed.map_err(|_| LinkError::Spool(SpoolError::Closed))
}

/// Ends when the spool has noted an acknowledgement; never, when there is none to note.
async fn next_ack(acking: &mut Option<Acking>) -> Result<(), SpoolError> {
    poll_fn(|context| match acking {
        Some(acking) => acking.as_mut().poll(context),
        None => Poll::Pending,
    })
    .await
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

/// Writes a control frame; a hub that does not read is given up.
async fn send(stream: &mut SendStream, frame: &Frame) -> Result<(), LinkError> {
    let bytes = frame.to_bytes()?;
    match timeout(FRAME_TIMEOUT, stream.write_all(&bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(LinkError::Lost(ConnectionError::Reset)),
        Err(_) => Err(LinkError::Timeout),
    }
}

/// Reads control frames. Dropping the future of [`FrameReader::next`] loses nothing.
struct FrameReader {
    stream: RecvStream,
    buffer: BytesMut,
}

impl FrameReader {
    fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    async fn next(&mut self) -> Result<Frame, LinkError> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer)? {
                return Ok(frame);
            }
            match self.stream.read_chunk(CHUNK_BYTES_MAX, true).await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk.bytes),
                Ok(None) | Err(_) => return Err(LinkError::Lost(ConnectionError::Reset)),
            }
        }
    }
}
