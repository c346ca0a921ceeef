//! Who must give way when the spool is full. Pure.

use protocol::ids::Lane;

use super::lanes::ByLane;

/// How full the spool is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fill {
    /// Bytes it takes.
    pub(super) used: u64,
    /// Bytes it may take.
    pub(super) max: u64,
    pub(super) lanes: ByLane<LaneFill>,
}

/// How full a lane is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LaneFill {
    /// Bytes of its segments.
    pub(super) bytes: u64,
    /// Bytes that no other lane takes from it and its twin.
    pub(super) reserve: u64,
    /// Whether it has records to give away.
    pub(super) evictable: bool,
}

impl Fill {
    /// Bytes of a lane and its twin.
    fn pair_bytes(&self, lane: Lane) -> u64 {
        let live = lane.live();
        let twin = live.backlog().map_or(0, |twin| self.lanes.get(twin).bytes);
        self.lanes.get(live).bytes.saturating_add(twin)
    }
}

/// What to do about an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is room.
    Fits,
    /// This lane's oldest segment goes first.
    Evict(Lane),
    /// No one may give way.
    Full,
}

/// Decides for `need` more bytes in `lane`.
///
/// The least important lane gives way first, and none to a less important one. A lane and its
/// twin are one here, with one reserve for both; of the two the twin gives way first. Lane 0 and
/// its twin never give way: they hold the accounts.
pub(super) fn decide(fill: &Fill, lane: Lane, need: u64) -> Decision {
    if fill.used.saturating_add(need) <= fill.max {
        return Decision::Fits;
    }
    if need > fill.max {
        return Decision::Full;
    }
    let lane = lane.live();
    let victim = Lane::ALL.into_iter().rev().find(|victim| {
        let its = fill.lanes.get(*victim);
        let yields = victim.live() == lane || fill.pair_bytes(*victim) > its.reserve;
        victim.live() >= lane && victim.live() != Lane::Control && its.evictable && yields
    });
    victim.map_or(Decision::Full, Decision::Evict)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of control, errors and their backlogs, logs, traces, blobs.
    fn fill(bytes: [u64; Lane::COUNT]) -> Fill {
        let reserves = [5, 40, 5, 40, 0, 0, 0];
        let mut lanes = ByLane::default();
        for (lane, (bytes, reserve)) in Lane::ALL.into_iter().zip(bytes.into_iter().zip(reserves)) {
            *lanes.get_mut(lane) = LaneFill {
                bytes,
                reserve,
                evictable: bytes > 0,
            };
        }
        Fill {
            used: bytes.iter().sum(),
            max: 100,
            lanes,
        }
    }

    fn check(bytes: [u64; Lane::COUNT], lane: Lane, need: u64, expected: Decision) {
        assert_eq!(
            decide(&fill(bytes), lane, need),
            expected,
            "{bytes:?} {lane}"
        );
    }

    #[test]
    fn the_least_important_lane_gives_way_first_and_none_to_a_lesser_one() {
        use Decision::{Evict, Fits, Full};
        check([0, 50, 0, 0, 20, 10, 10], Lane::Blobs, 10, Fits);
        check(
            [0, 50, 0, 0, 20, 10, 20],
            Lane::Errors,
            10,
            Evict(Lane::Blobs),
        );
        check(
            [0, 50, 0, 0, 20, 30, 0],
            Lane::Errors,
            10,
            Evict(Lane::Traces),
        );
        check(
            [0, 100, 0, 0, 0, 0, 0],
            Lane::Errors,
            10,
            Evict(Lane::Errors),
        );
        check([0, 100, 0, 0, 0, 0, 0], Lane::Blobs, 10, Full);
        check([0, 60, 0, 0, 40, 0, 0], Lane::Traces, 10, Full);
        check(
            [0, 100, 0, 0, 0, 0, 0],
            Lane::Control,
            10,
            Evict(Lane::Errors),
        );
        check([60, 40, 0, 0, 0, 0, 0], Lane::Control, 10, Full);
        check([0, 0, 0, 0, 0, 0, 10], Lane::Errors, 101, Full);
    }

    #[test]
    fn a_lane_and_its_twin_give_way_as_one() {
        use Decision::{Evict, Full};
        let twin = Lane::ErrorsBacklog;
        check([0, 30, 0, 70, 0, 0, 0], Lane::Errors, 10, Evict(twin));
        check([0, 30, 0, 70, 0, 0, 0], twin, 10, Evict(twin));
        check([0, 100, 0, 0, 0, 0, 0], twin, 10, Evict(Lane::Errors));
        check([0, 30, 0, 30, 40, 0, 0], twin, 10, Evict(Lane::Logs));
        check([0, 30, 0, 70, 0, 0, 0], Lane::Logs, 10, Full);
        // Neither is above the reserve alone, both together are.
        check([60, 20, 0, 20, 0, 0, 0], Lane::Control, 10, Full);
        check([50, 25, 0, 25, 0, 0, 0], Lane::Control, 10, Evict(twin));
        check([10, 0, 90, 0, 0, 0, 0], Lane::Control, 10, Full);
    }
}
