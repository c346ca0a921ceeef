//! What pages show of issues: lists, counts, tags, activity.
//!
//! Lists are read branch by branch, one branch for each project and status, so that each walks an
//! index in its order and stops at the page's end. What a page shows beside its rows is read for
//! all rows at once.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::issue_condition::{IssueCondition, push_condition};
use super::{Store, StoreError};

/// Branches joined in one statement; the engine's own limit is 500.
const BRANCHES_MAX: usize = 100;
/// Hits are counted up to this.
pub const HITS_MAX: u64 = 1000;
/// Issues whose tags stand for all of an organization's.
const TAGGED_ISSUES_MAX: u32 = 500;
/// Activities of one issue that are shown.
const ACTIVITY_MAX: u32 = 100;
/// The statuses of issues that can be seen; those with others are being deleted.
pub const VISIBLE: [i64; 3] = [0, 1, 2];

/// A place in an order: the value ordered by, and the row to tell equals apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value ordered by.
    pub value: i64,
    /// The row.
    pub id: i64,
}

/// Which way to read from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards smaller values.
    Onward,
    /// Towards larger values: the page before. Rows come in the reverse of the page's order.
    Back,
}

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
}

impl IssueSort {
    const fn column(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen",
            Self::FirstSeen => "first_seen",
            Self::TimesSeen => "times_seen",
            Self::UsersSeen => "users_seen",
        }
    }
}

/// Which issues. Every part must hold; an empty list asks nothing.
#[derive(Clone, Debug, Default)]
pub struct IssueFilter {
    /// Of these projects. Empty is none at all.
    pub projects: Vec<i64>,
    /// With one of these statuses.
    pub statuses: Vec<i64>,
    /// What else they must be like.
    pub condition: Option<IssueCondition>,
    /// With an event in one of these environments; the empty name is "none".
    pub environments: Vec<String>,
    /// With an event at or after this time.
    pub seen_from: Option<i64>,
    /// With an event at or before this time.
    pub seen_to: Option<i64>,
}

/// An issue as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct IssueRow {
    pub id: i64,
    pub project_id: i64,
    pub short_id: i64,
    pub kind: String,
    pub title: String,
    pub culprit: String,
    pub metadata: String,
    pub level: String,
    pub platform: String,
    pub logger: Option<String>,
    pub is_unhandled: bool,
    pub status: i64,
    pub substatus: Option<i64>,
    pub status_details: String,
    pub priority: i64,
    /// When a person set it.
    pub priority_locked_at: Option<i64>,
    pub assignee: Option<String>,
    pub first_seen: i64,
    pub last_seen: i64,
    pub times_seen: i64,
    pub users_seen: i64,
    pub first_release: Option<String>,
    pub last_release: Option<String>,
    pub resolved_at: Option<i64>,
    pub latest_event: Vec<u8>,
}

const ISSUE: &str = "id, project_id, short_id, kind, title, culprit, metadata, level, platform, \
     logger, is_unhandled, status, substatus, status_details, priority, priority_locked_at, assignee, first_seen, \
     last_seen, times_seen, users_seen, first_release, last_release, resolved_at, latest_event";

/// Events of an issue in a span of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Bucket {
    /// The issue.
    pub issue_id: i64,
    /// The span's number: hours since 1970 divided by the span's length.
    pub bucket: i64,
    /// Events.
    pub n: i64,
}

/// What someone did with an issue, beside its state.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Attention {
    /// The issue.
    pub issue_id: i64,
    /// When the person last looked at it.
    pub seen_at: Option<i64>,
    /// Whether it is bookmarked.
    pub is_bookmarked: bool,
    /// Whether the person is told.
    pub is_subscribed: bool,
    /// Why: `mentioned`, `assigned`, …
    pub reason: Option<String>,
}

/// A value of a tag.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TagValue {
    /// The tag.
    pub key: String,
    /// The value.
    pub value: String,
    /// Events with it.
    pub times_seen: i64,
    /// The first.
    pub first_seen: i64,
    /// The last.
    pub last_seen: i64,
    /// Values the tag has in all.
    pub n_values: i64,
    /// Events with the tag in all.
    pub n_events: i64,
}

/// A tag and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TagKey {
    /// The tag.
    pub key: String,
    /// Values.
    pub n_values: i64,
    /// Events.
    pub n_events: i64,
}

/// Something that was done to an issue.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Activity {
    /// Its number.
    pub id: i64,
    /// Sentry's activity type.
    pub kind: i64,
    /// Who did it; `None` is the hub.
    pub user_id: Option<i64>,
    /// JSON object.
    pub data: String,
    /// When.
    pub created_at: i64,
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
        let direction = from.map_or(Direction::Onward, |(_, direction)| direction);
        let statuses = filter.statuses();
        let branches: Vec<(i64, i64)> = filter
            .projects
            .iter()
            .flat_map(|project| statuses.iter().map(|status| (*project, *status)))
            .collect();
        let mut places = Vec::new();
        for branches in branches.chunks(BRANCHES_MAX) {
            let mut sql = QueryBuilder::new("");
            push_places(&mut sql, filter, sort, from, branches, limit);
            let rows: Vec<(i64, i64)> = sql.build_query_as().fetch_all(self.reader()).await?;
            places.extend(rows.into_iter().map(|(value, id)| Place { value, id }));
        }
        match direction {
            Direction::Onward => {
                places.sort_unstable_by_key(|p| std::cmp::Reverse((p.value, p.id)));
            }
            Direction::Back => places.sort_unstable_by_key(|p| (p.value, p.id)),
        }
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(places)
    }

    /// How many issues there are, counted up to [`HITS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_issues(&self, filter: &IssueFilter) -> Result<u64, StoreError> {
        let mut hits = 0;
        for project in &filter.projects {
            for status in filter.statuses() {
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
                let n: i64 = sql.build_query_scalar().fetch_one(self.reader()).await?;
                hits += u64::try_from(n).unwrap_or_default();
            }
        }
        Ok(hits.min(HITS_MAX))
    }

    /// The issues of these rows that can be seen, in no order.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_rows(&self, ids: &[i64]) -> Result<Vec<IssueRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(format!(
            "SELECT {ISSUE} FROM issues WHERE status <= 2 AND id IN "
        ));
        push_list(&mut sql, ids.iter().copied());
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// The issue of a project's counter.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_by_short_id(
        &self,
        project_id: i64,
        short_id: i64,
    ) -> Result<Option<IssueRow>, StoreError> {
        let sql = format!(
            "SELECT {ISSUE} FROM issues WHERE project_id = ?1 AND short_id = ?2 AND status <= 2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(project_id)
            .bind(short_id)
            .fetch_optional(self.reader())
            .await?)
    }

    /// How the first event of an issue was grouped, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_grouping(&self, issue_id: i64) -> Result<Option<String>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT grouping FROM issues WHERE id = ?1")
                .bind(issue_id)
                .fetch_optional(self.reader())
                .await?,
        )
    }

    /// Events of these issues since an hour, in spans of `span_hours`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_buckets(
        &self,
        ids: &[i64],
        from_hour: i64,
        span_hours: i64,
    ) -> Result<Vec<Bucket>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new("SELECT issue_id, hour / ");
        sql.push_bind(span_hours.max(1));
        sql.push(" AS bucket, SUM(n) AS n FROM issue_hours WHERE issue_id IN ");
        push_list(&mut sql, ids.iter().copied());
        sql.push(" AND hour >= ").push_bind(from_hour);
        sql.push(" GROUP BY 1, 2");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Events of each project since an hour, in spans of one hour: (project, hour, events).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn project_hours(
        &self,
        projects: &[i64],
        from_hour: i64,
    ) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        if projects.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql =
            QueryBuilder::new("SELECT project_id, hour, SUM(quantity) FROM ledger WHERE hour >= ");
        sql.push_bind(from_hour);
        // Errors and what is counted with them, committed at the hub.
        sql.push(" AND term = 9 AND category IN (0, 1, 3, 14) AND project_id IN ");
        push_list(&mut sql, projects.iter().copied());
        sql.push(" GROUP BY 1, 2");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// What a user did with these issues.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn attention(&self, user_id: i64, ids: &[i64]) -> Result<Vec<Attention>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT issue_id, seen_at, is_bookmarked, is_subscribed, reason FROM issue_people
             WHERE user_id = ",
        );
        sql.push_bind(user_id).push(" AND issue_id IN ");
        push_list(&mut sql, ids.iter().copied());
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Notes written about each of these issues: (issue, notes).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn count_notes(&self, ids: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT issue_id, COUNT(*) FROM issue_activity WHERE kind = 8 AND issue_id IN ",
        );
        push_list(&mut sql, ids.iter().copied());
        sql.push(" GROUP BY issue_id");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// The latest things done to an issue, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn activities(&self, issue_id: i64) -> Result<Vec<Activity>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, kind, user_id, data, created_at FROM issue_activity
             WHERE issue_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
        )
        .bind(issue_id)
        .bind(ACTIVITY_MAX)
        .fetch_all(self.reader())
        .await?)
    }

    /// Who has looked at an issue, the latest first: (user, when).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn seen_by(&self, issue_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT user_id, seen_at FROM issue_people
             WHERE issue_id = ?1 AND seen_at IS NOT NULL ORDER BY seen_at DESC LIMIT 100",
        )
        .bind(issue_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// An issue's tags with the `top` most frequent values of each.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_tags(&self, issue_id: i64, top: u32) -> Result<Vec<TagValue>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, value, times_seen, first_seen, last_seen, n_values, n_events FROM (
                 SELECT key, value, times_seen, first_seen, last_seen,
                     COUNT(*) OVER (PARTITION BY key) AS n_values,
                     SUM(times_seen) OVER (PARTITION BY key) AS n_events,
                     ROW_NUMBER() OVER
                         (PARTITION BY key ORDER BY times_seen DESC, value) AS place
                 FROM issue_tags WHERE issue_id = ?1
             ) AS ranked WHERE place <= ?2 ORDER BY key, times_seen DESC, value",
        )
        .bind(issue_id)
        .bind(top)
        .fetch_all(self.reader())
        .await?)
    }

    /// Values of one tag of an issue, the most frequent first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_tag_values(
        &self,
        issue_id: i64,
        key: &str,
        offset: i64,
        limit: u32,
    ) -> Result<Vec<TagValue>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, value, times_seen, first_seen, last_seen,
                 COUNT(*) OVER () AS n_values, SUM(times_seen) OVER () AS n_events
             FROM issue_tags WHERE issue_id = ?1 AND key = ?2
             ORDER BY times_seen DESC, value LIMIT ?3 OFFSET ?4",
        )
        .bind(issue_id)
        .bind(key)
        .bind(limit)
        .bind(offset)
        .fetch_all(self.reader())
        .await?)
    }

    /// The tags of the issues seen last in these projects.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tag_keys(&self, projects: &[i64]) -> Result<Vec<TagKey>, StoreError> {
        let ids = self.lately_seen(projects).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT key, COUNT(DISTINCT value) AS n_values, SUM(times_seen) AS n_events
             FROM issue_tags WHERE issue_id IN ",
        );
        push_list(&mut sql, ids.into_iter());
        sql.push(" GROUP BY key ORDER BY n_events DESC, key");
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    /// Values of a tag in the issues seen last in these projects that hold `part`.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn tag_values(
        &self,
        projects: &[i64],
        key: &str,
        part: &str,
        limit: u32,
    ) -> Result<Vec<TagValue>, StoreError> {
        let ids = self.lately_seen(projects).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = QueryBuilder::new(
            "SELECT key, value, SUM(times_seen) AS times_seen, MIN(first_seen) AS first_seen,
                 MAX(last_seen) AS last_seen, COUNT(*) OVER () AS n_values,
                 SUM(SUM(times_seen)) OVER () AS n_events
             FROM issue_tags WHERE key = ",
        );
        sql.push_bind(key).push(" AND issue_id IN ");
        push_list(&mut sql, ids.into_iter());
        if !part.is_empty() {
            let pattern = part
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            sql.push(" AND value LIKE ")
                .push_bind(format!("%{pattern}%"));
            sql.push(" ESCAPE '\\'");
        }
        sql.push(" GROUP BY key, value ORDER BY times_seen DESC, value LIMIT ");
        sql.push_bind(limit);
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }

    async fn lately_seen(&self, projects: &[i64]) -> Result<Vec<i64>, StoreError> {
        let filter = IssueFilter {
            projects: projects.to_vec(),
            ..IssueFilter::default()
        };
        let places = self
            .issue_places(&filter, IssueSort::LastSeen, None, TAGGED_ISSUES_MAX)
            .await?;
        Ok(places.into_iter().map(|place| place.id).collect())
    }

    /// The hashes bound to an issue.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn issue_hashes(&self, issue_id: i64) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT hash FROM issue_hashes WHERE issue_id = ?1 ORDER BY hash")
                .bind(issue_id)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// When each of these releases was made: (version, when).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_dates(
        &self,
        organization_id: i64,
        versions: &[String],
    ) -> Result<Vec<(String, i64)>, StoreError> {
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql =
            QueryBuilder::new("SELECT version, created_at FROM releases WHERE organization_id = ");
        sql.push_bind(organization_id).push(" AND version IN ");
        push_list(&mut sql, versions.iter().cloned());
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }
}

impl IssueFilter {
    fn statuses(&self) -> Vec<i64> {
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
    let order = match from {
        Some((_, Direction::Back)) => "ASC",
        _ => "DESC",
    };
    for (n, branch) in branches.iter().enumerate() {
        sql.push(if n == 0 {
            "SELECT * FROM ("
        } else {
            " UNION ALL SELECT * FROM ("
        });
        push_branch(sql, filter, sort, from, *branch);
        let column = sort.column();
        sql.push(format_args!(
            " ORDER BY {column} {order}, id {order} LIMIT "
        ));
        sql.push_bind(i64::from(limit)).push(")");
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
    if let Some(condition) = &filter.condition {
        sql.push(" AND ");
        push_condition(sql, condition);
    }
    // A sum keeps the engine from choosing the index of the time instead of the order's, which
    // would make it sort all that it finds.
    if let Some(from) = filter.seen_from {
        sql.push(match sort {
            IssueSort::LastSeen => " AND last_seen >= ",
            IssueSort::FirstSeen | IssueSort::TimesSeen | IssueSort::UsersSeen => {
                " AND last_seen + 0 >= "
            }
        });
        sql.push_bind(from);
    }
    if let Some(to) = filter.seen_to {
        sql.push(" AND first_seen + 0 <= ").push_bind(to);
    }
    push_environments(sql, &filter.environments);
    if let Some((place, direction)) = from {
        let sign = if direction == Direction::Onward {
            "<"
        } else {
            ">"
        };
        sql.push(format_args!(" AND ({column}, id) {sign} ("));
        sql.push_bind(place.value)
            .push(", ")
            .push_bind(place.id)
            .push(")");
    }
}

fn push_environments(sql: &mut QueryBuilder<Sqlite>, environments: &[String]) {
    const OF_ISSUE: &str =
        "EXISTS (SELECT 1 FROM issue_tags t WHERE t.issue_id = issues.id AND t.key = 'environment'";
    if environments.is_empty() {
        return;
    }
    let named: Vec<String> = environments
        .iter()
        .filter(|name| !name.is_empty())
        .cloned()
        .collect();
    sql.push(" AND (");
    if !named.is_empty() {
        sql.push(OF_ISSUE).push(" AND t.value IN ");
        push_list(sql, named.iter().cloned());
        sql.push(")");
    }
    if named.len() < environments.len() {
        if !named.is_empty() {
            sql.push(" OR ");
        }
        sql.push("NOT ").push(OF_ISSUE).push(")");
    }
    sql.push(")");
}

/// `(?, ?, …)`, filled up with the last value to one of a few lengths, so that each statement is
/// prepared once and kept. An empty list becomes one that nothing is in.
fn push_list<'q, T>(sql: &mut QueryBuilder<Sqlite>, values: impl ExactSizeIterator<Item = T>)
where
    T: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Clone + 'q,
{
    const LENGTHS: [usize; 5] = [1, 4, 16, 64, 128];
    let len = values.len();
    let filled = LENGTHS
        .into_iter()
        .find(|length| *length >= len)
        .unwrap_or(len);
    let mut last = None;
    sql.push("(");
    let mut list = sql.separated(", ");
    for value in values {
        last = Some(value.clone());
        list.push_bind(value);
    }
    for _ in len..filled {
        match &last {
            Some(value) => list.push_bind(value.clone()),
            None => list.push("NULL"),
        };
    }
    sql.push(")");
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
            environments: vec!["production".to_owned()],
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

    #[tokio::test]
    async fn lists_walk_an_index_in_its_order() {
        let place = Place { value: 9, id: 9 };
        for (sort, index) in [
            (IssueSort::LastSeen, "issues_by_last_seen"),
            (IssueSort::FirstSeen, "issues_by_first_seen"),
            (IssueSort::TimesSeen, "issues_by_times_seen"),
            (IssueSort::UsersSeen, "issues_by_users_seen"),
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
