//! Removes events and items whose bodies were found by an erasure, with what was counted of them.
//!
//! Issues lose their counts, tags and users, and show another event; those without any go. The
//! bodies stay where they are until their pack is emptied, which is for the caller to see to.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ids::{EventId, ProjectId};
use protocol::item::ItemKind;

use super::effect::Incoming;
use super::prepare;
use super::regroup::face;
use crate::archive::{Archive, Body, Location};
use crate::geo::Places;
use crate::group::Rules;
use crate::index::{Index, IndexError};
use crate::store::erasures::Progress;
use crate::store::events::EventRow;
use crate::store::issue_moves::Loss;
use crate::store::items::Place;
use crate::store::{Store, StoreError, Write};

/// Why something was not removed. Nothing was changed, but that it is not found by a search.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index refused.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The reading thread ended.
    #[error("thread of the archive ended")]
    Ended,
}

/// What is removed from.
#[derive(Clone, Copy, Debug)]
pub struct Erase<'e> {
    /// Where rows and counts are.
    pub store: &'e Store,
    /// Where bodies are.
    pub archive: &'e Archive,
    /// What is searched.
    pub index: &'e Index,
}

/// Removes what these bodies are of, and everything else that belongs to the same events; adds to
/// `progress` how much that was and which packs hold it, and notes it in the same transaction.
///
/// Every body must have been committed, or never will be.
///
/// # Errors
/// [`EraseError`].
pub async fn erase(
    with: Erase<'_>,
    project: ProjectId,
    erasure: i64,
    bodies: &[Body],
    progress: &mut Progress,
) -> Result<(), EraseError> {
    let ids: BTreeSet<EventId> = bodies.iter().map(|(_, body)| body.event_id).collect();
    let ids: Vec<EventId> = ids.into_iter().collect();
    let rows = with.store.events_of_ids(project, &ids).await?;
    // The index first: what is cut off here is found again, what is committed is not.
    let documents = rows.iter().map(|row| (row.row, row.timestamp)).collect();
    with.index.erase(documents).await?;
    let events = read(with.archive, rows.clone()).await?;
    let places: Vec<Place> = bodies.iter().map(|(at, _)| place(*at)).collect();
    let mut write = with.store.begin().await?;
    let of_parts = write.erase_parts(project, &ids).await?;
    let packs = write.erase_items(project, &ids, &places).await?;
    progress.items += packs.len() as u64;
    write.erase_events(&rows).await?;
    progress.events += rows.len() as u64;
    let of_rows = rows.iter().map(|row| row.pack);
    let of_bodies = bodies.iter().map(|(at, _)| at.pack);
    progress.packs.extend(
        packs
            .into_iter()
            .chain(of_parts)
            .chain(of_rows)
            .chain(of_bodies),
    );
    take_counts(&mut write, with.archive, events).await?;
    write.note_erasure(erasure, progress).await?;
    write.commit().await?;
    Ok(())
}

/// Takes from issues what they counted of these events, and removes those that have no other.
async fn take_counts(
    write: &mut Write,
    archive: &Archive,
    events: Vec<(EventRow, Option<Incoming>)>,
) -> Result<(), EraseError> {
    let mut losses: BTreeMap<i64, Loss> = BTreeMap::new();
    for (row, incoming) in events {
        let loss = losses.entry(row.issue).or_default();
        let Some(incoming) = incoming else {
            loss.events += row.weight;
            *loss.hours.entry(row.timestamp.hour()).or_default() += row.weight;
            continue;
        };
        loss.users.extend(incoming.users());
        loss.add(&incoming);
    }
    let issues: Vec<i64> = losses.keys().copied().collect();
    for (issue, loss) in &losses {
        write.take_counts(*issue, loss).await?;
    }
    write.remove_empty_issues(&issues).await?;
    for issue in issues {
        let Some(latest) = write.faceless(issue).await? else {
            continue;
        };
        let at = latest.timestamp;
        let read = read(archive, vec![latest]).await?;
        if let Some((_, Some(incoming))) = read.first() {
            let face = face(incoming);
            write.reface_issue(issue, &face, None, at).await?;
        }
    }
    Ok(())
}

/// Events with what their bodies say, where these can be read. The rows say where they lie: what
/// was found of an event may have been another item of it.
async fn read(
    archive: &Archive,
    rows: Vec<EventRow>,
) -> Result<Vec<(EventRow, Option<Incoming>)>, EraseError> {
    let archive = archive.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let read = rows.into_iter().map(|row| (row, digested(&archive, row)));
        read.collect()
    });
    reading.await.map_err(|_| EraseError::Ended)
}

fn digested(archive: &Archive, row: EventRow) -> Option<Incoming> {
    let at = Location {
        pack: row.pack,
        offset: row.offset,
        item: row.item,
    };
    let body = archive.read(at).ok()?;
    let category = ItemKind::from_name(&body.kind).category();
    prepare::digested(body, category, &Rules::default(), &Places::default()).ok()
}

const fn place(at: Location) -> Place {
    Place {
        pack: at.pack,
        offset: at.offset,
        item: at.item,
    }
}
