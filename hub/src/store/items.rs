//! Items that are no events: what is known of each, and where its body lies.

use std::collections::HashSet;

use protocol::ids::{EventId, ProjectId};
use protocol::roster::SampleRate;
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::events::{event_id, project};
use super::place::{Direction, Place as At};
use super::rows::{push_list, runs};
use super::{Store, StoreError, Write};

/// An identity: hashed, so that it has a length.
pub type Identity = [u8; 16];

/// What is known of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItem {
    /// The project.
    pub project: ProjectId,
    /// The wire name of its kind.
    pub kind: String,
    /// The event it belongs to, or is.
    pub event_id: Option<EventId>,
    /// The file, monitor, transaction, session or replay.
    pub name: String,
    /// The same twice in a project and kind is a duplicate.
    pub identity: Option<Identity>,
    /// The traces it has a part of.
    pub traces: Vec<[u8; 16]>,
    /// JSON: what lists show.
    pub facts: String,
    /// Bytes of the body.
    pub size: u64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the relay had it.
    pub received_at: Timestamp,
    /// The share of those like it that relays kept.
    pub sample_rate: SampleRate,
    /// How it went; of a transaction or span alone.
    pub measured: Option<Measured>,
}

/// How a transaction or a span went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How long it took, in milliseconds, where it says so.
    pub duration_ms: Option<f64>,
    /// Whether it failed.
    pub failed: bool,
}

/// Where a body lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The archive's pack.
    pub pack: u64,
    /// The chunk in the pack.
    pub offset: u64,
    /// The place in the chunk.
    pub item: u32,
}

/// A stored item.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow {
    /// Rises in the order of digestion.
    pub id: i64,
    /// What is known of it; without traces.
    pub item: NewItem,
    /// When it was committed.
    pub digested_at: Timestamp,
    /// Where its body lies.
    pub place: Place,
}

/// Which items of a project are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these kinds; empty for all.
    pub kinds: Vec<String>,
    /// Of this event.
    pub event_id: Option<EventId>,
    /// With a part of this trace.
    pub trace_id: Option<[u8; 16]>,
    /// Of this name.
    pub name: Option<String>,
    /// That happened from this time on.
    pub since: Option<Timestamp>,
    /// That happened before this time.
    pub until: Option<Timestamp>,
    /// That ran in one of these environments; empty for all, and those that name none.
    pub environments: Vec<String>,
}

pub(super) const COLUMNS: &str = "id, project_id, kind, event_id, name, facts, size, timestamp, received_at, \
                       digested_at, pack, pack_offset, pack_item, sample_rate, duration_ms, failed";

impl Store {
    /// Which of these identities are stored already.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn known_items(
        &self,
        identities: &[(ProjectId, &str, Identity)],
    ) -> Result<HashSet<(ProjectId, Identity)>, StoreError> {
        let mut known = HashSet::new();
        for run in runs(identities) {
            let mut sql =
                QueryBuilder::<Sqlite>::new("WITH wanted (project_id, kind, identity) AS (");
            sql.push_values(run, |mut row, (project, kind, identity)| {
                row.push_bind(project.as_i64())
                    .push_bind(*kind)
                    .push_bind(identity.as_slice());
            });
            sql.push(
                ") SELECT i.project_id, i.identity FROM wanted w CROSS JOIN items i
                 WHERE i.project_id = w.project_id AND i.kind = w.kind
                   AND i.identity = w.identity",
            );
            for row in sql.build().fetch_all(self.reader()).await? {
                let bytes: &[u8] = row.try_get(1)?;
                let unreadable = |_| StoreError::Unreadable { what: "identity" };
                known.insert((
                    project(row.try_get(0)?)?,
                    bytes.try_into().map_err(unreadable)?,
                ));
            }
        }
        Ok(known)
    }

    /// Up to `limit` items of a project from a row on, the one digested last first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn items(
        &self,
        project: i64,
        wanted: &Wanted,
        from: Option<(i64, Direction)>,
        limit: u32,
    ) -> Result<Vec<ItemRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM items"));
        sql.push(" WHERE project_id = ").push_bind(project);
        push_wanted(&mut sql, wanted);
        let mut order = "DESC";
        if let Some((row, direction)) = from {
            let sign = if direction == Direction::Onward {
                "<"
            } else {
                order = "ASC";
                ">"
            };
            sql.push(format_args!(" AND id {sign} ")).push_bind(row);
        }
        sql.push(format_args!(" ORDER BY id {order} LIMIT "));
        sql.push_bind(limit);
        let rows = sql.build().fetch_all(self.reader()).await?;
        rows.iter().map(read).collect()
    }

    /// Up to `limit` items of a project from a place (time, row) on, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn latest_items(
        &self,
        project: i64,
        wanted: &Wanted,
        from: Option<(At, Direction)>,
        limit: u32,
    ) -> Result<Vec<ItemRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {COLUMNS} FROM items"));
        sql.push(" WHERE project_id = ").push_bind(project);
        push_wanted(&mut sql, wanted);
        let mut order = "DESC";
        if let Some((at, direction)) = from {
            let sign = if direction == Direction::Onward {
                "<"
            } else {
                order = "ASC";
                ">"
            };
            sql.push(format_args!(" AND (timestamp, id) {sign} ("));
            sql.push_bind(at.value).push(", ").push_bind(at.id);
            sql.push(")");
        }
        sql.push(format_args!(
            " ORDER BY timestamp {order}, id {order} LIMIT "
        ));
        sql.push_bind(limit);
        let rows = sql.build().fetch_all(self.reader()).await?;
        rows.iter().map(read).collect()
    }

    /// The kinds of which a project has items, in order. Each is one step in an index.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn item_kinds(&self, project: i64) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "WITH RECURSIVE found (kind) AS (
                 SELECT MIN(kind) FROM items WHERE project_id = ?1
                 UNION ALL
                 SELECT (SELECT MIN(kind) FROM items
                         WHERE project_id = ?1 AND kind > found.kind)
                 FROM found WHERE found.kind IS NOT NULL
             )
             SELECT kind FROM found WHERE kind IS NOT NULL",
        )
        .bind(project)
        .fetch_all(self.reader())
        .await?)
    }

    /// An item of a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn item(&self, project: i64, id: i64) -> Result<Option<ItemRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM items WHERE project_id = ?1 AND id = ?2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(project)
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The items whose bodies are in a pack: row and place.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn items_in_pack(&self, pack: u64) -> Result<Vec<(i64, Place)>, StoreError> {
        let rows: Vec<(i64, i64, u32)> =
            sqlx::query_as("SELECT id, pack_offset, pack_item FROM items WHERE pack = ?1")
                .bind(pack.cast_signed())
                .fetch_all(self.reader())
                .await?;
        let place = |(id, offset, item): (i64, i64, u32)| {
            let offset = offset.cast_unsigned();
            (id, Place { pack, offset, item })
        };
        Ok(rows.into_iter().map(place).collect())
    }

    /// How many bodies each pack still holds for items that are stored.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn items_by_pack(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT pack, COUNT(*) FROM items GROUP BY pack ORDER BY pack")
                .fetch_all(self.reader())
                .await?;
        let unsigned = |(pack, n): (i64, i64)| (pack.cast_unsigned(), n.cast_unsigned());
        Ok(rows.into_iter().map(unsigned).collect())
    }
}

impl Write {
    /// Adds items; gives their rows.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_items(
        &mut self,
        items: &[(&NewItem, Place)],
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::with_capacity(items.len());
        for (item, place) in items {
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO items (project_id, kind, event_id, name, identity, facts, size,
                     timestamp, received_at, digested_at, pack, pack_offset, pack_item,
                     sample_rate, duration_ms, failed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
                 RETURNING id",
            )
            .bind(item.project.as_i64())
            .bind(&item.kind)
            .bind(item.event_id.map(|id| id.as_bytes().to_vec()))
            .bind(&item.name)
            .bind(item.identity.map(|identity| identity.to_vec()))
            .bind(&item.facts)
            .bind(item.size.cast_signed())
            .bind(item.timestamp.as_millis())
            .bind(item.received_at.as_millis())
            .bind(now.as_millis())
            .bind(place.pack.cast_signed())
            .bind(place.offset.cast_signed())
            .bind(place.item)
            .bind(u32::from(item.sample_rate))
            .bind(item.measured.and_then(|measured| measured.duration_ms))
            .bind(item.measured.map(|measured| measured.failed))
            .fetch_one(self.connection())
            .await?;
            for run in runs(&item.traces) {
                let mut sql =
                    QueryBuilder::<Sqlite>::new("INSERT INTO item_traces (trace_id, item_id) ");
                sql.push_values(run, |mut row, trace| {
                    row.push_bind(trace.as_slice()).push_bind(id);
                });
                sql.push(" ON CONFLICT DO NOTHING");
                sql.build().execute(self.connection()).await?;
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// Points an item to where its body was moved.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn move_item(&mut self, id: i64, to: Place) -> Result<(), StoreError> {
        sqlx::query("UPDATE items SET pack = ?2, pack_offset = ?3, pack_item = ?4 WHERE id = ?1")
            .bind(id)
            .bind(to.pack.cast_signed())
            .bind(to.offset.cast_signed())
            .bind(to.item)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes at most `limit` items that happened before `before`, the oldest first; says how
    /// many.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_items(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let removed = sqlx::query(
            "DELETE FROM items WHERE id IN
             (SELECT id FROM items WHERE timestamp < ?1 ORDER BY timestamp LIMIT ?2)",
        )
        .bind(before.as_millis())
        .bind(limit)
        .execute(self.connection())
        .await?;
        Ok(removed.rows_affected())
    }

    /// Removes the items of these events, and those whose bodies lie at these places; gives the
    /// pack of each.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erase_items(
        &mut self,
        project: ProjectId,
        events: &[EventId],
        places: &[Place],
    ) -> Result<Vec<u64>, StoreError> {
        let mut packs: Vec<i64> = Vec::new();
        for run in runs(events) {
            let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM items WHERE project_id = ");
            sql.push_bind(project.as_i64()).push(" AND event_id IN (");
            let mut list = sql.separated(", ");
            for id in run {
                list.push_bind(id.as_bytes().as_slice());
            }
            sql.push(") RETURNING pack");
            packs.extend(
                sql.build_query_scalar::<i64>()
                    .fetch_all(self.connection())
                    .await?,
            );
        }
        for place in places {
            let removed: Vec<i64> = sqlx::query_scalar(
                "DELETE FROM items WHERE pack = ?1 AND pack_offset = ?2 AND pack_item = ?3
                 RETURNING pack",
            )
            .bind(place.pack.cast_signed())
            .bind(place.offset.cast_signed())
            .bind(place.item)
            .fetch_all(self.connection())
            .await?;
            packs.extend(removed);
        }
        Ok(packs.into_iter().map(i64::cast_unsigned).collect())
    }
}

/// The conditions that say which items are looked for.
fn push_wanted(sql: &mut QueryBuilder<Sqlite>, wanted: &Wanted) {
    if !wanted.kinds.is_empty() {
        sql.push(" AND kind IN ");
        push_list(sql, wanted.kinds.iter().cloned());
    }
    if let Some(event_id) = wanted.event_id {
        sql.push(" AND event_id = ");
        sql.push_bind(event_id.as_bytes().to_vec());
    }
    if let Some(trace_id) = wanted.trace_id {
        sql.push(" AND id IN (SELECT item_id FROM item_traces WHERE trace_id = ");
        sql.push_bind(trace_id.to_vec()).push(")");
    }
    if let Some(name) = &wanted.name {
        sql.push(" AND name = ").push_bind(name.clone());
    }
    if let Some(since) = wanted.since {
        sql.push(" AND timestamp >= ").push_bind(since.as_millis());
    }
    if let Some(until) = wanted.until {
        sql.push(" AND timestamp < ").push_bind(until.as_millis());
    }
    if !wanted.environments.is_empty() {
        sql.push(" AND json_extract(facts, '$.environment') IN ");
        push_list(sql, wanted.environments.iter().cloned());
    }
}

pub(super) fn read(row: &sqlx::sqlite::SqliteRow) -> Result<ItemRow, StoreError> {
    let at = |i: usize| row.try_get::<i64, _>(i);
    let event: Option<&[u8]> = row.try_get(3)?;
    Ok(ItemRow {
        id: at(0)?,
        item: NewItem {
            project: project(at(1)?)?,
            kind: row.try_get(2)?,
            event_id: event.map(event_id).transpose()?,
            name: row.try_get(4)?,
            identity: None,
            traces: Vec::new(),
            facts: row.try_get(5)?,
            size: at(6)?.cast_unsigned(),
            timestamp: Timestamp::from_millis(at(7)?),
            received_at: Timestamp::from_millis(at(8)?),
            sample_rate: sample_rate(row.try_get(13)?),
            measured: measured(row.try_get(14)?, row.try_get(15)?),
        },
        digested_at: Timestamp::from_millis(at(9)?),
        place: Place {
            pack: at(10)?.cast_unsigned(),
            offset: at(11)?.cast_unsigned(),
            item: row.try_get(12)?,
        },
    })
}

/// What is written is a share, since it came from one.
fn sample_rate(millionths: u32) -> SampleRate {
    SampleRate::try_from(millionths).unwrap_or(SampleRate::ALL)
}

fn measured(duration_ms: Option<f64>, failed: Option<bool>) -> Option<Measured> {
    Some(Measured {
        duration_ms,
        failed: failed?,
    })
}
