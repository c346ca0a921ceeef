//! Making blocks: records in, sealed bytes out.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_bytes::Bytes as Bin;

use super::{
    BlockError, CHECKSUM_LEN, CODEC_ZSTD, DictId, FORMAT, Head, ItemCount, Record, compress,
};
use crate::ids::{Epoch, Lane, ProjectId, Seq};
use crate::item::Category;
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_RAW_BYTES_MAX, BLOCK_RECORDS_MAX};
use crate::wire::WireError;

/// Bytes of records after which a block takes no further one.
///
/// Even if none of it compresses, a block of several records then fits the wire; only a record
/// that is alone in its block can be larger.
pub const RAW_BYTES_TARGET: usize = 3 * 1024 * 1024;

/// A finished block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its head, as [`super::read_head`] would read it.
    pub head: Head,
    /// The encoded block.
    pub bytes: Bytes,
}

/// All of a block but its place: records that are compressed before their numbers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    count: u32,
    dict: DictId,
    raw_len: u32,
    counts: Vec<ItemCount>,
    payload: Bytes,
}

impl Packed {
    /// Compresses one record, which will be alone in its block.
    ///
    /// # Errors
    /// [`BlockError::RawTooLarge`] and [`BlockError::TooLarge`] when it fits into no block.
    pub fn of(record: &Record, dict: DictId) -> Result<Self, BlockError> {
        let mut builder = Builder::with_dict(Epoch(0), Lane::Control, Seq(0), dict);
        builder.push(record)?;
        let packed = builder.packed()?;
        if packed.payload.len() > BLOCK_BYTES_MAX {
            let len = packed.payload.len();
            return Err(BlockError::TooLarge { len });
        }
        Ok(packed)
    }

    /// Bytes that it takes, but for the head.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.payload.len()
    }

    /// Gives it its place.
    fn seal(&self, epoch: Epoch, lane: Lane, first_seq: Seq) -> Result<Sealed, BlockError> {
        let head = Head {
            epoch,
            lane,
            first_seq,
            count: self.count,
            dict: self.dict,
            raw_len: self.raw_len,
            counts: self.counts.clone(),
        };
        let bytes = encode(&head, &self.payload)?;
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge { len: bytes.len() });
        }
        Ok(Sealed {
            head,
            bytes: bytes.into(),
        })
    }
}

/// Seals records into one block.
///
/// # Errors
/// [`BlockError::Full`] when they do not fit into one, [`BlockError::TooLarge`] or
/// [`BlockError::RawTooLarge`] when one of them alone does not, [`BlockError::Empty`] for none.
pub fn seal(
    epoch: Epoch,
    lane: Lane,
    first_seq: Seq,
    records: &[Record],
) -> Result<Sealed, BlockError> {
    let mut builder = Builder::new(epoch, lane, first_seq);
    for record in records {
        builder.push(record)?;
    }
    builder.seal()
}

/// A block in the making. Its buffer serves block after block.
#[derive(Debug)]
pub struct Builder {
    epoch: Epoch,
    lane: Lane,
    first_seq: Seq,
    count: u32,
    dict: DictId,
    counts: BTreeMap<(ProjectId, Category), u64>,
    raw: Vec<u8>,
}

impl Builder {
    /// Begins a block whose first record has the number `first_seq`, with the dictionary that comes
    /// with every program.
    #[must_use]
    pub const fn new(epoch: Epoch, lane: Lane, first_seq: Seq) -> Self {
        Self::with_dict(epoch, lane, first_seq, DictId::unlearnt(lane))
    }

    /// As [`Builder::new`], with the dictionary chosen by the caller.
    #[must_use]
    pub const fn with_dict(epoch: Epoch, lane: Lane, first_seq: Seq, dict: DictId) -> Self {
        Self {
            epoch,
            lane,
            first_seq,
            count: 0,
            dict,
            counts: BTreeMap::new(),
            raw: Vec::new(),
        }
    }

    /// Adds a record; an error leaves the block as it was.
    ///
    /// # Errors
    /// [`BlockError::Full`] when it belongs into the next block, [`BlockError::RawTooLarge`] when
    /// it fits into none.
    pub fn push(&mut self, record: &Record) -> Result<(), BlockError> {
        let before = self.raw.len();
        if self.count as usize >= BLOCK_RECORDS_MAX {
            return Err(BlockError::Full);
        }
        rmp_serde::encode::write(&mut self.raw, record).map_err(WireError::Encode)?;
        let len = self.raw.len() - before;
        let refused = if len > BLOCK_RAW_BYTES_MAX {
            Some(BlockError::RawTooLarge { len })
        } else if self.count > 0 && self.raw.len() > RAW_BYTES_TARGET {
            Some(BlockError::Full)
        } else {
            None
        };
        if let Some(refused) = refused {
            self.raw.truncate(before);
            return Err(refused);
        }
        self.count += 1;
        for count in record.counts() {
            let key = (count.project, count.category);
            *self.counts.entry(key).or_default() += count.n;
        }
        Ok(())
    }

    /// Records so far.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the records so far, before compression.
    #[must_use]
    pub const fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// The number the next record will have.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        Seq(self.first_seq.0 + self.count as u64)
    }

    /// Finishes the block and begins the next behind it. After an error the records are gone and
    /// their numbers are free.
    ///
    /// # Errors
    /// [`BlockError::Empty`] without records, [`BlockError::TooLarge`] when a record that is
    /// alone does not compress enough.
    pub fn seal(&mut self) -> Result<Sealed, BlockError> {
        let sealed = self.sealed();
        if sealed.is_ok() {
            self.first_seq = self.next_seq();
        }
        self.count = 0;
        self.counts.clear();
        // A buffer that one huge record has stretched is given back.
        if self.raw.capacity() > RAW_BYTES_TARGET * 2 {
            self.raw = Vec::new();
        }
        self.raw.clear();
        sealed
    }

    /// A block of one record that is compressed already, in the place of the next record.
    ///
    /// # Errors
    /// [`BlockError::Full`] while there are other records, which are to be sealed before;
    /// [`BlockError::TooLarge`].
    pub fn seal_packed(&mut self, packed: &Packed) -> Result<Sealed, BlockError> {
        if self.count > 0 {
            return Err(BlockError::Full);
        }
        let sealed = packed.seal(self.epoch, self.lane, self.first_seq)?;
        self.first_seq = sealed.head.last_seq().next();
        Ok(sealed)
    }

    fn sealed(&self) -> Result<Sealed, BlockError> {
        self.packed()?.seal(self.epoch, self.lane, self.first_seq)
    }

    fn packed(&self) -> Result<Packed, BlockError> {
        if self.count == 0 {
            return Err(BlockError::Empty);
        }
        let too_large = || BlockError::RawTooLarge {
            len: self.raw.len(),
        };
        Ok(Packed {
            count: self.count,
            dict: self.dict,
            raw_len: u32::try_from(self.raw.len()).map_err(|_| too_large())?,
            counts: self.item_counts(),
            payload: compress(self.dict, &self.raw)?.into(),
        })
    }

    fn item_counts(&self) -> Vec<ItemCount> {
        self.counts
            .iter()
            .map(|(&(project, category), &n)| ItemCount {
                project,
                category,
                n,
            })
            .collect()
    }
}

/// The array of format 1.
fn encode(head: &Head, payload: &[u8]) -> Result<Vec<u8>, BlockError> {
    const HEAD_LEN_GUESS: usize = 128;
    // The largest number takes five bytes whatever the checksum will be.
    let array = (
        FORMAT,
        head.epoch,
        head.lane,
        head.first_seq,
        head.count,
        head.dict,
        CODEC_ZSTD,
        head.raw_len,
        &head.counts,
        Bin::new(payload),
        u32::MAX,
    );
    let mut bytes = Vec::with_capacity(payload.len() + HEAD_LEN_GUESS);
    rmp_serde::encode::write(&mut bytes, &array).map_err(WireError::Encode)?;
    let covered = bytes.len().saturating_sub(CHECKSUM_LEN);
    let checksum = crc32c::crc32c(bytes.get(..covered).unwrap_or_default());
    bytes.truncate(covered + 1);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    Ok(bytes)
}
