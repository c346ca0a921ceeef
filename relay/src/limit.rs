//! Decides whether a key may send more; takes the time as an argument.
//!
//! Each key and category has a window that slides in steps: the window is cut into [`SLOTS`]
//! slots, and what was allowed in every slot that may still lie within it counts.
//!
//! What always holds: in no stretch of time as long as the window is more allowed than the quota;
//! at most [`WINDOWS_MAX`] windows are remembered. The time is one that never goes back; should
//! it do so, it counts as standing still.

use std::collections::HashMap;
use std::time::Duration;

use protocol::ids::PublicKey;
use protocol::item::Category;
use protocol::roster::RateLimit;

/// Slots of a window. More are more exact and cost memory.
const SLOTS: usize = 10;

/// Most windows that are remembered; beyond it the one unused for longest is forgotten.
pub const WINDOWS_MAX: usize = 10_000;

/// Every key's windows.
#[derive(Debug, Default)]
pub struct Limiter {
    windows: HashMap<(PublicKey, Category), Window>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; it is counted.
    Allowed,
    /// Not before `retry_after`; nothing is counted.
    Refused {
        /// How long until one item may come again.
        retry_after: Duration,
    },
}

/// What one key sent of one category.
#[derive(Debug, Default)]
struct Window {
    /// Numbers of slots with what was allowed in them, oldest first.
    slots: Vec<(u64, u64)>,
    last_used: Duration,
}

impl Limiter {
    /// Takes `n` items out of the quota, all or none. `now` counts from any fixed moment.
    pub fn take(
        &mut self,
        key: PublicKey,
        category: Category,
        n: u64,
        limit: RateLimit,
        now: Duration,
    ) -> Verdict {
        let place = (key, category);
        if !self.windows.contains_key(&place) && self.windows.len() >= WINDOWS_MAX {
            self.forget_one();
        }
        self.windows.entry(place).or_default().take(n, limit, now)
    }

    fn forget_one(&mut self) {
        let oldest = self.windows.iter().min_by_key(|(_, w)| w.last_used);
        if let Some(place) = oldest.map(|(place, _)| *place) {
            self.windows.remove(&place);
        }
    }
}

impl Window {
    fn take(&mut self, n: u64, limit: RateLimit, now: Duration) -> Verdict {
        let now = now.max(self.last_used);
        self.last_used = now;
        let slot_ms = slot_ms(limit);
        let slot_now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / slot_ms;
        // A slot counts until the window has passed its end.
        self.slots
            .retain(|(slot, _)| slot + SLOTS as u64 >= slot_now);
        let used: u64 = self.slots.iter().map(|(_, allowed)| allowed).sum();
        if used.saturating_add(n) > limit.count {
            return Verdict::Refused {
                retry_after: self.retry_after(limit, slot_ms, now),
            };
        }
        match self.slots.last_mut() {
            Some((slot, allowed)) if *slot == slot_now => *allowed += n,
            _ => self.slots.push((slot_now, n)),
        }
        Verdict::Allowed
    }

    /// Until the oldest slot counts no more. A quota of nothing is asked for again each window.
    fn retry_after(&self, limit: RateLimit, slot_ms: u64, now: Duration) -> Duration {
        let Some((oldest, _)) = self.slots.first().filter(|_| limit.count > 0) else {
            return Duration::from_secs(limit.window_secs.max(1));
        };
        let free_at = Duration::from_millis((oldest + SLOTS as u64 + 1).saturating_mul(slot_ms));
        free_at.saturating_sub(now).max(Duration::from_millis(1))
    }
}

fn slot_ms(limit: RateLimit) -> u64 {
    let window_ms = limit.window_secs.max(1).saturating_mul(1000);
    window_ms.div_ceil(SLOTS as u64)
}

#[cfg(test)]
mod tests;
