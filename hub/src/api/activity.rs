//! What was done to an issue, and notes about it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::assignees::People;
use super::caller::{Caller, FoundIssue};
use super::error::ApiError;
use super::input::{At, Input};
use super::letters::{self, About, Deed};
use super::types::{IssueAt, IssuePath, UserRef, iso, stored_object};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::store::people::Member;

/// Longest note, in bytes.
const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Most people and teams that one note mentions.
const MENTIONS_MAX: usize = 50;
/// The activity type of notes.
const NOTE: i64 = 8;

/// Something that was done to an issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activity {
    id: String,
    /// `set_resolved`, `note`, …
    #[serde(rename = "type")]
    kind: &'static str,
    /// Null is the hub itself.
    user: Option<UserRef>,
    #[schema(value_type = Object)]
    data: serde_json::Map<String, serde_json::Value>,
    date_created: String,
}

/// What was done to an issue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Activities {
    activity: Vec<Activity>,
}

/// A note to be written.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewNote {
    /// `@name` and `#team` have those told of it.
    text: String,
    /// Others who are told: `user:1`, `team:1`.
    #[serde(default)]
    mentions: Vec<String>,
}

/// The API's word for a stored activity type.
fn kind_name(kind: i64) -> &'static str {
    match kind {
        1 => "set_resolved",
        2 => "set_unresolved",
        3 => "set_ignored",
        4 => "set_public",
        5 => "set_private",
        6 => "set_regression",
        8 => "note",
        9 => "first_seen",
        10 => "release",
        11 => "assigned",
        12 => "unassigned",
        13 => "set_resolved_in_release",
        14 => "merge",
        15 => "set_resolved_by_age",
        16 => "set_resolved_in_commit",
        19 => "unmerge_source",
        20 => "unmerge_destination",
        23 => "mark_reviewed",
        24 => "auto_set_ongoing",
        25 => "set_escalating",
        26 => "set_priority",
        _ => "other",
    }
}

/// The latest things done to an issue, the latest first.
pub(super) async fn read(
    state: &ApiState,
    issue: i64,
    members: &[Member],
) -> Result<Vec<Activity>, ApiError> {
    let rows = state.store.activities(issue).await?;
    let user = |id: i64| {
        let member = members.iter().find(|member| member.user.id == id);
        member.map(|member| UserRef::from(&member.user))
    };
    Ok(rows
        .into_iter()
        .map(|row| Activity {
            id: row.id.to_string(),
            kind: kind_name(row.kind),
            user: row.user_id.and_then(user),
            data: stored_object(&row.data),
            date_created: iso(row.created_at),
        })
        .collect())
}

async fn of_issue(
    state: &ApiState,
    caller: &Caller,
    at: &IssueAt,
) -> Result<Vec<Activity>, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(caller, slug, &at.issue, Scope::EventRead)
        .await?;
    let members = state.store.members(found.organization.id).await?;
    read(state, found.issue.id, &members).await
}

/// What was done to an issue.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/activities/",
    tag = "issues", params(IssuePath), responses((status = 200, body = Activities)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
) -> Result<Json<Activities>, ApiError> {
    let activity = of_issue(&state, &caller, &at).await?;
    Ok(Json(Activities { activity }))
}

/// The notes about an issue.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/notes/",
    tag = "issues", params(IssuePath), responses((status = 200, body = [Activity])))]
pub(super) async fn notes(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
) -> Result<Json<Vec<Activity>>, ApiError> {
    let mut notes = of_issue(&state, &caller, &at).await?;
    notes.retain(|activity| activity.kind == kind_name(NOTE));
    Ok(Json(notes))
}

/// Writes a note about an issue.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/issues/{issue}/notes/",
    tag = "issues", params(IssuePath), request_body = NewNote,
    responses((status = 201, body = Activity)))]
pub(super) async fn add_note(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
    Input(note): Input<NewNote>,
) -> Result<Response, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(&caller, slug, &at.issue, Scope::EventWrite)
        .await?;
    let text = note.text.trim();
    if text.is_empty() || text.len() > NOTE_BYTES_MAX {
        return Err(ApiError::field(
            "text",
            format!("1 to {NOTE_BYTES_MAX} bytes"),
        ));
    }
    if note.mentions.len() > MENTIONS_MAX {
        return Err(ApiError::field(
            "mentions",
            format!("at most {MENTIONS_MAX}"),
        ));
    }
    let data = serde_json::json!({ "text": text }).to_string();
    let now = clock::now().as_millis();
    let user = caller.0.user.id;
    let people = People::read(&state, found.organization.id).await?;
    let readers = readers(&state, &found, &people, text, &note.mentions).await?;
    audit::detail("text", text);
    let mut write = state.store.begin().await?;
    let id = write
        .add_person_activity(found.issue.id, NOTE, user, &data, now)
        .await?;
    write.subscribe(found.issue.id, user, "commented").await?;
    for (reader, reason) in &readers.mentioned {
        write.subscribe(found.issue.id, *reader, reason).await?;
    }
    let about = About::new(&state, &found.organization, &found.project, &found.issue);
    let deed = Deed {
        kind: "note",
        by: &caller.0.user,
        what: "wrote a note",
        text,
    };
    letters::tell(&state, &mut write, &about, deed, &people, &readers.all, now).await?;
    write.commit().await?;
    let activity = Activity {
        id: id.to_string(),
        kind: kind_name(NOTE),
        user: Some(UserRef::from(&caller.0.user)),
        data: stored_object(&data),
        date_created: iso(now),
    };
    Ok((StatusCode::CREATED, Json(activity)).into_response())
}

/// Who is told of a note.
struct Readers {
    /// Everyone.
    all: BTreeSet<i64>,
    /// Those it mentions, each with the reason.
    mentioned: BTreeMap<i64, &'static str>,
}

async fn readers(
    state: &ApiState,
    found: &FoundIssue,
    people: &People,
    text: &str,
    named: &[String],
) -> Result<Readers, ApiError> {
    let mut names: BTreeSet<String> = letters::mentions(text)
        .into_iter()
        .take(MENTIONS_MAX)
        .filter_map(|word| people.mentioned(word))
        .collect();
    for name in named {
        let name = people.named(name);
        names.insert(name.ok_or_else(|| ApiError::field("mentions", "nobody here"))?);
    }
    let members = state.store.team_members(found.organization.id).await?;
    let mut mentioned = BTreeMap::new();
    for name in &names {
        match name.split_once(':') {
            Some(("user", id)) => {
                let id = id.parse().ok();
                mentioned.extend(id.map(|id| (id, "mentioned")));
            }
            Some((_, id)) => {
                let in_team = members
                    .iter()
                    .filter(|member| member.team_id.to_string() == id);
                for member in in_team {
                    mentioned.entry(member.user_id).or_insert("team_mentioned");
                }
            }
            None => {}
        }
    }
    let told = state.store.subscribers(&[found.issue.id]).await?;
    let mut all: BTreeSet<i64> = told.into_iter().map(|(_, user)| user).collect();
    all.extend(mentioned.keys());
    Ok(Readers { all, mentioned })
}
