//! The conservation equation, from what lies on the disk.

use std::collections::BTreeMap;
use std::io;

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::item::Category;
use protocol::outcome::{Counts, Term};
use serde::Serialize;

use super::super::GapReason;
use super::super::recover::{count_kept, count_ledger};
use super::super::segment;
use super::walk::{Need, Piece};
use super::{InspectError, Inspector, if_there};

/// Every item's end, by category, since the spool was made.
#[derive(Clone, Debug, Serialize)]
pub struct Accounts {
    /// By category.
    pub lines: Vec<Line>,
    /// Over all of them.
    pub sum: Line,
    /// Records that are missing and that no account tells of yet; opening the spool counts them.
    pub uncounted: u64,
}

/// received = accepted + refused; accepted = delivered + the terms below + waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The category's name.
    pub category: String,
    /// Items that came in.
    pub received: u64,
    /// Answered with an error.
    pub refused: u64,
    /// Taken.
    pub accepted: u64,
    /// Dropped by a filter.
    pub filtered: u64,
    /// Dropped by sampling.
    pub sampled: u64,
    /// Of no use.
    pub invalid: u64,
    /// Too old.
    pub expired: u64,
    /// Pushed out of a full spool.
    pub evicted: u64,
    /// Damaged on disk; what cannot be told apart is counted by record, as unknown.
    pub corrupt: u64,
    /// Refused by the hub for good.
    pub rejected: u64,
    /// Not delivered yet.
    pub waiting: u64,
    /// Acknowledged by the hub: what is left of the accepted.
    pub delivered: i64,
    /// Received that is neither accepted nor refused; 0 when the equation holds.
    pub missing: i64,
}

impl Line {
    fn add(&mut self, term: Term, n: u64) {
        let of_term = match term {
            Term::Received => &mut self.received,
            Term::Accepted => &mut self.accepted,
            Term::Refused => &mut self.refused,
            Term::Filtered => &mut self.filtered,
            Term::Sampled => &mut self.sampled,
            Term::Invalid => &mut self.invalid,
            Term::Expired => &mut self.expired,
            Term::Evicted => &mut self.evicted,
            Term::Corrupt => &mut self.corrupt,
            Term::Rejected => &mut self.rejected,
            Term::Applied | Term::ClientDiscard => return,
        };
        *of_term = of_term.saturating_add(n);
    }

    /// Adds another category's.
    const fn join(&mut self, other: &Self) {
        self.received += other.received;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.filtered += other.filtered;
        self.sampled += other.sampled;
        self.invalid += other.invalid;
        self.expired += other.expired;
        self.evicted += other.evicted;
        self.corrupt += other.corrupt;
        self.rejected += other.rejected;
        self.waiting += other.waiting;
    }

    /// Works out what follows from the rest.
    fn close(&mut self) {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let ended = [
            self.filtered,
            self.sampled,
            self.invalid,
            self.expired,
            self.evicted,
            self.corrupt,
            self.rejected,
            self.waiting,
        ];
        let ended = ended.into_iter().fold(0, u64::saturating_add);
        self.delivered = signed(self.accepted).saturating_sub(signed(ended));
        let answered = self.accepted.saturating_add(self.refused);
        self.missing = signed(self.received).saturating_sub(signed(answered));
    }
}

impl Accounts {
    /// Whether every item that was received has one end.
    #[must_use]
    pub const fn is_balanced(&self) -> bool {
        self.sum.missing == 0 && self.sum.delivered >= 0 && self.uncounted == 0
    }
}

impl Inspector {
    /// Reads the sums of the ledger, and everything that waits.
    ///
    /// # Errors
    /// [`InspectError::Read`].
    pub fn accounts(&self) -> Result<Accounts, InspectError> {
        let mut lines = BTreeMap::<Category, Line>::new();
        for (account, n) in self.totals()? {
            let line = lines.entry(account.category).or_default();
            line.add(account.term, n);
        }
        let mut uncounted = 0;
        for lane in Lane::ALL {
            let from = self.acked(lane).next();
            self.walk(lane, from, &mut |piece| {
                match piece {
                    Piece::Block { bytes, .. } => count_waiting(bytes, from, &mut lines),
                    Piece::Gap(gap) => {
                        let is_told = self.state.gaps.iter().any(|told| {
                            told.lane == lane && told.from <= gap.from && gap.to <= told.to
                        });
                        if !is_told && gap.reason == GapReason::Corrupt {
                            uncounted += gap.to.0 - gap.from.0 + 1;
                        }
                    }
                }
                Ok(())
            })?;
        }
        let mut sum = Line::default();
        for (category, line) in &mut lines {
            category.name().clone_into(&mut line.category);
            line.close();
            sum.join(line);
        }
        sum.close();
        Ok(Accounts {
            lines: lines.into_values().collect(),
            sum,
            uncounted,
        })
    }

    /// What every lane has counted in all its life, and losses that are not yet in lane 0.
    pub(in crate::spool) fn totals(&self) -> Result<Counts, InspectError> {
        let mut totals = Counts::new();
        for lane in Lane::ALL {
            let Some(last) = self.segments(lane)?.pop() else {
                continue;
            };
            let header = || -> io::Result<_> {
                let Some(file) = if_there(self.disk.open(&last.path))? else {
                    return Ok(None);
                };
                segment::load_header(&*file)
            };
            let header = header().map_err(|source| self.error(source))?;
            for (account, n) in header.into_iter().flat_map(|read| read.header.totals) {
                *totals.entry(account).or_default() += n;
            }
            let bound = self.bound(lane);
            let mut next = last.first;
            let need = if lane.live() == Lane::Control {
                Need::Content
            } else {
                Need::Heads
            };
            self.scan(&last, need, &mut |head, bytes| {
                if bound.is_some_and(|bound| head.last_seq() >= bound) {
                    return;
                }
                next = head.last_seq().next();
                count_kept(&mut totals, &head.counts);
                if lane.live() == Lane::Control {
                    // One that does not open is counted by nobody, as in the relay.
                    drop(count_ledger(&mut totals, bytes));
                }
            })?;
            if let Some(pending) = &self.state.pending
                && pending.lane == lane
                && pending.at >= next
            {
                for (account, n) in &pending.counts {
                    *totals.entry(account.clone()).or_default() += n;
                }
            }
        }
        Ok(totals)
    }
}

/// Counts the items of a block's records from `from` on.
fn count_waiting(bytes: &[u8], from: Seq, lines: &mut BTreeMap<Category, Line>) {
    let Ok((head, records)) = block::open(bytes) else {
        return;
    };
    let skip = from.0.saturating_sub(head.first_seq.0);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    for record in records.iter().skip(skip) {
        for count in record.counts() {
            lines.entry(count.category).or_default().waiting += count.n;
        }
    }
}
