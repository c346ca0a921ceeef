//! Parcels for a hub that runs: they are laid into a directory, the hub imports them and lays its
//! answer beside them. The digest is the one writer, and it is in the hub's process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{ImportError, Imported, import};
use crate::digest;
use crate::fleet::Fleet;

const PARCEL: &str = "parcel";
const ANSWER: &str = "answer";
/// How often the hub looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often an answer is looked for.
const ANSWER_EVERY: Duration = Duration::from_millis(50);

/// What the hub answers.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    imported: Option<Imported>,
    error: Option<String>,
}

/// Imports what is laid into `dir` until `cancel`, one parcel after the other.
pub async fn watch(dir: PathBuf, fleet: Fleet, digest: digest::Handle, cancel: CancellationToken) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let unread = dir.clone();
    drop(tokio::task::spawn_blocking(move || remove_unread(&unread)).await);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        let look = dir.clone();
        let next = tokio::task::spawn_blocking(move || waiting(&look)).await;
        let Ok(Some(path)) = next else { continue };
        let imported = tokio::select! {
            imported = import(&fleet, &digest, &path) => imported,
            // It is there at the next start, and what was applied is recognised.
            () = cancel.cancelled() => return,
        };
        let answer = match imported {
            Ok(imported) => {
                let (relay, records) = (&imported.relay, imported.records);
                tracing::info!(relay.id = relay, records, "imported a parcel");
                Answer {
                    imported: Some(imported),
                    error: None,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "parcel was not imported");
                Answer {
                    imported: None,
                    error: Some(error.to_string()),
                }
            }
        };
        let laid = tokio::task::spawn_blocking(move || {
            lay(&path.with_extension(ANSWER), &serde_json::to_vec(&answer)?)?;
            fs::remove_file(&path)
        });
        if let Ok(Err(error)) = laid.await {
            tracing::warn!(%error, "import cannot be answered");
        }
    }
}

/// Removes answers that were not read at once: whoever waited for them has gone.
fn remove_unread(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_some_and(|it| it == ANSWER) {
            let _tried_at_the_next_start = fs::remove_file(path);
        }
    }
}

/// The oldest parcel by name; none while there is no directory.
fn waiting(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == PARCEL))
        .min()
}

/// Lays a parcel before the hub that runs, and waits for its answer.
///
/// # Errors
/// [`ImportError::Refused`] with the hub's words, [`ImportError::NoAnswer`], and when files
/// cannot be written.
pub async fn hand_in(dir: &Path, file: &Path, patience: Duration) -> Result<Imported, ImportError> {
    let name = uuid::Uuid::now_v7().to_string();
    let path = dir.join(name).with_extension(PARCEL);
    let failed = |source| ImportError::File {
        path: path.clone(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    copy(file, &path).map_err(failed)?;
    let answer = path.with_extension(ANSWER);
    let began = Instant::now();
    let mut tick = interval(ANSWER_EVERY);
    loop {
        tick.tick().await;
        match fs::read(&answer) {
            Ok(bytes) => {
                fs::remove_file(&answer).map_err(failed)?;
                let answer: Answer = serde_json::from_slice(&bytes)
                    .map_err(|error| failed(io::Error::from(error)))?;
                return match (answer.imported, answer.error) {
                    (Some(imported), _) => Ok(imported),
                    (None, error) => Err(ImportError::Refused(error.unwrap_or_default())),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if began.elapsed() > patience {
            return Err(ImportError::NoAnswer);
        }
    }
}

/// A copy that is there whole and durable, or not at all.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = to.with_extension("tmp");
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let copied = io::copy(&mut File::open(from)?, &mut out).and_then(|_| out.sync_all());
    match copied.and_then(|()| fs::rename(&temporary, to)) {
        Ok(()) => Ok(()),
        Err(error) => {
            let _absent = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

/// Writes a file that is there whole or not at all.
fn lay(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
