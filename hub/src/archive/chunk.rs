//! Chunks: bodies to bytes and back.

use protocol::block::{self, DictId};
use protocol::wire;

use super::{ArchiveError, StoredEvent};

/// Bytes in front of a chunk's body.
pub(super) const HEAD_LEN: usize = 20;
/// A chunk takes no further body once it has this many bytes, before compression.
const RAW_BYTES_TARGET: usize = 128 * 1024;
/// No chunk is larger, compressed or not: beyond it the length itself is damaged.
pub(super) const CHUNK_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// An encoded chunk.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Head and body.
    pub(super) bytes: Vec<u8>,
    /// Bodies in it.
    pub(super) count: u32,
}

/// A chunk's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Bytes of the body.
    pub(super) len: u32,
    crc: u32,
    dict: DictId,
    raw_len: u32,
    /// Bodies in it.
    pub(super) count: u32,
}

/// Encodes bodies, several to a chunk while they are small.
pub(super) fn encode(events: &[StoredEvent]) -> Result<Vec<Chunk>, ArchiveError> {
    let mut chunks = Vec::new();
    let mut raw = Vec::with_capacity(RAW_BYTES_TARGET);
    let mut count = 0;
    for event in events {
        let one = wire::encode_msgpack(event).map_err(ArchiveError::Encode)?;
        if count > 0 && raw.len() + one.len() > RAW_BYTES_TARGET {
            chunks.push(seal(&raw, count)?);
            raw.clear();
            count = 0;
        }
        raw.extend_from_slice(&one);
        count += 1;
    }
    if count > 0 {
        chunks.push(seal(&raw, count)?);
    }
    Ok(chunks)
}

fn seal(raw: &[u8], count: u32) -> Result<Chunk, ArchiveError> {
    let dict = DictId::BUILT_IN;
    let body = block::compress(dict, raw).map_err(ArchiveError::Compress)?;
    let len = |n: usize| {
        let n = u32::try_from(n).ok().filter(|n| *n <= CHUNK_BYTES_MAX);
        n.ok_or(ArchiveError::Encode(wire::WireError::TooLarge {
            what: "chunk of the archive",
            len: raw.len() as u64,
            max: CHUNK_BYTES_MAX as usize,
        }))
    };
    let (body_len, raw_len) = (len(body.len())?, len(raw.len())?);
    let mut covered = Vec::with_capacity(12 + body.len());
    for part in [dict.0, raw_len, count] {
        covered.extend_from_slice(&part.to_le_bytes());
    }
    covered.extend_from_slice(&body);
    let mut bytes = Vec::with_capacity(HEAD_LEN + body.len());
    bytes.extend_from_slice(&body_len.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&covered).to_le_bytes());
    bytes.extend_from_slice(&covered);
    Ok(Chunk { bytes, count })
}

/// Reads a head; the error says what is wrong with it.
pub(super) fn read_head(bytes: &[u8; HEAD_LEN]) -> Result<Head, &'static str> {
    let mut parts = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|part| u32::from_le_bytes(*part));
    let mut next = || parts.next().unwrap_or_default();
    let head = Head {
        len: next(),
        crc: next(),
        dict: DictId(next()),
        raw_len: next(),
        count: next(),
    };
    if head.len > CHUNK_BYTES_MAX || head.raw_len > CHUNK_BYTES_MAX {
        return Err("its length is beyond the limit");
    }
    if head.count == 0 || head.count > head.raw_len {
        return Err("its number of items cannot be");
    }
    Ok(head)
}

impl Head {
    /// Whether `body` is what was written behind this head.
    pub(super) fn covers(&self, body: &[u8]) -> bool {
        let mut crc = 0;
        for part in [self.dict.0, self.raw_len, self.count] {
            crc = crc32c::crc32c_append(crc, &part.to_le_bytes());
        }
        crc32c::crc32c_append(crc, body) == self.crc
    }

    /// The bodies, and their size in memory.
    pub(super) fn decode(&self, body: &[u8]) -> Result<(Vec<StoredEvent>, usize), &'static str> {
        if !self.covers(body) {
            return Err("its checksum does not match");
        }
        let raw_len = self.raw_len as usize;
        let raw =
            block::decompress(self.dict, body, raw_len).map_err(|_| "it cannot be decompressed")?;
        let mut rest = raw.as_slice();
        let mut events = Vec::new();
        for _ in 0..self.count {
            let (event, behind) =
                wire::decode_msgpack_next(rest).map_err(|_| "an item cannot be read")?;
            events.push(event);
            rest = behind;
        }
        Ok((events, raw_len))
    }
}
