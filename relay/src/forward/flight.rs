//! How much may be under way: as much as comes back acknowledged in good time.
//!
//! A thin link that is given more than it carries delays what is urgent, so the limit begins low,
//! grows by what is acknowledged in good time, and falls to what was measured when it is not.

use std::time::Duration;

/// The limit before anything is known.
const BYTES_FIRST: u64 = 16 * 1024;
/// A round trip from which on a hub is far.
const FAR: Duration = Duration::from_secs(1);
/// What a far hub is begun with: each doubling costs a round trip, and those are long.
const BYTES_FIRST_FAR: u64 = 256 * 1024;
/// What an acknowledgement in good time adds to the limit, in its own bytes. More than one, for
/// on a lossy link a block waits for those before it, and acknowledgements come in bursts.
const GROWTH: u64 = 2;
/// The limit never falls below this.
const BYTES_MIN: u64 = 8 * 1024;
/// The limit never grows beyond this, which also bounds memory.
pub(super) const BYTES_MAX: u64 = 6 * 1024 * 1024;

/// Bytes and blocks under way, and the most there may be.
#[derive(Debug)]
pub(super) struct Flight {
    bytes: u64,
    blocks: usize,
    bytes_max: u64,
    /// The limit never grows beyond this.
    bytes_cap: u64,
    blocks_max: usize,
}

impl Flight {
    pub(super) const fn new(blocks_max: usize) -> Self {
        Self {
            bytes: 0,
            blocks: 0,
            bytes_max: BYTES_FIRST,
            bytes_cap: BYTES_MAX,
            blocks_max,
        }
    }

    /// Begins with what suits a path of this round trip, and no more than is known to be carried
    /// in good time. To be called before anything is sent.
    pub(super) fn begin(&mut self, rtt: Duration, carried: Option<u64>) {
        let first = if rtt < FAR {
            BYTES_FIRST
        } else {
            BYTES_FIRST_FAR
        };
        self.bytes_max = carried.map_or(first, |carried| carried.clamp(BYTES_MIN, first));
    }

    /// Whether another block may go. One block may always, however large.
    pub(super) const fn has_room(&self) -> bool {
        self.blocks < self.blocks_max && (self.blocks == 0 || self.bytes < self.bytes_max)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// No more than this, whatever the link carries.
    pub(super) fn cap(&mut self, bytes: u64) {
        self.bytes_cap = bytes.clamp(BYTES_MIN, BYTES_MAX);
        self.bytes_max = self.bytes_max.min(self.bytes_cap);
    }

    /// The hub takes more or fewer.
    pub(super) const fn set_blocks_max(&mut self, blocks_max: usize) {
        self.blocks_max = blocks_max;
    }

    pub(super) const fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.blocks += 1;
    }

    /// Notes an acknowledgement; one in good time lets more go.
    pub(super) fn acked(&mut self, bytes: u64, is_prompt: bool) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.blocks = self.blocks.saturating_sub(1);
        if is_prompt {
            self.bytes_max = (self.bytes_max + GROWTH * bytes).min(self.bytes_cap);
        }
    }

    /// The link carries no more than this.
    pub(super) fn limit(&mut self, bytes_max: u64) {
        self.bytes_max = self.bytes_max.min(bytes_max.max(BYTES_MIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(flight: &mut Flight) -> usize {
        let mut sent = 0;
        while flight.has_room() {
            flight.sent(8 * 1024);
            sent += 1;
        }
        sent
    }

    #[test]
    fn grows_by_what_is_prompt_and_falls_to_what_was_measured() {
        let mut flight = Flight::new(1000);
        let first = fill(&mut flight);
        for _ in 0..first {
            flight.acked(8 * 1024, true);
        }
        let second = fill(&mut flight);
        assert_eq!(second, first * 3);
        for _ in 0..second {
            flight.acked(8 * 1024, false);
        }
        assert_eq!(fill(&mut flight), second);
        for _ in 0..second {
            flight.acked(8 * 1024, false);
        }
        flight.limit(40 * 1024);
        assert_eq!(fill(&mut flight), 5);
        flight.limit(0);
        assert_eq!(flight.bytes_max, BYTES_MIN);
        assert_eq!(flight.bytes(), 40 * 1024);
    }

    #[test]
    fn a_far_hub_is_begun_with_more_and_a_link_that_is_known_with_what_it_carries() {
        let first = |ms, carried| {
            let mut flight = Flight::new(1000);
            flight.begin(Duration::from_millis(ms), carried);
            flight.bytes_max
        };
        assert_eq!(first(0, None), BYTES_FIRST);
        assert_eq!(first(999, None), BYTES_FIRST);
        assert_eq!(first(1_000, None), BYTES_FIRST_FAR);
        assert_eq!(first(0, Some(10_000)), 10_000);
        assert_eq!(first(0, Some(0)), BYTES_MIN);
        assert_eq!(first(0, Some(u64::MAX)), BYTES_FIRST);
    }

    #[test]
    fn one_block_may_always_go_and_no_more_than_the_hub_takes() {
        let mut flight = Flight::new(2);
        flight.sent(100 << 20);
        assert!(!flight.has_room());
        flight.acked(100 << 20, true);
        flight.sent(1);
        flight.sent(1);
        assert!(!flight.has_room());
        flight.set_blocks_max(3);
        assert!(flight.has_room());
    }
}
