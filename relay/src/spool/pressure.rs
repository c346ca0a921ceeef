//! Which lanes are to hold back before the spool is full.
//!
//! A lane holds back when what it cannot push out nearly fills the room: what waits in it and in
//! more important lanes, and in less important ones that keep what they have. It begins the sooner
//! the less important it is, and ends some way below, so that it does not come and go with every
//! segment that is delivered.
//!
//! What it never does: hold anything back because the hub is slow, while there is room.

use std::time::Duration;

use protocol::ids::Lane;

use super::fair::{self, Greedy, Need};
use super::lanes::ByLane;
use super::owner::Owner;

/// What takes up the room.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    /// Bytes the spool may take.
    max: u64,
    /// Bytes of each lane that are not delivered.
    waiting: ByLane<u64>,
    /// Whether a lane gives up its oldest for more important ones.
    gives_way: ByLane<bool>,
}

/// From which share of the room on a lane holds back, and below which it does no more, in percent.
const fn bounds(lane: Lane) -> (u64, u64) {
    match lane.live() {
        Lane::Blobs => (70, 60),
        Lane::Traces => (80, 70),
        Lane::Logs => (90, 80),
        _ => (98, 94),
    }
}

/// Decides who holds back, by who did before. A lane and its twin are one.
fn decide(load: &Load, held: &ByLane<bool>) -> ByLane<bool> {
    ByLane::from_fn(|lane| {
        let (begins, ends) = bounds(lane);
        let share = share(load, lane.live());
        share >= begins || (*held.get(lane) && share >= ends)
    })
}

/// The share of the room that a lane cannot have, in percent.
fn share(load: &Load, lane: Lane) -> u64 {
    let stays = |other: &Lane| other.live() <= lane || !load.gives_way.get(*other);
    let others = Lane::ALL.iter().filter(|other| stays(other));
    let bytes = others.map(|other| *load.waiting.get(*other)).sum::<u64>();
    let percent = u128::from(bytes) * 100 / u128::from(load.max.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

/// How often it is decided anew which projects hold back.
const GREEDY_EVERY: Duration = Duration::from_secs(2);

impl Owner {
    /// Sees who is to hold back so that the spool does not become full.
    pub(super) fn feel_pressure(&mut self) {
        let (held, needs) = {
            let catalog = self.shared.catalog();
            let max = self.limits.bytes_max;
            let load = Load {
                max: max.min(catalog.bytes().saturating_add(self.headroom)),
                waiting: ByLane::from_fn(|lane| catalog.lanes.get(lane).state().bytes),
                gives_way: ByLane::from_fn(|lane| self.limits.may_evict(lane)),
            };
            let needs = ByLane::from_fn(|lane| Need {
                taken: share(&load, lane.live()),
                full: bounds(lane).0,
            });
            (decide(&load, &self.held), needs)
        };
        for lane in Lane::ALL.into_iter().filter(|lane| lane.live() == *lane) {
            match (*self.held.get(lane), *held.get(lane)) {
                (false, true) => tracing::warn!(
                    %lane, "spool: nearly full; clients are told to send no more for this lane \
                     until the hub has taken some, or set [spool] bytes_max higher"
                ),
                (true, false) => tracing::info!(%lane, "spool: takes all again for this lane"),
                _ => {}
            }
        }
        self.shared.hold_back(&held);
        self.held = held;
        self.share_out(&needs);
    }

    /// Sees which projects are to hold back before the others.
    fn share_out(&mut self, needs: &ByLane<Need>) {
        let is_none = needs.0.iter().all(|need| need.is_none());
        let greedy = if is_none {
            Greedy::default()
        } else if self.due(self.greedy_at, GREEDY_EVERY) {
            self.greedy_at = self.time.monotonic();
            let balance = self.draw_up();
            fair::decide(&balance.waiting, needs, &self.greedy)
        } else {
            return;
        };
        if greedy == self.greedy {
            return;
        }
        for lane in Lane::ALL {
            for project in greedy.get(lane).difference(self.greedy.get(lane)) {
                tracing::warn!(%lane, project.id = %project, "spool: becomes full, mostly of one project; its clients are told to send no more for this lane");
            }
        }
        self.shared.tell_greedy(&greedy);
        self.greedy = greedy;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits in control, errors, their backlogs, logs, traces and blobs; then whether control,
    /// errors, logs, traces and blobs hold back.
    fn check(waiting: [u64; Lane::COUNT], before: [bool; 5], expected: [bool; 5]) {
        let load = Load {
            max: 100,
            waiting: ByLane(waiting),
            gives_way: ByLane::from_fn(|lane| lane.live() != Lane::Control),
        };
        check_load(&load, before, expected);
    }

    fn check_load(load: &Load, before: [bool; 5], expected: [bool; 5]) {
        let [control, errors, logs, traces, blobs] = before;
        let held = ByLane([control, errors, control, errors, logs, traces, blobs]);
        let ByLane([control, errors, .., logs, traces, blobs]) = decide(load, &held);
        assert_eq!([control, errors, logs, traces, blobs], expected, "{load:?}");
    }

    const NONE: [bool; 5] = [false; 5];
    const ALL: [bool; 5] = [true; 5];
    const BLOBS: [bool; 5] = [false, false, false, false, true];
    const BULK: [bool; 5] = [false, false, false, true, true];
    const ALL_BUT_ERRORS: [bool; 5] = [false, false, true, true, true];
    const ALL_BUT_CONTROL: [bool; 5] = [false, true, true, true, true];

    #[test]
    fn the_less_important_a_lane_the_sooner_it_holds_back() {
        check([0; 7], NONE, NONE);
        check([1, 68, 0, 0, 0, 0, 0], NONE, NONE);
        check([1, 69, 0, 0, 0, 0, 0], NONE, BLOBS);
        check([1, 40, 0, 39, 0, 0, 0], NONE, BULK);
        check([1, 40, 0, 49, 0, 0, 0], NONE, ALL_BUT_ERRORS);
        check([1, 40, 0, 56, 0, 0, 0], NONE, ALL_BUT_ERRORS);
        check([1, 97, 0, 0, 0, 0, 0], NONE, ALL_BUT_CONTROL);
        check([100, 0, 0, 0, 0, 0, 0], NONE, ALL);
        check([0, 0, 0, 0, 70, 0, 0], NONE, BLOBS);
    }

    #[test]
    fn what_gives_way_holds_nobody_back_who_is_more_important() {
        check([0, 10, 0, 0, 0, 0, 90], NONE, BLOBS);
        check([0, 10, 0, 0, 0, 90, 0], NONE, BULK);
        check([0, 10, 0, 0, 90, 0, 0], NONE, ALL_BUT_ERRORS);
        let load = Load {
            max: 100,
            waiting: ByLane([0, 0, 0, 0, 0, 0, 99]),
            gives_way: ByLane::default(),
        };
        check_load(&load, NONE, ALL);
    }

    #[test]
    fn it_ends_some_way_below_where_it_began() {
        check([0, 60, 0, 0, 0, 0, 0], BLOBS, BLOBS);
        check([0, 59, 0, 0, 0, 0, 0], BLOBS, NONE);
        check([0, 70, 0, 0, 0, 0, 0], BULK, BULK);
        check([0, 69, 0, 0, 0, 0, 0], BULK, BLOBS);
        check([0, 94, 0, 0, 0, 0, 0], ALL_BUT_CONTROL, ALL_BUT_CONTROL);
        check([94, 0, 0, 0, 0, 0, 0], ALL, ALL);
        check([0, 93, 0, 0, 0, 0, 0], ALL, ALL_BUT_ERRORS);
    }

    #[test]
    fn a_spool_without_room_holds_back_who_waits_and_one_that_is_empty_nobody() {
        check_load(&Load::default(), NONE, NONE);
        let load = Load {
            waiting: ByLane([0, 1, 0, 0, 0, 0, 0]),
            ..Load::default()
        };
        check_load(&load, NONE, ALL);
    }
}
