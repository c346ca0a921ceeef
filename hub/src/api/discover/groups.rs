//! A row for each group of events: fields that are values, and figures over the events that have
//! them. Without such a field all events are one group.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::{find, of_issue};
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::page::{Page, Params};
use crate::api::types::iso;
use crate::index::{self, GroupBy, GroupHit, GroupValue, People, Search};
use crate::query::{self, Expr, Scope, Value as QueryValue};
use crate::store::issue_read::IssueRow;
use crate::store::place::{Direction, Place};
use crate::store::projects::Project;

/// Fields that events are grouped by at once.
const GROUPED_MAX: usize = 8;

/// A figure over the events of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Count,
    Users,
    FirstSeen,
    LastSeen,
}

impl Figure {
    fn read(field: &str) -> Result<Self, ApiError> {
        Ok(match field {
            "count()" => Self::Count,
            "count_unique(user)" => Self::Users,
            "first_seen()" => Self::FirstSeen,
            "last_seen()" => Self::LastSeen,
            other => {
                let what = format!(
                    "{other} is not one of count(), count_unique(user), first_seen(), last_seen()"
                );
                return Err(ApiError::field("field", what));
            }
        })
    }

    fn number(self, hit: &GroupHit) -> i64 {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match self {
            Self::Count => count(hit.count.events),
            Self::Users => count(hit.count.people),
            Self::FirstSeen => hit.first_seen.as_millis(),
            Self::LastSeen => hit.last_seen.as_millis(),
        }
    }

    fn shown(self, hit: &GroupHit) -> Value {
        match self {
            Self::Count | Self::Users => json!(self.number(hit)),
            Self::FirstSeen | Self::LastSeen => json!(iso(self.number(hit))),
        }
    }
}

/// A field of a row: a figure, or a value that its events have, by its place among those.
#[derive(Clone, Copy, Debug)]
enum Column {
    Figure(Figure),
    Value(usize),
}

/// What the fields of a table of groups are.
pub(super) struct Columns {
    columns: Vec<Column>,
    by: Vec<GroupBy>,
}

impl Columns {
    /// Reads the fields; says which of them cannot be grouped by.
    pub(super) fn read(fields: &[&str]) -> Result<Self, ApiError> {
        let (mut columns, mut by): (Vec<Column>, Vec<GroupBy>) = (Vec::new(), Vec::new());
        for field in fields {
            if field.contains('(') {
                columns.push(Column::Figure(Figure::read(field)?));
                continue;
            }
            let one = grouped_by(field)?;
            let place = by.iter().position(|other| *other == one);
            columns.push(Column::Value(place.unwrap_or(by.len())));
            if place.is_none() {
                by.push(one);
            }
        }
        if by.len() > GROUPED_MAX {
            let what = format!("events are grouped by at most {GROUPED_MAX} fields");
            return Err(ApiError::field("field", what));
        }
        Ok(Self { columns, by })
    }
}

fn grouped_by(field: &str) -> Result<GroupBy, ApiError> {
    match field {
        "issue" | "issue.id" | "title" => return Ok(GroupBy::Issue),
        "project" | "project.name" | "project.id" => return Ok(GroupBy::Project),
        _ => {}
    }
    let key = query::canonical(field);
    let is_of_issues = key.scope() == Scope::Issue;
    if is_of_issues || !index::can_group_by(&key) {
        let what = format!("events cannot be grouped by {field}");
        return Err(ApiError::field("field", what));
    }
    Ok(GroupBy::Key(key))
}

/// How groups are ordered, and whether the largest come first.
struct Sort {
    by: Column,
    is_down: bool,
}

/// Reads an order of groups: by a figure, or by one of the fields.
pub(super) fn check_sort(sort: &str, fields: &[&str]) -> Result<(), ApiError> {
    Sort::read(sort, &Columns::read(fields)?, fields).map(drop)
}

impl Sort {
    fn read(sort: &str, columns: &Columns, fields: &[&str]) -> Result<Self, ApiError> {
        let name = sort.trim_start_matches('-');
        let figure = match name {
            "timestamp" => Ok(Figure::LastSeen),
            name if name.ends_with(')') => Figure::read(name),
            name => Figure::read(&format!("{name}()")),
        };
        let place = fields.iter().position(|field| *field == name);
        let by = match (figure, place.and_then(|place| columns.columns.get(place))) {
            (Ok(figure), _) => Column::Figure(figure),
            (Err(_), Some(column)) => *column,
            (Err(_), None) => {
                let what = "count(), count_unique(user), first_seen(), last_seen() or a field";
                return Err(ApiError::field("sort", what));
            }
        };
        Ok(Self {
            by,
            is_down: sort.starts_with('-'),
        })
    }
}

/// A page of groups.
pub(super) async fn groups(
    state: &ApiState,
    projects: &[Project],
    (search, having): (Search, &[Expr]),
    fields: &[&str],
    params: &Params,
) -> Result<Page<Map<String, Value>>, ApiError> {
    let columns = Columns::read(fields)?;
    let sort = params.some("sort");
    let sort = sort.map(|sort| Sort::read(sort, &columns, fields));
    let sort = sort.transpose()?;
    let Columns { columns, by } = columns;
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let ids = search.projects.clone();
    let look = state.index.look(search).await?;
    let people = match asks_for_people(&columns, sort.as_ref(), having) {
        true => People::OfGroups,
        false => People::NotCounted,
    };
    let mut hits = state.index.groups(&look, ids, by, people).await?;
    hits.retain(|hit| having.iter().all(|wanted| is_like(hit, wanted)));
    hits.sort_by(|a, b| {
        let order = match &sort {
            Some(sort) => {
                let order = compared(sort.by, a, b);
                if sort.is_down { order.reverse() } else { order }
            }
            // The most frequent first.
            None => b.count.events.cmp(&a.count.events),
        };
        order.then_with(|| a.values.cmp(&b.values))
    });
    // Counts move while one reads, so pages are cut by number: a row may be seen twice.
    let mut hits: Vec<(i64, GroupHit)> = (1..).zip(hits).collect();
    match cursor.map(|cursor| (cursor.place.value, cursor.direction)) {
        Some((from, Direction::Onward)) => hits.retain(|(number, _)| *number > from),
        Some((from, Direction::Back)) => {
            hits.retain(|(number, _)| *number < from);
            hits.reverse();
        }
        None => {}
    }
    hits.truncate(limit as usize + 1);
    let page = Page::cut(hits, limit, cursor, |(number, _)| Place {
        value: *number,
        id: 0,
    });
    let issues = issues_of(state, &page.rows).await?;
    let row = |hit: &GroupHit| -> Map<String, Value> {
        let cells = fields.iter().zip(&columns).map(|(field, column)| {
            let value = match column {
                Column::Figure(figure) => figure.shown(hit),
                Column::Value(place) => {
                    let value = hit.values.get(*place);
                    value.map_or(Value::Null, |value| shown(field, value, projects, &issues))
                }
            };
            ((*field).to_owned(), value)
        });
        cells.collect()
    };
    Ok(page.map(|rows| rows.iter().map(|(_, hit)| row(hit)).collect()))
}

/// Whether people are shown, ordered by, or demanded: to count them costs the most.
fn asks_for_people(columns: &[Column], sort: Option<&Sort>, having: &[Expr]) -> bool {
    let mut columns = columns.iter().copied().chain(sort.map(|sort| sort.by));
    columns.any(|column| matches!(column, Column::Figure(Figure::Users)))
        || having.iter().any(demands_people)
}

fn demands_people(wanted: &Expr) -> bool {
    match wanted {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(demands_people),
        Expr::Not(part) => demands_people(part),
        Expr::Text(_) => false,
        Expr::Filter(filter) => {
            matches!(Figure::read(filter.key.name()), Ok(Figure::Users))
        }
    }
}

/// Whether a group is as a query says of groups.
fn is_like(hit: &GroupHit, wanted: &Expr) -> bool {
    match wanted {
        Expr::And(parts) => parts.iter().all(|part| is_like(hit, part)),
        Expr::Or(parts) => parts.iter().any(|part| is_like(hit, part)),
        Expr::Not(part) => !is_like(hit, part),
        Expr::Text(_) => true,
        Expr::Filter(filter) => {
            let Ok(figure) = Figure::read(filter.key.name()) else {
                return true;
            };
            let number = figure.number(hit);
            #[expect(
                clippy::cast_precision_loss,
                reason = "counts beyond 2^53 do not exist"
            )]
            let order = match &filter.value {
                QueryValue::Number(value) => (number as f64).partial_cmp(value),
                QueryValue::Date(at) => Some(number.cmp(&at.as_millis())),
                // There always is one.
                QueryValue::None | QueryValue::Text(_) | QueryValue::List(_) => return true,
            };
            order.is_some_and(|order| filter.op.holds(order))
        }
    }
}

fn compared(column: Column, a: &GroupHit, b: &GroupHit) -> Ordering {
    match column {
        Column::Figure(figure) => figure.number(a).cmp(&figure.number(b)),
        Column::Value(place) => a.values.get(place).cmp(&b.values.get(place)),
    }
}

/// The issues that rows are about.
async fn issues_of(state: &ApiState, rows: &[(i64, GroupHit)]) -> Result<Vec<IssueRow>, ApiError> {
    let values = rows.iter().flat_map(|(_, hit)| &hit.values);
    let mut ids: Vec<i64> = values
        .filter_map(|value| match value {
            GroupValue::Issue(id) => Some(*id),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(state.store.issue_rows(&ids).await?)
}

fn shown(field: &str, value: &GroupValue, projects: &[Project], issues: &[IssueRow]) -> Value {
    match value {
        GroupValue::None => Value::Null,
        GroupValue::Text(text) => json!(text),
        GroupValue::Project(id) => {
            let project = find(projects, *id);
            project.map_or(Value::Null, |project| match field {
                "project.id" => json!(project.id),
                _ => json!(project.slug),
            })
        }
        GroupValue::Issue(id) => {
            let issue = issues.iter().find(|issue| issue.id == *id);
            let project = issue.and_then(|issue| find(projects, issue.project_id));
            match issue.zip(project) {
                Some((issue, _)) if field == "title" => json!(issue.title),
                Some((issue, project)) => of_issue(field, issue, project).unwrap_or_default(),
                None => Value::Null,
            }
        }
    }
}
