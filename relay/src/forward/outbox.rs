//! What to send next: the relay's half of the link as a state machine without sockets.
//!
//! It is told what happens ([`Outbox::was_read`], [`Outbox::acked`], …) and asked what to do
//! ([`Outbox::next`], [`Outbox::take_ack`]). Time is any monotonic clock's, as a duration since
//! its beginning, and is an argument.
//!
//! What always holds: of a lane, numbers are sent in order and without holes; blocks and bytes
//! under way are bounded; the spool is told of an acknowledgement only when the hub gave it.
//!
//! What it never does: read a clock, wait, or look into a block.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use protocol::block::ItemCount;
use protocol::ids::{Lane, Seq};
use protocol::unit::Bandwidth;
use protocol::wire::{Cursor, Gap, GapReason, Nack, Verdict};

use super::adapt::{Adapted, GOOD_DELAY, Second};
use super::flight::Flight;
use super::limits::{Bucket, is_bulk};
use super::turns::Turns;
use crate::spool::{self, LaneState, ReadOutcome};

#[cfg(test)]
mod tests;

/// A hub that acknowledges nothing for this long, although blocks are under way, is given up. What
/// is under way is given the time that the thinnest link takes for it on top.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(60);

/// The thinnest link that anything is delivered over, in bytes per second: 32 kbit/s.
const RATE_MIN: u64 = 32_000 / 8;

/// One of something for each lane, by [`Lane::index`].
pub type ByLane<T> = [T; Lane::ALL.len()];

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read what stands at a number of a lane; the answer goes to [`Outbox::was_read`] or
    /// [`Outbox::was_not_readable`] before the next order is asked for.
    Read {
        /// Of which lane.
        lane: Lane,
        /// Which number.
        from: Seq,
    },
    /// Send a block.
    Block {
        /// Its lane.
        lane: Lane,
        /// All of it, as it lies in the spool.
        bytes: Bytes,
    },
    /// Say that records will not come.
    Gap(Gap),
    /// The hub has gone past a block that it refused for good: its items are to be counted.
    CountRejected(Vec<ItemCount>),
    /// End the connection.
    GiveUp(GiveUp),
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Blocks are under way and the hub acknowledges none.
    Silent,
    /// The hub cannot take blocks at the moment.
    Busy,
    /// The hub acknowledged what it was not sent.
    AckBeyond,
}

/// Something sent that the hub has not acknowledged.
#[derive(Debug)]
struct InFlight {
    first: Seq,
    last: Seq,
    bytes: u64,
    sent_at: Duration,
    counts: Vec<ItemCount>,
    /// The hub refused it for good; it is counted when the hub has gone past it.
    is_rejected: bool,
}

/// A lane of this connection.
#[derive(Debug)]
struct LaneOut {
    /// The next record to send.
    next: Seq,
    /// The number the spool gives out next.
    end: Seq,
    in_flight: VecDeque<InFlight>,
    /// Nothing to read until the spool changes.
    is_idle: bool,
    /// What the spool is still to be told.
    to_ack: Option<Seq>,
}

/// One connection's state, from WELCOME to its end.
#[derive(Debug)]
pub struct Outbox {
    lanes: ByLane<LaneOut>,
    turns: Turns,
    flight: Flight,
    /// Most blocks under way, whatever the hub allows.
    window_max: u16,
    orders: VecDeque<Order>,
    last_ack: Duration,
    has_acks: bool,
    /// The lanes that may travel.
    allowed: ByLane<bool>,
    is_bulk_paused: bool,
    bucket: Option<Bucket>,
    /// An acknowledgement that takes longer lets no more be under way.
    patience: Duration,
    /// What this second has shown so far.
    second: Second,
    /// The hub takes no more on this connection.
    is_hub_leaving: bool,
}

impl Outbox {
    /// After WELCOME. Every lane goes on behind the hub's cursor, whatever was acknowledged
    /// before: the hub's word holds, also after it was restored from a backup.
    #[must_use]
    pub fn new(
        cursors: &[Cursor],
        spool: &ByLane<LaneState>,
        window: u16,
        window_max: u16,
        now: Duration,
    ) -> Self {
        let lane_out = |lane: Lane| {
            let cursor = cursors.iter().find(|cursor| cursor.lane == lane);
            let upto = cursor.map(|cursor| cursor.upto).unwrap_or_default();
            let state = spool.get(lane.index()).copied().unwrap_or_default();
            LaneOut {
                next: Seq(upto.0.saturating_add(1)),
                end: state.next,
                in_flight: VecDeque::new(),
                is_idle: false,
                to_ack: (upto > state.acked).then_some(upto),
            }
        };
        let window_max = window_max.max(1);
        Self {
            lanes: Lane::ALL.map(lane_out),
            turns: Turns::default(),
            flight: Flight::new(usize::from(window.clamp(1, window_max))),
            window_max,
            orders: VecDeque::new(),
            last_ack: now,
            has_acks: false,
            allowed: [true; Lane::ALL.len()],
            is_bulk_paused: false,
            bucket: None,
            patience: GOOD_DELAY,
            second: Second::default(),
            is_hub_leaving: false,
        }
    }

    /// What to do next; `None` until something happens or [`Outbox::deadline`] passes.
    pub fn next(&mut self, now: Duration) -> Option<Order> {
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        if self.ack_deadline().is_some_and(|deadline| now >= deadline) {
            return Some(Order::GiveUp(GiveUp::Silent));
        }
        if self.is_hub_leaving {
            return None;
        }
        let lane = self.turns.pick(self.waiting())?;
        if !self.flight.has_room() {
            self.second.was_full = true;
            return None;
        }
        if self.bucket_ready().is_some_and(|ready| now < ready) {
            return None;
        }
        let from = self.lanes.get(lane.index())?.next;
        Some(Order::Read { lane, from })
    }

    /// When [`Outbox::next`] has something to say, if nothing happens until then.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let waits = self.flight.has_room() && !self.is_hub_leaving;
        let waits = waits && self.waiting().contains(&true);
        let ready = self.bucket_ready().filter(|_| waits);
        [self.ack_deadline(), ready].into_iter().flatten().min()
    }

    /// What stood at the number that was to be read.
    pub fn was_read(&mut self, lane: Lane, read: ReadOutcome, now: Duration) {
        let waiting = self.waiting();
        let Some(out) = self.lanes.get_mut(lane.index()) else {
            return;
        };
        let mut in_flight = InFlight {
            first: out.next,
            last: out.next,
            bytes: 0,
            sent_at: now,
            counts: Vec::new(),
            is_rejected: false,
        };
        let order = match read {
            ReadOutcome::Empty => {
                out.is_idle = true;
                return;
            }
            ReadOutcome::Gap(gap) => {
                in_flight.last = gap.to;
                Order::Gap(Gap {
                    lane,
                    from: out.next,
                    upto: gap.to,
                    reason: match gap.reason {
                        spool::GapReason::Acknowledged => GapReason::Delivered,
                        _ => GapReason::Lost,
                    },
                })
            }
            ReadOutcome::Block { head, bytes } => {
                in_flight.first = head.first_seq;
                in_flight.last = head.last_seq();
                in_flight.bytes = bytes.len() as u64;
                in_flight.counts = head.counts;
                Order::Block { lane, bytes }
            }
        };
        if self.flight.is_empty() {
            self.last_ack = now;
        }
        let bytes = in_flight.bytes;
        out.next = in_flight.last.next();
        out.in_flight.push_back(in_flight);
        self.flight.sent(bytes);
        self.turns.sent(lane, bytes, waiting);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(bytes, now);
        }
        self.orders.push_back(order);
    }

    /// The number cannot be read: the other lanes go on, this one when the spool has changed.
    pub fn was_not_readable(&mut self, lane: Lane) {
        if let Some(out) = self.lanes.get_mut(lane.index()) {
            out.is_idle = true;
        }
    }

    /// There may be something new to read.
    pub fn spool_changed(&mut self, spool: &ByLane<LaneState>) {
        for (out, state) in self.lanes.iter_mut().zip(spool) {
            out.end = state.next;
            out.is_idle = false;
        }
    }

    /// The hub has committed a lane up to a number.
    ///
    /// # Errors
    /// [`GiveUp::AckBeyond`]: the hub was not sent that number, the connection is to be ended.
    pub fn acked(&mut self, lane: Lane, upto: Seq, now: Duration) -> Result<(), GiveUp> {
        let Some(out) = self.lanes.get_mut(lane.index()) else {
            return Ok(());
        };
        if upto >= out.next {
            return Err(GiveUp::AckBeyond);
        }
        while let Some(done) = out.in_flight.pop_front_if(|sent| sent.last <= upto) {
            let latency = now.saturating_sub(done.sent_at);
            self.flight.acked(done.bytes, latency <= self.patience);
            self.second.acked += done.bytes;
            self.second.latency = self.second.latency.max(Some(latency));
            if done.is_rejected {
                self.orders.push_back(Order::CountRejected(done.counts));
            }
        }
        self.has_acks = true;
        self.last_ack = now;
        out.to_ack = out.to_ack.max(Some(upto));
        Ok(())
    }

    /// The hub did not apply a block. One that it never will is given up, so that those behind
    /// it proceed.
    ///
    /// # Errors
    /// [`GiveUp::Busy`]: the hub wants the lane later, the connection is to be ended.
    pub fn nacked(&mut self, nack: &Nack) -> Result<(), GiveUp> {
        if let Verdict::RetryAfterMillis(_) = nack.verdict {
            return Err(GiveUp::Busy);
        }
        let Some(out) = self.lanes.get_mut(nack.lane.index()) else {
            return Ok(());
        };
        let mut in_flight = out.in_flight.iter_mut();
        let refused = in_flight.find(|sent| sent.first == nack.first_seq && !sent.is_rejected);
        if let Some(refused) = refused {
            refused.is_rejected = true;
            self.orders.push_back(Order::Gap(Gap {
                lane: nack.lane,
                from: refused.first,
                upto: refused.last,
                reason: GapReason::Rejected,
            }));
        }
        Ok(())
    }

    /// The hub takes more or fewer blocks at a time.
    pub fn credited(&mut self, window: u16) {
        let most = window.min(self.window_max);
        self.flight.set_blocks_max(usize::from(most));
    }

    /// The lanes that may travel; what is under way of others is not called back.
    pub const fn allow(&mut self, lanes: ByLane<bool>) {
        self.allowed = lanes;
    }

    /// Bytes of blocks per second, as a mean.
    pub fn set_bandwidth(&mut self, bandwidth: Option<Bandwidth>, now: Duration) {
        let rate = bandwidth.map(|bandwidth| bandwidth.0);
        if rate != self.bucket.as_ref().map(Bucket::rate) {
            self.bucket = bandwidth.map(|bandwidth| Bucket::new(bandwidth, now));
        }
    }

    /// No more bytes under way than this, whatever the link carries.
    pub fn cap(&mut self, bytes: u64) {
        self.flight.cap(bytes);
    }

    /// What this second has shown, with what the path shows; a new one begins.
    pub fn take_second(&mut self, rtt: Duration, now: Duration) -> Second {
        let in_flight = self.lanes.iter().flat_map(|lane| &lane.in_flight);
        let oldest = in_flight.map(|sent| now.saturating_sub(sent.sent_at)).max();
        Second {
            rtt,
            oldest,
            ..std::mem::take(&mut self.second)
        }
    }

    /// Follows the link.
    pub fn adapt(&mut self, adapted: Adapted) {
        self.is_bulk_paused = adapted.is_bulk_paused;
        self.patience = adapted.patience;
        if let Some(bytes_max) = adapted.bytes_max {
            self.flight.limit(bytes_max);
        }
    }

    /// How far the hub is, and what the link is known to carry in good time; before anything is
    /// sent.
    pub(super) fn begin(&mut self, rtt: Duration, carried: Option<u64>) {
        self.flight.begin(rtt, carried);
    }

    /// The hub takes no more on this connection; what is under way it still acknowledges.
    pub const fn hub_is_leaving(&mut self) {
        self.is_hub_leaving = true;
    }

    /// What the spool is to be told next: the hub has this lane up to this number. Those that
    /// come meanwhile go together, so ask when the spool has noted the last.
    pub fn take_ack(&mut self) -> Option<(Lane, Seq)> {
        let mut lanes = Lane::ALL.into_iter().zip(&mut self.lanes);
        lanes.find_map(|(lane, out)| Some((lane, out.to_ack.take()?)))
    }

    /// Whether nothing is under way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flight.is_empty()
    }

    /// Blocks and gaps under way.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.flight.blocks()
    }

    /// Bytes of blocks under way.
    #[must_use]
    pub const fn bytes_in_flight(&self) -> u64 {
        self.flight.bytes()
    }

    /// Whether the hub has acknowledged anything.
    #[must_use]
    pub const fn has_acks(&self) -> bool {
        self.has_acks
    }

    /// When the hub is given up, if it acknowledges nothing until then.
    fn ack_deadline(&self) -> Option<Duration> {
        let carrying = Duration::from_secs(self.flight.bytes() / RATE_MIN);
        let patience = ACK_TIMEOUT.saturating_add(carrying);
        (!self.flight.is_empty()).then(|| self.last_ack.saturating_add(patience))
    }

    /// When the bandwidth lets the next block go.
    fn bucket_ready(&self) -> Option<Duration> {
        self.bucket.as_ref().map(Bucket::ready_at)
    }

    /// The lanes that have something to send and may.
    fn waiting(&self) -> ByLane<bool> {
        let mut waiting = self.allowed;
        for ((lane, out), waits) in Lane::ALL.into_iter().zip(&self.lanes).zip(&mut waiting) {
            let is_paused = self.is_bulk_paused && is_bulk(lane);
            *waits = *waits && !is_paused && !out.is_idle && out.next < out.end;
        }
        waiting
    }
}
