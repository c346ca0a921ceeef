//! Rosters as they were published, and relays' settings of the link.

use protocol::ids::RelayId;

use super::{Store, StoreError, Write};

/// Published rosters that are kept when they are past.
const PAST_KEPT: i64 = 20;

/// A roster as it was published.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ConfigRow {
    /// Its version.
    pub version: i64,
    /// `stable`, `tried`, `failed` or `past`.
    pub state: String,
    /// As it was signed.
    pub bytes: Vec<u8>,
    /// When it was made.
    pub issued_at: i64,
    /// Why it failed; empty when it did not.
    pub reason: String,
}

impl Store {
    /// The rosters that are not past, and the highest version there ever was.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn configs(&self) -> Result<(Vec<ConfigRow>, u64), StoreError> {
        let mut tx = self.reader().begin().await?;
        let rows =
            sqlx::query_as("SELECT * FROM config_bundles WHERE state <> 'past' ORDER BY version")
                .fetch_all(&mut *tx)
                .await?;
        let highest: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM config_bundles")
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok((rows, highest.unwrap_or_default().cast_unsigned()))
    }

    /// The relays with settings of the link of their own: JSON by relay.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_links(&self) -> Result<Vec<(Vec<u8>, String)>, StoreError> {
        Ok(
            sqlx::query_as("SELECT relay_id, settings FROM relay_links ORDER BY relay_id")
                .fetch_all(self.reader())
                .await?,
        )
    }
}

impl Write {
    /// Makes these the rosters that are not past.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_configs(&mut self, rows: &[ConfigRow]) -> Result<(), StoreError> {
        sqlx::query("UPDATE config_bundles SET state = 'past' WHERE state <> 'past'")
            .execute(self.connection())
            .await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO config_bundles (version, state, bytes, issued_at, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (version) DO UPDATE SET state = excluded.state,
                     reason = excluded.reason",
            )
            .bind(row.version)
            .bind(&row.state)
            .bind(&row.bytes)
            .bind(row.issued_at)
            .bind(&row.reason)
            .execute(self.connection())
            .await?;
        }
        sqlx::query(
            "DELETE FROM config_bundles WHERE state = 'past' AND version NOT IN
                 (SELECT version FROM config_bundles ORDER BY version DESC LIMIT ?1)",
        )
        .bind(PAST_KEPT)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Gives a relay settings of the link of its own; `None` takes them away. `false` when there is
    /// no such relay.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_link(
        &mut self,
        relay: RelayId,
        settings: Option<&str>,
    ) -> Result<bool, StoreError> {
        let id = relay.as_bytes().as_slice();
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM relays WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.connection())
            .await?;
        if known.is_none() {
            return Ok(false);
        }
        match settings {
            Some(settings) => {
                sqlx::query(
                    "INSERT INTO relay_links (relay_id, settings) VALUES (?1, ?2)
                     ON CONFLICT (relay_id) DO UPDATE SET settings = excluded.settings",
                )
                .bind(id)
                .bind(settings)
                .execute(self.connection())
                .await?;
            }
            None => {
                sqlx::query("DELETE FROM relay_links WHERE relay_id = ?1")
                    .bind(id)
                    .execute(self.connection())
                    .await?;
            }
        }
        self.raise_roster_version().await?;
        Ok(true)
    }
}
