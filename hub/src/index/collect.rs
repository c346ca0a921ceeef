//! Answers: one visit of the matching documents' columns, folded by what was asked.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use protocol::timestamp::Timestamp;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocId, Score, SegmentReader};

use super::compile::compile;
use super::part::Parts;
use super::{EventHit, IndexError, IssueHit, Order, Search};

/// The columns of one document.
#[derive(Clone, Copy, Debug)]
struct Row {
    issue: i64,
    timestamp: i64,
    row: i64,
    user: Option<u64>,
}

/// What is gathered from rows; parts and segments are joined at the end.
trait Fold: Default + Send + Sync + 'static {
    fn row(&mut self, row: Row);
    fn join(&mut self, other: Self);
}

/// A visit that folds into `F`, which begins as a clone of `seed`.
struct Visit<F> {
    seed: F,
    needs_user: bool,
}

struct SegmentVisit<F> {
    fold: F,
    issue: Column<i64>,
    timestamp: Column<i64>,
    row: Column<i64>,
    user: Option<Column<u64>>,
}

impl<F: Fold + Clone> Collector for Visit<F> {
    type Fruit = F;
    type Child = SegmentVisit<F>;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<Self::Child> {
        let columns = segment.fast_fields();
        Ok(SegmentVisit {
            fold: self.seed.clone(),
            issue: columns.i64("issue")?,
            timestamp: columns.i64("timestamp")?,
            row: columns.i64("row")?,
            user: if self.needs_user {
                columns.column_opt("user")?
            } else {
                None
            },
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<F>) -> tantivy::Result<F> {
        let mut all = self.seed.clone();
        for fruit in fruits {
            all.join(fruit);
        }
        Ok(all)
    }
}

impl<F: Fold> SegmentCollector for SegmentVisit<F> {
    type Fruit = F;

    fn collect(&mut self, doc: DocId, _: Score) {
        let row = Row {
            issue: self.issue.first(doc).unwrap_or_default(),
            timestamp: self.timestamp.first(doc).unwrap_or_default(),
            row: self.row.first(doc).unwrap_or_default(),
            user: self.user.as_ref().and_then(|column| column.first(doc)),
        };
        self.fold.row(row);
    }

    fn harvest(self) -> F {
        self.fold
    }
}

fn visit<F: Fold + Clone>(
    parts: &Parts,
    search: &Search,
    visit: &Visit<F>,
) -> Result<F, IndexError> {
    let mut all = visit.seed.clone();
    for part in parts.touched(search) {
        let searcher = part.searcher();
        let query = compile(search, &parts.fields, &searcher)?;
        all.join(searcher.search(&query, visit)?);
    }
    Ok(all)
}

#[derive(Clone, Default)]
struct ByIssue(HashMap<i64, (u64, i64, i64)>);

impl Fold for ByIssue {
    fn row(&mut self, row: Row) {
        let entry = self.0.entry(row.issue).or_insert((0, i64::MAX, i64::MIN));
        *entry = (
            entry.0 + 1,
            entry.1.min(row.timestamp),
            entry.2.max(row.timestamp),
        );
    }

    fn join(&mut self, other: Self) {
        for (issue, (n, first, last)) in other.0 {
            let entry = self.0.entry(issue).or_insert((0, i64::MAX, i64::MIN));
            *entry = (entry.0 + n, entry.1.min(first), entry.2.max(last));
        }
    }
}

pub(super) fn issues(parts: &Parts, search: &Search) -> Result<Vec<IssueHit>, IndexError> {
    let found = visit(
        parts,
        search,
        &Visit {
            seed: ByIssue::default(),
            needs_user: false,
        },
    )?;
    let hit = |(issue, (events, first, last))| IssueHit {
        issue,
        events,
        first_seen: Timestamp::from_millis(first),
        last_seen: Timestamp::from_millis(last),
    };
    Ok(found.0.into_iter().map(hit).collect())
}

#[derive(Clone, Default)]
struct People(HashSet<(i64, u64)>);

impl Fold for People {
    fn row(&mut self, row: Row) {
        if let Some(user) = row.user {
            self.0.insert((row.issue, user));
        }
    }

    fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

pub(super) fn users(parts: &Parts, search: &Search) -> Result<HashMap<i64, u64>, IndexError> {
    let found = visit(
        parts,
        search,
        &Visit {
            seed: People::default(),
            needs_user: true,
        },
    )?;
    let mut counts = HashMap::new();
    for (issue, _) in found.0 {
        *counts.entry(issue).or_insert(0) += 1;
    }
    Ok(counts)
}

#[derive(Clone)]
struct Buckets {
    width: i64,
    counts: HashMap<(i64, i64), u64>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            width: 3_600_000,
            counts: HashMap::new(),
        }
    }
}

impl Fold for Buckets {
    fn row(&mut self, row: Row) {
        let start = row.timestamp.div_euclid(self.width) * self.width;
        *self.counts.entry((row.issue, start)).or_insert(0) += 1;
    }

    fn join(&mut self, other: Self) {
        for (key, n) in other.counts {
            *self.counts.entry(key).or_insert(0) += n;
        }
    }
}

pub(super) fn histogram(
    parts: &Parts,
    search: &Search,
    width_ms: i64,
) -> Result<HashMap<(i64, i64), u64>, IndexError> {
    let seed = Buckets {
        width: width_ms.max(1),
        counts: HashMap::new(),
    };
    Ok(visit(
        parts,
        search,
        &Visit {
            seed,
            needs_user: false,
        },
    )?
    .counts)
}

/// People by bucket.
#[derive(Clone)]
struct PeopleOverTime {
    width: i64,
    people: HashSet<(i64, u64)>,
}

impl Default for PeopleOverTime {
    fn default() -> Self {
        Self {
            width: Buckets::default().width,
            people: HashSet::new(),
        }
    }
}

impl Fold for PeopleOverTime {
    fn row(&mut self, row: Row) {
        if let Some(user) = row.user {
            let start = row.timestamp.div_euclid(self.width) * self.width;
            self.people.insert((start, user));
        }
    }

    fn join(&mut self, other: Self) {
        self.people.extend(other.people);
    }
}

pub(super) fn users_over_time(
    parts: &Parts,
    search: &Search,
    width_ms: i64,
) -> Result<HashMap<i64, u64>, IndexError> {
    let seed = PeopleOverTime {
        width: width_ms.max(1),
        people: HashSet::new(),
    };
    let needs_user = true;
    let found = visit(parts, search, &Visit { seed, needs_user })?;
    let mut counts = HashMap::new();
    for (start, _) in found.people {
        *counts.entry(start).or_insert(0) += 1;
    }
    Ok(counts)
}

/// The first `limit` events of an order, kept in a heap whose top is the last of them.
#[derive(Clone)]
struct First {
    order: Order,
    after: Option<EventHit>,
    limit: usize,
    heap: BinaryHeap<(SortKey, EventHit)>,
}

/// Small keys come first in the wanted order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Oldest((Timestamp, i64)),
    Newest(Reverse<(Timestamp, i64)>),
}

impl Default for First {
    fn default() -> Self {
        Self {
            order: Order::Newest,
            after: None,
            limit: 0,
            heap: BinaryHeap::new(),
        }
    }
}

impl First {
    fn key(&self, hit: &EventHit) -> SortKey {
        let at = (hit.timestamp, hit.row);
        match self.order {
            Order::Oldest => SortKey::Oldest(at),
            Order::Newest => SortKey::Newest(Reverse(at)),
        }
    }

    fn hit(&mut self, hit: EventHit) {
        let key = self.key(&hit);
        if self.after.is_some_and(|after| key <= self.key(&after)) {
            return;
        }
        self.heap.push((key, hit));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }
}

impl Fold for First {
    fn row(&mut self, row: Row) {
        let timestamp = Timestamp::from_millis(row.timestamp);
        self.hit(EventHit {
            timestamp,
            row: row.row,
            issue: row.issue,
        });
    }

    fn join(&mut self, other: Self) {
        for (_, hit) in other.heap {
            self.hit(hit);
        }
    }
}

pub(super) fn events(
    parts: &Parts,
    search: &Search,
    order: Order,
    after: Option<EventHit>,
    limit: usize,
) -> Result<Vec<EventHit>, IndexError> {
    let seed = First {
        order,
        after,
        limit,
        heap: BinaryHeap::new(),
    };
    let found = visit(
        parts,
        search,
        &Visit {
            seed,
            needs_user: false,
        },
    )?;
    Ok(found
        .heap
        .into_sorted_vec()
        .into_iter()
        .map(|(_, hit)| hit)
        .collect())
}
