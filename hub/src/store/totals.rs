//! Totals of transactions and spans: each counts for as many as it stands for.
//!
//! A transaction that a sampling rule of a fifth kept counts as five. So totals are of what SDKs
//! sent; what SDKs left out themselves is in none of them.

use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::issue_condition::Comparison;
use super::{Store, StoreError};

/// Most items that one total is made of: the latest.
pub const SCANNED_MAX: u32 = 1_000_000;

/// Which items are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// Of these projects.
    pub projects: Vec<i64>,
    /// Of this kind: `transaction` or `span`.
    pub kind: &'static str,
    /// Of this name alone.
    pub name: Option<String>,
    /// Of these environments; empty for all.
    pub environments: Vec<String>,
    /// That happened from this time on.
    pub from: Timestamp,
    /// And before this one.
    pub until: Timestamp,
}

/// What totals are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// By the project.
    pub project: bool,
    /// By the name.
    pub name: bool,
}

/// A figure of totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// How many there were, as a whole number.
    Count,
    /// The same, as it was added up.
    Sum,
    /// How many failed.
    Failures,
    /// The share that failed.
    FailureRate,
    /// What they took, on average.
    Mean,
    /// What half of them took at most.
    P50,
    /// What three quarters took at most.
    P75,
    /// What 95 of 100 took at most.
    P95,
    /// What 99 of 100 took at most.
    P99,
}

/// What totals must be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Which figure of them.
    pub figure: Figure,
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

impl Figure {
    const fn column(self) -> &'static str {
        match self {
            Self::Count => "ROUND(n)",
            Self::Sum => "n",
            Self::Failures => "ROUND(failed)",
            Self::FailureRate => "failed / n",
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }
}

/// A total.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Total {
    /// The project; 0 where they are not told apart.
    pub project_id: i64,
    /// The name; empty where they are not told apart.
    pub name: String,
    /// How many are kept.
    pub kept: i64,
    /// How many are kept of all totals together, also of those that are not among the largest.
    pub kept_of_all: i64,
    /// How many they stand for.
    pub n: f64,
    /// How many of these failed.
    pub failed: f64,
    /// What they took on average, in milliseconds; of those that say so, as are the next.
    pub mean: Option<f64>,
    /// What half of them took at most, in milliseconds.
    pub p50: Option<f64>,
    /// What three quarters took at most.
    pub p75: Option<f64>,
    /// What 95 of 100 took at most.
    pub p95: Option<f64>,
    /// What 99 of 100 took at most.
    pub p99: Option<f64>,
}

/// A total of an interval.
#[derive(Clone, Copy, Debug, PartialEq, sqlx::FromRow)]
pub struct PointTotal {
    /// The interval's number; 0 begins at 1970.
    pub at: i64,
    /// How many are kept.
    pub kept: i64,
    /// How many they stand for.
    pub n: f64,
    /// How many of these failed.
    pub failed: f64,
}

impl Store {
    /// The largest totals of those that are within all bounds, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn totals(
        &self,
        meant: &Meant,
        apart: Apart,
        bounds: &[Bound],
        (largest, limit): (Figure, u32),
    ) -> Result<Vec<Total>, StoreError> {
        let project = if apart.project { "project_id" } else { "0" };
        let name = if apart.name { "name" } else { "''" };
        let mut sql = kept(meant, &format!("{project} AS project_id, {name} AS name"));
        // Those that do not say what they took weigh nothing in what the others took.
        sql.push(
            ", ranked AS (SELECT *,
                   SUM(w_d) OVER (PARTITION BY project_id, name ORDER BY d
                       ROWS UNBOUNDED PRECEDING) AS so_far,
                   SUM(w_d) OVER (PARTITION BY project_id, name) AS in_all
                 FROM (SELECT *, CASE WHEN d IS NULL THEN 0 ELSE w END AS w_d FROM kept))
             SELECT * FROM (SELECT project_id, name, COUNT(*) AS kept,
                 SUM(COUNT(*)) OVER () AS kept_of_all, SUM(w) AS n,
                 SUM(w * failed_one) AS failed, SUM(w_d * d) / SUM(w_d) AS mean",
        );
        for (column, share) in [("p50", 0.5), ("p75", 0.75), ("p95", 0.95), ("p99", 0.99)] {
            // Sums of shares are not exact to the last bit.
            let share = share - 1e-9;
            let column = format!(
                ", MIN(CASE WHEN so_far >= {share} * in_all AND w_d > 0 THEN d END) AS {column}"
            );
            sql.push(column);
        }
        sql.push(" FROM ranked GROUP BY project_id, name)");
        for (at, bound) in bounds.iter().enumerate() {
            sql.push(if at == 0 { " WHERE " } else { " AND " });
            sql.push(bound.figure.column());
            sql.push(format_args!(" {} ", bound.comparison.sign()));
            sql.push_bind(bound.value);
        }
        sql.push(" ORDER BY ");
        sql.push(largest.column())
            .push(" DESC, name, project_id LIMIT ");
        sql.push_bind(limit);
        let totals = sql.build_query_as::<Total>().fetch_all(self.reader());
        Ok(totals.await?)
    }

    /// The totals of intervals of this length, in milliseconds, that have any.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn totals_over_time(
        &self,
        meant: &Meant,
        width_ms: i64,
    ) -> Result<Vec<PointTotal>, StoreError> {
        let mut sql = kept(meant, "timestamp");
        sql.push(" SELECT timestamp / ").push_bind(width_ms.max(1));
        sql.push(
            " AS at, COUNT(*) AS kept, SUM(w) AS n, SUM(w * failed_one) AS failed
             FROM kept GROUP BY at ORDER BY at",
        );
        let totals = sql.build_query_as::<PointTotal>().fetch_all(self.reader());
        Ok(totals.await?)
    }
}

/// The items that are meant, each with what it stands for; the latest where there are too many.
fn kept(meant: &Meant, columns: &str) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(format!(
        "WITH kept AS (SELECT {columns}, duration_ms AS d, failed AS failed_one,
             1000000.0 / MAX(sample_rate, 1) AS w
         FROM items WHERE failed IS NOT NULL AND project_id IN ("
    ));
    let mut list = sql.separated(", ");
    for project in &meant.projects {
        list.push_bind(*project);
    }
    sql.push(") AND kind = ").push_bind(meant.kind);
    sql.push(" AND timestamp >= ")
        .push_bind(meant.from.as_millis());
    sql.push(" AND timestamp < ")
        .push_bind(meant.until.as_millis());
    if let Some(name) = &meant.name {
        sql.push(" AND name = ").push_bind(name.clone());
    }
    if !meant.environments.is_empty() {
        sql.push(" AND json_extract(facts, '$.environment') IN (");
        let mut list = sql.separated(", ");
        for environment in &meant.environments {
            list.push_bind(environment.clone());
        }
        sql.push(")");
    }
    sql.push(" ORDER BY items.timestamp DESC LIMIT ");
    sql.push_bind(SCANNED_MAX).push(")");
    sql
}
