//! The clocks under simulation: one that goes on, and a wall clock that is set as someone likes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use protocol::timestamp::Timestamp;
use relay::spool::sim::Time;

/// Both clocks, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct SimTime {
    monotonic: AtomicU64,
    /// What the wall clock is ahead of it.
    ahead: AtomicI64,
}

impl SimTime {
    pub(super) fn advance(&self, millis: u64) {
        self.monotonic.fetch_add(millis, Ordering::Relaxed);
    }

    /// Sets the wall clock this much ahead.
    pub(super) fn jump(&self, millis: i64) {
        self.ahead.store(millis, Ordering::Relaxed);
    }

    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(Ordering::Relaxed))
    }
}

impl Time for SimTime {
    fn now(&self) -> Timestamp {
        let since = self.monotonic.load(Ordering::Relaxed).cast_signed();
        let ahead = self.ahead.load(Ordering::Relaxed);
        Timestamp::from_millis(1_700_000_000_000 + since + ahead)
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }
}
