//! Receipts for a relay that runs: they are laid into a directory of the spool, the relay takes
//! them from there and lays its answer beside them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::carry::{CarryError, Moved, acknowledge, read_receipt};
use crate::spool::Spool;

/// Where receipts are laid, in the spool's directory.
const DIR: &str = "receipts";
const RECEIPT: &str = "receipt";
const ANSWER: &str = "answer";
/// Receipts looked at in one go; more wait for the next.
const RECEIPTS_MAX: usize = 16;
/// How often the relay looks; seldom enough that no thread is kept for it.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long whoever brings a receipt waits for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked for.
const ANSWER_EVERY: Duration = Duration::from_millis(50);

/// What the relay answers.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    moved: Vec<Moved>,
    error: Option<String>,
}

/// Takes receipts until `cancel`.
pub(super) async fn take(identity_dir: PathBuf, spool: Spool, cancel: CancellationToken) {
    let dir = spool.dir().join(DIR);
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = cancel.cancelled() => return,
        }
        let listed = {
            let dir = dir.clone();
            tokio::task::spawn_blocking(move || waiting(&dir)).await
        };
        for path in listed.unwrap_or_default() {
            let answer = take_one(&identity_dir, &spool, &path).await;
            match &answer.error {
                None => tracing::info!(lanes = answer.moved.len(), "took a receipt of the hub"),
                Some(error) => tracing::warn!(error, "receipt has no effect"),
            }
            let laid = tokio::task::spawn_blocking(move || {
                lay(&path.with_extension(ANSWER), &serde_json::to_vec(&answer)?)?;
                fs::remove_file(&path)
            });
            if let Ok(Err(error)) = laid.await {
                tracing::warn!(%error, "receipt cannot be answered");
            }
        }
    }
}

async fn take_one(identity_dir: &Path, spool: &Spool, path: &Path) -> Answer {
    let taken = match read_receipt(identity_dir, path).await {
        Ok(receipt) => acknowledge(spool, &receipt).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(moved) => Answer { moved, error: None },
        Err(error) => Answer {
            moved: Vec::new(),
            error: Some(error.to_string()),
        },
    }
}

/// The receipts that were laid there; none while there is no directory.
fn waiting(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let receipts = paths.filter(|path| path.extension().is_some_and(|it| it == RECEIPT));
    receipts.take(RECEIPTS_MAX).collect()
}

/// Brings a receipt to the relay that has the spool open, and waits for its answer.
///
/// # Errors
/// [`CarryError::Refused`] with the relay's words, [`CarryError::NoAnswer`].
pub async fn hand_in(spool_dir: &Path, file: &Path) -> Result<Vec<Moved>, CarryError> {
    let dir = spool_dir.join(DIR);
    let name = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let path = dir.join(name).with_extension(RECEIPT);
    let failed = |source| CarryError::File {
        path: file.to_path_buf(),
        source,
    };
    let receipt = fs::read(file).map_err(failed)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .map_err(failed)?;
    lay(&path, &receipt).map_err(failed)?;
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
                return match answer.error {
                    None => Ok(answer.moved),
                    Some(error) => Err(CarryError::Refused(error)),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if began.elapsed() > ANSWER_TIMEOUT {
            return Err(CarryError::NoAnswer);
        }
    }
}

/// Writes a file that is there whole or not at all.
fn lay(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
