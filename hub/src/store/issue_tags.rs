//! Tags of issues and their values.
//!
//! Times are unix milliseconds.

use super::{Store, StoreError};

/// A value of a tag.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TagValue {
    /// The tag.
    pub key: String,
    /// The value.
    pub value: String,
    /// Events with it.
    pub times_seen: i64,
    /// The first.
    pub first_seen: i64,
    /// The last.
    pub last_seen: i64,
    /// Values the tag has in all.
    pub n_values: i64,
    /// Events with the tag in all.
    pub n_events: i64,
}

impl Store {
    /// An issue's tags with the `top` most frequent values of each.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_tags(&self, issue_id: i64, top: u32) -> Result<Vec<TagValue>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, value, times_seen, first_seen, last_seen, n_values, n_events FROM (
                 SELECT key, value, times_seen, first_seen, last_seen,
                     COUNT(*) OVER (PARTITION BY key) AS n_values,
                     SUM(times_seen) OVER (PARTITION BY key) AS n_events,
                     ROW_NUMBER() OVER
                         (PARTITION BY key ORDER BY times_seen DESC, value) AS place
                 FROM issue_tags WHERE issue_id = ?1
             ) AS ranked WHERE place <= ?2 ORDER BY key, times_seen DESC, value",
        )
        .bind(issue_id)
        .bind(top)
        .fetch_all(self.reader())
        .await?)
    }

    /// Values of one tag of an issue, the most frequent first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_tag_values(
        &self,
        issue_id: i64,
        key: &str,
        offset: i64,
        limit: u32,
    ) -> Result<Vec<TagValue>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, value, times_seen, first_seen, last_seen,
                 COUNT(*) OVER () AS n_values, SUM(times_seen) OVER () AS n_events
             FROM issue_tags WHERE issue_id = ?1 AND key = ?2
             ORDER BY times_seen DESC, value LIMIT ?3 OFFSET ?4",
        )
        .bind(issue_id)
        .bind(key)
        .bind(limit)
        .bind(offset)
        .fetch_all(self.reader())
        .await?)
    }
}
