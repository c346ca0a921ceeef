//! Where blocks lie in their segments, kept in sled beside them.

use protocol::ids::{Lane, Seq};

use super::catalog::SegmentInfo;

/// A handle on the index's thread.
#[derive(Debug, Default)]
pub(super) struct Index;

impl Index {
    /// A place in the segment at which, or behind which, the record with this number lies.
    #[expect(clippy::unused_self, reason = "there is no index yet")]
    pub(super) const fn find(&self, _lane: Lane, _seq: Seq, _segment: &SegmentInfo) -> Option<u64> {
        None
    }

    /// Takes down where a block lies.
    #[expect(clippy::unused_self, reason = "there is no index yet")]
    pub(super) const fn note(&self, _lane: Lane, _serial: u64, _first: Seq, _at: u64) {}

    /// Forgets a segment.
    #[expect(clippy::unused_self, reason = "there is no index yet")]
    pub(super) const fn forget(&self, _lane: Lane, _serial: u64) {}
}
