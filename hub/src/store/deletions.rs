//! Deletions of many issues, from the time somebody asks for one until it is done; and merges, whose
//! issues leave in the same way.
//!
//! The issues are gathered in portions, and nothing becomes of them before the last portion is
//! there: a deletion is begun whole or not at all. From then on no list shows them. Until it is due
//! they can be had back; then they go in portions. What a crash leaves over is found again.
//!
//! Times are unix milliseconds.

use super::rows::json_list;
use super::{Store, StoreError, Write};

/// Issues of one transaction that gathers them or gives them back.
pub const PORTION: usize = 5000;

/// The states of a deletion; of one that merges, those that have `MERGE` added: programs that know
/// of none leave those alone.
const GATHERED: i64 = 0;
const WAITS: i64 = 1;
const GOES_ON: i64 = 2;
const TAKEN_BACK: i64 = 3;
const MERGE: i64 = 3;

/// A deletion.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Deletion {
    /// Its number.
    pub id: i64,
    /// Who asked.
    pub user_id: Option<i64>,
    /// Whether what comes of the issues is dropped from then on.
    pub discards: bool,
    /// The issue that they are merged into; without it they are deleted.
    pub into: Option<i64>,
    /// Whether issues are going already.
    pub goes_on: bool,
    /// How many issues it is for.
    pub issues: i64,
    /// How many of them are gone.
    pub done: i64,
    /// When it was asked for.
    pub asked_at: i64,
    /// Until then it can be taken back.
    pub due_at: i64,
}

/// What becomes of issues that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// They go with their events.
    Deleted,
    /// So do they, and what comes of them is dropped from then on.
    Discarded,
    /// Their events go to this issue.
    MergedInto(i64),
}

/// An issue that is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Leaving {
    /// Its number.
    pub id: i64,
    /// Its project.
    pub project_id: i64,
    /// Whether nobody else deletes it.
    pub is_there: bool,
}

const DELETION: &str = "SELECT id, user_id, discards, into_issue AS \"into\",
    state IN (2, 5) AS goes_on, issues, done, asked_at, due_at FROM deletions";

impl Store {
    /// The deletions that are begun and not done: of an organization or of all, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn deletions(&self, organization: Option<i64>) -> Result<Vec<Deletion>, StoreError> {
        let sql = format!(
            "{DELETION} WHERE state IN (1, 2, 4, 5) AND (?1 IS NULL OR organization_id = ?1) ORDER BY id"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(organization)
            .fetch_all(self.reader())
            .await?)
    }

    /// The deletions that were taken back, and those that an earlier process did not begin.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn deletions_not_begun(&self) -> Result<Vec<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT id FROM deletions WHERE state IN (?1, ?2)")
                .bind(GATHERED)
                .bind(TAKEN_BACK)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// Gives a portion of a deletion's issues back, of one that is not begun or was taken back;
    /// true when it is gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn give_issues_back(&self, deletion: i64) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let given = sqlx::query(
            "DELETE FROM deletion_issues WHERE issue_id IN
                 (SELECT l.issue_id FROM deletion_issues l JOIN deletions d ON d.id = l.deletion_id
                  WHERE d.id = ?1 AND d.state IN (?2, ?3) LIMIT ?4)",
        )
        .bind(deletion)
        .bind(GATHERED)
        .bind(TAKEN_BACK)
        .bind(i64::try_from(PORTION).unwrap_or(i64::MAX))
        .execute(write.connection())
        .await?;
        let is_gone = given.rows_affected() == 0;
        if is_gone {
            sqlx::query("DELETE FROM deletions WHERE id = ?1 AND state IN (?2, ?3)")
                .bind(deletion)
                .bind(GATHERED)
                .bind(TAKEN_BACK)
                .execute(write.connection())
                .await?;
        }
        write.commit().await?;
        Ok(is_gone)
    }
}

impl Write {
    /// Makes a deletion that is not begun; answers its number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_deletion(
        &mut self,
        organization: i64,
        user: i64,
        becomes: Becomes,
        now: i64,
    ) -> Result<i64, StoreError> {
        let into = match becomes {
            Becomes::MergedInto(issue) => Some(issue),
            Becomes::Deleted | Becomes::Discarded => None,
        };
        Ok(sqlx::query_scalar(
            "INSERT INTO deletions
                 (organization_id, user_id, discards, into_issue, asked_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING id",
        )
        .bind(organization)
        .bind(user)
        .bind(becomes == Becomes::Discarded)
        .bind(into)
        .bind(now)
        .fetch_one(self.connection())
        .await?)
    }

    /// Adds issues to a deletion, up to [`PORTION`] of them, but for those that another is for;
    /// answers how many.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn gather_issues(
        &mut self,
        deletion: i64,
        issues: &[i64],
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "INSERT INTO deletion_issues (issue_id, deletion_id)
             SELECT id, ?1 FROM issues WHERE id IN (SELECT value FROM json_each(?2))
                 AND status <= 2
             ON CONFLICT (issue_id) DO NOTHING",
        )
        .bind(deletion)
        .bind(json_list(issues))
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected())
    }

    /// Begins a deletion of so many issues, which can be taken back until it is due.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn begin_deletion(
        &mut self,
        deletion: i64,
        issues: u64,
        due_at: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deletions SET issues = ?3, due_at = ?4,
                 state = CASE WHEN into_issue IS NULL THEN ?2 ELSE ?2 + ?5 END
             WHERE id = ?1",
        )
        .bind(deletion)
        .bind(WAITS)
        .bind(i64::try_from(issues).unwrap_or(i64::MAX))
        .bind(due_at)
        .bind(MERGE)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Takes a deletion of an organization back; false when there is none, or its issues are going.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn take_deletion_back(
        &mut self,
        organization: i64,
        deletion: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE deletions SET state = ?3
             WHERE id = ?2 AND organization_id = ?1 AND state IN (?4, ?4 + ?5)",
        )
        .bind(organization)
        .bind(deletion)
        .bind(TAKEN_BACK)
        .bind(WAITS)
        .bind(MERGE)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Leaves it at what was merged: the issue that the others were to be merged into is gone.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn end_merging(&mut self, deletion: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE deletions SET state = ?2 WHERE id = ?1")
            .bind(deletion)
            .bind(TAKEN_BACK)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a deletion's issues are going; nothing when it was taken back.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn go_on_deleting(&mut self, deletion: i64) -> Result<Option<Deletion>, StoreError> {
        sqlx::query(
            "UPDATE deletions SET state = state - ?3 + ?2
             WHERE id = ?1 AND state IN (?3, ?3 + ?4)",
        )
        .bind(deletion)
        .bind(GOES_ON)
        .bind(WAITS)
        .bind(MERGE)
        .execute(self.connection())
        .await?;
        let sql = format!("{DELETION} WHERE id = ?1 AND state IN (?2, ?2 + ?3)");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(deletion)
            .bind(GOES_ON)
            .bind(MERGE)
            .fetch_optional(self.connection())
            .await?)
    }

    /// The next issues of a deletion.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn leaving_issues(
        &mut self,
        deletion: i64,
        limit: u32,
    ) -> Result<Vec<Leaving>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT i.id, i.project_id, i.status <= 2 AS is_there
             FROM deletion_issues l JOIN issues i ON i.id = l.issue_id
             WHERE l.deletion_id = ?1 ORDER BY l.issue_id LIMIT ?2",
        )
        .bind(deletion)
        .bind(limit)
        .fetch_all(self.connection())
        .await?)
    }

    /// Notes that issues of a deletion went; without any, that it is done.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_left(&mut self, deletion: i64, gone: &[i64]) -> Result<(), StoreError> {
        if gone.is_empty() {
            sqlx::query("DELETE FROM deletions WHERE id = ?1")
                .bind(deletion)
                .execute(self.connection())
                .await?;
            return Ok(());
        }
        sqlx::query(
            "DELETE FROM deletion_issues WHERE issue_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(json_list(gone))
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE deletions SET done = done + ?2 WHERE id = ?1")
            .bind(deletion)
            .bind(i64::try_from(gone.len()).unwrap_or(i64::MAX))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
