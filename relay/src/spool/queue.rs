//! Whose append is committed next.
//!
//! Of what waits each project's first is as near as any other's: an append goes before those of
//! which more bytes of their own project come before. So a project that floods waits for itself,
//! and one that sends little for no more than a commit.

use std::collections::BTreeMap;

use protocol::block::Record;
use protocol::ids::ProjectId;

use super::owner::Append;

/// Appends that wait for their commit, in the order in which they came. What they take is bounded
/// by the permits that they hold.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Append>,
}

impl Queue {
    pub(super) fn extend(&mut self, appends: Vec<Append>) {
        self.waiting.extend(appends);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Those whose turn it is: as many as hold `bytes_max` together, and at least one.
    pub(super) fn take(&mut self, bytes_max: u64) -> Vec<Append> {
        let sizes = self
            .waiting
            .iter()
            .map(|append| (project(append), append.bytes));
        let chosen = choose(sizes, bytes_max);
        let waiting = std::mem::take(&mut self.waiting);
        let mut taken = Vec::with_capacity(waiting.len());
        for (append, is_chosen) in waiting.into_iter().zip(chosen) {
            let place = if is_chosen {
                &mut taken
            } else {
                &mut self.waiting
            };
            place.push(append);
        }
        taken
    }

    /// All of them.
    pub(super) fn take_all(&mut self) -> Vec<Append> {
        std::mem::take(&mut self.waiting)
    }
}

/// Whose an append is; counts are nobody's.
fn project(append: &Append) -> Option<ProjectId> {
    let of = |record: &Record| match record {
        Record::Part(part) => Some(part.project),
        record => record.items().map(|items| items.project),
    };
    append.records.iter().find_map(|(_, record)| of(record))
}

/// Of appends with so many bytes each, which go first.
fn choose<K: Ord>(sizes: impl Iterator<Item = (K, u64)>, bytes_max: u64) -> Vec<bool> {
    let mut before = BTreeMap::<K, u64>::new();
    let mut turns = Vec::new();
    for (nth, (whose, bytes)) in sizes.enumerate() {
        let own = before.entry(whose).or_default();
        turns.push((*own, nth, bytes));
        *own = own.saturating_add(bytes);
    }
    let mut chosen = vec![false; turns.len()];
    turns.sort_unstable();
    let mut taken = 0_u64;
    for (_, nth, bytes) in turns {
        if taken > 0 && taken.saturating_add(bytes) > bytes_max {
            break;
        }
        taken = taken.saturating_add(bytes.max(1));
        if let Some(place) = chosen.get_mut(nth) {
            *place = true;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_little_goes_before_the_rest_of_a_flood() {
        let check = |sizes: &[(char, u64)], bytes_max, expected: &[usize]| {
            let chosen = choose(sizes.iter().copied(), bytes_max);
            let chosen = chosen
                .iter()
                .enumerate()
                .filter(|(_, is_chosen)| **is_chosen);
            let chosen: Vec<usize> = chosen.map(|(nth, _)| nth).collect();
            assert_eq!(chosen, expected, "{sizes:?} up to {bytes_max}");
        };
        check(&[], 10, &[]);
        check(&[('a', 4), ('a', 4), ('b', 4)], 100, &[0, 1, 2]);
        check(&[('a', 4), ('a', 4), ('a', 4), ('b', 1)], 8, &[0, 3]);
        check(&[('a', 4), ('b', 1), ('b', 1), ('a', 4)], 6, &[0, 1, 2]);
        // One goes, however large.
        check(&[('a', 40), ('b', 40)], 8, &[0]);
        check(&[('a', 0), ('a', 0), ('b', 0)], 0, &[0]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_of_one_project_goes_in_the_order_in_which_it_came(
            sizes in proptest::collection::vec((0..4_u8, 0..50_u64), 1..40),
            bytes_max in 0..200_u64,
        ) {
            let chosen = choose(sizes.iter().copied(), bytes_max);
            proptest::prop_assert!(chosen.contains(&true));
            for whose in 0..4 {
                let own = sizes.iter().zip(&chosen).filter(|((of, _), _)| *of == whose);
                let own: Vec<bool> = own.map(|(_, is_chosen)| *is_chosen).collect();
                proptest::prop_assert!(own.is_sorted_by(|before, after| before >= after));
            }
        }
    }
}
