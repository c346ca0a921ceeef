//! Lists of events, and how bodies are read.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use utoipa::IntoParams;

use super::ApiState;
use super::body::{Belongs, EventBody, EventSummary};
use super::caller::{Caller, ReadIssue};
use super::error::ApiError;
use super::event_filter::issue_events;
use super::grouping::project_id;
use super::input::At;
use super::page::{Page, Params};
use super::types::{IssuePath, ProjectPath};
use crate::access::Scope;
use crate::archive::{Archive, ArchiveError, Location, StoredEvent};
use crate::digest;
use crate::normalise::{NormalEvent, normalise};
use crate::store::event_read::EventRow;
use crate::store::place::Place;

/// What a list of events can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct ListParams {
    /// `true` gives whole events.
    full: Option<bool>,
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100.
    limit: Option<u32>,
    /// Of an issue: those this search finds.
    query: Option<String>,
    /// Of an issue: those of these environments; repeated for several.
    environment: Option<Vec<String>>,
}

/// The events of an issue, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/events/",
    tag = "events", params(IssuePath, ListParams),
    responses((status = 200, body = [EventSummary])))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let rows = issue_events(&state, found.issue.id, &params, from, limit + 1).await?;
    let place = |row: &EventRow| Place {
        value: row.timestamp,
        id: row.id,
    };
    respond(&state, Page::cut(rows, limit, cursor, place), &params).await
}

/// The events of a project, the one digested last first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/events/", tag = "events",
    params(ProjectPath, ListParams), responses((status = 200, body = [EventSummary])))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place.id, cursor.direction));
    let rows = state
        .store
        .project_events(project.id, from, limit + 1)
        .await?;
    let place = |row: &EventRow| Place {
        value: 0,
        id: row.id,
    };
    respond(&state, Page::cut(rows, limit, cursor, place), &params).await
}

async fn respond(
    state: &ApiState,
    page: Page<EventRow>,
    params: &Params,
) -> Result<Response, ApiError> {
    let belongs: Vec<Belongs> = page.rows.iter().map(belongs).collect();
    let stored = read(&state.archive, &page.rows).await?;
    let mut rules = HashMap::new();
    for row in &page.rows {
        let project = project_id(row.project_id)?;
        rules.insert(row.project_id, state.digest.rules(project).await?);
    }
    let pairs = stored.iter().zip(belongs).filter_map(|(stored, belongs)| {
        // A body that expired between the two reads is no longer on the page.
        Some((stored.as_ref()?, belongs, rules.get(&belongs.project)?))
    });
    if params
        .first("full")
        .is_some_and(|full| full == "true" || full == "1")
    {
        let bodies = pairs.filter_map(|(stored, belongs, rules)| {
            shape(stored, |event| EventBody::new(event, belongs, rules)).ok()
        });
        let bodies: Vec<EventBody> = bodies.collect();
        return Ok(page.map(|_| bodies).respond(params));
    }
    let summaries = pairs.filter_map(|(stored, belongs, rules)| {
        shape(stored, |event| EventSummary::new(event, belongs, rules)).ok()
    });
    let summaries: Vec<EventSummary> = summaries.collect();
    Ok(page.map(|_| summaries).respond(params))
}

/// What an event belongs to.
pub(super) fn belongs(row: &EventRow) -> Belongs {
    Belongs {
        issue: row.issue_id,
        project: row.project_id,
    }
}

/// Reads the bodies of these events; those that expired are `None`.
pub(super) async fn read(
    archive: &Archive,
    rows: &[EventRow],
) -> Result<Vec<Option<StoredEvent>>, ApiError> {
    let archive = archive.clone();
    let locations: Vec<Location> = rows.iter().map(location).collect();
    let read = tokio::task::spawn_blocking(move || {
        let mut bodies = Vec::with_capacity(locations.len());
        for location in locations {
            bodies.push(match archive.read(location) {
                Ok(body) => Some(body),
                Err(ArchiveError::Missing(_)) => None,
                Err(error) => return Err(error),
            });
        }
        Ok(bodies)
    });
    Ok(read.await.map_err(ApiError::internal)??)
}

fn location(row: &EventRow) -> Location {
    Location {
        pack: row.pack.unsigned_abs(),
        offset: row.pack_offset.unsigned_abs(),
        item: u32::try_from(row.pack_item).unwrap_or(u32::MAX),
    }
}

/// Normalises a body and makes something of it.
pub(super) fn shape<T>(
    stored: &StoredEvent,
    make: impl FnOnce(&mut NormalEvent<'_>) -> T,
) -> Result<T, ApiError> {
    let receipt = digest::receipt(stored);
    let mut event = normalise(&stored.payload, &receipt).map_err(ApiError::internal)?;
    Ok(make(&mut event))
}
