//! How far each lane of each relay is applied.

use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::outcome::LaneDigest;
use protocol::timestamp::Timestamp;

use super::{Store, StoreError, Write};

impl Store {
    /// The last applied record of a lane; nothing when the relay is not registered.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn lane_cursor(
        &self,
        relay: RelayId,
        epoch: Epoch,
        lane: Lane,
    ) -> Result<Option<Seq>, StoreError> {
        let seq: Option<Option<i64>> = sqlx::query_scalar(
            "SELECT (SELECT applied_upto FROM relay_cursors
                     WHERE relay_id = ?1 AND epoch = ?2 AND lane = ?3)
             FROM relays WHERE id = ?1",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .bind(u8::from(lane))
        .fetch_optional(self.reader())
        .await?;
        Ok(seq.map(|seq| Seq(seq.unwrap_or_default().cast_unsigned())))
    }
}

impl Write {
    /// Moves a lane's cursor; `digest` is what was booked up to there, if it is known.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; also when the relay is not registered any more.
    pub async fn put_lane_cursor(
        &mut self,
        relay: RelayId,
        epoch: Epoch,
        lane: Lane,
        upto: Seq,
        digest: Option<LaneDigest>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO relay_cursors (relay_id, epoch, lane, applied_upto, updated_at, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (relay_id, epoch, lane) DO UPDATE
             SET applied_upto = excluded.applied_upto, updated_at = excluded.updated_at,
                 digest = excluded.digest",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .bind(u8::from(lane))
        .bind(upto.0.cast_signed())
        .bind(now.as_millis())
        .bind(digest.map(|digest| digest.0.cast_signed()))
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
