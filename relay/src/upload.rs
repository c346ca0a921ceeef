//! Takes files that are too large to be held, piece by piece, and remembers how far each is.
//!
//! Each piece is scrubbed and becomes a part in the spool; what stands for the parts comes with an
//! envelope later, or never. Until then an upload that a client may go on with is a file of its
//! own beside the spool, so that it outlives the process.
//!
//! What always holds: a piece is told to be here once it is durable, in the spool and in that file;
//! after a crash between the two the client sends it again, and the hub keeps it once. One request
//! at a time writes to an upload. A project has a share of the places alone, and what nobody goes
//! on with gives its place up and is counted. Raw bytes are in memory alone, so that where a client has to go
//! on lies some way before what is here: what follows is scrubbed with what came before it.

mod coming;
mod note;
mod places;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::block::{Chain, Sum};
use protocol::crash::Crash;
use protocol::ids::{ProjectId, WholeId};
use protocol::privacy::{CONTEXT_BYTES, Hits, NeedsWhole, Pieces, Scrubber};
use protocol::timestamp::Timestamp;

use crate::aside::Aside;
use crate::ledger::Ledger;
use crate::spool::{Spool, SpoolError};

use note::Note;
use places::OPEN_MAX;

pub use coming::Upload;

/// How much of a crash dump is looked into, from its beginning on, in bytes: what says anything
/// stands in front of the memory.
pub const HEAD_BYTES: usize = 1024 * 1024;
/// Largest file, in bytes. Source: ingest specification, routes.
pub const UPLOAD_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Why an upload is not begun or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is none of this name, or not any more: begin it again.
    #[error("no such upload; begin it again")]
    Unknown,
    /// Another request writes to it.
    #[error("another request writes to this upload")]
    Busy,
    /// The bytes are not those that are missing.
    #[error("upload goes on at byte {expected}")]
    Offset {
        /// Where it goes on.
        expected: u64,
    },
    /// More than was announced, or than is allowed.
    #[error("upload is larger than {bytes_max} bytes")]
    TooLarge {
        /// Bytes allowed.
        bytes_max: u64,
    },
    /// As many are open as may be.
    #[error("as many uploads are open as may be; try again later")]
    TooMany,
    /// The project has as many open as one may.
    #[error(
        "the project has {open_max} uploads open, as many as one may; go on with them, or wait an hour for those that nobody goes on with"
    )]
    Share {
        /// As many as may be open.
        open_max: usize,
    },
    /// The project's own rules look at files as a whole.
    #[error("the project's privacy rules look at files as a whole; send it in its envelope")]
    Rules(#[from] NeedsWhole),
    /// The spool did not take a piece.
    #[error("not stored")]
    Spool(#[from] SpoolError),
    /// The disk did not take the note of how far it is.
    #[error("not stored")]
    Note(#[source] io::Error),
}

/// A handle on all uploads.
#[derive(Clone, Debug)]
pub struct Uploads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    spool: Spool,
    ledger: Ledger,
    aside: Aside,
    open: Mutex<BTreeMap<WholeId, Open>>,
}

#[derive(Clone, Debug)]
struct Open {
    state: State,
    is_busy: bool,
    /// Whether a client may go on with it after its connection broke.
    is_noted: bool,
    touched: Duration,
    /// What its head says, of a crash dump; the process alone knows it.
    crash: Option<Box<Crash>>,
    /// What was removed from it, as far as this process knows.
    hits: Hits,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug)]
struct State {
    project: ProjectId,
    received_at: Timestamp,
    length: Option<u64>,
    sum: Sum,
    is_done: bool,
}

/// How far an upload is, for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the client goes on.
    pub offset: u64,
    /// The length of all, when it was announced.
    pub length: Option<u64>,
}

/// Whose upload it is.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The project.
    pub project: ProjectId,
    /// What removes private data.
    pub scrubber: Scrubber,
    /// When the request began, by the wall clock.
    pub at: Timestamp,
    /// The same by a clock that never jumps.
    pub now: Duration,
}

/// What is known of a file before it comes: what people's rules are for.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its item says that it is a crash dump.
    pub is_minidump: bool,
}

impl Uploads {
    /// Finds what was left by the process before. It waits for the disk. What cannot be read is
    /// gone: its client begins again.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(dir: &Path, spool: Spool, ledger: Ledger, now: Duration) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut open = BTreeMap::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str());
            let id = id.and_then(|stem| stem.parse::<WholeId>().ok());
            let state = id.and_then(|id| Note::read(&path)?.state(id));
            match state {
                Some(state) if open.len() < OPEN_MAX => {
                    let known = Open {
                        state,
                        is_busy: false,
                        is_noted: true,
                        touched: now,
                        crash: None,
                        hits: Hits::default(),
                    };
                    open.insert(state.sum.whole, known);
                }
                _ => fs::remove_file(&path)?,
            }
        }
        let (dir, open) = (dir.to_owned(), Mutex::new(open));
        Ok(Self(Arc::new(Inner {
            dir,
            spool,
            ledger,
            aside: Aside::default(),
            open,
        })))
    }

    /// Where what takes long is done; pieces of uploads take turns there with other large bodies.
    #[must_use]
    pub fn aside(&self) -> &Aside {
        &self.0.aside
    }

    /// Begins an upload that its client may go on with; `length` where it is known.
    ///
    /// # Errors
    /// [`UploadError::TooLarge`], [`UploadError::TooMany`], [`UploadError::Share`],
    /// [`UploadError::Rules`], [`UploadError::Note`].
    pub async fn create(
        &self,
        sender: &Sender,
        length: Option<u64>,
    ) -> Result<WholeId, UploadError> {
        sender.scrubber.pieces(0)?;
        self.begin(sender, length, true)
            .await
            .map(|open| open.sum.whole)
    }

    /// Begins an upload that ends with its request; `length` where it is known.
    ///
    /// # Errors
    /// As [`Uploads::create`].
    pub async fn inline(
        &self,
        sender: &Sender,
        file: Named<'_>,
        length: Option<u64>,
    ) -> Result<Upload, UploadError> {
        let pieces = sender.scrubber.pieces_of(file.name, file.is_minidump)?;
        let state = self.begin(sender, length, false).await?;
        self.take_turn(sender, state.sum.whole, 0, |_| Ok(pieces))
    }

    async fn begin(
        &self,
        sender: &Sender,
        length: Option<u64>,
        is_noted: bool,
    ) -> Result<State, UploadError> {
        check_length(length.unwrap_or(0), None)?;
        let state = State {
            project: sender.project,
            received_at: sender.at,
            length,
            sum: Sum {
                whole: WholeId::from_bytes(uuid::Uuid::new_v4().into_bytes()),
                parts: 0,
                bytes: 0,
                chain: Chain::default(),
            },
            is_done: false,
        };
        self.make_room(sender, is_noted).await?;
        if is_noted {
            self.note(state).await?;
        }
        let open = Open {
            state,
            is_busy: false,
            is_noted,
            touched: sender.now,
            crash: None,
            hits: Hits::default(),
        };
        self.lock().insert(state.sum.whole, open);
        Ok(state)
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// [`UploadError::Unknown`].
    pub fn progress(&self, project: ProjectId, id: WholeId) -> Result<Progress, UploadError> {
        let open = self.lock();
        let known = open.get(&id).filter(|open| open.state.project == project);
        known
            .map(|open| open.state.progress())
            .ok_or(UploadError::Unknown)
    }

    /// Announces the length of an upload that began without.
    ///
    /// # Errors
    /// [`UploadError::Unknown`], [`UploadError::TooLarge`].
    pub fn set_length(
        &self,
        project: ProjectId,
        id: WholeId,
        length: u64,
    ) -> Result<(), UploadError> {
        check_length(length, None)?;
        let mut open = self.lock();
        let known = open
            .get_mut(&id)
            .filter(|open| open.state.project == project);
        let state = &mut known.ok_or(UploadError::Unknown)?.state;
        check_length(state.sum.bytes, Some(*state.length.get_or_insert(length)))
    }

    /// Goes on with an upload at a byte; nobody else does until what this gives is dropped.
    ///
    /// # Errors
    /// [`UploadError::Unknown`], [`UploadError::Busy`], [`UploadError::Offset`],
    /// [`UploadError::Rules`].
    pub fn turn(&self, sender: &Sender, id: WholeId, offset: u64) -> Result<Upload, UploadError> {
        self.take_turn(sender, id, offset, |given| sender.scrubber.pieces(given))
    }

    fn take_turn(
        &self,
        sender: &Sender,
        id: WholeId,
        offset: u64,
        pieces: impl FnOnce(usize) -> Result<Pieces, NeedsWhole>,
    ) -> Result<Upload, UploadError> {
        let mut all = self.lock();
        let open = all
            .get_mut(&id)
            .filter(|open| open.state.project == sender.project);
        let open = open.ok_or(UploadError::Unknown)?;
        if open.is_busy {
            return Err(UploadError::Busy);
        }
        let expected = open.state.progress().offset;
        if offset != expected || open.state.is_done {
            return Err(UploadError::Offset { expected });
        }
        let given = usize::try_from(open.state.sum.bytes - offset).unwrap_or(CONTEXT_BYTES);
        let pieces = pieces(given)?;
        open.is_busy = true;
        open.touched = sender.now;
        Ok(Upload {
            uploads: self.clone(),
            state: open.state,
            is_noted: open.is_noted,
            pieces: Some(pieces),
            offset,
            head: (offset == 0).then(Vec::new),
        })
    }

    /// What the parts of an upload come to, when all of it is here.
    #[must_use]
    pub fn done(&self, project: ProjectId, id: WholeId) -> Option<Sum> {
        let open = self.lock();
        let state = open.get(&id)?.state;
        (state.project == project && state.is_done).then_some(state.sum)
    }

    /// What the head of a crash dump says, where it was seen.
    #[must_use]
    pub fn crash(&self, id: WholeId) -> Option<Box<Crash>> {
        self.lock().get(&id)?.crash.clone()
    }

    /// What was removed from an upload, since this process began.
    #[must_use]
    pub fn hits(&self, id: WholeId) -> Hits {
        self.lock()
            .get(&id)
            .map(|open| open.hits)
            .unwrap_or_default()
    }

    /// Forgets an upload: its envelope is here, or nobody wants it any more.
    pub async fn forget(&self, id: WholeId) {
        let known = self.lock().remove(&id);
        if known.is_some_and(|known| known.is_noted) {
            let path = self.path(id);
            // What is left is removed by the next start that cannot use it, or goes unused.
            drop(tokio::task::spawn_blocking(move || fs::remove_file(path)).await);
        }
    }

    fn path(&self, id: WholeId) -> PathBuf {
        self.0.dir.join(format!("{id}.json"))
    }

    async fn note(&self, state: State) -> Result<(), UploadError> {
        let (dir, path) = (self.0.dir.clone(), self.path(state.sum.whole));
        let written = tokio::task::spawn_blocking(move || Note::of(state).write(&dir, &path));
        let written = written
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        written.map_err(UploadError::Note)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WholeId, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn progress(&self) -> Progress {
        let before = if self.is_done {
            0
        } else {
            CONTEXT_BYTES as u64
        };
        Progress {
            offset: self.sum.bytes.saturating_sub(before),
            length: self.length,
        }
    }
}

fn check_length(length: u64, announced: Option<u64>) -> Result<(), UploadError> {
    let bytes_max = announced.unwrap_or(UPLOAD_BYTES_MAX).min(UPLOAD_BYTES_MAX);
    if length > bytes_max {
        return Err(UploadError::TooLarge { bytes_max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
