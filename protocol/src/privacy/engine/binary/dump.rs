//! Which bytes of a minidump hold what the process held: stacks, memory, its command line and environment, and where its
//! images lie.
//!
//! Every offset comes from the file and may point anywhere. Unless all of them are read and point to what is there, nobody
//! knows which bytes are private.

use std::ops::Range;

use super::super::super::language::selector::{Types, types};

/// Most streams, threads, images and memory ranges that are read, all together.
const ENTRIES_MAX: usize = 100_000;

const THREADS: usize = 3;
const MODULES: usize = 4;
const MEMORY: usize = 5;
const THREADS_EX: usize = 8;
const MEMORY_64: usize = 9;
/// Streams that hold text: comments, and Breakpad's and Crashpad's command line and environment.
const TEXTS: [usize; 4] = [10, 11, 0x4767_0006, 0x4767_0007];
/// What is mapped into a process, as Linux lists it.
const MAPS: usize = 0x4767_0009;

/// The key of the path to an image.
pub(super) const PATH: &[u8] = b"code_file";
/// Every kind of region, as the key and the type that selectors know it by.
pub(super) const KINDS: [(&[u8], Types); 4] = [
    (b"", types::STACK_MEMORY),
    (b"", types::HEAP_MEMORY),
    (b"", types::STRING),
    (PATH, types::STRING),
];

/// Bytes of a dump that may be private.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) range: Range<usize>,
    /// One of [`KINDS`].
    pub(super) kind: (&'static [u8], Types),
    /// Bytes at the end that stay as they are: what parts a path from its last element.
    pub(super) n_kept: usize,
}

/// All regions, without overlap. `None`: they are not known in full.
pub(super) fn regions(dump: &[u8]) -> Option<Vec<Region>> {
    if !dump.starts_with(b"MDMP") {
        return None;
    }
    let mut reader = Reader {
        dump,
        left: ENTRIES_MAX,
        regions: Vec::new(),
    };
    let streams = List {
        at: u32_at(dump, 12)?,
        n: u32_at(dump, 8)?,
        size: 12,
    };
    for entry in reader.entries(&streams)? {
        let stream = reader.located(entry + 4)?;
        reader.stream(u32_at(dump, entry)?, stream)?;
    }
    // A dump without any memory says nothing of what is in it.
    let is_of_process = |region: &Region| region.kind.1 != types::STRING;
    let regions = reader.regions;
    regions
        .iter()
        .any(is_of_process)
        .then(|| without_overlap(regions))
}

/// A stack mostly lies in one of the memory ranges too: the stack's name wins.
fn without_overlap(all: Vec<Region>) -> Vec<Region> {
    let is_stack = |region: &Region| region.kind.1 == types::STACK_MEMORY;
    let (stacks, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_stack);
    let (stacks, others) = (apart(stacks), apart(others));
    let mut regions = Vec::with_capacity(stacks.len() + others.len());
    let mut first = 0;
    for mut other in others {
        first += ends_before(stacks.get(first..), other.range.start);
        for stack in stacks.iter().skip(first) {
            if stack.range.start >= other.range.end {
                break;
            }
            let before = other.range.start..stack.range.start;
            other.range.start = stack.range.end.min(other.range.end);
            regions.push(Region {
                range: before,
                n_kept: 0,
                ..other
            });
        }
        regions.push(other);
    }
    regions.extend(stacks);
    regions.retain(|region| !region.range.is_empty());
    regions
}

/// How many of these end at or before a place.
fn ends_before(regions: Option<&[Region]>, at: usize) -> usize {
    let regions = regions.unwrap_or_default();
    regions
        .iter()
        .take_while(|region| region.range.end <= at)
        .count()
}

/// In order; of what overlaps, the one that begins first has it.
fn apart(mut regions: Vec<Region>) -> Vec<Region> {
    regions.sort_by_key(|region| region.range.start);
    let mut from = 0;
    regions.retain_mut(|region| {
        region.range.start = region.range.start.max(from);
        from = from.max(region.range.end);
        !region.range.is_empty()
    });
    regions
}

/// Entries of one size that follow each other.
struct List {
    at: usize,
    n: usize,
    size: usize,
}

struct Reader<'a> {
    dump: &'a [u8],
    /// How many entries may still be read.
    left: usize,
    regions: Vec<Region>,
}

/// All is `None` where the dump does not have what it names.
impl Reader<'_> {
    fn stream(&mut self, kind: usize, stream: Range<usize>) -> Option<()> {
        match kind {
            THREADS | THREADS_EX => {
                let size = if kind == THREADS { 48 } else { 64 };
                for thread in self.listed(&stream, size)? {
                    // A thread's stack is 24 bytes behind its start: an address, then size and place.
                    let stack = self.located(thread + 32)?;
                    self.add(stack, (b"", types::STACK_MEMORY), 0);
                }
            }
            MODULES => {
                for module in self.listed(&stream, 108)? {
                    self.module(module)?;
                }
            }
            MEMORY => {
                for memory in self.listed(&stream, 16)? {
                    let memory = self.located(memory + 8)?;
                    self.add(memory, (b"", types::HEAP_MEMORY), 0);
                }
            }
            MEMORY_64 => self.memory_64(stream.start)?,
            MAPS => self.maps(stream)?,
            kind if TEXTS.contains(&kind) => self.add(stream, (b"", types::STRING), 0),
            _ => {}
        }
        Some(())
    }

    /// Ranges whose bytes follow each other.
    fn memory_64(&mut self, at: usize) -> Option<()> {
        let list = List {
            n: u64_at(self.dump, at)?,
            at: at.checked_add(16)?,
            size: 16,
        };
        let mut start = u64_at(self.dump, at + 8)?;
        for entry in self.entries(&list)? {
            let range = self.within(start, u64_at(self.dump, entry + 8)?)?;
            start = range.end;
            self.add(range, (b"", types::HEAP_MEMORY), 0);
        }
        Some(())
    }

    /// The names of an image's file, and of the file with its symbols.
    fn module(&mut self, module: usize) -> Option<()> {
        const SYMBOLS_NAME_AT: usize = 24;
        let name = u32_at(self.dump, module + 20)?;
        if name > 0 {
            let name = self.within(name.checked_add(4)?, u32_at(self.dump, name)?)?;
            self.add_wide_path(name);
        }
        let symbols = self.located(module + 76)?;
        let record = self.dump.get(symbols.clone())?;
        if record.starts_with(b"RSDS") && record.len() > SYMBOLS_NAME_AT {
            self.add_path(symbols.start + SYMBOLS_NAME_AT..symbols.end);
        }
        Some(())
    }

    fn maps(&mut self, text: Range<usize>) -> Option<()> {
        let mut at = text.start;
        for line in self.dump.get(text)?.split(|byte| *byte == b'\n') {
            self.left = self.left.checked_sub(1)?;
            if let Some(path) = memchr::memchr(b'/', line) {
                self.add_path(at + path..at + line.len());
            }
            at += line.len() + 1;
        }
        Some(())
    }

    /// What stands before the last element of a path.
    fn add_path(&mut self, path: Range<usize>) {
        let text = self.dump.get(path.clone()).unwrap_or_default();
        if let Some(last) = memchr::memrchr2(b'/', b'\\', text) {
            let folder = path.start..path.start + last + 1;
            self.add(folder, (PATH, types::STRING), 1);
        }
    }

    fn add_wide_path(&mut self, path: Range<usize>) {
        let text = self.dump.get(path.clone()).unwrap_or_default();
        let mut units = text.chunks_exact(2);
        let last = units.rposition(|unit| matches!(unit, [b'/' | b'\\', 0]));
        if let Some(last) = last {
            let folder = path.start..path.start + 2 * (last + 1);
            self.add(folder, (PATH, types::STRING), 2);
        }
    }

    fn add(&mut self, range: Range<usize>, kind: (&'static [u8], Types), n_kept: usize) {
        if !range.is_empty() {
            self.regions.push(Region {
                range,
                kind,
                n_kept,
            });
        }
    }

    /// Where the entries of a stream begin, which has their number in front, and sometimes four bytes more.
    fn listed(
        &mut self,
        stream: &Range<usize>,
        size: usize,
    ) -> Option<impl Iterator<Item = usize> + use<>> {
        let n = u32_at(self.dump, stream.start)?;
        let spare = stream.len().checked_sub(4 + n.checked_mul(size)?)?;
        let head = if spare == 4 { 8 } else { 4 };
        self.entries(&List {
            at: stream.start + head,
            n,
            size,
        })
    }

    fn entries(&mut self, list: &List) -> Option<impl Iterator<Item = usize> + use<>> {
        self.left = self.left.checked_sub(list.n)?;
        self.within(list.at, list.n.checked_mul(list.size)?)?;
        let (at, size) = (list.at, list.size);
        Some((0..list.n).map(move |n| at + n * size))
    }

    /// The bytes that a size and a place name.
    fn located(&self, at: usize) -> Option<Range<usize>> {
        let (size, start) = (u32_at(self.dump, at)?, u32_at(self.dump, at + 4)?);
        if size == 0 {
            return Some(0..0);
        }
        self.within(start, size)
    }

    fn within(&self, start: usize, size: usize) -> Option<Range<usize>> {
        let end = start.checked_add(size)?;
        (end <= self.dump.len()).then_some(start..end)
    }
}

fn u32_at(dump: &[u8], at: usize) -> Option<usize> {
    let bytes = dump.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn u64_at(dump: &[u8], at: usize) -> Option<usize> {
    let bytes = dump.get(at..)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*bytes)).ok()
}
