//! What relays were asked to remove, and what became of it.

use std::collections::BTreeSet;

use protocol::ids::{EventId, RelayId};
use protocol::timestamp::Timestamp;
use protocol::wire::Erased;

use super::events::event_id;
use super::{Store, StoreError, Write};

/// Something that relays were asked to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ErasureRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Whose records.
    pub project_id: i64,
    /// Digests of people, in hex, as JSON.
    pub subjects: String,
    /// Event ids, as JSON.
    pub events: String,
    /// When it was asked for.
    pub created_at: i64,
    /// Relays are asked until then.
    pub ends_at: i64,
    /// The pack that was read last.
    pub read_pack: i64,
    /// How far.
    pub read_offset: i64,
    /// Events that the hub removed.
    pub events_here: i64,
    /// Other items that it removed.
    pub items_here: i64,
    /// When the hub had nothing left the last time it looked.
    pub done_here: Option<i64>,
}

/// What the hub did for an erasure since it noted it last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The pack that was read last, and how far.
    pub read: (u64, u64),
    /// Events that were removed.
    pub events: u64,
    /// Other items.
    pub items: u64,
    /// Packs that hold bodies of either.
    pub packs: BTreeSet<u64>,
    /// The events that the bodies were of.
    pub of_events: Vec<EventId>,
}

/// What became of it at a relay.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ReceiptRow {
    /// Of which erasure.
    pub erasure_id: i64,
    /// At which relay.
    pub relay_id: Vec<u8>,
    /// Records that were removed.
    pub records: i64,
    /// Their items.
    pub items: i64,
    /// Files that may still hold some.
    pub left_over: i64,
    /// When it was said last.
    pub at: i64,
}

impl Store {
    /// What relays are asked to remove at a time, of one project or of all, the latest last.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erasures(
        &self,
        project: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<ErasureRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM erasures
             WHERE ends_at > ?2 AND (?1 IS NULL OR project_id = ?1) ORDER BY id",
        )
        .bind(project)
        .bind(now.as_millis())
        .fetch_all(self.reader())
        .await?)
    }

    /// What became of a project's erasures at relays.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erasure_receipts(&self, project: i64) -> Result<Vec<ReceiptRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT r.* FROM erasure_receipts r JOIN erasures e ON e.id = r.erasure_id
             WHERE e.project_id = ?1 ORDER BY r.erasure_id, r.relay_id",
        )
        .bind(project)
        .fetch_all(self.reader())
        .await?)
    }

    /// The events of which bodies were found for an erasure, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erased_events(&self, id: i64, limit: u32) -> Result<Vec<EventId>, StoreError> {
        let ids: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT event_id FROM erased_events WHERE erasure_id = ?1 LIMIT ?2")
                .bind(id)
                .bind(limit)
                .fetch_all(self.reader())
                .await?;
        ids.iter().map(|id| event_id(id)).collect()
    }

    /// Packs that hold bodies of what was removed, and for which erasure.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erased_packs(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(
            sqlx::query_as("SELECT pack, erasure_id FROM erased_packs ORDER BY pack")
                .fetch_all(self.reader())
                .await?,
        )
    }
}

impl Write {
    /// Notes what the hub did for an erasure.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_erasure(&mut self, id: i64, done: &Progress) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE erasures SET read_pack = ?2, read_offset = ?3, events_here = events_here + ?4,
                 items_here = items_here + ?5 WHERE id = ?1",
        )
        .bind(id)
        .bind(done.read.0.cast_signed())
        .bind(done.read.1.cast_signed())
        .bind(done.events.cast_signed())
        .bind(done.items.cast_signed())
        .execute(self.connection())
        .await?;
        for pack in &done.packs {
            sqlx::query("INSERT OR IGNORE INTO erased_packs (pack, erasure_id) VALUES (?1, ?2)")
                .bind(pack.cast_signed())
                .bind(id)
                .execute(self.connection())
                .await?;
        }
        for event in &done.of_events {
            sqlx::query(
                "INSERT OR IGNORE INTO erased_events (erasure_id, event_id) VALUES (?1, ?2)",
            )
            .bind(id)
            .bind(event.as_bytes().as_slice())
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Forgets a pack that was dropped.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn forget_erased_pack(&mut self, pack: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM erased_packs WHERE pack = ?1")
            .bind(pack)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes of which erasures nothing is left here, and of which something is.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_erased_here(
        &mut self,
        ids: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query(
                "UPDATE erasures SET done_here =
                     CASE WHEN EXISTS (SELECT 1 FROM erased_packs p WHERE p.erasure_id = ?1)
                     THEN NULL ELSE ?2 END
                 WHERE id = ?1",
            )
            .bind(id)
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        }
        Ok(())
    }

    /// Asks relays to remove something; gives its number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_erasure(&mut self, erasure: &ErasureRow) -> Result<i64, StoreError> {
        let done = sqlx::query(
            "INSERT INTO erasures (project_id, subjects, events, created_at, ends_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(erasure.project_id)
        .bind(erasure.subjects.as_str())
        .bind(erasure.events.as_str())
        .bind(erasure.created_at)
        .bind(erasure.ends_at)
        .execute(self.connection())
        .await?;
        self.raise_roster_version().await?;
        Ok(done.last_insert_rowid())
    }

    /// Notes what a relay says. It counts since its spool was made, so the most it ever said stands.
    /// What is about no erasure, or of no relay, is passed over.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_receipt(
        &mut self,
        relay: RelayId,
        told: &Erased,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO erasure_receipts (erasure_id, relay_id, records, items, left_over, at)
             SELECT e.id, r.id, ?3, ?4, ?5, ?6 FROM erasures e, relays r
             WHERE e.id = ?1 AND r.id = ?2
             ON CONFLICT (erasure_id, relay_id) DO UPDATE SET
                 records = MAX(records, excluded.records), items = MAX(items, excluded.items),
                 left_over = excluded.left_over, at = excluded.at",
        )
        .bind(told.id.cast_signed())
        .bind(relay.as_bytes().as_slice())
        .bind(told.records.cast_signed())
        .bind(told.items.cast_signed())
        .bind(told.left.cast_signed())
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
