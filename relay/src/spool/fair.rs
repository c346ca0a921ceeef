//! Which projects hold back before the others do, where room becomes short. Pure.
//!
//! Some way before a lane holds everybody back (`pressure`), those projects do that have much more
//! than an even share of what waits in it. So who floods is told first, and what is left of the
//! room is for the others. A project alone has all of it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::block::ItemCount;
use protocol::ids::{Lane, ProjectId};

use super::lanes::ByLane;

/// The projects of each lane that are to hold back.
pub(super) type Greedy = ByLane<BTreeSet<ProjectId>>;

/// How far before all of a lane hold back its greedy do, in percent of the room.
const BEFORE: u64 = 20;
/// How far below that it ends.
const BELOW: u64 = 10;

/// How short the room is for a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The share of the room that the lane cannot have, in percent.
    pub(super) taken: u64,
    /// From which share on everybody holds back.
    pub(super) full: u64,
}

impl Need {
    /// Whether there is none.
    pub(super) const fn is_none(self) -> bool {
        self.taken + BEFORE + BELOW < self.full
    }

    const fn has_begun(self) -> bool {
        self.taken + BEFORE >= self.full
    }
}

/// Decides by what waits, and by who held back before.
pub(super) fn decide(waiting: &[ItemCount], needs: &ByLane<Need>, before: &Greedy) -> Greedy {
    ByLane::from_fn(|lane| {
        let need = needs.get(lane);
        if lane != lane.live() || need.is_none() {
            return BTreeSet::new();
        }
        let items = of_lane(waiting, lane);
        let (n, all) = (items.len() as u64, items.values().sum::<u64>());
        let is_greedy = |project: &ProjectId, its: u64| {
            let even = its.saturating_mul(n);
            let is_much_more = need.has_begun() && even.saturating_mul(2) > all.saturating_mul(3);
            let is_still = before.get(lane).contains(project) && even > all;
            is_much_more || is_still
        };
        let those = items
            .iter()
            .filter(|(project, its)| is_greedy(project, **its));
        those.map(|(project, _)| *project).collect()
    })
}

/// The items of each project that wait in a lane or its twin.
fn of_lane(waiting: &[ItemCount], lane: Lane) -> BTreeMap<ProjectId, u64> {
    let mut items = BTreeMap::new();
    for count in waiting.iter().filter(|count| count.category.lane() == lane) {
        *items.entry(count.project).or_default() += count.n;
    }
    items
}

#[cfg(test)]
mod tests {
    use protocol::item::Category;

    use super::*;

    /// Errors that wait of project 1, 2, …; whether some held back; who does.
    fn check(taken: u64, errors: &[u64], before: &[u64], expected: &[u64]) {
        let project = |n: u64| ProjectId::new(n).unwrap();
        let waiting: Vec<_> = errors
            .iter()
            .zip(1..)
            .map(|(n, id)| ItemCount {
                project: project(id),
                category: Category::Error,
                n: *n,
            })
            .collect();
        let needs = ByLane::from_fn(|_| Need { taken, full: 98 });
        let mut held = Greedy::default();
        held.get_mut(Lane::Errors)
            .extend(before.iter().map(|n| project(*n)));
        let greedy = decide(&waiting, &needs, &held);
        let found: Vec<_> = greedy
            .get(Lane::Errors)
            .iter()
            .map(|one| one.get())
            .collect();
        assert_eq!(found, expected, "{taken} % {errors:?}");
        assert!(greedy.get(Lane::Logs).is_empty());
        assert!(greedy.get(Lane::ErrorsBacklog).is_empty());
    }

    #[test]
    fn who_has_much_more_than_an_even_share_holds_back_first() {
        check(77, &[100, 1], &[], &[]);
        check(78, &[100, 1], &[], &[1]);
        check(98, &[75, 25], &[], &[]);
        check(98, &[76, 24], &[], &[1]);
        check(98, &[1, 60, 39, 1], &[], &[2, 3]);
        check(98, &[50, 50], &[], &[]);
    }

    #[test]
    fn who_is_alone_has_all_of_the_room() {
        check(98, &[100], &[], &[]);
        check(98, &[], &[1], &[]);
    }

    #[test]
    fn it_ends_when_the_share_is_even_or_there_is_room() {
        check(78, &[60, 40], &[1], &[1]);
        check(78, &[50, 50], &[1], &[]);
        check(68, &[60, 40], &[1], &[1]);
        check(67, &[100, 1], &[1], &[]);
    }
}
