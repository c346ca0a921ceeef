//! What only time does to issues: new ones become ongoing, forgotten ones resolved, and archived
//! ones come back.
//!
//! Times are unix milliseconds.

use protocol::timestamp::Timestamp;

use super::{Store, StoreError, Write};
use crate::issue::{self, Status};

/// Issues moved on in one transaction.
const MOVED_MAX: i64 = 500;
/// Sentry's activity type of an issue that is open again.
const SET_UNRESOLVED: i64 = 2;
/// What becomes of a state that calls for a look. Escalation had raised the priority: it is the
/// first one again, unless a person set it.
const CALM: &str = "substatus = 3,
     priority = CASE WHEN substatus = 2 AND priority_locked_at IS NULL
         THEN COALESCE((SELECT CAST(json_extract(a.data, '$.priority') AS BIGINT)
                        FROM issue_activity a
                        WHERE a.issue_id = issues.id AND a.kind = 9 LIMIT 1), priority)
         ELSE priority END";

/// Which issues are moved on.
#[derive(Clone, Copy)]
enum Moved {
    /// Those that were archived until now.
    Woken,
    /// Those that were not seen for long.
    Forgotten,
}

impl Store {
    /// Opens issues again that were archived until now; answers how many.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; what was opened before stays so.
    pub async fn wake_issues(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.in_steps(Moved::Woken, now).await
    }

    /// Resolves issues that were not seen for as long as their projects say (`resolve_age`, in
    /// hours); answers how many.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; what was resolved before stays so.
    pub async fn resolve_forgotten_issues(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.in_steps(Moved::Forgotten, now).await
    }

    /// Moves issues on until fewer are left than a step takes; answers how many.
    async fn in_steps(&self, moved: Moved, now: Timestamp) -> Result<u64, StoreError> {
        let mut n_all = 0;
        loop {
            let mut write = self.begin().await?;
            let n = match moved {
                Moved::Woken => write.wake(now).await?,
                Moved::Forgotten => write.resolve_forgotten(now).await?,
            };
            write.commit().await?;
            n_all += n;
            if n < MOVED_MAX.unsigned_abs() {
                return Ok(n_all);
            }
        }
    }
}

impl Write {
    async fn wake(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, first_seen FROM issues WHERE status = 2 AND substatus = 4
               AND CAST(json_extract(status_details, '$.ignoreUntil') AS BIGINT) <= ?1
             LIMIT ?2",
        )
        .bind(now.as_millis())
        .bind(MOVED_MAX)
        .fetch_all(self.connection())
        .await?;
        let n = rows.len() as u64;
        for (issue, first_seen) in rows {
            let age = issue::age(now, Timestamp::from_millis(first_seen));
            self.reopen_issue(issue, Status::Unresolved(age).codes(), now)
                .await?;
            self.add_activity(issue, SET_UNRESOLVED, "{}", now).await?;
        }
        Ok(n)
    }

    /// Marks an open issue for somebody to look at.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn mark_for_review(&mut self, issue: i64, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET review_since = ?2 WHERE id = ?1 AND status = 0")
            .bind(issue)
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Makes an open issue ongoing that somebody has looked at.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn review_issue(&mut self, issue: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET review_since = 0 WHERE id = ?1")
            .bind(issue)
            .execute(self.connection())
            .await?;
        let sql = format!(
            "UPDATE issues SET {CALM} WHERE id = ?1 AND status = 0 AND substatus IN (2, 6, 7)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(issue)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn resolve_forgotten(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT i.id, CAST(json_extract(p.options, '$.resolve_age') AS BIGINT) AS age
             FROM projects p JOIN issues i ON i.project_id = p.id AND i.status = 0
             WHERE CAST(json_extract(p.options, '$.resolve_age') AS BIGINT) > 0
               AND i.last_seen < ?1 -
                   CAST(json_extract(p.options, '$.resolve_age') AS BIGINT) * 3600000
             LIMIT ?2",
        )
        .bind(now.as_millis())
        .bind(MOVED_MAX)
        .fetch_all(self.connection())
        .await?;
        let n = rows.len() as u64;
        for (issue, age) in rows {
            sqlx::query(
                "UPDATE issues SET status = 1, substatus = NULL, status_details = '{}',
                     resolved_at = ?2 WHERE id = ?1",
            )
            .bind(issue)
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
            const RESOLVED_BY_AGE: i64 = 15;
            let data = format!(r#"{{"age":{age}}}"#);
            self.add_activity(issue, RESOLVED_BY_AGE, &data, now)
                .await?;
        }
        Ok(n)
    }

    /// Makes issues ongoing that are new, regressed or escalating since before a time, and lets
    /// those wait no more that were marked for review before.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn age_issues(
        &mut self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        // New, by the first event; regressed and escalating, by what was noted then.
        const AGED: &str = "status = 0 AND (
               (substatus = 7 AND first_seen < ?1)
               OR (substatus = 6 AND NOT EXISTS (
                   SELECT 1 FROM issue_activity a
                   WHERE a.issue_id = issues.id AND a.kind = 6 AND a.created_at >= ?1))
               OR (substatus = 2 AND NOT EXISTS (
                   SELECT 1 FROM issue_activity a
                   WHERE a.issue_id = issues.id AND a.kind IN (2, 25) AND a.created_at >= ?1)))";
        let noted = format!(
            "INSERT INTO issue_activity (issue_id, kind, data, created_at)
             SELECT id, 24, '{{\"after_days\":7}}', ?2 FROM issues WHERE {AGED}"
        );
        sqlx::query(sqlx::AssertSqlSafe(noted))
            .bind(before.as_millis())
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        let aged = format!("UPDATE issues SET {CALM} WHERE {AGED}");
        let done = sqlx::query(sqlx::AssertSqlSafe(aged))
            .bind(before.as_millis())
            .execute(self.connection())
            .await?;
        sqlx::query("UPDATE issues SET review_since = 0 WHERE review_since BETWEEN 1 AND ?1")
            .bind(before.as_millis())
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }
}
