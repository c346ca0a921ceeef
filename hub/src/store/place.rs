//! Places in the order of a list, for pages that go on from one.

/// A place in an order: the value ordered by, and the row to tell equals apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value ordered by.
    pub value: i64,
    /// The row.
    pub id: i64,
}

/// Which way to read from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards smaller values.
    Onward,
    /// Towards larger values: the page before. Rows come in the reverse of the page's order.
    Back,
}

/// The first `limit` behind a place, in the order in which they are read.
#[must_use]
pub fn page(mut places: Vec<Place>, from: Option<(Place, Direction)>, limit: u32) -> Vec<Place> {
    let key = |place: &Place| (place.value, place.id);
    match from {
        Some((from, Direction::Back)) => {
            places.retain(|place| key(place) > key(&from));
            places.sort_unstable_by_key(key);
        }
        _ => {
            if let Some((from, _)) = from {
                places.retain(|place| key(place) < key(&from));
            }
            places.sort_unstable_by_key(|place| std::cmp::Reverse(key(place)));
        }
    }
    places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    places
}

/// Whether the first of all places, in their order, are enough to cut a page of `limit` from: the
/// others change nothing of it.
#[must_use]
pub fn is_enough(first: &[Place], from: Option<(Place, Direction)>, limit: u32) -> bool {
    let is_behind = |place: &Place, from: &Place| (place.value, place.id) < (from.value, from.id);
    let n_behind = match from {
        Some((from, Direction::Back)) => {
            return first.last().is_some_and(|last| is_behind(last, &from));
        }
        Some((from, _)) => first.iter().filter(|place| is_behind(place, &from)).count(),
        None => first.len(),
    };
    u32::try_from(n_behind).is_ok_and(|n| n >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_enough_when_the_page_is_among_them() {
        let first = [(9, 4), (7, 3), (7, 2)].map(|(value, id)| Place { value, id });
        let check = |from: Option<(i64, i64, Direction)>, limit: u32, expected: bool| {
            let from = from.map(|(value, id, direction)| (Place { value, id }, direction));
            assert_eq!(is_enough(&first, from, limit), expected, "{from:?} {limit}");
        };
        check(None, 3, true);
        check(None, 4, false);
        check(Some((9, 4, Direction::Onward)), 2, true);
        check(Some((9, 4, Direction::Onward)), 3, false);
        check(Some((7, 3, Direction::Back)), 50, true);
        check(Some((7, 2, Direction::Back)), 1, false);
    }

    #[test]
    fn pages_begin_behind_their_place_and_are_read_both_ways() {
        let all = [(3, 1), (1, 2), (3, 3), (2, 4)].map(|(value, id)| Place { value, id });
        let check = |from: Option<(i64, i64, Direction)>, expected: &[i64]| {
            let from = from.map(|(value, id, direction)| (Place { value, id }, direction));
            let found = page(all.to_vec(), from, 2);
            let ids: Vec<i64> = found.iter().map(|place| place.id).collect();
            assert_eq!(ids, expected, "{from:?}");
        };
        check(None, &[3, 1]);
        check(Some((3, 1, Direction::Onward)), &[4, 2]);
        check(Some((1, 2, Direction::Back)), &[4, 1]);
        check(Some((2, 4, Direction::Back)), &[1, 3]);
    }
}
