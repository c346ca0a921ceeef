//! A filesystem that can be read and not changed.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::disk::{Disk, Entry, File, HostDisk, HostFile, Lock, Space};

/// The filesystem of the host, to read.
#[derive(Debug)]
pub(super) struct ReadDisk;

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for ReadDisk {
    fn create(&self, _path: &Path) -> io::Result<Arc<dyn File>> {
        refused()
    }

    /// The file's own descriptor refuses to write.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(HostFile(fs::File::open(path)?)))
    }

    fn make_dir(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        HostDisk.list(dir)
    }

    fn link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        refused()
    }

    fn lock(&self, _dir: &Path) -> io::Result<Lock> {
        refused()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        HostDisk.space(dir)
    }
}
