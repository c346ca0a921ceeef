//! Small loops that tie rooms together: the alerts' bell, replays that others asked for, retention.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::time::{MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::clock;
use crate::digest::{self, Changed, ChangedKind};
use crate::erasure::Erasures;
use crate::escalation;
use crate::fleet::Fleet;
use crate::retention::Retention;
use crate::spike;
use crate::store::{Store, StoreError};

/// How often relays are looked after.
const FLEET_EVERY: Duration = Duration::from_secs(5);
/// How often the store is asked whether anything changed.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How often is looked for what is to be forgotten, where anything is.
const ERASE_EVERY: Duration = Duration::from_secs(5);
/// How often is measured what limits are made from, and what issues are ordered by.
const MEASURE_EVERY: Duration = Duration::from_mins(10);
/// How often new issues are compared with others.
const NEW_ISSUES_EVERY: Duration = Duration::from_mins(2);
/// How often is looked whether limits against spikes are reached.
const SPIKES_EVERY: Duration = Duration::from_secs(30);
/// How often is looked whether an hour with many wrong logins is over.
const WRONG_LOGINS_EVERY: Duration = Duration::from_mins(1);
/// The first retention waits until the start's rush is over.
const FIRST_RETENTION: Duration = Duration::from_mins(1);

/// Rings for the alerts when issues changed in a way that rules ask about.
pub(super) async fn ring(
    mut changes: broadcast::Receiver<Changed>,
    alerts: Arc<Notify>,
    cancel: CancellationToken,
) {
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = cancel.cancelled() => return,
        };
        match change {
            Ok(change) if change.kind == ChangedKind::Seen => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => alerts.notify_one(),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Tries records again when the command line, or the API before a restart, asked for it.
pub(super) async fn watch_poison(store: Store, digest: digest::Handle, cancel: CancellationToken) {
    let mut tick = interval(WATCH_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        let looked = async {
            let has_changed = match &mut watch {
                Some(watch) => store_changed(watch).await?,
                // The first look finds what was asked before the start.
                None => {
                    watch = Some(store.watch().await?);
                    true
                }
            };
            if has_changed {
                store.poison_requested().await
            } else {
                Ok(Vec::new())
            }
        };
        match looked.await {
            Ok(ids) => {
                for id in ids {
                    if let Err(error) = digest.replay(id).await {
                        tracing::debug!(%error, poison.id = id, "record was not tried again");
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "store cannot be watched"),
        }
    }
}

/// Looks after the relays, again and again: what is wrong with them is noted and told.
pub(super) async fn watch_fleet(
    fleet: Fleet,
    public_url: String,
    due: Arc<Notify>,
    cancel: CancellationToken,
) {
    let since = clock::now();
    let look = || {
        let (fleet, public_url) = (fleet.clone(), public_url.clone());
        async move { fleet.look_after(&public_url, since, clock::now()).await }
    };
    look_again("relays", FLEET_EVERY, look, &due, &cancel).await;
}

/// Lets new issues escalate that are seen more often than others, and opens those that were archived
/// until now, again and again.
pub(super) async fn watch_new_issues(store: Store, alerts: Arc<Notify>, cancel: CancellationToken) {
    let look = || {
        let store = store.clone();
        async move {
            let now = clock::now();
            store.wake_issues(now).await?;
            escalation::look(&store, now).await
        }
    };
    look_again("new issues", NEW_ISSUES_EVERY, look, &alerts, &cancel).await;
}

/// Notes and tells when limits against spikes begin and end to refuse, again and again.
pub(super) async fn watch_spikes(
    store: Store,
    public_url: String,
    due: Arc<Notify>,
    cancel: CancellationToken,
) {
    let look = || {
        let (store, public_url) = (store.clone(), public_url.clone());
        async move { spike::look(&store, &public_url, clock::now()).await }
    };
    look_again("spikes", SPIKES_EVERY, look, &due, &cancel).await;
}

/// Looks again and again, and rings when anything came of it. What fails is tried again, and told
/// when it begins to fail and when it has ended.
async fn look_again<E: std::fmt::Display, F: Future<Output = Result<usize, E>>>(
    what: &str,
    every: Duration,
    look: impl Fn() -> F,
    due: &Notify,
    cancel: &CancellationToken,
) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        match look().await {
            Ok(n_changed) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("{what} are looked after again");
                }
                if n_changed > 0 {
                    due.notify_one();
                }
            }
            Err(error) if is_failing => {
                tracing::debug!(%error, "{what} are still not looked after");
            }
            Err(error) => {
                is_failing = true;
                tracing::warn!(%error, "{what} are not looked after, trying again");
            }
        }
    }
}

/// Measures what quotas and the limits against spikes are made from, again and again.
pub(super) async fn measure_limits(fleet: Fleet, cancel: CancellationToken) {
    let mut tick = interval(MEASURE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        if let Err(error) = fleet.measure(clock::now()).await {
            tracing::warn!(%error, "limits stay as they were measured before");
        }
    }
}

/// Tells of the wrong logins that left no entry of their own, after each hour and in the end.
pub(super) async fn tell_wrong_logins(access: Access, cancel: CancellationToken) {
    let mut tick = interval(WRONG_LOGINS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_end = tokio::select! {
            _ = tick.tick() => false,
            () = cancel.cancelled() => true,
        };
        if let Err(error) = access.tell_wrong_logins(clock::now(), is_end).await {
            tracing::warn!(%error, "wrong logins are not told of yet");
        }
        if is_end {
            return;
        }
    }
}

/// Measures how much more often than usual issues are seen, again and again.
pub(super) async fn measure_trends(store: Store, cancel: CancellationToken) {
    let look = || {
        let store = store.clone();
        async move { store.measure_trends(clock::now()).await }
    };
    // Nobody waits for it.
    look_again("trends", MEASURE_EVERY, look, &Notify::new(), &cancel).await;
}

async fn store_changed(watch: &mut crate::store::settings::Watch) -> Result<bool, StoreError> {
    watch.has_changed().await
}

/// Removes what relays are asked to erase from the hub too.
pub(super) async fn erase(erasures: Erasures, cancel: CancellationToken) {
    let mut tick = interval(ERASE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        let ran = tokio::select! {
            ran = erasures.run(clock::now()) => ran,
            // What is cut off is found again.
            () = cancel.cancelled() => return,
        };
        if let Err(error) = ran {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "an erasure is not done yet; it is tried again");
        }
    }
}

/// Removes what is too old, again and again.
pub(super) async fn retain(retention: Retention, every: Duration, cancel: CancellationToken) {
    let first = tokio::time::Instant::now() + FIRST_RETENTION.min(every);
    let mut tick = interval_at(first, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        let ran = tokio::select! {
            ran = retention.run(clock::now()) => ran,
            // Its transactions are small; what is cut off is done by the next run.
            () = cancel.cancelled() => return,
        };
        match ran {
            Ok(report) if report == crate::retention::Report::default() => {}
            Ok(report) => tracing::info!(
                events = report.events,
                issues = report.issues,
                parts = report.parts,
                packs = report.packs,
                "old events were removed"
            ),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "retention did not finish; it is tried again");
            }
        }
    }
}
