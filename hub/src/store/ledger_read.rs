//! What pages show of the ledger: its sums.

use sqlx::QueryBuilder;

use super::{Store, StoreError};

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
