//! Distinct people by place: of a group, or of a step of time of one.
//!
//! Who was met is noted as they come, and put in order now and then: by place, which is counting,
//! and the few of each place by their numbers. Nothing is hashed: the numbers come from what
//! applications send, and no choice of those makes sorting slow.

use std::ops::Range;

use super::IndexError;
use super::part::Threads;

/// So many may be noted before those that are the same are looked for.
const TIDY_AFTER: usize = 64 * 1024;
/// Runs of places that are counted beside each other.
const RUNS: usize = 16;

/// Who was met where.
pub(super) struct Met {
    /// As they came: the place, and who.
    noted: Vec<(u32, u64)>,
    /// Place after place, and in each everybody once and in order.
    people: Vec<u64>,
    /// Where the people of each place end.
    ends: Vec<usize>,
}

impl Met {
    /// Nobody, in so many places.
    pub(super) fn nobody(n_places: usize) -> Self {
        Self {
            noted: Vec::new(),
            people: Vec::new(),
            ends: vec![0; n_places],
        }
    }

    /// Notes that somebody was met in a place.
    pub(super) fn add(&mut self, place: usize, user: u64) {
        if let Ok(place) = u32::try_from(place) {
            self.noted.push((place, user));
        }
        if self.noted.len() > self.people.len() + TIDY_AFTER {
            self.tidy();
        }
    }

    /// Puts all that was noted in order.
    pub(super) fn tidy(&mut self) {
        if self.noted.is_empty() {
            return;
        }
        let noted = std::mem::take(&mut self.noted);
        let mut sizes: Vec<usize> = (0..self.ends.len()).map(|at| self.at(at).len()).collect();
        for (place, _) in &noted {
            if let Some(size) = sizes.get_mut(*place as usize) {
                *size += 1;
            }
        }
        let mut free = 0;
        // Where the next of each place goes.
        let mut next: Vec<usize> = Vec::with_capacity(sizes.len());
        for size in &sizes {
            next.push(free);
            free += size;
        }
        let mut all = vec![0; free];
        let mut put = |place: usize, user: u64| {
            if let Some(at) = next.get_mut(place) {
                if let Some(slot) = all.get_mut(*at) {
                    *slot = user;
                }
                *at += 1;
            }
        };
        for place in 0..self.ends.len() {
            self.at(place).iter().for_each(|user| put(place, *user));
        }
        for (place, user) in noted {
            put(place as usize, user);
        }
        self.people.clear();
        let mut rest = all.as_mut_slice();
        for (end, size) in self.ends.iter_mut().zip(sizes) {
            let (of_place, behind) = rest.split_at_mut(size.min(rest.len()));
            of_place.sort_unstable();
            let first = self.people.len();
            for user in of_place {
                if self.people.get(first..).and_then(<[u64]>::last) != Some(user) {
                    self.people.push(*user);
                }
            }
            *end = self.people.len();
            rest = behind;
        }
    }

    /// The people of a place, as far as they are in order.
    fn at(&self, place: usize) -> &[u64] {
        let end = |place: usize| self.ends.get(place).copied().unwrap_or(0);
        let begin = place.checked_sub(1).map_or(0, end);
        self.people.get(begin..end(place)).unwrap_or_default()
    }
}

/// How many different people all of these met, in each of so many places. What each met is in order.
pub(super) fn count(
    threads: &Threads,
    met: &[Met],
    n_places: usize,
) -> Result<Vec<u64>, IndexError> {
    let run = n_places.div_ceil(RUNS).max(1);
    let runs = (0..n_places).step_by(run);
    let runs: Vec<Range<usize>> = runs.map(|at| at..n_places.min(at + run)).collect();
    let counts = threads.each(runs, |places| {
        let mut all = Vec::new();
        let counts = places.map(|place| different(met, place, &mut all));
        Ok(counts.collect::<Vec<u64>>())
    })?;
    Ok(counts.concat())
}

fn different(met: &[Met], place: usize, all: &mut Vec<u64>) -> u64 {
    all.clear();
    for met in met {
        all.extend_from_slice(met.at(place));
    }
    // Stable: it finds that there are runs in order already.
    all.sort();
    all.dedup();
    all.len() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everybody_counts_once_in_each_place(
            parts in prop::collection::vec(
                prop::collection::vec((0..5_usize, 0..20_u64), 0..60),
                0..4,
            ),
            tidied_at in 0..60_usize,
        ) {
            let mut expected = vec![BTreeSet::new(); 5];
            let mut all = Vec::new();
            for part in &parts {
                let mut met = Met::nobody(5);
                for (n, (place, user)) in part.iter().enumerate() {
                    if n == tidied_at {
                        met.tidy();
                    }
                    met.add(*place, *user);
                    expected[*place].insert(*user);
                }
                met.tidy();
                all.push(met);
            }
            let expected: Vec<u64> = expected.iter().map(|users| users.len() as u64).collect();
            prop_assert_eq!(count(&Threads::start().unwrap(), &all, 5).unwrap(), expected);
        }
    }
}
