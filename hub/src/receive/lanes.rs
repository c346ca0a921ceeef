//! The order of one lane: what arrived, what is next, what is applied.
//!
//! Streams overtake each other, so blocks arrive in any order. They leave here by their numbers
//! and without holes. How many may wait is bounded by the session's window.

use std::collections::BTreeMap;

use protocol::ids::Seq;

/// Something that moves a lane from one number to another.
pub(super) trait Run {
    /// The first number it covers.
    fn first(&self) -> Seq;
    /// The last.
    fn last(&self) -> Seq;
}

/// One lane of a session.
#[derive(Debug)]
pub(super) struct Order<R> {
    /// Everything up to here is committed.
    applied: Seq,
    /// The first number that was not handed on.
    next: Seq,
    /// Runs that begin behind a hole, by their first number.
    waiting: BTreeMap<Seq, R>,
}

/// What is to be done about an arrival.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival<R> {
    /// These are to be handed on, in this order; none when it has to wait.
    Ready(Vec<R>),
    /// All of it was handed on before; the relay is told how far the lane is.
    Known,
}

impl<R: Run> Order<R> {
    /// A lane that is applied up to `applied`.
    pub(super) const fn new(applied: Seq) -> Self {
        Self {
            applied,
            next: applied.next(),
            waiting: BTreeMap::new(),
        }
    }

    pub(super) const fn applied(&self) -> Seq {
        self.applied
    }

    /// How many wait for one before them.
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes what arrived.
    pub(super) fn arrive(&mut self, run: R) -> Arrival<R> {
        if run.last() < self.next {
            return Arrival::Known;
        }
        self.waiting.insert(run.first(), run);
        let mut ready = Vec::new();
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let run = entry.remove();
            // One that others have overtaken entirely has no effect left.
            if run.last() >= self.next {
                self.next = run.last().next();
                ready.push(run);
            }
        }
        Arrival::Ready(ready)
    }

    /// Notes a commit; gives how far the lane is. What the relay's session before had under way
    /// may be committed meanwhile: of this one's no more is said to be than came.
    pub(super) fn commit(&mut self, upto: Seq) -> Seq {
        let came = Seq(self.next.0.saturating_sub(1));
        self.applied = self.applied.max(upto.min(came));
        self.applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Block(u64, u64);

    impl Run for Block {
        fn first(&self) -> Seq {
            Seq(self.0)
        }
        fn last(&self) -> Seq {
            Seq(self.1)
        }
    }

    #[test]
    fn what_arrives_out_of_order_leaves_in_order() {
        let mut order = Order::new(Seq(10));
        assert_eq!(order.arrive(Block(14, 15)), Arrival::Ready(vec![]));
        assert_eq!(order.n_waiting(), 1);
        let ready = Arrival::Ready(vec![Block(11, 13), Block(14, 15)]);
        assert_eq!(order.arrive(Block(11, 13)), ready);
        assert_eq!(order.arrive(Block(11, 13)), Arrival::Known);
        assert_eq!(order.arrive(Block(1, 10)), Arrival::Known);
        assert_eq!(order.applied(), Seq(10));
        assert_eq!(order.commit(Seq(13)), Seq(13));
        assert_eq!(order.commit(Seq(12)), Seq(13));
    }

    #[test]
    fn a_block_that_is_applied_in_part_is_handed_on() {
        let mut order = Order::new(Seq(10));
        let ready = Arrival::Ready(vec![Block(9, 12)]);
        assert_eq!(order.arrive(Block(9, 12)), ready);
        assert_eq!(
            order.arrive(Block(13, 13)),
            Arrival::Ready(vec![Block(13, 13)])
        );
    }

    proptest! {
        #[test]
        fn every_order_of_arrival_gives_the_same_order(
            lens in prop::collection::vec(1..5_u64, 1..12),
            seed in prop::collection::vec(any::<u32>(), 30),
        ) {
            let mut blocks = Vec::new();
            let mut next = 1;
            for len in lens {
                blocks.push(Block(next, next + len - 1));
                next += len;
            }
            let mut arrivals: Vec<_> = blocks.iter().chain(&blocks).cloned().collect();
            let mut keys = seed.iter().cycle();
            arrivals.sort_by_cached_key(|_| keys.next().copied());
            let mut order = Order::new(Seq(0));
            let mut left = Vec::new();
            for block in arrivals {
                if let Arrival::Ready(ready) = order.arrive(block) {
                    left.extend(ready);
                }
            }
            prop_assert_eq!(left, blocks);
            prop_assert_eq!(order.n_waiting(), 0);
        }
    }
}
