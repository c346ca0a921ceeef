//! Erases what the roster asks for, whether the hub is there or not, and remembers what to tell it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::roster::Erasure;
use protocol::wire::Erased;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::roster::Roster;
use crate::spool::Spool;

/// How often the roster is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After what time what could not be removed is looked at again: it may be acknowledged by then.
const AGAIN: Duration = Duration::from_secs(30);

/// What became of each erasure of the roster.
#[derive(Clone, Debug, Default)]
pub(super) struct Erasures(Arc<Mutex<BTreeMap<u64, Known>>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    told: Erased,
    looked_at: Instant,
}

impl Erasures {
    /// What the hub is to be told.
    pub(super) fn receipts(&self) -> Vec<Erased> {
        self.lock().values().map(|known| known.told).collect()
    }

    /// Whether an erasure is to be looked at now.
    fn is_due(&self, id: u64, now: Instant) -> bool {
        self.lock().get(&id).is_none_or(|known| {
            let since = now.saturating_duration_since(known.looked_at);
            known.told.left > 0 && since >= AGAIN
        })
    }

    fn note(&self, told: Erased, now: Instant) {
        let looked_at = now;
        self.lock().insert(told.id, Known { told, looked_at });
    }

    /// What was told of an erasure, if anything was.
    fn told(&self, id: u64) -> Erased {
        let known = self.lock().get(&id).map(|known| known.told);
        known.unwrap_or(Erased {
            id,
            ..Erased::default()
        })
    }

    /// Forgets what is asked for no more.
    fn keep(&self, asked: &[Erasure]) {
        let is_asked = |id: u64| asked.iter().any(|erasure| erasure.id == id);
        self.lock().retain(|id, _| is_asked(*id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until `cancel`.
pub(super) async fn run(
    roster: Roster,
    spool: Spool,
    erasures: Erasures,
    cancel: CancellationToken,
) {
    let work = async {
        loop {
            look(&roster, &spool, &erasures).await;
            sleep(LOOK_INTERVAL).await;
        }
    };
    cancel.run_until_cancelled(work).await;
}

async fn look(roster: &Roster, spool: &Spool, erasures: &Erasures) {
    let asked = roster.erasures();
    erasures.keep(&asked);
    for erasure in asked.iter() {
        if !erasures.is_due(erasure.id, Instant::now()) {
            continue;
        }
        let before = erasures.told(erasure.id);
        let told = match spool.erase(erasure).await {
            Ok(erased) => Erased {
                id: erasure.id,
                records: erased.records,
                items: erased.items,
                left: erased.left,
            },
            Err(error) => {
                tracing::warn!(erasure.id, %error, "what is to be erased is not yet");
                let left = before.left.max(1);
                Erased { left, ..before }
            }
        };
        if told != before {
            let Erased {
                records,
                items,
                left,
                ..
            } = told;
            tracing::info!(erasure.id, records, items, left, "records were erased");
        }
        erasures.note(told, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_looked_at_again_and_what_is_done_is_not() {
        let erasures = Erasures::default();
        let told = |records, left| Erased {
            id: 3,
            records,
            items: records,
            left,
        };
        let began = Instant::now();
        let (later, much_later) = (began + AGAIN, began + AGAIN * 2);
        assert!(erasures.is_due(3, began));
        erasures.note(told(2, 1), began);
        assert!(!erasures.is_due(3, began));
        assert!(erasures.is_due(3, later));
        erasures.note(told(3, 0), later);
        assert!(!erasures.is_due(3, much_later));
        assert_eq!(erasures.receipts(), [told(3, 0)]);
        erasures.keep(&[]);
        assert_eq!(erasures.receipts(), []);
    }
}
