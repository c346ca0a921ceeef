//! How often the issues of projects are seen in an hour.
//!
//! Times are unix milliseconds, hours are counted since 1970.

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;

use super::events::{event_id, project};
use super::{Store, StoreError, Write};
use crate::issue::{RATED_ISSUES_MAX, Seen};

/// Issues that may escalate at once in a project.
const RACING_MAX: i64 = 100;

/// What new issues of a project are measured against.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Velocity {
    /// Events an hour; `None` where there are too few issues to tell.
    pub threshold: Option<f64>,
    /// When it was computed.
    pub computed_at: Option<i64>,
    /// Why it could not be computed last.
    pub error: Option<String>,
    /// When it could not.
    pub failed_at: Option<i64>,
}

/// A new issue that is seen more often than others of its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Racing {
    /// The project.
    pub project: ProjectId,
    /// The issue.
    pub issue: i64,
    /// Its latest event.
    pub event_id: EventId,
    /// Events of this hour.
    pub events: i64,
}

impl Store {
    /// Every project's number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_ids(&self) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM projects ORDER BY id")
            .fetch_all(self.reader())
            .await?)
    }

    /// How often a project's issues were seen since an hour.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_seen(
        &self,
        project_id: i64,
        since: i64,
        now: Timestamp,
    ) -> Result<Vec<Seen>, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT SUM(h.n), i.first_seen FROM issues i JOIN issue_hours h ON h.issue_id = i.id
             WHERE i.project_id = ?1 AND i.status <= 2 AND h.hour >= ?2
             GROUP BY i.id ORDER BY i.id DESC LIMIT ?3",
        )
        .bind(project_id)
        .bind(since)
        .bind(RATED_ISSUES_MAX)
        .fetch_all(self.reader())
        .await?;
        let seen = |(events, first_seen): (i64, i64)| Seen {
            events,
            age_hours: now.hour() - Timestamp::from_millis(first_seen).hour(),
        };
        Ok(rows.into_iter().map(seen).collect())
    }

    /// What a project's new issues are measured against.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn velocity(&self, project_id: i64) -> Result<Velocity, StoreError> {
        let row = sqlx::query_as(
            "SELECT threshold, computed_at, error, failed_at FROM project_velocity
             WHERE project_id = ?1",
        )
        .bind(project_id)
        .fetch_optional(self.reader())
        .await?;
        Ok(row.unwrap_or_default())
    }

    /// Open issues that are new or ongoing, first seen since a time, and seen more often in an
    /// hour than their projects' others.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn racing_issues(
        &self,
        first_seen_since: i64,
        hour: i64,
    ) -> Result<Vec<Racing>, StoreError> {
        let rows: Vec<(i64, i64, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT i.project_id, i.id, i.latest_event, h.n
             FROM project_velocity v
             JOIN issues i ON i.project_id = v.project_id AND i.status = 0
             JOIN issue_hours h ON h.issue_id = i.id AND h.hour = ?2
             WHERE i.substatus IN (3, 7) AND i.first_seen >= ?1 AND h.n > v.threshold
             LIMIT ?3",
        )
        .bind(first_seen_since)
        .bind(hour)
        .bind(RACING_MAX)
        .fetch_all(self.reader())
        .await?;
        rows.into_iter()
            .map(|(of, issue, latest, events)| {
                Ok(Racing {
                    project: project(of)?,
                    issue,
                    event_id: event_id(&latest)?,
                    events,
                })
            })
            .collect()
    }
}

impl Write {
    /// Writes what a project's new issues are measured against.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_velocity(
        &mut self,
        project_id: i64,
        velocity: &Velocity,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO project_velocity (project_id, threshold, computed_at, error, failed_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (project_id) DO UPDATE SET threshold = excluded.threshold,
                 computed_at = excluded.computed_at, error = excluded.error,
                 failed_at = excluded.failed_at",
        )
        .bind(project_id)
        .bind(velocity.threshold)
        .bind(velocity.computed_at)
        .bind(&velocity.error)
        .bind(velocity.failed_at)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
