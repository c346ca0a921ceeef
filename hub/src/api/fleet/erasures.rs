//! Somebody is to be forgotten: relays are asked to remove what they still keep of them, and the
//! hub removes what it has.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::{EventId, ProjectId};
use protocol::limits::{ERASURE_EVENTS_MAX, ERASURE_SUBJECTS_MAX};
use protocol::roster::{Subject, SubjectKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::{At, Input};
use super::super::types::{ProjectPath, iso};
use crate::access::Scope;
use crate::fleet::AskedErasure;
use crate::store::projects::Project;

/// Longest name of a person, in bytes.
const NAME_LEN_MAX: usize = 500;

/// Whom, or which events, to forget.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::api) struct ErasureWish {
    /// People, each by one of the names that SDKs send.
    people: Vec<Person>,
    /// Events, by their ids.
    event_ids: Vec<String>,
}

/// A person, by one name or several.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(in crate::api) struct Person {
    id: Option<String>,
    email: Option<String>,
    username: Option<String>,
    ip_address: Option<String>,
}

/// What is to be removed, and what became of it. Nobody is named: the hub keeps
/// digests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Erasure {
    id: String,
    /// Names of people that were asked for.
    people: usize,
    event_ids: Vec<String>,
    date_created: String,
    /// Relays are asked until then.
    ends_at: String,
    /// What the hub removed.
    hub: HubErasure,
    /// Relays that know of it and have nothing left.
    relays_done: usize,
    /// Relays that know of it.
    receipts: Vec<ErasureReceipt>,
}

/// What the hub removed for an erasure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct HubErasure {
    events: u64,
    /// Attachments, transactions, logs and the like.
    items: u64,
    /// When nothing was left the last time it looked; null while it is at work.
    date_done: Option<String>,
}

/// What a relay says of an erasure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ErasureReceipt {
    relay_id: String,
    relay_name: Option<String>,
    /// Records that it removed.
    records: u64,
    /// Their items.
    items: u64,
    /// Files that may still hold some, because they may be at the hub, or cannot be read or
    /// changed.
    left: u64,
    date: String,
}

/// What relays are asked to remove of a project, the latest last.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/erasures/", tag = "fleet",
    params(ProjectPath), responses((status = 200, body = [Erasure])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<Erasure>>, ApiError> {
    let project = find(&state, &caller, &path).await?;
    Ok(Json(shown(&state, project).await?))
}

/// Has records of people or events removed: at the hub what was received before now, and at all
/// relays what they still keep. It goes on until relays are not asked any more.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/erasures/", tag = "fleet",
    params(ProjectPath), request_body = ErasureWish,
    responses((status = 201, body = Erasure)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(wish): Input<ErasureWish>,
) -> Result<(StatusCode, Json<Erasure>), ApiError> {
    let project = find(&state, &caller, &path).await?;
    let (subjects, events) = (wish.subjects()?, wish.events()?);
    if subjects.is_empty() && events.is_empty() {
        return Err(ApiError::field("people", "name a person or an event"));
    }
    let id = state.fleet.erase(project, &subjects, &events).await?;
    let made = shown(&state, project).await?.into_iter();
    let made = made.rev().find(|erasure| erasure.id == id.to_string());
    let made = made.ok_or_else(ApiError::missing)?;
    Ok((StatusCode::CREATED, Json(made)))
}

impl ErasureWish {
    fn subjects(&self) -> Result<Vec<Subject>, ApiError> {
        let mut subjects = Vec::new();
        for person in &self.people {
            for kind in SubjectKind::ALL {
                let Some(name) = person.name(kind) else {
                    continue;
                };
                if name.trim().is_empty() || name.len() > NAME_LEN_MAX {
                    let what = format!("names have 1 to {NAME_LEN_MAX} bytes");
                    return Err(ApiError::field("people", what));
                }
                subjects.push(Subject::of(kind, name));
            }
        }
        if subjects.len() > ERASURE_SUBJECTS_MAX {
            let what = format!("at most {ERASURE_SUBJECTS_MAX} names at a time");
            return Err(ApiError::field("people", what));
        }
        Ok(subjects)
    }

    fn events(&self) -> Result<Vec<EventId>, ApiError> {
        if self.event_ids.len() > ERASURE_EVENTS_MAX {
            let what = format!("at most {ERASURE_EVENTS_MAX} events at a time");
            return Err(ApiError::field("eventIds", what));
        }
        let wrong = |_| ApiError::field("eventIds", "event ids of 32 hexadecimal digits");
        let ids = self.event_ids.iter();
        ids.map(|id| id.parse().map_err(wrong)).collect()
    }
}

impl Person {
    fn name(&self, kind: SubjectKind) -> Option<&str> {
        match kind {
            SubjectKind::Id => self.id.as_deref(),
            SubjectKind::Email => self.email.as_deref(),
            SubjectKind::Username => self.username.as_deref(),
            SubjectKind::IpAddress => self.ip_address.as_deref(),
        }
    }
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &ProjectPath,
) -> Result<ProjectId, ApiError> {
    let ProjectPath {
        organization,
        project,
    } = path;
    let scope = Scope::ProjectAdmin;
    let (_, Project { id, .. }) = state.project(caller, organization, project, scope).await?;
    ProjectId::new(id.cast_unsigned()).map_err(|_| ApiError::missing())
}

async fn shown(state: &ApiState, project: ProjectId) -> Result<Vec<Erasure>, ApiError> {
    let asked = state.fleet.asked_erasures(project).await?;
    let relays = state.fleet.relays().await?;
    let shown = asked.into_iter().map(|asked| {
        let receipts = asked.receipts.iter().map(|(relay, told, at)| {
            let known = relays.iter().find(|known| known.id == *relay);
            ErasureReceipt {
                relay_id: relay.to_string(),
                relay_name: known.map(|known| known.name.clone()),
                records: told.records,
                items: told.items,
                left: told.left,
                date: iso(at.as_millis()),
            }
        });
        let receipts: Vec<_> = receipts.collect();
        let AskedErasure {
            erasure,
            created_at,
            ends_at,
            here,
            ..
        } = asked;
        Erasure {
            id: erasure.id.to_string(),
            people: erasure.subjects.len(),
            event_ids: erasure.events.iter().map(ToString::to_string).collect(),
            date_created: iso(created_at.as_millis()),
            ends_at: iso(ends_at.as_millis()),
            hub: HubErasure {
                events: here.events,
                items: here.items,
                date_done: here.done_at.map(|at| iso(at.as_millis())),
            },
            relays_done: receipts.iter().filter(|receipt| receipt.left == 0).count(),
            receipts,
        }
    });
    Ok(shown.collect())
}
