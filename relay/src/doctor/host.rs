//! What the host gives the relay: a directory of its own, and a disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Finding, note, text, well, wrong};
use crate::clock;

/// A sync slower than this delays every answer.
const SYNC_SLOW: Duration = Duration::from_millis(500);
/// One slower than this means 503: an append waits no longer.
const SYNC_DEAD: Duration = Duration::from_secs(2);
/// Bytes written to try the disk.
const TRIAL_BYTES: usize = 4096;

/// Whether the state directory is there and private.
pub(super) fn directory(dir: &Path) -> Vec<Finding> {
    const WHAT: &str = "state";
    let shown = dir.display();
    let meta = match fs::metadata(dir) {
        Ok(meta) => meta,
        Err(error) => {
            let remedy = format!("make it: `install -d -m 700 -o vedette-relay {shown}`");
            return vec![wrong(WHAT, format!("{shown}: {error}"), remedy)];
        }
    };
    if !meta.is_dir() {
        return vec![wrong(
            WHAT,
            format!("{shown} is no directory"),
            "set `state_dir` to one",
        )];
    }
    let mut findings = Vec::new();
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        findings.push(wrong(WHAT, found, format!("`chmod 700 {shown}`")));
    }
    if let Some(stranger) = stranger(dir, meta.uid()) {
        let found = format!(
            "{} belongs to another user than {shown}",
            stranger.display()
        );
        findings.push(wrong(
            WHAT,
            found,
            format!("`chown -R --reference={shown} {shown}`"),
        ));
    }
    if findings.is_empty() {
        findings.push(well(WHAT, format!("{shown} is there and private")));
    }
    findings
}

/// A file of the relay's that is not its user's: a command that was run as root left it.
fn stranger(dir: &Path, owner: u32) -> Option<PathBuf> {
    let names = [
        "identity.json",
        "roster.signed",
        "spool",
        "spool/state.0",
        "spool/lock",
    ];
    names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.uid() != owner))
}

/// Writes a little and syncs it, as every commit does. The file is removed again.
#[must_use]
pub fn try_disk(dir: &Path) -> Finding {
    const WHAT: &str = "disk";
    let path = dir.join("doctor.tmp");
    let tried = || -> io::Result<Duration> {
        let mut file = fs::File::create(&path)?;
        io::Write::write_all(&mut file, &[0; TRIAL_BYTES])?;
        let began = clock::monotonic();
        file.sync_data()?;
        Ok(clock::monotonic().saturating_sub(began))
    };
    let tried = tried();
    let removed = fs::remove_file(&path);
    match tried.and_then(|took| removed.map(|()| took)) {
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::StorageFull => "free some space, or set `spool.bytes_max` lower",
                io::ErrorKind::PermissionDenied => {
                    "run it as the relay's user: `sudo -u vedette-relay vedette-relay doctor`"
                }
                _ => "check the disk: `dmesg`, `smartctl -a`",
            };
            wrong(WHAT, format!("{}: {error}", dir.display()), remedy)
        }
        Ok(took) => sync_took(took),
    }
}

pub(super) fn sync_took(took: Duration) -> Finding {
    const WHAT: &str = "disk";
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let found = format!("a sync takes {}", text::micros(micros));
    if took >= SYNC_DEAD {
        wrong(
            WHAT,
            found,
            "requests are answered 503: move `spool.dir` to a faster disk",
        )
    } else if took >= SYNC_SLOW {
        note(
            WHAT,
            found,
            "every request waits that long: move `spool.dir` to a faster disk",
        )
    } else {
        well(WHAT, found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Grade;
    use super::*;

    #[test]
    fn a_state_directory_that_others_can_read_is_wrong_and_so_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |mode| {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            directory(dir.path())
        };
        assert_eq!(mode(0o700)[0].grade, Grade::Well);
        let open = mode(0o755);
        assert_eq!(open[0].grade, Grade::Wrong);
        assert!(open[0].remedy.as_deref().unwrap().contains("chmod 700"));
        let none = directory(&dir.path().join("none"));
        assert!(none[0].remedy.as_deref().unwrap().contains("install -d"));
        assert_eq!(try_disk(dir.path()).grade, Grade::Well);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_slow_disk_is_told_and_a_dead_one_is_wrong() {
        let grade = |millis| sync_took(Duration::from_millis(millis)).grade;
        assert_eq!(grade(3), Grade::Well);
        assert_eq!(grade(500), Grade::Note);
        assert_eq!(grade(2000), Grade::Wrong);
    }
}
