//! Events in the order of time, as far as a page needs them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use protocol::timestamp::Timestamp;
use tantivy::columnar::Column;

use super::look::visit;
use super::part::{Parts, week_of};
use super::{EventHit, IndexError, Order, Search};

/// Small keys come first in the wanted order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Oldest((Timestamp, i64)),
    Newest(Reverse<(Timestamp, i64)>),
}

/// The first `limit` events of an order, kept in a heap whose top is the last of them.
struct First {
    order: Order,
    after: Option<EventHit>,
    limit: usize,
    heap: BinaryHeap<(SortKey, EventHit)>,
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

    /// Whether a week lies before the place that is read on from.
    fn is_behind(&self, week: i64) -> bool {
        self.after.is_some_and(|after| {
            let at = week_of(after.timestamp.as_millis());
            match self.order {
                Order::Newest => week > at,
                Order::Oldest => week < at,
            }
        })
    }
}

/// Visits week after week, and none behind the one that fills the page.
pub(super) fn events(
    parts: &Parts,
    search: &Search,
    order: Order,
    after: Option<EventHit>,
    limit: usize,
) -> Result<Vec<EventHit>, IndexError> {
    let mut first = First {
        order,
        after,
        limit,
        heap: BinaryHeap::new(),
    };
    let mut touched = parts.touched(search);
    if order == Order::Newest {
        touched.reverse();
    }
    for part in touched {
        if first.is_behind(part.week) {
            continue;
        }
        visit(parts, &part, search, |segment, docs| {
            let columns = segment.fast_fields();
            let issue: Column<i64> = columns.i64("issue")?;
            let timestamp: Column<i64> = columns.i64("timestamp")?;
            let row: Column<i64> = columns.i64("row")?;
            docs.each(&mut |doc| {
                first.hit(EventHit {
                    timestamp: Timestamp::from_millis(timestamp.first(doc).unwrap_or_default()),
                    row: row.first(doc).unwrap_or_default(),
                    issue: issue.first(doc).unwrap_or_default(),
                });
            })
        })?;
        if first.heap.len() >= limit {
            break;
        }
    }
    let sorted = first.heap.into_sorted_vec().into_iter();
    Ok(sorted.map(|(_, hit)| hit).collect())
}
