//! The parts of items that are too large for one record.

use protocol::block::{Chain, Sum};
use protocol::ids::{EventId, ProjectId, RelayId, WholeId};
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::items::Place;
use super::rows::runs;
use super::{Store, StoreError, Write};

/// Whose parts they are: the names that relays give are their own.
pub type PartsOf = (RelayId, WholeId);

/// What is known of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// The project.
    pub project: ProjectId,
    /// Of what.
    pub of: PartsOf,
    /// From 0 on.
    pub nth: u32,
    /// The event that its body is kept under.
    pub event_id: EventId,
    /// The digest up to here.
    pub chain: Chain,
    /// Bytes.
    pub size: u64,
}

impl Store {
    /// What the parts that are stored of something come to; none for none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn parts_sum(&self, of: PartsOf) -> Result<Option<Sum>, StoreError> {
        let last: Option<(i64, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT nth, chain, (SELECT SUM(size) FROM item_parts
                                 WHERE relay_id = ?1 AND whole = ?2)
             FROM item_parts WHERE relay_id = ?1 AND whole = ?2 ORDER BY nth DESC LIMIT 1",
        )
        .bind(of.0.as_bytes().as_slice())
        .bind(of.1.as_bytes().as_slice())
        .fetch_optional(self.reader())
        .await?;
        let Some((nth, chain, bytes)) = last else {
            return Ok(None);
        };
        let unreadable = || StoreError::Unreadable { what: "part" };
        let chain: [u8; 32] = chain.try_into().map_err(|_| unreadable())?;
        Ok(Some(Sum {
            whole: of.1,
            parts: u32::try_from(nth + 1).map_err(|_| unreadable())?,
            bytes: bytes.cast_unsigned(),
            chain: Chain::from_bytes(chain),
        }))
    }

    /// Where the parts of an item lie, in order; none for what came in one piece.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn parts_of_item(&self, item: i64) -> Result<Vec<Place>, StoreError> {
        let rows: Vec<(i64, i64, u32)> = sqlx::query_as(
            "SELECT pack, pack_offset, pack_item FROM item_parts WHERE item_id = ?1 ORDER BY nth",
        )
        .bind(item)
        .fetch_all(self.reader())
        .await?;
        let place = |(pack, offset, item): (i64, i64, u32)| Place {
            pack: pack.cast_unsigned(),
            offset: offset.cast_unsigned(),
            item,
        };
        Ok(rows.into_iter().map(place).collect())
    }

    /// The parts whose bodies are in a pack: row and place.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn parts_in_pack(&self, pack: u64) -> Result<Vec<(i64, Place)>, StoreError> {
        let rows: Vec<(i64, i64, u32)> =
            sqlx::query_as("SELECT rowid, pack_offset, pack_item FROM item_parts WHERE pack = ?1")
                .bind(pack.cast_signed())
                .fetch_all(self.reader())
                .await?;
        let place = |(row, offset, item): (i64, i64, u32)| {
            let offset = offset.cast_unsigned();
            (row, Place { pack, offset, item })
        };
        Ok(rows.into_iter().map(place).collect())
    }

    /// How many bodies each pack holds for parts that are stored.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn parts_by_pack(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT pack, COUNT(*) FROM item_parts GROUP BY pack ORDER BY pack")
                .fetch_all(self.reader())
                .await?;
        let unsigned = |(pack, n): (i64, i64)| (pack.cast_unsigned(), n.cast_unsigned());
        Ok(rows.into_iter().map(unsigned).collect())
    }
}

impl Write {
    /// Adds parts; those that are here already stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_parts(
        &mut self,
        parts: &[(&NewPart, Place)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (part, place) in parts {
            sqlx::query(
                "INSERT INTO item_parts (relay_id, whole, nth, project_id, event_id, chain, size,
                     digested_at, pack, pack_offset, pack_item)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            )
            .bind(part.of.0.as_bytes().as_slice())
            .bind(part.of.1.as_bytes().as_slice())
            .bind(part.nth)
            .bind(part.project.as_i64())
            .bind(part.event_id.as_bytes().as_slice())
            .bind(part.chain.as_bytes().as_slice())
            .bind(part.size.cast_signed())
            .bind(now.as_millis())
            .bind(place.pack.cast_signed())
            .bind(place.offset.cast_signed())
            .bind(place.item)
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Gives parts to the item that they are of.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn join_parts(&mut self, of: PartsOf, item: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE item_parts SET item_id = ?3 WHERE relay_id = ?1 AND whole = ?2")
            .bind(of.0.as_bytes().as_slice())
            .bind(of.1.as_bytes().as_slice())
            .bind(item)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes the parts of what is not kept.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn forget_parts(&mut self, of: PartsOf) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM item_parts WHERE relay_id = ?1 AND whole = ?2 AND item_id IS NULL",
        )
        .bind(of.0.as_bytes().as_slice())
        .bind(of.1.as_bytes().as_slice())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Points a part to where its body was moved.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn move_part(&mut self, row: i64, to: Place) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE item_parts SET pack = ?2, pack_offset = ?3, pack_item = ?4 WHERE rowid = ?1",
        )
        .bind(row)
        .bind(to.pack.cast_signed())
        .bind(to.offset.cast_signed())
        .bind(to.item)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes at most `limit` parts that came before `before`, of this relay or of any, and whose
    /// item did not; says how many.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_lone_parts(
        &mut self,
        of: Option<RelayId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let removed = sqlx::query(
            "DELETE FROM item_parts WHERE rowid IN
             (SELECT rowid FROM item_parts WHERE item_id IS NULL AND digested_at < ?1
              AND (?3 IS NULL OR relay_id = ?3) LIMIT ?2)",
        )
        .bind(before.as_millis())
        .bind(limit)
        .bind(of.as_ref().map(|relay| relay.as_bytes().as_slice()))
        .execute(self.connection())
        .await?;
        Ok(removed.rows_affected())
    }

    /// Removes the parts that belong to these events, or to items of theirs; gives the pack of each.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erase_parts(
        &mut self,
        project: ProjectId,
        events: &[EventId],
    ) -> Result<Vec<u64>, StoreError> {
        let mut packs: Vec<i64> = Vec::new();
        for run in runs(events) {
            let mut sql = QueryBuilder::<Sqlite>::new("WITH wanted (event_id) AS (");
            sql.push_values(run, |mut row, id| {
                row.push_bind(id.as_bytes().as_slice());
            });
            sql.push(") DELETE FROM item_parts WHERE project_id = ");
            sql.push_bind(project.as_i64()).push(
                " AND (event_id IN (SELECT event_id FROM wanted) OR item_id IN
                  (SELECT i.id FROM wanted w CROSS JOIN items i
                   WHERE i.project_id = item_parts.project_id AND i.event_id = w.event_id))
                  RETURNING pack",
            );
            let of_run = sql.build_query_scalar::<i64>();
            packs.extend(of_run.fetch_all(self.connection()).await?);
        }
        Ok(packs.into_iter().map(i64::cast_unsigned).collect())
    }
}
