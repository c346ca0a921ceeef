//! What an issue must be like, as a tree over its own columns.
//!
//! Facts about events are not here: the caller has asked the index for them and brings the
//! issues it found as [`IssueCondition::OneOf`].

use sqlx::{QueryBuilder, Sqlite};

/// A condition over one issue.
#[derive(Clone, Debug, PartialEq)]
pub enum IssueCondition {
    /// Every one holds; none asks nothing.
    All(Vec<IssueCondition>),
    /// One holds; of none, nothing matches.
    Any(Vec<IssueCondition>),
    /// It does not hold.
    Not(Box<IssueCondition>),
    /// It is one of these rows.
    OneOf(Vec<i64>),
    /// Its status and, where given, its substatus.
    State {
        /// 0 unresolved, 1 resolved, 2 ignored.
        status: i64,
        /// One of these; empty asks nothing.
        substatuses: Vec<i64>,
    },
    /// It is assigned to someone.
    IsAssigned,
    /// It is assigned to this: `user:1`.
    AssignedTo(String),
    /// It is nobody's, and rules name this for it: `user:1`.
    SuggestedTo(String),
    /// This user has bookmarked it.
    BookmarkedBy(i64),
    /// This user is told of it.
    FollowedBy(i64),
    /// It regressed in a release like this; `%` stands for anything, `\` escapes.
    RegressedIn(String),
    /// A column of numbers or times compares so.
    Compares {
        /// Which.
        column: IssueColumn,
        /// How.
        comparison: Comparison,
        /// With what.
        value: i64,
    },
    /// A column of text is like this, letters without case; `%` stands for anything, `\` escapes.
    Like {
        /// Which.
        column: IssueColumn,
        /// The pattern.
        pattern: String,
    },
    /// It is this one of a project: the project's slug and the issue's number.
    ShortId {
        /// The slug.
        project: String,
        /// Counts within the project.
        number: i64,
    },
    /// Its project has this slug.
    Project(String),
}

/// The columns that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub enum IssueColumn {
    FirstSeen,
    LastSeen,
    TimesSeen,
    UsersSeen,
    Priority,
    FirstRelease,
    Id,
    ProjectId,
    ReviewSince,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl IssueColumn {
    const fn name(self) -> &'static str {
        match self {
            Self::FirstSeen => "first_seen",
            Self::LastSeen => "last_seen",
            Self::TimesSeen => "times_seen",
            Self::UsersSeen => "users_seen",
            Self::Priority => "priority",
            Self::FirstRelease => "first_release",
            Self::Id => "id",
            Self::ProjectId => "project_id",
            Self::ReviewSince => "review_since",
        }
    }
}

impl Comparison {
    /// Whether two values compare so.
    #[must_use]
    pub const fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl IssueCondition {
    /// How many rows it names.
    pub(super) fn n_named(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::n_named).sum(),
            Self::Not(part) => part.n_named(),
            Self::OneOf(ids) => ids.len(),
            _ => 0,
        }
    }
}

/// Writes the condition, in parentheses.
pub(super) fn push_condition(sql: &mut QueryBuilder<Sqlite>, condition: &IssueCondition) {
    match condition {
        IssueCondition::All(parts) => push_joined(sql, parts, " AND ", "TRUE"),
        IssueCondition::Any(parts) => push_joined(sql, parts, " OR ", "FALSE"),
        IssueCondition::Not(part) => {
            // A comparison with nothing is neither true nor false; here it does not hold.
            sql.push("NOT COALESCE(");
            push_condition(sql, part);
            sql.push(", FALSE)");
        }
        IssueCondition::OneOf(ids) => {
            sql.push("id IN (SELECT value FROM ");
            push_rows(sql, ids);
            sql.push(")");
        }
        IssueCondition::State {
            status,
            substatuses,
        } => {
            sql.push("(status = ").push_bind(*status);
            if !substatuses.is_empty() {
                let list = substatuses
                    .iter()
                    .map(i64::to_string)
                    .collect::<Vec<_>>()
                    .join(",");
                sql.push(format_args!(" AND substatus IN ({list})"));
            }
            sql.push(")");
        }
        IssueCondition::IsAssigned => {
            sql.push("assignee IS NOT NULL");
        }
        IssueCondition::AssignedTo(name) => {
            sql.push("COALESCE(assignee, '') = ")
                .push_bind(name.clone());
        }
        IssueCondition::SuggestedTo(name) => {
            sql.push("(assignee IS NULL AND COALESCE(suggested_owner, '') = ")
                .push_bind(name.clone());
            sql.push(")");
        }
        IssueCondition::BookmarkedBy(user) => push_person(sql, "is_bookmarked", *user),
        IssueCondition::FollowedBy(user) => push_person(sql, "is_subscribed", *user),
        IssueCondition::RegressedIn(pattern) => {
            sql.push(
                "EXISTS (SELECT 1 FROM issue_activity a WHERE a.issue_id = issues.id
                 AND a.kind = 6 AND COALESCE(json_extract(a.data, '$.version'), '') LIKE ",
            );
            sql.push_bind(pattern.clone()).push(" ESCAPE '\\')");
        }
        IssueCondition::Compares {
            column,
            comparison,
            value,
        } => {
            sql.push(format_args!("{} {} ", column.name(), comparison.sign()))
                .push_bind(*value);
        }
        IssueCondition::Like { column, pattern } => {
            sql.push(format_args!("COALESCE({}, '') LIKE ", column.name()));
            sql.push_bind(pattern.clone()).push(" ESCAPE '\\'");
        }
        IssueCondition::ShortId { project, number } => {
            sql.push("(short_id = ").push_bind(*number).push(" AND ");
            push_project(sql, project);
            sql.push(")");
        }
        IssueCondition::Project(slug) => push_project(sql, slug),
    }
}

/// Writes a table whose `value` are these rows: one value is bound, however many they are, as the
/// engine limits how many it binds.
pub(super) fn push_rows(sql: &mut QueryBuilder<Sqlite>, ids: &[i64]) {
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    sql.push("json_each(")
        .push_bind(format!("[{list}]"))
        .push(")");
}

/// What a user did with it, by the column that says so.
fn push_person(sql: &mut QueryBuilder<Sqlite>, column: &str, user: i64) {
    sql.push("EXISTS (SELECT 1 FROM issue_people w WHERE w.issue_id = issues.id AND w.user_id = ");
    sql.push_bind(user).push(format_args!(" AND w.{column})"));
}

fn push_project(sql: &mut QueryBuilder<Sqlite>, slug: &str) {
    sql.push("project_id IN (SELECT p.id FROM projects p WHERE p.slug = ");
    sql.push_bind(slug.to_owned()).push(")");
}

fn push_joined(
    sql: &mut QueryBuilder<Sqlite>,
    parts: &[IssueCondition],
    between: &str,
    none: &str,
) {
    if parts.is_empty() {
        sql.push(none);
        return;
    }
    sql.push("(");
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            sql.push(between);
        }
        push_condition(sql, part);
    }
    sql.push(")");
}
