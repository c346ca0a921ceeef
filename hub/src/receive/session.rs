//! One relay's session: one task owns the lanes' order, what is under way and the control stream.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use protocol::dict;
use protocol::ids::{Lane, RelayId};
use protocol::wire::{
    CloseCode, Cursor, Frame, GapReason, Goaway, Hello, PROTO, Ping, Report, Rewind, Welcome,
};
use quinn::ZeroRttAccepted;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::alive::{self, Alive, Holder};
use super::dictionaries::Lost;
use super::enrol::Renewals;
use super::inbox::{Arrived, Inbox, Step};
use super::peer::{Blocks, Control, Peer, Requests, Streams};
use super::questions::Questions;
use super::stream::{Received, SessionError};
use super::{Context, HANDSHAKE_TIMEOUT, Sink};
use crate::clock;
use crate::digest::{Applied, Delivery, DigestError, Skip};
use crate::fleet::{Admitted, FleetError, State};

/// How long the end of the hub waits for commits that are under way.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a block takes along: its bytes, and the room they take up.
#[derive(Debug)]
struct Body {
    block: Bytes,
    room: OwnedSemaphorePermit,
}

/// A step that the digest has; its room is given back with it.
struct UnderWay {
    lane: Lane,
    done: Pin<Box<dyn Future<Output = Result<Applied, DigestError>> + Send>>,
    _room: Option<OwnedSemaphorePermit>,
}

struct Session<S> {
    context: Arc<Context<S>>,
    relay: RelayId,
    version: String,
    clock_offset_ms: i64,
    control: Control,
    blocks: Blocks,
    inbox: Inbox<Body>,
    under_way: Vec<UnderWay>,
    fleet: watch::Receiver<State>,
    /// The roster the relay has or was sent.
    roster_version: u64,
    /// Its place among the connected, if the relay goes on with this connection.
    holder: Holder,
    is_settled: bool,
    renewals: Renewals,
    lost: Lost,
    questions: Questions,
}

/// Serves a relay until either side has enough; the rest of its handshake may still be to come.
pub(super) async fn serve<S: Sink>(
    peer: Peer,
    rest: Option<ZeroRttAccepted>,
    context: Arc<Context<S>>,
) {
    let address = peer.remote_address();
    let admitted = match admit(&peer, &context).await {
        Ok(admitted) => admitted,
        Err(error) => {
            tracing::debug!(%address, %error, "relay refused");
            over(rest).await;
            return peer.close(error.code());
        }
    };
    let relay = admitted.relay;
    let ended = serve_admitted(&peer, &context, admitted).await;
    context.sessions.leave(relay, &peer);
    over(rest).await;
    match ended {
        Ok(()) => peer.close(CloseCode::Done),
        Err(error) => {
            tracing::debug!(relay.id = %relay, %address, %error, "session ended");
            peer.close(error.code());
        }
    }
}

/// Waits for the end of a handshake: before it a connection cannot be closed with a reason.
async fn over(rest: Option<ZeroRttAccepted>) {
    if let Some(rest) = rest {
        drop(timeout(HANDSHAKE_TIMEOUT, rest).await);
    }
}

/// Which relay the certificate lets in.
async fn admit<S: Sink>(peer: &Peer, context: &Context<S>) -> Result<Admitted, SessionError> {
    let Some(certificate) = peer.certificate() else {
        return Err(SessionError::Refused(CloseCode::UnknownRelay));
    };
    let admitted = context.fleet.admit(&certificate, clock::now()).await;
    if let Err(FleetError::Cloned(relay)) = &admitted {
        alive::note(context, *relay, peer).await;
    }
    admitted.map_err(refused)
}

pub(super) fn refused(error: FleetError) -> SessionError {
    SessionError::Refused(match error {
        FleetError::Revoked(_) => CloseCode::Revoked,
        FleetError::Expired(_) => CloseCode::Expired,
        FleetError::Cloned(_) => CloseCode::Cloned,
        FleetError::Store(error) => {
            tracing::debug!(%error, "registry is not readable");
            CloseCode::Unavailable
        }
        _ => CloseCode::UnknownRelay,
    })
}

async fn serve_admitted<S: Sink>(
    peer: &Peer,
    context: &Arc<Context<S>>,
    admitted: Admitted,
) -> Result<(), SessionError> {
    let relay = admitted.relay;
    let Streams {
        mut control,
        mut requests,
        blocks,
    } = peer.open(&context.room).await?;
    let Frame::Hello(hello) = requests.first().await? else {
        return Err(SessionError::Unexpected("frame before Hello"));
    };
    if hello.relay != relay {
        return Err(SessionError::Refused(CloseCode::UnknownRelay));
    }
    if !(hello.proto_min..=hello.proto_max).contains(&PROTO) {
        let address = peer.remote_address();
        let fleet = &context.fleet;
        fleet.note_incompatible(&hello, address, clock::now());
        return Err(SessionError::Refused(CloseCode::Version));
    }
    let cursors = context.fleet.cursors(relay, hello.epoch).await;
    let cursors = cursors.map_err(refused)?;
    alive::present(context, peer, &admitted, &hello, &cursors).await?;
    let holder = Holder {
        peer: peer.clone(),
        instance: hello.instance,
        alive: Arc::new(Alive::default()),
    };
    let is_settled = context.sessions.enter_first(relay, &holder);
    let mut fleet = context.fleet.watch();
    let state = fleet.borrow_and_update().clone();
    let roster_version = state.config.for_relay(relay).bundle.version;
    let welcome = welcome(context, &cursors, roster_version);
    control.send(&welcome).await?;
    if let Some(rewind) = rewind(&hello, &cursors) {
        tracing::warn!(relay.id = %relay, lanes = rewind.cursors.len(), "the relay had acknowledgements of more than is here: this hub was set back, and asks for what the relay still keeps");
        control.send(&Frame::Rewind(rewind)).await?;
    }
    tracing::debug!(relay.id = %relay, "session begins");
    let now = clock::now();
    let _present = context.fleet.enter(relay, hello.roster_version, now);
    let session = Session {
        context: Arc::clone(context),
        relay,
        clock_offset_ms: hello.wall.millis_since(now),
        control,
        blocks,
        inbox: Inbox::new(hello.epoch, &cursors, context.config.window),
        under_way: Vec::new(),
        fleet,
        roster_version: hello.roster_version,
        version: hello.version,
        holder,
        is_settled,
        renewals: Renewals::new(admitted),
        lost: Lost::default(),
        questions: Questions::default(),
    };
    session.run(requests, &state).await
}

fn welcome<S>(context: &Context<S>, cursors: &[Cursor], roster_version: u64) -> Frame {
    static SESSIONS: AtomicU64 = AtomicU64::new(1);
    Frame::Welcome(Welcome {
        proto: PROTO,
        cursors: cursors.to_vec(),
        hub_time: clock::now(),
        roster_version,
        window: context.config.window,
        region: context.fleet.region().cloned(),
        session: SESSIONS.fetch_add(1, Ordering::Relaxed),
    })
}

/// What a hub that was set back to a backup asks for: the lanes of which the relay has
/// acknowledgements of more than is applied.
fn rewind(hello: &Hello, cursors: &[Cursor]) -> Option<Rewind> {
    let applied = |lane: Lane| {
        let cursor = cursors.iter().find(|cursor| cursor.lane == lane);
        cursor.map(|cursor| cursor.upto).unwrap_or_default()
    };
    let behind = hello
        .lanes
        .iter()
        .filter(|lane| lane.acked > applied(lane.lane));
    let cursors: Vec<Cursor> = behind
        .map(|lane| Cursor {
            lane: lane.lane,
            upto: applied(lane.lane),
            digest: None,
        })
        .collect();
    (!cursors.is_empty()).then_some(Rewind { cursors })
}

impl<S: Sink> Session<S> {
    async fn run(mut self, mut requests: Requests, state: &State) -> Result<(), SessionError> {
        if self.is_settled {
            self.stand();
        }
        self.follow(state).await?;
        let cancel = self.context.cancel.clone();
        let settle_until = Instant::now() + HANDSHAKE_TIMEOUT;
        loop {
            if self.inbox.is_stuck(self.blocks.n_reading()) {
                return Err(SessionError::Limit);
            }
            let room = self.inbox.room();
            tokio::select! {
                () = cancel.cancelled() => return self.end().await,
                frame = requests.next() => match frame? {
                    Some(frame) => {
                        // A carrier that asks whether the path lives does so before it is chosen.
                        if !matches!(frame, Frame::Ping(_)) {
                            self.settle().await?;
                        }
                        self.take(frame).await?;
                    }
                    None => return self.end().await,
                },
                received = self.blocks.next(room) => {
                    // That a connection is lost says nothing for it.
                    let received = received?;
                    self.settle().await?;
                    self.arrive(received).await?;
                }
                (lane, result) = next_done(&mut self.under_way) => {
                    self.committed(lane, result).await?;
                }
                question = self.holder.alive.asked() => self.control.send(&question).await?,
                question = self.questions.next() => self.control.send(&question).await?,
                changed = self.fleet.changed() => {
                    changed.map_err(|_| SessionError::Lost)?;
                    let state = self.fleet.borrow_and_update().clone();
                    self.follow(&state).await?;
                }
                () = sleep_until(settle_until), if !self.is_settled => {
                    return Err(SessionError::Timeout);
                }
            }
        }
    }

    /// This session stands for its relay.
    fn stand(&mut self) {
        self.note_seen(None);
        let asked = self.context.fleet.hear_questions(self.relay);
        self.questions.begin(asked);
    }

    /// The relay goes on with this connection: it stands for the relay from now on. One that
    /// dials by two ways is welcomed on both and says more on one of them only.
    async fn settle(&mut self) -> Result<(), SessionError> {
        if self.is_settled {
            return Ok(());
        }
        self.is_settled = true;
        let holder = self.holder.clone();
        self.context.sessions.enter(self.relay, holder);
        self.stand();
        let state = self.fleet.borrow_and_update().clone();
        self.follow(&state).await
    }

    async fn take(&mut self, frame: Frame) -> Result<(), SessionError> {
        match frame {
            Frame::Gap(gap) => {
                let arrived = self.inbox.gap(gap)?;
                self.hand_on(arrived).await
            }
            Frame::Report(report) => {
                self.version.clone_from(&report.version);
                self.clock_offset_ms = report.wall.millis_since(clock::now());
                self.note_seen(Some(&report));
                if report.asks_sums {
                    self.tell_sums().await?;
                }
                Ok(())
            }
            Frame::ConfigStatus(status) => {
                let fleet = &self.context.fleet;
                fleet.note_config(self.relay, &status, clock::now());
                Ok(())
            }
            Frame::Ping(Ping { nonce, answer }) if !answer => {
                let pong = Ping {
                    nonce,
                    answer: true,
                };
                self.control.send(&Frame::Ping(pong)).await
            }
            Frame::Ping(pong) => {
                self.holder.alive.answered(pong.nonce);
                Ok(())
            }
            Frame::CertRequest(request) => {
                let answer = self.renewals.answer(&self.context.fleet, &request).await?;
                self.control.send(&answer).await
            }
            Frame::Cert(kept) => self.renewals.kept(&self.context.fleet, &kept).await,
            Frame::DictGet(asked) => match Lost::answer(asked) {
                Some(dictionary) => self.control.send(&dictionary).await,
                None => Ok(()),
            },
            Frame::Dict(dict) => {
                let answer = self.lost.found(&self.context.fleet, dict).await?;
                self.control.send(&answer).await
            }
            Frame::Erased(told) => {
                self.context.fleet.note_erased(self.relay, told);
                Ok(())
            }
            Frame::Diag(answer) => {
                self.questions.answered(answer);
                Ok(())
            }
            Frame::Goaway(_) => Ok(()),
            other => Err(SessionError::Unexpected(other.name())),
        }
    }

    async fn arrive(&mut self, received: Received) -> Result<(), SessionError> {
        let Received { head, block, room } = received;
        let awaited = &self.context.awaited;
        if !dict::is_known(head.dict) && awaited.may_come(self.relay, head.dict, Instant::now()) {
            return match self.lost.missing(&head) {
                Some(asking) => self.control.send(&asking).await,
                None => Ok(()),
            };
        }
        let arrived = self.inbox.block(head, Body { block, room })?;
        self.hand_on(arrived).await
    }

    async fn hand_on(&mut self, arrived: Arrived<Body>) -> Result<(), SessionError> {
        match arrived {
            Arrived::Known(ack) => self.control.send(&Frame::Ack(ack)).await,
            Arrived::HandOn(steps) => {
                for step in steps {
                    let step = self.begin(step);
                    self.under_way.push(step);
                }
                Ok(())
            }
        }
    }

    /// Gives a step to the digest. Steps are polled in the order of this call, so they are handed
    /// in by their numbers although several wait at once.
    fn begin(&self, step: Step<Body>) -> UnderWay {
        let lane = step.lane();
        let sink = self.context.sink.clone();
        let relay = self.relay;
        match step {
            Step::Block {
                head,
                body: Body { block, room },
            } => {
                let delivery = Delivery {
                    relay,
                    head,
                    block,
                    arrived_at: clock::now(),
                    relay_offset_millis: self.clock_offset_ms,
                };
                UnderWay {
                    lane,
                    done: Box::pin(async move { sink.deliver(delivery).await }),
                    _room: Some(room),
                }
            }
            Step::Gap(gap) => {
                let (from, upto) = (gap.from.0, gap.upto.0);
                if gap.reason == GapReason::Delivered {
                    tracing::info!(relay.id = %relay, %lane, from, upto, "records that were delivered before are not kept any more");
                } else {
                    tracing::debug!(relay.id = %relay, %lane, from, upto, "records will not come");
                }
                let skip = Skip {
                    relay,
                    epoch: self.inbox.epoch(),
                    lane,
                    from: gap.from,
                    upto: gap.upto,
                };
                UnderWay {
                    lane,
                    done: Box::pin(async move { sink.skip(skip).await }),
                    _room: None,
                }
            }
        }
    }

    /// Acknowledges what is committed. When the digest cannot commit, the session ends: the relay
    /// comes back after a while and begins at the cursors.
    async fn committed(
        &mut self,
        lane: Lane,
        result: Result<Applied, DigestError>,
    ) -> Result<(), SessionError> {
        let applied = result.map_err(|error| {
            tracing::warn!(relay.id = %self.relay, %lane, %error, "block was not committed");
            SessionError::Refused(match error {
                DigestError::UnknownRelay(_) => CloseCode::UnknownRelay,
                _ => CloseCode::Unavailable,
            })
        })?;
        let mut ack = self.inbox.committed(lane, applied.upto);
        // The lane may be further than this one step.
        ack.digest = applied.digest.filter(|_| ack.upto == applied.upto);
        self.control.send(&Frame::Ack(ack)).await
    }

    /// Ends a relay that was revoked; sends a roster the relay does not have.
    async fn follow(&mut self, state: &State) -> Result<(), SessionError> {
        if state.revoked.contains(&self.relay) {
            return Err(SessionError::Refused(CloseCode::Revoked));
        }
        let roster = state.config.for_relay(self.relay);
        if !self.is_settled || roster.bundle.version == self.roster_version {
            return Ok(());
        }
        self.roster_version = roster.bundle.version;
        self.control
            .send(&Frame::Config(roster.config.clone()))
            .await
    }

    /// Says what is booked of every lane, by project and category. What is not readable now is
    /// asked for again.
    async fn tell_sums(&mut self) -> Result<(), SessionError> {
        let acks = self
            .context
            .fleet
            .booked(self.relay, self.inbox.epoch())
            .await;
        for ack in acks.unwrap_or_default() {
            self.control.send(&Frame::Ack(ack)).await?;
        }
        Ok(())
    }

    fn note_seen(&self, report: Option<&Report>) {
        self.context.fleet.note_seen(
            self.relay,
            self.holder.peer.remote_address(),
            &self.version,
            self.clock_offset_ms,
            report,
            clock::now(),
        );
    }

    /// Takes no more, waits for what the digest has, says so and goes.
    async fn end(mut self) -> Result<(), SessionError> {
        self.blocks.stop().await;
        let drain = async {
            while !self.under_way.is_empty() {
                let (lane, result) = next_done(&mut self.under_way).await;
                self.committed(lane, result).await?;
            }
            let goaway = Goaway {
                reason: "stopping".to_owned(),
                drain_ms: 0,
                alternatives: self.context.config.alternatives.clone(),
            };
            self.control.send(&Frame::Goaway(goaway)).await
        };
        drop(timeout(DRAIN_TIMEOUT, drain).await);
        self.control.finish().await;
        Ok(())
    }
}

/// The next step that is committed or not; never, when there is none.
async fn next_done(under_way: &mut Vec<UnderWay>) -> (Lane, Result<Applied, DigestError>) {
    poll_fn(|context| {
        // All are polled, oldest first: the first poll is what hands a step in.
        let mut done = None;
        for (at, step) in under_way.iter_mut().enumerate() {
            if done.is_none()
                && let Poll::Ready(result) = step.done.as_mut().poll(context)
            {
                done = Some((at, result));
            }
        }
        match done {
            Some((at, result)) => {
                let step = under_way.remove(at);
                Poll::Ready((step.lane, result))
            }
            None => Poll::Pending,
        }
    })
    .await
}
