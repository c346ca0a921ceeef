//! Columns of a segment, read for several documents at a time: to ask the engine for one value
//! costs more than the value.

use std::fmt::Debug;

use rustc_hash::FxHashMap;
use tantivy::DocId;
use tantivy::columnar::Column;

/// Documents that are read together, as many as the engine finds at a time.
pub(super) const BLOCK: usize = 64;

/// A column, and what it says of the documents that were read last.
pub(super) struct Read<T> {
    column: Column<T>,
    values: [Option<T>; BLOCK],
}

impl<T: Copy + Debug + PartialOrd + Send + Sync + 'static> Read<T> {
    pub(super) const fn of(column: Column<T>) -> Self {
        Self {
            column,
            values: [None; BLOCK],
        }
    }

    /// The first value of each of these documents, of at most [`BLOCK`].
    pub(super) fn read(&mut self, docs: &[DocId]) -> &[Option<T>] {
        // What has no value is left as it was.
        self.values.fill(None);
        let values = self.values.get_mut(..docs.len()).unwrap_or_default();
        self.column.first_vals(docs, values);
        values
    }

    /// What was read last of the document at a place.
    pub(super) fn at(&self, place: usize) -> Option<T> {
        self.values.get(place).copied().flatten()
    }
}

/// Calls with up to [`BLOCK`] documents at a time.
pub(super) fn in_blocks(docs: impl Iterator<Item = DocId>, mut take: impl FnMut(&[DocId])) {
    let mut block = [0; BLOCK];
    let mut n = 0;
    for doc in docs {
        if let Some(slot) = block.get_mut(n) {
            *slot = doc;
            n += 1;
        }
        if n == BLOCK {
            take(&block);
            n = 0;
        }
    }
    if n > 0 {
        take(block.get(..n).unwrap_or_default());
    }
}

/// Numbers of issues or projects, each with a place. The hub gives them one after the other, so that those of
/// one time or project lie near each other: then a table is looked into and nothing is hashed. Nor
/// does anybody choose numbers that a plain hash takes for each other.
pub(super) enum Places {
    Near { first: i64, places: Vec<u32> },
    Far(FxHashMap<i64, u32>),
}

impl Places {
    /// What stands in the table for a number without a place.
    const NONE: u32 = u32::MAX;
    /// Most numbers of a table, of four bytes each.
    const NEAR_MAX: u64 = 256 * 1024;

    /// None yet, for numbers from one to another. They lie near when so many places or fewer pay
    /// for a table from end to end.
    pub(super) fn none(first: i64, last: i64, near: usize) -> Self {
        let span = last.abs_diff(first).saturating_add(1);
        let pays = u64::try_from(near).is_ok_and(|near| span <= near);
        match usize::try_from(span) {
            Ok(len) if first <= last && pays && span <= Self::NEAR_MAX => Self::Near {
                first,
                places: vec![Self::NONE; len],
            },
            _ => Self::Far(FxHashMap::default()),
        }
    }

    /// Each of these with its place among them.
    pub(super) fn of(numbers: &[i64]) -> Self {
        let first = numbers.iter().copied().min().unwrap_or(0);
        let last = numbers.iter().copied().max().unwrap_or(0);
        let mut all = Self::none(first, last, 1024 + numbers.len() * 8);
        for (place, number) in (0..).zip(numbers) {
            all.or_place(*number, place);
        }
        all
    }

    /// The place of a number.
    pub(super) fn place(&self, number: i64) -> Option<u32> {
        match self {
            Self::Near { first, places } => {
                let at = usize::try_from(number.checked_sub(*first)?).ok()?;
                let place = places.get(at).copied()?;
                (place != Self::NONE).then_some(place)
            }
            Self::Far(places) => places.get(&number).copied(),
        }
    }

    /// The place of a number, which is this one where it has none.
    pub(super) fn or_place(&mut self, number: i64, otherwise: u32) -> u32 {
        match self {
            Self::Near { first, places } => {
                let at = number.checked_sub(*first);
                let at = at.and_then(|at| usize::try_from(at).ok());
                let Some(place) = at.and_then(|at| places.get_mut(at)) else {
                    return otherwise;
                };
                if *place == Self::NONE {
                    *place = otherwise;
                }
                *place
            }
            Self::Far(places) => *places.entry(number).or_insert(otherwise),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn near_or_far_a_number_has_the_place_it_had_first(
            numbers in prop::collection::vec(-40..40_i64, 0..60),
            others in prop::collection::vec(any::<i64>(), 0..10),
        ) {
            let mut near = Places::none(-40, 40, 1000);
            let mut far = Places::none(i64::MIN, i64::MAX, usize::MAX);
            let kinds = (matches!(near, Places::Near { .. }), matches!(far, Places::Far(_)));
            prop_assert_eq!(kinds, (true, true));
            for (place, number) in (0..).zip(&numbers) {
                prop_assert_eq!(near.or_place(*number, place), far.or_place(*number, place));
            }
            let all = Places::of(&numbers);
            for number in numbers.iter().chain(&others).copied().chain(-41..41) {
                let first = numbers.iter().position(|other| *other == number);
                let first = first.map(|place| u32::try_from(place).unwrap());
                prop_assert_eq!(near.place(number), first);
                prop_assert_eq!(far.place(number), first);
                prop_assert_eq!(all.place(number), first);
            }
        }

        #[test]
        fn blocks_hold_every_document_in_order(n in 0..200_u32) {
            let mut all = Vec::new();
            in_blocks(0..n, |docs| {
                assert!((1..=BLOCK).contains(&docs.len()));
                all.extend_from_slice(docs);
            });
            prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_a_table_takes_is_bounded() {
        let check = |first: i64, last: i64, near: usize, is_near: bool| {
            let places = Places::none(first, last, near);
            assert_eq!(
                matches!(places, Places::Near { .. }),
                is_near,
                "{first} {last}"
            );
        };
        check(1, 1024, 1024, true);
        check(1, 1025, 1024, false);
        check(1, 0, 1024, false);
        check(1, 256 * 1024, usize::MAX, true);
        check(0, 256 * 1024, usize::MAX, false);
        check(i64::MIN, i64::MAX, usize::MAX, false);
    }
}
