//! What privacy rules removed from the events and items of a transaction, with a cap on what is told apart.

use std::collections::{BTreeMap, HashMap};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use super::effect::{Incoming, Kept};
use crate::store::removals::{EVENT, MORE_FIELDS, RemovalCount};
use crate::store::{StoreError, Write};

/// Rules and fields of a project's day that are told apart; the rest is counted by rule alone.
pub(super) const FIELDS_MAX: u32 = 300;

const DAY_MS: i64 = 24 * 3_600_000;

/// Counts what was removed.
pub(super) async fn write(
    write: &mut Write,
    now: Timestamp,
    events: &[&Incoming],
    items: &[&Kept],
) -> Result<(), StoreError> {
    // What is told together lacks the same.
    let of_events = events
        .iter()
        .map(|event| (event.stored.project, EVENT, &event.removals, event.count()));
    let of_items = items
        .iter()
        .map(|item| (item.stored.project, &*item.known.kind, &item.removals, 1));
    let mut counts: BTreeMap<(ProjectId, &str, &str, &str), i64> = BTreeMap::new();
    for (project, kind, removals, n_alike) in of_events.chain(of_items) {
        for (removal, n) in removals {
            let key = (project, kind, &*removal.rule, &*removal.field);
            let sum = counts.entry(key).or_default();
            let n = i64::try_from(*n).unwrap_or(i64::MAX);
            *sum = sum.saturating_add(n.saturating_mul(n_alike));
        }
    }
    if counts.is_empty() {
        return Ok(());
    }
    let day = now.as_millis().div_euclid(DAY_MS);
    let counts = counts.into_iter();
    let counts = counts.map(|((project, kind, rule, field), quantity)| RemovalCount {
        project,
        day,
        kind,
        rule,
        field,
        quantity,
    });
    let few = few(write, counts.collect()).await?;
    write.add_removals(&few).await
}

/// Those that are known or have room; the fields of the others are one.
async fn few<'a>(
    write: &mut Write,
    counts: Vec<RemovalCount<'a>>,
) -> Result<Vec<RemovalCount<'a>>, StoreError> {
    let mut room: HashMap<ProjectId, u32> = HashMap::new();
    let mut more: BTreeMap<(ProjectId, &str, &str), RemovalCount<'a>> = BTreeMap::new();
    let mut passed = Vec::with_capacity(counts.len());
    for count in counts {
        if write.is_known_removal(&count).await? {
            passed.push(count);
            continue;
        }
        let left = match room.get(&count.project) {
            Some(left) => *left,
            None => {
                let n = write.removals_of_day(count.project, count.day).await?;
                FIELDS_MAX.saturating_sub(n)
            }
        };
        room.insert(count.project, left.saturating_sub(1));
        if left > 0 {
            passed.push(count);
            continue;
        }
        let one = more
            .entry((count.project, count.kind, count.rule))
            .or_insert(RemovalCount {
                field: MORE_FIELDS,
                quantity: 0,
                ..count.clone()
            });
        one.quantity = one.quantity.saturating_add(count.quantity);
    }
    passed.extend(more.into_values());
    Ok(passed)
}
