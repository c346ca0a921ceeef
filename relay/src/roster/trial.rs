//! A new roster is on trial: a relay that does not hold with it goes back to the one before.
//!
//! A file beside the roster says which version is on trial and how often the relay was started
//! with it. It is there before the roster is, and goes when the relay has held for [`TRIAL`]. Each
//! start that finds it counts; the one that is too many reverts, and the version is remembered as
//! one that is not taken again. An end in order starts the count anew: it says nothing against
//! the roster.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use protocol::wire::Config;
use serde::{Deserialize, Serialize};

use super::RosterError;
use super::file::{remove, write_whole};

/// How long a relay must hold with a new roster.
pub const TRIAL: Duration = Duration::from_secs(60);
/// Starts within a trial after which the roster is to blame: one may be chance.
pub const STARTS_MAX: u32 = 3;

const NAME: &str = "roster.trial";
const REVERTED: &str = "roster.reverted";
/// A file beyond this is not one of ours, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// What is on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    /// The version.
    pub(super) version: u64,
    /// CRC-32C of its bytes: it is told apart without being decoded.
    checksum: u32,
    /// How often the relay was started with it.
    starts: u32,
}

impl Trial {
    /// A trial that begins.
    pub(super) fn of(config: &Config, version: u64) -> Self {
        Self {
            version,
            checksum: crc32c::crc32c(&config.bytes),
            starts: 0,
        }
    }

    /// Whether it is of this roster.
    pub(super) fn is_of(self, config: &Config) -> bool {
        self.checksum == crc32c::crc32c(&config.bytes)
    }

    /// The same, begun anew.
    pub(super) const fn anew(self) -> Self {
        Self { starts: 0, ..self }
    }
}

/// What a start finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is on trial.
    Nothing,
    /// The trial goes on; this start is counted.
    GoesOn(Trial),
    /// The relay does not hold with this version.
    Failed(Trial),
}

/// Decides what a start does with the file it finds.
pub(super) const fn judge(found: Option<Trial>) -> Found {
    match found {
        None => Found::Nothing,
        Some(trial) if trial.starts + 1 >= STARTS_MAX => Found::Failed(trial),
        Some(trial) => Found::GoesOn(Trial {
            starts: trial.starts + 1,
            ..trial
        }),
    }
}

pub(super) fn read(dir: &Path) -> Option<Trial> {
    read_json(&dir.join(NAME))
}

pub(super) fn write(dir: &Path, trial: Trial) -> Result<(), RosterError> {
    write_json(&dir.join(NAME), &trial)
}

pub(super) fn clear(dir: &Path) -> Result<(), RosterError> {
    remove(&dir.join(NAME))
}

/// The version that was reverted last.
pub(super) fn reverted(dir: &Path) -> Option<u64> {
    read_json(&dir.join(REVERTED))
}

pub(super) fn note_reverted(dir: &Path, version: u64) -> Result<(), RosterError> {
    write_json(&dir.join(REVERTED), &version)
}

/// A marker that cannot be read is none: at worst a trial is longer.
fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    if fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RosterError> {
    let bytes = serde_json::to_vec(value).map_err(|error| RosterError::File {
        path: path.to_owned(),
        source: io::Error::other(error),
    })?;
    write_whole(path, &bytes)
}
