//! What became of every item, by hour.

use protocol::ids::{ProjectId, RelayId};
use protocol::item::Category;
use protocol::outcome::Term;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// The hour that older hours are folded into, so that sums over all time stay exact.
pub const FOLDED_HOUR: i64 = 0;

/// One count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Who counted; sixteen zero bytes are the hub itself.
    pub relay: RelayId,
    /// The project, when known.
    pub project: Option<ProjectId>,
    /// The data category.
    pub category: Category,
    /// The term of the equation.
    pub term: Term,
    /// Why.
    pub reason: String,
    /// Hours since 1970.
    pub hour: i64,
    /// Items; negative where a count is taken back.
    pub quantity: i64,
}

impl Store {
    /// Sums over all time by relay, project, category, term and reason (`hour` is
    /// [`FOLDED_HOUR`]).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn ledger_totals(&self) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT relay_id, project_id, category, term, reason, 0, SUM(quantity) FROM ledger
             GROUP BY relay_id, project_id, category, term, reason",
        )
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(read).collect()
    }

    /// The counts of the hours from `from` to before `to`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn ledger_between(&self, from: i64, to: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT relay_id, project_id, category, term, reason, hour, quantity FROM ledger
             WHERE hour >= ?1 AND hour < ?2 ORDER BY hour",
        )
        .bind(from)
        .bind(to)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(read).collect()
    }
}

impl Write {
    /// Adds counts to those of the same account and hour.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_ledger(&mut self, rows: &[LedgerRow]) -> Result<(), StoreError> {
        for run in runs(rows) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO ledger
                 (relay_id, project_id, category, term, reason, hour, quantity) ",
            );
            sql.push_values(run, |mut values, row| {
                values
                    .push_bind(row.relay.as_bytes().as_slice())
                    .push_bind(row.project.map_or(0, ProjectId::as_i64))
                    .push_bind(i16::from(row.category))
                    .push_bind(u8::from(row.term))
                    .push_bind(row.reason.as_str())
                    .push_bind(row.hour)
                    .push_bind(row.quantity);
            });
            sql.push(
                " ON CONFLICT (relay_id, project_id, category, term, reason, hour)
                 DO UPDATE SET quantity = ledger.quantity + excluded.quantity",
            );
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Folds the hours before `before` into one, so that the table stays small.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn fold_ledger(&mut self, before: i64) -> Result<u64, StoreError> {
        sqlx::query(
            "INSERT INTO ledger (relay_id, project_id, category, term, reason, hour, quantity)
             SELECT relay_id, project_id, category, term, reason, ?2, SUM(quantity) FROM ledger
             WHERE hour < ?1 AND hour <> ?2
             GROUP BY relay_id, project_id, category, term, reason
             ON CONFLICT (relay_id, project_id, category, term, reason, hour)
             DO UPDATE SET quantity = ledger.quantity + excluded.quantity",
        )
        .bind(before)
        .bind(FOLDED_HOUR)
        .execute(self.connection())
        .await?;
        let done = sqlx::query("DELETE FROM ledger WHERE hour < ?1 AND hour <> ?2")
            .bind(before)
            .bind(FOLDED_HOUR)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<LedgerRow, StoreError> {
    let unreadable = || StoreError::Unreadable { what: "ledger row" };
    let relay: &[u8] = row.try_get(0)?;
    let project: i64 = row.try_get(1)?;
    let category: i64 = row.try_get(2)?;
    let term: i64 = row.try_get(3)?;
    let category = i16::try_from(category).ok();
    let term = u8::try_from(term).ok();
    Ok(LedgerRow {
        relay: RelayId::from_bytes(relay.try_into().map_err(|_| unreadable())?),
        project: match project {
            0 => None,
            id => Some(super::events::project(id)?),
        },
        category: category
            .and_then(|code| Category::try_from(code).ok())
            .ok_or_else(unreadable)?,
        term: term
            .and_then(|code| Term::try_from(code).ok())
            .ok_or_else(unreadable)?,
        reason: row.try_get(4)?,
        hour: row.try_get(5)?,
        quantity: row.try_get(6)?,
    })
}
