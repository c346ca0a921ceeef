//! One segment file: making it, appending to it, walking it, finding what is damaged.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{self, DictId, Head, ItemCount, Record};
use protocol::ids::{Epoch, Lane, ProjectId, Seq};
use protocol::item::Category;
use protocol::timestamp::Timestamp;

use super::cipher::Access;
use super::disk::{Disk, File};
use super::format::{
    self, BLOCK_ON_DISK_BYTES_MAX, FOOTER_TAIL_LEN, Footer, FrameHead, HEAD_LEN, Header, ReadHeader,
};

/// Bytes read at once when looking for the next frame behind damage.
const SEARCH_BYTES: usize = 64 * 1024;
/// Bytes read first for a header; most are shorter.
const HEADER_BYTES_GUESS: usize = 4096;

/// Counts of items by project and category.
pub(super) type ItemCounts = BTreeMap<(ProjectId, Category), u64>;

/// The file name: the first number and the serial, so that names sort as the segments do.
pub(super) fn file_name(first: Seq, serial: u64) -> String {
    format!("{:016x}-{serial:08x}.seg", first.0)
}

/// What a file name says, if it is a segment's.
pub(super) fn parse_file_name(name: &str) -> Option<(Seq, u64)> {
    let (first, serial) = name.strip_suffix(".seg")?.split_once('-')?;
    let first = u64::from_str_radix(first, 16).ok()?;
    let serial = u64::from_str_radix(serial, 16).ok()?;
    Some((Seq(first), serial))
}

/// The directory of a lane in an epoch.
pub(super) fn lane_dir(dir: &Path, lane: Lane, epoch: Epoch) -> PathBuf {
    dir.join(lane.to_string()).join(format!("{:016x}", epoch.0))
}

/// What is known of the blocks in a segment.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    /// The number behind the last record's.
    pub(super) next: Seq,
    pub(super) records: u64,
    /// Where the last frame ends.
    pub(super) end: u64,
    /// The spool's age at the last frame.
    pub(super) elapsed: u64,
    /// When the oldest record was received.
    pub(super) received: Option<Timestamp>,
    pub(super) counts: ItemCounts,
}

impl Summary {
    pub(super) fn empty(first: Seq, start: u64, elapsed: u64) -> Self {
        Self {
            next: first,
            end: start,
            elapsed,
            ..Self::default()
        }
    }

    /// Adds a block that ends at `end`.
    pub(super) fn add(&mut self, head: &Head, end: u64) {
        self.next = self.next.max(head.last_seq().next());
        self.records += u64::from(head.count);
        self.end = self.end.max(end);
        add_counts(&mut self.counts, &head.counts);
    }

    /// Adds the times of a frame.
    pub(super) fn date(&mut self, received: Timestamp, elapsed: u64) {
        self.elapsed = self.elapsed.max(elapsed);
        self.received = Some(self.received.map_or(received, |had| had.min(received)));
    }

    pub(super) fn to_footer(&self) -> Footer {
        Footer {
            next_seq: self.next,
            records: self.records,
            end: self.end,
            elapsed: self.elapsed,
            received: self.received,
            counts: list_counts(&self.counts),
        }
    }

    pub(super) fn from_footer(footer: &Footer) -> Self {
        let mut counts = ItemCounts::new();
        add_counts(&mut counts, &footer.counts);
        Self {
            next: footer.next_seq,
            records: footer.records,
            end: footer.end,
            elapsed: footer.elapsed,
            received: footer.received,
            counts,
        }
    }
}

pub(super) fn add_counts(into: &mut ItemCounts, counts: &[ItemCount]) {
    for count in counts {
        let n = into.entry((count.project, count.category)).or_default();
        *n = n.saturating_add(count.n);
    }
}

/// Adds the items of one record.
pub(super) fn add_record(into: &mut ItemCounts, record: &Record) {
    for count in record.counts() {
        let n = into.entry((count.project, count.category)).or_default();
        *n = n.saturating_add(count.n);
    }
}

pub(super) fn list_counts(counts: &ItemCounts) -> Vec<ItemCount> {
    counts
        .iter()
        .map(|(&(project, category), &n)| ItemCount {
            project,
            category,
            n,
        })
        .collect()
}

/// Makes a segment's file with its header, durable with its name.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    header: &Header,
) -> io::Result<(Arc<dyn File>, u64)> {
    let bytes = format::write_header(header).ok_or(io::ErrorKind::InvalidData)?;
    let path = dir.join(file_name(header.first_seq, header.serial));
    let file = disk.create(&path)?;
    let made = file
        .write_at(&bytes, 0)
        .and_then(|()| file.sync())
        .and_then(|()| disk.sync_dir(dir));
    match made {
        Ok(()) => Ok((file, bytes.len() as u64)),
        Err(error) => {
            let _ignored = disk.remove(&path);
            Err(error)
        }
    }
}

/// The header of a segment; `None` when it is damaged beyond both copies.
pub(super) fn load_header(file: &dyn File) -> io::Result<Option<ReadHeader>> {
    let mut bytes = read_range(file, 0, HEADER_BYTES_GUESS)?;
    let longest = format::header_lens(&bytes).max().unwrap_or(0);
    if longest > bytes.len() {
        bytes = read_range(file, 0, longest)?;
    }
    Ok(format::read_header(&bytes))
}

/// The footer of a segment, if it has one and it is undamaged.
pub(super) fn load_footer(file: &dyn File, file_len: u64) -> io::Result<Option<Footer>> {
    let Some(tail_at) = file_len.checked_sub(FOOTER_TAIL_LEN as u64) else {
        return Ok(None);
    };
    let tail = read_range(file, tail_at, FOOTER_TAIL_LEN)?;
    let Some(len) = format::footer_len(&tail) else {
        return Ok(None);
    };
    let Some(at) = file_len.checked_sub(len as u64) else {
        return Ok(None);
    };
    let footer = format::read_footer(&read_range(file, at, len)?);
    Ok(footer.filter(|footer| footer.end == at))
}

/// Up to `len` bytes from `at`; fewer at the file's end.
pub(super) fn read_range(file: &dyn File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let n = file.read_at(&mut bytes, at)?;
    bytes.truncate(n);
    Ok(bytes)
}

/// The head of the frame at `at`, if there is an undamaged one.
pub(super) fn frame_head(file: &dyn File, at: u64) -> io::Result<Option<FrameHead>> {
    let mut bytes = [0; HEAD_LEN];
    let n = file.read_at(&mut bytes, at)?;
    Ok(bytes.get(..n).and_then(format::read_frame_head))
}

/// A block and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where the block's bytes begin.
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) first: Seq,
    pub(super) count: u32,
}

impl Extent {
    /// The block of the frame at `at`.
    pub(super) const fn of(head: &FrameHead, at: u64) -> Self {
        Self {
            at: at + HEAD_LEN as u64 + head.meta_len as u64,
            len: head.len,
            first: head.first_seq,
            count: head.count,
        }
    }

    /// The number behind the last record's.
    pub(super) const fn next(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.count as u64))
    }

    /// Where the block's bytes end.
    pub(super) const fn end(&self) -> u64 {
        self.at + self.len as u64
    }
}

/// Reads a block and checks everything that can be checked; `None` when it is not as written, or
/// cannot be read without its key.
pub(super) fn read_block(
    file: &dyn File,
    extent: &Extent,
    epoch: Epoch,
    lane: Lane,
    access: &Access,
) -> io::Result<Option<(Head, Vec<u8>)>> {
    let bytes = read_range(file, extent.at, extent.len as usize)?;
    Ok(open_block(bytes, extent, epoch, lane, access))
}

fn open_block(
    bytes: Vec<u8>,
    extent: &Extent,
    epoch: Epoch,
    lane: Lane,
    access: &Access,
) -> Option<(Head, Vec<u8>)> {
    let bytes = access.open(epoch, lane, bytes)?;
    let head = block::read_head(&bytes).ok()?;
    let is_it = head.epoch == epoch
        && head.lane == lane
        && head.first_seq == extent.first
        && head.count == extent.count;
    is_it.then_some((head, bytes))
}

/// A stretch of a segment in which something is not as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where it begins.
    pub(super) at: u64,
    /// The records lost in it, `from` included and `to` not, as far as it is known.
    pub(super) known: Option<(Seq, Seq)>,
    /// Their items, as far as they are known.
    pub(super) counts: Option<Vec<ItemCount>>,
}

/// What a whole segment holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Of the good blocks.
    pub(super) summary: Summary,
    /// Every good block.
    pub(super) blocks: Vec<Extent>,
    /// What is damaged.
    pub(super) damage: Vec<Damage>,
    /// Whether the file ends in something that is neither block nor footer, with no block behind.
    pub(super) torn: bool,
    /// Whether the footer is there and whole.
    pub(super) sealed: bool,
}

/// Who and where a scanned segment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    pub(super) first: Seq,
    /// The first number that it does not have, where that is known. A commit that was given up may
    /// have left blocks from there on, whose numbers were given out again: they are not there.
    pub(super) until: Seq,
    /// Where frames begin.
    pub(super) start: u64,
    pub(super) access: &'a Access,
}

/// Reads all of a segment and checks every byte. `visit` sees each good block; of one whose key we
/// do not have it sees what the frame tells, and the bytes as they lie.
pub(super) fn scan(
    file: &dyn File,
    place: Place<'_>,
    visit: &mut dyn FnMut(&Head, &[u8]),
) -> io::Result<Scan> {
    let len = file.len()?;
    let footer = load_footer(file, len)?;
    let frames_end = footer.as_ref().map_or(len, |footer| footer.end);
    let mut scan = Scan {
        summary: Summary::empty(place.first, place.start, 0),
        sealed: footer.is_some(),
        ..Scan::default()
    };
    let mut at = place.start;
    while at < frames_end {
        // What the disk cannot read is as lost as what is not as written.
        let step = step(file, place, at, frames_end).unwrap_or(Step::Torn);
        if step.first().is_some_and(|first| first >= place.until) {
            break;
        }
        match step {
            Step::Block(
                Found {
                    extent,
                    head,
                    bytes,
                },
                frame,
            ) => {
                at = extent.end();
                scan.summary.add(&head, at);
                scan.summary.date(frame.received, frame.elapsed);
                scan.blocks.push(extent);
                visit(&head, &bytes);
            }
            Step::Salvaged(Found {
                extent,
                head,
                bytes,
            }) => {
                scan.damage.push(Damage {
                    at,
                    known: None,
                    counts: None,
                });
                at = extent.end();
                scan.summary.add(&head, at);
                scan.blocks.push(extent);
                visit(&head, &bytes);
            }
            Step::Lost { known, counts, end } => {
                scan.damage.push(Damage { at, known, counts });
                at = end;
            }
            Step::Torn => {
                scan.torn = true;
                break;
            }
        }
    }
    Ok(scan)
}

impl Place<'_> {
    /// What a frame tells of a block that cannot be read.
    const fn head_of(&self, frame: &FrameHead, counts: Vec<ItemCount>) -> Head {
        Head {
            epoch: self.epoch,
            lane: self.lane,
            first_seq: frame.first_seq,
            count: frame.count,
            dict: DictId::NONE,
            raw_len: 0,
            counts,
        }
    }
}

/// A good block.
struct Found {
    extent: Extent,
    head: Head,
    bytes: Vec<u8>,
}

enum Step {
    /// A good block in a good frame.
    Block(Found, FrameHead),
    /// A good block in a damaged frame.
    Salvaged(Found),
    /// Nothing to be had before `end`, where the next frame begins.
    Lost {
        known: Option<(Seq, Seq)>,
        counts: Option<Vec<ItemCount>>,
        end: u64,
    },
    /// No frame follows.
    Torn,
}

impl Step {
    /// The first number of what was found, as far as it is known.
    fn first(&self) -> Option<Seq> {
        match self {
            Self::Block(found, _) | Self::Salvaged(found) => Some(found.extent.first),
            Self::Lost { known, .. } => known.map(|(first, _)| first),
            Self::Torn => None,
        }
    }
}

fn step(file: &dyn File, place: Place<'_>, at: u64, limit: u64) -> io::Result<Step> {
    let head_bytes = read_range(file, at, HEAD_LEN)?;
    if let Some(frame) = format::read_frame_head(&head_bytes) {
        return whole_frame(file, place, at, limit, frame);
    }
    let next = search(file, at + 1, limit)?;
    if let Some(found) = salvage(file, place, at, next.unwrap_or(limit), &head_bytes)? {
        return Ok(Step::Salvaged(found));
    }
    Ok(match next {
        Some(end) => Step::Lost {
            known: None,
            counts: None,
            end,
        },
        None => Step::Torn,
    })
}

/// A frame with a sound head.
fn whole_frame(
    file: &dyn File,
    place: Place<'_>,
    at: u64,
    limit: u64,
    frame: FrameHead,
) -> io::Result<Step> {
    let extent = Extent::of(&frame, at);
    let end = at.saturating_add(frame.frame_len());
    let meta = read_range(file, at + HEAD_LEN as u64, frame.meta_len as usize)?;
    let counts = format::read_counts(&meta);
    let known = Some((frame.first_seq, frame.next_seq()));
    if end > limit {
        // The file is shorter than the frame; what there is of it could hold another.
        let end = search(file, at + 1, limit)?.unwrap_or(limit);
        return Ok(Step::Lost { known, counts, end });
    }
    let Ok(bytes) = read_range(file, extent.at, extent.len as usize) else {
        return Ok(Step::Lost { known, counts, end });
    };
    let is_whole = crc32c::crc32c(&bytes) == frame.crc;
    let opened = if place.access.is_missing() {
        let counts = counts.clone().filter(|_| is_whole);
        counts.map(|counts| (place.head_of(&frame, counts), bytes))
    } else {
        open_block(bytes, &extent, place.epoch, place.lane, place.access)
    };
    let Some((head, bytes)) = opened else {
        return Ok(Step::Lost { known, counts, end });
    };
    let as_written = counts.as_deref() == Some(head.counts.as_slice()) && is_whole;
    let found = Found {
        extent,
        head,
        bytes,
    };
    Ok(if as_written {
        Step::Block(found, frame)
    } else {
        Step::Salvaged(found)
    })
}

/// A block whose frame's head is damaged: its length may be wrong, or that of its counts, but if
/// one bit was flipped then not both. The block's own checksum tells.
fn salvage(
    file: &dyn File,
    place: Place<'_>,
    at: u64,
    end: u64,
    head_bytes: &[u8],
) -> io::Result<Option<Found>> {
    let Some(guess) = format::guess_frame_head(head_bytes) else {
        return Ok(None);
    };
    let (len, meta_len) = (u64::from(guess.len), u64::from(guess.meta_len));
    let body = at + HEAD_LEN as u64;
    let behind_meta = body.saturating_add(meta_len);
    let tries = [
        (behind_meta, behind_meta.saturating_add(len)),
        (behind_meta, end),
        (end.saturating_sub(len), end),
    ];
    for (from, to) in tries {
        let len = to.saturating_sub(from);
        if from < body || to > end || len == 0 || len > BLOCK_ON_DISK_BYTES_MAX as u64 {
            continue;
        }
        let bytes = read_range(file, from, usize::try_from(len).unwrap_or(0))?;
        let Some(bytes) = place.access.open(place.epoch, place.lane, bytes) else {
            continue;
        };
        let Ok(head) = block::read_head(&bytes) else {
            continue;
        };
        if head.epoch == place.epoch && head.lane == place.lane {
            let extent = Extent {
                at: from,
                len: u32::try_from(len).unwrap_or(u32::MAX),
                first: head.first_seq,
                count: head.count,
            };
            return Ok(Some(Found {
                extent,
                head,
                bytes,
            }));
        }
    }
    Ok(None)
}

/// Where the next undamaged frame head begins, from `at` on.
fn search(file: &dyn File, mut at: u64, limit: u64) -> io::Result<Option<u64>> {
    while at < limit {
        let bytes = read_range(file, at, SEARCH_BYTES)?;
        if bytes.len() < HEAD_LEN {
            return Ok(None);
        }
        let found = bytes.windows(HEAD_LEN).position(|window| {
            format::has_frame_magic(window) && format::read_frame_head(window).is_some()
        });
        if let Some(found) = found {
            let found = at + found as u64;
            return Ok((found < limit).then_some(found));
        }
        at += (bytes.len() - HEAD_LEN + 1) as u64;
    }
    Ok(None)
}
