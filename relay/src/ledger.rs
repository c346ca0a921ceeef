//! Counts every item's one outcome.
//!
//! Counts gather in memory as a *delta* until the spool commits them with the records they belong
//! to ([`Ledger::take_delta`]); a commit that fails gives them back ([`Ledger::put_back`]), so
//! that a count is written exactly once. The *totals* are the sums since the spool was made, for
//! status and metrics; the spool restores them when it opens.
//!
//! Who counts what, so that a crash cannot separate an item from its count:
//! - items that are kept are counted `received` and `accepted` by the spool, in the commit that
//!   makes them durable ([`kept()`]);
//! - everything else (refused, dropped, reported by clients) is counted by whoever decides it, all
//!   terms of one item in one call, so that they lie in one delta.
//!
//! What always holds: no count is lost; the number of accounts is bounded: beyond
//! [`ACCOUNTS_MAX`] reasons from outside, of clients and of the roster, are counted as [`OTHER`],
//! then projects are left out.

mod audit;
mod equation;

pub use audit::{Audit, Booked, Sums, Verdict, sums};
pub use equation::{Equation, Line, equations};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::block::{LedgerDelta, Record};
use protocol::ids::ProjectId;
use protocol::item::Category;
use protocol::outcome::{Account, Counts, Reason, Term, reason};
use protocol::timestamp::Timestamp;

/// Accounts beyond which counts are put together.
pub const ACCOUNTS_MAX: usize = 20_000;

/// The reason that stands for reasons there was no room for.
pub const OTHER: &str = "other";

/// A handle on the one ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    delta: Counts,
    totals: Counts,
}

impl Ledger {
    /// Counts `n` items.
    pub fn count(&self, account: Account, n: u64) {
        self.count_all([(account, n)]);
    }

    /// Counts several accounts so that no commit can lie between them.
    pub fn count_all(&self, counts: impl IntoIterator<Item = (Account, u64)>) {
        let mut state = self.lock();
        for (account, n) in counts {
            state.count(account, n);
        }
    }

    /// The counts since the last call; the caller makes them durable or gives them back.
    #[must_use]
    pub fn take_delta(&self, now: Timestamp) -> LedgerDelta {
        let delta = std::mem::take(&mut self.lock().delta);
        LedgerDelta {
            at: now,
            counts: delta.into_iter().collect(),
        }
    }

    /// Takes back what could not be made durable.
    pub fn put_back(&self, delta: LedgerDelta) {
        let mut state = self.lock();
        for (account, n) in delta.counts {
            *state.delta.entry(account).or_default() += n;
        }
    }

    /// Adds to the totals alone: counts that are durable already.
    pub fn restore(&self, durable: Counts) {
        let mut state = self.lock();
        for (account, n) in durable {
            *state.totals.entry(account).or_default() += n;
        }
    }

    /// The sums since the spool was made.
    #[must_use]
    pub fn totals(&self) -> Counts {
        self.lock().totals.clone()
    }

    /// Counts an item that is answered with an error.
    pub fn refused(
        &self,
        project: Option<ProjectId>,
        category: Category,
        why: impl Into<Reason>,
        n: u64,
    ) {
        self.count_all(item_terms(project, category, Term::Refused, why.into(), n));
    }

    /// A panic while counting cannot leave half a count.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, account: Account, n: u64) {
        if n == 0 {
            return;
        }
        let account = self.bounded(account);
        *self.totals.entry(account.clone()).or_default() += n;
        *self.delta.entry(account).or_default() += n;
    }

    fn bounded(&self, mut account: Account) -> Account {
        let has_room = |account: &Account| {
            self.totals.len() < ACCOUNTS_MAX || self.totals.contains_key(account)
        };
        if has_room(&account) {
            return account;
        }
        if matches!(
            account.term,
            Term::ClientDiscard | Term::Filtered | Term::Sampled
        ) {
            account.reason = Reason::Borrowed(OTHER);
        }
        if !has_room(&account) {
            account.project = None;
        }
        account
    }
}

/// The terms of `n` items that came in and ended as `term`.
///
/// Refused items were received; every other end was accepted first.
#[must_use]
pub fn item_terms(
    project: Option<ProjectId>,
    category: Category,
    term: Term,
    why: Reason,
    n: u64,
) -> Vec<(Account, u64)> {
    let account = |term, reason| Account {
        project,
        category,
        term,
        reason,
    };
    let none = Reason::Borrowed(reason::NONE);
    let mut counts = vec![(account(Term::Received, none.clone()), n)];
    if !matches!(term, Term::Refused | Term::Accepted) {
        counts.push((account(Term::Accepted, none), n));
    }
    counts.push((account(term, why), n));
    counts
}

/// What keeping a record counts: `received` and `accepted` for each item in it.
#[must_use]
pub fn kept(record: &Record) -> Vec<(Account, u64)> {
    let mut counts = Counts::new();
    for count in record.counts() {
        let why = Reason::Borrowed(reason::NONE);
        let (project, category) = (Some(count.project), count.category);
        for (account, n) in item_terms(project, category, Term::Accepted, why, count.n) {
            *counts.entry(account).or_default() += n;
        }
    }
    counts.into_iter().collect()
}

#[cfg(test)]
mod tests;
