//! How long to wait before the next attempt: full jitter, soon where nobody answers, up to a minute
//! where the hub refuses.

use std::time::Duration;

/// The longest wait, for a hub that refuses the relay.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(60);
/// The longest wait for a hub that does not answer, however long it has not: a path that heals
/// after days is found as soon as any other. An attempt that meets silence takes ten seconds by
/// itself, which spreads a fleet's.
const SILENT_DELAY_MAX: Duration = Duration::from_secs(2);
/// The first wait's ceiling.
const DELAY_FIRST: Duration = Duration::from_millis(250);
/// Never none at all.
const DELAY_MIN: Duration = Duration::from_millis(50);

/// Counts attempts since the last success.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// After a success the next failure is the first.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The wait before the next attempt. A hub that refuses the relay is asked at the slowest
    /// pace at once.
    pub(super) fn next(&mut self, is_refused: bool, random: u64) -> Duration {
        let doubled = DELAY_FIRST.saturating_mul(1 << self.attempts.min(16));
        let ceiling = match is_refused {
            true => DELAY_MAX,
            false => doubled.min(SILENT_DELAY_MAX),
        };
        self.attempts = self.attempts.saturating_add(1);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(random % millis.max(1)).max(DELAY_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn begins_quickly_and_stays_soon_unless_refused() {
        let mut backoff = Backoff::default();
        assert!(backoff.next(false, u64::MAX) <= DELAY_FIRST);
        let longest = (0..10_000).map(|_| backoff.next(false, 1_999)).max();
        assert_eq!(longest, Some(Duration::from_millis(1_999)));
        backoff.reset();
        assert!(backoff.next(false, 59_999) <= DELAY_FIRST);
        backoff.reset();
        assert_eq!(backoff.next(true, 59_999).as_millis(), 59_999);
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(draws in prop::collection::vec((any::<bool>(), any::<u64>()), 1..200)) {
            let mut backoff = Backoff::default();
            for (is_refused, random) in draws {
                let delay = backoff.next(is_refused, random);
                prop_assert!(delay >= DELAY_MIN && delay <= DELAY_MAX);
                prop_assert!(is_refused || delay <= SILENT_DELAY_MAX);
            }
        }
    }
}
