//! How much may be under way: as much as comes back acknowledged in good time.
//!
//! A thin link that is given more than it carries delays what is urgent, so the limit halves when
//! acknowledgements take long and grows by what is acknowledged while they do not.

use std::time::Duration;

/// The limit before anything is known.
const BYTES_FIRST: u64 = 256 * 1024;
/// The limit never falls below this.
const BYTES_MIN: u64 = 16 * 1024;
/// The limit never grows beyond this, which also bounds memory.
pub(super) const BYTES_MAX: u64 = 6 * 1024 * 1024;
/// An acknowledgement within this time is a good one.
const GOOD_LATENCY: Duration = Duration::from_millis(1500);
/// One beyond this time is a bad one.
const BAD_LATENCY: Duration = Duration::from_secs(4);

/// Bytes and blocks under way, and the most there may be.
#[derive(Debug)]
pub(super) struct Flight {
    bytes: u64,
    blocks: usize,
    bytes_max: u64,
    blocks_max: usize,
}

impl Flight {
    pub(super) const fn new(blocks_max: usize) -> Self {
        Self {
            bytes: 0,
            blocks: 0,
            bytes_max: BYTES_FIRST,
            blocks_max,
        }
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

    /// The hub takes more or fewer.
    pub(super) const fn set_blocks_max(&mut self, blocks_max: usize) {
        self.blocks_max = blocks_max;
    }

    pub(super) const fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.blocks += 1;
    }

    pub(super) fn acked(&mut self, bytes: u64, latency: Duration) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.blocks = self.blocks.saturating_sub(1);
        if latency <= GOOD_LATENCY {
            self.bytes_max = (self.bytes_max + bytes).min(BYTES_MAX);
        } else if latency > BAD_LATENCY {
            // By a share of what came back, so that a burst of late ones halves it once.
            let less = bytes.min(self.bytes_max / 2);
            self.bytes_max = (self.bytes_max - less).max(BYTES_MIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_while_acknowledgements_are_prompt_and_shrinks_when_they_are_late() {
        let mut flight = Flight::new(1000);
        let fill = |flight: &mut Flight| {
            let mut sent = 0;
            while flight.has_room() {
                flight.sent(8 * 1024);
                sent += 1;
            }
            sent
        };
        let first = fill(&mut flight);
        for _ in 0..first {
            flight.acked(8 * 1024, Duration::from_millis(20));
        }
        let second = fill(&mut flight);
        assert_eq!(second, first * 2);
        for _ in 0..second {
            flight.acked(8 * 1024, Duration::from_secs(10));
        }
        let third = fill(&mut flight);
        assert!((2..second / 2).contains(&third), "{third} of {second}");
    }

    #[test]
    fn one_block_may_always_go_and_no_more_than_the_hub_takes() {
        let mut flight = Flight::new(2);
        flight.sent(100 << 20);
        assert!(!flight.has_room());
        flight.acked(100 << 20, Duration::ZERO);
        flight.sent(1);
        flight.sent(1);
        assert!(!flight.has_room());
        flight.set_blocks_max(3);
        assert!(flight.has_room());
    }
}
