//! What a search that finds nothing may have been meant for.
//!
//! One key, value or word at a time is put right by what events have; only what then finds an
//! issue is given.

use std::collections::BTreeSet;
use std::ops::Range;

use axum::Json;
use axum::extract::State;
use protocol::ids::ProjectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::issues::ListParams;
use super::page::Params;
use super::search::{self, DEFAULT_QUERY, chosen_projects, resolve_text};
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::clock;
use crate::query::{self, Expr, Filter, Key, Op, Part, Pattern, Text, Value};
use crate::store::projects::Project;

/// Corrections given at once.
const GIVEN_MAX: usize = 3;
/// Corrections tried, each by a search.
const TRIED_MAX: usize = 8;
/// Words of a query that are looked up.
const WORDS_MAX: usize = 8;
/// Keys and values compared with what was written.
const COMPARED_MAX: usize = 500;

/// Searches that may have been meant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Corrections {
    /// The most likely first.
    corrections: Vec<Correction>,
}

/// A search that finds something.
#[derive(Debug, Serialize, ToSchema)]
struct Correction {
    /// The whole search.
    query: String,
    /// The key, value or word that was put right.
    was: String,
    /// What stands in its place.
    is: String,
    /// Issues that it finds, counted up to 1,000.
    issues: u64,
}

/// One thing that could be put right.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slip {
    /// The bytes of the query it takes.
    span: Range<usize>,
    was: String,
    is: String,
}

/// What a search for issues that finds none may have been meant for.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/vedette/corrections/",
    tag = "issues", params(OrganizationPath, ListParams),
    responses((status = 200, body = Corrections)))]
pub(super) async fn correct(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Corrections>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let projects = chosen_projects(&projects, &params)?;
    let text = params.first("query").unwrap_or(DEFAULT_QUERY);
    let now = clock::now();
    let parsed = query::parse(text, now)?;
    let mut corrections: Vec<Correction> = Vec::new();
    for slip in slips(&state, &projects, text, &parsed).await? {
        let Some(query) = put_right(text, &slip) else {
            continue;
        };
        let Ok(found) = resolve_text(&state, &caller, &projects, &params, &query, now).await else {
            continue;
        };
        let issues = state.store.count_issues(&found.filter).await?;
        if issues > 0 && corrections.len() < GIVEN_MAX {
            corrections.push(Correction {
                query,
                was: slip.was,
                is: slip.is,
                issues,
            });
        }
    }
    Ok(Json(Corrections { corrections }))
}

/// What could be put right, in the order of the query.
async fn slips(
    state: &ApiState,
    projects: &[Project],
    text: &str,
    parsed: &Expr,
) -> Result<Vec<Slip>, ApiError> {
    let ids: Vec<ProjectId> = projects.iter().filter_map(search::project_id).collect();
    let mut found = Vec::new();
    let mut leaves = Vec::new();
    gather(parsed, &mut leaves);
    for leaf in leaves {
        match leaf {
            Leaf::Filter(filter) => {
                found.extend(of_key(state, &ids, text, filter).await?);
                found.extend(of_values(state, projects, &ids, text, filter).await?);
            }
            Leaf::Text(words) => found.extend(of_words(state, text, words).await?),
        }
        if found.len() >= TRIED_MAX {
            break;
        }
    }
    found.truncate(TRIED_MAX);
    Ok(found)
}

enum Leaf<'q> {
    Filter(&'q Filter),
    Text(&'q Text),
}

fn gather<'q>(expr: &'q Expr, leaves: &mut Vec<Leaf<'q>>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => {
            for part in parts {
                gather(part, leaves);
            }
        }
        Expr::Not(part) => gather(part, leaves),
        Expr::Filter(filter) => leaves.push(Leaf::Filter(filter)),
        Expr::Text(text) => leaves.push(Leaf::Text(text)),
    }
}

/// The key, where no event has it.
async fn of_key(
    state: &ApiState,
    ids: &[ProjectId],
    text: &str,
    filter: &Filter,
) -> Result<Vec<Slip>, ApiError> {
    let Key::Tag(name) = &filter.key else {
        return Ok(Vec::new());
    };
    let offered = state.index.suggest_keys(ids.to_vec(), COMPARED_MAX).await?;
    let tags = offered.found.iter();
    let mut known: Vec<&str> = tags
        .map(|key| key.text.strip_prefix('#').unwrap_or(&key.text))
        .collect();
    known.push("has");
    for field in query::field_keys() {
        known.push(field);
    }
    Ok(place(text, &filter.span, name, &nearest(name, &known)))
}

/// The values, where no event has them.
async fn of_values(
    state: &ApiState,
    projects: &[Project],
    ids: &[ProjectId],
    text: &str,
    filter: &Filter,
) -> Result<Vec<Slip>, ApiError> {
    let patterns = match &filter.value {
        Value::Text(pattern) if filter.op == Op::Is => std::slice::from_ref(pattern),
        Value::List(patterns) => patterns.as_slice(),
        _ => return Ok(Vec::new()),
    };
    let mut found = Vec::new();
    for written in patterns.iter().filter_map(Pattern::as_literal) {
        let known = known_values(state, projects, ids, &filter.key, written).await?;
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        found.extend(place(
            text,
            &filter.span,
            written,
            &nearest(written, &known),
        ));
    }
    Ok(found)
}

/// Values that a key can have, as far as they may be near to what was written.
async fn known_values(
    state: &ApiState,
    projects: &[Project],
    ids: &[ProjectId],
    key: &Key,
    written: &str,
) -> Result<BTreeSet<String>, ApiError> {
    let plain = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let key = match key {
        Key::Field(name) => match name.as_str() {
            "is" | "status" | "substatus" => return Ok(plain(search::STATES)),
            "issue.priority" => return Ok(plain(&["low", "medium", "high"])),
            "project" => return Ok(projects.iter().map(|one| one.slug.clone()).collect()),
            "firstRelease" => Key::Field("release".to_owned()),
            _ => key.clone(),
        },
        _ => key.clone(),
    };
    let mut known = BTreeSet::new();
    // Where there are many values, at least those with the same first letter.
    let first: String = written.chars().take(1).collect();
    for begin in ["", &first] {
        let offered = state
            .index
            .suggest_values(ids.to_vec(), &key, begin, COMPARED_MAX);
        known.extend(offered.await?.found.into_iter().map(|value| value.text));
    }
    Ok(known)
}

/// Words that no event has.
async fn of_words(state: &ApiState, text: &str, words: &Text) -> Result<Vec<Slip>, ApiError> {
    let literals = words.pattern.parts.iter().filter_map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Any => None,
    });
    let words_of = |text: &'_ str| {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for word in literals.flat_map(words_of).take(WORDS_MAX) {
        let near = state.index.near_words(&word).await?;
        found.extend(place(text, &words.span, &word, &near));
    }
    Ok(found)
}

/// The nearest of what there is; none where it is there as it was written.
fn nearest(written: &str, known: &[&str]) -> Vec<String> {
    let most = query::slips(written.chars().count());
    let far = |one: &&str| query::distance(written, one, most);
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|one| Some((far(one)?, *one)))
        .collect();
    if near.iter().any(|(_, one)| *one == written) {
        return Vec::new();
    }
    near.sort_unstable();
    near.dedup();
    let near = near.into_iter().take(GIVEN_MAX);
    near.map(|(_, one)| one.to_owned()).collect()
}

/// Where what was written stands within a term of the query.
fn place(text: &str, term: &Range<usize>, was: &str, near: &[String]) -> Vec<Slip> {
    let slice = text.get(term.clone()).unwrap_or_default();
    let Some(at) = slice.find(was).filter(|_| !was.is_empty()) else {
        return Vec::new();
    };
    let from = term.start + at;
    let slip = |is: &String| Slip {
        span: from..from + was.len(),
        was: was.to_owned(),
        is: is.clone(),
    };
    near.iter().map(slip).collect()
}

/// The query with one thing put right. What has signs of the language in it stands in quotes.
fn put_right(text: &str, slip: &Slip) -> Option<String> {
    let before = text.get(..slip.span.start)?;
    let after = text.get(slip.span.end..)?;
    let is_plain = slip
        .is
        .chars()
        .all(|c| !c.is_whitespace() && !"\"()[],*\\".contains(c));
    let is = if is_plain || before.ends_with('"') {
        slip.is.replace('"', "\\\"")
    } else {
        format!("\"{}\"", slip.is.replace('\\', "\\\\").replace('"', "\\\""))
    };
    Some(format!("{before}{is}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first_and_what_is_there_has_none() {
        let known = ["level", "lever", "environment"];
        assert_eq!(nearest("levle", &known), ["level"]);
        assert_eq!(nearest("leve", &known), ["level", "lever"]);
        assert_eq!(nearest("level", &known), [""; 0]);
        assert_eq!(nearest("LEVEL", &known), ["level", "lever"]);
    }

    #[test]
    fn one_thing_is_put_right_and_the_rest_stays() {
        let check = |text: &str, was: &str, is: &str, expected: &str| {
            let slips = place(text, &(0..text.len()), was, &[is.to_owned()]);
            assert_eq!(put_right(text, &slips[0]).as_deref(), Some(expected));
        };
        check("levle:error x", "levle", "level", "level:error x");
        check("os:linx", "linx", "Linux 6", "os:\"Linux 6\"");
        check("os:\"linx\"", "linx", "Linux 6", "os:\"Linux 6\"");
        assert_eq!(place("abc", &(0..3), "x", &["y".to_owned()]), []);
    }
}
