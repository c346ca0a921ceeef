//! One connection to the hub, from HELLO to its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::block::{DictId, ItemCount};
use protocol::ids::{Lane, Seq};
use protocol::outcome::{Account, Term, reason};
use protocol::wire::{Ack, CloseCode, Frame, Goaway, Hello, LaneState, PROTO, Ping, WireError};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::identity::Identity;
use super::outbox::{GiveUp, Order, Outbox};
use super::renew::Renewal;
use super::report::{self, Reporter};
use super::tls::{ConnectError, connect, link_config};
use super::{Config, LinkState, Shared, told};
use crate::clock;
use crate::ledger::{Audit, Ledger};
use crate::roster::Roster;
use crate::spool::{self, ReadOutcome, Spool, SpoolError};

/// How long the hub may take for its first frame, and the relay to write one.
const FRAME_TIMEOUT: Duration = Duration::from_secs(10);
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
    pub(super) audit: Audit,
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
    /// The numbers the first records since the program's start have.
    pub(super) first: [Seq; Lane::ALL.len()],
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
                Some(
                    CloseCode::UnknownRelay
                        | CloseCode::Revoked
                        | CloseCode::Version
                        | CloseCode::Expired
                        | CloseCode::Cloned
                )
            ),
            _ => false,
        }
    }

    /// The hub's code, when it closed the connection with one.
    pub(super) const fn hub_code(&self) -> Option<CloseCode> {
        match self {
            Self::Closed { code, .. } => *code,
            _ => None,
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

impl From<GiveUp> for LinkError {
    fn from(why: GiveUp) -> Self {
        match why {
            GiveUp::Silent => Self::Timeout,
            GiveUp::Busy => Self::Busy,
            GiveUp::AckBeyond => Self::Unexpected("acknowledgement of what was not sent"),
        }
    }
}

type Acking = Pin<Box<dyn Future<Output = Result<(), SpoolError>> + Send>>;

struct Session<'a> {
    link: &'a Link,
    connection: Connection,
    control: SendStream,
    outbox: Outbox,
    /// Where the outbox's time begins.
    began: Instant,
    sending: JoinSet<Result<(), ConnectionError>>,
    acking: Option<Acking>,
    renewal: Renewal,
    /// What of each lane was delivered under another identity.
    floors: [Seq; Lane::ALL.len()],
    reporter: Reporter,
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
    if let Some(notice) = told::welcomed(link, &welcome) {
        send(&mut control, &Frame::ConfigStatus(notice)).await?;
    }
    let now = clock::now();
    link.shared.set_state(LinkState::Connected, now);
    {
        let mut status = link.shared.lock();
        status.connections += 1;
        status.last_error = None;
        status.clock_offset_ms = Some(now.millis_since(welcome.hub_time));
        status.trouble = None;
    }
    link.shared.set_hub_time(welcome.hub_time);
    tracing::info!(hub, relay.id = %identity.relay, was_away = *is_away, "connected to the hub");
    *is_away = false;
    let mut session = Session {
        link,
        connection: connection.clone(),
        control,
        outbox: Outbox::new(
            &welcome.cursors,
            &link.spool.lanes(),
            welcome.window,
            link.config.window,
            Duration::ZERO,
        ),
        began: Instant::now(),
        sending: JoinSet::new(),
        acking: None,
        renewal: Renewal::new(link.config.dir.clone(), identity, welcome.hub_time),
        floors: Lane::ALL.map(|lane| identity.floor(link.spool.epoch(), lane)),
        reporter: Reporter::default(),
    };
    report::welcomed(link, &welcome.cursors, &session.floors);
    let ended = session.run(answers).await;
    *has_acks = session.outbox.has_acks();
    ended
}

fn hello(link: &Link, identity: &Identity) -> Frame {
    let lanes = Lane::ALL.into_iter().zip(link.spool.lanes());
    let (instance, ancestors) = identity.starts();
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
                start: link.first.get(lane.index()).copied().unwrap_or_default(),
            })
            .collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roster_version: link.roster.version(),
        dicts: vec![DictId::NONE.0, DictId::BUILT_IN.0],
        wall: clock::now(),
        capabilities: Vec::new(),
        generation: identity.generation,
        instance,
        ancestors: ancestors.to_vec(),
    })
}

impl Session<'_> {
    async fn run(&mut self, mut answers: FrameReader) -> Result<(), LinkError> {
        let mut changed = self.link.spool.changed();
        self.outbox.spool_changed(&self.link.spool.lanes());
        let interval_min = Duration::from_millis(100);
        let mut reports = interval(self.link.config.report_interval.0.max(interval_min));
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                frame = answers.next() => self.take(frame?).await?,
                Some(sent) = self.sending.join_next() => match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(LinkError::Lost(error)),
                    Err(_) => return Err(LinkError::Stopping),
                },
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
                    send(&mut self.control, &request).await?;
                },
                _ = reports.tick() => self.report().await?,
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
                    let mut status = self.link.shared.lock();
                    status.blocks_sent += 1;
                    status.bytes_sent += bytes.len() as u64;
                    drop(status);
                    let header = Frame::batch_header(bytes.len())?;
                    let block = send_block(self.connection.clone(), lane, header, bytes);
                    self.sending.spawn(block);
                }
                Order::Gap(gap) => send(&mut self.control, &Frame::Gap(gap)).await?,
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
            Frame::Config(roster) => {
                let status = told::apply(self.link, roster).await;
                send(&mut self.control, &Frame::ConfigStatus(status)).await?;
            }
            Frame::Goaway(Goaway { reason, .. }) => {
                tracing::debug!(reason, "hub is about to close");
                self.outbox.hub_is_leaving();
            }
            Frame::Ping(Ping { nonce, answer }) if !answer => {
                let pong = Ping {
                    nonce,
                    answer: true,
                };
                send(&mut self.control, &Frame::Ping(pong)).await?;
            }
            Frame::Ping(_) => {}
            Frame::Cert(cert) => {
                if let Some(kept) = self.renewal.take(cert).await {
                    send(&mut self.control, &kept).await?;
                }
            }
            Frame::Error(error) => self.renewal.refused(&error),
            other => return Err(LinkError::Unexpected(other.name())),
        }
        Ok(())
    }

    async fn report(&mut self) -> Result<(), LinkError> {
        let path = self.connection.stats().path;
        let lost = path.lost_packets.saturating_mul(1_000_000);
        let path = report::Path {
            rtt: path.rtt,
            carrier: Some("quic".to_owned()),
            loss_ppm: u32::try_from(lost / path.sent_packets.max(1)).ok(),
        };
        let report = self.reporter.make(self.link, &path).await;
        send(&mut self.control, &Frame::Report(report)).await
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

    fn show(&self) {
        let rtt = u32::try_from(self.connection.rtt().as_millis()).unwrap_or(u32::MAX);
        let mut status = self.link.shared.lock();
        status.rtt_ms = Some(rtt);
        status.in_flight = u32::try_from(self.outbox.in_flight()).unwrap_or(u32::MAX);
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

/// Records that were delivered under another identity.
const fn elsewhere(from: Seq, to: Seq) -> spool::Gap {
    spool::Gap {
        from,
        to,
        reason: spool::GapReason::Acknowledged,
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
