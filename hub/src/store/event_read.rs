//! What pages show of events: where a body lies, and which event comes before and after.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::place::{Direction, Place};
use super::{Store, StoreError};

/// Where an event is and what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct EventRow {
    pub id: i64,
    pub project_id: i64,
    pub event_id: Vec<u8>,
    pub issue_id: i64,
    pub timestamp: i64,
    pub received_at: i64,
    pub digested_at: i64,
    pub pack: i64,
    pub pack_offset: i64,
    pub pack_item: i64,
}

const EVENT: &str = "id, project_id, event_id, issue_id, timestamp, received_at, digested_at, \
     pack, pack_offset, pack_item";

impl Store {
    /// Up to `limit` events of an issue from a place (time, row) on, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_events(
        &self,
        issue_id: i64,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut sql = select();
        sql.push(" WHERE issue_id = ").push_bind(issue_id);
        let mut order = "DESC";
        if let Some((place, direction)) = from {
            let sign = if direction == Direction::Onward {
                "<"
            } else {
                ">"
            };
            sql.push(format_args!(" AND (timestamp, id) {sign} ("));
            sql.push_bind(place.value)
                .push(", ")
                .push_bind(place.id)
                .push(")");
            if direction == Direction::Back {
                order = "ASC";
            }
        }
        sql.push(format_args!(
            " ORDER BY timestamp {order}, id {order} LIMIT "
        ));
        sql.push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// The events of these rows that are still there, in no order.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn event_rows(&self, ids: &[i64]) -> Result<Vec<EventRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = select();
        sql.push(" WHERE id IN (");
        let mut list = sql.separated(", ");
        for id in ids {
            list.push_bind(*id);
        }
        sql.push(")");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Up to `limit` events of a project from a row on, the one digested last first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_events(
        &self,
        project_id: i64,
        from: Option<(i64, Direction)>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut sql = select();
        // The sum keeps the engine from sorting all of the project's events: it walks the rows in
        // the order asked for and stops.
        sql.push(" WHERE project_id + 0 = ").push_bind(project_id);
        let mut order = "DESC";
        if let Some((row, direction)) = from {
            let sign = if direction == Direction::Onward {
                "<"
            } else {
                ">"
            };
            sql.push(format_args!(" AND id {sign} ")).push_bind(row);
            if direction == Direction::Back {
                order = "ASC";
            }
        }
        sql.push(format_args!(" ORDER BY id {order} LIMIT "))
            .push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// The event of an id in one of these projects.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn event_by_id(
        &self,
        projects: &[i64],
        event_id: &[u8; 16],
    ) -> Result<Option<EventRow>, StoreError> {
        if projects.is_empty() {
            return Ok(None);
        }
        let mut sql = select();
        sql.push(" WHERE event_id = ").push_bind(event_id.to_vec());
        sql.push(" AND project_id IN (");
        let mut list = sql.separated(", ");
        for project in projects {
            list.push_bind(*project);
        }
        sql.push(") LIMIT 1");
        Ok(sql.build_query_as().fetch_optional(self.reader()).await?)
    }
}

fn select() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(format!("SELECT {EVENT} FROM events"))
}
