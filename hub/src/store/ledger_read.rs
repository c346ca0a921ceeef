//! What pages show of the ledger: its sums.

use protocol::item::Category;
use protocol::outcome::Term;
use sqlx::QueryBuilder;

use super::{Store, StoreError};

/// How the items of some hours ended.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OutcomeSum {
    /// Who counted; empty where it was not asked.
    pub relay_id: Vec<u8>,
    /// The project.
    pub project_id: i64,
    /// The data category's number.
    pub category: i16,
    /// The term's number.
    pub term: i16,
    /// Why.
    pub reason: String,
    /// Hours since 1970.
    pub hour: i64,
    /// Items.
    pub quantity: i64,
}

/// Whether relays are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relays {
    /// Each has its own sums.
    Each,
    /// All have one.
    Together,
}

/// The errors of a project in some hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ErrorHours {
    /// The project.
    pub project_id: i64,
    /// Errors that relays accepted.
    pub errors: i64,
    /// The first of the hours in which there were any, in hours since 1970.
    pub first_hour: i64,
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
    /// How the items of some projects ended in the hours from `from` to before `to`, by hour.
    /// What was received or accepted is not among them: it ended in
    /// another term, or waits.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn outcomes(
        &self,
        projects: &[i64],
        from: i64,
        to: i64,
        relays: Relays,
    ) -> Result<Vec<OutcomeSum>, StoreError> {
        let relay = match relays {
            Relays::Each => "relay_id",
            Relays::Together => "X''",
        };
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(relay).push(
            " AS relay_id, project_id, category, term, reason, hour, SUM(quantity) AS quantity
             FROM ledger WHERE hour >= ",
        );
        sql.push_bind(from).push(" AND hour < ").push_bind(to);
        sql.push(" AND term NOT IN (")
            .push_bind(i16::from(u8::from(Term::Received)));
        sql.push(", ")
            .push_bind(i16::from(u8::from(Term::Accepted)));
        sql.push(") AND project_id IN (0");
        for project in projects {
            sql.push(", ").push_bind(*project);
        }
        sql.push(") GROUP BY 1, 2, 3, 4, 5, 6 HAVING SUM(quantity) <> 0 ORDER BY hour");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// The errors that were accepted in the hours from `from` to before `to`, by project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn error_hours(&self, from: i64, to: i64) -> Result<Vec<ErrorHours>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT project_id, SUM(quantity) AS errors, MIN(hour) AS first_hour FROM ledger
             WHERE hour >= ?1 AND hour < ?2 AND category = ?3 AND term = ?4 AND project_id <> 0
             GROUP BY project_id",
        )
        .bind(from)
        .bind(to)
        .bind(i16::from(Category::Error))
        .bind(u8::from(Term::Accepted))
        .fetch_all(self.reader())
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
