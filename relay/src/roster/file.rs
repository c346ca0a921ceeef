//! The rosters on disk: the one in force and the one before it, each as its hub signed it.
//!
//! A signature covers every byte, so there is no checksum besides.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use protocol::limits::CONFIG_BYTES_MAX;
use protocol::wire::{Config, decode_msgpack, encode_msgpack_named};

use super::RosterError;

const NAME: &str = "roster.signed";
const PREVIOUS: &str = "roster.previous.signed";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    /// The one in force.
    Newest,
    /// The one it replaced.
    Previous,
}

impl Copy {
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Newest => NAME,
            Self::Previous => PREVIOUS,
        })
    }
}

/// A copy as it lies there; `None` when there is none. What it holds is not believed yet.
pub(super) fn read(dir: &Path, which: Copy) -> Result<Option<Config>, RosterError> {
    let path = which.path(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RosterError::File { path, source }),
    };
    let mut bytes = Vec::new();
    let read = file.take(CONFIG_BYTES_MAX as u64).read_to_end(&mut bytes);
    match read.ok().and_then(|_| decode_msgpack(&bytes).ok()) {
        Some(config) => Ok(Some(config)),
        None => Err(RosterError::Damaged { path }),
    }
}

/// Writes the newest copy; the one it replaces becomes the previous one.
pub(super) fn write(dir: &Path, config: &Config) -> Result<(), RosterError> {
    let path = Copy::Newest.path(dir);
    let bytes =
        encode_msgpack_named(config).map_err(|_| RosterError::Damaged { path: path.clone() })?;
    let previous = Copy::Previous.path(dir);
    keep_previous(&path, &previous).map_err(|source| RosterError::File {
        path: previous,
        source,
    })?;
    write_whole(&path, &bytes)
}

fn keep_previous(path: &Path, previous: &Path) -> io::Result<()> {
    absent(fs::remove_file(previous))?;
    // A second name, so that at no time the newest copy is missing.
    absent(fs::hard_link(path, previous))
}

/// Puts the previous copy in the newest one's place; without one, no copy is left.
pub(super) fn revert(dir: &Path) -> Result<(), RosterError> {
    let (path, previous) = (Copy::Newest.path(dir), Copy::Previous.path(dir));
    let reverted = match fs::rename(&previous, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => absent(fs::remove_file(&path)),
        done => done,
    };
    reverted
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(|source| RosterError::File { path, source })
}

/// Writes a file that is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RosterError> {
    let write = || -> io::Result<()> {
        let aside = path.with_extension("tmp");
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        match path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| RosterError::File {
        path: path.to_owned(),
        source,
    })
}

/// Removes a file that may be missing.
pub(super) fn remove(path: &Path) -> Result<(), RosterError> {
    absent(fs::remove_file(path)).map_err(|source| RosterError::File {
        path: path.to_owned(),
        source,
    })
}

fn absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
