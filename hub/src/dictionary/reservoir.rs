//! A few of the blocks that arrive, each as likely as the others, in bounded memory.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;

/// Most blocks of one kind.
const BLOCKS_MAX: usize = 1000;
/// Most bytes of them, compressed as they came.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// A block beyond this is no sample: its records would crowd out those of others.
const BLOCK_BYTES_MAX: usize = 256 * 1024;

/// Blocks of one kind of lane.
#[derive(Debug, Default)]
pub(super) struct Reservoir {
    blocks: Vec<Bytes>,
    bytes: usize,
    n_seen: u64,
    random: RandomState,
}

impl Reservoir {
    /// Takes a block, or not.
    pub(super) fn offer(&mut self, block: &Bytes) {
        if block.len() > BLOCK_BYTES_MAX {
            return;
        }
        self.n_seen += 1;
        if self.blocks.len() < BLOCKS_MAX && self.bytes + block.len() <= BYTES_MAX {
            self.push(block);
            return;
        }
        // One that comes late is as likely to be here as one that came early.
        let place = self.random.hash_one(self.n_seen) % self.n_seen;
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place < self.blocks.len() {
            let gone = self.blocks.swap_remove(place);
            self.bytes = self.bytes.saturating_sub(gone.len());
            if self.bytes + block.len() <= BYTES_MAX {
                self.push(block);
            }
        }
    }

    /// What it holds.
    pub(super) fn blocks(&self) -> Vec<Bytes> {
        self.blocks.clone()
    }

    /// Forgets what it holds.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, block: &Bytes) {
        self.bytes += block.len();
        // A copy of its own: the one that came may be a part of something larger.
        self.blocks.push(Bytes::copy_from_slice(block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_comes_late_is_taken_too() {
        let mut reservoir = Reservoir::default();
        for n in 0..20_000_u32 {
            let mut block = vec![0; 4096];
            block[..4].copy_from_slice(&n.to_le_bytes());
            reservoir.offer(&block.into());
            assert!(reservoir.bytes <= BYTES_MAX && reservoir.blocks.len() <= BLOCKS_MAX);
        }
        let number = |block: &Bytes| u32::from_le_bytes(block[..4].try_into().unwrap());
        let late = reservoir.blocks.iter().filter(|b| number(b) >= 10_000);
        let share = late.count() * 100 / reservoir.blocks.len();
        assert!((30..70).contains(&share), "{share} of a hundred are late");
        reservoir.offer(&vec![0; BLOCK_BYTES_MAX + 1].into());
        assert_eq!(reservoir.n_seen, 20_000);
    }
}
