//! Somebody is to be forgotten: finds what the hub keeps of them, and sees that it goes.
//!
//! What relays are asked to remove ([`crate::fleet`]) is removed here too: events and the items
//! that belong to them, what issues counted of them, records that were set aside, what is searched.
//! Bodies are found by reading all packs once, and then what is added to them for as long as relays
//! are asked, since some may have been on the way. People are known by digests alone, so there is
//! no shorter way.
//!
//! A body disappears with its pack: what else is in the pack is moved, and the pack is dropped by
//! the next run, so that who has just looked a place up can still read there.
//!
//! What it never does: forget what the same person's programs send after they asked.

use protocol::block::Record;
use protocol::erasure::Wanted;
use protocol::timestamp::Timestamp;
use protocol::wire;

use crate::archive::{Archive, ArchiveError, Body, Position, StoredEvent};
use crate::digest::erase::{Erase, EraseError, erase};
use crate::digest::{self, DigestError};
use crate::fleet::read_erasure;
use crate::index::Index;
use crate::retention::{Retention, RetentionError};
use crate::store::erasures::{ErasureRow, Progress};
use crate::store::{Store, StoreError};

/// Chunks read in one step.
const CHUNKS: usize = 64;
/// Bytes of what is found after which a step ends.
const FOUND_BYTES: usize = 16 * 1024 * 1024;
/// Events of which the ids are kept, so that what comes later of them is found.
const EVENTS_MAX: u32 = 100_000;
/// Records that were set aside, read in one step.
const RECORDS: u32 = 100;

/// Why a run did not finish. The next one goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pack cannot be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Something cannot be removed.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// A pack cannot be emptied.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// The hub is about to end.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The thread of the archive ended.
    #[error("thread of the archive ended")]
    Ended,
}

/// What it works on.
#[derive(Clone, Debug)]
pub struct Erasures {
    /// Where rows are.
    pub store: Store,
    /// Where bodies are.
    pub archive: Archive,
    /// What is searched.
    pub index: Index,
    /// What writes events.
    pub digest: digest::Handle,
    /// What empties packs.
    pub retention: Retention,
}

impl Erasures {
    /// Removes what is asked for at `now`, as far as it is here.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn run(&self, now: Timestamp) -> Result<(), ErasureError> {
        let asked = self.store.erasures(None, now).await?;
        for row in &asked {
            self.look(row).await?;
        }
        let packs = self.store.erased_packs().await?;
        if !packs.is_empty() {
            self.empty(packs).await?;
        }
        if !asked.is_empty() {
            let ids: Vec<i64> = asked.iter().map(|row| row.id).collect();
            let mut write = self.store.begin().await?;
            write.note_erased_here(&ids, now).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Reads what was added to the packs since the last look, and removes what is wanted.
    async fn look(&self, row: &ErasureRow) -> Result<(), ErasureError> {
        let erasure = read_erasure(row)?;
        let mut wanted = Wanted::new(&erasure);
        for event in self.store.erased_events(row.id, EVENTS_MAX).await? {
            wanted.note(event);
        }
        self.remove_set_aside(&wanted, row).await?;
        let mut position = Position {
            pack: row.read_pack.cast_unsigned(),
            offset: row.read_offset.cast_unsigned(),
        };
        loop {
            let (archive, asked_at) = (self.archive.clone(), row.created_at);
            let step = move || step(&archive, position, wanted, Timestamp::from_millis(asked_at));
            let read = tokio::task::spawn_blocking(step).await;
            let (found, next, still_wanted) = read.map_err(|_| ErasureError::Ended)??;
            if next == position {
                return Ok(());
            }
            (position, wanted) = (next, still_wanted);
            let mut progress = Progress {
                read: (position.pack, position.offset),
                of_events: found.iter().map(|(_, body)| body.event_id).collect(),
                ..Progress::default()
            };
            // Bodies are written before their rows are.
            self.digest.settled().await?;
            let with = Erase {
                store: &self.store,
                archive: &self.archive,
                index: &self.index,
            };
            erase(with, erasure.project, row.id, &found, &mut progress).await?;
            if !found.is_empty() {
                let (events, items) = (progress.events, progress.items);
                tracing::info!(
                    erasure.id = row.id,
                    events,
                    items,
                    "what was asked for is removed"
                );
            }
        }
    }

    /// Removes records that could not be digested.
    async fn remove_set_aside(
        &self,
        wanted: &Wanted,
        row: &ErasureRow,
    ) -> Result<(), ErasureError> {
        let mut after = 0;
        loop {
            let project = wanted.project();
            let records = self.store.poison_of(project, after, RECORDS).await?;
            let Some((last, _)) = records.last() else {
                return Ok(());
            };
            after = *last;
            let is_wanted = |record: &[u8]| match wire::decode_msgpack::<Record>(record) {
                Ok(record) => {
                    record.received_at().as_millis() <= row.created_at && wanted.wants(&record)
                }
                Err(_) => false,
            };
            let records = records.iter().filter(|(_, record)| is_wanted(record));
            let ids: Vec<i64> = records.map(|(id, _)| *id).collect();
            if !ids.is_empty() {
                let mut write = self.store.begin().await?;
                write.erase_poison(&ids).await?;
                write.commit().await?;
            }
        }
    }

    /// Drops packs of which nothing is wanted any more, and empties the others.
    async fn empty(&self, packs: Vec<(i64, i64)>) -> Result<(), ErasureError> {
        // What the retention has moved has its row when it is our turn.
        let _turn = self.retention.turn().await;
        let archive = self.archive.clone();
        let sealed = tokio::task::spawn_blocking(move || archive.seal()).await;
        sealed.map_err(|_| ErasureError::Ended)??;
        // Whatever was put into the pack before has its row by now.
        self.digest.settled().await?;
        let mut is_dropped = false;
        for (row, _) in packs {
            let pack = row.cast_unsigned();
            if self.retention.is_wanted(pack).await? {
                let (_, left) = self.retention.empty_pack(pack).await?;
                if left > 0 {
                    tracing::warn!(pack, left, "bodies cannot be read and hold up an erasure");
                }
                continue;
            }
            let archive = self.archive.clone();
            let dropped = tokio::task::spawn_blocking(move || archive.drop_pack(pack)).await;
            dropped.map_err(|_| ErasureError::Ended)??;
            let mut write = self.store.begin().await?;
            write.forget_erased_pack(row).await?;
            write.commit().await?;
            is_dropped = true;
        }
        if is_dropped {
            self.store.give_back().await?;
        }
        Ok(())
    }
}

/// The wanted among the next bodies, and how far was read.
fn step(
    archive: &Archive,
    from: Position,
    mut wanted: Wanted,
    asked_at: Timestamp,
) -> Result<(Vec<Body>, Position, Wanted), ArchiveError> {
    let (mut found, mut position, mut n_bytes) = (Vec::new(), from, 0);
    for _ in 0..CHUNKS {
        if n_bytes >= FOUND_BYTES {
            break;
        }
        let Some((bodies, next)) = archive.next_chunk(position)? else {
            break;
        };
        position = next;
        for (at, body) in bodies {
            let received = body.received_at.plus_millis(-body.relay_offset_millis);
            let is_before = received <= asked_at;
            let is_wanted = body.project == wanted.project()
                && (wanted.names(body.event_id) || is_before && is_of_subject(&wanted, &body));
            if is_wanted {
                wanted.note(body.event_id);
                n_bytes += body.payload.len();
                found.push((at, body));
            }
        }
    }
    Ok((found, position, wanted))
}

/// Whether a body, or an event that was told with it, is a person's who is named.
fn is_of_subject(wanted: &Wanted, body: &StoredEvent) -> bool {
    let mut users = body.alike.iter().filter_map(|alike| alike.user.as_ref());
    wanted.is_of_subject(&body.payload) || users.any(|user| wanted.is_of_user(user))
}
