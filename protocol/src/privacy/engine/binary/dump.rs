//! Which bytes of a minidump hold what the process held: stacks, memory, its command line and environment.
//!
//! Every offset comes from the file and may point anywhere; what points outside is passed over.

use std::ops::Range;

use super::super::super::language::selector::{Types, types};

/// Most streams, threads and memory ranges that are read.
const ENTRIES_MAX: usize = 10_000;

const THREADS: u32 = 3;
const MEMORY: u32 = 5;
const MEMORY_64: u32 = 9;
/// Streams of Breakpad and Crashpad that hold text: command line, environment.
const LINUX_TEXTS: [u32; 2] = [0x4767_0006, 0x4767_0007];

/// Ranges of bytes, and what they are; without overlap.
pub(super) fn regions(dump: &[u8]) -> Vec<(Range<usize>, Types)> {
    if !dump.starts_with(b"MDMP") {
        return Vec::new();
    }
    let (n_streams, directory) = (u32_at(dump, 8), u32_at(dump, 12));
    let mut stacks = Vec::new();
    let mut others = Vec::new();
    for n in 0..n_streams.min(ENTRIES_MAX) {
        let entry = directory.saturating_add(n * 12);
        let kind = u32::try_from(u32_at(dump, entry)).unwrap_or_default();
        let (size, at) = (
            u32_at(dump, entry.saturating_add(4)),
            u32_at(dump, entry.saturating_add(8)),
        );
        match kind {
            THREADS => stacks.extend(
                // A thread's stack is 24 bytes behind its start: an address, then size and place.
                entries(dump, at, 4, 48).map(|thread| located(dump, thread + 32)),
            ),
            MEMORY => others.extend(
                entries(dump, at, 4, 16)
                    .map(|range| (located(dump, range + 8), types::HEAP_MEMORY)),
            ),
            MEMORY_64 => others.extend(memory_64(dump, at)),
            kind if LINUX_TEXTS.contains(&kind) => {
                others.push((at..at.saturating_add(size), types::STRING));
            }
            _ => {}
        }
    }
    let mut all: Vec<(Range<usize>, Types)> = stacks
        .into_iter()
        .map(|range| (range, types::STACK_MEMORY))
        .chain(others)
        .filter(|(range, _)| !range.is_empty() && range.end <= dump.len())
        .collect();
    // A stack is mostly one of the memory ranges too: the stack's name wins.
    all.sort_by_key(|(range, kind)| (range.start, *kind != types::STACK_MEMORY));
    let mut apart: Vec<(Range<usize>, Types)> = Vec::with_capacity(all.len());
    for (range, kind) in all {
        let from = apart.last().map_or(0, |(last, _)| last.end);
        let start = range.start.max(from);
        if start < range.end {
            apart.push((start..range.end, kind));
        }
    }
    apart
}

/// Where the entries of a list begin, which has their number in front.
fn entries(dump: &[u8], list: usize, head: usize, size: usize) -> impl Iterator<Item = usize> {
    let n = u32_at(dump, list).min(ENTRIES_MAX);
    (0..n).map(move |n| list.saturating_add(head + n * size))
}

/// The bytes that a size and a place name.
fn located(dump: &[u8], at: usize) -> Range<usize> {
    let (size, start) = (u32_at(dump, at), u32_at(dump, at.saturating_add(4)));
    start..start.saturating_add(size)
}

/// Ranges whose bytes follow each other.
fn memory_64(dump: &[u8], list: usize) -> Vec<(Range<usize>, Types)> {
    let n = u64_at(dump, list).min(ENTRIES_MAX);
    let mut start = u64_at(dump, list.saturating_add(8));
    let ranges = (0..n).map(|n| {
        let size = u64_at(dump, list.saturating_add(16 + n * 16 + 8));
        let range = start..start.saturating_add(size);
        start = range.end;
        (range, types::HEAP_MEMORY)
    });
    ranges.collect()
}

fn u32_at(dump: &[u8], at: usize) -> usize {
    let bytes = dump.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

fn u64_at(dump: &[u8], at: usize) -> usize {
    let bytes = dump.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| {
        usize::try_from(u64::from_le_bytes(*bytes)).unwrap_or(usize::MAX)
    })
}
