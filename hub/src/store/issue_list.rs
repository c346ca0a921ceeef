//! Lists of issues in an order, page by page, and how many there are.
//!
//! Lists are read branch by branch, one branch for each project and status, so that each walks an
//! index in its order and stops at the page's end.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::issue_condition::{IssueCondition, push_condition};
use super::issue_found::Found;
use super::place::{self, Direction, Place};
use super::{Store, StoreError};

/// Branches joined in one statement; the engine's own limit is 500.
const BRANCHES_MAX: usize = 100;
/// Of so many branches, each is held against issues that a search has found; where there are more,
/// those issues are looked up instead.
const HELD_BRANCHES_MAX: usize = 8;
/// Rows that a statement names in all its branches, if one alone does not name more.
const NAMED_MAX: usize = 200_000;
/// Hits are counted up to this.
pub const HITS_MAX: u64 = 1000;
/// The statuses of issues that can be seen; those with others are being deleted.
pub const VISIBLE: [i64; 3] = [0, 1, 2];

/// What a list of issues is ordered by, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueSort {
    /// The last event.
    LastSeen,
    /// The first event.
    FirstSeen,
    /// Events.
    TimesSeen,
    /// Users.
    UsersSeen,
    /// Since when it waits for a look; those that do not come last.
    Waiting,
    /// Events of a day against what is usual, as measured last.
    Trend,
    /// What is worth a look first: late, frequent, of many users, urgent.
    Recommended,
}

impl IssueSort {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen",
            Self::FirstSeen => "first_seen",
            Self::TimesSeen => "times_seen",
            Self::UsersSeen => "users_seen",
            Self::Waiting => "waits",
            Self::Trend => "trend",
            Self::Recommended => "recommended",
        }
    }
}

/// Which issues. Every part must hold; an empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IssueFilter {
    /// Of these projects. Empty is none at all.
    pub projects: Vec<i64>,
    /// With one of these statuses.
    pub statuses: Vec<i64>,
    /// What else they must be like.
    pub condition: Option<IssueCondition>,
    /// With an event at or after this time.
    pub seen_from: Option<i64>,
}

impl Store {
    /// Up to `limit` issues from a place on, in their order.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_places(
        &self,
        filter: &IssueFilter,
        sort: IssueSort,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<Place>, StoreError> {
        let statuses = filter.statuses();
        let branches: Vec<(i64, i64)> = filter
            .projects
            .iter()
            .flat_map(|project| statuses.iter().map(|status| (*project, *status)))
            .collect();
        if branches.len() > HELD_BRANCHES_MAX
            && let Some(found) = Found::of(filter)
        {
            return self.found_places(&found, sort, from, limit).await;
        }
        let mut places = Vec::new();
        for branches in branches.chunks(branches_at_a_time(filter)) {
            let mut sql = QueryBuilder::new("");
            push_places(&mut sql, filter, sort, from, branches, limit);
            let query = sql.build_query_as().persistent(filter.is_kept());
            let rows: Vec<(i64, i64)> = query.fetch_all(self.reader()).await?;
            places.extend(rows.into_iter().map(|(value, id)| Place { value, id }));
        }
        Ok(place::page(places, from, limit))
    }

    /// How many issues there are, counted up to [`HITS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_issues(&self, filter: &IssueFilter) -> Result<u64, StoreError> {
        let statuses = filter.statuses();
        if filter.projects.len() * statuses.len() > HELD_BRANCHES_MAX
            && let Some(found) = Found::of(filter)
        {
            return self.count_found(&found).await;
        }
        let mut hits = 0;
        for project in &filter.projects {
            for status in statuses.iter().copied() {
                if hits >= HITS_MAX {
                    return Ok(HITS_MAX);
                }
                let mut sql = QueryBuilder::new("SELECT COUNT(*) FROM (");
                push_branch(
                    &mut sql,
                    filter,
                    IssueSort::LastSeen,
                    None,
                    (*project, status),
                );
                sql.push(format_args!(" LIMIT {HITS_MAX})"));
                let query = sql.build_query_scalar().persistent(filter.is_kept());
                let n: i64 = query.fetch_one(self.reader()).await?;
                hits += u64::try_from(n).unwrap_or_default();
            }
        }
        Ok(hits.min(HITS_MAX))
    }
}

impl IssueFilter {
    /// Those of which this holds as well.
    #[must_use]
    pub fn and(self, more: IssueCondition) -> Self {
        let condition = match self.condition {
            Some(condition) => IssueCondition::All(vec![condition, more]),
            None => more,
        };
        Self {
            condition: Some(condition),
            ..self
        }
    }

    /// How many rows the condition names.
    fn n_named(&self) -> usize {
        let condition = self.condition.as_ref();
        condition.map_or(0, IssueCondition::n_named)
    }

    /// Whether a statement is kept for the next time: on each connection the engine keeps what was
    /// bound with it.
    pub(super) fn is_kept(&self) -> bool {
        self.n_named() == 0
    }

    pub(super) fn statuses(&self) -> Vec<i64> {
        if self.statuses.is_empty() {
            VISIBLE.to_vec()
        } else {
            self.statuses.clone()
        }
    }
}

/// The places of several branches, each in its order and cut to the limit.
fn push_places(
    sql: &mut QueryBuilder<Sqlite>,
    filter: &IssueFilter,
    sort: IssueSort,
    from: Option<(Place, Direction)>,
    branches: &[(i64, i64)],
    limit: u32,
) {
    for (n, branch) in branches.iter().enumerate() {
        sql.push(if n == 0 {
            "SELECT * FROM ("
        } else {
            " UNION ALL SELECT * FROM ("
        });
        push_branch(sql, filter, sort, from, *branch);
        sql.push(order_of(sort, from));
        sql.push_bind(i64::from(limit)).push(")");
    }
}

/// How many branches a statement has, by how many rows each names: they are written down and read
/// once for every branch.
fn branches_at_a_time(filter: &IssueFilter) -> usize {
    (NAMED_MAX / filter.n_named().max(1)).clamp(1, BRANCHES_MAX)
}

/// The order, up to the number of its limit.
pub(super) fn order_of(sort: IssueSort, from: Option<(Place, Direction)>) -> String {
    let column = sort.column();
    let order = match from {
        Some((_, Direction::Back)) => "ASC",
        _ => "DESC",
    };
    format!(" ORDER BY {column} {order}, id {order} LIMIT ")
}

/// Only what lies behind a place.
pub(super) fn push_behind(
    sql: &mut QueryBuilder<Sqlite>,
    sort: IssueSort,
    from: Option<(Place, Direction)>,
) {
    let Some((place, direction)) = from else {
        return;
    };
    let sign = match direction {
        Direction::Onward => "<",
        Direction::Back => ">",
    };
    sql.push(format_args!(" AND ({}, id) {sign} (", sort.column()));
    sql.push_bind(place.value)
        .push(", ")
        .push_bind(place.id)
        .push(")");
}

/// What holds of every issue that is listed, and what the filter asks of them.
pub(super) fn push_asked(sql: &mut QueryBuilder<Sqlite>, filter: &IssueFilter) {
    // What is about to be deleted is in no list.
    sql.push(" AND NOT EXISTS (SELECT 1 FROM deletion_issues l WHERE l.issue_id = issues.id)");
    if let Some(condition) = &filter.condition {
        sql.push(" AND ");
        push_condition(sql, condition);
    }
}

/// `SELECT value, id FROM issues WHERE …`, for one project and status.
fn push_branch(
    sql: &mut QueryBuilder<Sqlite>,
    filter: &IssueFilter,
    sort: IssueSort,
    from: Option<(Place, Direction)>,
    (project, status): (i64, i64),
) {
    let column = sort.column();
    sql.push(format_args!(
        "SELECT {column} AS value, id FROM issues WHERE project_id = "
    ));
    sql.push_bind(project)
        .push(" AND status = ")
        .push_bind(status);
    push_asked(sql, filter);
    // A sum keeps the engine from choosing the index of the time instead of the order's, which
    // would make it sort all that it finds.
    if let Some(from) = filter.seen_from {
        sql.push(match sort {
            IssueSort::LastSeen => " AND last_seen >= ",
            _ => " AND last_seen + 0 >= ",
        });
        sql.push_bind(from);
    }
    push_behind(sql, sort, from);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the engine goes about a list.
    async fn plan(sort: IssueSort, from: Option<(Place, Direction)>) -> String {
        let (store, _dir) = Store::temporary().await;
        let filter = IssueFilter {
            projects: vec![1, 2],
            seen_from: Some(1),
            ..IssueFilter::default()
        };
        let branches = [(1, 0), (2, 0), (1, 1)];
        let mut sql = QueryBuilder::new("EXPLAIN QUERY PLAN ");
        push_places(&mut sql, &filter, sort, from, &branches, 51);
        let rows: Vec<(i64, i64, i64, String)> = sql
            .build_query_as()
            .fetch_all(store.reader())
            .await
            .unwrap();
        rows.into_iter().map(|row| row.3 + "\n").collect()
    }

    #[test]
    fn a_statement_names_a_bounded_number_of_rows() {
        let check = |n_found: usize, expected: usize| {
            let found = IssueCondition::OneOf(vec![1; n_found]);
            let filter = IssueFilter {
                condition: Some(IssueCondition::Not(Box::new(found))),
                ..IssueFilter::default()
            };
            assert_eq!(branches_at_a_time(&filter), expected, "{n_found}");
        };
        check(0, BRANCHES_MAX);
        check(2000, BRANCHES_MAX);
        check(50_000, 4);
        check(1_000_000, 1);
        assert_eq!(branches_at_a_time(&IssueFilter::default()), BRANCHES_MAX);
    }

    #[tokio::test]
    async fn lists_walk_an_index_in_its_order() {
        let place = Place { value: 9, id: 9 };
        for (sort, index) in [
            (IssueSort::LastSeen, "issues_by_last_seen"),
            (IssueSort::FirstSeen, "issues_by_first_seen"),
            (IssueSort::TimesSeen, "issues_by_times_seen"),
            (IssueSort::UsersSeen, "issues_by_users_seen"),
            (IssueSort::Waiting, "issues_by_waiting"),
            (IssueSort::Trend, "issues_by_trend"),
            (IssueSort::Recommended, "issues_by_recommended"),
        ] {
            for from in [
                None,
                Some((place, Direction::Onward)),
                Some((place, Direction::Back)),
            ] {
                let plan = plan(sort, from).await;
                assert!(!plan.contains("TEMP B-TREE"), "{sort:?} {from:?}: {plan}");
                assert_eq!(plan.matches(index).count(), 3, "{sort:?} {from:?}: {plan}");
            }
        }
    }
}
