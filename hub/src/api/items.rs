//! What is kept beside events: lists by kind, event, trace or name, and the bodies.

pub(super) mod across;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::{Page, Params};
use super::types::{ProjectPath, iso, stored_object};
use crate::access::Scope;
use crate::archive::{Archive, ArchiveError, Location, StoredEvent};
use crate::store::items::{ItemRow, Place as BodyPlace, Wanted};
use crate::store::place::Place;
use crate::{digest, normalise};

/// Bytes of a body on their way to who reads it.
const PIPE_BYTES: usize = 64 * 1024;

/// An item that is no event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemSummary {
    id: String,
    #[serde(rename = "projectID")]
    project_id: String,
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
    /// The share of those like it that relays kept: it counts for as many as it stands for.
    sample_rate: f64,
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
    /// The body, where it is JSON; other bodies, and those of several MiB, are downloaded.
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
            project_id: item.project.as_i64().to_string(),
            kind: item.kind.clone(),
            event_id: item.event_id.map(|id| id.to_string()),
            name: item.name.clone(),
            date_created: iso(item.timestamp.as_millis()),
            date_received: iso(item.received_at.as_millis()),
            size: item.size,
            sample_rate: item.sample_rate.share(),
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
    if params.first("download").is_some() {
        return download(&state, &row).await;
    }
    let stored = body(&state, &row).await?;
    let is_in_parts = !state.store.parts_of_item(row.id).await?.is_empty();
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    // What is kept of it in one piece is an outline.
    let payload = if is_in_parts {
        Value::Null
    } else {
        json(&stored.payload)
    };
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
        ..Wanted::default()
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

/// The body of an item, or its outline.
async fn body(state: &ApiState, row: &ItemRow) -> Result<StoredEvent, ApiError> {
    read(state.archive.clone(), row.place).await
}

async fn read(archive: Archive, at: BodyPlace) -> Result<StoredEvent, ApiError> {
    let at = Location {
        pack: at.pack,
        offset: at.offset,
        item: at.item,
    };
    let read = tokio::task::spawn_blocking(move || archive.read(at));
    match read.await.map_err(ApiError::internal)? {
        Ok(stored) => Ok(stored),
        Err(ArchiveError::Missing(_)) => Err(ApiError::missing()),
        Err(error) => Err(error.into()),
    }
}

/// The bytes of an item, of which never more than a part is in memory.
async fn bytes(state: &ApiState, row: &ItemRow) -> Result<Body, ApiError> {
    let parts = state.store.parts_of_item(row.id).await?;
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else {
        return Ok(Body::from(body(state, row).await?.payload));
    };
    let archive = state.archive.clone();
    let first = read(archive.clone(), first).await?.payload;
    let (mut pipe, body) = tokio::io::duplex(PIPE_BYTES);
    state.tracker.spawn(async move {
        let mut next = Some(first);
        // Who gets less than the length that was told knows that something is missing.
        while let Some(bytes) = next {
            if pipe.write_all(&bytes).await.is_err() {
                return;
            }
            next = match parts.next() {
                Some(part) => read(archive.clone(), part)
                    .await
                    .ok()
                    .map(|part| part.payload),
                None => None,
            };
        }
    });
    Ok(Body::from_stream(ReaderStream::new(body)))
}

/// The SHA-1 of an item's bytes in hexadecimal digits, of which never more than a part is in
/// memory; none of a body that is gone.
pub(super) async fn sha1_of(state: &ApiState, row: &ItemRow) -> Result<Option<String>, ApiError> {
    let mut places = state.store.parts_of_item(row.id).await?;
    if places.is_empty() {
        places.push(row.place);
    }
    let mut hasher = Sha1::new();
    for place in places {
        match read(state.archive.clone(), place).await {
            Ok(part) => hasher.update(&part.payload),
            Err(error) if error.status() == StatusCode::NOT_FOUND => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(hex::encode(hasher.finalize())))
}

/// A body as a file. It was sent by strangers, so that no browser may show it as a page.
pub(super) async fn download(state: &ApiState, row: &ItemRow) -> Result<Response, ApiError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = row.item.name.chars().filter(|c| safe(*c)).collect();
    let name = if name.is_empty() {
        row.item.kind.clone()
    } else {
        name
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let mut response = bytes(state, row).await?.into_response();
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
    headers.insert(header::CONTENT_LENGTH, row.item.size.into());
    Ok(response)
}
