//! Searchable columns and text of events; the only room that names tantivy.
//!
//! The index holds nothing that cannot be rebuilt from store and archive. It is parted by weeks of
//! event time, so that recent questions do not pay for old data and expiry drops directories.
//!
//! One thread writes: documents wait in a bounded queue, become searchable with the next commit
//! ([`COMMIT_EVERY`] later, or after some thousands while others keep coming) and `upto` then names
//! the highest row that is safe. After a crash the rows above `upto` are added again; adding a row
//! replaces what stood there.
//!
//! Questions are answered by a few threads of their own; more wait their turn.
//! A search is looked for once, over all parts that its time range touches, beside each other on
//! a few threads. What it found stays marked, so that counts in groups, over time and of people
//! read the columns of those documents alone. Events in order are read week by week, as far as the
//! page needs.

mod answer;
mod begun;
mod columns;
mod compare;
mod compile;
mod facet;
mod grouping;
mod listing;
mod look;
mod part;
mod people;
mod schema;
mod suggest;
mod tally;
mod terms;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;
use tokio::sync::oneshot;

use crate::query::{Expr, Key};
use answer::Answering;
use part::Parts;
use writer::Command;

/// How long a document waits before it can be found, where no others come.
pub const COMMIT_EVERY: Duration = Duration::from_millis(300);
/// Most commands that wait for the writer.
const QUEUE_LEN: usize = 64;

/// Why the index cannot answer. It can always be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The directory cannot be used.
    #[error("index directory {path}: {source}")]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The engine reports an error.
    #[error("index: {0}")]
    Engine(#[from] tantivy::TantivyError),
    /// A read failed.
    #[error("index: {0}")]
    Read(#[from] std::io::Error),
    /// The key is a fact of issues, or of groups of events; the caller resolves those.
    #[error("{0:?} is no fact of events")]
    NotAnEventKey(String),
    /// More groups than are counted at once.
    #[error("it would be more than {0} groups: search for less, or group by less")]
    TooManyGroups(usize),
    /// The writer has ended.
    #[error("the index is closed")]
    Closed,
}

/// A question: which events, by scope, time and filter.
#[derive(Clone, Debug)]
pub struct Search {
    /// Any of these; empty is every project.
    pub projects: Vec<ProjectId>,
    /// Any of these; `""` is events without one; empty is no condition.
    pub environments: Vec<String>,
    /// Only these issues.
    pub issues: Option<Vec<i64>>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Filters over events; keys of issues are an error.
    pub filter: Expr,
}

impl Search {
    /// Every event.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            projects: Vec::new(),
            environments: Vec::new(),
            issues: None,
            from: None,
            until: None,
            filter: Expr::everything(),
        }
    }
}

/// An issue that has matching events, with figures over those events alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueHit {
    /// The issue's row.
    pub issue: i64,
    /// Matching events that are stored.
    pub events: u64,
    /// Those that were told with them.
    pub others: u64,
    /// The first of them.
    pub first_seen: Timestamp,
    /// The last of them.
    pub last_seen: Timestamp,
}

/// What a search found as it stood when it was looked for; more can be asked of it.
#[derive(Clone, Debug)]
pub struct Look {
    /// The issues that have matching events, in no order.
    pub issues: Vec<IssueHit>,
    documents: Arc<look::Documents>,
}

/// What of a look is counted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// In which groups.
    pub groups: Groups,
    /// Whether events that are in none of the groups are counted as one more.
    pub has_rest: bool,
    /// Over which time, beside all of it.
    pub points: Points,
    /// Where people are counted.
    pub people: People,
    /// Whether events that were told with a stored one are counted with it, and their people.
    pub with_others: bool,
}

/// How events are told apart.
#[derive(Clone, Debug)]
pub enum Groups {
    /// They are not.
    All,
    /// By their issue.
    Issues(Vec<i64>),
    /// By their project.
    Projects(Vec<ProjectId>),
    /// By what they match; an event is counted in every group whose filter it matches.
    Matching(Vec<Expr>),
}

impl Groups {
    fn len(&self) -> usize {
        match self {
            Self::All => 1,
            Self::Issues(issues) => issues.len(),
            Self::Projects(projects) => projects.len(),
            Self::Matching(filters) => filters.len(),
        }
    }
}

/// Steps of time of one length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points {
    /// Begin of the first.
    pub from: Timestamp,
    /// Length of each in milliseconds, at least 1.
    pub width_ms: i64,
    /// How many.
    pub n: usize,
}

impl Points {
    /// No steps.
    pub const NONE: Self = Self {
        from: Timestamp::from_millis(0),
        width_ms: 1,
        n: 0,
    };

    /// Which step a time is in.
    fn place(&self, at: i64) -> Option<usize> {
        let since = at.checked_sub(self.from.as_millis())?;
        let place = usize::try_from(since.div_euclid(self.width_ms.max(1))).ok()?;
        (place < self.n).then_some(place)
    }
}

/// Where distinct people are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// Nowhere.
    NotCounted,
    /// In each group.
    OfGroups,
    /// In each step of time of each group.
    OfPoints,
}

/// Events, and the people who met them where those are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Events.
    pub events: u64,
    /// Distinct people.
    pub people: u64,
}

/// Counts of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of all its events, whenever they happened.
    pub all: Count,
    /// By step of time.
    pub points: Vec<Count>,
}

/// An event that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventHit {
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its row; rows rise in the order of digestion.
    pub row: i64,
    /// Its issue's row.
    pub issue: i64,
}

/// A key or a value, and how many events have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// As events have it; a tag's key begins with `#`.
    pub text: String,
    /// Exactly so many events have it.
    pub events: u64,
}

/// Keys or values that begin with a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// The most frequent first; where there are too many to know, the first by their letters.
    pub found: Vec<Suggestion>,
    /// Whether all that begin so were looked at.
    pub is_complete: bool,
    /// How many more there are, where that is known.
    pub n_left_out: Option<usize>,
}

/// What events are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Their issue.
    Issue,
    /// Their project.
    Project,
    /// Their value of a key, of those that [`can_group_by`] takes.
    Key(Key),
}

/// What the events of a group have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupValue {
    /// No value.
    None,
    /// The issue's row.
    Issue(i64),
    /// The project's id.
    Project(i64),
    /// The value as it is written.
    Text(String),
}

/// A group of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupHit {
    /// What its events have, in the order that was asked for.
    pub values: Vec<GroupValue>,
    /// How many they are, and who met them, where those are counted.
    pub count: Count,
    /// When the first of them happened.
    pub first_seen: Timestamp,
    /// When the last did.
    pub last_seen: Timestamp,
}

/// Whether events can be grouped by a key: not by what is different with each, or is a text.
#[must_use]
pub fn can_group_by(key: &Key) -> bool {
    schema::is_offered(&key_name(key))
}

/// A key as the index names it.
fn key_name(key: &Key) -> String {
    match key {
        Key::Field(name) => name.clone(),
        Key::Tag(name) => schema::tag_key(name),
        Key::Flag(name) => schema::tag_key(&format!("flags.{name}")),
    }
}

/// A tag of what a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Its name.
    pub tag: String,
    /// Events that have it.
    pub events: u64,
    /// The most frequent first; the rarest of very many are left out.
    pub values: Vec<FacetValue>,
}

/// A value of a tag, and the events that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// As events have it.
    pub text: String,
    /// How many.
    pub events: u64,
    /// When the first of them happened.
    pub first_seen: Timestamp,
    /// When the last did.
    pub last_seen: Timestamp,
}

/// Which end of time comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Latest first.
    Newest,
    /// Earliest first.
    Oldest,
}

/// A handle on the index; cheap to clone.
#[derive(Clone, Debug)]
pub struct Index {
    parts: Arc<Parts>,
    commands: tokio::sync::mpsc::Sender<Command>,
    answering: Answering,
}

impl Index {
    /// Opens the index below `dir`, or begins one. The writer ends when the last handle is closed.
    ///
    /// # Errors
    /// [`IndexError::Directory`] and [`IndexError::Engine`] when the files cannot be used: remove
    /// the directory and the hub rebuilds it.
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        let parts = Arc::new(Parts::open(dir)?);
        let (commands, queue) = tokio::sync::mpsc::channel(QUEUE_LEN);
        writer::start(Arc::clone(&parts), queue)?;
        Ok(Self {
            parts,
            commands,
            answering: Answering::start()?,
        })
    }

    /// Removes every document, so that the caller can add them again.
    ///
    /// # Errors
    /// [`IndexError::Directory`] when files cannot be removed.
    pub fn wipe(dir: &Path) -> Result<(), IndexError> {
        Parts::wipe(dir)
    }

    /// The highest row that is safe in the index; rows above it must be added again after a crash.
    #[must_use]
    pub fn upto(&self) -> i64 {
        self.parts.upto()
    }

    /// Queues documents; waits while the queue is full. Rows that are there already are replaced
    /// when `replaces` says so, which costs a look-up each.
    ///
    /// # Errors
    /// [`IndexError::Closed`] after [`Index::close`].
    pub async fn add(
        &self,
        documents: Vec<Document>,
        replaces: Replaces,
    ) -> Result<(), IndexError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.send(Command::Add {
            documents,
            replaces,
        })
        .await
    }

    /// Waits until everything queued before is searchable and safe.
    ///
    /// # Errors
    /// The engine's error, or [`IndexError::Closed`].
    pub async fn commit(&self) -> Result<(), IndexError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Commit { done }).await?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    /// Removes the events of issues.
    ///
    /// # Errors
    /// [`IndexError::Closed`] after [`Index::close`].
    pub async fn remove_issues(&self, issues: Vec<i64>) -> Result<(), IndexError> {
        self.send(Command::RemoveIssues { issues }).await
    }

    /// Removes events that happened before `at`; whole parts are dropped with their files.
    ///
    /// # Errors
    /// [`IndexError::Closed`] after [`Index::close`].
    pub async fn remove_before(&self, at: Timestamp) -> Result<(), IndexError> {
        self.send(Command::RemoveBefore { at }).await
    }

    /// Removes events, each by its row and when it happened, from what is searched and from the
    /// files; they are gone when this returns.
    ///
    /// # Errors
    /// The engine's error, or [`IndexError::Closed`].
    pub async fn erase(&self, rows: Vec<(i64, Timestamp)>) -> Result<(), IndexError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Erase { rows, done }).await?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    /// Commits and ends the writer.
    ///
    /// # Errors
    /// The engine's error at the last commit.
    pub async fn close(&self) -> Result<(), IndexError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Close { done }).await?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    /// Looks for the events of a search, once.
    ///
    /// # Errors
    /// [`IndexError::NotAnEventKey`], or the engine's error.
    pub async fn look(&self, search: Search) -> Result<Look, IndexError> {
        self.ask(move |parts| {
            let (issues, documents) = look::look(parts, &search)?;
            Ok(Look {
                issues,
                documents: Arc::new(documents),
            })
        })
        .await
    }

    /// Counts what a look found: in each group, in their order, and behind them in what is left,
    /// where that is wanted.
    ///
    /// # Errors
    /// [`IndexError::NotAnEventKey`], or the engine's error.
    pub async fn tally(&self, look: &Look, wanted: Wanted) -> Result<Vec<Tally>, IndexError> {
        let documents = Arc::clone(&look.documents);
        self.ask(move |parts| tally::tally(parts, &documents, &wanted))
            .await
    }

    /// The tags of what a look found in these projects, by their names; or the one of a name.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn facets(
        &self,
        look: &Look,
        projects: Vec<ProjectId>,
        tag: Option<String>,
    ) -> Result<Vec<Facet>, IndexError> {
        let documents = Arc::clone(&look.documents);
        self.ask(move |parts| facet::facets(parts, &documents, &projects, tag.as_deref()))
            .await
    }

    /// What a look found in these projects by the values that its events have, in no order; with
    /// how many people met them, where those are counted.
    ///
    /// # Errors
    /// [`IndexError::TooManyGroups`], or the engine's error.
    pub async fn groups(
        &self,
        look: &Look,
        projects: Vec<ProjectId>,
        by: Vec<GroupBy>,
        people: People,
    ) -> Result<Vec<GroupHit>, IndexError> {
        let documents = Arc::clone(&look.documents);
        self.ask(move |parts| grouping::groups(parts, &documents, &projects, &by, people))
            .await
    }

    /// Matching events in time order, at most `limit`, those behind `after` in that order.
    ///
    /// # Errors
    /// [`IndexError::NotAnEventKey`], or the engine's error.
    pub async fn events(
        &self,
        search: Search,
        order: Order,
        after: Option<EventHit>,
        limit: usize,
    ) -> Result<Vec<EventHit>, IndexError> {
        self.ask(move |parts| listing::events(parts, &search, order, after, limit))
            .await
    }

    /// The keys that events of these projects have, at most `limit`.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn suggest_keys(
        &self,
        projects: Vec<ProjectId>,
        limit: usize,
    ) -> Result<Suggestions, IndexError> {
        self.ask(move |parts| suggest::keys(parts, &projects, limit))
            .await
    }

    /// The values of a key in events of these projects that begin with a text, letters without
    /// case; at most `limit`. Keys of issues, and such as have no values of their own, have none.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn suggest_values(
        &self,
        projects: Vec<ProjectId>,
        key: &Key,
        begin: &str,
        limit: usize,
    ) -> Result<Suggestions, IndexError> {
        let key = key_name(key);
        let begin = begin.to_owned();
        self.ask(move |parts| suggest::values(parts, &projects, &key, &begin, limit))
            .await
    }

    /// Words of events that a word may have been meant for, the nearest first; none where events
    /// have the word, or one that begins with it. They may be another organization's: who shows
    /// them asks first whether the caller's events have them.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn near_words(&self, word: &str) -> Result<Vec<String>, IndexError> {
        let word = word.to_owned();
        self.ask(move |parts| suggest::near_words(parts, &word))
            .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Parts) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let parts = Arc::clone(&self.parts);
        self.answering.to(move || question(&parts)).await
    }

    async fn send(&self, command: Command) -> Result<(), IndexError> {
        self.commands
            .send(command)
            .await
            .map_err(|_| IndexError::Closed)
    }
}

/// Whether rows that are added may stand in the index already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// New rows.
    Nothing,
    /// Rows added again after a crash or by a rebuild.
    SameRows,
}

/// What is searchable of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The event's row, which rises in the order of digestion.
    pub row: i64,
    /// The project; `None` never leaves the digest.
    pub project: Option<ProjectId>,
    /// The issue's row.
    pub issue: i64,
    /// The event's id.
    pub event_id: Option<EventId>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the relay had it.
    pub received_at: Timestamp,
    /// `fatal`, `error`, `warning`, `info`, `debug`.
    pub level: String,
    /// `python`, `javascript`, …
    pub platform: String,
    /// `error`, `default`, `csp`, …
    pub kind: String,
    /// The release.
    pub release: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The distribution.
    pub dist: Option<String>,
    /// The transaction.
    pub transaction: Option<String>,
    /// The host.
    pub server_name: Option<String>,
    /// The logger.
    pub logger: Option<String>,
    /// Who met it.
    pub user: User,
    /// How many events were told with it, which are not stored themselves.
    pub n_others: u64,
    /// Who met those.
    pub users_of_others: Vec<User>,
    /// The request's address.
    pub url: Option<String>,
    /// The request's method.
    pub method: Option<String>,
    /// The issue's title by this event.
    pub title: String,
    /// Where it happened, as the issue's second line says it.
    pub culprit: String,
    /// The file it happened in.
    pub location: Option<String>,
    /// The message.
    pub message: String,
    /// Type and value of each exception.
    pub exceptions: Vec<(String, String)>,
    /// The frames of every exception.
    pub frames: Vec<Frame>,
    /// The breadcrumbs' texts, and what their data says.
    pub breadcrumbs: Vec<String>,
    /// What else can be asked by a key of its own, such as `device.arch`; facts of one key stand
    /// together.
    pub facts: Vec<(&'static str, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Whether the application handled it; `None` is not said.
    pub handled: Option<bool>,
    /// The SDK's name.
    pub sdk: Option<String>,
    /// The SDK's version.
    pub sdk_version: Option<String>,
    /// The trace it belongs to, 32 hexadecimal digits.
    pub trace_id: Option<String>,
}

/// Who met an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The application's own id.
    pub id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Internet address.
    pub ip: Option<String>,
}

/// One frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Module.
    pub module: Option<String>,
    /// Function.
    pub function: Option<String>,
    /// File.
    pub filename: Option<String>,
    /// The file's whole path or address, where it is another.
    pub abs_path: Option<String>,
    /// The library or image.
    pub package: Option<String>,
    /// Line, from 1.
    pub lineno: Option<u64>,
    /// Column, from 1.
    pub colno: Option<u64>,
    /// Whether it is the application's own code.
    pub in_app: bool,
}

#[cfg(test)]
mod tests;
