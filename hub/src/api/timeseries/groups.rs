//! The largest groups of events: by issue, by project, or by the value that they have of a key.

use protocol::ids::ProjectId;

use super::words;
use crate::api::ApiState;
use crate::api::discover::of_issue;
use crate::api::error::ApiError;
use crate::api::search::project_id;
use crate::index::{IssueHit, Search};
use crate::query::{self, Expr, Filter, Key, Op, Part, Pattern, Value};
use crate::store::projects::Project;

/// Values that are counted to find the largest: those that most events of the projects have.
const VALUES_MAX: usize = 100;

/// Events that belong together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The key and the value that they have of it.
    pub(super) named: Option<(String, String)>,
    /// Whether they are what is left beside the other groups.
    pub(super) is_other: bool,
    /// Which they are.
    pub(super) search: Search,
}

impl Group {
    /// All events of a search.
    pub(super) const fn all(search: Search) -> Self {
        Self {
            named: None,
            is_other: false,
            search,
        }
    }

    fn named(key: &str, value: String, search: Search) -> Self {
        Self {
            named: Some((key.to_owned(), value)),
            is_other: false,
            search,
        }
    }

    const fn other(search: Search) -> Self {
        Self {
            named: None,
            is_other: true,
            search,
        }
    }
}

/// The `max` largest groups of what a search finds, the largest first, and behind them what is left.
pub(super) async fn largest(
    state: &ApiState,
    projects: &[Project],
    search: &Search,
    key: &str,
    max: usize,
    has_other: bool,
) -> Result<Vec<Group>, ApiError> {
    match key {
        "issue" | "issue.id" => by_issue(state, projects, search, key, max, has_other).await,
        "project" | "project.name" | "project.id" => {
            by_project(state, projects, search, key, max, has_other).await
        }
        _ => by_value(state, search, key, max, has_other).await,
    }
}

async fn by_issue(
    state: &ApiState,
    projects: &[Project],
    search: &Search,
    key: &str,
    max: usize,
    has_other: bool,
) -> Result<Vec<Group>, ApiError> {
    let mut hits = state.index.issues(search.clone()).await?;
    hits.sort_by_key(|hit| std::cmp::Reverse((hit.events, hit.issue)));
    let rest = hits.split_off(max.min(hits.len()));
    let of = |hits: &[IssueHit]| Search {
        issues: Some(hits.iter().map(|hit| hit.issue).collect()),
        ..search.clone()
    };
    let ids: Vec<i64> = hits.iter().map(|hit| hit.issue).collect();
    let rows = state.store.issue_rows(&ids).await?;
    let mut groups = Vec::new();
    for hit in &hits {
        let row = rows.iter().find(|row| row.id == hit.issue);
        let project = row.and_then(|row| projects.iter().find(|p| p.id == row.project_id));
        let named = row.zip(project);
        let Some(value) = named.and_then(|(row, project)| of_issue(key, row, project)) else {
            continue;
        };
        groups.push(Group::named(key, words(&value), of(&[*hit])));
    }
    if has_other && !rest.is_empty() {
        groups.push(Group::other(of(&rest)));
    }
    Ok(groups)
}

async fn by_project(
    state: &ApiState,
    projects: &[Project],
    search: &Search,
    key: &str,
    max: usize,
    has_other: bool,
) -> Result<Vec<Group>, ApiError> {
    let of = |ids: Vec<ProjectId>| Search {
        projects: ids,
        ..search.clone()
    };
    let mut sized = Vec::new();
    for project in projects {
        let Some(id) = project_id(project) else {
            continue;
        };
        let n = count(state, of(vec![id])).await?;
        if n > 0 {
            sized.push((n, id, project));
        }
    }
    sized.sort_by_key(|(n, id, _)| std::cmp::Reverse((*n, *id)));
    let rest = sized.split_off(max.min(sized.len()));
    let mut groups: Vec<Group> = sized
        .into_iter()
        .map(|(_, id, project)| {
            let value = match key {
                "project.id" => project.id.to_string(),
                _ => project.slug.clone(),
            };
            Group::named(key, value, of(vec![id]))
        })
        .collect();
    if has_other && !rest.is_empty() {
        let ids = rest.into_iter().map(|(_, id, _)| id);
        groups.push(Group::other(of(ids.collect())));
    }
    Ok(groups)
}

async fn by_value(
    state: &ApiState,
    search: &Search,
    name: &str,
    max: usize,
    has_other: bool,
) -> Result<Vec<Group>, ApiError> {
    let key = query::canonical(name);
    if key.scope() == query::Scope::Issue {
        let what = format!("{name} is no key of events: group by issue or project");
        return Err(ApiError::field("groupBy", what));
    }
    let projects = search.projects.clone();
    let found = state
        .index
        .suggest_values(projects, &key, "", VALUES_MAX)
        .await?;
    let mut sized = Vec::new();
    for value in found.found {
        let has = has(&key, &value.text);
        let n = count(state, narrowed(search, has.clone())).await?;
        if n > 0 {
            sized.push((n, value.text, has));
        }
    }
    sized.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    sized.truncate(max);
    let taken = sized.iter().map(|(_, _, has)| has.clone()).collect();
    let left = narrowed(search, Expr::Not(Box::new(Expr::Or(taken))));
    let has_other = has_other && count(state, left.clone()).await? > 0;
    let mut groups: Vec<Group> = sized
        .into_iter()
        .map(|(_, value, has)| Group::named(name, value, narrowed(search, has)))
        .collect();
    if has_other {
        groups.push(Group::other(left));
    }
    Ok(groups)
}

fn has(key: &Key, value: &str) -> Expr {
    Expr::Filter(Filter {
        key: key.clone(),
        op: Op::Is,
        value: Value::Text(Pattern {
            parts: vec![Part::Literal(value.to_owned())],
        }),
        span: 0..0,
    })
}

fn narrowed(search: &Search, by: Expr) -> Search {
    Search {
        filter: Expr::And(vec![search.filter.clone(), by]),
        ..search.clone()
    }
}

async fn count(state: &ApiState, search: Search) -> Result<u64, ApiError> {
    let hits = state.index.issues(search).await?;
    Ok(hits.iter().map(|hit| hit.events).sum())
}
