//! Events: where each body lies.

use std::collections::HashSet;

use protocol::ids::{EventId, ProjectId};
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// The setting that holds the last row given to an event; rows are never given twice.
const LAST_ROW: &str = "events.last_row";

/// Where one event's body lies, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Rises in the order of digestion.
    pub row: i64,
    /// The project.
    pub project: ProjectId,
    /// The event's id.
    pub event_id: EventId,
    /// The issue.
    pub issue: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the relay had it.
    pub received_at: Timestamp,
    /// When it was committed.
    pub digested_at: Timestamp,
    /// The archive's pack.
    pub pack: u64,
    /// The chunk in the pack.
    pub offset: u64,
    /// The place in the chunk.
    pub item: u32,
    /// How many events it counts as.
    pub weight: i64,
}

/// Columns in the order of [`read`].
const COLUMNS: &str = "id, project_id, event_id, issue_id, timestamp, received_at, digested_at, \
                       pack, pack_offset, pack_item, weight";

impl Store {
    /// Which of these events are stored already.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn known_events(
        &self,
        ids: &[(ProjectId, EventId)],
    ) -> Result<HashSet<(ProjectId, EventId)>, StoreError> {
        let mut known = HashSet::new();
        for run in runs(ids) {
            let mut sql = QueryBuilder::<Sqlite>::new("WITH wanted (project_id, event_id) AS (");
            sql.push_values(run, |mut row, (project, event)| {
                row.push_bind(project.as_i64())
                    .push_bind(event.as_bytes().as_slice());
            });
            sql.push(
                ") SELECT e.project_id, e.event_id FROM wanted w CROSS JOIN events e
                 WHERE e.project_id = w.project_id AND e.event_id = w.event_id",
            );
            for row in sql.build().fetch_all(self.reader()).await? {
                known.insert((project(row.try_get(0)?)?, event_id(row.try_get(1)?)?));
            }
        }
        Ok(known)
    }

    /// The events after a row, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn events_after(&self, row: i64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE id > ?1 ORDER BY id LIMIT ?2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(row)
            .bind(limit)
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(read).collect()
    }

    /// The events whose bodies are in a pack.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn events_in_pack(&self, pack: u64) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE pack = ?1");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(pack.cast_signed())
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(read).collect()
    }

    /// How many bodies each pack still holds for events that are stored.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn events_by_pack(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT pack, COUNT(*) FROM events GROUP BY pack ORDER BY pack")
                .fetch_all(self.reader())
                .await?;
        let unsigned = |(pack, n): (i64, i64)| (pack.cast_unsigned(), n.cast_unsigned());
        Ok(rows.into_iter().map(unsigned).collect())
    }

    /// How many events are stored.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn event_count(&self) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events")
            .fetch_one(self.reader())
            .await?;
        Ok(n.cast_unsigned())
    }

    /// The events of these ids in a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn events_of_ids(
        &self,
        project: ProjectId,
        ids: &[EventId],
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut found = Vec::new();
        for run in runs(ids) {
            let mut sql = QueryBuilder::<Sqlite>::new(format!(
                "SELECT {COLUMNS} FROM events WHERE project_id = "
            ));
            sql.push_bind(project.as_i64()).push(" AND event_id IN (");
            let mut list = sql.separated(", ");
            for id in run {
                list.push_bind(id.as_bytes().as_slice());
            }
            sql.push(")");
            let rows = sql.build().fetch_all(self.reader()).await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }
}

impl Write {
    /// The last row that was given to an event.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn last_event_row(&mut self) -> Result<i64, StoreError> {
        let value: Option<String> = sqlx::query_scalar("SELECT value FROM settings WHERE key = ?1")
            .bind(LAST_ROW)
            .fetch_optional(self.connection())
            .await?;
        let unreadable = |_| StoreError::Unreadable { what: "row number" };
        value.map_or(Ok(0), |text| text.parse().map_err(unreadable))
    }

    /// Adds events; their rows must follow on [`Write::last_event_row`].
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_events(&mut self, events: &[EventRow]) -> Result<(), StoreError> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        for run in runs(events) {
            let mut sql = QueryBuilder::<Sqlite>::new(format!("INSERT INTO events ({COLUMNS}) "));
            sql.push_values(run, |mut row, event| {
                row.push_bind(event.row)
                    .push_bind(event.project.as_i64())
                    .push_bind(event.event_id.as_bytes().as_slice())
                    .push_bind(event.issue)
                    .push_bind(event.timestamp.as_millis())
                    .push_bind(event.received_at.as_millis())
                    .push_bind(event.digested_at.as_millis())
                    .push_bind(event.pack.cast_signed())
                    .push_bind(event.offset.cast_signed())
                    .push_bind(event.item)
                    .push_bind(event.weight);
            });
            sql.build().execute(self.connection()).await?;
        }
        self.put_setting(LAST_ROW, &last.row.to_string()).await
    }

    /// Points an event to where its body was moved.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn move_event(
        &mut self,
        row: i64,
        pack: u64,
        offset: u64,
        item: u32,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE events SET pack = ?2, pack_offset = ?3, pack_item = ?4 WHERE id = ?1")
            .bind(row)
            .bind(pack.cast_signed())
            .bind(offset.cast_signed())
            .bind(item)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes at most `limit` events that happened before `before`, the oldest first; says which.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_events(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!(
            "DELETE FROM events WHERE id IN
             (SELECT id FROM events WHERE timestamp < ?1 ORDER BY timestamp LIMIT ?2)
             RETURNING {COLUMNS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(before.as_millis())
            .bind(limit)
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(read).collect()
    }

    /// Removes events, by their rows.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erase_events(&mut self, events: &[EventRow]) -> Result<(), StoreError> {
        for run in runs(events) {
            let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM events WHERE id IN (");
            let mut list = sql.separated(", ");
            for event in run {
                list.push_bind(event.row);
            }
            sql.push(")");
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// The latest event of an issue that shows one which is gone; `None` where it need not change.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn faceless(&mut self, issue: i64) -> Result<Option<EventRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE issue_id = ?1 AND NOT EXISTS (
                 SELECT 1 FROM issues i JOIN events e
                     ON e.project_id = i.project_id AND e.event_id = i.latest_event
                 WHERE i.id = ?1)
             ORDER BY timestamp DESC, id DESC LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(issue)
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<EventRow, StoreError> {
    let at = |i: usize| row.try_get::<i64, _>(i);
    Ok(EventRow {
        row: at(0)?,
        project: project(at(1)?)?,
        event_id: event_id(row.try_get(2)?)?,
        issue: at(3)?,
        timestamp: Timestamp::from_millis(at(4)?),
        received_at: Timestamp::from_millis(at(5)?),
        digested_at: Timestamp::from_millis(at(6)?),
        pack: at(7)?.cast_unsigned(),
        offset: at(8)?.cast_unsigned(),
        item: row.try_get(9)?,
        weight: at(10)?,
    })
}

/// A stored project's number.
pub(super) fn project(id: i64) -> Result<ProjectId, StoreError> {
    let unreadable = StoreError::Unreadable { what: "project id" };
    let id = u64::try_from(id).ok();
    id.and_then(|id| ProjectId::new(id).ok()).ok_or(unreadable)
}

/// A stored event's id.
pub(super) fn event_id(bytes: &[u8]) -> Result<EventId, StoreError> {
    let unreadable = |_| StoreError::Unreadable { what: "event id" };
    bytes
        .try_into()
        .map(EventId::from_bytes)
        .map_err(unreadable)
}
