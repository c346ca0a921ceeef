//! Which of a lane and its twin a new record goes to. The decision is pure.
//!
//! A lane is stuck when it has something to send and for longer than any working link takes nothing
//! of it was acknowledged. While it is, what comes goes to the twin; once it moves on, what comes
//! goes to the lane again and overtakes the twin, which is sent behind it. So after an outage the
//! lane holds the outage's first seconds, the twin the rest of it, and what is new waits for neither.
//!
//! A lane is crowded when more waits in it than a slow link carries in that time. Then what comes of
//! those projects goes to the twin that have more than an even share of the lane, and the others
//! wait for as little as before.
//!
//! A hub that is there again is a reason to believe that the lanes will move on: they are given as
//! long again, and everybody as much of them, so that what comes with the first moments of a
//! connection is not behind an outage.
//!
//! The choice is made anew for each commit from what the lane holds, and nothing about it is kept
//! on disk: a crash cannot lose it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use protocol::ids::{Lane, ProjectId, Seq};

use super::command::Append;
use super::crowd::Crowd;
use super::lanes::ByLane;
use super::owner::Owner;

/// How long a lane may stand still with something to send before it is stuck, in milliseconds:
/// above the round trip of a satellite link and a busy hub's commit, below what a person waits for.
const STUCK_MILLIS: u64 = 5_000;
/// How many bytes may wait in a lane before it is crowded: half a megabit's link carries them in
/// [`STUCK_MILLIS`].
const CROWD_BYTES: u64 = 256 * 1024;

/// How a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// What waits is on its way.
    Moves,
    /// More waits than is soon gone.
    Crowded,
    /// Nothing gets away.
    Stuck,
}

/// Where records go at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes(ByLane<Way>);

/// Where the records of a lane go.
#[derive(Clone, Debug, Default)]
enum Way {
    /// All to the lane.
    #[default]
    Lane,
    /// Those of these projects to the twin, and what is nobody's; the others' to the lane.
    Crowd(BTreeSet<ProjectId>),
    /// All to the twin.
    Twin,
}

impl Routes {
    /// The lane that a project's record for `lane` goes to; counts are nobody's.
    pub(super) fn of(&self, lane: Lane, project: Option<ProjectId>) -> Lane {
        let goes_on = match self.0.get(lane) {
            Way::Lane => true,
            Way::Crowd(crowd) => project.is_some_and(|project| !crowd.contains(&project)),
            Way::Twin => false,
        };
        lane.backlog().filter(|_| !goes_on).unwrap_or(lane)
    }
}

/// Decides for a lane that stands still since `still`, if it has anything to send, and in which so
/// many bytes wait, when the spool's age is `elapsed`; times are in milliseconds.
const fn decide(still: Option<u64>, waiting: u64, elapsed: u64) -> Pace {
    match still {
        Some(still) if elapsed.saturating_sub(still) > STUCK_MILLIS => Pace::Stuck,
        Some(_) if waiting > CROWD_BYTES => Pace::Crowded,
        _ => Pace::Moves,
    }
}

impl Owner {
    /// Where records go now.
    pub(super) fn routes(&mut self) -> Routes {
        for lane in Lane::ALL {
            let acked = self.state.cursor(lane).acked;
            self.crowds.get_mut(lane).forget(acked);
        }
        let elapsed = self.elapsed();
        let mut catalog = self.shared.catalog();
        if self.shared.is_welcomed.swap(false, Ordering::Relaxed) {
            for lane in Lane::ALL {
                catalog.lanes.get_mut(lane).moved_elapsed = elapsed;
            }
            self.crowds = ByLane::default();
        }
        for lane in Lane::ALL {
            // What gave way is never acknowledged.
            if catalog.lanes.get(lane).oldest_elapsed.is_none() {
                *self.crowds.get_mut(lane) = Crowd::default();
            }
        }
        let of = |lane: Lane| {
            if lane.backlog().is_none() {
                return Way::Lane;
            }
            let book = catalog.lanes.get(lane);
            let waiting = book.waiting_bytes(self.writers.get(lane).acked_at);
            let still = book
                .oldest_elapsed
                .map(|oldest| oldest.max(book.moved_elapsed));
            match decide(still, waiting, elapsed) {
                Pace::Moves => Way::Lane,
                Pace::Crowded => Way::Crowd(self.crowds.get(lane).beyond(CROWD_BYTES)),
                Pace::Stuck => Way::Twin,
            }
        };
        Routes(ByLane::from_fn(of))
    }

    /// Notes who has how much in the live lanes, after a commit.
    pub(super) fn note_crowds(&mut self, routes: &Routes, appends: &[Append]) {
        let next = self.next();
        for append in appends {
            for entry in &append.entries {
                let Some(project) = entry.project().filter(|_| entry.lane.backlog().is_some())
                else {
                    continue;
                };
                let lane = routes.of(entry.lane, Some(project));
                if lane == entry.lane {
                    let upto = Seq(next.get(lane).0.saturating_sub(1));
                    self.crowds.get_mut(lane).add(upto, project, entry.bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_stands_still_is_stuck() {
        let check = |still, elapsed, expected| {
            let decided = decide(still, CROWD_BYTES, elapsed);
            assert_eq!(decided, expected, "{still:?} {elapsed}");
        };
        check(None, 1_000_000, Pace::Moves);
        check(Some(1_000), 1_000, Pace::Moves);
        check(Some(1_000), 1_000 + STUCK_MILLIS, Pace::Moves);
        check(Some(1_000), 1_001 + STUCK_MILLIS, Pace::Stuck);
        // Time that seems to go back makes nothing old.
        check(Some(9_000), 1_000, Pace::Moves);
    }

    #[test]
    fn a_lane_in_which_much_waits_is_crowded() {
        assert_eq!(decide(Some(1_000), CROWD_BYTES, 1_000), Pace::Moves);
        assert_eq!(decide(Some(1_000), CROWD_BYTES + 1, 1_000), Pace::Crowded);
        assert_eq!(decide(Some(0), u64::MAX, 6_000), Pace::Stuck);
    }

    #[test]
    fn of_a_crowded_lane_the_crowd_goes_to_the_twin_and_lanes_without_one_take_all() {
        let (one, other) = (ProjectId::new(1).ok(), ProjectId::new(2).ok());
        let crowd = Way::Crowd(one.into_iter().collect());
        let routes = Routes(ByLane::from_fn(|lane| match lane {
            Lane::Errors => crowd.clone(),
            _ => Way::Twin,
        }));
        assert_eq!(routes.of(Lane::Errors, one), Lane::ErrorsBacklog);
        assert_eq!(routes.of(Lane::Errors, other), Lane::Errors);
        assert_eq!(routes.of(Lane::Errors, None), Lane::ErrorsBacklog);
        assert_eq!(routes.of(Lane::Control, other), Lane::ControlBacklog);
        assert_eq!(routes.of(Lane::Logs, one), Lane::Logs);
        assert_eq!(Routes::default().of(Lane::Errors, one), Lane::Errors);
    }
}
