//! The equation as the relay itself can draw it up. Pure.
//!
//! - received = accepted + refused
//! - accepted = delivered + dropped + waiting

use std::collections::BTreeMap;

use protocol::ids::ProjectId;
use protocol::item::Category;
use protocol::outcome::{Counts, Term};

/// One side of a line: a project, if it is known, and a category.
pub type Line = (Option<ProjectId>, Category);

/// The sums of one project and category, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Equation {
    /// Cut out of requests.
    pub received: u64,
    /// Answered with an error.
    pub refused: u64,
    /// Kept, or dropped afterwards.
    pub accepted: u64,
    /// Dropped afterwards.
    pub dropped: u64,
    /// Acknowledged by the hub.
    pub delivered: u64,
    /// In the spool.
    pub waiting: u64,
}

impl Equation {
    /// Items that are missing, or too many.
    #[must_use]
    pub const fn deficit(&self) -> u64 {
        let known = self.delivered + self.dropped + self.waiting;
        self.received.abs_diff(self.accepted + self.refused) + self.accepted.abs_diff(known)
    }

    /// Adds another line.
    pub const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.dropped += other.dropped;
        self.delivered += other.delivered;
        self.waiting += other.waiting;
    }
}

/// Draws up every line.
pub fn equations(
    totals: &Counts,
    delivered: impl IntoIterator<Item = (Line, u64)>,
    waiting: impl IntoIterator<Item = (Line, u64)>,
) -> BTreeMap<Line, Equation> {
    let mut lines = BTreeMap::<Line, Equation>::new();
    for (account, n) in totals {
        let line = lines
            .entry((account.project, account.category))
            .or_default();
        match account.term {
            Term::Received => line.received += n,
            Term::Accepted => line.accepted += n,
            Term::Refused => line.refused += n,
            Term::Filtered
            | Term::Sampled
            | Term::Invalid
            | Term::Expired
            | Term::Evicted
            | Term::Corrupt => line.dropped += n,
            // The hub's to count, or beside the equation.
            Term::Applied | Term::Rejected | Term::ClientDiscard => {}
        }
    }
    for (line, n) in delivered {
        lines.entry(line).or_default().delivered += n;
    }
    for (line, n) in waiting {
        lines.entry(line).or_default().waiting += n;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::outcome::Account;

    #[test]
    fn what_is_missing_is_counted_line_by_line() {
        let line = (ProjectId::new(1).ok(), Category::Error);
        let account = |term| Account {
            project: line.0,
            category: line.1,
            term,
            reason: "".into(),
        };
        let totals = Counts::from([
            (account(Term::Received), 10),
            (account(Term::Refused), 2),
            (account(Term::Accepted), 8),
            (account(Term::Filtered), 1),
            (account(Term::ClientDiscard), 50),
        ]);
        let found = equations(&totals, [(line, 4)], [(line, 2)]);
        assert_eq!(found[&line].deficit(), 1);
        let found = equations(&totals, [(line, 5)], [(line, 2)]);
        assert_eq!(found[&line].deficit(), 0);
    }
}
