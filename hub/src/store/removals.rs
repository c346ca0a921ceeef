//! What privacy rules removed from events and other items, by day.

use protocol::ids::ProjectId;
use sqlx::{QueryBuilder, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// Stands for all fields of a project's day beyond those that are told apart.
pub const MORE_FIELDS: &str = "(more fields than are told apart)";

/// The kind of events of every kind, whose counts have a table of their own.
pub const EVENT: &str = "event";

/// How often a rule removed something from a field on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemovalCount<'a> {
    /// Whose items.
    pub project: ProjectId,
    /// Days since 1970.
    pub day: i64,
    /// [`EVENT`], or the items' kind.
    pub kind: &'a str,
    /// The rule's name.
    pub rule: &'a str,
    /// The path within the item.
    pub field: &'a str,
    /// How often.
    pub quantity: i64,
}

/// How often a rule removed something from a field.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RemovalSum {
    /// Whose items.
    pub project_id: i64,
    /// [`EVENT`], or the items' kind.
    pub kind: String,
    /// The rule's name.
    pub rule: String,
    /// The path within the item.
    pub field: String,
    /// How often.
    pub quantity: i64,
    /// The last day on which it did, in days since 1970.
    pub last_day: i64,
}

impl Store {
    /// What was removed from what came for these projects in these days, the most frequent first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn removals(
        &self,
        projects: &[i64],
        days: std::ops::RangeInclusive<i64>,
        most: u32,
    ) -> Result<Vec<RemovalSum>, StoreError> {
        let mut sums = Vec::new();
        for run in runs(projects) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT project_id, kind, rule, field, SUM(quantity) AS quantity, MAX(day) AS last_day
                 FROM all_removals WHERE day BETWEEN ",
            );
            sql.push_bind(*days.start()).push(" AND ");
            sql.push_bind(*days.end()).push(" AND project_id IN (");
            let mut ids = sql.separated(", ");
            for project in run {
                ids.push_bind(*project);
            }
            sql.push(") GROUP BY project_id, kind, rule, field ORDER BY quantity DESC LIMIT ");
            sql.push_bind(most);
            let found: Vec<RemovalSum> = sql.build_query_as().fetch_all(self.reader()).await?;
            sums.extend(found);
        }
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.quantity));
        sums.truncate(most as usize);
        Ok(sums)
    }
}

impl Write {
    /// Whether a day already has this rule and field.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn is_known_removal(&mut self, count: &RemovalCount<'_>) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM all_removals
             WHERE project_id = ?1 AND day = ?2 AND kind = ?3 AND rule = ?4 AND field = ?5",
        )
        .bind(count.project.as_i64())
        .bind(count.day)
        .bind(count.kind)
        .bind(count.rule)
        .bind(count.field)
        .fetch_optional(self.connection())
        .await?;
        Ok(found.is_some())
    }

    /// How many rules and fields a project's day tells apart.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn removals_of_day(
        &mut self,
        project: ProjectId,
        day: i64,
    ) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM all_removals WHERE project_id = ?1 AND day = ?2",
        )
        .bind(project.as_i64())
        .bind(day)
        .fetch_one(self.connection())
        .await?)
    }

    /// Adds to what was removed.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_removals(&mut self, counts: &[RemovalCount<'_>]) -> Result<(), StoreError> {
        let is_of_event = |count: &&RemovalCount<'_>| count.kind == EVENT;
        let (events, items): (Vec<_>, Vec<_>) = counts.iter().partition(is_of_event);
        for run in runs(&events) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO removals (project_id, day, rule, field, quantity) ",
            );
            sql.push_values(run, |mut row, count| {
                row.push_bind(count.project.as_i64())
                    .push_bind(count.day)
                    .push_bind(count.rule)
                    .push_bind(count.field)
                    .push_bind(count.quantity);
            });
            sql.push(
                " ON CONFLICT (project_id, day, rule, field)
                 DO UPDATE SET quantity = quantity + excluded.quantity",
            );
            sql.build().execute(self.connection()).await?;
        }
        for run in runs(&items) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO item_removals (project_id, day, kind, rule, field, quantity) ",
            );
            sql.push_values(run, |mut row, count| {
                row.push_bind(count.project.as_i64())
                    .push_bind(count.day)
                    .push_bind(count.kind)
                    .push_bind(count.rule)
                    .push_bind(count.field)
                    .push_bind(count.quantity);
            });
            sql.push(
                " ON CONFLICT (project_id, day, kind, rule, field)
                 DO UPDATE SET quantity = quantity + excluded.quantity",
            );
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Forgets what was removed before a day.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn forget_removals(&mut self, before_day: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM removals WHERE day < ?1",
            "DELETE FROM item_removals WHERE day < ?1",
        ] {
            sqlx::query(sql)
                .bind(before_day)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}
