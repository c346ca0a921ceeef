//! How the values of a key compare with one that is asked for: as numbers, or as versions.
//!
//! To know which values are numbers, and which, every one is looked at. Those of a segment never
//! change, so that what took long to know of one is remembered, within a bound. Of few values, and
//! of more than are remembered, nothing is kept: each is held against what is asked.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::{BitSet, DocId, DocSet as _, Score, Searcher, SegmentReader};

use super::terms::Documents;
use super::values::Values;
use crate::query::{Op, parse_number};

/// So few values are looked at again rather than remembered.
const FORGOTTEN_VALUES: usize = 1000;
/// Numbers that are remembered in all, of 16 bytes each.
const REMEMBERED_MAX: usize = 2_000_000;

/// The numbers among the values of a key in a segment.
#[derive(Debug, Default)]
struct Numbers {
    /// In order, each with an event that has it.
    events: Vec<(f64, DocId)>,
    /// Whether every value is one that begins as one.
    are_all: bool,
}

/// What is known of keys with many values, by segment and key.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// `None` where there are more than are remembered.
    numbers: HashMap<(SegmentId, Values), Option<Arc<Numbers>>>,
    n: usize,
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
            let are_all = match self.numbers(values, segment)? {
                Some(numbers) => numbers.are_all,
                None => are_all_numbers(values, segment)?,
            };
            if !are_all {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The numbers of a segment; `None` where they are too few or too many to be remembered.
    fn numbers(
        &self,
        values: &Values,
        segment: &SegmentReader,
    ) -> tantivy::Result<Option<Arc<Numbers>>> {
        let name = (segment.segment_id(), values.clone());
        let remembered = || {
            let remembered = self.remembered.lock();
            remembered.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = remembered().numbers.get(&name) {
            return Ok(known.clone());
        }
        if !are_many(values, segment)? {
            return Ok(None);
        }
        let numbers = Numbers::read(values, segment)?.map(Arc::new);
        // What has no number at all takes some room as well.
        let n = numbers.as_ref().map_or(0, |numbers| numbers.events.len());
        let n = n.max(FORGOTTEN_VALUES);
        let mut remembered = remembered();
        if remembered.n + n > REMEMBERED_MAX {
            *remembered = Remembered::default();
        }
        if remembered.numbers.insert(name, numbers.clone()).is_none() {
            remembered.n += n;
        }
        Ok(numbers)
    }
}

/// Whether a value is a number, or does not begin as one.
fn may_be_among_numbers(value: &str) -> bool {
    let begins = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    !begins || parse_number(value).is_some()
}

fn are_all_numbers(values: &Values, segment: &SegmentReader) -> tantivy::Result<bool> {
    let mut are = true;
    values.each(segment, |value, _| {
        are = may_be_among_numbers(value);
        Ok(are)
    })?;
    Ok(are)
}

fn are_many(values: &Values, segment: &SegmentReader) -> tantivy::Result<bool> {
    let mut n = 0;
    values.each(segment, |_, _| {
        n += 1;
        Ok(n <= FORGOTTEN_VALUES)
    })?;
    Ok(n > FORGOTTEN_VALUES)
}

/// Whether a value is a number that compares so.
fn compares(op: Op, value: &str, with: f64) -> bool {
    let order = parse_number(value).and_then(|number| number.partial_cmp(&with));
    order.is_some_and(|order| op.holds(order))
}

impl Numbers {
    /// `None` where there are more than are remembered.
    fn read(values: &Values, segment: &SegmentReader) -> tantivy::Result<Option<Self>> {
        let inverted = values.inverted(segment)?;
        let mut documents = Documents::default();
        let mut read = Self {
            are_all: true,
            ..Self::default()
        };
        values.each(segment, |value, term| {
            read.are_all &= may_be_among_numbers(value);
            if let Some(number) = parse_number(value) {
                documents.each(&inverted, term, |doc| read.events.push((number, doc)))?;
            }
            Ok(read.events.len() <= REMEMBERED_MAX)
        })?;
        if read.events.len() > REMEMBERED_MAX {
            return Ok(None);
        }
        read.events
            .sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
        Ok(Some(read))
    }

    /// Those that compare so.
    fn that(&self, op: Op, with: f64) -> &[(f64, DocId)] {
        let before = |end: Ordering| {
            self.events.partition_point(|(number, _)| {
                let order = number.partial_cmp(&with);
                order.is_some_and(|order| order <= end)
            })
        };
        let (less, at_most) = (before(Ordering::Less), before(Ordering::Equal));
        let range = match op {
            Op::Gt => at_most..self.events.len(),
            Op::Ge => less..self.events.len(),
            Op::Lt => 0..less,
            Op::Le => 0..at_most,
            Op::Is | Op::Exists => less..at_most,
        };
        self.events.get(range).unwrap_or_default()
    }
}

/// Events whose value of a key is a number that compares so with one.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) kinds: Arc<Kinds>,
    pub(super) values: Values,
    pub(super) op: Op,
    pub(super) with: f64,
}

impl Query for Compared {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Compared {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut found = BitSet::with_max_value(segment.max_doc());
        match self.kinds.numbers(&self.values, segment)? {
            Some(numbers) => {
                for (_, doc) in numbers.that(self.op, self.with) {
                    found.insert(*doc);
                }
            }
            None => self.values.add_those(segment, &mut found, |value| {
                compares(self.op, value, self.with)
            })?,
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let is_found = self.scorer(segment, 1.0)?.seek(doc) == doc;
        Ok(Explanation::new(
            "compared",
            if is_found { 1.0 } else { 0.0 },
        ))
    }
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
    fn numbers_compare_as_every_one_of_them_does() {
        let events: Vec<(f64, DocId)> = [-2.0, 0.0, 0.0, 1.5, 7.0].into_iter().zip(0..).collect();
        let numbers = Numbers {
            events: events.clone(),
            ..Numbers::default()
        };
        for op in [Op::Gt, Op::Ge, Op::Lt, Op::Le, Op::Is] {
            for with in [-3.0, -2.0, -0.0, 0.0, 1.0, 7.0, 8.0] {
                let holds = |(number, _): &&(f64, DocId)| {
                    let order = number.partial_cmp(&with);
                    order.is_some_and(|order| op.holds(order))
                };
                let expected: Vec<_> = events.iter().filter(holds).copied().collect();
                assert_eq!(numbers.that(op, with), expected, "{op:?} {with}");
            }
        }
    }

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
