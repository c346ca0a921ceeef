//! What people change of issues: status, assignee, priority, notes; and deletion.
//!
//! A deletion has two steps. First the issues are hidden and their hashes freed, in one short
//! transaction, so that the next event of the kind begins a new issue. Then the rows go in
//! portions, so that the digest never waits long for the writer. What a crash leaves over is found
//! again by its status.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::rows::json_list;
use super::{Store, StoreError, Write};

/// The status of issues that are being deleted.
const DELETING: i64 = 3;
/// Rows deleted in one transaction.
const DELETE_ROWS: i64 = 5000;

/// A status with its details, as columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusColumns {
    /// The status' number.
    pub status: i64,
    /// The substatus' number.
    pub substatus: Option<i64>,
    /// JSON.
    pub details: String,
    /// When it was resolved.
    pub resolved_at: Option<i64>,
}

impl Store {
    /// Issues whose deletion is not finished.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_being_deleted(&self) -> Result<Vec<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT id FROM issues WHERE status = ?1")
                .bind(DELETING)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// Deletes one portion of the rows of hidden issues; true when the issues are gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn delete_issues_portion(&self, ids: &[i64]) -> Result<bool, StoreError> {
        let list = json_list(ids);
        let mut write = self.begin().await?;
        let portions = [
            "DELETE FROM events WHERE id IN (SELECT id FROM events
                 WHERE issue_id IN (SELECT value FROM json_each(?1)) LIMIT ?2)",
            "DELETE FROM issue_tags WHERE (issue_id, key, value) IN
                 (SELECT issue_id, key, value FROM issue_tags
                  WHERE issue_id IN (SELECT value FROM json_each(?1)) LIMIT ?2)",
            "DELETE FROM issue_users WHERE (issue_id, user_hash) IN
                 (SELECT issue_id, user_hash FROM issue_users
                  WHERE issue_id IN (SELECT value FROM json_each(?1)) LIMIT ?2)",
            "DELETE FROM issue_hours WHERE (issue_id, hour) IN
                 (SELECT issue_id, hour FROM issue_hours
                  WHERE issue_id IN (SELECT value FROM json_each(?1)) LIMIT ?2)",
        ];
        let mut left = DELETE_ROWS;
        for portion in portions {
            let done = sqlx::query(portion)
                .bind(&list)
                .bind(left)
                .execute(write.connection())
                .await?;
            left = left.saturating_sub_unsigned(done.rows_affected());
            if left <= 0 {
                write.commit().await?;
                return Ok(false);
            }
        }
        sqlx::query(
            "DELETE FROM issues WHERE id IN (SELECT value FROM json_each(?1)) AND status = ?2",
        )
        .bind(&list)
        .bind(DELETING)
        .execute(write.connection())
        .await?;
        write.commit().await?;
        Ok(true)
    }
}

impl Write {
    /// Sets the status of an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_status(
        &mut self,
        issue_id: i64,
        columns: &StatusColumns,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE issues SET status = ?2, substatus = ?3, status_details = ?4, resolved_at = ?5,
                 review_since = 0
             WHERE id = ?1 AND status <= 2",
        )
        .bind(issue_id)
        .bind(columns.status)
        .bind(columns.substatus)
        .bind(&columns.details)
        .bind(columns.resolved_at)
        .execute(self.connection())
        .await?;
        // Who was seen counts from the change on.
        sqlx::query("DELETE FROM issue_recent_users WHERE issue_id = ?1")
            .bind(issue_id)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Sets the priority of an issue: 25, 50 or 75. Since `locked_at` it is a person's word; without
    /// that the hub may weigh the issue again.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_priority(
        &mut self,
        issue_id: i64,
        priority: i64,
        locked_at: Option<i64>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET priority = ?2, priority_locked_at = ?3 WHERE id = ?1")
            .bind(issue_id)
            .bind(priority)
            .bind(locked_at)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes whether a user has seen an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_seen(
        &mut self,
        issue_id: i64,
        user_id: i64,
        seen_at: Option<i64>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_people (issue_id, user_id, seen_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue_id, user_id) DO UPDATE SET seen_at = excluded.seen_at",
        )
        .bind(issue_id)
        .bind(user_id)
        .bind(seen_at)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Sets or removes a user's bookmark.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_issue_bookmark(
        &mut self,
        issue_id: i64,
        user_id: i64,
        is_bookmarked: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO issue_people (issue_id, user_id, is_bookmarked) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue_id, user_id) DO UPDATE SET is_bookmarked = excluded.is_bookmarked",
        )
        .bind(issue_id)
        .bind(user_id)
        .bind(is_bookmarked)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes down what a person did to an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_person_activity(
        &mut self,
        issue_id: i64,
        kind: i64,
        user_id: i64,
        data: &str,
        now: i64,
    ) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO issue_activity (issue_id, kind, user_id, data, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        )
        .bind(issue_id)
        .bind(kind)
        .bind(user_id)
        .bind(data)
        .bind(now)
        .fetch_one(self.connection())
        .await?)
    }

    /// A note about an issue: who wrote it, and its data.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note(
        &mut self,
        issue_id: i64,
        note: i64,
    ) -> Result<Option<(Option<i64>, String, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT user_id, data, created_at FROM issue_activity
             WHERE id = ?1 AND issue_id = ?2 AND kind = 8",
        )
        .bind(note)
        .bind(issue_id)
        .fetch_optional(self.connection())
        .await?)
    }

    /// Writes a note anew, or removes it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_note(&mut self, note: i64, data: Option<&str>) -> Result<(), StoreError> {
        let sql = match data {
            Some(_) => "UPDATE issue_activity SET data = ?2 WHERE id = ?1",
            None => "DELETE FROM issue_activity WHERE id = ?1",
        };
        let query = sqlx::query(sql).bind(note);
        let query = match data {
            Some(data) => query.bind(data),
            None => query,
        };
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Hides issues and frees their hashes. [`Store::delete_issues_portion`] does the rest.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn hide_issues(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query("DELETE FROM issue_hashes WHERE issue_id = ?1")
                .bind(id)
                .execute(self.connection())
                .await?;
            sqlx::query("UPDATE issues SET status = ?2 WHERE id = ?1")
                .bind(id)
                .bind(DELETING)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Hides every issue of a project; answers which.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn hide_issues_of(&mut self, project_id: i64) -> Result<Vec<i64>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM issues WHERE project_id = ?1")
            .bind(project_id)
            .fetch_all(self.connection())
            .await?;
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new("UPDATE issues SET status = ");
        sql.push_bind(DELETING)
            .push(" WHERE project_id = ")
            .push_bind(project_id);
        sql.build().execute(self.connection()).await?;
        sqlx::query("DELETE FROM issue_hashes WHERE project_id = ?1")
            .bind(project_id)
            .execute(self.connection())
            .await?;
        Ok(ids)
    }
}
