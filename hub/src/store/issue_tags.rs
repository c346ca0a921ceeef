//! Tags of issues and their values.
//!
//! Times are unix milliseconds.

use sqlx::QueryBuilder;

use super::issue_list::{IssueFilter, IssueSort};
use super::rows::push_list;
use super::{Store, StoreError};

/// Issues whose tags stand for all of an organization's.
const TAGGED_ISSUES_MAX: u32 = 500;

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

/// A tag and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TagKey {
    /// The tag.
    pub key: String,
    /// Values.
    pub n_values: i64,
    /// Events.
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

    /// The tags of the issues seen last in these projects.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tag_keys(&self, projects: &[i64]) -> Result<Vec<TagKey>, StoreError> {
        let ids = self.lately_seen(projects).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT key, COUNT(DISTINCT value) AS n_values, SUM(times_seen) AS n_events
             FROM issue_tags WHERE issue_id IN ",
        );
        push_list(&mut sql, ids.into_iter());
        sql.push(" GROUP BY key ORDER BY n_events DESC, key");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Values of a tag in the issues seen last in these projects that hold `part`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tag_values(
        &self,
        projects: &[i64],
        key: &str,
        part: &str,
        limit: u32,
    ) -> Result<Vec<TagValue>, StoreError> {
        let ids = self.lately_seen(projects).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT key, value, SUM(times_seen) AS times_seen, MIN(first_seen) AS first_seen,
                 MAX(last_seen) AS last_seen, COUNT(*) OVER () AS n_values,
                 SUM(SUM(times_seen)) OVER () AS n_events
             FROM issue_tags WHERE key = ",
        );
        sql.push_bind(key).push(" AND issue_id IN ");
        push_list(&mut sql, ids.into_iter());
        if !part.is_empty() {
            let pattern = part
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            sql.push(" AND value LIKE ")
                .push_bind(format!("%{pattern}%"));
            sql.push(" ESCAPE '\\'");
        }
        sql.push(" GROUP BY key, value ORDER BY times_seen DESC, value LIMIT ");
        sql.push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    async fn lately_seen(&self, projects: &[i64]) -> Result<Vec<i64>, StoreError> {
        let filter = IssueFilter {
            projects: projects.to_vec(),
            ..IssueFilter::default()
        };
        let places = self
            .issue_places(&filter, IssueSort::LastSeen, None, TAGGED_ISSUES_MAX)
            .await?;
        Ok(places.into_iter().map(|place| place.id).collect())
    }
}
