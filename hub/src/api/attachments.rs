//! Files that came with an event.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use protocol::ids::EventId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::event::ProjectEventPath;
use super::input::At;
use super::items::{self, ReadParams};
use super::page::Params;
use super::types::{iso, stored_object};
use crate::access::Scope;
use crate::store::items::{ItemRow, Wanted};

/// Bytes that are read for the hashes of one answer.
const HASHED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attachment {
    id: String,
    event_id: String,
    /// What it is for the event: `event.attachment`, `event.minidump`, …
    #[serde(rename = "type")]
    kind: String,
    name: String,
    mimetype: String,
    #[serde(rename = "dateCreated")]
    date_created: String,
    size: u64,
    /// Of its bytes; null of files that are too large to be read for it, or gone.
    sha1: Option<String>,
    headers: BTreeMap<&'static str, String>,
}

impl Attachment {
    fn of(row: &ItemRow, sha1: Option<String>) -> Self {
        let facts = stored_object(&row.item.facts);
        let fact = |name: &str, otherwise: &str| {
            let text = facts.get(name).and_then(serde_json::Value::as_str);
            text.unwrap_or(otherwise).to_owned()
        };
        let mimetype = fact("content_type", "application/octet-stream");
        Self {
            id: row.id.to_string(),
            event_id: row
                .item
                .event_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            kind: fact("attachment_type", "event.attachment"),
            name: row.item.name.clone(),
            headers: BTreeMap::from([("Content-Type", mimetype.clone())]),
            mimetype,
            date_created: iso(row.item.received_at.as_millis()),
            size: row.item.size,
            sha1,
        }
    }
}

/// The path of a file of an event.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AttachmentPath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// An event's id.
    event: String,
    /// Id.
    attachment: String,
}

/// The files of an event, the one digested last first. The event may not have come yet.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/events/{event}/attachments/",
    tag = "items", params(ProjectEventPath), responses((status = 200, body = [Attachment])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectEventPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let wanted = of_event(&path.event)?;
    let page = items::page(&state, project.id, &wanted, &params).await?;
    let mut left = HASHED_BYTES_MAX;
    let mut attachments = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        attachments.push(described(&state, row, &mut left).await?);
    }
    Ok(page.map(|_| attachments).respond(&params))
}

/// A file of an event, described or downloaded.
#[utoipa::path(get,
    path = "/api/0/projects/{organization}/{project}/events/{event}/attachments/{attachment}/",
    tag = "items", params(AttachmentPath, ReadParams),
    responses((status = 200, body = Attachment)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<AttachmentPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let row = items::one(&state, project.id, &path.attachment).await?;
    if row.item.kind != "attachment" || row.item.event_id != of_event(&path.event)?.event_id {
        return Err(ApiError::missing());
    }
    if params.first("download").is_some() {
        return items::download(&state, &row).await;
    }
    let mut left = HASHED_BYTES_MAX;
    let attachment = described(&state, &row, &mut left).await?;
    Ok(Json(attachment).into_response())
}

/// A file with its hash, as long as there is room for its bytes in what is `left` to be read.
async fn described(
    state: &ApiState,
    row: &ItemRow,
    left: &mut u64,
) -> Result<Attachment, ApiError> {
    let sha1 = match left.checked_sub(row.item.size) {
        Some(rest) => {
            *left = rest;
            items::sha1_of(state, row).await?
        }
        None => None,
    };
    Ok(Attachment::of(row, sha1))
}

/// Those of an event.
pub(super) fn of_event(text: &str) -> Result<Wanted, ApiError> {
    let id: EventId = text.parse().map_err(|_| ApiError::missing())?;
    Ok(Wanted {
        kinds: vec!["attachment".to_owned()],
        event_id: Some(id),
        ..Wanted::default()
    })
}
