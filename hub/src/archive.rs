//! Event bodies in append-only packs.
//!
//! A pack is a file of chunks; a chunk holds the bodies of events that were committed together,
//! compressed once. A body is found by its [`Location`], which the store keeps.
//!
//! What always holds: [`Archive::append`] returns after the bytes are on the disk; a chunk's
//! checksum is verified before any of it is believed; one process writes, any may read; a pack
//! is written only at its end and disappears as a whole. A body that no row of the store points
//! to (the process died between the two) is never seen and goes with its pack.
//!
//! What it never does: know which bodies are still wanted. The retention asks the store.
//!
//! Format 1 of `<number>.pack`: `VDTPACK1`, then chunks: `[len u32][crc u32][dict u32]
//! [raw_len u32][count u32]`, little-endian, and `len` bytes of zstd over `count` MessagePack
//! values ([`StoredEvent`]). The CRC-32C covers `dict` to the end of the chunk. A value's fields are
//! only ever added at its end; what older hubs wrote lacks the last ones.

mod chunk;
mod pack;
mod recent;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::block::Alike;
use protocol::ids::{EventId, ProjectId, PublicKey, RelayId};
use protocol::timestamp::Timestamp;
use protocol::unit::ByteSize;
use serde::{Deserialize, Serialize};

use pack::Writer;
use recent::Recent;

/// A pack is closed and the next begun when it has grown to this.
pub const PACK_BYTES: ByteSize = ByteSize(64 * 1024 * 1024);
/// Decompressed chunks kept for the next reader.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything that came with one event, as it came; what is derived from it can be derived again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Whose.
    pub project: ProjectId,
    /// The event's id.
    pub event_id: EventId,
    /// The relay that took it.
    pub relay: RelayId,
    /// The key it came with.
    pub key: PublicKey,
    /// When the relay had the whole request, by the relay's clock.
    pub received_at: Timestamp,
    /// When the SDK says it sent the envelope, by the SDK's clock.
    pub sent_at: Option<Timestamp>,
    /// `sentry_client`.
    pub client: Option<String>,
    /// The address the request came from.
    pub remote_addr: Option<String>,
    /// The request's `User-Agent`.
    pub user_agent: Option<String>,
    /// The envelope header's `trace` object as JSON.
    pub trace: Option<Bytes>,
    /// The wire name of the item's kind.
    pub kind: String,
    /// The item's header, a JSON object.
    pub header: Bytes,
    /// The payload, scrubbed.
    pub payload: Bytes,
    /// How far the relay's clock was ahead at the receipt, in milliseconds; 0 where nobody can tell.
    #[serde(default)]
    pub relay_offset_millis: i64,
    /// Where the user's address was, as the hub's database said at the time.
    #[serde(default)]
    pub place: Option<Place>,
    /// Events that were told with it and are like it.
    #[serde(default)]
    pub alike: Vec<Alike>,
    /// Whether nobody sent it as it is: it stands for those that are like it, with one's user.
    #[serde(default)]
    pub stands_in: bool,
}

/// Where an address is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `DE`.
    pub country_code: Option<String>,
    /// The country's name.
    pub region: Option<String>,
    /// Its first part: a state, a province.
    pub subdivision: Option<String>,
    /// The city.
    pub city: Option<String>,
}

/// Where a body lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The pack's number.
    pub pack: u64,
    /// The chunk's first byte in the pack.
    pub offset: u64,
    /// The body's place in the chunk.
    pub item: u32,
}

/// Why a body cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk did not do it.
    #[error("{} cannot be {what}", path.display())]
    Io {
        /// Done to the file: read, written, made, removed.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The chunk is not what was written.
    #[error("chunk at {offset} of pack {pack} is damaged: {what}")]
    Damaged {
        /// The pack's number.
        pack: u64,
        /// The chunk's first byte.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The pack is not there: its events expired.
    #[error("pack {0} is not there")]
    Missing(u64),
    /// The body cannot be encoded.
    #[error("event body cannot be encoded")]
    Encode(#[source] protocol::wire::WireError),
    /// The body cannot be compressed.
    #[error("event body cannot be compressed")]
    Compress(#[source] protocol::block::BlockError),
    /// This handle only reads.
    #[error("archive is open for reading only")]
    ReadOnly,
}

/// A handle to the packs in a directory. Its methods block: call them where blocking is allowed.
#[derive(Clone, Debug)]
pub struct Archive {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    writer: Option<Mutex<Writer>>,
    recent: Mutex<Recent>,
}

/// A body and where it lies.
pub type Body = (Location, StoredEvent);

/// How far somebody has read the packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The pack's number.
    pub pack: u64,
    /// Where its next chunk begins; 0 is its first.
    pub offset: u64,
}

/// One pack, for the retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its number; higher is later.
    pub number: u64,
    /// Bytes on the disk.
    pub bytes: u64,
}

impl Archive {
    /// Opens the packs for writing and reading. An unfinished chunk at the end of the last pack is
    /// cut off: nothing points to it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when the directory cannot be made or read.
    pub fn open(dir: &Path, pack_bytes: ByteSize) -> Result<Self, ArchiveError> {
        let writer = Writer::open(dir, pack_bytes.0)?;
        Ok(Self::with(dir, Some(Mutex::new(writer))))
    }

    /// Opens the packs for reading beside the process that writes.
    #[must_use]
    pub fn open_read_only(dir: &Path) -> Self {
        Self::with(dir, None)
    }

    fn with(dir: &Path, writer: Option<Mutex<Writer>>) -> Self {
        let inner = Inner {
            dir: dir.to_owned(),
            writer,
            recent: Mutex::new(Recent::new(RECENT_BYTES_MAX)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Keeps the bodies and says where each lies. They are on the disk when this returns.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; then none of them counts as kept, and the next call may succeed.
    pub fn append(&self, events: &[StoredEvent]) -> Result<Vec<Location>, ArchiveError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let chunks = chunk::encode(events)?;
        let writer = self.inner.writer.as_ref().ok_or(ArchiveError::ReadOnly)?;
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.append(&chunks)
    }

    /// The body at a location.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] when it expired, [`ArchiveError::Damaged`] when the disk changed
    /// it.
    pub fn read(&self, at: Location) -> Result<StoredEvent, ArchiveError> {
        let damaged = || ArchiveError::Damaged {
            pack: at.pack,
            offset: at.offset,
            what: "it has no such item",
        };
        let place = usize::try_from(at.item).map_err(|_| damaged())?;
        let key = (at.pack, at.offset);
        let known = self.recent().get(key);
        let events = match known {
            Some(events) => events,
            None => {
                let (events, raw_len) = pack::read_chunk(&self.inner.dir, at.pack, at.offset)?;
                let events = Arc::new(events);
                self.recent().put(key, Arc::clone(&events), raw_len);
                events
            }
        };
        events.get(place).cloned().ok_or_else(damaged)
    }

    /// Every pack, oldest first.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn packs(&self) -> Result<Vec<Pack>, ArchiveError> {
        pack::list(&self.inner.dir)
    }

    /// How many bodies were ever put into a pack.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], or that it cannot be read.
    pub fn items_in(&self, number: u64) -> Result<u64, ArchiveError> {
        pack::count_items(&self.inner.dir, number)
    }

    /// The bodies of the next chunk, each with its location, and the position behind them; none
    /// when there is no further one yet. Packs that are gone are passed over.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn next_chunk(
        &self,
        from: Position,
    ) -> Result<Option<(Vec<Body>, Position)>, ArchiveError> {
        if let Some(found) = self.chunk_at(from)? {
            return Ok(Some(found));
        }
        let packs = self.packs()?.into_iter().map(|pack| pack.number);
        for pack in packs.filter(|number| *number > from.pack) {
            if let Some(found) = self.chunk_at(Position { pack, offset: 0 })? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn chunk_at(&self, from: Position) -> Result<Option<(Vec<Body>, Position)>, ArchiveError> {
        let Position { pack, offset } = from;
        let offset = offset.max(pack::FIRST_CHUNK);
        let found = match pack::next_chunk(&self.inner.dir, pack, offset) {
            Err(ArchiveError::Missing(_)) => None,
            found => found?,
        };
        let at = |item| Location { pack, offset, item };
        Ok(found.map(|(bodies, next)| {
            let bodies = (0..).map(at).zip(bodies).collect();
            (bodies, Position { pack, offset: next })
        }))
    }

    /// Begins another pack, so that nothing is added to those that are there.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn seal(&self) -> Result<(), ArchiveError> {
        let writer = self.inner.writer.as_ref().ok_or(ArchiveError::ReadOnly)?;
        writer.lock().unwrap_or_else(PoisonError::into_inner).seal()
    }

    /// The newest pack that nothing will be appended to and no open transaction has begun to
    /// fill: those after it must not be dropped.
    #[must_use]
    pub fn settled_upto(&self) -> Option<u64> {
        let writer = self.inner.writer.as_ref()?;
        let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        // A batch is smaller than a pack, so that it reaches at most into the pack before.
        writer.number().checked_sub(2)
    }

    /// Deletes a pack and with it every body in it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; a pack that is gone already is none.
    pub fn drop_pack(&self, number: u64) -> Result<(), ArchiveError> {
        self.recent().forget(number);
        pack::remove(&self.inner.dir, number)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.inner
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
