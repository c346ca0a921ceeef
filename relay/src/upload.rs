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

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::block::{Chain, PART_BYTES, Part, Record, Sum};
use protocol::crash::{self, Crash};
use protocol::ids::{Lane, ProjectId, WholeId};
use protocol::item::Category;
use protocol::outcome::reason;
use protocol::privacy::{CONTEXT_BYTES, Pieces, Scrubber};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aside::Aside;
use crate::ledger::Ledger;
use crate::spool::{Spool, SpoolError};

/// Uploads that clients may go on with.
const OPEN_MAX: usize = 64;
/// Files of envelopes that are not kept yet.
const INLINE_MAX: usize = 1024;
/// One in so many places is a project's at most: who knows one DSN takes nobody else's.
const SHARE: usize = 4;
/// How long an upload waits for its next piece, and then for its envelope, while the relay runs.
const IDLE_MAX: Duration = Duration::from_hours(24);
/// And so long when its place is wanted.
const WANTED_IDLE_MAX: Duration = Duration::from_hours(1);
/// How long a file of an envelope waits for the rest of it, which may have been refused.
const INLINE_IDLE_MAX: Duration = Duration::from_hours(2);
/// How much of a crash dump is looked into, from its beginning on, in bytes: what says anything
/// stands in front of the memory.
pub const HEAD_BYTES: usize = 1024 * 1024;
/// What a dump begins with.
const DUMP: &[u8] = b"MDMP";
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
    Rules,
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

/// The same as it is noted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    project: ProjectId,
    received_at: Timestamp,
    length: Option<u64>,
    parts: u32,
    bytes: u64,
    chain: String,
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
        self.begin(sender, length, true)
            .await
            .map(|open| open.sum.whole)
    }

    /// Begins an upload that ends with its request.
    ///
    /// # Errors
    /// As [`Uploads::create`].
    pub async fn inline(&self, sender: &Sender, length: u64) -> Result<Upload, UploadError> {
        let state = self.begin(sender, Some(length), false).await?;
        self.turn(sender, state.sum.whole, 0)
    }

    async fn begin(
        &self,
        sender: &Sender,
        length: Option<u64>,
        is_noted: bool,
    ) -> Result<State, UploadError> {
        check_length(length.unwrap_or(0), None)?;
        sender.scrubber.pieces(0).ok_or(UploadError::Rules)?;
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
        };
        self.lock().insert(state.sum.whole, open);
        Ok(state)
    }

    /// Forgets what nobody went on with, and where there is no place left what waits for longest.
    async fn make_room(&self, sender: &Sender, is_noted: bool) -> Result<(), UploadError> {
        let now = sender.now;
        let idle: Vec<WholeId> = {
            let open = self.lock();
            let idle = open.iter().filter(|(_, open)| {
                let most = if open.is_noted {
                    IDLE_MAX
                } else {
                    INLINE_IDLE_MAX
                };
                open.idle(now) > Some(most)
            });
            idle.map(|(id, _)| *id).collect()
        };
        for id in idle {
            self.give_up(id).await;
        }
        while let Some((shortage, of)) = self.shortage(sender.project, is_noted) {
            let longest = self.longest_idle(of, is_noted, now);
            self.give_up(longest.ok_or(shortage)?).await;
        }
        Ok(())
    }

    /// Why no more may be open, and of which project a place would have to be given up; `None` of
    /// any.
    fn shortage(
        &self,
        project: ProjectId,
        is_noted: bool,
    ) -> Option<(UploadError, Option<ProjectId>)> {
        let most = if is_noted { OPEN_MAX } else { INLINE_MAX };
        let open_max = most / SHARE;
        let open = self.lock();
        let like = || open.values().filter(|open| open.is_noted == is_noted);
        let n_own = like().filter(|open| open.state.project == project).count();
        if n_own >= open_max {
            Some((UploadError::Share { open_max }, Some(project)))
        } else if like().count() >= most {
            Some((UploadError::TooMany, None))
        } else {
            None
        }
    }

    /// The one that waits for longest, and long enough to give its place up.
    fn longest_idle(
        &self,
        of: Option<ProjectId>,
        is_noted: bool,
        now: Duration,
    ) -> Option<WholeId> {
        let open = self.lock();
        let like = open.iter().filter(|(_, open)| {
            open.is_noted == is_noted && of.is_none_or(|of| open.state.project == of)
        });
        let idle = like.filter_map(|(id, open)| Some((open.idle(now)?, *id)));
        let (idle, id) = idle.max()?;
        (idle > WANTED_IDLE_MAX).then_some(id)
    }

    /// Forgets what nobody went on with, and counts it. A file of an envelope was refused, and so
    /// counted, with its envelope.
    async fn give_up(&self, id: WholeId) {
        let known = self.lock().get(&id).cloned();
        if let Some(known) = known.filter(|known| known.is_noted) {
            let (project, category) = (Some(known.state.project), Category::Attachment);
            let ledger = &self.0.ledger;
            ledger.refused(project, category, reason::UPLOAD_FAILED, 1);
        }
        self.forget(id).await;
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
        let pieces = sender.scrubber.pieces(given).ok_or(UploadError::Rules)?;
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
    pub fn crash(&self, id: WholeId) -> Option<Crash> {
        self.lock().get(&id)?.crash.as_deref().cloned()
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

impl Open {
    /// How long nobody has gone on with it; `None` while somebody does.
    fn idle(&self, now: Duration) -> Option<Duration> {
        (!self.is_busy).then(|| now.saturating_sub(self.touched))
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

/// An upload whose bytes are coming.
#[derive(Debug)]
pub struct Upload {
    uploads: Uploads,
    state: State,
    is_noted: bool,
    /// Away while they are scrubbed.
    pieces: Option<Pieces>,
    /// What came, from the file's first byte on.
    offset: u64,
    /// The first bytes as they came, while they may be a dump's.
    head: Option<Vec<u8>>,
}

impl Upload {
    /// Takes the next bytes; what can be kept of all that came is durable afterwards.
    ///
    /// # Errors
    /// [`UploadError::TooLarge`], [`UploadError::Spool`], [`UploadError::Note`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.offset += bytes.len() as u64;
        check_length(self.offset, self.state.length)?;
        self.look(bytes);
        if let Some(pieces) = &mut self.pieces {
            pieces.push(bytes);
        }
        while self
            .pieces
            .as_ref()
            .is_some_and(|pieces| pieces.has(PART_BYTES))
        {
            if let Some(piece) = self.scrubbed().await {
                self.keep(piece).await?;
            }
        }
        Ok(())
    }

    /// Ends the request; when the whole file came, all of it is durable afterwards.
    ///
    /// # Errors
    /// [`UploadError::Spool`], [`UploadError::Note`].
    pub async fn finish(mut self) -> Result<Progress, UploadError> {
        self.note_crash().await;
        if self.state.length == Some(self.offset)
            && let Some(pieces) = self.pieces.take()
        {
            let rest = self.aside(move || pieces.finish()).await;
            let rest = rest.ok_or(SpoolError::Closed)?;
            for piece in rest.chunks(PART_BYTES) {
                self.keep(rest.slice_ref(piece)).await?;
            }
            if self.state.sum.parts == 0 {
                self.keep(Bytes::new()).await?;
            }
            self.state.is_done = true;
            self.write_down().await?;
        }
        Ok(self.state.progress())
    }

    /// The name by which an envelope refers to it.
    #[must_use]
    pub const fn id(&self) -> WholeId {
        self.state.sum.whole
    }

    /// Keeps the head of what may be a dump.
    fn look(&mut self, bytes: &[u8]) {
        let Some(head) = &mut self.head else { return };
        let room = HEAD_BYTES.saturating_sub(head.len());
        head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let n = head.len().min(DUMP.len());
        if head.get(..n) != DUMP.get(..n) {
            self.head = None;
        }
    }

    /// Remembers what the head says.
    async fn note_crash(&mut self) {
        let Some(head) = self.head.take() else { return };
        let read = self.aside(move || crash::read(&head)).await;
        if let Some(Ok(crash)) = read
            && let Some(open) = self.uploads.lock().get_mut(&self.id())
        {
            open.crash = Some(Box::new(crash));
        }
    }

    /// The next piece without what is private.
    async fn scrubbed(&mut self) -> Option<Bytes> {
        let mut pieces = self.pieces.take()?;
        let work = self.aside(move || (pieces.take(PART_BYTES), pieces));
        let (piece, pieces) = work.await?;
        self.pieces = Some(pieces);
        piece
    }

    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let whose = Some(self.state.project);
        self.uploads.aside().run(whose, work).await
    }

    async fn keep(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let State {
            project,
            received_at,
            sum,
            ..
        } = self.state;
        let sum = Sum {
            parts: sum.parts + 1,
            bytes: sum.bytes + bytes.len() as u64,
            chain: sum.chain.with(&bytes),
            ..sum
        };
        let part = Part {
            project,
            event_id: None,
            received_at,
            whole: sum.whole,
            nth: sum.parts - 1,
            chain: sum.chain,
            bytes,
        };
        let records = vec![(Lane::Blobs, Record::Part(part))];
        let Inner { spool, aside, .. } = &*self.uploads.0;
        spool.append_beside(aside, records).await?;
        self.state.sum = sum;
        self.write_down().await
    }

    async fn write_down(&mut self) -> Result<(), UploadError> {
        if self.is_noted {
            self.uploads.note(self.state).await?;
        }
        if let Some(open) = self.uploads.lock().get_mut(&self.id()) {
            open.state = self.state;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut all = self.uploads.lock();
        let is_lost = !self.is_noted && !self.state.is_done;
        if is_lost {
            all.remove(&self.state.sum.whole);
        } else if let Some(open) = all.get_mut(&self.state.sum.whole) {
            open.is_busy = false;
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

impl Note {
    fn of(state: State) -> Self {
        Self {
            project: state.project,
            received_at: state.received_at,
            length: state.length,
            parts: state.sum.parts,
            bytes: state.sum.bytes,
            chain: hex::encode(state.sum.chain.as_bytes()),
            is_done: state.is_done,
        }
    }

    fn state(&self, whole: WholeId) -> Option<State> {
        let mut chain = [0; 32];
        hex::decode_to_slice(&self.chain, &mut chain).ok()?;
        Some(State {
            project: self.project,
            received_at: self.received_at,
            length: self.length,
            sum: Sum {
                whole,
                parts: self.parts,
                bytes: self.bytes,
                chain: Chain::from_bytes(chain),
            },
            is_done: self.is_done,
        })
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Durable when this returns, in the place of the one before.
    fn write(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let aside = path.with_extension("new");
        let mut file = fs::File::create(&aside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        fs::File::open(dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests;
