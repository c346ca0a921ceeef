//! What was promised in a story, and whether it was kept.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ids::Lane;
use protocol::item::Category;
use protocol::outcome::{Account, Counts, Term};

use super::hub::Hub;
use super::records::ITEMS_MAX;
use super::relay::Relay;

/// Every record that was handed over, and what was answered.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// Answered well, by lane.
    promised: BTreeMap<Lane, BTreeSet<u64>>,
    /// Handed over, whatever was answered.
    tried: BTreeMap<u64, Lane>,
    /// Handed over more than once.
    retried: BTreeSet<u64>,
}

impl Promises {
    pub(super) fn tried(&mut self, lane: Lane, n: u64) {
        if self.tried.insert(n, lane).is_some() {
            self.retried.insert(n);
        }
    }

    pub(super) fn promised(&mut self, lane: Lane, n: u64) {
        self.promised.entry(lane).or_default().insert(n);
    }

    /// Something that was handed over and never answered well.
    pub(super) fn unanswered(&self) -> Option<(Lane, u64)> {
        let is_promised = |(n, lane): &(&u64, &Lane)| {
            let promised = self.promised.get(*lane);
            !promised.is_some_and(|promised| promised.contains(*n))
        };
        let open = self.tried.iter().rev().find(is_promised);
        open.map(|(n, lane)| (*lane, *n))
    }

    pub(super) fn n_promised(&self) -> usize {
        self.promised.values().map(BTreeSet::len).sum()
    }

    /// Everything promised is at the hub or can be read in the spool (C1).
    ///
    /// # Errors
    /// Names what is neither.
    pub(super) fn check_kept(&self, relay: &mut Relay, hub: &Hub) -> Result<(), String> {
        let applied: BTreeSet<u64> = hub.store.applied.iter().map(|applied| applied.n).collect();
        if let Some(n) = hub.store.incomplete.first() {
            return Err(format!("C1: {n} came without its parts"));
        }
        for (lane, promised) in &self.promised {
            let (mut found, mut n_gaps) = relay.waiting(*lane)?;
            if let Some(twin) = lane.backlog() {
                let (more, gaps) = relay.waiting(twin)?;
                found.extend(more);
                n_gaps += gaps;
            }
            let found: BTreeSet<_> = found.into_iter().collect();
            let is_lost = |n: &&u64| !found.contains(n) && !applied.contains(n);
            let lost: Vec<_> = promised.iter().filter(is_lost).collect();
            if !lost.is_empty() {
                return Err(format!("C1: {lane} lost {lost:?}, with {n_gaps} gaps"));
            }
        }
        Ok(())
    }

    /// Nothing is deleted or passed over that is not committed at the hub (C4, C5).
    ///
    /// # Errors
    /// Names the lane.
    pub(super) fn check_cursors(relay: &Relay, hub: &Hub) -> Result<(), String> {
        let epoch = relay.spool.epoch();
        for (lane, state) in Lane::ALL.into_iter().zip(relay.spool.lanes()) {
            let committed = hub.highest(epoch, lane);
            if state.acked > committed {
                return Err(format!(
                    "C5: {lane} is acknowledged up to {}, and committed up to {}",
                    state.acked.0, committed.0
                ));
            }
        }
        Ok(())
    }

    /// What was applied was handed over, came once, and came in order (C3, C7).
    ///
    /// # Errors
    /// Names the record.
    pub(super) fn check_applied(&self, hub: &Hub) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<(Lane, u64), u64> = BTreeMap::new();
        for applied in &hub.store.applied {
            let n = applied.n;
            if !seen.insert(n) {
                return Err(format!("C3: {n} is applied twice"));
            }
            if self.tried.get(&n) != Some(&applied.lane.live()) {
                return Err(format!("C3: {n} of {} was never handed over", applied.lane));
            }
            if self.retried.contains(&n) {
                continue;
            }
            let before = last.insert((applied.lane, applied.project), n);
            if let Some(before) = before.filter(|before| *before > n) {
                return Err(format!("C7: {n} of {} came behind {before}", applied.lane));
            }
        }
        Ok(())
    }

    /// At the end, when all is healed and drained: the accounts (C2), and what is lost.
    ///
    /// Answers how many items the hub has and the relay counts as lost, which is nothing where no
    /// bits flip.
    ///
    /// # Errors
    /// With the terms that do not add up.
    pub(super) fn check_end(
        &self,
        relay: &Relay,
        hub: &Hub,
        may_lose: bool,
        is_damaged: bool,
    ) -> Result<u64, String> {
        let applied: BTreeSet<u64> = hub.store.applied.iter().map(|applied| applied.n).collect();
        let promised = self.promised.values().flatten();
        let is_gone = |n: &&u64| hub.gone.records.contains(n);
        // What came without all of its parts is told as that.
        let incomplete = &hub.store.incomplete;
        let lost: Vec<_> = promised
            .filter(|n| !applied.contains(n) && !is_gone(n) && !incomplete.contains(n))
            .collect();
        let may_lack = may_lose || hub.was_set_back();
        if let Some(n) = incomplete.first().filter(|_| !may_lack) {
            return Err(format!("C1: {n} came without its parts"));
        }
        // What a hub lost by being set back it had counted, and the relay did.
        let mut with_gone = hub.store.totals.clone();
        for (account, n) in &hub.gone.totals {
            *with_gone.entry(account.clone()).or_default() += n;
        }
        let (of_relay, of_hub) = (relay.ledger.totals(), &with_gone);
        let n_counted = sum(&of_relay, &LOST);
        if (lost.len() as u64) > n_counted || (!may_lose && n_counted > 0) {
            return Err(format!(
                "C1: {} promised records are lost, {n_counted} are counted as lost: {lost:?}",
                lost.len()
            ));
        }
        for totals in [&of_relay, of_hub] {
            let received = sum(totals, &[Term::Received]);
            let accepted = sum(totals, &[Term::Accepted]);
            let refused = sum(totals, &[Term::Refused]);
            if received != accepted + refused {
                return Err(format!(
                    "C2: {received} received, {accepted} accepted, {refused} refused"
                ));
            }
        }
        let (accepted, ended) = (sum(of_hub, &[Term::Accepted]), sum(of_hub, &ENDS));
        if accepted != ended {
            return Err(format!("C2: {accepted} accepted at the hub, {ended} ended"));
        }
        if is_damaged {
            check_same(&of_relay, of_hub, &[Term::Refused])?;
            check_same(&of_relay, of_hub, &LOST)?;
            return check_damaged(&of_relay, of_hub);
        }
        let kept = [Term::Received, Term::Accepted, Term::Refused];
        check_same(&of_relay, of_hub, &kept)?;
        check_same(&of_relay, of_hub, &LOST)?;
        Ok(0)
    }
}

/// What was kept and will not come.
const LOST: [Term; 3] = [Term::Evicted, Term::Expired, Term::Corrupt];
/// How an accepted item ends at the hub.
const ENDS: [Term; 6] = [
    Term::Applied,
    Term::Invalid,
    Term::Rejected,
    Term::Evicted,
    Term::Expired,
    Term::Corrupt,
];

fn sum(totals: &Counts, terms: &[Term]) -> u64 {
    let of_terms = |(account, _): &(&Account, &u64)| terms.contains(&account.term);
    totals.iter().filter(of_terms).map(|(_, n)| n).sum()
}

/// Both sides tell the same of these terms, account by account.
fn check_same(of_relay: &Counts, of_hub: &Counts, terms: &[Term]) -> Result<(), String> {
    let accounts: BTreeSet<&Account> = of_relay.keys().chain(of_hub.keys()).collect();
    for account in accounts {
        let n = |counts: &Counts| counts.get(account).copied().unwrap_or_default();
        let (relay, hub) = (n(of_relay), n(of_hub));
        if terms.contains(&account.term) && relay != hub {
            return Err(format!(
                "C2: the relay counts {relay} and the hub {hub} of {account:?}"
            ));
        }
    }
    Ok(())
}

/// Where the two differ, for whoever looks for the cause.
fn apart(of_relay: &Counts, of_hub: &Counts) -> String {
    let accounts: BTreeSet<&Account> = of_relay.keys().chain(of_hub.keys()).collect();
    let n = |counts: &Counts, account: &Account| counts.get(account).copied().unwrap_or_default();
    let lines = accounts.into_iter().filter_map(|account| {
        let (relay, hub) = (n(of_relay, account), n(of_hub, account));
        (relay != hub).then(|| format!("{relay} and {hub} of {account:?}"))
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// What was received and accepted, where bits flipped. Two things cannot be known then, each of
/// items that are counted as damaged and of no others:
/// - whose they were, if the flip took the frame that said so: they are nobody's, so that projects
///   are not compared, but the sums over all;
/// - whether they had arrived, if they were under way when they were found damaged: they may be
///   counted as damaged and be at the hub, which then knows of more than the relay accepted.
///
/// So the hub knows of no fewer than the relay, and of no more than were damaged beside them; but for
/// what records held that were damaged twice, and only once where they say what they hold: each of
/// these is counted as one, as lost or, if that was told before, as received.
fn check_damaged(of_relay: &Counts, of_hub: &Counts) -> Result<u64, String> {
    let n_damaged = sum(of_hub, &[Term::Corrupt]);
    let untold = |counts: &Counts, term| -> u64 {
        let of = |(account, _): &(&Account, &u64)| {
            account.term == term && account.category == Category::Unknown
        };
        counts.iter().filter(of).map(|(_, n)| n).sum()
    };
    let n_untold = untold(of_hub, Term::Corrupt).max(untold(of_relay, Term::Received));
    let mut most = 0;
    for term in [Term::Received, Term::Accepted] {
        let (relay, hub) = (sum(of_relay, &[term]), sum(of_hub, &[term]));
        let untold_max = n_untold * (ITEMS_MAX - 1);
        let more = hub.saturating_sub(relay);
        let is_told = more <= n_damaged + untold_max && relay.saturating_sub(hub) <= untold_max;
        let more = is_told.then_some(more).ok_or_else(|| {
            let apart = apart(of_relay, of_hub);
            format!(
                "C2: {term:?}: {relay} at the relay, {hub} at the hub, {n_damaged} damaged: {apart}"
            )
        })?;
        most = more.max(most);
    }
    Ok(most)
}
