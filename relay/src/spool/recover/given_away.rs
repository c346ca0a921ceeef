//! Records that were counted as lost and whose files may be there still.

use std::path::Path;

use protocol::ids::Seq;

use super::lane::Opening;
use crate::spool::GapReason;
use crate::spool::loss::Loss;
use crate::spool::state::LostRange;

impl Opening<'_> {
    /// Whether a segment begins among numbers that were given away. Records are given away by whole
    /// segments, so all of it was; if it goes on behind them, it is what a commit left that was given
    /// up, and the numbers were given out again.
    pub(super) fn begins_given_away(&self, first: Seq) -> bool {
        let mut gaps = self.gaps.iter();
        gaps.any(|gap| {
            gap.lane == self.lane
                && gap.reason != GapReason::Corrupt
                && (gap.from..=gap.to).contains(&first)
        })
    }

    /// Whether all that the hub does not have of these numbers is counted as lost.
    pub(super) fn is_given_away(&self, first: Seq, next: Seq, acked: Seq) -> bool {
        let whole = Loss::unknown(self.lane, first, next);
        next > acked.next() && whole.beyond(self.gaps, acked).is_empty()
    }

    /// A file whose records are counted as lost: that was written down, the file not yet deleted.
    pub(super) fn give_away(&self, path: &Path) {
        let _retried_at_the_next_start = self.disk.remove(path);
    }

    /// Where a segment ends at the latest. Records are given away by whole segments, so that none
    /// goes on into numbers that were: blocks with these are of a commit that was given up.
    pub(super) fn end(&self, first: Seq) -> Seq {
        let is_behind = |gap: &&LostRange| {
            gap.lane == self.lane && gap.reason != GapReason::Corrupt && gap.from > first
        };
        let behind = self.gaps.iter().filter(is_behind).map(|gap| gap.from);
        behind.min().unwrap_or(Seq(u64::MAX))
    }
}
