//! The largest groups of events: by issue, by project, or by the value that they have of a key.

use super::words;
use crate::api::ApiState;
use crate::api::discover::of_issue;
use crate::api::error::ApiError;
use crate::api::search::project_id;
use crate::index::{self, Groups, Look, People, Points, Wanted};
use crate::query::{self, Expr, Filter, Key, Op, Part, Pattern, Value};
use crate::store::projects::Project;

/// Values that are counted to find the largest: those that most events of the projects have.
const VALUES_MAX: usize = 100;

/// Groups of events, the largest first.
#[derive(Clone, Debug)]
pub(super) struct Largest {
    /// The key and the value that the events of each have of it; none where they are all.
    pub(super) names: Vec<(String, String)>,
    /// How they are told apart.
    pub(super) groups: Groups,
}

impl Largest {
    /// All events as one.
    pub(super) const fn all() -> Self {
        Self {
            names: Vec::new(),
            groups: Groups::All,
        }
    }
}

/// What groups are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'p> {
    /// What they are told apart by.
    pub(super) key: &'p str,
    /// So many.
    pub(super) max: usize,
    /// Whether what is left is one more.
    pub(super) has_other: bool,
}

/// The largest groups of what was found.
pub(super) async fn largest(
    state: &ApiState,
    projects: &[Project],
    look: &Look,
    asked: Asked<'_>,
) -> Result<Largest, ApiError> {
    match asked.key {
        "issue" | "issue.id" | "title" => by_issue(state, projects, look, asked).await,
        "project" | "project.name" | "project.id" => by_project(state, projects, look, asked).await,
        _ => by_value(state, projects, look, asked).await,
    }
}

async fn by_issue(
    state: &ApiState,
    projects: &[Project],
    look: &Look,
    asked: Asked<'_>,
) -> Result<Largest, ApiError> {
    let mut hits = look.issues.clone();
    hits.sort_by_key(|hit| std::cmp::Reverse((hit.events, hit.issue)));
    hits.truncate(asked.max);
    let ids: Vec<i64> = hits.iter().map(|hit| hit.issue).collect();
    let rows = state.store.issue_rows(&ids).await?;
    let named = ids.into_iter().filter_map(|id| {
        let row = rows.iter().find(|row| row.id == id)?;
        let project = projects.iter().find(|p| p.id == row.project_id)?;
        let value = match asked.key {
            "title" => row.title.clone(),
            key => words(&of_issue(key, row, project)?),
        };
        Some(((asked.key.to_owned(), value), id))
    });
    let (names, ids) = named.unzip();
    Ok(Largest {
        names,
        groups: Groups::Issues(ids),
    })
}

async fn by_project(
    state: &ApiState,
    projects: &[Project],
    look: &Look,
    asked: Asked<'_>,
) -> Result<Largest, ApiError> {
    let known = projects.iter();
    let known = known.filter_map(|project| Some((project_id(project)?, project)));
    let (ids, known): (Vec<_>, Vec<&Project>) = known.unzip();
    let counts = counts(state, look, Groups::Projects(ids.clone())).await?;
    let mut sized: Vec<_> = counts.into_iter().zip(ids.into_iter().zip(known)).collect();
    sized.retain(|(n, _)| *n > 0);
    sized.sort_by_key(|(n, (id, _))| std::cmp::Reverse((*n, *id)));
    sized.truncate(asked.max);
    let named = sized.into_iter().map(|(_, (id, project))| {
        let value = match asked.key {
            "project.id" => project.id.to_string(),
            _ => project.slug.clone(),
        };
        ((asked.key.to_owned(), value), id)
    });
    let (names, ids) = named.unzip();
    Ok(Largest {
        names,
        groups: Groups::Projects(ids),
    })
}

async fn by_value(
    state: &ApiState,
    projects: &[Project],
    look: &Look,
    asked: Asked<'_>,
) -> Result<Largest, ApiError> {
    let key = query::canonical(asked.key);
    if key.scope() == query::Scope::Issue || !index::can_group_by(&key) {
        let what = format!(
            "events cannot be grouped by {}: group by issue, project or a tag",
            asked.key
        );
        return Err(ApiError::field("groupBy", what));
    }
    let ids = projects.iter().filter_map(project_id).collect();
    let found = state
        .index
        .suggest_values(ids, &key, "", VALUES_MAX)
        .await?;
    let values: Vec<String> = found.found.into_iter().map(|value| value.text).collect();
    let filters: Vec<Expr> = values.iter().map(|value| has(&key, value)).collect();
    let counts = counts(state, look, Groups::Matching(filters.clone())).await?;
    let mut sized: Vec<_> = counts
        .into_iter()
        .zip(values.into_iter().zip(filters))
        .collect();
    sized.retain(|(n, _)| *n > 0);
    sized.sort_by(|(a, (one, _)), (b, (other, _))| b.cmp(a).then_with(|| one.cmp(other)));
    sized.truncate(asked.max);
    let named = sized.into_iter();
    let named = named.map(|(_, (value, filter))| ((asked.key.to_owned(), value), filter));
    let (names, filters) = named.unzip();
    Ok(Largest {
        names,
        groups: Groups::Matching(filters),
    })
}

/// Events of each group.
async fn counts(state: &ApiState, look: &Look, groups: Groups) -> Result<Vec<u64>, ApiError> {
    let wanted = Wanted {
        groups,
        has_rest: false,
        points: Points::NONE,
        people: People::NotCounted,
        with_others: false,
    };
    let tallies = state.index.tally(look, wanted).await?;
    Ok(tallies.iter().map(|tally| tally.all.events).collect())
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
