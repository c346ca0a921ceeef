//! What was done to an issue, and notes about it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::assignees::People;
use super::caller::{Caller, FoundIssue, ReadIssue, WriteIssue};
use super::error::ApiError;
use super::input::{At, Input};
use super::letters::{self, About, Deed};
use super::page::{PAGE_ROWS_MAX, Page, Params};
use super::types::{IssuePath, UserRef, iso, stored_object};
use crate::audit;
use crate::clock;
use crate::store::issue_read::Activity as Row;
use crate::store::place::Place;

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
    data: serde_json::Map<String, Value>,
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

/// Which page of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct PageParams {
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100.
    limit: Option<u32>,
}

/// The path of a note, as it is documented.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; the short form has no organization"
)]
pub(super) struct NotePath {
    /// Slug or id.
    organization: String,
    /// Id, or short id as in SHOP-2K.
    issue: String,
    /// Id.
    note: i64,
}

/// The path of a note, as it is read beside its issue.
#[derive(Debug, Deserialize)]
pub(super) struct NoteAt {
    note: i64,
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

impl Activity {
    fn new(row: &Row, people: &People) -> Self {
        let mut data = stored_object(&row.data);
        let assignee = data.get("assignee").and_then(Value::as_str);
        if let Some(assignee) = assignee.and_then(|name| people.find(name)) {
            data.extend(assignee.as_activity());
        }
        Self {
            id: row.id.to_string(),
            kind: kind_name(row.kind),
            user: row.user_id.and_then(|id| people.user(id)),
            data,
            date_created: iso(row.created_at),
        }
    }
}

/// The latest things done to an issue, the latest first.
pub(super) async fn read(
    state: &ApiState,
    issue: i64,
    people: &People,
) -> Result<Vec<Activity>, ApiError> {
    let rows = state.store.activities(issue, None, None, PAGE_ROWS_MAX);
    let rows = rows.await?.into_iter();
    Ok(rows.map(|row| Activity::new(&row, people)).collect())
}

async fn page(
    state: &ApiState,
    found: &FoundIssue,
    params: &Params,
    kind: Option<i64>,
) -> Result<Page<Activity>, ApiError> {
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let issue = found.issue.id;
    let rows = state.store.activities(issue, kind, from, limit + 1).await?;
    let page = Page::cut(rows, limit, cursor, |row| Place {
        value: row.created_at,
        id: row.id,
    });
    let people = People::read(state, found.organization.id).await?;
    Ok(page.map(|rows| {
        let rows = rows.iter();
        rows.map(|row| Activity::new(row, &people)).collect()
    }))
}

/// What was done to an issue, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/activities/",
    tag = "issues", params(IssuePath, PageParams), responses((status = 200, body = Activities)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let page = page(&state, &found, &params, None).await?;
    let (headers, activity) = page.into_parts(&params);
    Ok((headers, Json(Activities { activity })).into_response())
}

/// The notes about an issue, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/notes/",
    tag = "issues", params(IssuePath, PageParams), responses((status = 200, body = [Activity])))]
pub(super) async fn notes(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let page = page(&state, &found, &params, Some(NOTE)).await?;
    Ok(page.respond(&params))
}

/// Writes a note anew. Only who wrote it may; nobody is told again.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/issues/{issue}/notes/{note}/",
    tag = "issues", params(NotePath), request_body = NewNote,
    responses((status = 200, body = Activity)))]
pub(super) async fn edit_note(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    At(at): At<NoteAt>,
    Input(note): Input<NewNote>,
) -> Result<Json<Activity>, ApiError> {
    let text = checked(&note.text)?;
    let data = json!({ "text": text }).to_string();
    let written_at = put_note(
        &state,
        &caller,
        (found.issue.id, at.note),
        Some((text, &data)),
    )
    .await?;
    Ok(Json(Activity {
        id: at.note.to_string(),
        kind: kind_name(NOTE),
        user: Some(UserRef::from(&caller.0.user)),
        data: stored_object(&data),
        date_created: iso(written_at),
    }))
}

/// Removes a note. Only who wrote it may.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/issues/{issue}/notes/{note}/",
    tag = "issues", params(NotePath), responses((status = 204)))]
pub(super) async fn remove_note(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    At(at): At<NoteAt>,
) -> Result<StatusCode, ApiError> {
    put_note(&state, &caller, (found.issue.id, at.note), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a text and its data in the place of a note, or nothing; answers when it was written.
async fn put_note(
    state: &ApiState,
    caller: &Caller,
    (issue, note): (i64, i64),
    new: Option<(&str, &str)>,
) -> Result<i64, ApiError> {
    let mut write = state.store.begin().await?;
    let written = write.note(issue, note).await?;
    let (user, data, created_at) = written.ok_or_else(ApiError::missing)?;
    if user != Some(caller.0.user.id) {
        return Err(ApiError::forbidden("Only who wrote a note changes it."));
    }
    let before = json!({ "text": stored_object(&data).get("text") });
    audit::changed(&before, &json!({ "text": new.map(|(text, _)| text) }));
    write.put_note(note, new.map(|(_, data)| data)).await?;
    write.commit().await?;
    Ok(created_at)
}

/// The text of a note, within its limits.
fn checked(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.len() > NOTE_BYTES_MAX {
        let what = format!("1 to {NOTE_BYTES_MAX} bytes");
        return Err(ApiError::field("text", what));
    }
    Ok(text)
}

/// Writes a note about an issue.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/issues/{issue}/notes/",
    tag = "issues", params(IssuePath), request_body = NewNote,
    responses((status = 201, body = Activity)))]
pub(super) async fn add_note(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    Input(note): Input<NewNote>,
) -> Result<Response, ApiError> {
    let text = checked(&note.text)?;
    if note.mentions.len() > MENTIONS_MAX {
        return Err(ApiError::field(
            "mentions",
            format!("at most {MENTIONS_MAX}"),
        ));
    }
    let data = json!({ "text": text }).to_string();
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
