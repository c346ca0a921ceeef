//! What relays were asked to remove, and what became of it.

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::wire::Erased;

use super::{Store, StoreError, Write};

/// Something that relays were asked to remove.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
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
}

impl Write {
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
