//! What is kept beside events: lists by kind, event, trace or name, and the bodies.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::{Page, Params};
use super::types::{ProjectPath, iso, stored_object};
use crate::access::Scope;
use crate::archive::{ArchiveError, Location, StoredEvent};
use crate::store::issue_read::Place;
use crate::store::items::{ItemRow, Wanted};
use crate::{digest, normalise};

/// An item that is no event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemSummary {
    id: String,
    /// Its kind, as its envelope named it.
    kind: String,
    /// The event it belongs to, or is.
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    /// The file, monitor, transaction, session, replay, metric or span; of a log its first line.
    name: String,
    /// When it happened.
    date_created: String,
    /// When the relay had it.
    date_received: String,
    /// Bytes of its body.
    size: u64,
    /// What is known of it, by its kind.
    facts: Value,
}

/// An item with its body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemDetail {
    #[serde(flatten)]
    item: ItemSummary,
    /// The header it came with.
    header: Value,
    /// The body, where it is JSON; other bodies are downloaded.
    payload: Value,
    /// A log, metric or span as it is understood: its members and attributes of their types, what
    /// could be told beside them, what was cut (`_meta`) and what was wrong (`errors`).
    entry: Value,
    /// The envelope header's trace.
    trace: Value,
    /// The client that sent it.
    client: Option<String>,
}

impl From<&ItemRow> for ItemSummary {
    fn from(row: &ItemRow) -> Self {
        let item = &row.item;
        Self {
            id: row.id.to_string(),
            kind: item.kind.clone(),
            event_id: item.event_id.map(|id| id.to_string()),
            name: item.name.clone(),
            date_created: iso(item.timestamp.as_millis()),
            date_received: iso(item.received_at.as_millis()),
            size: item.size,
            facts: Value::Object(stored_object(&item.facts)),
        }
    }
}

/// What a list of items can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct ListParams {
    /// Of this kind; repeated for several.
    kind: Option<Vec<String>>,
    /// Of this event.
    event: Option<String>,
    /// With a part of this trace.
    trace: Option<String>,
    /// Of this name: a file, monitor, transaction, session or replay.
    name: Option<String>,
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100.
    limit: Option<u32>,
}

/// The path of an item.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ItemPath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// Id.
    item: String,
}

/// Whether a body is downloaded instead of described.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct ReadParams {
    /// Any value: the body as it is kept.
    download: Option<String>,
}

/// What is kept of a project beside its events, the one digested last first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/vedette/items/",
    tag = "items", params(ProjectPath, ListParams),
    responses((status = 200, body = [ItemSummary])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let page = page(&state, project.id, &wanted(&params)?, &params).await?;
    let summaries = page.map(|rows| rows.iter().map(ItemSummary::from).collect());
    Ok(summaries.respond(&params))
}

/// An item with its body.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/vedette/items/{item}/",
    tag = "items", params(ItemPath, ReadParams), responses((status = 200, body = ItemDetail)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ItemPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let row = one(&state, project.id, &path.item).await?;
    let stored = body(&state, &row).await?;
    if params.first("download").is_some() {
        return Ok(download(&row, stored.payload));
    }
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let payload = json(&stored.payload);
    let detail = ItemDetail {
        item: ItemSummary::from(&row),
        header: json(&stored.header),
        entry: entry(&stored, &payload),
        payload,
        trace: stored.trace.as_deref().map_or(Value::Null, json),
        client: stored.client,
    };
    Ok(Json(detail).into_response())
}

/// The normalised form of a log, metric or span; null for other kinds.
fn entry(stored: &StoredEvent, payload: &Value) -> Value {
    let receipt = digest::receipt(stored);
    let is_entry = matches!(
        receipt.kind,
        ItemKind::Log | ItemKind::TraceMetric | ItemKind::Span
    );
    if !is_entry || !normalise::is_entry(payload) {
        return Value::Null;
    }
    let Ok(entry) = normalise::entry(payload, &receipt) else {
        return Value::Null;
    };
    let errors = entry.corrections.iter().map(|correction| {
        json!({"type": correction.kind.name(), "name": correction.path,
            "message": correction.kind.message(), "value": correction.value})
    });
    let errors: Value = errors.collect();
    let meta = entry.meta();
    let mut members = entry.members;
    members.insert("timestamp".to_owned(), json!(entry.timestamp.to_rfc3339()));
    members.insert("attributes".to_owned(), Value::Object(entry.attributes));
    members.insert("_meta".to_owned(), meta);
    members.insert("errors".to_owned(), errors);
    Value::Object(members)
}

fn wanted(params: &Params) -> Result<Wanted, ApiError> {
    let id = |name: &str| -> Result<Option<EventId>, ApiError> {
        let text = params.some(name);
        let wrong = |_| ApiError::invalid(format!("{name} is no id"));
        text.map(str::parse).transpose().map_err(wrong)
    };
    Ok(Wanted {
        kinds: params.all("kind").map(str::to_owned).collect(),
        event_id: id("event")?,
        trace_id: id("trace")?.map(|id| *id.as_bytes()),
        name: params.some("name").map(str::to_owned),
        since: None::<Timestamp>,
    })
}

/// A page of the items that are wanted.
pub(super) async fn page(
    state: &ApiState,
    project: i64,
    wanted: &Wanted,
    params: &Params,
) -> Result<Page<ItemRow>, ApiError> {
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place.id, cursor.direction));
    let rows = state.store.items(project, wanted, from, limit + 1).await?;
    let place = |row: &ItemRow| Place {
        value: 0,
        id: row.id,
    };
    Ok(Page::cut(rows, limit, cursor, place))
}

/// The item of an id.
pub(super) async fn one(state: &ApiState, project: i64, id: &str) -> Result<ItemRow, ApiError> {
    let id: i64 = id.parse().map_err(|_| ApiError::missing())?;
    let row = state.store.item(project, id).await?;
    row.ok_or_else(ApiError::missing)
}

/// The body of an item.
pub(super) async fn body(state: &ApiState, row: &ItemRow) -> Result<StoredEvent, ApiError> {
    let archive = state.archive.clone();
    let at = Location {
        pack: row.place.pack,
        offset: row.place.offset,
        item: row.place.item,
    };
    let read = tokio::task::spawn_blocking(move || archive.read(at));
    match read.await.map_err(ApiError::internal)? {
        Ok(stored) => Ok(stored),
        Err(ArchiveError::Missing(_)) => Err(ApiError::missing()),
        Err(error) => Err(error.into()),
    }
}

/// A body as a file. It was sent by strangers, so that no browser may show it as a page.
pub(super) fn download(row: &ItemRow, payload: Bytes) -> Response {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = row.item.name.chars().filter(|c| safe(*c)).collect();
    let name = if name.is_empty() {
        row.item.kind.clone()
    } else {
        name
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let mut response = payload.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
