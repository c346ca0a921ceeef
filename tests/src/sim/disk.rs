//! A disk that fails when told to, stops in the middle of any call, and forgets what was not synced
//! when the power goes.
//!
//! It is nastier than a real one: of what was not synced every sector, and every name, is kept,
//! lost or torn by itself, in no order. A sync that fails drops what it was to write for good.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay::spool::sim::{Disk, Entry, File, Lock, Space};

use crate::chance::Chance;

const SECTOR_BYTES: usize = 512;

type FileId = u64;

/// A disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    files: BTreeMap<FileId, Content>,
    names: BTreeMap<PathBuf, FileId>,
    /// The names that survive a power cut.
    durable_names: BTreeMap<PathBuf, FileId>,
    next_id: FileId,
    /// Changing calls so far.
    n_calls: u64,
    n_random: u64,
    fault: Option<Fault>,
    /// The process is dead: nothing is done any more.
    is_stopped: bool,
    /// Bytes all files together may take.
    room: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Bytes that a failed sync has dropped: they are read, but no later sync writes them.
    dropped: BTreeSet<usize>,
}

/// What happens to a changing call that is yet to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// The first one, from 1.
    pub(super) at: u64,
    /// How many in a row.
    pub(super) n: u64,
    pub(super) kind: FaultKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum FaultKind {
    /// It fails, and a write has written a part.
    Error(io::ErrorKind),
    /// The process dies in it: a part is done, and nothing after it.
    Stop,
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
}

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets calls fail: the `after`-th from now on, `n` of them.
    pub(super) fn fail(&self, after: u64, n: u64, kind: FaultKind) {
        let mut inner = self.lock();
        let at = inner.n_calls + 1 + after;
        inner.fault = Some(Fault { at, n, kind });
    }

    pub(super) fn heal(&self) {
        let mut inner = self.lock();
        inner.fault = None;
        inner.room = None;
    }

    /// Whether the process has died in a call.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    pub(super) fn used(&self) -> u64 {
        self.lock().used()
    }

    pub(super) fn set_room(&self, room: Option<u64>) {
        self.lock().room = room;
    }

    /// The names that there are, in order.
    pub(super) fn names(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    /// Flips one bit of a file; says whether there was one.
    pub(super) fn flip(&self, path: &Path, chance: &mut Chance) -> bool {
        let mut inner = self.lock();
        let Some(id) = inner.names.get(path).copied() else {
            return false;
        };
        let Some(content) = inner.files.get_mut(&id) else {
            return false;
        };
        let at = chance.place(content.bytes.len());
        let bit = 1 << chance.below(8);
        for bytes in [&mut content.bytes, &mut content.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        !content.bytes.is_empty()
    }

    /// The disk as the next process finds it after `kill -9`: nothing is lost.
    pub(super) fn after_kill(&self) -> Self {
        let mut inner = self.lock().clone();
        inner.fault = None;
        inner.is_stopped = false;
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The disk as it may be found after the power went.
    pub(super) fn after_power_cut(&self, chance: &mut Chance) -> Self {
        let copy = self.after_kill();
        let mut inner = copy.lock();
        let names = inner.names.clone();
        let mut after = inner.durable_names.clone();
        for (path, id) in &names {
            if !after.contains_key(path) && chance.one_in(2) {
                after.insert(path.clone(), *id);
            }
        }
        after.retain(|path, _| names.contains_key(path) || chance.one_in(2));
        inner.names.clone_from(&after);
        inner.durable_names = after;
        for content in inner.files.values_mut() {
            content.cut(chance);
        }
        drop(inner);
        copy
    }
}

impl Content {
    /// Decides of each sector that is not as synced whether it is the new, the old, or torn.
    fn cut(&mut self, chance: &mut Chance) {
        let is_clean = self.bytes == self.durable;
        if !is_clean {
            // The length travels by itself, too.
            let len = if chance.one_in(2) {
                self.bytes.len()
            } else {
                self.durable.len()
            };
            let mut found = self.durable.clone();
            found.resize(len, 0);
            for (at, sector) in found.chunks_mut(SECTOR_BYTES).enumerate() {
                let now = self.bytes.get(at * SECTOR_BYTES..).unwrap_or_default();
                let upto = match chance.below(4) {
                    0 => 0,
                    1 => chance.place(SECTOR_BYTES),
                    _ => SECTOR_BYTES,
                };
                for (byte, now) in sector.iter_mut().zip(now).take(upto) {
                    *byte = *now;
                }
            }
            // A synced byte that was not written again is on the disk, whatever chance says.
            for (at, byte) in found.iter_mut().enumerate() {
                if let (Some(durable), Some(now)) = (self.durable.get(at), self.bytes.get(at))
                    && durable == now
                {
                    *byte = *durable;
                }
            }
            self.bytes = found;
        }
        self.durable.clone_from(&self.bytes);
        self.dropped.clear();
    }
}

impl Inner {
    /// Counts a changing call and fails it when its turn has come.
    fn call(&mut self) -> io::Result<()> {
        if self.is_stopped {
            return Err(io::ErrorKind::Other.into());
        }
        self.n_calls += 1;
        let fault = self.fault;
        match fault {
            Some(fault) if self.n_calls >= fault.at && self.n_calls < fault.at + fault.n => {
                match fault.kind {
                    FaultKind::Error(kind) => Err(kind.into()),
                    FaultKind::Stop => {
                        self.is_stopped = true;
                        Err(io::ErrorKind::Other.into())
                    }
                }
            }
            _ => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        let ids: BTreeSet<_> = self.names.values().collect();
        let len = |id: &&FileId| {
            self.files
                .get(*id)
                .map_or(0, |file| file.bytes.len() as u64)
        };
        ids.iter().map(len).sum()
    }

    fn file(&mut self, id: FileId) -> io::Result<&mut Content> {
        self.files
            .get_mut(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn grow(&self, by: u64) -> io::Result<()> {
        let is_full = self.room.is_some_and(|room| self.used() + by > room);
        if by > 0 && is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut inner = self.lock();
        inner.call()?;
        let id = inner.names.get(path).copied().unwrap_or(inner.next_id);
        inner.next_id = inner.next_id.max(id + 1);
        inner.files.entry(id).or_default().bytes.clear();
        inner.names.insert(path.to_path_buf(), id);
        let disk = self.clone();
        Ok(Arc::new(SimFile { disk, id }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let id = self.lock().names.get(path).copied();
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        let disk = self.clone();
        Ok(Arc::new(SimFile { disk, id }))
    }

    fn make_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let inner = self.lock();
        let mut found = BTreeMap::new();
        for (path, id) in &inner.names {
            let below = path.strip_prefix(dir).ok();
            let name = below.and_then(|below| below.components().next());
            let name = name.and_then(|name| name.as_os_str().to_str());
            if let Some(name) = name {
                let len = inner.files.get(id).map_or(0, |file| file.bytes.len());
                found.insert(name.to_owned(), len as u64);
            }
        }
        let entry = |(name, len)| Entry { name, len };
        Ok(found.into_iter().map(entry).collect())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call()?;
        if inner.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = *inner.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_path_buf(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call()?;
        let removed = inner.names.remove(path);
        removed
            .map(|_| ())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call()?;
        let within = |path: &Path| path.parent() == Some(dir);
        let names = inner.names.clone();
        inner.durable_names.retain(|path, _| !within(path));
        let now = names.into_iter().filter(|(path, _)| within(path));
        inner.durable_names.extend(now);
        Ok(())
    }

    fn lock(&self, _dir: &Path) -> io::Result<Lock> {
        Ok(Lock::unshared())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        let inner = self.lock();
        let total = inner.room.unwrap_or(1 << 40);
        let free = total.saturating_sub(inner.used());
        Ok(Space { total, free })
    }

    /// One after the other, so that the same seed tells the same story.
    fn sync_each(&self, files: &[&dyn File]) -> Vec<io::Result<()>> {
        files.iter().map(|file| file.sync()).collect()
    }

    fn random(&self) -> io::Result<u64> {
        let mut inner = self.lock();
        inner.n_random += 1;
        Ok(Chance::new(inner.n_random).number())
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(self.id)?.bytes.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.lock();
        let bytes = &inner.file(self.id)?.bytes;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = bytes.get(from..).unwrap_or_default();
        let mut n = 0;
        for (to, byte) in buf.iter_mut().zip(there) {
            *to = *byte;
            n += 1;
        }
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        if inner.is_stopped {
            return Err(io::ErrorKind::Other.into());
        }
        let called = inner.call();
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = at.saturating_add(bytes.len());
        let len = inner.file(self.id)?.bytes.len();
        let room = inner.grow(end.saturating_sub(len) as u64);
        // A write that fails may have written a part.
        let n = if called.is_err() {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        if room.is_ok() {
            let file = inner.file(self.id)?;
            file.bytes.resize(len.max(at + n), 0);
            for (to, byte) in file.bytes.iter_mut().skip(at).zip(bytes).take(n) {
                *to = *byte;
            }
            file.dropped
                .retain(|dropped| !(at..at + n).contains(dropped));
        }
        called.and(room)
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        if inner.is_stopped {
            return Err(io::ErrorKind::Other.into());
        }
        let called = inner.call();
        let is_dead = inner.is_stopped;
        let content = inner.file(self.id)?;
        match called {
            Ok(()) => {
                let before = std::mem::replace(&mut content.durable, content.bytes.clone());
                for at in &content.dropped {
                    if let Some(byte) = content.durable.get_mut(*at) {
                        *byte = before.get(*at).copied().unwrap_or_default();
                    }
                }
            }
            Err(_) if is_dead => {}
            Err(_) => {
                let unsynced = |at: &usize| content.durable.get(*at) != content.bytes.get(*at);
                content.dropped = (0..content.bytes.len()).filter(unsynced).collect();
            }
        }
        called
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.call()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let file = inner.file(self.id)?;
        file.bytes.resize(len, 0);
        file.dropped.retain(|dropped| *dropped < len);
        Ok(())
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.call()?;
        inner.grow(len)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        inner.file(self.id)?.bytes.resize(len, 0);
        Ok(())
    }
}
