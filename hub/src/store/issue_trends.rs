//! How much more often than usual issues are seen, as a column that lists are ordered by.
//!
//! Times are unix milliseconds, hours are counted since 1970.

use protocol::timestamp::Timestamp;
use sqlx::QueryBuilder;

use super::issue_list::VISIBLE;
use super::rows::push_list;
use super::{Store, StoreError};
use crate::issue::{TREND_HOURS, trend};

/// Issues looked at in one step, so that others get their turn to write.
const ISSUES_MAX: usize = 500;

impl Store {
    /// Measures every issue that was seen within a day, or was when it was measured last; answers
    /// how many have another trend than before.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; what was measured before stays so.
    pub async fn measure_trends(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut n_changed = 0;
        for project in self.project_ids().await? {
            for status in VISIBLE {
                let issues = self.issues_with_a_trend(project, status, now).await?;
                for issues in issues.chunks(ISSUES_MAX) {
                    n_changed += self.measure_trends_of(issues, now).await?;
                }
            }
        }
        Ok(n_changed)
    }

    async fn issues_with_a_trend(
        &self,
        project: i64,
        status: i64,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        // One hour more, because the first is counted whole.
        let since = now.plus_millis(-(TREND_HOURS.0 + 1) * 3_600_000);
        let issues = sqlx::query_scalar(
            "SELECT id FROM issues WHERE project_id = ?1 AND status = ?2 AND last_seen >= ?3
             UNION SELECT id FROM issues WHERE project_id = ?1 AND status = ?2 AND trend > 0",
        )
        .bind(project)
        .bind(status)
        .bind(since.as_millis())
        .fetch_all(self.reader())
        .await?;
        Ok(issues)
    }

    async fn measure_trends_of(&self, issues: &[i64], now: Timestamp) -> Result<usize, StoreError> {
        let day = now.hour() - TREND_HOURS.0;
        let mut sql =
            QueryBuilder::new("SELECT i.id, i.trend, COALESCE(SUM(h.n) FILTER (WHERE h.hour > ");
        sql.push_bind(day)
            .push("), 0), COALESCE(SUM(h.n) FILTER (WHERE h.hour <= ");
        sql.push_bind(day)
            .push("), 0) FROM issues i LEFT JOIN issue_hours h ON h.issue_id = i.id AND h.hour > ");
        sql.push_bind(day - TREND_HOURS.1).push(" AND h.hour <= ");
        sql.push_bind(now.hour()).push(" WHERE i.id IN ");
        push_list(&mut sql, issues.iter().copied());
        sql.push(" GROUP BY i.id");
        let rows: Vec<(i64, i64, i64, i64)> = sql.build_query_as().fetch_all(self.reader()).await?;
        let changed: Vec<(i64, i64)> = rows
            .into_iter()
            .map(|(issue, before, day, week)| (issue, before, trend(day, week)))
            .filter(|(_, before, trend)| before != trend)
            .map(|(issue, _, trend)| (issue, trend))
            .collect();
        if changed.is_empty() {
            return Ok(0);
        }
        let mut write = self.begin().await?;
        for (issue, trend) in &changed {
            sqlx::query("UPDATE issues SET trend = ?2 WHERE id = ?1")
                .bind(issue)
                .bind(trend)
                .execute(write.connection())
                .await?;
        }
        write.commit().await?;
        Ok(changed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

    #[tokio::test]
    async fn trends_come_and_go_with_the_events_of_a_day() {
        let (store, _dir) = Store::temporary_with_project().await;
        store
            .execute(
                "INSERT INTO issues (id, project_id, short_id, kind, title, culprit, metadata,
                     level, platform, is_unhandled, status, substatus, priority, first_seen,
                     last_seen, times_seen, users_seen, latest_event, grouping)
                 VALUES (1, 1, 1, 'error', '', '', '{}', 'error', 'other', 0, 0, 7, 25, 0,
                     1767323000000, 1, 0, zeroblob(16), '[]'),
                 (2, 1, 2, 'error', '', '', '{}', 'error', 'other', 0, 1, NULL, 25, 0,
                     1767323000000, 1, 0, zeroblob(16), '[]')",
            )
            .await;
        store
            .execute(
                "INSERT INTO issue_hours (issue_id, hour, n) VALUES
                     (1, 1767323045000 / 3600000, 40), (1, 1767323045000 / 3600000 - 30, 63),
                     (2, 1767323045000 / 3600000 - 1, 3)",
            )
            .await;
        assert_eq!(store.measure_trends(NOW).await.unwrap(), 2);
        let of = "SELECT trend FROM issues WHERE id = 1";
        assert_eq!(store.number(of).await, 400);
        let of_resolved = "SELECT trend FROM issues WHERE id = 2";
        assert_eq!(store.number(of_resolved).await, 300);
        assert_eq!(store.measure_trends(NOW).await.unwrap(), 0);
        let later = NOW.plus_millis(48 * 3_600_000);
        assert_eq!(store.measure_trends(later).await.unwrap(), 2);
        assert_eq!(store.number(of).await, 0);
    }
}
