//! The ledger's counts of one transaction, summed before they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use protocol::ids::{ProjectId, RelayId};
use protocol::item::Category;
use protocol::outcome::{Reason, Term, reason};

use crate::store::ledger::LedgerRow;

/// What is counted, apart from how much.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) relay: RelayId,
    pub(super) project: Option<ProjectId>,
    pub(super) category: Category,
    pub(super) term: Term,
    pub(super) reason: Reason,
    pub(super) hour: i64,
}

#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Key, i64>);

impl Tally {
    pub(super) fn add(&mut self, key: Key, quantity: i64) {
        *self.0.entry(key).or_default() += quantity;
    }

    /// Counts items as received and accepted, whatever became of them: the relay kept them, and
    /// an item that is kept is counted there by being in the spool.
    pub(super) fn add_kept(&mut self, key: &Key, quantity: i64) {
        for term in [Term::Received, Term::Accepted] {
            let reason = Cow::Borrowed(reason::NONE);
            self.add(
                Key {
                    term,
                    reason,
                    ..key.clone()
                },
                quantity,
            );
        }
    }

    pub(super) fn rows(self) -> Vec<LedgerRow> {
        let row = |(key, quantity): (Key, i64)| LedgerRow {
            relay: key.relay,
            project: key.project,
            category: key.category,
            term: key.term,
            reason: Cow::into_owned(key.reason),
            hour: key.hour,
            quantity,
        };
        let counted = self.0.into_iter().filter(|(_, quantity)| *quantity != 0);
        counted.map(row).collect()
    }
}
