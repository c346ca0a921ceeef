//! Documents made again from store and archive, for an index that lags or is rebuilt.

use protocol::item::ItemKind;

use super::{Parts, prepare};
use crate::archive::Location;
use crate::geo::Places;
use crate::group::Rules;
use crate::index::{Document, Index, Replaces};
use crate::store::events::EventRow;

/// Events read and indexed in one step.
const STEP: u32 = 200;

/// Why an index cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// Rows cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The index does not take documents.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    /// The reading thread ended.
    #[error("thread of the archive ended")]
    Ended,
}

/// The documents of the next events after a row, and the last row looked at; nothing when there
/// are no more. An event whose body is gone or cannot be read any more has no document.
///
/// # Errors
/// [`CatchUpError`].
pub async fn documents_after(
    parts: &Parts,
    row: i64,
) -> Result<Option<(i64, Vec<Document>)>, CatchUpError> {
    let rows = parts.store.events_after(row, STEP).await?;
    let Some(last) = rows.last().map(|row| row.row) else {
        return Ok(None);
    };
    let archive = parts.archive.clone();
    let documents = tokio::task::spawn_blocking(move || {
        // Where an event's user was is kept with the event.
        let none = Places::default();
        let document = |row: &EventRow| {
            let at = Location {
                pack: row.pack,
                offset: row.offset,
                item: row.item,
            };
            let stored = archive.read(at).ok()?;
            let category = ItemKind::from_name(&stored.kind).category();
            let incoming = prepare::digested(stored, category, &Rules::default(), &none).ok()?;
            Some(incoming.searchable(row.row, row.issue))
        };
        rows.iter().filter_map(document).collect()
    });
    let documents = documents.await.map_err(|_| CatchUpError::Ended)?;
    Ok(Some((last, documents)))
}

/// Adds to the index what it does not have yet; gives the number of documents. Call it before the
/// digest starts, so that rows reach the index in order.
///
/// # Errors
/// [`CatchUpError`].
pub async fn catch_up(parts: &Parts, index: &Index) -> Result<u64, CatchUpError> {
    let mut row = index.upto();
    let mut n = 0;
    while let Some((last, documents)) = documents_after(parts, row).await? {
        n += documents.len() as u64;
        index.add(documents, Replaces::SameRows).await?;
        row = last;
    }
    if n > 0 {
        index.commit().await?;
    }
    Ok(n)
}
