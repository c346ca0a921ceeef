//! The few things the spool asks of a filesystem, behind a trait.
//!
//! Every call that can fail on a real disk goes through here, so that tests can fail the n-th of
//! them, lose what was not synced, or fill the disk.

use std::fmt::Debug;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

/// The file whose lock keeps other processes out.
const LOCK_NAME: &str = "lock";

/// A filesystem.
pub trait Disk: Debug + Send + Sync {
    /// Makes an empty file, in the place of one that may be there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens a file that exists, to read and write.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Makes a directory and those above it.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, in no order; none when it does not exist.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// A second name for a file.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Keeps other processes out of a directory until the lock is dropped.
    fn lock(&self, dir: &Path) -> io::Result<Lock>;
    /// Size and free bytes of the filesystem.
    fn space(&self, dir: &Path) -> io::Result<Space>;

    /// Makes the content of several files durable at the same time: the filesystem then writes its
    /// journal once. Answers for each.
    fn sync_each(&self, files: &[&dyn File]) -> Vec<io::Result<()>> {
        let Some((last, others)) = files.split_last() else {
            return Vec::new();
        };
        std::thread::scope(|scope| {
            let mut threads = Vec::with_capacity(others.len());
            for file in others {
                threads.push(std::thread::Builder::new().spawn_scoped(scope, || file.sync()));
            }
            let of_last = last.sync();
            let joined = threads.into_iter().zip(others).map(|(thread, file)| {
                // No thread to be had: one after the other, then.
                let Ok(thread) = thread else {
                    return file.sync();
                };
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            });
            joined.chain([of_last]).collect()
        })
    }

    /// A number that must not repeat.
    fn random(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// An open file.
#[expect(
    clippy::len_without_is_empty,
    reason = "nobody asks whether a file is empty"
)]
pub trait File: Debug + Send + Sync {
    /// Its length.
    fn len(&self) -> io::Result<u64>;
    /// Reads until `buf` is full or the file ends; says how much.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
    /// Cuts or stretches it.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Takes room for `len` bytes now.
    fn reserve(&self, len: u64) -> io::Result<()>;
}

/// A held lock.
#[derive(Debug)]
pub struct Lock {
    file: Option<fs::File>,
}

impl Drop for Lock {
    /// Closing the file would not do while a child process that is being started has it too.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ends_with_the_process =
                rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
        }
    }
}

impl Lock {
    /// For a disk that no other process can see.
    #[must_use]
    pub const fn unshared() -> Self {
        Self { file: None }
    }
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Bytes, for a file.
    pub len: u64,
}

/// What a filesystem holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What an unprivileged process may still take.
    pub free: u64,
}

/// The filesystem of the host.
#[derive(Debug)]
pub(super) struct HostDisk;

#[derive(Debug)]
pub(super) struct HostFile(pub(super) fs::File);

impl Disk for HostDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Arc::new(HostFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(HostFile(file)))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            // A name that is not text is none of ours.
            if let Ok(name) = entry.file_name().into_string() {
                let len = entry.metadata().map_or(0, |meta| meta.len());
                found.push(Entry { name, len });
            }
        }
        Ok(found)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, dir: &Path) -> io::Result<Lock> {
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(LOCK_NAME))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Lock { file: Some(file) })
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(Space {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

impl File for HostFile {
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|meta| meta.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&self.0, flags, 0, len)?)
    }
}

/// A whole small file, or `None` when there is none or it is larger than `max`.
pub(super) fn read_small(disk: &dyn Disk, path: &Path, max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if len > max {
        return Ok(None);
    }
    let mut bytes = vec![0; len];
    let n = file.read_at(&mut bytes, 0)?;
    bytes.truncate(n);
    Ok(Some(bytes))
}

/// Whether a process has the directory open. The lock is not kept.
pub(super) fn is_locked(dir: &Path) -> io::Result<bool> {
    let file = match fs::File::open(dir.join(LOCK_NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            rustix::fs::flock(&file, rustix::fs::FlockOperation::Unlock)?;
            Ok(false)
        }
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error means that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
