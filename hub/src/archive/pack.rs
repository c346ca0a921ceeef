//! Packs: files of chunks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::chunk::{self, Chunk, HEAD_LEN};
use super::{ArchiveError, Location, Pack, StoredEvent};

const MAGIC: &[u8; 8] = b"VDTPACK1";
/// Where the first chunk of a pack begins.
pub(super) const FIRST_CHUNK: u64 = MAGIC.len() as u64;
const SUFFIX: &str = ".pack";

/// The one writer: the last pack and the end of its last whole chunk.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    number: u64,
    file: File,
    /// Where the next chunk goes.
    end: u64,
    pack_bytes: u64,
    /// Set when a write or sync failed: this file's end is not to be trusted any more.
    suspect: bool,
}

impl Writer {
    pub(super) fn open(dir: &Path, pack_bytes: u64) -> Result<Self, ArchiveError> {
        fs::create_dir_all(dir).map_err(|source| io_error("made", dir, source))?;
        let Some(last) = list(dir)?.pop() else {
            return Self::begin(dir, 1, pack_bytes);
        };
        let path = path_of(dir, last.number);
        let failed = |source| io_error("written", &path, source);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let end = end_of_whole(&file, last.bytes).map_err(failed)?;
        let Some(end) = end else {
            // Not even its first bytes were written.
            drop(file);
            remove(dir, last.number)?;
            return Self::begin(dir, last.number, pack_bytes);
        };
        if end < last.bytes {
            file.set_len(end).map_err(failed)?;
            file.sync_data().map_err(failed)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            number: last.number,
            file,
            end,
            pack_bytes,
            suspect: false,
        })
    }

    fn begin(dir: &Path, number: u64, pack_bytes: u64) -> Result<Self, ArchiveError> {
        let path = path_of(dir, number);
        let failed = |source| io_error("made", &path, source);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        let begun = file.write_all_at(MAGIC, 0).and_then(|()| file.sync_all());
        if let Err(error) = begun.map_err(failed).and_then(|()| sync_dir(dir)) {
            // Where it cannot be removed either it stays, and nothing is in it.
            drop(fs::remove_file(&path));
            return Err(error);
        }
        Ok(Self {
            dir: dir.to_owned(),
            number,
            file,
            end: FIRST_CHUNK,
            pack_bytes,
            suspect: false,
        })
    }

    /// Goes on with another pack. One that cannot be begun is left behind like one that cannot be
    /// written: its number is not tried again.
    fn turn(&mut self) -> Result<(), ArchiveError> {
        self.suspect = true;
        self.number += 1;
        *self = Self::begin(&self.dir, self.number, self.pack_bytes)?;
        Ok(())
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Begins another pack, unless nothing is in this one.
    pub(super) fn seal(&mut self) -> Result<(), ArchiveError> {
        if self.suspect || self.end > FIRST_CHUNK {
            self.turn()?;
        }
        Ok(())
    }

    /// Writes the chunks and syncs; on an error the pack is left behind, and the next call begins
    /// another.
    pub(super) fn append(&mut self, chunks: &[Chunk]) -> Result<Vec<Location>, ArchiveError> {
        let mut locations = Vec::new();
        let mut unsynced = false;
        for chunk in chunks {
            let is_full = self.end >= self.pack_bytes && self.end > FIRST_CHUNK;
            if self.suspect || is_full {
                if unsynced {
                    self.sync()?;
                }
                self.turn()?;
            }
            self.file
                .write_all_at(&chunk.bytes, self.end)
                .map_err(|source| self.failed(source))?;
            unsynced = true;
            let (pack, offset) = (self.number, self.end);
            locations.extend((0..chunk.count).map(|item| Location { pack, offset, item }));
            self.end += chunk.bytes.len() as u64;
        }
        self.sync()?;
        Ok(locations)
    }

    fn sync(&mut self) -> Result<(), ArchiveError> {
        self.file.sync_data().map_err(|source| self.failed(source))
    }

    /// A failed write or sync is never tried again on the same file: what the disk has of it is
    /// not known.
    fn failed(&mut self, source: io::Error) -> ArchiveError {
        self.suspect = true;
        io_error("written", &path_of(&self.dir, self.number), source)
    }
}

/// The end of the last whole chunk; nothing when it is no pack.
fn end_of_whole(file: &File, bytes: u64) -> io::Result<Option<u64>> {
    let mut reader = io::BufReader::with_capacity(256 * 1024, file);
    let mut magic = [0; MAGIC.len()];
    if !read_whole(&mut reader, &mut magic)? || magic != *MAGIC {
        return Ok(None);
    }
    let mut end = FIRST_CHUNK;
    let mut head = [0; HEAD_LEN];
    let mut body = Vec::new();
    while read_whole(&mut reader, &mut head)? {
        let Ok(head) = chunk::read_head(&head) else {
            break;
        };
        let after = end + HEAD_LEN as u64 + u64::from(head.len);
        if after > bytes {
            break;
        }
        body.resize(head.len as usize, 0);
        if !read_whole(&mut reader, &mut body)? || !head.covers(&body) {
            break;
        }
        end = after;
    }
    Ok(Some(end))
}

/// Fills the buffer; false when the file ends before.
fn read_whole(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The bodies of one chunk, and their size in memory.
pub(super) fn read_chunk(
    dir: &Path,
    pack: u64,
    offset: u64,
) -> Result<(Vec<StoredEvent>, usize), ArchiveError> {
    let path = path_of(dir, pack);
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            ArchiveError::Missing(pack)
        } else {
            io_error("read", &path, source)
        }
    };
    let damaged = |what| ArchiveError::Damaged { pack, offset, what };
    let cut_off = |source: io::Error| {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            damaged("it is cut off")
        } else {
            failed(source)
        }
    };
    let file = File::open(&path).map_err(failed)?;
    let mut head = [0; HEAD_LEN];
    file.read_exact_at(&mut head, offset).map_err(cut_off)?;
    let head = chunk::read_head(&head).map_err(damaged)?;
    let left = file.metadata().map_err(failed)?.len();
    if offset + HEAD_LEN as u64 + u64::from(head.len) > left {
        return Err(damaged("it is cut off"));
    }
    let mut body = vec![0; head.len as usize];
    file.read_exact_at(&mut body, offset + HEAD_LEN as u64)
        .map_err(cut_off)?;
    head.decode(&body).map_err(damaged)
}

/// The bodies of the chunk at an offset, and where the next one begins; none
/// at the end of the pack. A damaged chunk has no bodies; behind a damaged head nothing is found.
pub(super) fn next_chunk(
    dir: &Path,
    pack: u64,
    offset: u64,
) -> Result<Option<(Vec<StoredEvent>, u64)>, ArchiveError> {
    let path = path_of(dir, pack);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing(pack),
        _ => io_error("read", &path, source),
    };
    let file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if offset + HEAD_LEN as u64 > bytes {
        return Ok(None);
    }
    let mut head = [0; HEAD_LEN];
    file.read_exact_at(&mut head, offset).map_err(failed)?;
    let Ok(head) = chunk::read_head(&head) else {
        return Ok(None);
    };
    let next = offset + HEAD_LEN as u64 + u64::from(head.len);
    match read_chunk(dir, pack, offset) {
        Ok((bodies, _)) => Ok(Some((bodies, next))),
        // One that is being written is looked at again when it is whole.
        Err(ArchiveError::Damaged { .. }) if next > bytes => Ok(None),
        Err(ArchiveError::Damaged { .. }) => Ok(Some((Vec::new(), next))),
        Err(error) => Err(error),
    }
}

/// The bodies of a whole pack by its chunks' heads.
pub(super) fn count_items(dir: &Path, number: u64) -> Result<u64, ArchiveError> {
    let path = path_of(dir, number);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing(number),
        _ => io_error("read", &path, source),
    };
    let file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut offset = FIRST_CHUNK;
    let mut items = 0;
    let mut head = [0; HEAD_LEN];
    while offset + HEAD_LEN as u64 <= bytes {
        file.read_exact_at(&mut head, offset).map_err(failed)?;
        let Ok(head) = chunk::read_head(&head) else {
            break;
        };
        items += u64::from(head.count);
        offset += HEAD_LEN as u64 + u64::from(head.len);
    }
    Ok(items)
}

/// Every pack of the directory, oldest first; none when it is not there.
pub(super) fn list(dir: &Path) -> Result<Vec<Pack>, ArchiveError> {
    let failed = |source| io_error("read", dir, source);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut packs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        if let Some(number) = number.and_then(|number| u64::from_str_radix(number, 16).ok()) {
            let bytes = entry.metadata().map_err(failed)?.len();
            packs.push(Pack { number, bytes });
        }
    }
    packs.sort_by_key(|pack| pack.number);
    Ok(packs)
}

pub(super) fn remove(dir: &Path, number: u64) -> Result<(), ArchiveError> {
    let path = path_of(dir, number);
    match fs::remove_file(&path) {
        Ok(()) => sync_dir(dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("removed", &path, error)),
    }
}

fn sync_dir(dir: &Path) -> Result<(), ArchiveError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| io_error("written", dir, source))
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}{SUFFIX}"))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}
