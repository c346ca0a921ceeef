//! The equation of one relay: what came in is accounted for, to the unit. Pure.
//!
//! - received = accepted + refused
//! - accepted = delivered + dropped + waiting, dropped for one of the ledger's reasons
//! - delivered = what the hub booked
//!
//! The first two are the relay's own, as of one moment; what waits is counted by it from what its
//! segments hold. The third is compared with every acknowledgement, at the same record on both
//! sides. So none of them is ever off because of what is under way.

use std::collections::BTreeMap;

use protocol::ids::ProjectId;
use protocol::item::Category;
use protocol::outcome::Term;
use protocol::wire::{Books, Difference};

/// What a line is about.
pub type Account = (Option<ProjectId>, Category);

/// The equation of one project and category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Cut out of requests.
    pub received: u64,
    /// Answered with an error, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Kept, or dropped afterwards.
    pub accepted: u64,
    /// Dropped at the relay, by term and reason.
    pub dropped: BTreeMap<(Term, String), u64>,
    /// Acknowledged by the hub.
    pub delivered: u64,
    /// In the spool.
    pub waiting: u64,
    /// What the hub booked less than the relay delivered; negative where it booked more.
    pub short_at_hub: i64,
}

impl Line {
    /// Received and neither accepted nor refused.
    #[must_use]
    pub fn lost_at_the_door(&self) -> i64 {
        let refused: u64 = self.refused.values().sum();
        difference(self.received, self.accepted.saturating_add(refused))
    }

    /// Accepted and neither delivered, nor dropped, nor waiting.
    #[must_use]
    pub fn lost_inside(&self) -> i64 {
        let dropped: u64 = self.dropped.values().sum();
        let known = self.delivered.saturating_add(dropped);
        difference(self.accepted, known.saturating_add(self.waiting))
    }

    /// Adds another relay's line of the same account.
    pub fn add(&mut self, other: Self) {
        self.received += other.received;
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.waiting += other.waiting;
        self.short_at_hub = self.short_at_hub.saturating_add(other.short_at_hub);
        for (reason, n) in other.refused {
            *self.refused.entry(reason).or_default() += n;
        }
        for (key, n) in other.dropped {
            *self.dropped.entry(key).or_default() += n;
        }
    }

    /// Whether nothing is missing and nothing is there twice.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.lost_at_the_door() == 0 && self.lost_inside() == 0 && self.short_at_hub == 0
    }
}

/// The equation by project and category.
#[must_use]
pub fn lines(books: &Books, differences: &[Difference]) -> BTreeMap<Account, Line> {
    let mut lines = BTreeMap::<Account, Line>::new();
    for total in &books.totals {
        let line = lines.entry((total.project, total.category)).or_default();
        match total.term {
            Term::Received => line.received += total.n,
            Term::Accepted => line.accepted += total.n,
            Term::Refused => *line.refused.entry(total.reason.clone()).or_default() += total.n,
            Term::Filtered
            | Term::Sampled
            | Term::Invalid
            | Term::Expired
            | Term::Evicted
            | Term::Corrupt => {
                let key = (total.term, total.reason.clone());
                *line.dropped.entry(key).or_default() += total.n;
            }
            // The hub's to count, or beside the equation.
            Term::Applied | Term::Rejected | Term::ClientDiscard => {}
        }
    }
    for sum in &books.delivered {
        let account = (Some(sum.project), sum.category);
        lines.entry(account).or_default().delivered += sum.n;
    }
    for sum in &books.waiting {
        let account = (Some(sum.project), sum.category);
        lines.entry(account).or_default().waiting += sum.n;
    }
    for one in differences.iter().filter(|one| one.project.is_some()) {
        let line = lines.entry((one.project, one.category)).or_default();
        line.short_at_hub += difference(one.relay, one.hub);
    }
    lines
}

/// Items that are missing, or too many, at the relay; over all accounts.
#[must_use]
pub fn deficit(books: &Books) -> u64 {
    let off =
        |line: &Line| line.lost_at_the_door().unsigned_abs() + line.lost_inside().unsigned_abs();
    lines(books, &[]).values().map(off).sum()
}

/// Items by which relay and hub differ, as far as the accounts are known.
#[must_use]
pub fn divergence(differences: &[Difference]) -> u64 {
    let named = differences.iter().filter(|one| one.project.is_some());
    named.map(|one| one.relay.abs_diff(one.hub)).sum()
}

fn difference(a: u64, b: u64) -> i64 {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    signed(a).saturating_sub(signed(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::{Lane, Seq};
    use protocol::wire::{Sum, Total};

    fn books(totals: &[(Term, u64)], delivered: u64, waiting: u64) -> Books {
        let project = ProjectId::new(1).unwrap();
        let sum = |n| Sum {
            project,
            category: Category::Error,
            n,
        };
        let total = |(term, n): &(Term, u64)| Total {
            project: Some(project),
            category: Category::Error,
            term: *term,
            reason: String::new(),
            n: *n,
        };
        Books {
            totals: totals.iter().map(total).collect(),
            delivered: vec![sum(delivered)],
            waiting: vec![sum(waiting)],
            is_whole: true,
            ..Books::default()
        }
    }

    #[test]
    fn every_item_missing_is_counted_and_so_is_every_one_too_many() {
        let check = |totals: &[(Term, u64)], delivered, waiting, expected| {
            let books = books(totals, delivered, waiting);
            assert_eq!(
                deficit(&books),
                expected,
                "{totals:?} {delivered} {waiting}"
            );
        };
        let sound = [
            (Term::Received, 12),
            (Term::Refused, 2),
            (Term::Accepted, 10),
            (Term::Filtered, 1),
            (Term::Evicted, 2),
            (Term::ClientDiscard, 99),
        ];
        check(&sound, 4, 3, 0);
        check(&sound, 3, 3, 1);
        check(&sound, 5, 3, 1);
        check(&[(Term::Received, 3), (Term::Accepted, 2)], 2, 0, 1);
    }

    #[test]
    fn what_the_hub_lacks_stands_in_the_line_of_its_account() {
        let one = Difference {
            lane: Lane::Errors,
            upto: Seq(9),
            project: ProjectId::new(1).ok(),
            category: Category::Error,
            relay: 4,
            hub: 3,
        };
        let books = books(&[(Term::Received, 4), (Term::Accepted, 4)], 4, 0);
        let lines = lines(&books, &[one]);
        let line = &lines[&(ProjectId::new(1).ok(), Category::Error)];
        assert_eq!(line.short_at_hub, 1);
        assert!(!line.is_balanced());
        assert_eq!(divergence(&[one]), 1);
    }
}
