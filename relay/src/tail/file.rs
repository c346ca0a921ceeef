//! Follows log files: as they grow, are moved away and begun anew, or cut.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use protocol::traceback::{Collector, Piece};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::cursors::Cursors;
use super::{Config, Found, Sink};

/// Most bytes that are read of a file at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Looks without a new line after which what is held back is as whole as it will be.
const QUIET_LOOKS: u32 = 2;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file system.
    dev: u64,
    /// The file, whatever it is called.
    ino: u64,
    /// Bytes of it that are done.
    offset: u64,
    /// How often it was cut: the same trace at the same place may come again.
    #[serde(default)]
    cuts: u64,
}

/// Follows files until the sink's relay ends; says when each is opened, from where on nothing is
/// missed.
pub(super) async fn follow(
    config: Config,
    state: PathBuf,
    sink: Sink,
    opened: oneshot::Sender<()>,
) {
    let (line_max, files) = (config.line_max(), config.files);
    let opening = tokio::task::spawn_blocking(move || open(&files, line_max, state));
    let Ok((mut followers, mut cursors)) = opening.await else {
        return;
    };
    // Who asked may have had no time to wait.
    let _ = opened.send(());
    loop {
        let mut is_more = false;
        for _ in 0..followers.len() {
            let Some(mut follower) = followers.pop_front() else {
                return;
            };
            let looked = tokio::task::spawn_blocking(move || {
                let looked = follower.look();
                (follower, looked)
            });
            let Ok((mut follower, looked)) = looked.await else {
                return;
            };
            is_more |= looked.is_more;
            for found in &looked.found {
                if !sink.send(found).await {
                    return;
                }
            }
            follower.done = follower.emitted;
            followers.push_back(follower);
        }
        let Some(saved) = save(cursors, &followers).await else {
            return;
        };
        cursors = saved;
        if sink.cancel.is_cancelled() {
            return;
        }
        if !is_more {
            tokio::select! {
                () = sink.cancel.cancelled() => return,
                () = tokio::time::sleep(config.poll_interval.0) => {}
            }
        }
    }
}

/// Opens the files where they were left.
fn open(
    files: &[PathBuf],
    line_max: usize,
    state: PathBuf,
) -> (VecDeque<Follower>, Cursors<Place>) {
    let cursors = Cursors::<Place>::open(state);
    let follower = |path: &PathBuf| {
        let known = cursors.places.get(&path.display().to_string());
        Follower::new(path.clone(), known.copied(), line_max)
    };
    (files.iter().map(follower).collect(), cursors)
}

/// Keeps the cursors that have moved; `None` when that breaks.
async fn save(
    mut cursors: Cursors<Place>,
    followers: &VecDeque<Follower>,
) -> Option<Cursors<Place>> {
    let mut is_changed = false;
    for follower in followers {
        if let Some(place) = follower.place() {
            let name = follower.path.display().to_string();
            is_changed |= cursors.places.insert(name, place) != Some(place);
        }
    }
    if !is_changed {
        return Some(cursors);
    }
    let saving = tokio::task::spawn_blocking(move || {
        cursors.save();
        cursors
    });
    saving.await.ok()
}

/// What a look has found.
#[derive(Debug, Default)]
pub struct Looked {
    /// The traces that are whole.
    pub found: Vec<Found>,
    /// There is more to be read at once.
    pub is_more: bool,
}

/// One file.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    line_max: usize,
    open: Option<Opened>,
    /// Where an earlier life was.
    known: Option<Place>,
    is_missing_told: bool,
    collector: Collector,
    /// Where each line that the collector holds ends.
    ends: VecDeque<u64>,
    /// The bytes of a line whose end is to come, up to the limit.
    partial: Vec<u8>,
    n_quiet: u32,
    /// How often the open file was cut.
    cuts: u64,
    /// Behind the last line that came out of the collector.
    pub(super) emitted: u64,
    /// Behind the last line that is done with.
    pub(super) done: u64,
}

#[derive(Debug)]
struct Opened {
    file: File,
    dev: u64,
    ino: u64,
    /// Bytes that were read.
    read: u64,
}

impl Opened {
    fn of(path: &PathBuf) -> io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        Ok(Self {
            dev: about.dev(),
            ino: about.ino(),
            read: 0,
            file,
        })
    }

    fn is(&self, place: Place) -> bool {
        (self.dev, self.ino) == (place.dev, place.ino)
    }
}

impl Follower {
    /// Follows a file from a place on; without one from where it ends now, and what comes later
    /// from its beginning.
    #[must_use]
    pub fn new(path: PathBuf, known: Option<Place>, line_max: usize) -> Self {
        let mut follower = Self {
            path,
            line_max,
            open: None,
            known,
            is_missing_told: false,
            collector: Collector::default(),
            ends: VecDeque::new(),
            partial: Vec::new(),
            n_quiet: 0,
            cuts: 0,
            emitted: 0,
            done: 0,
        };
        let begun = follower.begin(SeekFrom::End(0));
        follower.tell(begun);
        follower
    }

    /// Up to where all is done; `None` before the file was there.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let open = self.open.as_ref()?;
        Some(Place {
            dev: open.dev,
            ino: open.ino,
            offset: self.done,
            cuts: self.cuts,
        })
    }

    /// Reads what is new, up to a limit.
    pub fn look(&mut self) -> Looked {
        let mut looked = Looked::default();
        let read = self.read(&mut looked);
        self.tell(read);
        looked
    }

    /// Tells once of a file that cannot be read.
    fn tell(&mut self, done: io::Result<()>) {
        match done {
            Ok(()) => self.is_missing_told = false,
            Err(error) if !self.is_missing_told => {
                tracing::warn!(%error, file = %self.path.display(), "log cannot be read; it is tried again");
                self.is_missing_told = true;
            }
            Err(_) => {}
        }
    }

    fn read(&mut self, looked: &mut Looked) -> io::Result<()> {
        if self.open.is_none() {
            self.begin(SeekFrom::Start(0))?;
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.file.metadata()?.len() < open.read {
            // Cut: what was there is gone, and so is the end of what was begun.
            self.finish(looked);
            self.cuts += 1;
            self.restart(0);
            looked.is_more = true;
            return Ok(());
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        let n = open.file.read(&mut chunk)?;
        open.read += n as u64;
        let read = open.read;
        if n > 0 {
            self.n_quiet = 0;
            looked.is_more = n == CHUNK_BYTES;
            let chunk = chunk.get(..n).unwrap_or_default();
            self.take(chunk, read - n as u64, looked);
            return Ok(());
        }
        if self.is_moved() {
            // All of the old file is read; its last line need not have an end.
            if !self.partial.is_empty() {
                self.line(read, looked);
            }
            self.finish(looked);
            self.open = None;
            self.known = None;
            looked.is_more = true;
            return Ok(());
        }
        self.n_quiet = self.n_quiet.saturating_add(1);
        if self.n_quiet >= QUIET_LOOKS {
            let pieces = self.collector.end();
            self.emit(pieces, looked);
        }
        Ok(())
    }

    /// Opens the file where it is to be read from: one that is not known, from there on.
    fn begin(&mut self, unknown: SeekFrom) -> io::Result<()> {
        let mut open = Opened::of(&self.path)?;
        let len = open.file.metadata()?.len();
        let (mut offset, mut cuts) = (0, 0);
        match self.known {
            Some(known) if open.is(known) && known.offset <= len => {
                (offset, cuts) = (known.offset, known.cuts);
            }
            Some(known) if open.is(known) => cuts = known.cuts + 1,
            Some(known) => {
                // Moved away while nobody looked, as a rule by this name.
                let mut old = self.path.clone().into_os_string();
                old.push(".1");
                if let Ok(moved) = Opened::of(&PathBuf::from(old))
                    && moved.is(known)
                {
                    (open, offset, cuts) = (moved, known.offset, known.cuts);
                }
            }
            None => offset = open.file.seek(unknown)?,
        }
        open.file.seek(SeekFrom::Start(offset))?;
        open.read = offset;
        self.open = Some(open);
        self.cuts = cuts;
        self.restart(offset);
        Ok(())
    }

    /// All that was held is out; goes on from here.
    fn restart(&mut self, offset: u64) {
        if let Some(open) = &mut self.open {
            open.read = offset;
            // What is read from is asked again when this fails.
            let sought = open.file.seek(SeekFrom::Start(offset));
            if sought.is_err() {
                self.open = None;
            }
        }
        self.partial.clear();
        self.ends.clear();
        self.emitted = offset;
        self.done = offset;
    }

    /// Whether the path leads to another file now.
    fn is_moved(&self) -> bool {
        let about = fs::metadata(&self.path);
        match (&self.open, about) {
            (Some(open), Ok(about)) => (about.dev(), about.ino()) != (open.dev, open.ino),
            // Between being moved away and begun anew.
            (_, Err(_)) | (None, _) => false,
        }
    }

    fn take(&mut self, mut chunk: &[u8], mut at: u64, looked: &mut Looked) {
        while let Some(newline) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = chunk.split_at_checked(newline + 1).unwrap_or((chunk, &[]));
            at += line.len() as u64;
            self.add(line.get(..newline).unwrap_or_default());
            self.line(at, looked);
            chunk = rest;
        }
        self.add(chunk);
    }

    /// Adds to the line that is not complete, up to the limit.
    fn add(&mut self, bytes: &[u8]) {
        let room = self.line_max.saturating_sub(self.partial.len());
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.partial.extend_from_slice(bytes);
    }

    /// The line is complete, and ends there.
    fn line(&mut self, end: u64, looked: &mut Looked) {
        let line = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
        self.ends.push_back(end);
        let pieces = self.collector.push(text);
        self.emit(pieces, looked);
    }

    fn finish(&mut self, looked: &mut Looked) {
        let pieces = self.collector.end();
        self.emit(pieces, looked);
    }

    fn emit(&mut self, pieces: Vec<Piece>, looked: &mut Looked) {
        for piece in pieces {
            let began = self.emitted;
            let n_lines = match &piece {
                Piece::Line(_) => 1,
                Piece::Trace(trace) => trace.lines.len(),
            };
            if let Some(end) = self.ends.drain(..n_lines.min(self.ends.len())).next_back() {
                self.emitted = end;
            }
            if let Piece::Trace(trace) = piece {
                let (dev, ino) = self
                    .open
                    .as_ref()
                    .map_or((0, 0), |open| (open.dev, open.ino));
                let path = self.path.display();
                let mark = match self.cuts {
                    0 => format!("{path} {dev} {ino} {began}"),
                    cuts => format!("{path} {dev} {ino} {began} {cuts}"),
                };
                looked.found.push(Found {
                    trace,
                    mark,
                    logger: path.to_string(),
                    at: None,
                });
            }
        }
    }
}
