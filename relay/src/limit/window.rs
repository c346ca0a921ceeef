//! What was allowed of late: a window that slides in steps.
//!
//! It is cut into [`SLOTS`] slots, and what was allowed in every slot that may still lie within
//! it counts. So in no stretch of time as long as the window is more allowed than the quota.

use std::time::Duration;

use protocol::roster::RateLimit;

/// Slots of a window. More are more exact and cost memory.
const SLOTS: u64 = 10;

#[derive(Debug)]
pub(super) struct Window {
    slot_ms: u64,
    /// Numbers of slots with what was allowed in them, oldest first.
    slots: Vec<(u64, u64)>,
}

impl Window {
    /// One in which so many were allowed just now.
    pub(super) fn new(limit: RateLimit, used: u64, now: Duration) -> Self {
        let window_ms = limit.window_secs.max(1).saturating_mul(1000);
        let mut window = Self {
            slot_ms: window_ms.div_ceil(SLOTS),
            slots: Vec::new(),
        };
        if used > 0 {
            window.count(used, now);
        }
        window
    }

    /// How long `n` items must wait, if they must.
    pub(super) fn refuses(&mut self, n: u64, limit: RateLimit, now: Duration) -> Option<Duration> {
        self.forget(now);
        (self.used().saturating_add(n) > limit.count).then(|| self.retry_after(limit, now))
    }

    /// Counts what is not refused.
    pub(super) fn count(&mut self, n: u64, now: Duration) {
        let slot_now = self.slot(now);
        match self.slots.last_mut() {
            Some((slot, allowed)) if *slot == slot_now => *allowed = allowed.saturating_add(n),
            _ => self.slots.push((slot_now, n)),
        }
    }

    /// What counts at this time.
    pub(super) fn used_at(&mut self, now: Duration) -> u64 {
        self.forget(now);
        self.used()
    }

    /// A slot counts until the window has passed its end.
    fn forget(&mut self, now: Duration) {
        let slot_now = self.slot(now);
        self.slots.retain(|(slot, _)| slot + SLOTS >= slot_now);
    }

    fn used(&self) -> u64 {
        let allowed = self.slots.iter().map(|(_, allowed)| *allowed);
        allowed.fold(0, u64::saturating_add)
    }

    fn slot(&self, now: Duration) -> u64 {
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / self.slot_ms
    }

    /// Until the oldest slot counts no more. A quota of nothing is asked for again each window.
    fn retry_after(&self, limit: RateLimit, now: Duration) -> Duration {
        let Some((oldest, _)) = self.slots.first().filter(|_| limit.count > 0) else {
            return Duration::from_secs(limit.window_secs.max(1));
        };
        let end = oldest + SLOTS + 1;
        let free_at = Duration::from_millis(end.saturating_mul(self.slot_ms));
        free_at.saturating_sub(now).max(Duration::from_millis(1))
    }
}
