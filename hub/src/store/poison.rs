//! Records that could not be digested.

use protocol::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use protocol::timestamp::Timestamp;
use sqlx::Row as _;

use super::{Store, StoreError, Write};

/// A record that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Where it came from.
    pub relay: RelayId,
    /// The spool's life.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
    /// Its number in the lane.
    pub seq: Seq,
    /// The project, when known.
    pub project: Option<ProjectId>,
    /// Why it could not be digested.
    pub reason: String,
    /// The record, encoded.
    pub record: Vec<u8>,
    /// When it was set aside.
    pub created_at: Timestamp,
    /// When it was digested after all.
    pub replayed_at: Option<Timestamp>,
}

/// `replayed_at` of a record that someone asked to try again.
const REQUESTED: i64 = -1;

const COLUMNS: &str =
    "id, relay_id, epoch, lane, seq, project_id, reason, record, created_at, replayed_at";

impl Store {
    /// The records set aside and not replayed, newest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poison(&self, limit: u32) -> Result<Vec<Poison>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM poison WHERE replayed_at IS NULL OR replayed_at < 0
             ORDER BY id DESC LIMIT ?1"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(limit)
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(read).collect()
    }

    /// One record that was set aside.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poisoned(&self, id: i64) -> Result<Option<Poison>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM poison WHERE id = ?1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The records that someone asked to try again.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poison_requested(&self) -> Result<Vec<i64>, StoreError> {
        let ids = sqlx::query_scalar("SELECT id FROM poison WHERE replayed_at = ?1 ORDER BY id")
            .bind(REQUESTED)
            .fetch_all(self.reader())
            .await?;
        Ok(ids)
    }
}

impl Store {
    /// Records of a project that were set aside, replayed or not: their numbers, and the records.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poison_of(
        &self,
        project: ProjectId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, record FROM poison WHERE project_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(project.as_i64())
        .bind(after)
        .bind(limit)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Removes records that were set aside.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn erase_poison(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query("DELETE FROM poison WHERE id = ?1")
                .bind(id)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Sets a record aside.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_poison(&mut self, poison: &Poison) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO poison (relay_id, epoch, lane, seq, project_id, reason, record, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(poison.relay.as_bytes().as_slice())
        .bind(poison.epoch.0.cast_signed())
        .bind(u8::from(poison.lane))
        .bind(poison.seq.0.cast_signed())
        .bind(poison.project.map(ProjectId::as_i64))
        .bind(poison.reason.as_str())
        .bind(poison.record.as_slice())
        .bind(poison.created_at.as_millis())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Asks that a record be tried again; false when there is none to try.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn request_replay(&mut self, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE poison SET replayed_at = ?2
             WHERE id = ?1 AND (replayed_at IS NULL OR replayed_at = ?2)",
        )
        .bind(id)
        .bind(REQUESTED)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that a record was digested after all.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poison_replayed(&mut self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE poison SET replayed_at = ?2 WHERE id = ?1")
            .bind(id)
            .bind(now.as_millis())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a record could not be digested again, and why.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn poison_again(&mut self, id: i64, reason: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE poison SET replayed_at = NULL, reason = ?2 WHERE id = ?1")
            .bind(id)
            .bind(reason)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Removes records that were set aside before `before`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_poison(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM poison WHERE created_at < ?1")
            .bind(before.as_millis())
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Poison, StoreError> {
    let unreadable = || StoreError::Unreadable { what: "poison" };
    let relay: &[u8] = row.try_get(1)?;
    let lane: u8 = row.try_get(3)?;
    let project: Option<i64> = row.try_get(5)?;
    let replayed_at: Option<i64> = row.try_get(9)?;
    Ok(Poison {
        id: row.try_get(0)?,
        relay: RelayId::from_bytes(relay.try_into().map_err(|_| unreadable())?),
        epoch: Epoch(row.try_get::<i64, _>(2)?.cast_unsigned()),
        lane: Lane::try_from(lane).map_err(|_| unreadable())?,
        seq: Seq(row.try_get::<i64, _>(4)?.cast_unsigned()),
        project: project.map(super::events::project).transpose()?,
        reason: row.try_get(6)?,
        record: row.try_get(7)?,
        created_at: Timestamp::from_millis(row.try_get(8)?),
        replayed_at: replayed_at
            .filter(|at| *at >= 0)
            .map(Timestamp::from_millis),
    })
}
