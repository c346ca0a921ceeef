//! Which records are lost, and what they were. Pure.

use protocol::block::ItemCount;
use protocol::ids::{Lane, Seq};
use protocol::item::Category;
use protocol::outcome::{Account, Counts, Reason, Term, reason};

use super::segment::{self, ItemCounts, Scan};
use super::state::LostRange;

/// Records `from` to `next`, the last not included, are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) lane: Lane,
    pub(super) from: Seq,
    pub(super) next: Seq,
    /// Their items, when that can be told.
    pub(super) counts: Option<Vec<ItemCount>>,
}

impl Loss {
    pub(super) const fn unknown(lane: Lane, from: Seq, next: Seq) -> Self {
        Self {
            lane,
            from,
            next,
            counts: None,
        }
    }

    /// What of it the hub does not have and the gaps do not tell of already. The items of a part
    /// are not known, but those of all of it, and that nothing has none.
    pub(super) fn beyond(&self, gaps: &[LostRange], acked: Seq) -> Vec<Self> {
        let mut from = self.from.max(acked.next());
        let mut parts = Vec::new();
        let mut known: Vec<_> = gaps.iter().filter(|gap| gap.lane == self.lane).collect();
        known.sort_by_key(|gap| gap.from);
        for gap in known {
            if gap.to < from || gap.from >= self.next {
                continue;
            }
            if gap.from > from {
                parts.push((from, gap.from));
            }
            from = gap.to.next();
        }
        if from < self.next {
            parts.push((from, self.next));
        }
        parts
            .into_iter()
            .map(|(from, next)| Self {
                lane: self.lane,
                from,
                next,
                counts: self
                    .counts
                    .clone()
                    .filter(|counts| counts.is_empty() || (from, next) == (self.from, self.next)),
            })
            .collect()
    }

    /// Adds the loss to `into` under `term`. Of records whose items are not known each is one.
    pub(super) fn count(&self, term: Term, into: &mut Counts) {
        match &self.counts {
            Some(counts) => count_items(counts, term, into),
            None => {
                let account = account(None, Category::Unknown, term);
                *into.entry(account).or_default() += self.next.0.saturating_sub(self.from.0);
            }
        }
    }
}

/// Adds items to `into` under `term`.
pub(super) fn count_items(counts: &[ItemCount], term: Term, into: &mut Counts) {
    for count in counts {
        let account = account(Some(count.project), count.category, term);
        *into.entry(account).or_default() += count.n;
    }
}

const fn account(
    project: Option<protocol::ids::ProjectId>,
    category: Category,
    term: Term,
) -> Account {
    Account {
        project,
        category,
        term,
        reason: Reason::Borrowed(reason::NONE),
    }
}

/// What is missing from a scanned segment that should hold `first` to `next`.
pub(super) fn of_segment(lane: Lane, first: Seq, next: Seq, scan: &Scan) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut from = first;
    let ends = scan
        .blocks
        .iter()
        .map(|extent| (extent.first, extent.next()));
    for (good, behind) in ends.chain([(next, next)]) {
        if good > from {
            losses.extend(split(lane, from, good, scan));
        }
        from = from.max(behind);
    }
    losses
}

/// Gives the one loss of which nothing is known what its segment is known to have held, and what is
/// neither found nor known to be lost. Of several, nobody can say which of them held what.
pub(super) fn tell(losses: &mut [Loss], held: ItemCounts, found: &ItemCounts) {
    let mut rest = held;
    let known = losses.iter().filter_map(|loss| loss.counts.as_deref());
    let mut there = found.clone();
    known.for_each(|counts| segment::add_counts(&mut there, counts));
    for (place, n) in &there {
        let left = rest.get(place).and_then(|held| held.checked_sub(*n));
        let Some(left) = left else { return };
        rest.insert(*place, left);
    }
    rest.retain(|_, n| *n > 0);
    let mut unknown = losses.iter_mut().filter(|loss| loss.counts.is_none());
    if let (Some(loss), None) = (unknown.next(), unknown.next())
        && loss.lane.live() != Lane::Control
    {
        loss.counts = Some(segment::list_counts(&rest));
    }
}

/// Parts losses into what is before a number and what is not.
pub(super) fn split_at(losses: Vec<Loss>, at: Seq) -> (Vec<Loss>, Vec<Loss>) {
    let (mut before, mut rest) = (Vec::new(), Vec::new());
    for loss in losses {
        if loss.next <= at {
            before.push(loss);
        } else if loss.from >= at {
            rest.push(loss);
        } else {
            // The items of a part are not known.
            before.push(Loss::unknown(loss.lane, loss.from, at));
            rest.push(Loss::unknown(loss.lane, at, loss.next));
        }
    }
    (before, rest)
}

/// A missing range, cut where the heads of lost frames tell what they held.
fn split(lane: Lane, from: Seq, next: Seq, scan: &Scan) -> Vec<Loss> {
    let mut parts = Vec::new();
    let mut at = from;
    for damage in &scan.damage {
        let Some((known_from, known_next)) = damage.known else {
            continue;
        };
        if known_from < at || known_next > next {
            continue;
        }
        if known_from > at {
            parts.push(Loss::unknown(lane, at, known_from));
        }
        parts.push(Loss {
            lane,
            from: known_from,
            next: known_next,
            counts: damage.counts.clone(),
        });
        at = known_next;
    }
    if at < next {
        parts.push(Loss::unknown(lane, at, next));
    }
    parts
}
