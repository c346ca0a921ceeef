//! The block: one unit from disk to disk.
//!
//! Entries that a relay commits together form a block: a run of records of one lane, numbered
//! without holes, compressed once. The same bytes lie in the spool's segment, travel over the
//! link and arrive at the hub, so a block is sealed once and opened once.
//!
//! What always holds: `checksum` covers every other byte of the encoded block, so any flipped
//! bit is found before a record is believed; the decompressed size is declared and enforced.
//!
//! Format 1, MessagePack array: `[version, epoch, lane, first_seq, count, dict, codec, raw_len,
//! counts, payload, checksum]`, `counts` being `[[project, category, n], …]` and `checksum` the
//! CRC-32C of the encoded array with the checksum left out, which always takes the last five
//! bytes (`ce` and a big-endian number). The payload is the sequence of MessagePack records as
//! one zstd frame (codec 1) that states its content size.
//!
//! Formats to come begin with the same fields up to `counts`, may have others behind them, and end
//! with the same checksum. So a program that does not know a format knows whose records these are
//! and which: it keeps the block or sets it aside whole, for a later program.
//!
//! A category that is not known here is read as [`Category::Unknown`], so that an older hub can
//! count what a newer relay sends.

mod build;
mod compress;
mod folded;
mod open;
mod parts;

pub use build::{Builder, Packed, RAW_BYTES_TARGET, Sealed, seal};
pub use compress::{compress, decompress};
pub use folded::{Alike, FOLDED_MAX, Folded};
pub use open::{open, read_head};
pub use parts::{Chain, PART_BYTES, Part, Sum, Whole, cut};

pub use crate::dict::DictId;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, EventId, Lane, ProjectId, PublicKey, Seq};
use crate::item::{Category, ItemKind};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_RAW_BYTES_MAX, BLOCK_RECORDS_MAX};
use crate::outcome::Account;
use crate::timestamp::Timestamp;
use crate::wire::WireError;

/// The version of the format described above.
pub const FORMAT: u8 = 1;

/// The payload is one zstd frame.
const CODEC_ZSTD: u8 = 1;

/// Bytes of the encoded checksum: a marker and four bytes.
const CHECKSUM_LEN: usize = 5;

/// The marker of a MessagePack number of four bytes.
const CHECKSUM_MARKER: u8 = 0xce;

/// One numbered unit of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Items that came in one envelope and travel in one lane.
    #[serde(rename = "i")]
    Items(Items),
    /// Counts that have no items: refusals, filters, losses.
    #[serde(rename = "l")]
    Ledger(LedgerDelta),
    /// A piece of what is too large for one record.
    #[serde(rename = "p")]
    Part(Part),
    /// What the pieces before it are of.
    #[serde(rename = "w")]
    Whole(Whole),
    /// Events that are alike.
    #[serde(rename = "f")]
    Folded(Folded),
}

impl Record {
    /// The items that it counts as; neither counts of others nor parts are any.
    #[must_use]
    pub const fn items(&self) -> Option<&Items> {
        match self {
            Self::Items(items)
            | Self::Whole(Whole { items, .. })
            | Self::Folded(Folded { items, .. }) => Some(items),
            Self::Ledger(_) | Self::Part(_) => None,
        }
    }

    /// What it counts as: how many items of which category, one entry for each item that is told.
    pub fn counts(&self) -> impl Iterator<Item = ItemCount> + '_ {
        let n = match self {
            Self::Folded(folded) => folded.count(),
            _ => 1,
        };
        let items = self.items().into_iter();
        items.flat_map(move |items| {
            items.items.iter().map(move |item| ItemCount {
                project: items.project,
                category: ItemKind::from_name(&item.kind).category(),
                n,
            })
        })
    }

    /// When the relay had it, by the relay's clock.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        match self {
            Self::Items(items)
            | Self::Whole(Whole { items, .. })
            | Self::Folded(Folded { items, .. }) => items.received_at,
            Self::Ledger(delta) => delta.at,
            Self::Part(part) => part.received_at,
        }
    }
}

/// The accepted, scrubbed items of one envelope that share a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items {
    /// Whose.
    pub project: ProjectId,
    /// The key they came with.
    pub key: PublicKey,
    /// When the relay had the whole request, by the relay's clock.
    pub received_at: Timestamp,
    /// When the SDK says it sent the envelope, by the SDK's clock.
    pub sent_at: Option<Timestamp>,
    /// The envelope's event id, given or made.
    pub event_id: Option<EventId>,
    /// `sentry_client`, cut to 128 bytes: `sentry.python/2.75.0`.
    pub client: Option<String>,
    /// The address the request came from, unless the privacy settings withhold it.
    pub remote_addr: Option<String>,
    /// The request's `User-Agent`, cut to 512 bytes; browsers' events lack it in their payload.
    pub user_agent: Option<String>,
    /// The envelope header's `trace` object as JSON.
    pub trace: Option<Bytes>,
    /// The items, in the envelope's order.
    pub items: Vec<Item>,
}

/// One item: its header as JSON, without `length`, and its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The wire name of its kind.
    pub kind: String,
    /// The item header, a JSON object.
    pub header: Bytes,
    /// The payload, scrubbed.
    pub payload: Bytes,
}

/// Counts of one spool since the record before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDelta {
    /// When they were gathered, by the relay's clock.
    pub at: Timestamp,
    /// Each account with its increase.
    pub counts: Vec<(Account, u64)>,
}

/// The head of a block: all that can be known without decompressing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The spool's life.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
    /// The first record's number.
    pub first_seq: Seq,
    /// How many records; at least 1.
    pub count: u32,
    /// The dictionary it was compressed with.
    pub dict: DictId,
    /// Bytes of the records before compression.
    pub raw_len: u32,
    /// Items by project and category.
    pub counts: Vec<ItemCount>,
}

impl Head {
    /// The last record's number.
    #[must_use]
    pub const fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0 + self.count as u64 - 1)
    }
}

/// `n` items of one project and category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCount {
    /// The project.
    pub project: ProjectId,
    /// The category.
    pub category: Category,
    /// Items.
    pub n: u64,
}

/// Why a block cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The record does not fit behind those already in the block: seal it and begin the next.
    #[error("block is full")]
    Full,
    /// There is nothing to seal.
    #[error("block has no records")]
    Empty,
    /// A block larger than the wire takes.
    #[error("block is {len} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// More to compress, or said to be compressed, than is allowed.
    #[error("block holds {len} bytes, more than {BLOCK_RAW_BYTES_MAX}")]
    RawTooLarge {
        /// The length before compression.
        len: usize,
    },
    /// Not the MessagePack that a block is.
    #[error("block is malformed")]
    Malformed(#[from] WireError),
    /// The bytes are not those that were sealed.
    #[error("checksum is {computed:08x}, block says {stored:08x}")]
    Checksum {
        /// What the block says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A format this program does not know.
    #[error("block format {0} is not known")]
    Version(u8),
    /// A compression this program does not know.
    #[error("block codec {0} is not known")]
    Codec(u8),
    /// A dictionary this program does not have.
    #[error(
        "block needs dictionary {0}, which is not here: it lies in `dictionaries` of the spool \
         that the block comes from"
    )]
    Dict(DictId),
    /// Numbers that cannot be: no records, too many, or beyond the last number.
    #[error(
        "block claims {count} records from {first_seq} on; 1 to {BLOCK_RECORDS_MAX} are allowed"
    )]
    Numbers {
        /// The first record's number.
        first_seq: u64,
        /// How many.
        count: u32,
    },
    /// The payload holds other than the head declared.
    #[error("block declares {declared} {what}, holds {found}")]
    Declared {
        /// What was counted.
        what: &'static str,
        /// What the head says.
        declared: u64,
        /// What the payload holds.
        found: u64,
    },
    /// The compressor or decompressor gave up.
    #[error("zstd: {0}")]
    Zstd(#[source] std::io::Error),
}

#[cfg(test)]
mod tests;
