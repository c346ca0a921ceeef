//! A quota with a burst: a bucket of tokens that an item takes one of, and time fills again.
//!
//! It is counted in parts of a token so small that a millisecond's are a whole number, so that
//! nothing is ever rounded: in every stretch of time as long as the window at most the quota and
//! the burst are allowed.

use std::time::Duration;

use protocol::roster::RateLimit;

#[derive(Debug)]
pub(super) struct Bucket {
    /// Parts of a token, of which it has as many as the window has milliseconds.
    parts: u128,
    window_ms: u64,
    /// When it was filled last, in milliseconds.
    filled_at: u64,
}

impl Bucket {
    /// A full one, of which so many were taken just now.
    pub(super) fn new(limit: RateLimit, burst: u64, used: u64, now: Duration) -> Self {
        let window_ms = limit.window_secs.max(1).saturating_mul(1000);
        Self {
            parts: u128::from(burst.saturating_sub(used)) * u128::from(window_ms),
            window_ms,
            filled_at: millis(now),
        }
    }

    /// How long `n` items must wait, if they must. More than the burst never come at once; they
    /// are told when it is full.
    pub(super) fn refuses(
        &mut self,
        n: u64,
        limit: RateLimit,
        burst: u64,
        now: Duration,
    ) -> Option<Duration> {
        self.fill(limit, burst, now);
        if self.parts >= self.parts_of(n) {
            return None;
        }
        let wanted = self.parts_of(n.min(burst));
        let missing = wanted.saturating_sub(self.parts);
        let Some(wait_ms) = missing.checked_div(u128::from(limit.count)) else {
            return Some(Duration::from_secs(limit.window_secs.max(1)));
        };
        let is_whole = wait_ms * u128::from(limit.count) == missing;
        let wait_ms = (wait_ms + u128::from(!is_whole)).max(1);
        Some(Duration::from_millis(
            u64::try_from(wait_ms).unwrap_or(u64::MAX),
        ))
    }

    /// Takes what is not refused.
    pub(super) fn take(&mut self, n: u64) {
        self.parts = self.parts.saturating_sub(self.parts_of(n));
    }

    /// What was taken and is not yet made up, in whole items.
    pub(super) fn used_at(&mut self, limit: RateLimit, burst: u64, now: Duration) -> u64 {
        self.fill(limit, burst, now);
        let missing = self.parts_of(burst).saturating_sub(self.parts);
        let used = missing.div_ceil(u128::from(self.window_ms));
        u64::try_from(used).unwrap_or(u64::MAX)
    }

    fn fill(&mut self, limit: RateLimit, burst: u64, now: Duration) {
        let now = millis(now);
        let passed = now.saturating_sub(self.filled_at);
        self.filled_at = now;
        let made_up = u128::from(passed) * u128::from(limit.count);
        let full = self.parts_of(burst);
        self.parts = self.parts.saturating_add(made_up).min(full);
    }

    fn parts_of(&self, n: u64) -> u128 {
        u128::from(n) * u128::from(self.window_ms)
    }
}

fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
