//! Tags of issues, projects and organizations.
//!
//! Of an issue without a filter the store's counts are told, which know every event; else the
//! index counts, which knows those that are stored.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::{Caller, FoundIssue, ReadIssue};
use super::error::ApiError;
use super::event_filter::search;
use super::input::At;
use super::page::{Page, Params};
use super::search::{chosen_projects, project_id, span};
use super::types::{IssuePath, OrganizationPath, iso};
use crate::access::Scope;
use crate::clock;
use crate::index::{Facet, Search};
use crate::store::issue_tags::TagValue as Row;
use crate::store::place::Place;
use crate::store::projects::Project;

/// Values shown of each tag in a list of tags.
const TOP_VALUES: u32 = 10;

/// A tag and its most frequent values.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IssueTag {
    key: String,
    name: String,
    /// Events with the tag.
    total_values: i64,
    /// Values the tag has.
    unique_values: i64,
    top_values: Vec<TagValue>,
}

/// A value of a tag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagValue {
    key: String,
    name: String,
    /// Empty stands for all values beyond those that are kept apart.
    value: String,
    count: i64,
    first_seen: String,
    last_seen: String,
    query: String,
}

impl From<Row> for TagValue {
    fn from(row: Row) -> Self {
        let quoted = row.value.replace('\\', "\\\\").replace('"', "\\\"");
        Self {
            query: format!("{}:\"{quoted}\"", row.key),
            key: row.key,
            name: row.value.clone(),
            value: row.value,
            count: row.times_seen,
            first_seen: iso(row.first_seen),
            last_seen: iso(row.last_seen),
        }
    }
}

/// A tag and how much there is of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagKey {
    key: String,
    name: String,
    total_values: i64,
    unique_values: i64,
}

/// The path of an issue's tag, as it is documented.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; the short form has no organization"
)]
pub(super) struct IssueTagPath {
    /// Slug or id.
    organization: String,
    /// Id, or short id as in SHOP-2K.
    issue: String,
    /// The tag.
    key: String,
}

/// What the path of an issue's tag names beside the issue.
#[derive(Debug, Deserialize)]
pub(super) struct IssueTagAt {
    key: String,
}

/// Of which events the tags are.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct TagFilter {
    /// Names of environments; the empty one is "none". May be repeated.
    environment: Option<Vec<String>>,
    /// `24h`, `14d`, …
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
}

/// The path of a project's tag.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectTagPath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// The tag.
    key: String,
}

/// The tags of an issue with their most frequent values.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/tags/",
    tag = "tags", params(IssuePath, TagFilter),
    responses((status = 200, body = [IssueTag])))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Json<Vec<IssueTag>>, ApiError> {
    let rows = match search(&state, found.issue.id, &params).await? {
        None => state.store.issue_tags(found.issue.id, TOP_VALUES).await?,
        Some(search) => {
            let facets = facets(&state, search, &[found.project], None).await?;
            let top = |facet| rows_of(facet).take(TOP_VALUES as usize);
            facets.into_iter().flat_map(top).collect()
        }
    };
    let mut tags: Vec<IssueTag> = Vec::new();
    for row in rows {
        match tags.last_mut().filter(|tag| tag.key == row.key) {
            Some(tag) => tag.top_values.push(row.into()),
            None => tags.push(with_values(vec![row])),
        }
    }
    Ok(Json(tags))
}

/// One tag of an issue with its most frequent values.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/tags/{key}/",
    tag = "tags", params(IssueTagPath, TagFilter), responses((status = 200, body = IssueTag)))]
pub(super) async fn of_issue_key(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    At(at): At<IssueTagAt>,
    params: Params,
) -> Result<Json<IssueTag>, ApiError> {
    let rows = values_of_issue(&state, &found, &at.key, &params, 0, TOP_VALUES).await?;
    if rows.is_empty() {
        return Err(ApiError::missing());
    }
    Ok(Json(with_values(rows)))
}

/// The values of one tag of an issue, the most frequent first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/tags/{key}/values/",
    tag = "tags", params(IssueTagPath, TagFilter),
    responses((status = 200, body = [TagValue])))]
pub(super) async fn of_issue_values(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    At(at): At<IssueTagAt>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    // Counts move while one reads, so pages are cut by number: a value may be seen twice.
    let offset = cursor.map_or(0, |cursor| cursor.place.value.max(0));
    let rows = values_of_issue(&state, &found, &at.key, &params, offset, limit + 1).await?;
    let mut number = offset;
    let rows: Vec<(i64, Row)> = rows
        .into_iter()
        .map(|row| {
            number += 1;
            (number, row)
        })
        .collect();
    let place = |(number, _): &(i64, Row)| Place {
        value: *number,
        id: 0,
    };
    let page = Page::cut(
        rows,
        limit,
        cursor.filter(|cursor| cursor.place.value > 0),
        place,
    );
    let values = |rows: Vec<(i64, Row)>| rows.into_iter().map(|(_, row)| TagValue::from(row));
    Ok(page.map(|rows| values(rows).collect()).respond(&params))
}

/// The tags of an organization's events, the most frequent first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/tags/", tag = "tags",
    params(OrganizationPath, TagFilter), responses((status = 200, body = [TagKey])))]
pub(super) async fn of_organization(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Vec<TagKey>>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let projects = chosen_projects(&projects, &params)?;
    let search = of_projects(&projects, &params)?;
    let mut facets = facets(&state, search, &projects, None).await?;
    // Stable: what is as frequent stays in the order of names.
    facets.sort_by_key(|facet| std::cmp::Reverse(facet.events));
    let keys = facets.into_iter().map(|facet| TagKey {
        name: facet.tag.clone(),
        key: facet.tag,
        total_values: count(facet.events),
        unique_values: count(facet.values.len()),
    });
    Ok(Json(keys.collect()))
}

/// Values of a tag of a project's events, the most frequent first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/tags/{key}/values/",
    tag = "tags",
    params(ProjectTagPath,
        ("query" = Option<String>, Query, description = "A part of the value."),
        ("environment" = Option<Vec<String>>, Query, description = "May be repeated."),
        ("statsPeriod" = Option<String>, Query, description = "`24h`, `14d`, …")),
    responses((status = 200, body = [TagValue])))]
pub(super) async fn of_project_values(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectTagPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let part = params.first("query").unwrap_or_default().to_lowercase();
    let limit = usize::try_from(params.limit()?).unwrap_or(usize::MAX);
    let projects = [project];
    let search = of_projects(&projects, &params)?;
    let facets = facets(&state, search, &projects, Some(path.key)).await?;
    let rows = facets.into_iter().flat_map(rows_of);
    let rows = rows.filter(|row| row.value.to_lowercase().contains(&part));
    let values: Vec<TagValue> = rows.take(limit).map(TagValue::from).collect();
    Ok(Page::whole(values).respond(&params))
}

/// What the tags are of that are asked for.
fn of_projects(projects: &[Project], params: &Params) -> Result<Search, ApiError> {
    let span = span(params, clock::now())?;
    Ok(Search {
        projects: projects.iter().filter_map(project_id).collect(),
        environments: params.all("environment").map(str::to_owned).collect(),
        from: span.from.map(Timestamp::from_millis),
        until: span.to.map(Timestamp::from_millis),
        ..Search::everything()
    })
}

async fn facets(
    state: &ApiState,
    search: Search,
    projects: &[Project],
    tag: Option<String>,
) -> Result<Vec<Facet>, ApiError> {
    let look = state.index.look(search).await?;
    let projects = projects.iter().filter_map(project_id).collect();
    Ok(state.index.facets(&look, projects, tag).await?)
}

/// Values of a tag of an issue, the most frequent first.
async fn values_of_issue(
    state: &ApiState,
    found: &FoundIssue,
    key: &str,
    params: &Params,
    offset: i64,
    limit: u32,
) -> Result<Vec<Row>, ApiError> {
    let issue = found.issue.id;
    let Some(search) = search(state, issue, params).await? else {
        let rows = state.store.issue_tag_values(issue, key, offset, limit);
        return Ok(rows.await?);
    };
    let projects = std::slice::from_ref(&found.project);
    let facets = facets(state, search, projects, Some(key.to_owned())).await?;
    let rows = facets.into_iter().flat_map(rows_of);
    let rows = rows.skip(usize::try_from(offset).unwrap_or(0));
    Ok(rows.take(limit as usize).collect())
}

/// A tag's values as the store has them.
fn rows_of(facet: Facet) -> impl Iterator<Item = Row> {
    let (n_events, n_values) = (count(facet.events), count(facet.values.len()));
    facet.values.into_iter().map(move |value| Row {
        key: facet.tag.clone(),
        value: value.text,
        times_seen: count(value.events),
        first_seen: value.first_seen.as_millis(),
        last_seen: value.last_seen.as_millis(),
        n_values,
        n_events,
    })
}

fn count(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// A tag of one or more of its values.
fn with_values(rows: Vec<Row>) -> IssueTag {
    let first = rows.first();
    IssueTag {
        key: first.map(|row| row.key.clone()).unwrap_or_default(),
        name: first.map(|row| row.key.clone()).unwrap_or_default(),
        total_values: first.map_or(0, |row| row.n_events),
        unique_values: first.map_or(0, |row| row.n_values),
        top_values: rows.into_iter().map(TagValue::from).collect(),
    }
}
