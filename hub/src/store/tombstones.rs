//! Issues that were discarded: their hashes stay, so that what comes of them is dropped.
//!
//! Times are unix milliseconds.

use super::hashes::GroupHash;
use super::{Store, StoreError, Write};

/// Most tombstones of a project.
pub const TOMBSTONES_MAX: i64 = 1000;

/// An issue that was discarded.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct Tombstone {
    pub id: i64,
    pub kind: String,
    pub title: String,
    pub culprit: String,
    pub metadata: String,
    pub level: String,
    pub user_id: Option<i64>,
    pub created_at: i64,
}

impl Store {
    /// The tombstones of a project, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tombstones(&self, project_id: i64) -> Result<Vec<Tombstone>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, kind, title, culprit, metadata, level, user_id, created_at
             FROM tombstones WHERE project_id = ?1 ORDER BY id DESC",
        )
        .bind(project_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The projects that have tombstones.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tombstone_projects(&self) -> Result<Vec<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT DISTINCT project_id FROM tombstones")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// The hashes of a project whose events are dropped.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn discarded_hashes(&self, project_id: i64) -> Result<Vec<GroupHash>, StoreError> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM tombstone_hashes WHERE project_id = ?1")
                .bind(project_id)
                .fetch_all(self.reader())
                .await?;
        let unreadable = |_| StoreError::Unreadable { what: "hash" };
        rows.into_iter()
            .map(|hash| hash.try_into().map_err(unreadable))
            .collect()
    }
}

impl Write {
    /// Makes a tombstone of an issue, which takes its hashes. The issue itself is to be hidden in
    /// the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn discard_issue(
        &mut self,
        issue_id: i64,
        user_id: Option<i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO tombstones
                 (project_id, kind, title, culprit, metadata, level, user_id, created_at)
             SELECT project_id, kind, title, culprit, metadata, level, ?2, ?3
             FROM issues WHERE id = ?1 AND status <= 2 RETURNING id",
        )
        .bind(issue_id)
        .bind(user_id)
        .bind(now)
        .fetch_optional(self.connection())
        .await?;
        let id = id.ok_or(StoreError::Missing { what: "issue" })?;
        sqlx::query(
            "INSERT INTO tombstone_hashes (project_id, hash, tombstone_id)
             SELECT project_id, hash, ?2 FROM issue_hashes WHERE issue_id = ?1
             ON CONFLICT (project_id, hash) DO NOTHING",
        )
        .bind(issue_id)
        .bind(id)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes a tombstone: the next event of its kind makes an issue again. False when there is
    /// none of that number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_tombstone(&mut self, project_id: i64, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM tombstones WHERE id = ?2 AND project_id = ?1")
            .bind(project_id)
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
