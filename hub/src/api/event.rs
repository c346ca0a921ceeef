//! One event.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use protocol::ids::EventId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::body::EventBody;
use super::caller::{Caller, ReadIssue};
use super::error::ApiError;
use super::event_filter::{BEGINNING, issue_events};
use super::events::{belongs, read, shape};
use super::feedback;
use super::grouping::project_id;
use super::input::At;
use super::issue::ReleaseRef;
use super::page::Params;
use super::types::iso;
use crate::access::Scope;
use crate::archive::StoredEvent;
use crate::group;
use crate::owner::Facts;
use crate::store::event_read::EventRow;
use crate::store::place::{Direction, Place};

/// An event among those of its issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventDetail {
    #[serde(flatten)]
    event: EventBody,
    /// When the hub had it.
    date_digested: String,
    release: Option<ReleaseRef>,
    /// The next later event of the issue.
    #[serde(rename = "nextEventID")]
    next_event_id: Option<String>,
    /// The next earlier event of the issue.
    #[serde(rename = "previousEventID")]
    previous_event_id: Option<String>,
}

/// The path of an event of an issue, as it is documented.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; the short form has no organization"
)]
pub(super) struct IssueEventPath {
    /// Slug or id.
    organization: String,
    /// Id, or short id as in SHOP-2K.
    issue: String,
    /// An event's id, `latest`, `oldest` or `recommended`.
    event: String,
}

/// What the path of an event of an issue names beside the issue.
#[derive(Debug, Deserialize)]
pub(super) struct IssueEventAt {
    event: String,
}

/// The path of an event of a project.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectEventPath {
    /// Slug or id.
    pub(super) organization: String,
    /// Slug or id.
    pub(super) project: String,
    /// An event's id.
    pub(super) event: String,
}

/// The path of an event of an organization.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OrganizationEventPath {
    /// Slug or id.
    organization: String,
    /// An event's id.
    event: String,
}

/// An event of an issue.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/events/{event}/",
    tag = "events", params(IssueEventPath), responses((status = 200, body = EventDetail)))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    At(at): At<IssueEventAt>,
    params: Params,
) -> Result<Json<EventDetail>, ApiError> {
    let issue = found.issue.id;
    let row = match at.event.as_str() {
        "latest" | "recommended" => issue_events(&state, issue, &params, None, 1).await?.pop(),
        "oldest" => issue_events(&state, issue, &params, Some(BEGINNING), 1)
            .await?
            .pop(),
        id => {
            let row = by_event_id(&state, &[found.project.id], id).await?;
            row.filter(|row| row.issue_id == issue)
        }
    };
    let row = row.ok_or_else(ApiError::missing)?;
    Ok(Json(
        detail(&state, found.organization.id, row, &params).await?,
    ))
}

/// An event of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/events/{event}/",
    tag = "events", params(ProjectEventPath), responses((status = 200, body = EventDetail)))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectEventPath>,
    params: Params,
) -> Result<Json<EventDetail>, ApiError> {
    let (organization, row) = find(&state, &caller, &path).await?;
    Ok(Json(detail(&state, organization, row, &params).await?))
}

/// The payload of an event as it came, scrubbed.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/events/{event}/json/",
    tag = "events", params(ProjectEventPath), responses((status = 200, body = Object)))]
pub(super) async fn json(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectEventPath>,
) -> Result<Response, ApiError> {
    let (_, row) = find(&state, &caller, &path).await?;
    let stored = body_of(&state, &row).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], stored.payload).into_response())
}

/// Where an event is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventIdAnswer {
    organization_slug: String,
    project_slug: String,
    group_id: String,
    event_id: String,
    event: EventDetail,
}

/// The event of an id, in whatever project.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/eventids/{event}/",
    tag = "events", params(OrganizationEventPath),
    responses((status = 200, body = EventIdAnswer)))]
pub(super) async fn by_id(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationEventPath>,
    params: Params,
) -> Result<Json<EventIdAnswer>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let row = by_event_id(&state, &ids, &path.event).await?;
    let row = row.ok_or_else(ApiError::missing)?;
    let project = projects.iter().find(|project| project.id == row.project_id);
    Ok(Json(EventIdAnswer {
        organization_slug: organization.slug,
        project_slug: project
            .map(|project| project.slug.clone())
            .unwrap_or_default(),
        group_id: row.issue_id.to_string(),
        event_id: hex::encode(&row.event_id),
        event: detail(&state, organization.id, row, &params).await?,
    }))
}

pub(super) async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &ProjectEventPath,
) -> Result<(i64, EventRow), ApiError> {
    let scope = Scope::EventRead;
    let (organization, project) = state
        .project(caller, &path.organization, &path.project, scope)
        .await?;
    let row = by_event_id(state, &[project.id], &path.event).await?;
    Ok((organization.id, row.ok_or_else(ApiError::missing)?))
}

async fn by_event_id(
    state: &ApiState,
    projects: &[i64],
    text: &str,
) -> Result<Option<EventRow>, ApiError> {
    let Ok(id) = text.parse::<EventId>() else {
        return Ok(None);
    };
    Ok(state.store.event_by_id(projects, id.as_bytes()).await?)
}

pub(super) async fn body_of(state: &ApiState, row: &EventRow) -> Result<StoredEvent, ApiError> {
    let bodies = read(&state.archive, std::slice::from_ref(row)).await?;
    bodies
        .into_iter()
        .next()
        .flatten()
        .ok_or_else(ApiError::missing)
}

/// What rules about owners may ask of an event.
pub(super) async fn facts_of(state: &ApiState, row: &EventRow) -> Result<Facts, ApiError> {
    let rules = state.digest.rules(project_id(row.project_id)?).await?;
    shape(&body_of(state, row).await?, |event| {
        group::mark(event, &rules);
        Facts::of(event)
    })
}

async fn detail(
    state: &ApiState,
    organization: i64,
    row: EventRow,
    params: &Params,
) -> Result<EventDetail, ApiError> {
    let stored = body_of(state, &row).await?;
    let place = Place {
        value: row.timestamp,
        id: row.id,
    };
    let later = Some((place, Direction::Back));
    let earlier = Some((place, Direction::Onward));
    let next = issue_events(state, row.issue_id, params, later, 1)
        .await?
        .pop();
    let previous = issue_events(state, row.issue_id, params, earlier, 1)
        .await?
        .pop();
    let rules = state.digest.rules(project_id(row.project_id)?).await?;
    let (mut event, release) = shape(&stored, |event| {
        let release = event.release.as_deref().map(str::to_owned);
        (EventBody::new(event, belongs(&row), &rules), release)
    })?;
    (event.user_report, event.user_report_count) =
        feedback::of_event(state, row.project_id, stored.event_id).await?;
    let versions: Vec<String> = release.into_iter().collect();
    let dates = state.store.release_dates(organization, &versions).await?;
    let release = versions
        .first()
        .map(|version| ReleaseRef::new(version, dates.first().map(|(_, at)| *at)));
    Ok(EventDetail {
        event,
        date_digested: iso(row.digested_at),
        release,
        next_event_id: next.map(|row| hex::encode(row.event_id)),
        previous_event_id: previous.map(|row| hex::encode(row.event_id)),
    })
}
