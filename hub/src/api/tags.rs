//! Tags of issues, projects and organizations.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::{Page, Params};
use super::search::chosen_projects;
use super::types::{IssueAt, IssuePath, OrganizationPath, iso};
use crate::access::Scope;
use crate::store::issue_tags::TagValue as Row;
use crate::store::place::Place;

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

/// The path of an issue's tag, as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct IssueTagAt {
    organization: Option<String>,
    issue: String,
    key: String,
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
    tag = "tags", params(IssuePath), responses((status = 200, body = [IssueTag])))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
) -> Result<Json<Vec<IssueTag>>, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(&caller, slug, &at.issue, Scope::EventRead)
        .await?;
    let rows = state.store.issue_tags(found.issue.id, TOP_VALUES).await?;
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
    tag = "tags", params(IssueTagPath), responses((status = 200, body = IssueTag)))]
pub(super) async fn of_issue_key(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueTagAt>,
) -> Result<Json<IssueTag>, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(&caller, slug, &at.issue, Scope::EventRead)
        .await?;
    let rows = state
        .store
        .issue_tag_values(found.issue.id, &at.key, 0, TOP_VALUES)
        .await?;
    if rows.is_empty() {
        return Err(ApiError::missing());
    }
    Ok(Json(with_values(rows)))
}

/// The values of one tag of an issue, the most frequent first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/tags/{key}/values/",
    tag = "tags", params(IssueTagPath), responses((status = 200, body = [TagValue])))]
pub(super) async fn of_issue_values(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueTagAt>,
    params: Params,
) -> Result<Response, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(&caller, slug, &at.issue, Scope::EventRead)
        .await?;
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    // Counts move while one reads, so pages are cut by number: a value may be seen twice.
    let offset = cursor.map_or(0, |cursor| cursor.place.value.max(0));
    let rows = state
        .store
        .issue_tag_values(found.issue.id, &at.key, offset, limit + 1)
        .await?;
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

/// The tags of an organization's recent issues.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/tags/", tag = "tags",
    params(OrganizationPath), responses((status = 200, body = [TagKey])))]
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
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let keys = state.store.tag_keys(&ids).await?;
    let keys = keys.into_iter().map(|key| TagKey {
        name: key.key.clone(),
        key: key.key,
        total_values: key.n_events,
        unique_values: key.n_values,
    });
    Ok(Json(keys.collect()))
}

/// Values of a tag in a project's recent issues, the most frequent first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/tags/{key}/values/",
    tag = "tags",
    params(ProjectTagPath,
        ("query" = Option<String>, Query, description = "A part of the value.")),
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
    let part = params.first("query").unwrap_or_default();
    let limit = params.limit()?;
    let rows = state
        .store
        .tag_values(&[project.id], &path.key, part, limit)
        .await?;
    let values: Vec<TagValue> = rows.into_iter().map(TagValue::from).collect();
    Ok(Page::whole(values).respond(&params))
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
