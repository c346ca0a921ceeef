//! Says where a panic was, and gives a roster up that one comes with.
//!
//! A panic is a bug, and ends the task it is in. When a roster is on trial at that moment, the
//! roster is taken to be what brought the bug out, and the one before is put in force again.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::roster::Roster;

/// How often it is looked whether there was one.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts panics from now on, and logs them without their words, which may hold what applications
/// sent.
pub(super) fn install() {
    std::panic::set_hook(Box::new(note));
}

fn note(panic: &PanicHookInfo<'_>) {
    PANICS.fetch_add(1, Ordering::Relaxed);
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name(), "a part panicked");
}

/// Gives up what is on trial after a panic; runs until `cancel`.
pub(super) async fn watch(roster: Roster, cancel: CancellationToken) {
    let mut known = PANICS.load(Ordering::Relaxed);
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while cancel.run_until_cancelled(look.tick()).await.is_some() {
        let now = PANICS.load(Ordering::Relaxed);
        if now != known {
            known = now;
            roster.fail_trial("a part of the relay panicked").await;
        }
    }
}
