//! The bytes of a segment file: header, framed blocks, footer. Pure.
//!
//! What always holds: any flipped bit in a header, frame, block or footer is seen by a checksum.
//! The header is there twice, and a frame's head, its counts and its block have a checksum each,
//! so that one flipped bit costs at most one block, and its counts are still known.
//!
//! Version 1, numbers little-endian:
//!
//! - header: twice `magic u64 | len u32 | crc32c u32`, then twice `len` bytes of MessagePack
//!   ([`Header`]);
//! - frame: `magic u32 | len u32 | first_seq u64 | count u32 | meta_len u32 | received i64 |
//!   elapsed u64 | crc32c of the block u32 | crc32c of the 44 bytes before u32`, then `meta_len`
//!   bytes of counts `(project u64, category i16, n u64)*, crc32c u32`, then `len` bytes of block,
//!   encrypted or not as the header says;
//! - footer: `magic u32 | len u32`, `len` bytes of MessagePack ([`Footer`]), `crc32c u32 |
//!   len u32 | magic u32`. It is there once the segment takes no more blocks.

use protocol::block::{Head, ItemCount};
use protocol::ids::{Epoch, Lane, ProjectId, Seq};
use protocol::item::Category;
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX};
use protocol::outcome::Account;
use protocol::timestamp::Timestamp;
use protocol::wire::{decode_msgpack, encode_msgpack};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cipher::{OVERHEAD, Sealing};

/// The version this program writes.
pub(super) const VERSION: u8 = 1;
/// Bytes of a frame's head.
pub(super) const HEAD_LEN: usize = 48;
/// Bytes of a header's or state's prefix.
pub(super) const PREFIX_LEN: usize = 16;
/// Largest body of a header, a footer or a state, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest block on disk, in bytes.
pub(super) const BLOCK_ON_DISK_BYTES_MAX: usize = BLOCK_BYTES_MAX + OVERHEAD;
/// Bytes behind a footer's body.
pub(super) const FOOTER_TAIL_LEN: usize = 12;

const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"VBLK");
const FOOTER_MAGIC: u32 = u32::from_le_bytes(*b"VFOO");
const FOOTER_END_MAGIC: u32 = u32::from_le_bytes(*b"VEND");
const HEADER_MAGIC: u64 = u64::from_le_bytes(*b"VEDETTES");
const COUNT_LEN: usize = 18;

/// What a segment says of itself at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u8,
    pub(super) lane: Lane,
    pub(super) epoch: Epoch,
    /// Segments of a spool are numbered in the order they were made.
    pub(super) serial: u64,
    pub(super) first_seq: Seq,
    /// The spool's age when it was made, in milliseconds.
    pub(super) elapsed: u64,
    /// Everything the lane ever counted before this segment.
    pub(super) totals: Vec<(Account, u64)>,
    /// How its blocks are encrypted, if they are.
    pub(super) sealing: Option<Sealing>,
}

/// What a segment says of itself at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Footer {
    /// The number behind the last record's.
    pub(super) next_seq: Seq,
    pub(super) records: u64,
    /// Where the last frame ends.
    pub(super) end: u64,
    /// The spool's age at the last frame, in milliseconds.
    pub(super) elapsed: u64,
    /// When the oldest record was received.
    pub(super) received: Option<Timestamp>,
    pub(super) counts: Vec<ItemCount>,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of the block.
    pub(super) len: u32,
    pub(super) first_seq: Seq,
    /// Records.
    pub(super) count: u32,
    /// Bytes of the counts, with their checksum.
    pub(super) meta_len: u32,
    /// When the oldest record was received.
    pub(super) received: Timestamp,
    /// The spool's age, in milliseconds.
    pub(super) elapsed: u64,
    /// The block's checksum.
    pub(super) crc: u32,
}

impl FrameHead {
    /// For a block; lengths and checksum come when it is written.
    pub(super) const fn new(head: &Head, received: Timestamp, elapsed: u64) -> Self {
        Self {
            len: 0,
            first_seq: head.first_seq,
            count: head.count,
            meta_len: 0,
            received,
            elapsed,
            crc: 0,
        }
    }

    /// The number behind the last record's.
    pub(super) const fn next_seq(&self) -> Seq {
        Seq(self.first_seq.0.saturating_add(self.count as u64))
    }

    /// Bytes of the whole frame.
    pub(super) const fn frame_len(&self) -> u64 {
        HEAD_LEN as u64 + self.meta_len as u64 + self.len as u64
    }

    fn plausible(&self) -> bool {
        self.len > 0
            && self.len as usize <= BLOCK_ON_DISK_BYTES_MAX
            && self.count > 0
            && self.count as usize <= BLOCK_RECORDS_MAX
            && self.first_seq.0 > 0
            && self.meta_len as usize <= BLOCK_BYTES_MAX
    }
}

/// Appends a frame to `out`. `head.len`, `head.meta_len` and `head.crc` are filled in.
pub(super) fn write_frame(out: &mut Vec<u8>, head: FrameHead, counts: &[ItemCount], block: &[u8]) {
    let meta = encode_counts(counts);
    let head = FrameHead {
        len: u32::try_from(block.len()).unwrap_or(u32::MAX),
        meta_len: u32::try_from(meta.len()).unwrap_or(u32::MAX),
        crc: crc32c::crc32c(block),
        ..head
    };
    let start = out.len();
    out.extend_from_slice(&FRAME_MAGIC.to_le_bytes());
    out.extend_from_slice(&head.len.to_le_bytes());
    out.extend_from_slice(&head.first_seq.0.to_le_bytes());
    out.extend_from_slice(&head.count.to_le_bytes());
    out.extend_from_slice(&head.meta_len.to_le_bytes());
    out.extend_from_slice(&head.received.as_millis().to_le_bytes());
    out.extend_from_slice(&head.elapsed.to_le_bytes());
    out.extend_from_slice(&head.crc.to_le_bytes());
    let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&meta);
    out.extend_from_slice(block);
}

/// The head of a frame, if these bytes are one and undamaged.
pub(super) fn read_frame_head(bytes: &[u8]) -> Option<FrameHead> {
    let head = guess_frame_head(bytes)?;
    let covered = bytes.get(..HEAD_LEN - 4)?;
    let stored = Reader(bytes.get(HEAD_LEN - 4..)?).u32()?;
    (has_frame_magic(bytes) && crc32c::crc32c(covered) == stored && head.plausible())
        .then_some(head)
}

/// The head as it stands, no checksum looked at: to make guesses about a damaged one.
pub(super) fn guess_frame_head(bytes: &[u8]) -> Option<FrameHead> {
    let mut reader = Reader(bytes);
    let _magic = reader.u32()?;
    Some(FrameHead {
        len: reader.u32()?,
        first_seq: Seq(reader.u64()?),
        count: reader.u32()?,
        meta_len: reader.u32()?,
        received: Timestamp::from_millis(reader.u64()?.cast_signed()),
        elapsed: reader.u64()?,
        crc: reader.u32()?,
    })
}

/// Bytes of the frame of a block.
pub(super) const fn frame_len(n_counts: usize, block_len: usize) -> u64 {
    (HEAD_LEN + n_counts * COUNT_LEN + 4 + block_len) as u64
}

/// Whether a frame may begin here.
pub(super) fn has_frame_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&FRAME_MAGIC.to_le_bytes())
}

fn encode_counts(counts: &[ItemCount]) -> Vec<u8> {
    let mut out = Vec::with_capacity(counts.len() * COUNT_LEN + 4);
    for count in counts {
        out.extend_from_slice(&count.project.get().to_le_bytes());
        out.extend_from_slice(&i16::from(count.category).to_le_bytes());
        out.extend_from_slice(&count.n.to_le_bytes());
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The counts of a frame, if they are undamaged.
pub(super) fn read_counts(meta: &[u8]) -> Option<Vec<ItemCount>> {
    let (entries, crc) = meta.split_at_checked(meta.len().checked_sub(4)?)?;
    if Reader(crc).u32()? != crc32c::crc32c(entries) {
        return None;
    }
    let mut counts = Vec::with_capacity(entries.len() / COUNT_LEN);
    let mut reader = Reader(entries);
    while !reader.0.is_empty() {
        let project = ProjectId::new(reader.u64()?).ok()?;
        let category = i16::from_le_bytes(reader.take()?);
        let n = reader.u64()?;
        counts.push(ItemCount {
            project,
            category: Category::try_from(category).unwrap_or(Category::Unknown),
            n,
        });
    }
    Some(counts)
}

/// A header with both copies.
pub(super) fn write_header(header: &Header) -> Option<Vec<u8>> {
    let body = encode_msgpack(header).ok()?;
    let prefix = prefix(&body)?;
    Some([&prefix, &prefix, body.as_slice(), &body].concat())
}

/// A header read back.
#[derive(Debug)]
pub(super) struct ReadHeader {
    pub(super) header: Header,
    /// Where frames begin.
    pub(super) start: u64,
    /// Whether one of the copies is damaged.
    pub(super) repaired: bool,
}

/// How many bytes from its start a segment must be read to have the header, if either prefix
/// can be read.
pub(super) fn header_lens(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    [0, PREFIX_LEN].into_iter().filter_map(|at| {
        let (len, _) = read_prefix(bytes.get(at..)?)?;
        Some(2 * (PREFIX_LEN + len))
    })
}

/// The header at the start of a segment, from whichever copy is sound.
pub(super) fn read_header(bytes: &[u8]) -> Option<ReadHeader> {
    for at in [0, PREFIX_LEN] {
        let Some((len, crc)) = bytes.get(at..).and_then(read_prefix) else {
            continue;
        };
        let bodies = 2 * PREFIX_LEN;
        for at in [bodies, bodies + len] {
            let body = bytes.get(at..at + len);
            let Some(body) = body.filter(|body| crc32c::crc32c(body) == crc) else {
                continue;
            };
            let header: Header = decode_msgpack(body).ok()?;
            let whole = write_header(&header)?;
            return (header.version == VERSION).then(|| ReadHeader {
                start: whole.len() as u64,
                repaired: !bytes.starts_with(&whole),
                header,
            });
        }
    }
    None
}

/// `magic | len | crc` and the body, as the state's slots are written.
pub(super) fn write_checked<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let body = encode_msgpack(value).ok()?;
    Some([prefix(&body)?.as_slice(), &body].concat())
}

/// The value that [`write_checked`] wrote, if it is undamaged.
pub(super) fn read_checked<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (len, crc) = read_prefix(bytes)?;
    let body = bytes.get(PREFIX_LEN..PREFIX_LEN + len)?;
    if crc32c::crc32c(body) != crc {
        return None;
    }
    decode_msgpack(body).ok()
}

fn prefix(body: &[u8]) -> Option<[u8; PREFIX_LEN]> {
    let len = u32::try_from(body.len()).ok()?;
    let mut out = [0; PREFIX_LEN];
    let (magic, rest) = out.split_at_mut(8);
    let (len_at, crc_at) = rest.split_at_mut(4);
    magic.copy_from_slice(&HEADER_MAGIC.to_le_bytes());
    len_at.copy_from_slice(&len.to_le_bytes());
    crc_at.copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
    (body.len() <= BODY_BYTES_MAX).then_some(out)
}

fn read_prefix(bytes: &[u8]) -> Option<(usize, u32)> {
    let mut reader = Reader(bytes);
    let magic = reader.u64()?;
    let len = reader.u32()? as usize;
    let crc = reader.u32()?;
    (magic == HEADER_MAGIC && len <= BODY_BYTES_MAX).then_some((len, crc))
}

/// A footer with what stands before and behind it.
pub(super) fn write_footer(footer: &Footer) -> Option<Vec<u8>> {
    let body = encode_msgpack(footer).ok()?;
    let len = u32::try_from(body.len()).ok()?;
    let mut out = Vec::with_capacity(body.len() + 8 + FOOTER_TAIL_LEN);
    out.extend_from_slice(&FOOTER_MAGIC.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&body);
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&FOOTER_END_MAGIC.to_le_bytes());
    Some(out)
}

/// Bytes of the whole footer, told from the last [`FOOTER_TAIL_LEN`] bytes of a file.
pub(super) fn footer_len(tail: &[u8]) -> Option<usize> {
    let mut reader = Reader(tail);
    let _crc = reader.u32()?;
    let len = reader.u32()? as usize;
    let magic = reader.u32()?;
    (magic == FOOTER_END_MAGIC && len <= BODY_BYTES_MAX).then_some(len + 8 + FOOTER_TAIL_LEN)
}

/// The footer in these bytes, which are all of it.
pub(super) fn read_footer(bytes: &[u8]) -> Option<Footer> {
    let (covered, tail) = bytes.split_at_checked(bytes.len().checked_sub(FOOTER_TAIL_LEN)?)?;
    if Reader(tail).u32()? != crc32c::crc32c(covered) {
        return None;
    }
    let mut reader = Reader(covered);
    let magic = reader.u32()?;
    let len = reader.u32()? as usize;
    if magic != FOOTER_MAGIC || len != reader.0.len() {
        return None;
    }
    decode_msgpack(reader.0).ok()
}

/// Takes numbers off the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
