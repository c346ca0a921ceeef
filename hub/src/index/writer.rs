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
use super::{COMMIT_EVERY, Document, Frame, IndexError, Replaces, User};

/// Bytes the engine may gather for one part before it writes a segment; it takes no less than 15 MB.
const WRITER_BYTES: usize = 17 * 1024 * 1024;
/// Parts that are open for writing at a time: this week's, last week's, and one for late events.
const OPEN_PARTS_MAX: usize = 3;
/// Bytes of documents that wait for a part that is not open. Opening and closing one costs as much
/// as many documents, so that late ones are gathered by week.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often a loop that waits looks for a due commit.
const TICK: Duration = Duration::from_millis(50);
/// Documents after which there is a commit, while others keep coming.
const COMMIT_AFTER: usize = 10_000;

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
        n_uses: 0,
        n_fresh: 0,
        waiting: BTreeMap::new(),
        waiting_bytes: 0,
        highest: 0,
        has_gap: false,
    };
    let thread = std::thread::Builder::new().name("index".into());
    thread.spawn(move || writer.run(queue))?;
    Ok(())
}

/// A part that is open for writing.
struct Open {
    writer: IndexWriter,
    /// The higher, the later it was used.
    used: u64,
}

struct Writer {
    parts: Arc<Parts>,
    open: BTreeMap<i64, Open>,
    /// Parts with what is not committed.
    dirty: BTreeSet<i64>,
    n_uses: u64,
    /// Documents since the last commit.
    n_fresh: usize,
    /// Documents of parts that are not open, by week.
    waiting: BTreeMap<i64, Vec<(Document, Replaces)>>,
    waiting_bytes: usize,
    highest: i64,
    /// Rows were lost to an error since the start.
    has_gap: bool,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        self.highest = self.parts.upto();
        let mut waited = Duration::ZERO;
        loop {
            let is_clean = self.dirty.is_empty() && self.waiting.is_empty();
            let command = match queue.try_recv() {
                Ok(command) => command,
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if is_clean => match queue.blocking_recv() {
                    Some(command) => command,
                    None => break,
                },
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
                    self.note(|writer| writer.add(documents, replaces));
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
            self.waiting.clear();
            self.waiting_bytes = 0;
            self.has_gap = true;
        }
    }

    fn writer(&mut self, week: i64) -> Result<&mut IndexWriter, IndexError> {
        self.n_uses += 1;
        if !self.open.contains_key(&week) {
            while self.open.len() >= OPEN_PARTS_MAX {
                self.close_one()?;
            }
            let index = &self.parts.part(week)?.index;
            let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
            self.open.insert(week, Open { writer, used: 0 });
        }
        let open = self.open.get_mut(&week).ok_or(IndexError::Closed)?;
        open.used = self.n_uses;
        Ok(&mut open.writer)
    }

    /// Closes the part that was used least lately, but not the latest: most of what comes is of it.
    fn close_one(&mut self) -> Result<(), IndexError> {
        let latest = self.open.last_key_value().map(|(week, _)| *week);
        let others = self.open.iter().filter(|(week, _)| Some(**week) != latest);
        let least = others.min_by_key(|(_, open)| open.used);
        let Some(week) = least.map(|(week, _)| *week).or(latest) else {
            return Ok(());
        };
        if self.dirty.remove(&week) {
            self.commit_part(week)?;
        }
        if let Some(open) = self.open.remove(&week) {
            // Merges that were begun would be lost with the writer, and its segments pile up.
            open.writer.wait_merging_threads()?;
            self.parts.part(week)?.reload()?;
        }
        Ok(())
    }

    /// Adds documents to the parts that are open, or can be; the others wait for theirs.
    fn add(&mut self, documents: Vec<Document>, replaces: Replaces) -> Result<(), IndexError> {
        self.n_fresh += documents.len();
        for event in documents {
            let week = week_of(event.timestamp.as_millis());
            self.highest = self.highest.max(event.row);
            let is_at_hand = self.open.contains_key(&week) || self.open.len() < OPEN_PARTS_MAX;
            // What waits for a part goes first.
            if is_at_hand && !self.waiting.contains_key(&week) {
                self.add_to(week, &event, replaces)?;
            } else {
                self.waiting_bytes += weight(&event);
                self.waiting
                    .entry(week)
                    .or_default()
                    .push((event, replaces));
                if self.waiting_bytes > WAITING_BYTES_MAX {
                    self.add_waiting()?;
                }
            }
        }
        if self.n_fresh >= COMMIT_AFTER {
            self.commit()?;
        }
        Ok(())
    }

    /// Adds what waits, part by part.
    fn add_waiting(&mut self) -> Result<(), IndexError> {
        self.waiting_bytes = 0;
        for (week, events) in std::mem::take(&mut self.waiting) {
            for (event, replaces) in events {
                self.add_to(week, &event, replaces)?;
            }
        }
        Ok(())
    }

    fn add_to(
        &mut self,
        week: i64,
        event: &Document,
        replaces: Replaces,
    ) -> Result<(), IndexError> {
        let fields = self.parts.fields;
        let writer = self.writer(week)?;
        if replaces == Replaces::SameRows {
            writer.delete_term(Term::from_field_i64(fields.row, event.row));
        }
        writer.add_document(document(&fields, event))?;
        self.dirty.insert(week);
        Ok(())
    }

    fn remove_issues(&mut self, issues: &[i64]) -> Result<(), IndexError> {
        self.add_waiting()?;
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
        self.add_waiting()?;
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
        self.add_waiting()?;
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
        self.n_fresh = 0;
        self.add_waiting()?;
        for week in std::mem::take(&mut self.dirty) {
            self.commit_part(week)?;
        }
        if self.highest > self.parts.upto() && !self.has_gap {
            self.parts.set_upto(self.highest)?;
        }
        Ok(())
    }

    fn commit_part(&mut self, week: i64) -> Result<(), IndexError> {
        if let Some(open) = self.open.get_mut(&week) {
            open.writer.commit()?;
            self.parts.part(week)?.reload()?;
        }
        Ok(())
    }
}

/// About how many bytes a document takes.
fn weight(event: &Document) -> usize {
    /// Its own fields, and what each text takes beside its letters.
    const OWN: usize = 1024;
    let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 24).sum::<usize>();
    let pairs = |pairs: &[(String, String)]| {
        let pairs = pairs.iter();
        pairs.map(|(a, b)| a.len() + b.len() + 48).sum::<usize>()
    };
    let frames = event.frames.iter().map(|frame| {
        let named = [
            &frame.module,
            &frame.function,
            &frame.filename,
            &frame.abs_path,
            &frame.package,
        ];
        let letters: usize = named.into_iter().flatten().map(String::len).sum();
        size_of::<Frame>() + letters
    });
    let facts = event.facts.iter();
    let facts: usize = facts.map(|(key, value)| key.len() + value.len() + 40).sum();
    OWN + event.message.len()
        + event.users_of_others.len() * size_of::<User>()
        + facts
        + event.title.len()
        + texts(&event.breadcrumbs)
        + pairs(&event.exceptions)
        + pairs(&event.tags)
        + frames.sum::<usize>()
}
