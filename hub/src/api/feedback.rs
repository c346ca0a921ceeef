//! What people wrote about the errors they saw: reports of the old kind. Feedback of the new kind
//! is an event, and an issue of its own.

pub(super) mod inbox;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use protocol::ids::{EventId, ProjectId, PublicKey, RelayId};
use protocol::privacy::{Payload, Scrubber};
use protocol::roster::SampleRate;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::{Caller, ReadIssue};
use super::error::ApiError;
use super::events::read;
use super::input::{At, Input};
use super::items;
use super::page::{Page, Params};
use super::privacy::in_force;
use super::types::{IssuePath, ProjectPath, iso, stored_object};
use crate::access::Scope;
use crate::archive::StoredEvent;
use crate::clock;
use crate::store::feedback::{self, FeedbackRow, REPORT};
use crate::store::items::{NewItem, Place, Wanted};

use inbox::{about, bodies_of, said, text};

/// Longest comment, in bytes.
const COMMENTS_BYTES_MAX: usize = 4096;
/// Longest name or address, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The event that a report is about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventRef {
    id: String,
    #[serde(rename = "eventID")]
    event_id: String,
}

/// A report of a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserReport {
    id: String,
    #[serde(rename = "eventID")]
    event_id: String,
    name: String,
    email: String,
    comments: String,
    date_created: String,
    /// The event's user is told with the event.
    #[schema(value_type = Option<Object>)]
    user: Option<()>,
    event: EventRef,
}

impl UserReport {
    fn of(id: i64, item: &NewItem) -> Self {
        let facts = stored_object(&item.facts);
        let event_id = item.event_id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            id: id.to_string(),
            event_id: event_id.clone(),
            name: text(&facts, "name"),
            email: text(&facts, "email"),
            comments: text(&facts, "comments"),
            date_created: iso(item.received_at.as_millis()),
            user: None,
            event: EventRef::new(event_id),
        }
    }

    /// Feedback that is an event itself, about another where it names one.
    fn of_feedback(stored: &StoredEvent, written_at: i64) -> Self {
        let said = said(stored);
        let about = about(&said).unwrap_or(stored.event_id);
        Self {
            id: stored.event_id.to_string(),
            event_id: about.to_string(),
            name: text(&said, "name"),
            email: text(&said, "contact_email"),
            comments: text(&said, "message"),
            date_created: iso(written_at),
            user: None,
            event: EventRef::new(about.to_string()),
        }
    }
}

impl EventRef {
    fn new(id: String) -> Self {
        Self {
            id: id.clone(),
            event_id: id,
        }
    }
}

/// The latest of what people wrote about an event, and how much there is.
pub(super) async fn of_event(
    state: &ApiState,
    project: i64,
    event_id: EventId,
) -> Result<(Option<UserReport>, u32), ApiError> {
    let count = state.store.count_reports_of_event(project, event_id);
    let count = count.await?;
    if count == 0 {
        return Ok((None, 0));
    }
    let wanted = Wanted {
        kinds: vec![REPORT.to_owned()],
        event_id: Some(event_id),
        ..Wanted::default()
    };
    let reports = state.store.items(project, &wanted, None, 1).await?;
    let report = reports.first();
    let reported_at = report.map(|row| row.item.received_at.as_millis());
    let feedback = state.store.feedback_about(project, event_id).await?;
    let feedback = feedback.filter(|row| Some(row.timestamp) > reported_at);
    if let Some(row) = feedback
        && let Some(stored) = read(&state.archive, std::slice::from_ref(&row))
            .await?
            .pop()
        && let Some(stored) = stored
    {
        let report = UserReport::of_feedback(&stored, row.timestamp);
        return Ok((Some(report), count));
    }
    Ok((report.map(|row| UserReport::of(row.id, &row.item)), count))
}

/// A report as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewReport {
    /// The event that was seen.
    event_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    /// What happened, in the person's words.
    comments: String,
}

/// What people wrote about the errors of a project, the latest first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/user-feedback/",
    tag = "items", params(ProjectPath), responses((status = 200, body = [UserReport])))]
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
    let wanted = Wanted {
        kinds: vec![REPORT.to_owned()],
        ..Wanted::default()
    };
    let page = items::page(&state, project.id, &wanted, &params).await?;
    let reports = page.map(|rows| {
        let rows = rows.iter();
        rows.map(|row| UserReport::of(row.id, &row.item)).collect()
    });
    Ok(reports.respond(&params))
}

/// What people wrote about the events of an issue, of either kind, the latest first.
#[utoipa::path(get,
    path = "/api/0/organizations/{organization}/issues/{issue}/user-reports/",
    tag = "items", params(IssuePath), responses((status = 200, body = [UserReport])))]
pub(super) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let wanted = feedback::Wanted {
        projects: vec![found.project.id],
        issue: Some(found.issue.id),
        ..feedback::Wanted::default()
    };
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let rows = state.store.feedback(&wanted, from, limit + 1).await?;
    let page = Page::cut(rows, limit, cursor, FeedbackRow::place);
    let mut bodies = bodies_of(&state, &page.rows).await?;
    let reports = page.map(|rows| {
        let reports = rows.iter().filter_map(|row| match row {
            FeedbackRow::Report(row, _) => Some(UserReport::of(row.id, &row.item)),
            FeedbackRow::Event(row) => {
                let stored = bodies.remove(&row.id)?;
                Some(UserReport::of_feedback(&stored, row.timestamp))
            }
        });
        reports.collect()
    });
    Ok(reports.respond(&params))
}

/// Adds what a person wrote. Private data is removed by the project's settings.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/user-feedback/",
    tag = "items", params(ProjectPath), request_body = NewReport,
    responses((status = 200, body = UserReport)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(report): Input<NewReport>,
) -> Result<Json<UserReport>, ApiError> {
    let scope = Scope::EventWrite;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let event_id = report.event_id.parse::<EventId>();
    let event_id = event_id.map_err(|_| ApiError::invalid("event_id is no event id"))?;
    if report.comments.trim().is_empty() || report.comments.len() > COMMENTS_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "comments is a text of at most {COMMENTS_BYTES_MAX} bytes"
        )));
    }
    if report.name.len().max(report.email.len()) > NAME_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "name and email are texts of at most {NAME_BYTES_MAX} bytes"
        )));
    }
    let facts = json!({
        "event_id": event_id.to_string(), "name": report.name, "email": report.email,
        "comments": report.comments,
    });
    let scrubber = Scrubber::new(&in_force(&state, &organization, &project).await?);
    let payload = scrubber.scrub_json(&Bytes::from(facts.to_string()), Payload::Json);
    let payload = payload.map_err(ApiError::internal)?.payload;
    let id = ProjectId::new(project.id.unsigned_abs()).map_err(ApiError::internal)?;
    let stored = stored(id, event_id, payload, clock::now());
    let item = known(&stored);
    let row = keep(&state, stored, item.clone()).await?;
    Ok(Json(UserReport::of(row, &item)))
}

fn stored(
    project: ProjectId,
    event_id: EventId,
    payload: Bytes,
    received_at: Timestamp,
) -> StoredEvent {
    StoredEvent {
        project,
        event_id,
        // It came here, by no relay and with no key.
        relay: RelayId::from_bytes([0; 16]),
        key: PublicKey::from_bytes([0; 16]),
        received_at,
        sent_at: None,
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        kind: REPORT.to_owned(),
        header: Bytes::from_static(b"{\"type\":\"user_report\"}"),
        payload,
        relay_offset_millis: 0,
        place: None,
        alike: Vec::new(),
        stands_in: false,
    }
}

fn known(stored: &StoredEvent) -> NewItem {
    let facts = String::from_utf8_lossy(&stored.payload).into_owned();
    let name = stored_object(&facts).get("name").cloned();
    NewItem {
        project: stored.project,
        kind: REPORT.to_owned(),
        event_id: Some(stored.event_id),
        name: name
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default(),
        identity: None,
        traces: Vec::new(),
        size: stored.payload.len() as u64,
        facts,
        timestamp: stored.received_at,
        received_at: stored.received_at,
        sample_rate: SampleRate::ALL,
        measured: None,
    }
}

/// Body first, then the row that points to it; gives the row.
async fn keep(state: &ApiState, stored: StoredEvent, item: NewItem) -> Result<i64, ApiError> {
    let archive = state.archive.clone();
    let appended = tokio::task::spawn_blocking(move || archive.append(&[stored]));
    let appended = appended.await.map_err(ApiError::internal)??;
    let places = appended.iter().map(|at| Place {
        pack: at.pack,
        offset: at.offset,
        item: at.item,
    });
    let items: Vec<_> = std::iter::once(&item).zip(places).collect();
    let mut write = state.store.begin().await?;
    let rows = write.add_items(&items, item.received_at).await?;
    write.commit().await?;
    rows.last().copied().ok_or_else(ApiError::missing)
}
