//! What pages show of the fleet: relays, and the ledger summed up.
//!
//! Times are unix milliseconds.

use sqlx::QueryBuilder;

use super::{Store, StoreError, Write};

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RelayRow {
    /// Its identity.
    pub id: Vec<u8>,
    /// Its name.
    pub name: String,
    /// JSON object of texts.
    pub labels: String,
    /// `active`, `drained`, `revoked`.
    pub state: String,
    /// The version it runs.
    pub version: String,
    /// SHA-256 of its public key.
    pub certificate: Vec<u8>,
    /// When it joined.
    pub joined_at: i64,
    /// When it was last heard of.
    pub last_seen_at: Option<i64>,
    /// Where it last connected from.
    pub address: Option<String>,
    /// Its clock against the hub's.
    pub clock_offset_ms: Option<i64>,
    /// JSON: what it last said of itself.
    pub report: String,
}

/// One sum of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LedgerSum {
    /// Who counted; sixteen zero bytes are the hub itself.
    pub relay_id: Vec<u8>,
    /// The data category's number.
    pub category: i16,
    /// The term's number.
    pub term: i16,
    /// Why.
    pub reason: String,
    /// Items.
    pub quantity: i64,
}

impl Store {
    /// Every relay, by name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_rows(&self) -> Result<Vec<RelayRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM relays ORDER BY name, joined_at")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// One relay.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_row(&self, id: &[u8; 16]) -> Result<Option<RelayRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM relays WHERE id = ?1")
            .bind(id.to_vec())
            .fetch_optional(self.reader())
            .await?)
    }

    /// The ledger of all time by relay, category, term and reason: of these projects and of what
    /// belongs to none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn ledger_sums(&self, projects: &[i64]) -> Result<Vec<LedgerSum>, StoreError> {
        let mut sql = QueryBuilder::new(
            "SELECT relay_id, category, term, reason, SUM(quantity) AS quantity FROM ledger
             WHERE project_id IN (0",
        );
        for project in projects {
            sql.push(", ").push_bind(*project);
        }
        sql.push(") GROUP BY relay_id, category, term, reason ORDER BY relay_id, term, category");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }
}

impl Write {
    /// Names a relay and sets its state.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_relay_name_and_state(
        &mut self,
        id: &[u8; 16],
        name: &str,
        state: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE relays SET name = ?2, state = ?3 WHERE id = ?1")
            .bind(id.to_vec())
            .bind(name)
            .bind(state)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
