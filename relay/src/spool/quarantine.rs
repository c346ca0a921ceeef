//! Damaged segments are kept for whoever wants to look at them.
//!
//! A damaged segment gets a second name here, which takes no room, at once. Its good blocks are
//! still read from the first name, which goes away when they were delivered.

use std::io;
use std::path::Path;

use protocol::ids::{Lane, Seq};

use super::disk::Disk;
use super::segment;

const DIR_NAME: &str = "quarantine";
/// Segments kept; the oldest give way.
const KEPT_MAX: usize = 8;

/// The name of a segment in quarantine.
fn name(lane: Lane, first: Seq, serial: u64) -> String {
    format!("{lane}-{}", segment::file_name(first, serial))
}

/// Gives the segment its second name. Doing so again has no effect.
pub(super) fn keep(disk: &dyn Disk, dir: &Path, lane: Lane, path: &Path) -> io::Result<()> {
    let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(());
    };
    let quarantine = dir.join(DIR_NAME);
    disk.make_dir(&quarantine)?;
    let mut kept: Vec<_> = disk.list(&quarantine)?;
    kept.sort_by_key(|entry| {
        segment::parse_file_name(entry.name.get(3..).unwrap_or_default()).map(|(_, serial)| serial)
    });
    let n_over = (kept.len() + 1).saturating_sub(KEPT_MAX);
    for entry in kept.iter().take(n_over) {
        disk.remove(&quarantine.join(&entry.name))?;
    }
    match disk.link(path, &quarantine.join(format!("{lane}-{file}"))) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => disk.sync_dir(&quarantine),
    }
}

/// Removes what is kept, but for segments that are in use; gives how many could not be removed.
pub(super) fn drop_unused(
    disk: &dyn Disk,
    dir: &Path,
    is_used: &dyn Fn(Lane, Seq, u64) -> bool,
) -> io::Result<u64> {
    let quarantine = dir.join(DIR_NAME);
    let (mut n_gone, mut n_left) = (0_u64, 0);
    for entry in disk.list(&quarantine)? {
        if parse_name(&entry.name).is_some_and(|(lane, first, serial)| is_used(lane, first, serial))
        {
            continue;
        }
        match disk.remove(&quarantine.join(&entry.name)) {
            Ok(()) => n_gone += 1,
            Err(_) => n_left += 1,
        }
    }
    if n_gone > 0 {
        disk.sync_dir(&quarantine)?;
    }
    Ok(n_left)
}

/// Which segment has this name in quarantine.
fn parse_name(name: &str) -> Option<(Lane, Seq, u64)> {
    let (lane, file) = name.split_once('-')?;
    let (first, serial) = segment::parse_file_name(file)?;
    Some((lane.parse().ok()?, first, serial))
}

/// Whether a segment is known to be damaged.
pub(super) fn holds(
    disk: &dyn Disk,
    dir: &Path,
    lane: Lane,
    first: Seq,
    serial: u64,
) -> io::Result<bool> {
    let name = name(lane, first, serial);
    Ok(disk
        .list(&dir.join(DIR_NAME))?
        .iter()
        .any(|entry| entry.name == name))
}

/// How many segments are kept, and their bytes.
pub(super) fn count(disk: &dyn Disk, dir: &Path) -> io::Result<(u64, u64)> {
    let entries = disk.list(&dir.join(DIR_NAME))?;
    Ok(entries
        .iter()
        .fold((0, 0), |(n, bytes), entry| (n + 1, bytes + entry.len)))
}
