//! How the values of a key compare with one that is asked for: as numbers, or as versions.
//!
//! To know whether the values of a tag are numbers, every one is looked at. Those of a segment never
//! change, so that what took long to know of one is remembered.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tantivy::index::SegmentId;
use tantivy::{Searcher, SegmentReader};

use super::values::Values;
use crate::query::{Op, parse_number};

/// What is known of so many values is found out again rather than remembered.
const FORGOTTEN_VALUES: usize = 1000;
/// Segments and keys that are remembered.
const REMEMBERED_MAX: usize = 4096;

/// What is known of keys with many values, by segment and key.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    are_numbers: Mutex<HashMap<(SegmentId, String), bool>>,
}

impl Kinds {
    /// Whether the values of a tag are numbers and not versions: none that begins as a number goes
    /// on as something else, and the name does not say that they are versions.
    pub(super) fn are_numbers(
        &self,
        key: &str,
        values: &Values,
        searcher: &Searcher,
    ) -> tantivy::Result<bool> {
        if key.ends_with("version") || key.ends_with("release") {
            return Ok(false);
        }
        for segment in searcher.segment_readers() {
            if !self.are_numbers_in(key, values, segment)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn are_numbers_in(
        &self,
        key: &str,
        values: &Values,
        segment: &SegmentReader,
    ) -> tantivy::Result<bool> {
        let name = (segment.segment_id(), key.to_owned());
        if let Some(known) = self.remembered().get(&name) {
            return Ok(*known);
        }
        let begins = |value: &str| value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let (mut are, mut n) = (true, 0_usize);
        values.each(segment, |value, _| {
            n += 1;
            are = !begins(value) || parse_number(value).is_some();
            Ok(are)
        })?;
        if n > FORGOTTEN_VALUES {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
            remembered.insert(name, are);
        }
        Ok(are)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<(SegmentId, String), bool>> {
        let remembered = self.are_numbers.lock();
        remembered.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a value is a number that compares so.
pub(super) fn compares_number(op: Op, value: &str, number: f64) -> bool {
    let value = parse_number(value);
    let order = value.and_then(|value| value.partial_cmp(&number));
    order.is_some_and(|order| op.holds(order))
}

/// Orders `package@1.10.0` after `package@1.9.0`: numbers as numbers, the rest as text, and a
/// release after its pre-releases. Both are in small letters.
pub(super) fn compare_versions(left: &str, right: &str) -> Ordering {
    let ((left, left_pre), (right, right_pre)) = (parts(left), parts(right));
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => break,
            (left, right) => number(left).cmp(&number(right)),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    match (left_pre, right_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => left.cmp(right),
    }
}

/// The numbers of a version, and what it is a pre-release of them as.
fn parts(text: &str) -> (&str, Option<&str>) {
    let version = text.rsplit_once('@').map_or(text, |(_, version)| version);
    let core_len = version.find(['-', '+']).unwrap_or(version.len());
    let (core, rest) = version.split_at(core_len);
    let pre = rest.strip_prefix('-');
    (
        core,
        pre.map(|pre| pre.split('+').next().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions_by_number() {
        let check = |left: &str, right: &str, expected: Ordering| {
            assert_eq!(compare_versions(left, right), expected, "{left} {right}");
            assert_eq!(compare_versions(right, left), expected.reverse());
        };
        use Ordering::{Equal, Greater, Less};
        check("shop@1.10.0", "1.9.0", Greater);
        check("1.0", "1.0.0", Equal);
        check("1.0", "1.0.1", Less);
        check("2.0.0-rc.1", "2.0.0", Less);
        check("2.0.0-rc.1", "2.0.0-rc.2", Less);
        check("2.0.0-rc.1+7", "2.0.0-rc.1+8", Equal);
    }
}
