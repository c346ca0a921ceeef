//! Reading blocks: the checksum first, then the head, then the records.

use serde_bytes::Bytes as Bin;

use super::{
    BlockError, CHECKSUM_LEN, CHECKSUM_MARKER, CODEC_ZSTD, DictId, FORMAT, Head, ItemCount, Record,
    decompress,
};
use crate::ids::{Epoch, Lane, ProjectId, Seq};
use crate::item::Category;
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_RAW_BYTES_MAX, BLOCK_RECORDS_MAX};
use crate::wire::{WireError, decode_msgpack, decode_msgpack_next};

/// Items by project and category, as they are written.
type Counts = Vec<(ProjectId, i16, u64)>;

/// The array of format 1 as it is read, borrowing the payload.
type Array<'a> = (
    u8,
    Epoch,
    Lane,
    Seq,
    u32,
    DictId,
    u8,
    u32,
    Counts,
    &'a Bin,
    u32,
);

/// Verifies the checksum and reads the head without decompressing. Of a block that only a later
/// program can open, the head is read all the same: so it can be set aside for that one.
///
/// # Errors
/// [`BlockError`] says what is wrong with the bytes.
pub fn read_head(bytes: &[u8]) -> Result<Head, BlockError> {
    parse(bytes).map(|parsed| parsed.head)
}

/// Verifies the checksum and reads the head and every record.
///
/// # Errors
/// [`BlockError`] says what is wrong with the bytes.
pub fn open(bytes: &[u8]) -> Result<(Head, Vec<Record>), BlockError> {
    let Parsed {
        version,
        head,
        codec,
        payload,
    } = parse(bytes)?;
    if version != FORMAT {
        return Err(BlockError::Version(version));
    }
    if codec != CODEC_ZSTD {
        return Err(BlockError::Codec(codec));
    }
    let raw_len = head.raw_len as usize;
    if raw_len > BLOCK_RAW_BYTES_MAX {
        return Err(BlockError::RawTooLarge { len: raw_len });
    }
    let raw = decompress(head.dict, payload, raw_len)?;
    if raw.len() != raw_len {
        return Err(BlockError::Declared {
            what: "bytes",
            declared: u64::from(head.raw_len),
            found: raw.len() as u64,
        });
    }
    let mut records = Vec::with_capacity(head.count as usize);
    let mut rest = raw.as_slice();
    while !rest.is_empty() && records.len() < head.count as usize {
        let (record, behind) = decode_msgpack_next(rest)?;
        records.push(record);
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(WireError::Trailing { n: rest.len() }.into());
    }
    if records.len() != head.count as usize {
        return Err(BlockError::Declared {
            what: "records",
            declared: u64::from(head.count),
            found: records.len() as u64,
        });
    }
    Ok((head, records))
}

struct Parsed<'a> {
    version: u8,
    head: Head,
    codec: u8,
    /// Compressed; of a later format none is read.
    payload: &'a [u8],
}

fn parse(bytes: &[u8]) -> Result<Parsed<'_>, BlockError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(BlockError::TooLarge { len: bytes.len() });
    }
    verify_checksum(bytes)?;
    let (version, epoch, lane, first_seq, count, dict, codec, raw_len, counts, payload) =
        match later_format(bytes)? {
            Some((version, fields)) => {
                let (epoch, rest) = decode_msgpack_next(fields)?;
                let (lane, rest) = decode_msgpack_next(rest)?;
                let (first_seq, rest) = decode_msgpack_next(rest)?;
                let (count, rest) = decode_msgpack_next(rest)?;
                let (dict, rest) = decode_msgpack_next(rest)?;
                let (codec, rest) = decode_msgpack_next(rest)?;
                let (raw_len, rest) = decode_msgpack_next(rest)?;
                let (counts, _) = decode_msgpack_next(rest)?;
                let none = Bin::new(&[]);
                (
                    version, epoch, lane, first_seq, count, dict, codec, raw_len, counts, none,
                )
            }
            None => {
                let (
                    version,
                    epoch,
                    lane,
                    first_seq,
                    count,
                    dict,
                    codec,
                    raw_len,
                    counts,
                    payload,
                    _,
                ) = decode_msgpack::<Array<'_>>(bytes)?;
                (
                    version, epoch, lane, first_seq, count, dict, codec, raw_len, counts, payload,
                )
            }
        };
    if version < FORMAT {
        return Err(BlockError::Version(version));
    }
    let head = Head {
        epoch,
        lane,
        first_seq,
        count,
        dict,
        raw_len,
        counts: read_counts(counts),
    };
    check_numbers(&head)?;
    Ok(Parsed {
        version,
        head,
        codec,
        payload,
    })
}

/// The number of a format that is not known here, and the fields behind it.
fn later_format(bytes: &[u8]) -> Result<Option<(u8, &[u8])>, BlockError> {
    let ([0x90..=0x9f, fields @ ..] | [0xdc, _, _, fields @ ..]) = bytes else {
        return Ok(None);
    };
    let (version, fields) = decode_msgpack_next(fields)?;
    Ok((version > FORMAT).then_some((version, fields)))
}

fn read_counts(counts: Counts) -> Vec<ItemCount> {
    let read = |(project, category, n)| ItemCount {
        project,
        category: Category::try_from(category).unwrap_or(Category::Unknown),
        n,
    };
    counts.into_iter().map(read).collect()
}

fn check_numbers(head: &Head) -> Result<(), BlockError> {
    let (first_seq, count) = (head.first_seq.0, head.count);
    let behind = first_seq.checked_add(u64::from(count));
    if first_seq == 0 || count == 0 || count as usize > BLOCK_RECORDS_MAX || behind.is_none() {
        return Err(BlockError::Numbers { first_seq, count });
    }
    Ok(())
}

fn verify_checksum(bytes: &[u8]) -> Result<(), BlockError> {
    let (covered, checksum) = bytes
        .len()
        .checked_sub(CHECKSUM_LEN)
        .and_then(|at| bytes.split_at_checked(at))
        .ok_or(WireError::Truncated)?;
    // An older or newer format must say so rather than look damaged, but any other first byte of
    // the checksum is damage.
    let (marker, stored) = match checksum {
        [marker, stored @ ..] => (*marker, stored),
        [] => return Err(WireError::Truncated.into()),
    };
    let stored = stored
        .iter()
        .fold(0, |sum: u32, byte| (sum << 8) | u32::from(*byte));
    let computed = crc32c::crc32c(covered);
    if marker != CHECKSUM_MARKER || stored != computed {
        return Err(BlockError::Checksum { stored, computed });
    }
    Ok(())
}
