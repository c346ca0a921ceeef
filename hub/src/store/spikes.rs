//! Spikes of projects: how much was refused, from when to when.

use protocol::outcome::{Term, reason};
use protocol::timestamp::Timestamp;

use super::{Store, StoreError, Write};

/// What was ever refused of a project because much more came than usual.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Refused {
    /// The project.
    pub project_id: i64,
    /// Its slug.
    pub slug: String,
    /// Its organization's slug.
    pub organization: String,
    /// Items, of all time.
    pub total: i64,
}

/// A spike. Times are unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SpikeRow {
    /// 0 before it is stored.
    pub id: i64,
    /// The project.
    pub project_id: i64,
    /// When its first refusal was noted.
    pub began_at: i64,
    /// When its last was.
    pub seen_at: i64,
    /// When it was over.
    pub ended_at: Option<i64>,
    /// Items that it refused.
    pub refused: i64,
    /// All that was ever refused of the project by then.
    pub counted: i64,
}

impl Store {
    /// The projects of which something was ever refused because of a spike.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn refused_as_spikes(&self) -> Result<Vec<Refused>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.id AS project_id, p.slug, o.slug AS organization,
                    SUM(l.quantity) AS total
             FROM ledger l JOIN projects p ON p.id = l.project_id
             JOIN organizations o ON o.id = p.organization_id
             WHERE l.reason = ?1 AND l.term = ?2 GROUP BY p.id",
        )
        .bind(reason::SPIKE)
        .bind(u8::from(Term::Refused))
        .fetch_all(self.reader())
        .await?)
    }

    /// The last spike of a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn last_spike(&self, project: i64) -> Result<Option<SpikeRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM spikes WHERE project_id = ?1 ORDER BY id DESC LIMIT 1")
                .bind(project)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// The spikes of an organization's projects that were not over at `since`, the last first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn spikes(
        &self,
        organization: i64,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(SpikeRow, String)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Named {
            #[sqlx(flatten)]
            row: SpikeRow,
            slug: String,
        }
        let named: Vec<Named> = sqlx::query_as(
            "SELECT s.*, p.slug FROM spikes s JOIN projects p ON p.id = s.project_id
             WHERE p.organization_id = ?1 AND (s.ended_at IS NULL OR s.ended_at >= ?2)
             ORDER BY s.id DESC LIMIT ?3",
        )
        .bind(organization)
        .bind(since.as_millis())
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        Ok(named.into_iter().map(|one| (one.row, one.slug)).collect())
    }
}

impl Write {
    /// Notes a spike, or how it goes on.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_spike(&mut self, row: &SpikeRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO spikes (id, project_id, began_at, seen_at, ended_at, refused, counted)
             VALUES (NULLIF(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at,
                 ended_at = excluded.ended_at, refused = excluded.refused,
                 counted = excluded.counted",
        )
        .bind(row.id)
        .bind(row.project_id)
        .bind(row.began_at)
        .bind(row.seen_at)
        .bind(row.ended_at)
        .bind(row.refused)
        .bind(row.counted)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes a notification of a rule that is about no issue, due at once; `action` is JSON.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_project_notification(
        &mut self,
        rule: i64,
        kind: &str,
        action: &str,
        payload: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO notifications
             (rule_id, issue_id, change_kind, action, payload, state, next_attempt_at, created_at)
             VALUES (?1, 0, ?2, ?3, ?4, 'pending', ?5, ?5)",
        )
        .bind(rule)
        .bind(kind)
        .bind(action)
        .bind(payload)
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
