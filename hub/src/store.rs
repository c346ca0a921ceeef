//! The relational store: people, projects, issues, rules, cursors.
//!
//! What always holds: one connection writes, a few read; a write transaction takes the lock when
//! it begins, so that it never fails for a stale snapshot; a commit is on the disk when it returns.
//! The tables are those of `migrations/sqlite`, brought up to date when the store is opened.
//!
//! What it never does: show the engine. Methods take and give values of this program; the engine's
//! types stay in this room, so that a second engine can stand behind the same methods.
//!
//! To add a query: put a method on [`Store`] (it reads) or on [`Write`] (it changes, and is
//! committed with what else the transaction does) into the part of its topic.

pub mod alerts;
pub mod audit;
pub mod books;
pub mod changes;
pub mod commits;
pub mod configs;
mod cursors;
pub mod deletions;
pub mod deploys;
pub mod dictionaries;
pub mod erasures;
pub mod event_read;
pub mod events;
pub mod feedback;
pub mod grouping;
mod issue_ages;
pub mod issue_condition;
pub mod issue_edit;
mod issue_found;
pub mod issue_list;
pub mod issue_moves;
pub mod issue_read;
pub mod issue_tags;
pub mod issue_trends;
pub mod issues;
pub mod items;
pub mod ledger;
pub mod ledger_read;
pub mod members;
pub mod notifications;
pub mod ownership;
pub mod parts;
pub mod people;
pub mod place;
pub mod poison;
pub mod projects;
pub mod relay_history;
pub mod relays;
pub mod release_edit;
pub mod release_read;
pub mod releases;
pub mod removals;
mod rows;
pub mod searches;
pub mod settings;
mod shares;
pub mod spikes;
pub mod subscriptions;
mod tables;
pub mod teams;
pub mod tombstones;
pub mod totals;
mod upkeep;
pub mod velocity;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::audit as deed;

/// Connections that read at the same time.
const READERS: u32 = 6;
/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a method waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 256;
/// Page cache of the connection that writes, in KiB.
const WRITER_CACHE_KIB: u32 = 8 * 1024;
/// Page cache of each one that reads, in KiB: the system keeps what they share.
const READER_CACHE_KIB: u32 = 4 * 1024;
/// The write-ahead log is cut back to this after a checkpoint, in bytes.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or created.
    #[error("database {} cannot be opened", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("tables of the database cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The tables are of a later program.
    #[error(
        "the database was written by a later hub: its tables need a program that knows migration          {needed}, this one knows {known}; run the hub that wrote it, or a later one"
    )]
    LaterTables {
        /// The migration that must be known.
        needed: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// A value that must be unique is taken.
    #[error("{what} exists already")]
    Exists {
        /// What.
        what: &'static str,
    },
    /// What is asked for is not there.
    #[error("no such {what}")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A stored value is not of the shape it was written in.
    #[error("stored {what} is unreadable")]
    Unreadable {
        /// Which.
        what: &'static str,
    },
    /// The engine refused.
    #[error("database refused")]
    Engine(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether what was asked for is at fault, so that asking again is of no use; otherwise it is
    /// the disk, a lock or the lack of something that may come back.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        // SQLite's primary result codes: error, too big, constraint, mismatch, range.
        const OF_THE_STATEMENT: [i64; 5] = [1, 18, 19, 20, 25];
        match self {
            Self::Engine(sqlx::Error::Database(error)) => error
                .code()
                .and_then(|code| code.parse::<i64>().ok())
                .is_some_and(|code| OF_THE_STATEMENT.contains(&(code & 0xff))),
            Self::Engine(_) | Self::Open { .. } | Self::Migrate(_) | Self::LaterTables { .. } => {
                false
            }
            Self::Exists { .. } | Self::Missing { .. } | Self::Unreadable { .. } => true,
        }
    }

    /// Turns a broken uniqueness into [`StoreError::Exists`], and leaves other errors as they are.
    #[must_use]
    pub fn or_exists(self, what: &'static str) -> Self {
        match &self {
            Self::Engine(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Self::Exists { what }
            }
            _ => self,
        }
    }
}

/// A handle to the store; clones share its connections.
#[derive(Clone)]
pub struct Store {
    reader: SqlitePool,
    writer: SqlitePool,
    path: PathBuf,
}

/// A write transaction. Dropped without [`Write::commit`], it leaves no trace.
pub struct Write {
    tx: Transaction<'static, Sqlite>,
}

impl Store {
    /// Opens the database file, making it and its tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::Migrate`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS);
        // What the file itself remembers is set by the writer alone: setting it takes the write
        // lock, and a reader that is opened beside an open transaction would wait for that in vain.
        let to_write = options
            .clone()
            .create_if_missing(true)
            .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
            // Must precede the first table: it is what lets the file shrink later.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", WAL_BYTES_MAX.to_string())
            // What is deleted is written over, where that costs no page more.
            .pragma("secure_delete", "FAST");
        let writer = PoolOptions::<Sqlite>::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(to_write)
            .await
            .map_err(opened)?;
        tables::bring_up_to_date(&writer).await?;
        let to_read = options
            .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
            .pragma("query_only", "ON");
        let reader = PoolOptions::<Sqlite>::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(to_read)
            .await
            .map_err(opened)?;
        Ok(Self {
            reader,
            writer,
            path: path.to_owned(),
        })
    }

    /// A store in a directory of its own, which goes with the returned guard.
    #[cfg(test)]
    pub async fn temporary() -> (Self, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let store = Self::open(&dir.path().join("hub.db")).await.unwrap();
        (store, dir)
    }

    /// The same with the project 1, `shop`, of the organization `acme`.
    #[cfg(test)]
    pub async fn temporary_with_project() -> (Self, tempfile::TempDir) {
        let (store, dir) = Self::temporary().await;
        let mut write = store.begin().await.unwrap();
        let organization_id = write.add_organization("acme", "Acme", 1).await.unwrap();
        let project = projects::NewProject {
            organization_id,
            slug: "shop",
            name: "Shop",
            platform: "other",
        };
        write.add_project(project, 1).await.unwrap();
        write.commit().await.unwrap();
        (store, dir)
    }

    /// Runs a statement of a test's own.
    #[cfg(test)]
    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.writer).await.unwrap();
    }

    /// Reads a number with a query of a test's own.
    #[cfg(test)]
    pub async fn number(&self, sql: &'static str) -> i64 {
        let reader = self.reader();
        sqlx::query_scalar(sql).fetch_one(reader).await.unwrap()
    }

    /// Reads texts with a query of a test's own.
    #[cfg(test)]
    pub async fn texts(&self, sql: &'static str) -> Vec<String> {
        let reader = self.reader();
        sqlx::query_scalar(sql).fetch_all(reader).await.unwrap()
    }

    /// Begins a write transaction, waiting for the one before to end.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the lock is not free in time.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        let tx = match self.writer.begin_with(BEGIN).await {
            Err(error @ (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)) => {
                return Err(error.into());
            }
            // Where a call to the disk fails the engine may end a transaction by itself, and its
            // connection takes it to go on for ever. Another goes on in its place.
            Err(_) => {
                let broken = self.writer.acquire().await?;
                drop(broken.close().await);
                self.writer.begin_with(BEGIN).await?
            }
            Ok(tx) => tx,
        };
        Ok(Write { tx })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends every connection after its statement; the write-ahead log is folded in.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// The connections that read. Only the parts of this room see it.
    fn reader(&self) -> &SqlitePool {
        &self.reader
    }
}

impl Write {
    /// Makes the changes lasting: they are on the disk when this returns. Of a deed's first changes
    /// the audit log tells with them.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; then nothing was changed.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let due = deed::due();
        if let Some(entry) = &due {
            self.append_audit(entry).await?;
        }
        self.tx.commit().await?;
        if due.is_some() {
            deed::written();
        }
        Ok(())
    }

    /// The connection in the transaction. Only the parts of this room see it.
    fn connection(&mut self) -> &mut sqlx::SqliteConnection {
        &mut self.tx
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish()
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opens_twice_and_forgets_what_was_not_committed() {
        let (store, dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        write.put_setting("kept", "1").await.unwrap();
        write.commit().await.unwrap();
        let mut write = store.begin().await.unwrap();
        write.put_setting("lost", "1").await.unwrap();
        drop(write);
        store.close().await;

        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        assert_eq!(store.setting("kept").await.unwrap().as_deref(), Some("1"));
        assert_eq!(store.setting("lost").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_connection_that_lost_its_transaction_is_replaced() {
        let (store, _dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        // As the engine does by itself where a call to the disk fails.
        let ended = sqlx::query("ROLLBACK").execute(write.connection()).await;
        ended.unwrap();
        drop(write);
        let mut write = store.begin().await.unwrap();
        write.put_setting("kept", "1").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.setting("kept").await.unwrap().as_deref(), Some("1"));
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (store, _dir) = Store::temporary().await;
        let result = sqlx::query("DELETE FROM settings")
            .execute(store.reader())
            .await;
        assert!(result.is_err());
    }

    #[tokio::test]
    async fn readers_are_opened_beside_a_transaction_that_goes_on() {
        let (store, _dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        write.put_setting("kept", "1").await.unwrap();
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(store.reader().acquire().await.unwrap());
        }
        write.commit().await.unwrap();
    }
}
