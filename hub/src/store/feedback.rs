//! What people wrote: reports of the old kind, which are items, and events of the new kind.
//!
//! Times are unix milliseconds.

use protocol::ids::EventId;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::event_read::EventRow;
use super::items::{self, ItemRow};
use super::place::{Direction, Place};
use super::rows::push_list;
use super::{Store, StoreError, Write, events};

/// The kind of item that a report is.
pub const REPORT: &str = "user_report";

/// Selects events as they are read here.
const EVENT: &str = "SELECT id, project_id, event_id, issue_id, timestamp, received_at, \
     digested_at, pack, pack_offset, pack_item FROM events";

/// Something that a person wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedbackRow {
    /// A report about an event, and the event's issue where it is stored.
    Report(Box<ItemRow>, Option<i64>),
    /// An event of its own.
    Event(EventRow),
}

impl FeedbackRow {
    /// Where it stands among both kinds, whose rows count each for themselves.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Report(row, _) => Place {
                value: row.item.timestamp.as_millis(),
                id: row.id * 2,
            },
            Self::Event(row) => Place {
                value: row.timestamp,
                id: row.id * 2 + 1,
            },
        }
    }
}

/// Which feedback is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these projects.
    pub projects: Vec<i64>,
    /// About this issue, or in it.
    pub issue: Option<i64>,
    /// Written from this time on.
    pub since: Option<i64>,
    /// Written before this time.
    pub until: Option<i64>,
}

impl Store {
    /// Up to `limit` of what people wrote from a place on, the latest first; read back, the other
    /// way.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn feedback(
        &self,
        wanted: &Wanted,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<FeedbackRow>, StoreError> {
        let mut rows = self.reports(wanted, from, limit).await?;
        rows.extend(self.feedback_events(wanted, from, limit).await?);
        let by_place = |row: &FeedbackRow| (row.place().value, row.place().id);
        rows.sort_by_key(by_place);
        if !matches!(from, Some((_, Direction::Back))) {
            rows.reverse();
        }
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn reports(
        &self,
        wanted: &Wanted,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<FeedbackRow>, StoreError> {
        let columns = items::COLUMNS;
        let mut sql = QueryBuilder::<Sqlite>::new(format!(
            "SELECT {columns}, (SELECT e.issue_id FROM events e
                 WHERE e.project_id = items.project_id AND e.event_id = items.event_id) AS issue_id
             FROM items WHERE kind = "
        ));
        sql.push_bind(REPORT).push(" AND project_id IN ");
        push_list(&mut sql, wanted.projects.iter().copied());
        if let Some(issue) = wanted.issue {
            sql.push(" AND issue_id = ").push_bind(issue);
        }
        push_span(&mut sql, wanted, from, "id * 2", limit);
        let rows = sql.build().fetch_all(self.reader()).await?;
        let read = |row| {
            let issue = sqlx::sqlite::SqliteRow::try_get(row, "issue_id")?;
            Ok(FeedbackRow::Report(Box::new(items::read(row)?), issue))
        };
        rows.iter().map(read).collect()
    }

    async fn feedback_events(
        &self,
        wanted: &Wanted,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<FeedbackRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(format!(
            "{EVENT} WHERE issue_id IN
                 (SELECT id FROM issues WHERE kind = 'feedback' AND status <= 2
                  AND project_id IN "
        ));
        push_list(&mut sql, wanted.projects.iter().copied());
        sql.push(")");
        if let Some(issue) = wanted.issue {
            sql.push(" AND (issue_id = ").push_bind(issue);
            sql.push(
                " OR id IN (SELECT a.row FROM feedback_about a CROSS JOIN events e
                     ON e.project_id = a.project_id AND e.event_id = a.event_id
                     WHERE e.issue_id = ",
            );
            sql.push_bind(issue).push(" AND a.project_id IN ");
            push_list(&mut sql, wanted.projects.iter().copied());
            sql.push("))");
        }
        push_span(&mut sql, wanted, from, "id * 2 + 1", limit);
        let rows: Vec<EventRow> = sql.build_query_as().fetch_all(self.reader()).await?;
        Ok(rows.into_iter().map(FeedbackRow::Event).collect())
    }

    /// How much of both kinds is about events of an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_reports(&self, project: i64, issue: i64) -> Result<u32, StoreError> {
        // What was written first: of that there is little, and of events there may be many.
        Ok(sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM items i CROSS JOIN events e
                     ON e.project_id = i.project_id AND e.event_id = i.event_id
                     WHERE i.project_id = ?1 AND i.kind = ?2 AND e.issue_id = ?3)
                 + (SELECT COUNT(*) FROM feedback_about a CROSS JOIN events e
                    ON e.project_id = a.project_id AND e.event_id = a.event_id
                    WHERE a.project_id = ?1 AND e.issue_id = ?3)",
        )
        .bind(project)
        .bind(REPORT)
        .bind(issue)
        .fetch_one(self.reader())
        .await?)
    }

    /// How much of both kinds is about an event.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_reports_of_event(
        &self,
        project: i64,
        event: EventId,
    ) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM items
                     WHERE project_id = ?1 AND event_id = ?2 AND kind = ?3)
                 + (SELECT COUNT(*) FROM feedback_about WHERE project_id = ?1 AND event_id = ?2)",
        )
        .bind(project)
        .bind(event.as_bytes().as_slice())
        .bind(REPORT)
        .fetch_one(self.reader())
        .await?)
    }

    /// The latest feedback that is about an event and an event itself.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn feedback_about(
        &self,
        project: i64,
        event: EventId,
    ) -> Result<Option<EventRow>, StoreError> {
        let sql = format!(
            "{EVENT} WHERE id IN
                 (SELECT row FROM feedback_about WHERE project_id = ?1 AND event_id = ?2)
             ORDER BY timestamp DESC, id DESC LIMIT 1"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(project)
            .bind(event.as_bytes().as_slice())
            .fetch_optional(self.reader())
            .await?)
    }
}

impl Write {
    /// Notes which event an event is feedback about.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_feedback(
        &mut self,
        feedback: &events::EventRow,
        about: EventId,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO feedback_about (row, project_id, event_id) VALUES (?1, ?2, ?3)")
            .bind(feedback.row)
            .bind(feedback.project.as_i64())
            .bind(about.as_bytes().as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// The time, the place and the order; `key` tells those of one millisecond apart.
fn push_span(
    sql: &mut QueryBuilder<Sqlite>,
    wanted: &Wanted,
    from: Option<(Place, Direction)>,
    key: &str,
    limit: u32,
) {
    if let Some(since) = wanted.since {
        sql.push(" AND timestamp >= ").push_bind(since);
    }
    if let Some(until) = wanted.until {
        sql.push(" AND timestamp < ").push_bind(until);
    }
    let mut order = "DESC";
    if let Some((place, direction)) = from {
        let sign = if direction == Direction::Onward {
            "<"
        } else {
            order = "ASC";
            ">"
        };
        sql.push(format_args!(" AND (timestamp, {key}) {sign} ("));
        sql.push_bind(place.value).push(", ");
        sql.push_bind(place.id).push(")");
    }
    sql.push(format_args!(
        " ORDER BY timestamp {order}, id {order} LIMIT "
    ));
    sql.push_bind(limit);
}
