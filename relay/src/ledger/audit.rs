//! Compares what the relay has delivered with what the hub says it booked.
//!
//! With every acknowledgement the hub tells its digest of the lane up to that record. The relay's
//! own stands at the cursor that its spool has written, which follows a moment later; the two are
//! compared when they are about the same record. Where they differ the hub is asked for its sums,
//! and the accounts that differ are named to the unit.
//!
//! What always holds: nothing is said to differ that was not compared at the same record, and a
//! lane that agrees again is not said to differ any more. It costs eight bytes of an
//! acknowledgement and one comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ids::{Lane, ProjectId, Seq};
use protocol::item::Category;
use protocol::outcome::LaneDigest;
use protocol::wire::{Difference, Report, Sum};

/// Items by project and category.
pub type Sums = BTreeMap<(ProjectId, Category), u64>;

/// What one side has of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// Up to this record.
    pub upto: Seq,
    /// All items in one number.
    pub digest: LaneDigest,
    /// The same by project and category; the hub tells them when it is asked.
    pub sums: Option<Sums>,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The two are not about the same record, or one of them is not known.
    Open,
    /// They agree.
    Agrees,
    /// They differ; it is not known yet in what.
    Differs,
    /// They differ in accounts that are named.
    Named,
}

/// A handle on the one audit.
#[derive(Clone, Debug, Default)]
pub struct Audit(Arc<Mutex<BTreeMap<Lane, Compared>>>);

#[derive(Debug, Default)]
struct Compared {
    hub: Option<Booked>,
    /// Since when, and in what, they differ; `None` while they agree.
    differs: Option<Differs>,
    /// Comparisons at the same record.
    n: u64,
    /// Its first records went to the hub under another identity.
    is_left_out: bool,
}

#[derive(Debug)]
struct Differs {
    upto: Seq,
    accounts: Vec<Difference>,
}

impl Audit {
    /// Takes what the hub says of a lane.
    pub fn hub_says(&self, lane: Lane, booked: Booked) {
        let mut lanes = self.lock();
        let hub = &mut lanes.entry(lane).or_default().hub;
        // An answer with sums is not pushed aside by the next one about the same record.
        let knows_more = hub.as_ref().is_some_and(|had| {
            had.upto == booked.upto && had.digest == booked.digest && had.sums.is_some()
        });
        if !knows_more {
            *hub = Some(booked);
        }
    }

    /// Compares a lane no more, or again: of one whose first records were delivered under another
    /// identity the hub cannot have the same sums.
    pub fn leave_out(&self, lane: Lane, is_left_out: bool) {
        let mut lanes = self.lock();
        let compared = lanes.entry(lane).or_default();
        compared.is_left_out = is_left_out;
        if is_left_out {
            compared.differs = None;
        }
    }

    /// Compares with what the relay has delivered of a lane.
    pub fn compare(&self, lane: Lane, relay: &Booked) -> Verdict {
        let mut lanes = self.lock();
        let Some(compared) = lanes.get_mut(&lane) else {
            return Verdict::Open;
        };
        if compared.is_left_out {
            return Verdict::Open;
        }
        let Some(hub) = compared.hub.as_ref().filter(|hub| hub.upto == relay.upto) else {
            return Verdict::Open;
        };
        compared.n += 1;
        if hub.digest == relay.digest {
            if compared.differs.take().is_some() {
                tracing::info!(%lane, upto = relay.upto.0, "hub and relay agree again");
            }
            return Verdict::Agrees;
        }
        let accounts = match (&relay.sums, &hub.sums) {
            (Some(ours), Some(theirs)) => differences(lane, relay.upto, ours, theirs),
            _ => Vec::new(),
        };
        let is_new = compared.differs.is_none();
        if is_new {
            tracing::warn!(%lane, upto = relay.upto.0, "hub booked other than this relay sent: the hub's fleet page shows the accounts");
        }
        let is_named = !accounts.is_empty();
        // Accounts that were named stay until others are.
        let named_before = compared.differs.take().map(|differs| differs.accounts);
        compared.differs = Some(Differs {
            upto: relay.upto,
            accounts: if is_named {
                accounts
            } else {
                named_before.unwrap_or_default()
            },
        });
        if is_named {
            Verdict::Named
        } else {
            Verdict::Differs
        }
    }

    /// Whether the hub should be asked for its sums.
    #[must_use]
    pub fn asks(&self) -> bool {
        let unnamed = |compared: &Compared| {
            let differs = compared.differs.as_ref();
            differs
                .is_some_and(|differs| differs.accounts.iter().all(|one| one.upto != differs.upto))
        };
        self.lock().values().any(unnamed)
    }

    /// Where the two disagree; of a lane whose accounts are not known yet one row without project.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let lanes = self.lock();
        let mut all = Vec::new();
        for (lane, compared) in lanes.iter() {
            match &compared.differs {
                None => {}
                Some(differs) if differs.accounts.is_empty() => all.push(Difference {
                    lane: *lane,
                    upto: differs.upto,
                    project: None,
                    category: Category::Unknown,
                    relay: 0,
                    hub: 0,
                }),
                Some(differs) => all.extend(&differs.accounts),
            }
        }
        all.truncate(Report::DIFFERENCES_MAX);
        all
    }

    /// Items by which the two differ, of all accounts that are named, and one for each lane of
    /// which they are not.
    #[must_use]
    pub fn divergence(&self) -> u64 {
        let amount = |one: &Difference| match one.project {
            Some(_) => one.relay.abs_diff(one.hub),
            None => 1,
        };
        self.differences().iter().map(amount).sum()
    }

    /// Comparisons made since the start.
    #[must_use]
    pub fn comparisons(&self) -> u64 {
        self.lock().values().map(|compared| compared.n).sum()
    }

    /// The map is whole after every line.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Lane, Compared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The accounts in which two sums differ.
fn differences(lane: Lane, upto: Seq, relay: &Sums, hub: &Sums) -> Vec<Difference> {
    let accounts: BTreeSet<_> = relay.keys().chain(hub.keys()).collect();
    let one = |account: &(ProjectId, Category)| Difference {
        lane,
        upto,
        project: Some(account.0),
        category: account.1,
        relay: relay.get(account).copied().unwrap_or_default(),
        hub: hub.get(account).copied().unwrap_or_default(),
    };
    let rows = accounts.into_iter().map(one);
    rows.filter(|row| row.relay != row.hub).collect()
}

/// The sums of an acknowledgement, or of a spool.
#[must_use]
pub fn sums(rows: impl IntoIterator<Item = Sum>) -> Sums {
    let mut sums = Sums::new();
    for row in rows {
        *sums.entry((row.project, row.category)).or_default() += row.n;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booked(upto: u64, items: &[(u64, u64)]) -> Booked {
        let mut digest = LaneDigest::default();
        let mut sums = Sums::new();
        for (project, n) in items {
            let project = ProjectId::new(*project).unwrap();
            digest.add(project, Category::Error, *n);
            sums.insert((project, Category::Error), *n);
        }
        Booked {
            upto: Seq(upto),
            digest,
            sums: Some(sums),
        }
    }

    fn told(booked: &Booked) -> Booked {
        Booked {
            sums: None,
            ..booked.clone()
        }
    }

    #[test]
    fn one_item_less_at_the_hub_is_named_to_the_unit() {
        let audit = Audit::default();
        let (ours, theirs) = (booked(9, &[(1, 5), (2, 3)]), booked(9, &[(1, 5), (2, 2)]));
        audit.hub_says(Lane::Errors, told(&theirs));
        assert_eq!(audit.compare(Lane::Errors, &ours), Verdict::Differs);
        assert!(audit.asks());
        audit.hub_says(Lane::Errors, theirs);
        assert_eq!(audit.compare(Lane::Errors, &ours), Verdict::Named);
        assert!(!audit.asks());
        let row = Difference {
            lane: Lane::Errors,
            upto: Seq(9),
            project: ProjectId::new(2).ok(),
            category: Category::Error,
            relay: 3,
            hub: 2,
        };
        assert_eq!(audit.differences(), [row]);
        assert_eq!(audit.divergence(), 1);
    }

    #[test]
    fn only_what_is_about_the_same_record_is_compared() {
        let audit = Audit::default();
        assert_eq!(
            audit.compare(Lane::Errors, &booked(3, &[(1, 3)])),
            Verdict::Open
        );
        audit.hub_says(Lane::Errors, booked(4, &[(1, 9)]));
        assert_eq!(
            audit.compare(Lane::Errors, &booked(3, &[(1, 3)])),
            Verdict::Open
        );
        assert_eq!(
            audit.compare(Lane::Logs, &booked(4, &[(1, 9)])),
            Verdict::Open
        );
        assert_eq!(audit.comparisons(), 0);
        assert_eq!(
            audit.compare(Lane::Errors, &booked(4, &[(1, 9)])),
            Verdict::Agrees
        );
        assert_eq!((audit.comparisons(), audit.divergence()), (1, 0));
    }

    #[test]
    fn a_lane_that_began_under_another_identity_is_not_compared() {
        let audit = Audit::default();
        audit.hub_says(Lane::Errors, booked(4, &[(1, 3)]));
        audit.leave_out(Lane::Errors, true);
        let ours = booked(4, &[(1, 4)]);
        assert_eq!(audit.compare(Lane::Errors, &ours), Verdict::Open);
        audit.leave_out(Lane::Errors, false);
        assert_eq!(audit.compare(Lane::Errors, &ours), Verdict::Named);
    }

    #[test]
    fn a_lane_that_agrees_again_is_not_said_to_differ() {
        let audit = Audit::default();
        audit.hub_says(Lane::Errors, booked(4, &[(1, 3)]));
        assert_eq!(
            audit.compare(Lane::Errors, &booked(4, &[(1, 4)])),
            Verdict::Named
        );
        audit.hub_says(Lane::Errors, told(&booked(6, &[(1, 6)])));
        assert_eq!(
            audit.compare(Lane::Errors, &booked(6, &[(1, 6)])),
            Verdict::Agrees
        );
        assert_eq!(audit.differences(), []);
    }

    #[test]
    fn a_difference_that_goes_on_keeps_its_names_and_asks_for_the_new_ones() {
        let audit = Audit::default();
        audit.hub_says(Lane::Errors, booked(4, &[(1, 3)]));
        assert_eq!(
            audit.compare(Lane::Errors, &booked(4, &[(1, 4)])),
            Verdict::Named
        );
        audit.hub_says(Lane::Errors, told(&booked(8, &[(1, 7)])));
        assert_eq!(
            audit.compare(Lane::Errors, &booked(8, &[(1, 8)])),
            Verdict::Differs
        );
        assert_eq!(audit.divergence(), 1);
        assert!(audit.asks());
    }
}
