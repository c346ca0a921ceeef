//! Which of a lane and its twin a new record goes to. The decision is pure.
//!
//! A lane is stuck when it has something to send and for longer than any working link takes nothing
//! of it was acknowledged, or when more waits in it than a slow link carries meanwhile. While it is,
//! what comes goes to the twin; once it moves on, what comes goes to the lane again and overtakes
//! the twin, which is sent behind it. So after an outage the lane holds the outage's first seconds,
//! or what came first of a burst, the twin the rest of it, and what is new waits for neither.
//!
//! A hub that is there again is a reason to believe that the lanes will move on: they are given as
//! long again, so that what comes with the first moments of a connection is not behind an outage.
//!
//! The choice is made anew for each commit from what the lane holds, and nothing about it is kept
//! on disk: a crash cannot lose it.

use std::sync::atomic::Ordering;

use protocol::ids::Lane;

use super::owner::Owner;

/// How long a lane may stand still with something to send before it is stuck, in milliseconds:
/// above the round trip of a satellite link and a busy hub's commit, below what a person waits for.
const STUCK_MILLIS: u64 = 5_000;
/// How many bytes may wait in a lane before it is stuck: half a megabit's link carries them in
/// [`STUCK_MILLIS`].
const STUCK_BYTES: u64 = 256 * 1024;

/// Where records go at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Routes {
    pub(super) control: Lane,
    pub(super) errors: Lane,
}

impl Routes {
    /// The lane that a record for `lane` goes to.
    pub(super) const fn of(self, lane: Lane) -> Lane {
        match lane {
            Lane::Control => self.control,
            Lane::Errors => self.errors,
            other => other,
        }
    }
}

/// Decides for a lane that stands still since `still`, if it has anything to send, and in which so
/// many bytes wait, when the spool's age is `elapsed`; times are in milliseconds.
const fn decide(lane: Lane, still: Option<u64>, waiting: u64, elapsed: u64) -> Lane {
    match (lane.backlog(), still) {
        (Some(twin), Some(still))
            if elapsed.saturating_sub(still) > STUCK_MILLIS || waiting > STUCK_BYTES =>
        {
            twin
        }
        _ => lane,
    }
}

impl Owner {
    /// Where records go now.
    pub(super) fn routes(&self) -> Routes {
        let elapsed = self.elapsed();
        let mut catalog = self.shared.catalog();
        if self.shared.is_welcomed.swap(false, Ordering::Relaxed) {
            for lane in Lane::ALL {
                catalog.lanes.get_mut(lane).moved_elapsed = elapsed;
            }
        }
        let of = |lane| {
            let book = catalog.lanes.get(lane);
            let waiting = book.waiting_bytes(self.writers.get(lane).acked_at);
            let still = book
                .oldest_elapsed
                .map(|oldest| oldest.max(book.moved_elapsed));
            decide(lane, still, waiting, elapsed)
        };
        Routes {
            control: of(Lane::Control),
            errors: of(Lane::Errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_a_lane_is_stuck_goes_to_its_twin() {
        let check = |lane, still, elapsed, expected| {
            let decided = decide(lane, still, STUCK_BYTES, elapsed);
            assert_eq!(decided, expected, "{lane} {still:?}");
        };
        let (errors, twin) = (Lane::Errors, Lane::ErrorsBacklog);
        check(errors, None, 1_000_000, errors);
        check(errors, Some(1_000), 1_000, errors);
        check(errors, Some(1_000), 1_000 + STUCK_MILLIS, errors);
        check(errors, Some(1_000), 1_001 + STUCK_MILLIS, twin);
        check(Lane::Control, Some(0), 6_000, Lane::ControlBacklog);
        // Time that seems to go back makes nothing old.
        check(errors, Some(9_000), 1_000, errors);
        // The others have no twin.
        check(Lane::Logs, Some(0), u64::MAX, Lane::Logs);
        check(twin, Some(0), u64::MAX, twin);
    }

    #[test]
    fn what_comes_while_much_waits_in_a_lane_goes_to_its_twin() {
        let decide = |lane, waiting| decide(lane, Some(1_000), waiting, 1_000);
        let (errors, twin) = (Lane::Errors, Lane::ErrorsBacklog);
        assert_eq!(decide(errors, STUCK_BYTES), errors);
        assert_eq!(decide(errors, STUCK_BYTES + 1), twin);
        assert_eq!(decide(twin, u64::MAX), twin);
        assert_eq!(decide(Lane::Logs, u64::MAX), Lane::Logs);
    }
}
