//! A disk in memory that fails when told to, and forgets what was not synced when power is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::spool::disk::{Disk, Entry, File, Lock, Space};

type FileId = u64;

/// Shared by all its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    files: BTreeMap<FileId, Content>,
    names: BTreeMap<PathBuf, FileId>,
    /// The names that survive a power cut.
    durable_names: BTreeMap<PathBuf, FileId>,
    next_id: FileId,
    /// Changing calls so far.
    n_calls: u64,
    fault: Option<Fault>,
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

/// Calls that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The first one, from 1.
    pub(crate) at: u64,
    /// How many in a row.
    pub(crate) n: u64,
    pub(crate) kind: io::ErrorKind,
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    id: FileId,
}

impl MemoryDisk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    pub(crate) fn set_room(&self, room: Option<u64>) {
        self.lock().room = room;
    }

    /// No room for one byte more.
    pub(crate) fn fill_up(&self) {
        let mut inner = self.lock();
        inner.room = Some(inner.used());
    }

    pub(crate) fn n_calls(&self) -> u64 {
        self.lock().n_calls
    }

    /// Another disk with the same content.
    pub(crate) fn copy(&self) -> Self {
        let mut inner = self.lock().clone();
        inner.fault = None;
        inner.room = None;
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The names under a directory, with the content of the files.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let inner = self.lock();
        let content = |id: &FileId| inner.files[id].bytes.clone();
        inner
            .names
            .iter()
            .map(|(path, id)| (path.clone(), content(id)))
            .collect()
    }

    /// Changes a file behind everyone's back.
    pub(crate) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.lock();
        let id = inner.names[path];
        change(&mut inner.files.get_mut(&id).unwrap().bytes);
    }

    pub(crate) fn erase(&self, path: &Path) {
        self.lock().names.remove(path);
    }

    /// A disk as it may be found after the power went: of what was not synced, `chance` decides
    /// what is there, byte by byte from the front and name by name.
    pub(crate) fn after_power_cut(&self, mut chance: impl FnMut() -> u32) -> Self {
        let copy = self.copy();
        let mut inner = copy.lock();
        let names = inner.names.clone();
        let mut after = inner.durable_names.clone();
        for (path, id) in &names {
            if !after.contains_key(path) && chance().is_multiple_of(2) {
                after.insert(path.clone(), *id);
            }
        }
        after.retain(|path, _| names.contains_key(path) || chance().is_multiple_of(2));
        inner.names.clone_from(&after);
        inner.durable_names = after;
        for content in inner.files.values_mut() {
            let mut found = content.durable.clone();
            match chance() % 4 {
                0 => found.clone_from(&content.bytes),
                1 => {
                    // Written in part, and the rest of it zeros.
                    let at = chance() as usize % (content.bytes.len() + 1);
                    found.resize(content.bytes.len().max(found.len()), 0);
                    found[..at].copy_from_slice(&content.bytes[..at]);
                    found.truncate(content.bytes.len());
                }
                _ => {}
            }
            // A synced byte that was not written again is on the disk, whatever chance says.
            for (at, byte) in found.iter_mut().enumerate() {
                if let (Some(durable), Some(now)) = (content.durable.get(at), content.bytes.get(at))
                    && durable == now
                {
                    *byte = *durable;
                }
            }
            content.bytes.clone_from(&found);
            content.durable = found;
            content.dropped.clear();
        }
        drop(inner);
        copy
    }
}

impl Inner {
    /// Counts a changing call and fails it when its turn has come.
    fn call(&mut self) -> io::Result<()> {
        self.n_calls += 1;
        match self.fault {
            Some(fault) if self.n_calls >= fault.at && self.n_calls < fault.at + fault.n => {
                Err(fault.kind.into())
            }
            _ => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        let ids: BTreeSet<_> = self.names.values().collect();
        ids.iter().map(|id| self.files[id].bytes.len() as u64).sum()
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut inner = self.lock();
        inner.call()?;
        let id = inner.names.get(path).copied().unwrap_or(inner.next_id);
        inner.next_id = inner.next_id.max(id + 1);
        inner.files.entry(id).or_default().bytes.clear();
        inner.names.insert(path.to_path_buf(), id);
        let disk = self.clone();
        Ok(Arc::new(MemoryFile { disk, id }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let id = self.lock().names.get(path).copied();
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        let disk = self.clone();
        Ok(Arc::new(MemoryFile { disk, id }))
    }

    fn make_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let inner = self.lock();
        let mut found = BTreeMap::new();
        for (path, id) in &inner.names {
            let Ok(below) = path.strip_prefix(dir) else {
                continue;
            };
            let name = below.components().next().unwrap().as_os_str();
            let len = inner.files[id].bytes.len() as u64;
            found.insert(name.to_str().unwrap().to_owned(), len);
        }
        Ok(found
            .into_iter()
            .map(|(name, len)| Entry { name, len })
            .collect())
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
        inner
            .durable_names
            .extend(names.into_iter().filter(|(path, _)| within(path)));
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
}

impl File for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[&self.id].bytes.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.lock();
        let bytes = &inner.files[&self.id].bytes;
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let n = buf.len().min(bytes.len() - from);
        buf[..n].copy_from_slice(&bytes[from..from + n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let called = inner.call();
        let at = usize::try_from(offset).unwrap();
        let used = inner.used();
        let room = inner.room;
        let file = inner.files.get_mut(&self.id).unwrap();
        let content = &mut file.bytes;
        let grown = (at + bytes.len()).saturating_sub(content.len()) as u64;
        let full = grown > 0 && room.is_some_and(|room| used + grown > room);
        // A write that fails may have written a part.
        let n = if called.is_err() || full {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        if !full {
            content.resize(content.len().max(at + n), 0);
            content[at..at + n].copy_from_slice(&bytes[..n]);
            file.dropped
                .retain(|dropped| !(at..at + n).contains(dropped));
        }
        called?;
        if full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let called = inner.call();
        let content = inner.files.get_mut(&self.id).unwrap();
        match called {
            Ok(()) => {
                let before = std::mem::replace(&mut content.durable, content.bytes.clone());
                for at in &content.dropped {
                    if let Some(byte) = content.durable.get_mut(*at) {
                        *byte = before.get(*at).copied().unwrap_or_default();
                    }
                }
            }
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
        let len = usize::try_from(len).unwrap();
        let file = inner.files.get_mut(&self.id).unwrap();
        file.bytes.resize(len, 0);
        file.dropped.retain(|dropped| *dropped < len);
        Ok(())
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.call()?;
        let used = inner.used();
        if inner.room.is_some_and(|room| used + len > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = usize::try_from(len).unwrap();
        inner.files.get_mut(&self.id).unwrap().bytes.resize(len, 0);
        Ok(())
    }
}
