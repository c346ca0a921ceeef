//! Which issues whoever has the link may see.
//!
//! Times are unix milliseconds.

use super::rows::json_list;
use super::{Store, StoreError, Write};

impl Store {
    /// The names that those of these issues are shared by which are.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn shares(&self, issues: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT issue_id, share_id FROM issue_shares
             WHERE issue_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(json_list(issues))
        .fetch_all(self.reader())
        .await?)
    }

    /// The issue that is shared by a name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn shared_issue(&self, share_id: &str) -> Result<Option<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT issue_id FROM issue_shares WHERE share_id = ?1")
                .bind(share_id)
                .fetch_optional(self.reader())
                .await?,
        )
    }
}

impl Write {
    /// Shares an issue by a name, unless it is shared; answers whether it was not.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn share_issue(
        &mut self,
        issue_id: i64,
        share_id: &str,
        user_id: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO issue_shares (issue_id, share_id, user_id, created_at)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (issue_id) DO NOTHING",
        )
        .bind(issue_id)
        .bind(share_id)
        .bind(user_id)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends the sharing of an issue; answers whether it was shared.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn unshare_issue(&mut self, issue_id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM issue_shares WHERE issue_id = ?1")
            .bind(issue_id)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
