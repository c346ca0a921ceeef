//! The hashes that lead to an issue, each with an event that people know it by.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::body::{EventBody, EventSummary};
use super::caller::{FoundIssue, ReadIssue};
use super::error::ApiError;
use super::events::{belongs, read, shape};
use super::grouping::project_id;
use super::page::{Page, Params};
use super::types::IssuePath;
use crate::store::event_read::EventRow;
use crate::store::hashes::BoundHash;

/// Of an issue of several hashes, so many of its latest events are looked at for the latest of each.
const LOOKED_AT: u32 = 100;
/// So many hashes get the event that brought them, where it is not among those.
const BROUGHT_MAX: usize = 100;

/// A hash bound to an issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hash {
    id: String,
    /// The title of the event that brought it; none where it was bound by an older version.
    title: Option<String>,
    /// Its latest event among the latest hundred of the issue, else the one that brought it; none
    /// where that is kept no more.
    latest_event: Option<EventSummary>,
}

/// The hashes bound to an issue.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/hashes/",
    tag = "issues", params(IssuePath), responses((status = 200, body = [Hash])))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let bound = state.store.bound_hashes(found.issue.id).await?;
    let events = latest(&state, &found, &bound).await?;
    let hashes = bound.into_iter().map(|bound| {
        let id = hex::encode(&bound.hash);
        Hash {
            latest_event: events.get(&id).cloned(),
            title: bound.title,
            id,
        }
    });
    Ok(Page::whole(hashes.collect()).respond(&params))
}

/// An event of each hash, as far as there are any.
async fn latest(
    state: &ApiState,
    found: &FoundIssue,
    bound: &[BoundHash],
) -> Result<HashMap<String, EventSummary>, ApiError> {
    let limit = if bound.len() > 1 { LOOKED_AT } else { 1 };
    let rows = state
        .store
        .issue_events(found.issue.id, None, limit)
        .await?;
    let mut events = HashMap::new();
    for (hashes, event) in summaries(state, found, &rows).await?.into_iter().flatten() {
        for hash in hashes {
            events.entry(hash).or_insert_with(|| event.clone());
        }
    }
    let mut brought = Vec::new();
    let missing = bound
        .iter()
        .filter(|bound| !events.contains_key(&hex::encode(&bound.hash)));
    for bound in missing.take(BROUGHT_MAX) {
        let id = bound.event_id.as_deref().map(<&[u8; 16]>::try_from);
        let Some(Ok(id)) = id else { continue };
        let row = state.store.event_by_id(&[found.project.id], id).await?;
        brought.extend(row.map(|row| (hex::encode(&bound.hash), row)));
    }
    let (hashes, rows): (Vec<String>, Vec<EventRow>) = brought.into_iter().unzip();
    let shaped = summaries(state, found, &rows).await?;
    // It did bring the hash, whatever it is grouped by now.
    let pairs = hashes.into_iter().zip(shaped);
    events.extend(pairs.filter_map(|(hash, shaped)| Some((hash, shaped?.1))));
    Ok(events)
}

/// Of each event its hashes and its summary; none where its body is kept no more.
async fn summaries(
    state: &ApiState,
    found: &FoundIssue,
    rows: &[EventRow],
) -> Result<Vec<Option<(Vec<String>, EventSummary)>>, ApiError> {
    let rules = state.digest.rules(project_id(found.project.id)?).await?;
    let stored = read(&state.archive, rows).await?;
    let pairs = rows.iter().zip(&stored);
    let shaped = pairs.map(|(row, stored)| {
        let body = shape(stored.as_ref()?, |event| {
            EventBody::new(event, belongs(row), &rules)
        });
        let body = body.ok()?;
        Some((body.fingerprints, body.summary))
    });
    Ok(shaped.collect())
}
