//! Where blocks lie in their segments, kept in sled beside them.
//!
//! Without it, finding a number means walking the frames of its segment from the start; with it,
//! from the last noted place before. It holds nothing that the segments do not tell, so it is
//! believed only where the segment agrees, and thrown away for any reason: a place that does not
//! fit, an error, an answer that comes too late, an opening that never came to its end.
//!
//! sled has one thread, and nobody waits for it but a reader, and not for long: after a failed
//! write sled 0.34 blocks for ever. It is opened when there is something to note, so that a relay
//! without backlog does not carry it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use protocol::ids::{Epoch, Lane, Seq};

/// A place is noted about every so many bytes of a segment.
const STRIDE_BYTES: u64 = 64 * 1024;
/// Notes that may wait; further ones are not taken.
const QUEUE_LEN: usize = 1024;
/// Longest wait for an answer.
const FIND_TIMEOUT: Duration = Duration::from_millis(20);
/// Longest wait for the end.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Late answers after which nobody asks any more.
const LATE_MAX: u8 = 3;
/// Memory for sled's pages, in bytes.
const CACHE_BYTES: u64 = 1024 * 1024;
/// Errors after which it is not made again.
const RETRIES_MAX: u8 = 2;

/// A handle on the index's thread.
#[derive(Debug)]
pub(super) struct Index {
    notes: Option<SyncSender<Note>>,
    /// Late answers in a row.
    late: AtomicU8,
}

#[derive(Debug)]
enum Note {
    Block {
        lane: Lane,
        serial: u64,
        first: Seq,
        at: u64,
    },
    Forget {
        lane: Lane,
        serial: u64,
    },
    Find {
        lane: Lane,
        serial: u64,
        seq: Seq,
        answer: SyncSender<Option<u64>>,
    },
    Close {
        answer: SyncSender<Option<u64>>,
    },
}

impl Index {
    /// No index: everything is found by walking.
    pub(super) const fn none() -> Self {
        Self {
            notes: None,
            late: AtomicU8::new(0),
        }
    }

    /// Starts the thread; without one there is no index.
    pub(super) fn start(dir: &Path, epoch: Epoch) -> Self {
        let (notes, receiver) = sync_channel(QUEUE_LEN);
        let keeper = Keeper {
            dir: dir.join("index"),
            opening: dir.join("index.opening"),
            epoch,
            db: None,
            n_failed: 0,
        };
        let started = std::thread::Builder::new()
            .name("spool-index".to_owned())
            .spawn(move || keeper.run(&receiver));
        Self {
            notes: started.is_ok().then_some(notes),
            late: AtomicU8::new(0),
        }
    }

    /// A place in the segment at which, or behind which, the record with this number lies.
    pub(super) fn find(&self, lane: Lane, serial: u64, seq: Seq) -> Option<u64> {
        let (answer, answered) = sync_channel(1);
        self.send(Note::Find {
            lane,
            serial,
            seq,
            answer,
        })?;
        if let Ok(found) = answered.recv_timeout(FIND_TIMEOUT) {
            self.late.store(0, Ordering::Relaxed);
            return found;
        }
        if self.late.fetch_add(1, Ordering::Relaxed) + 1 == LATE_MAX {
            tracing::warn!("spool: the index does not answer; going on without it");
        }
        None
    }

    /// Takes down where the frame from `at` to `end` lies, if it is one of those worth it.
    pub(super) fn note(&self, lane: Lane, serial: u64, first: Seq, at: u64, end: u64) {
        if at / STRIDE_BYTES != end / STRIDE_BYTES {
            let _dropped_when_full = self.send(Note::Block {
                lane,
                serial,
                first,
                at,
            });
        }
    }

    /// Forgets a segment.
    pub(super) fn forget(&self, lane: Lane, serial: u64) {
        let _dropped_when_full = self.send(Note::Forget { lane, serial });
    }

    /// Lets the thread finish, but not for long.
    pub(super) fn close(&self) {
        let (answer, answered) = sync_channel(1);
        if self.send(Note::Close { answer }).is_some() {
            let _in_time = answered.recv_timeout(CLOSE_TIMEOUT);
        }
    }

    fn send(&self, note: Note) -> Option<()> {
        if self.late.load(Ordering::Relaxed) >= LATE_MAX {
            return None;
        }
        match self.notes.as_ref()?.try_send(note) {
            Ok(()) => Some(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }
}

/// The thread's state.
struct Keeper {
    dir: PathBuf,
    /// Exists while sled is being opened: a process that died over it finds this.
    opening: PathBuf,
    epoch: Epoch,
    db: Option<sled::Db>,
    n_failed: u8,
}

const EPOCH_KEY: &[u8] = b"epoch";

impl Keeper {
    fn run(mut self, notes: &Receiver<Note>) {
        while let Ok(note) = notes.recv() {
            match note {
                Note::Block {
                    lane,
                    serial,
                    first,
                    at,
                } => self.with(|db| {
                    db.insert(key(lane, serial, first), &at.to_be_bytes())
                        .map(|_| ())
                }),
                // Of an index that was not opened in this life nothing is asked, so nothing has
                // to be taken out of it: what it knows of segments that are gone is never found.
                Note::Forget { lane, serial } if self.db.is_some() => {
                    self.with(|db| forget(db, lane, serial));
                }
                Note::Forget { .. } => {}
                Note::Find {
                    lane,
                    serial,
                    seq,
                    answer,
                } => {
                    let mut found = None;
                    if self.db.is_some() || self.dir.exists() {
                        self.with(|db| {
                            found = find(db, lane, serial, seq)?;
                            Ok(())
                        });
                    }
                    let _gone = answer.send(found);
                }
                Note::Close { answer } => {
                    drop(self.db.take());
                    let _gone = answer.send(None);
                    return;
                }
            }
        }
    }

    /// Does something with sled, which is opened if need be. An error costs the index.
    fn with(&mut self, work: impl FnOnce(&sled::Db) -> sled::Result<()>) {
        if self.n_failed > RETRIES_MAX {
            return;
        }
        let result = match &self.db {
            Some(db) => work(db),
            None => self.open().and_then(|db| {
                let result = work(&db);
                self.db = Some(db);
                result
            }),
        };
        if let Err(error) = result {
            tracing::warn!(error = %error, "spool: index dropped; it is made again from the segments");
            self.n_failed += 1;
            self.db = None;
            self.remove();
        }
    }

    fn open(&self) -> sled::Result<sled::Db> {
        if self.opening.exists() || !self.dir.is_dir() {
            self.remove();
        }
        std::fs::write(&self.opening, [])?;
        let db = open_guarded(&self.dir).or_else(|_| {
            self.remove();
            open_guarded(&self.dir)
        })?;
        let epoch = self.epoch.0.to_be_bytes();
        if db.get(EPOCH_KEY)?.is_none_or(|of| *of != epoch) {
            db.clear()?;
            db.insert(EPOCH_KEY, &epoch)?;
        }
        std::fs::remove_file(&self.opening)?;
        Ok(db)
    }

    fn remove(&self) {
        // It may be a file that someone put there.
        let _absent =
            std::fs::remove_dir_all(&self.dir).or_else(|_| std::fs::remove_file(&self.dir));
    }
}

/// Opens sled in a thread of its own: on some damage it panics instead of giving an error.
fn open_guarded(dir: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let opening = std::thread::Builder::new().name("spool-index".to_owned());
    opening
        .spawn(move || config.open())?
        .join()
        .unwrap_or_else(|_| {
            Err(sled::Error::ReportableBug(
                "panicked while opening".to_owned(),
            ))
        })
}

/// Sorts by lane, segment and number.
fn key(lane: Lane, serial: u64, first: Seq) -> [u8; 17] {
    let mut key = [0; 17];
    let (lane_at, rest) = key.split_at_mut(1);
    let (serial_at, first_at) = rest.split_at_mut(8);
    lane_at.copy_from_slice(&[u8::from(lane)]);
    serial_at.copy_from_slice(&serial.to_be_bytes());
    first_at.copy_from_slice(&first.0.to_be_bytes());
    key
}

fn find(db: &sled::Db, lane: Lane, serial: u64, seq: Seq) -> sled::Result<Option<u64>> {
    let before = db
        .range(key(lane, serial, Seq(0))..=key(lane, serial, seq))
        .next_back();
    let Some((_, at)) = before.transpose()? else {
        return Ok(None);
    };
    Ok(at.as_ref().try_into().ok().map(u64::from_be_bytes))
}

fn forget(db: &sled::Db, lane: Lane, serial: u64) -> sled::Result<()> {
    for noted in db.range(key(lane, serial, Seq(0))..=key(lane, serial, Seq(u64::MAX))) {
        db.remove(noted?.0)?;
    }
    Ok(())
}
