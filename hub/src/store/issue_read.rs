//! What pages show of issues: their rows, counts over time, attention and activity.
//!
//! What a page shows beside its rows is read for all rows at once.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::place::{Direction, Place};
use super::rows::push_list;
use super::{Store, StoreError, Write};

/// An issue as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct IssueRow {
    pub id: i64,
    pub project_id: i64,
    pub short_id: i64,
    pub kind: String,
    pub title: String,
    pub culprit: String,
    pub metadata: String,
    pub level: String,
    pub platform: String,
    pub logger: Option<String>,
    pub is_unhandled: bool,
    pub status: i64,
    pub substatus: Option<i64>,
    pub status_details: String,
    pub priority: i64,
    /// When a person set it.
    pub priority_locked_at: Option<i64>,
    pub assignee: Option<String>,
    pub first_seen: i64,
    pub last_seen: i64,
    pub times_seen: i64,
    pub users_seen: i64,
    pub first_release: Option<String>,
    pub last_release: Option<String>,
    pub resolved_at: Option<i64>,
    pub latest_event: Vec<u8>,
}

const ISSUE: &str = "id, project_id, short_id, kind, title, culprit, metadata, level, platform, \
     logger, is_unhandled, status, substatus, status_details, priority, priority_locked_at, assignee, first_seen, \
     last_seen, times_seen, users_seen, first_release, last_release, resolved_at, latest_event";

/// Events of an issue in a span of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Bucket {
    /// The issue.
    pub issue_id: i64,
    /// The span's number: hours since 1970 divided by the span's length.
    pub bucket: i64,
    /// Events.
    pub n: i64,
}

/// What someone did with an issue, beside its state.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Attention {
    /// The issue.
    pub issue_id: i64,
    /// When the person last looked at it.
    pub seen_at: Option<i64>,
    /// Whether it is bookmarked.
    pub is_bookmarked: bool,
    /// Whether the person is told.
    pub is_subscribed: bool,
    /// Why: `mentioned`, `assigned`, …
    pub reason: Option<String>,
}

/// Since when an issue waits for a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Waits {
    /// When it began.
    pub since: i64,
    /// Whether it came back then, from the archive or after it was resolved.
    pub came_back: bool,
}

/// Something that was done to an issue.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Activity {
    /// Its number.
    pub id: i64,
    /// Sentry's activity type.
    pub kind: i64,
    /// Who did it; `None` is the hub.
    pub user_id: Option<i64>,
    /// JSON object.
    pub data: String,
    /// When.
    pub created_at: i64,
}

impl Write {
    /// The issues of these rows that can be seen, as they are until this transaction changes them,
    /// in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_rows(&mut self, ids: &[i64]) -> Result<Vec<IssueRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = rows_of(ids);
        sql.push(" ORDER BY id");
        Ok(sql.build_query_as().fetch_all(self.connection()).await?)
    }

    /// The issue that an event of a project is in now.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_of_event(
        &mut self,
        project_id: i64,
        event_id: &[u8],
    ) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT issue_id FROM events WHERE project_id = ?1 AND event_id = ?2 LIMIT 1",
        )
        .bind(project_id)
        .bind(event_id)
        .fetch_optional(self.connection())
        .await?)
    }
}

fn rows_of(ids: &[i64]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(format!(
        "SELECT {ISSUE} FROM issues WHERE status <= 2 AND id IN "
    ));
    push_list(&mut sql, ids.iter().copied());
    sql
}

impl Store {
    /// The issues of these rows that can be seen, in no order.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_rows(&self, ids: &[i64]) -> Result<Vec<IssueRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(rows_of(ids)
            .build_query_as()
            .fetch_all(self.reader())
            .await?)
    }

    /// The issue of a project's counter.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_by_short_id(
        &self,
        project_id: i64,
        short_id: i64,
    ) -> Result<Option<IssueRow>, StoreError> {
        let sql = format!(
            "SELECT {ISSUE} FROM issues WHERE project_id = ?1 AND short_id = ?2 AND status <= 2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(project_id)
            .bind(short_id)
            .fetch_optional(self.reader())
            .await?)
    }

    /// Since when an issue waits for a look; nothing when it does not.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_waits(&self, issue_id: i64) -> Result<Option<Waits>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT waits AS since, review_since = waiting_since AS came_back FROM issues
             WHERE id = ?1 AND waits > 0",
        )
        .bind(issue_id)
        .fetch_optional(self.reader())
        .await?)
    }

    /// How the first event of an issue was grouped, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_grouping(&self, issue_id: i64) -> Result<Option<String>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT grouping FROM issues WHERE id = ?1")
                .bind(issue_id)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// Events of these issues since an hour, in spans of `span_hours`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_buckets(
        &self,
        ids: &[i64],
        from_hour: i64,
        span_hours: i64,
    ) -> Result<Vec<Bucket>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new("SELECT issue_id, hour / ");
        sql.push_bind(span_hours.max(1));
        sql.push(" AS bucket, SUM(n) AS n FROM issue_hours WHERE issue_id IN ");
        push_list(&mut sql, ids.iter().copied());
        sql.push(" AND hour >= ").push_bind(from_hour);
        sql.push(" GROUP BY 1, 2");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Events of each project since an hour, in spans of one hour: (project, hour, events).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_hours(
        &self,
        projects: &[i64],
        from_hour: i64,
    ) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        if projects.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql =
            QueryBuilder::new("SELECT project_id, hour, SUM(quantity) FROM ledger WHERE hour >= ");
        sql.push_bind(from_hour);
        // Errors and what is counted with them, committed at the hub.
        sql.push(" AND term = 9 AND category IN (0, 1, 3, 14) AND project_id IN ");
        push_list(&mut sql, projects.iter().copied());
        sql.push(" GROUP BY 1, 2");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// What a user did with these issues.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn attention(&self, user_id: i64, ids: &[i64]) -> Result<Vec<Attention>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT issue_id, seen_at, is_bookmarked, is_subscribed, reason FROM issue_people
             WHERE user_id = ",
        );
        sql.push_bind(user_id).push(" AND issue_id IN ");
        push_list(&mut sql, ids.iter().copied());
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Notes written about each of these issues: (issue, notes).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_notes(&self, ids: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT issue_id, COUNT(*) FROM issue_activity WHERE kind = 8 AND issue_id IN ",
        );
        push_list(&mut sql, ids.iter().copied());
        sql.push(" GROUP BY issue_id");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Up to `limit` things done to an issue, or those of a kind, from a place (time, number) on,
    /// the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn activities(
        &self,
        issue_id: i64,
        kind: Option<i64>,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError> {
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT id, kind, user_id, data, created_at FROM issue_activity WHERE issue_id = ",
        );
        sql.push_bind(issue_id);
        if let Some(kind) = kind {
            sql.push(" AND kind = ").push_bind(kind);
        }
        let (sign, order) = match from {
            Some((_, Direction::Back)) => (">", "ASC"),
            _ => ("<", "DESC"),
        };
        if let Some((place, _)) = from {
            sql.push(format_args!(" AND (created_at, id) {sign} ("));
            sql.push_bind(place.value)
                .push(", ")
                .push_bind(place.id)
                .push(")");
        }
        sql.push(format_args!(
            " ORDER BY created_at {order}, id {order} LIMIT "
        ));
        sql.push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Who has looked at an issue, the latest first: (user, when).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn seen_by(&self, issue_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT user_id, seen_at FROM issue_people
             WHERE issue_id = ?1 AND seen_at IS NOT NULL ORDER BY seen_at DESC LIMIT 100",
        )
        .bind(issue_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// How many of an issue's events were told with others: they are counted, and not stored
    /// themselves.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_folded(&self, issue_id: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT coalesce(SUM(weight - 1), 0) FROM events WHERE issue_id = ?1 AND weight > 1",
        )
        .bind(issue_id)
        .fetch_one(self.reader())
        .await?)
    }
}
