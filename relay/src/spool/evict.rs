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
    /// Bytes that no other lane takes from it.
    pub(super) reserve: u64,
    /// Whether it has records to give away.
    pub(super) evictable: bool,
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
/// The least important lane gives way first, and none to a less important one. Lane 0 never
/// gives way: it holds the accounts.
pub(super) fn decide(fill: &Fill, lane: Lane, need: u64) -> Decision {
    if fill.used.saturating_add(need) <= fill.max {
        return Decision::Fits;
    }
    if need > fill.max {
        return Decision::Full;
    }
    let victim = Lane::ALL.into_iter().rev().find(|victim| {
        let its = fill.lanes.get(*victim);
        let yields = *victim == lane || its.bytes > its.reserve;
        *victim >= lane && *victim != Lane::Control && its.evictable && yields
    });
    victim.map_or(Decision::Full, Decision::Evict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(bytes: [u64; 5]) -> Fill {
        let reserves = [5, 40, 0, 0, 0];
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

    #[test]
    fn the_least_important_lane_gives_way_first_and_none_to_a_lesser_one() {
        let check = |bytes, lane, need, expected| {
            assert_eq!(
                decide(&fill(bytes), lane, need),
                expected,
                "{bytes:?} {lane}"
            );
        };
        check([0, 50, 20, 10, 10], Lane::Blobs, 10, Decision::Fits);
        check(
            [0, 50, 20, 10, 20],
            Lane::Errors,
            10,
            Decision::Evict(Lane::Blobs),
        );
        check(
            [0, 50, 20, 30, 0],
            Lane::Errors,
            10,
            Decision::Evict(Lane::Traces),
        );
        check(
            [0, 100, 0, 0, 0],
            Lane::Errors,
            10,
            Decision::Evict(Lane::Errors),
        );
        check([0, 100, 0, 0, 0], Lane::Blobs, 10, Decision::Full);
        check([0, 60, 40, 0, 0], Lane::Traces, 10, Decision::Full);
        check(
            [0, 100, 0, 0, 0],
            Lane::Control,
            10,
            Decision::Evict(Lane::Errors),
        );
        check([60, 40, 0, 0, 0], Lane::Control, 10, Decision::Full);
        check([0, 0, 0, 0, 10], Lane::Errors, 101, Decision::Full);
    }
}
