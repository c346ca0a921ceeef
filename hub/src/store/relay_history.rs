//! How relays were over time, and what is wrong with them now.

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// Length of a row of the history, in milliseconds.
pub const BUCKET_MILLIS: i64 = 5 * 60_000;
/// How long rows are kept, in buckets: seven days.
pub const BUCKETS_KEPT: i64 = 7 * 24 * 12;

/// The bucket of a time.
#[must_use]
pub const fn bucket(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(BUCKET_MILLIS)
}

/// A relay during five minutes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HistoryRow {
    /// Which relay.
    pub relay_id: Vec<u8>,
    /// Five minutes since 1970.
    pub bucket: i64,
    /// The most records that waited.
    pub backlog_records: i64,
    /// The most bytes that waited.
    pub backlog_bytes: i64,
    /// Items delivered since the spool was made.
    pub delivered: i64,
    /// Items lost to age, room or damage since the spool was made.
    pub dropped: i64,
    /// Round trip, on average.
    pub rtt_ms: i64,
    /// Packets lost, in millionths, on average.
    pub loss_ppm: Option<i64>,
    /// Bytes sent per second, on average.
    pub sent_per_second: i64,
}

impl HistoryRow {
    /// One without figures.
    #[must_use]
    pub fn empty(relay: RelayId, bucket: i64) -> Self {
        Self {
            relay_id: relay.as_bytes().to_vec(),
            bucket,
            backlog_records: 0,
            backlog_bytes: 0,
            delivered: 0,
            dropped: 0,
            rtt_ms: 0,
            loss_ppm: None,
            sent_per_second: 0,
        }
    }
}

/// Something that is wrong with a relay.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ConditionRow {
    /// Which relay.
    pub relay_id: Vec<u8>,
    /// `dark`, `behind`, …
    pub kind: String,
    /// The figures, for a person to read.
    pub detail: String,
    /// Since when.
    pub since: i64,
}

impl Store {
    /// A relay's rows from a bucket on, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_history(
        &self,
        relay: RelayId,
        from: i64,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM relay_history WHERE relay_id = ?1 AND bucket >= ?2 ORDER BY bucket",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(from)
        .fetch_all(self.reader())
        .await?)
    }

    /// Everything that is wrong with relays now.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_conditions(&self) -> Result<Vec<ConditionRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM relay_conditions ORDER BY relay_id, kind")
                .fetch_all(self.reader())
                .await?,
        )
    }
}

impl Write {
    /// Writes rows, over those that are there.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_history(&mut self, rows: &[HistoryRow]) -> Result<(), StoreError> {
        for run in runs(rows) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO relay_history (relay_id, bucket, backlog_records, backlog_bytes,
                 delivered, dropped, rtt_ms, loss_ppm, sent_per_second) ",
            );
            sql.push_values(run, |mut values, row| {
                values
                    .push_bind(row.relay_id.as_slice())
                    .push_bind(row.bucket)
                    .push_bind(row.backlog_records)
                    .push_bind(row.backlog_bytes)
                    .push_bind(row.delivered)
                    .push_bind(row.dropped)
                    .push_bind(row.rtt_ms)
                    .push_bind(row.loss_ppm)
                    .push_bind(row.sent_per_second);
            });
            sql.push(
                " ON CONFLICT (relay_id, bucket) DO UPDATE SET
                 backlog_records = excluded.backlog_records,
                 backlog_bytes = excluded.backlog_bytes, delivered = excluded.delivered,
                 dropped = excluded.dropped, rtt_ms = excluded.rtt_ms,
                 loss_ppm = excluded.loss_ppm, sent_per_second = excluded.sent_per_second",
            );
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Removes rows before a bucket.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_relay_history(&mut self, before: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM relay_history WHERE bucket < ?1")
            .bind(before)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }

    /// Notes what is wrong; what was noted before keeps the time since when.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; also when the relay is not registered any more.
    pub async fn put_relay_condition(&mut self, row: &ConditionRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO relay_conditions (relay_id, kind, detail, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (relay_id, kind) DO UPDATE SET detail = excluded.detail",
        )
        .bind(&row.relay_id)
        .bind(&row.kind)
        .bind(&row.detail)
        .bind(row.since)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Forgets what is not wrong any more.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_relay_condition(
        &mut self,
        relay_id: &[u8],
        kind: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM relay_conditions WHERE relay_id = ?1 AND kind = ?2")
            .bind(relay_id)
            .bind(kind)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Writes a notification about the fleet, due at once: it belongs to no rule and no issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_fleet_notification(
        &mut self,
        kind: &str,
        action: &crate::rule::Action,
        payload: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let action = serde_json::to_string(action).unwrap_or_default();
        sqlx::query(
            "INSERT INTO notifications
             (rule_id, issue_id, change_kind, action, payload, state, next_attempt_at, created_at)
             VALUES (0, 0, ?1, ?2, ?3, 'pending', ?4, ?4)",
        )
        .bind(kind)
        .bind(action)
        .bind(payload)
        .bind(now.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
