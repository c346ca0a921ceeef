//! Decides whether a key, a project or an organization may send more; takes the time as an argument.
//!
//! Each account has a window that slides in steps: the window is cut into [`SLOTS`]
//! slots, and what was allowed in every slot that may still lie within it counts.
//!
//! What always holds: in no stretch of time as long as the window is more allowed than the quota;
//! at most [`WINDOWS_MAX`] windows are remembered. The time is one that never goes back; should
//! it do so, it counts as standing still.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::PublicKey;
use protocol::item::Category;
use protocol::roster::RateLimit;

/// Slots of a window. More are more exact and cost memory.
const SLOTS: usize = 10;

/// Most windows that are remembered; beyond it the one unused for longest is forgotten.
pub const WINDOWS_MAX: usize = 10_000;

/// Every account's windows.
#[derive(Debug, Default)]
pub struct Limiter {
    windows: HashMap<Place, Window>,
}

/// What a limit is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What a key sends of a category.
    Key(PublicKey, Category),
    /// What several keys send, by a name.
    Shared(Arc<str>),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; it is counted.
    Allowed,
    /// Not before `retry_after`; nothing is counted.
    Refused {
        /// Which of the limits says so, by its place in the list.
        by: usize,
        /// How long until one item may come again.
        retry_after: Duration,
    },
}

/// What was sent of one account.
#[derive(Debug, Default)]
struct Window {
    /// Numbers of slots with what was allowed in them, oldest first.
    slots: Vec<(u64, u64)>,
    last_used: Duration,
}

impl Limiter {
    /// Takes `n` items out of every limit, or out of none. `now` counts from any fixed moment.
    pub fn take(&mut self, limits: &[(Place, RateLimit)], n: u64, now: Duration) -> Verdict {
        let mut longest = None;
        for (by, (place, limit)) in limits.iter().enumerate() {
            if let Some(wait) = self.window(place).refuses(n, *limit, now)
                && longest.is_none_or(|(_, longest)| wait > longest)
            {
                longest = Some((by, wait));
            }
        }
        if let Some((by, retry_after)) = longest {
            return Verdict::Refused { by, retry_after };
        }
        for (place, limit) in limits {
            self.window(place).count(n, *limit);
        }
        Verdict::Allowed
    }

    fn window(&mut self, place: &Place) -> &mut Window {
        if !self.windows.contains_key(place) && self.windows.len() >= WINDOWS_MAX {
            self.forget_one();
        }
        self.windows.entry(place.clone()).or_default()
    }

    fn forget_one(&mut self) {
        let oldest = self.windows.iter().min_by_key(|(_, w)| w.last_used);
        if let Some(place) = oldest.map(|(place, _)| place.clone()) {
            self.windows.remove(&place);
        }
    }
}

impl Window {
    /// How long `n` items must wait, if they must.
    fn refuses(&mut self, n: u64, limit: RateLimit, now: Duration) -> Option<Duration> {
        self.last_used = now.max(self.last_used);
        let slot_now = self.slot(limit);
        // A slot counts until the window has passed its end.
        self.slots
            .retain(|(slot, _)| slot + SLOTS as u64 >= slot_now);
        let used: u64 = self.slots.iter().map(|(_, allowed)| allowed).sum();
        (used.saturating_add(n) > limit.count).then(|| self.retry_after(limit))
    }

    /// Counts what is not refused.
    fn count(&mut self, n: u64, limit: RateLimit) {
        let slot_now = self.slot(limit);
        match self.slots.last_mut() {
            Some((slot, allowed)) if *slot == slot_now => *allowed += n,
            _ => self.slots.push((slot_now, n)),
        }
    }

    /// The slot of the time it was last asked.
    fn slot(&self, limit: RateLimit) -> u64 {
        u64::try_from(self.last_used.as_millis()).unwrap_or(u64::MAX) / slot_ms(limit)
    }

    /// Until the oldest slot counts no more. A quota of nothing is asked for again each window.
    fn retry_after(&self, limit: RateLimit) -> Duration {
        let Some((oldest, _)) = self.slots.first().filter(|_| limit.count > 0) else {
            return Duration::from_secs(limit.window_secs.max(1));
        };
        let end = oldest + SLOTS as u64 + 1;
        let free_at = Duration::from_millis(end.saturating_mul(slot_ms(limit)));
        free_at
            .saturating_sub(self.last_used)
            .max(Duration::from_millis(1))
    }
}

fn slot_ms(limit: RateLimit) -> u64 {
    let window_ms = limit.window_secs.max(1).saturating_mul(1000);
    window_ms.div_ceil(SLOTS as u64)
}

#[cfg(test)]
mod tests;
