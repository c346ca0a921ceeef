//! Where issues that were merged have gone, and ids that no two issues have.

use super::issue_read::IssueRow;
use super::{Store, StoreError, Write};

impl Store {
    /// The issue that the one of an id was merged into.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_merged_into(&self, old: i64) -> Result<Option<IssueRow>, StoreError> {
        let sql = "SELECT issue_id FROM issue_redirects WHERE old_id = ?1";
        let gone = sqlx::query_scalar(sql).bind(old);
        self.there(gone.fetch_optional(self.reader()).await?).await
    }

    /// The issue that the one of a project's counter was merged into.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_merged_into_by_short_id(
        &self,
        project_id: i64,
        short_id: i64,
    ) -> Result<Option<IssueRow>, StoreError> {
        let sql = "SELECT issue_id FROM issue_redirects WHERE project_id = ?1 AND short_id = ?2";
        let gone = sqlx::query_scalar(sql).bind(project_id).bind(short_id);
        self.there(gone.fetch_optional(self.reader()).await?).await
    }

    async fn there(&self, id: Option<i64>) -> Result<Option<IssueRow>, StoreError> {
        Ok(match id {
            Some(id) => self.issue_rows(&[id]).await?.pop(),
            None => None,
        })
    }
}

impl Write {
    /// An id for an issue, which none has or had.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub(super) async fn next_issue_id(&mut self) -> Result<i64, StoreError> {
        // A program of before does not count, and is not to be run into.
        let next = sqlx::query_scalar(
            "UPDATE issue_ids
             SET last = 1 + max(last, coalesce((SELECT max(id) FROM issues), 0))
             RETURNING last",
        );
        Ok(next.fetch_one(self.connection()).await?)
    }
}
