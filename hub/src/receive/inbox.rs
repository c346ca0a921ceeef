//! What to do with what arrives: the hub's half of the link as a state machine without sockets.
//!
//! It is told what arrives ([`Inbox::block`], [`Inbox::gap`]) and what is committed
//! ([`Inbox::committed`]), and says what to hand on to the digest and what to acknowledge.
//!
//! What always holds: of a lane, steps are handed on in order and without holes; nothing is
//! acknowledged that is not committed; how many wait is bounded by the window.
//!
//! What it never does: wait, or look into a block.

use protocol::block::Head;
use protocol::ids::{Epoch, Lane, Seq};
use protocol::wire::{Ack, Cursor, Gap};

use super::lanes::{Arrival, Order, Run};

#[cfg(test)]
mod tests;

/// What moves a lane: records, or the word that there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<B> {
    /// A block.
    Block {
        /// Its head.
        head: Head,
        /// All of it.
        body: B,
    },
    /// Records that will not come.
    Gap(Gap),
}

impl<B> Step<B> {
    /// Which lane it moves.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Block { head, .. } => head.lane,
            Self::Gap(gap) => gap.lane,
        }
    }
}

impl<B> Run for Step<B> {
    fn first(&self) -> Seq {
        match self {
            Self::Block { head, .. } => head.first_seq,
            Self::Gap(gap) => gap.from,
        }
    }

    fn last(&self) -> Seq {
        match self {
            Self::Block { head, .. } => head.last_seq(),
            Self::Gap(gap) => gap.upto,
        }
    }
}

/// What is to be done about an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived<B> {
    /// Hand these on to the digest, in this order; none when it has to wait.
    HandOn(Vec<Step<B>>),
    /// It was handed on before: say how far the lane is.
    Known(Ack),
}

/// Why a relay's session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A block of another epoch than the session's.
    Epoch,
    /// A gap that is none, or more of them than may wait.
    Gap,
}

/// One session's state, from HELLO to its end.
#[derive(Debug)]
pub struct Inbox<B> {
    epoch: Epoch,
    window: usize,
    lanes: [Order<Step<B>>; Lane::ALL.len()],
    /// Handed on and not committed.
    under_way: usize,
}

impl<B> Inbox<B> {
    /// A session of a spool's life whose records are applied up to `cursors`; at most `window`
    /// blocks may be open.
    #[must_use]
    pub fn new(epoch: Epoch, cursors: &[Cursor], window: u16) -> Self {
        let applied = |lane: Lane| {
            let cursor = cursors.iter().find(|cursor| cursor.lane == lane);
            cursor.map(|cursor| cursor.upto).unwrap_or_default()
        };
        Self {
            epoch,
            window: usize::from(window),
            lanes: Lane::ALL.map(|lane| Order::new(applied(lane))),
            under_way: 0,
        }
    }

    /// The spool's life.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many blocks may be read at once.
    #[must_use]
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.n_open())
    }

    /// Whether every block waits for one that was not sent within the window.
    #[must_use]
    pub fn is_stuck(&self, reading: usize) -> bool {
        reading == 0 && self.under_way == 0 && self.room() == 0
    }

    /// Takes a block.
    ///
    /// # Errors
    /// [`Refusal::Epoch`].
    pub fn block(&mut self, head: Head, body: B) -> Result<Arrived<B>, Refusal> {
        if head.epoch != self.epoch {
            return Err(Refusal::Epoch);
        }
        Ok(self.step(Step::Block { head, body }))
    }

    /// Takes the word that records will not come.
    ///
    /// # Errors
    /// [`Refusal::Gap`].
    pub fn gap(&mut self, gap: Gap) -> Result<Arrived<B>, Refusal> {
        let is_sound = gap.from.0 > 0 && gap.from <= gap.upto && gap.upto.0 < u64::MAX;
        if !is_sound || self.n_open() >= self.window * 2 {
            return Err(Refusal::Gap);
        }
        Ok(self.step(Step::Gap(gap)))
    }

    /// Notes that the digest has committed a step of a lane; gives what to tell the relay.
    pub fn committed(&mut self, lane: Lane, upto: Seq) -> Ack {
        self.under_way = self.under_way.saturating_sub(1);
        let order = self.lanes.get_mut(lane.index());
        let upto = order.map_or(upto, |order| order.commit(upto));
        Ack::new(lane, upto)
    }

    fn step(&mut self, step: Step<B>) -> Arrived<B> {
        let lane = step.lane();
        let Some(order) = self.lanes.get_mut(lane.index()) else {
            return Arrived::HandOn(Vec::new());
        };
        match order.arrive(step) {
            Arrival::Known => Arrived::Known(Ack::new(lane, order.applied())),
            Arrival::Ready(steps) => {
                self.under_way += steps.len();
                Arrived::HandOn(steps)
            }
        }
    }

    /// Steps that wait or are with the digest.
    fn n_open(&self) -> usize {
        let waiting: usize = self.lanes.iter().map(Order::n_waiting).sum();
        waiting + self.under_way
    }
}
