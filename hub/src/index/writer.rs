//! The one thread that writes the index.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use protocol::timestamp::Timestamp;
use tantivy::query::RangeQuery;
use tantivy::{IndexWriter, SegmentMeta, Term};
use tokio::sync::{mpsc, oneshot};

use super::part::{Parts, week_of};
use super::schema::document;
use super::{COMMIT_EVERY, Document, IndexError, Replaces};

/// Bytes the engine may gather for one part before it writes a segment.
const WRITER_BYTES: usize = 30 * 1024 * 1024;
/// Parts that are open for writing at a time: this week's, and one for late events.
const OPEN_PARTS_MAX: usize = 2;
/// How often a loop that waits looks for a due commit.
const TICK: Duration = Duration::from_millis(50);

/// What can be asked of the writer.
#[derive(Debug)]
pub(super) enum Command {
    Add {
        documents: Vec<Document>,
        replaces: Replaces,
    },
    RemoveIssues {
        issues: Vec<i64>,
    },
    RemoveBefore {
        at: Timestamp,
    },
    Erase {
        rows: Vec<(i64, Timestamp)>,
        done: oneshot::Sender<Result<(), IndexError>>,
    },
    Commit {
        done: oneshot::Sender<Result<(), IndexError>>,
    },
    Close {
        done: oneshot::Sender<Result<(), IndexError>>,
    },
}

/// Starts the thread; it ends at `Close`, or when every handle is gone.
pub(super) fn start(parts: Arc<Parts>, queue: mpsc::Receiver<Command>) -> Result<(), IndexError> {
    let writer = Writer {
        parts,
        open: BTreeMap::new(),
        dirty: BTreeSet::new(),
        highest: 0,
        has_gap: false,
    };
    let thread = std::thread::Builder::new().name("index".into());
    thread.spawn(move || writer.run(queue))?;
    Ok(())
}

struct Writer {
    parts: Arc<Parts>,
    open: BTreeMap<i64, IndexWriter>,
    dirty: BTreeSet<i64>,
    highest: i64,
    /// Rows were lost to an error since the start.
    has_gap: bool,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        self.highest = self.parts.upto();
        let mut waited = Duration::ZERO;
        loop {
            let command = match queue.try_recv() {
                Ok(command) => command,
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if self.dirty.is_empty() => {
                    match queue.blocking_recv() {
                        Some(command) => command,
                        None => break,
                    }
                }
                Err(mpsc::error::TryRecvError::Empty) => {
                    std::thread::park_timeout(TICK);
                    waited += TICK;
                    if waited >= COMMIT_EVERY {
                        waited = Duration::ZERO;
                        self.note(Self::commit);
                    }
                    continue;
                }
            };
            match command {
                Command::Add {
                    documents,
                    replaces,
                } => {
                    self.note(|writer| writer.add(&documents, replaces));
                }
                Command::RemoveIssues { issues } => self.note(|w| w.remove_issues(&issues)),
                Command::RemoveBefore { at } => self.note(|w| w.remove_before(at)),
                Command::Erase { rows, done } => drop(done.send(self.erase(&rows))),
                Command::Commit { done } => drop(done.send(self.commit())),
                Command::Close { done } => {
                    let committed = self.commit();
                    // The engine's locks are free before the answer, so that it can be opened again.
                    self.open.clear();
                    drop(done.send(committed));
                    break;
                }
            }
        }
    }

    /// Runs a step whose error has no one to go to: it is logged, `upto` rises no more, and the
    /// rows above it are added again at the next start.
    fn note(&mut self, step: impl FnOnce(&mut Self) -> Result<(), IndexError>) {
        if let Err(error) = step(self) {
            tracing::error!(%error, "the index could not be written; rebuild it if this stays");
            self.open.clear();
            self.dirty.clear();
            self.has_gap = true;
        }
    }

    fn writer(&mut self, week: i64) -> Result<&mut IndexWriter, IndexError> {
        if !self.open.contains_key(&week) {
            while self.open.len() >= OPEN_PARTS_MAX {
                self.commit()?;
                self.open.pop_first();
            }
            let writer = self
                .parts
                .part(week)?
                .index
                .writer_with_num_threads(1, WRITER_BYTES)?;
            self.open.insert(week, writer);
        }
        self.open.get_mut(&week).ok_or(IndexError::Closed)
    }

    fn add(&mut self, documents: &[Document], replaces: Replaces) -> Result<(), IndexError> {
        let fields = self.parts.fields;
        for event in documents {
            let week = week_of(event.timestamp.as_millis());
            let writer = self.writer(week)?;
            if replaces == Replaces::SameRows {
                writer.delete_term(Term::from_field_i64(fields.row, event.row));
            }
            writer.add_document(document(&fields, event))?;
            self.dirty.insert(week);
            self.highest = self.highest.max(event.row);
        }
        Ok(())
    }

    fn remove_issues(&mut self, issues: &[i64]) -> Result<(), IndexError> {
        let field = self.parts.fields.issue;
        for week in self.weeks() {
            let writer = self.writer(week)?;
            for issue in issues {
                writer.delete_term(Term::from_field_i64(field, *issue));
            }
            self.dirty.insert(week);
        }
        Ok(())
    }

    fn remove_before(&mut self, at: Timestamp) -> Result<(), IndexError> {
        let field = self.parts.fields.timestamp;
        let boundary = week_of(at.as_millis());
        for week in self.weeks() {
            if week < boundary {
                self.open.remove(&week);
                self.dirty.remove(&week);
                self.parts.drop_part(week)?;
            } else if week == boundary {
                let before = Bound::Excluded(Term::from_field_i64(field, at.as_millis()));
                let writer = self.writer(week)?;
                writer.delete_query(Box::new(RangeQuery::new(Bound::Unbounded, before)))?;
                self.dirty.insert(week);
            }
        }
        Ok(())
    }

    /// What is deleted stays in its segment until that is merged, so segments with any are.
    fn erase(&mut self, rows: &[(i64, Timestamp)]) -> Result<(), IndexError> {
        let field = self.parts.fields.row;
        let weeks: BTreeSet<i64> = rows.iter().map(|(_, at)| week_of(at.as_millis())).collect();
        let known = self.weeks();
        for week in weeks.into_iter().filter(|week| known.contains(week)) {
            let writer = self.writer(week)?;
            for (row, _) in rows
                .iter()
                .filter(|(_, at)| week_of(at.as_millis()) == week)
            {
                writer.delete_term(Term::from_field_i64(field, *row));
            }
            writer.commit()?;
            let part = self.parts.part(week)?;
            let segments = part.index.searchable_segment_metas()?.into_iter();
            let stale = segments.filter(SegmentMeta::has_deletes);
            let stale: Vec<_> = stale.map(|segment| segment.id()).collect();
            let writer = self.writer(week)?;
            for segment in stale {
                writer.merge(&[segment]).wait()?;
            }
            part.reload()?;
            self.writer(week)?.garbage_collect_files().wait()?;
        }
        Ok(())
    }

    fn weeks(&self) -> Vec<i64> {
        self.parts.all().iter().map(|part| part.week).collect()
    }

    /// Commits every touched part, then notes how far the index is safe.
    fn commit(&mut self) -> Result<(), IndexError> {
        for week in std::mem::take(&mut self.dirty) {
            if let Some(writer) = self.open.get_mut(&week) {
                writer.commit()?;
                self.parts.part(week)?.reload()?;
            }
        }
        if self.highest > self.parts.upto() && !self.has_gap {
            self.parts.set_upto(self.highest)?;
        }
        Ok(())
    }
}
