//! Lists of issues of which a search has found which they can be.
//!
//! They are looked up, so many at a time, however many projects they are of: held against every
//! project's issues, all that were found would be read anew for each.

use sqlx::{QueryBuilder, Sqlite};

use super::issue_condition::{IssueCondition, push_rows};
use super::issue_list::{HITS_MAX, IssueFilter, IssueSort, order_of, push_asked, push_behind};
use super::place::{self, Direction, Place};
use super::{Store, StoreError};

/// Issues that one statement looks up.
const AT_A_TIME: usize = 10_000;

/// Issues that a filter names, and what else it asks of them.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    ids: Vec<i64>,
    filter: IssueFilter,
}

impl Found {
    /// `None` where the filter names none, or lets others through as well.
    pub(super) fn of(filter: &IssueFilter) -> Option<Self> {
        let (ids, condition) = parted(filter.condition.clone()?);
        Some(Self {
            ids: ids?,
            filter: IssueFilter {
                condition: Some(condition),
                ..filter.clone()
            },
        })
    }
}

/// The issues that a condition names, and what is left of it.
fn parted(condition: IssueCondition) -> (Option<Vec<i64>>, IssueCondition) {
    match condition {
        IssueCondition::OneOf(ids) => (Some(ids), IssueCondition::All(Vec::new())),
        IssueCondition::All(parts) => {
            let mut named = None;
            let parts = parts.into_iter().map(|part| match named {
                Some(_) => part,
                None => {
                    let (ids, left) = parted(part);
                    named = ids;
                    left
                }
            });
            let left = IssueCondition::All(parts.collect());
            (named, left)
        }
        other => (None, other),
    }
}

impl Store {
    /// Those of these issues that the filter lets through, in no order.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issues_of(
        &self,
        filter: &IssueFilter,
        ids: &[i64],
    ) -> Result<Vec<i64>, StoreError> {
        let mut sql = QueryBuilder::new("");
        push_looked_up(&mut sql, "issues.id", filter, ids);
        let query = sql.build_query_scalar().persistent(filter.is_kept());
        Ok(query.fetch_all(self.reader()).await?)
    }

    /// Up to `limit` of them from a place on, in their order.
    pub(super) async fn found_places(
        &self,
        found: &Found,
        sort: IssueSort,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<Place>, StoreError> {
        let column = sort.column();
        let mut places = Vec::new();
        for ids in found.ids.chunks(AT_A_TIME) {
            let mut sql = QueryBuilder::new("");
            push_looked_up(
                &mut sql,
                &format!("{column}, issues.id"),
                &found.filter,
                ids,
            );
            push_behind(&mut sql, sort, from);
            sql.push(order_of(sort, from)).push_bind(i64::from(limit));
            let query = sql.build_query_as().persistent(false);
            let rows: Vec<(i64, i64)> = query.fetch_all(self.reader()).await?;
            places.extend(rows.into_iter().map(|(value, id)| Place { value, id }));
            places = place::page(places, from, limit);
        }
        Ok(places)
    }

    /// How many they are, counted up to [`HITS_MAX`].
    pub(super) async fn count_found(&self, found: &Found) -> Result<u64, StoreError> {
        let mut hits = 0;
        for ids in found.ids.chunks(AT_A_TIME) {
            if hits >= HITS_MAX {
                break;
            }
            let mut sql = QueryBuilder::new("SELECT COUNT(*) FROM (");
            push_looked_up(&mut sql, "1", &found.filter, ids);
            sql.push(format_args!(" LIMIT {HITS_MAX})"));
            let query = sql.build_query_scalar().persistent(false);
            let n: i64 = query.fetch_one(self.reader()).await?;
            hits += u64::try_from(n).unwrap_or_default();
        }
        Ok(hits.min(HITS_MAX))
    }
}

/// What is read of those of these issues that the filter lets through.
fn push_looked_up(sql: &mut QueryBuilder<Sqlite>, read: &str, filter: &IssueFilter, ids: &[i64]) {
    sql.push("WITH wanted AS (SELECT value AS issue FROM ");
    push_rows(sql, ids);
    // Crossed, so that the engine looks up each instead of walking through all of a project.
    sql.push(format_args!(
        ") SELECT {read} FROM wanted CROSS JOIN issues ON issues.id = wanted.issue"
    ));
    sql.push(" WHERE project_id IN (SELECT value FROM ");
    push_rows(sql, &filter.projects);
    sql.push(") AND status IN (SELECT value FROM ");
    push_rows(sql, &filter.statuses());
    sql.push(")");
    push_asked(sql, filter);
    if let Some(from) = filter.seen_from {
        sql.push(" AND last_seen >= ").push_bind(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_parted_from_what_is_asked() {
        let asked = || IssueCondition::IsAssigned;
        let either = || IssueCondition::Any(vec![IssueCondition::OneOf(vec![1]), asked()]);
        let check = |condition: Option<IssueCondition>, expected: Option<&[i64]>| {
            let filter = IssueFilter {
                condition,
                ..IssueFilter::default()
            };
            let found = Found::of(&filter).map(|found| found.ids);
            assert_eq!(found.as_deref(), expected, "{filter:?}");
        };
        let found = || IssueCondition::OneOf(vec![4, 5]);
        check(None, None);
        check(Some(asked()), None);
        check(Some(either()), None);
        check(Some(IssueCondition::Not(Box::new(found()))), None);
        check(Some(found()), Some(&[4, 5]));
        let nested =
            IssueCondition::All(vec![asked(), IssueCondition::All(vec![found(), either()])]);
        check(Some(nested), Some(&[4, 5]));
    }

    /// Issues of as many projects, one after the other.
    async fn many(n_issues: i64, n_projects: i64) -> (Store, tempfile::TempDir) {
        let (store, dir) = Store::temporary_with_project().await;
        let mut write = store.begin().await.unwrap();
        let projects =
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            INSERT INTO projects (id, organization_id, slug, name, platform, created_at)
            SELECT i, 1, 'p' || i, 'p', 'other', 1 FROM n";
        let issues = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
            INSERT INTO issues (id, project_id, short_id, kind, title, culprit, metadata, level,
                platform, is_unhandled, status, priority, first_seen, last_seen, times_seen,
                users_seen, latest_event, grouping)
            SELECT i, 1 + i % ?1, i, 'error', 't', 'c', '{}', 'error', 'other', FALSE, i % 3, 50,
                1, i * 7 % 1000, 1, 1, x'00', '{}' FROM n";
        for sql in [projects, issues] {
            let query = sqlx::query(sql).bind(n_projects).bind(n_issues);
            query.execute(write.connection()).await.unwrap();
        }
        write.commit().await.unwrap();
        (store, dir)
    }

    #[tokio::test]
    async fn as_many_as_a_search_finds_are_listed_in_order_whatever_projects_they_are_of() {
        let (store, _dir) = many(50_000, 120).await;
        let found: Vec<i64> = (1..=50_000).filter(|id| id % 5 != 0).collect();
        let of_projects = |n: i64| IssueFilter {
            projects: (1..=n).collect(),
            condition: Some(IssueCondition::OneOf(found.clone())),
            ..IssueFilter::default()
        };
        let sort = IssueSort::LastSeen;
        for n_projects in [2, 120] {
            let filter = of_projects(n_projects);
            let is_meant = |id: &&i64| **id % 120 < n_projects;
            let mut expected: Vec<Place> = found
                .iter()
                .filter(is_meant)
                .map(|id| Place {
                    value: id * 7 % 1000,
                    id: *id,
                })
                .collect();
            expected.sort_unstable_by_key(|place| std::cmp::Reverse((place.value, place.id)));
            let all = store.issue_places(&filter, sort, None, 1_000_000).await;
            assert_eq!(all.unwrap(), expected, "{n_projects} projects");
            let hits = HITS_MAX.min(expected.len() as u64);
            assert_eq!(store.count_issues(&filter).await.unwrap(), hits);
            let from = expected[300];
            let page = |direction| store.issue_places(&filter, sort, Some((from, direction)), 25);
            assert_eq!(page(Direction::Onward).await.unwrap(), expected[301..326]);
            let before: Vec<Place> = expected[275..300].iter().rev().copied().collect();
            assert_eq!(page(Direction::Back).await.unwrap(), before);
        }
    }
}
