//! Changing and deleting issues, one or many.
//!
//! What a change means for an issue is decided by [`new_status`], which is pure; the rest writes it
//! down with the activity that people see, all in one transaction.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::{Caller, FoundIssue};
use super::error::ApiError;
use super::input::{At, Input, nullable, text};
use super::issue::{IssueDetail, detail};
use super::issue_moves::{self, Merged};
use super::issues::{Assignee, CommitName, ListParams, People, StatusDetailsBody};
use super::letters::{Readers, Told};
use super::live::IssueTouched;
use super::page::Params;
use super::search::DEFAULT_QUERY;
use super::types::{IssueAt, IssuePath, OrganizationPath, ProjectPath};
use super::{ApiState, search, tombstones};
use crate::access::{self, Scope};
use crate::clock;
use crate::issue::{Ignored, InCommit, Status, StatusDetails, Unresolved};
use crate::store::issue_edit::StatusColumns;
use crate::store::issue_read::{IssueRow, IssueSort};
use crate::store::people::Organization;
use crate::store::projects::Project;
use crate::store::{Store, Write};

/// Most issues changed at once.
const UPDATE_MAX: u32 = 100;
/// What a change means that names no issues: every one. Deleting is never so careless.
const ALL: &str = "";
/// Most issues deleted at once.
const DELETE_MAX: u32 = 1000;

/// Longest hash of a commit, in bytes.
pub(super) const SHA_BYTES_MAX: usize = 128;

/// Sentry's activity types.
mod kind {
    pub(super) const RESOLVED: i64 = 1;
    pub(super) const UNRESOLVED: i64 = 2;
    pub(super) const IGNORED: i64 = 3;
    pub(super) const SET_PUBLIC: i64 = 4;
    pub(super) const SET_PRIVATE: i64 = 5;
    pub(super) const ASSIGNED: i64 = 11;
    pub(super) const UNASSIGNED: i64 = 12;
    pub(super) const RESOLVED_IN_RELEASE: i64 = 13;
    pub(super) const RESOLVED_IN_COMMIT: i64 = 16;
    pub(super) const REVIEWED: i64 = 23;
    pub(super) const PRIORITY: i64 = 26;
}

/// Changes of issues. What is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct IssueChange {
    /// `resolved`, `resolvedInNextRelease`, `unresolved`, `ignored`, `muted`.
    status: Option<String>,
    status_details: Option<StatusDetailsInput>,
    /// `archived_until_escalating`, `archived_until_condition_met`, `archived_forever`, or why an
    /// issue is open.
    substatus: Option<String>,
    /// Minutes until an archived issue comes back.
    ignore_duration: Option<i64>,
    /// The same by its old name.
    snooze_duration: Option<i64>,
    /// `user:1`, `team:1`, an e-mail address, `#team`; empty or null is nobody.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    assigned_to: Option<Option<String>>,
    /// `low`, `medium`, `high`.
    priority: Option<String>,
    has_seen: Option<bool>,
    is_bookmarked: Option<bool>,
    is_subscribed: Option<bool>,
    /// Whether whoever has the link may see the issue; the link is another each time.
    is_public: Option<bool>,
    /// `false` marks the issue as reviewed.
    inbox: Option<bool>,
    /// `1` or `true` merges the issues into the one with most events.
    #[schema(value_type = Option<Object>)]
    merge: Option<Value>,
    /// `1` or `true` discards the issues: they go, and what comes of them is dropped.
    #[schema(value_type = Option<Object>)]
    discard: Option<Value>,
}

/// How issues are resolved or archived.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StatusDetailsInput {
    /// A version, or `latest`.
    in_release: Option<String>,
    in_next_release: Option<bool>,
    /// A commit, whether or not the hub was told of it.
    in_commit: Option<CommitName>,
    /// Minutes.
    ignore_duration: Option<i64>,
    /// A time, ISO 8601.
    ignore_until: Option<String>,
    /// Further events.
    ignore_count: Option<i64>,
    /// Further users.
    ignore_user_count: Option<i64>,
    ignore_until_escalating: Option<bool>,
}

/// What was changed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_details: Option<StatusDetailsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    substatus: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Assignee>)]
    assigned_to: Option<Option<Assignee>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_seen: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_bookmarked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_subscribed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_public: Option<bool>,
    /// What the link ends with, of a change of one issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inbox: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<Merged>,
}

/// Changes issues of an organization: those of `id` (repeated), or those a search finds.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/issues/", tag = "issues",
    params(OrganizationPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated.")),
    request_body = IssueChange,
    responses((status = 200, body = Changed), (status = 204, description = "Nothing matched.")))]
pub(super) async fn update_many(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
    Input(change): Input<IssueChange>,
) -> Result<Response, ApiError> {
    let scope = Scope::EventWrite;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let projects = search::chosen_projects(&projects, &params)?;
    let rows = meant(&state, &caller, &projects, &params, ALL, UPDATE_MAX).await?;
    change_many(&state, &caller, &organization, rows, change).await
}

/// Changes issues of a project: those of `id` (repeated), or those a search finds.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/issues/", tag = "issues",
    params(ProjectPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated.")),
    request_body = IssueChange,
    responses((status = 200, body = Changed), (status = 204, description = "Nothing matched.")))]
pub(super) async fn update_many_of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
    Input(change): Input<IssueChange>,
) -> Result<Response, ApiError> {
    let scope = Scope::EventWrite;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rows = meant(&state, &caller, &[project], &params, ALL, UPDATE_MAX).await?;
    change_many(&state, &caller, &organization, rows, change).await
}

/// Changes one issue.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/issues/{issue}/", tag = "issues",
    params(IssuePath), request_body = IssueChange,
    responses((status = 200, body = IssueDetail), (status = 204, description = "Discarded.")))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
    Input(change): Input<IssueChange>,
) -> Result<Response, ApiError> {
    let slug = at.organization.as_deref();
    let discards = wants(change.discard.as_ref());
    let scope = match discards {
        true => Scope::EventAdmin,
        false => Scope::EventWrite,
    };
    let found = state.issue(&caller, slug, &at.issue, scope).await?;
    let id = found.issue.id;
    if discards {
        tombstones::discard(&state, caller.0.user.id, &[found.issue]).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let rows = [found.issue];
    apply(
        &state,
        &caller,
        &found.organization,
        &rows,
        change,
        clock::now(),
    )
    .await?;
    let issue = state
        .store
        .issue_rows(&[id])
        .await?
        .pop()
        .ok_or_else(ApiError::missing)?;
    let found = FoundIssue { issue, ..found };
    Ok(Json(detail(&state, &caller, found).await?).into_response())
}

/// Deletes issues of an organization: those of `id` (repeated), or those a search finds.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/issues/", tag = "issues",
    params(OrganizationPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated.")),
    responses((status = 204)))]
pub(super) async fn remove_many(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::EventAdmin;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let projects = search::chosen_projects(&projects, &params)?;
    let rows = meant(
        &state,
        &caller,
        &projects,
        &params,
        DEFAULT_QUERY,
        DELETE_MAX,
    )
    .await?;
    delete(&state, rows.into_iter().map(|row| row.id).collect()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes issues of a project: those of `id` (repeated), or those a search finds.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/issues/", tag = "issues",
    params(ProjectPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated.")),
    responses((status = 204)))]
pub(super) async fn remove_many_of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::EventAdmin;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rows = meant(
        &state,
        &caller,
        &[project],
        &params,
        DEFAULT_QUERY,
        DELETE_MAX,
    )
    .await?;
    delete(&state, rows.into_iter().map(|row| row.id).collect()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes one issue.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/issues/{issue}/",
    tag = "issues", params(IssuePath), responses((status = 202)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(at): At<IssueAt>,
) -> Result<StatusCode, ApiError> {
    let slug = at.organization.as_deref();
    let found = state
        .issue(&caller, slug, &at.issue, Scope::EventAdmin)
        .await?;
    delete(&state, vec![found.issue.id]).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The issues a request means: by id, by search, by `status` alone, or else by this search.
async fn meant(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    otherwise: &str,
    max: u32,
) -> Result<Vec<IssueRow>, ApiError> {
    let names: Vec<&str> = params.all("id").collect();
    if names.len() > usize::try_from(max).unwrap_or(usize::MAX) {
        return Err(ApiError::field("id", format!("at most {max} at once")));
    }
    let mut ids = Vec::new();
    if names.is_empty() {
        let text = match (params.first("query"), params.some("status")) {
            (Some(query), _) => query,
            (None, None) => otherwise,
            (None, Some("unresolved")) => "is:unresolved",
            (None, Some("resolved")) => "is:resolved",
            (None, Some("muted" | "ignored")) => "is:ignored",
            (None, Some(_)) => {
                return Err(ApiError::field("status", "unresolved, resolved or muted"));
            }
        };
        let now = clock::now();
        let filter = search::resolve_text(state, caller, projects, params, text, now).await?;
        let places = state
            .store
            .issue_places(&filter, IssueSort::LastSeen, None, max)
            .await?;
        ids.extend(places.into_iter().map(|place| place.id));
    } else {
        for name in names {
            if let Ok(id) = name.parse() {
                ids.push(id);
            } else if let Some((_, issue)) = state.issue_among(projects, name).await? {
                ids.push(issue.id);
            } else {
                return Err(ApiError::field("id", format!("{name} is no issue")));
            }
        }
    }
    let mut rows = state.store.issue_rows(&ids).await?;
    rows.retain(|row| projects.iter().any(|project| project.id == row.project_id));
    Ok(rows)
}

async fn change_many(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    rows: Vec<IssueRow>,
    change: IssueChange,
) -> Result<Response, ApiError> {
    if rows.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if wants(change.discard.as_ref()) {
        let slug = &organization.slug;
        state.organization(caller, slug, Scope::EventAdmin).await?;
        tombstones::discard(state, caller.0.user.id, &rows).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let changed = match wants(change.merge.as_ref()) {
        true => Changed {
            merge: Some(issue_moves::merge(state, caller.0.user.id, &rows).await?),
            ..Changed::default()
        },
        false => apply(state, caller, organization, &rows, change, clock::now()).await?,
    };
    Ok(Json(changed).into_response())
}

/// Whether a change asks for this: `1` or `true`.
fn wants(flag: Option<&Value>) -> bool {
    match flag {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(n)) => n.as_i64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    }
}

/// What is the same for every issue of a change.
pub(super) struct Context<'c> {
    pub(super) now: Timestamp,
    user: i64,
    change: &'c IssueChange,
    /// The stored name of the new assignee; the outer `None` leaves it.
    pub(super) assignee: Option<Option<String>>,
    priority: Option<i64>,
}

/// Does to issues what a change asks for.
pub(super) async fn apply(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    rows: &[IssueRow],
    change: IssueChange,
    now: Timestamp,
) -> Result<Changed, ApiError> {
    if wants(change.merge.as_ref()) {
        return Err(ApiError::field("merge", "name the issues in a list, by id"));
    }
    let people = People::read(state, organization.id).await?;
    let assignee = match &change.assigned_to {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) if text.trim().is_empty() => Some(None),
        Some(Some(text)) => {
            let name = people.named(text);
            Some(Some(name.ok_or_else(|| {
                ApiError::field("assignedTo", "nobody here")
            })?))
        }
    };
    let priority = match change.priority.as_deref() {
        None => None,
        Some("low") => Some(25),
        Some("medium") => Some(50),
        Some("high") => Some(75),
        Some(_) => return Err(ApiError::field("priority", "low, medium or high")),
    };
    let context = Context {
        now,
        user: caller.0.user.id,
        change: &change,
        assignee,
        priority,
    };
    let mut statuses = Vec::new();
    for row in rows {
        let release = meant_release(&state.store, row, &change).await?;
        statuses.push(new_status(context.now, row, &change, release)?);
    }
    let readers = Readers::of(state, organization, rows, &people).await?;
    let mut write = state.store.begin().await?;
    for (row, status) in rows.iter().zip(&statuses) {
        write_one(&mut write, row, status.as_ref(), &context).await?;
        follow(&mut write, row, status.is_some(), &context, &readers).await?;
        if let Some(about) = readers.about(state, organization, row) {
            let told = Told {
                by: &caller.0.user,
                status: status.as_ref().map(|(status, _)| *status),
            };
            readers
                .tell(state, &mut write, &about, row, &told, &context)
                .await?;
        }
    }
    write.commit().await?;
    for row in rows {
        // Nobody listening is no fault.
        let _ = state.0.touched.send(IssueTouched {
            project: row.project_id,
            issue: row.id,
        });
    }
    let status = statuses.into_iter().flatten().next();
    let share_id = match (rows, change.is_public) {
        ([row], Some(true)) => state.store.shares(&[row.id]).await?.pop(),
        _ => None,
    };
    let share_id = share_id.map(|(_, share_id)| share_id);
    Ok(Changed {
        status: status.as_ref().map(|(status, _)| status.name()),
        substatus: status
            .as_ref()
            .and_then(|(status, _)| status.substatus_name()),
        status_details: status.map(|(_, details)| details.into()),
        assigned_to: context
            .assignee
            .map(|name| name.and_then(|name| people.find(&name))),
        priority: change.priority.clone(),
        has_seen: change.has_seen,
        is_bookmarked: change.is_bookmarked,
        is_subscribed: change.is_subscribed,
        is_public: change.is_public,
        share_id,
        inbox: change.inbox,
        merge: None,
    })
}

/// The release that a change means without its name: the one an issue's project is at, or the
/// first that contains a commit.
async fn meant_release(
    store: &Store,
    row: &IssueRow,
    change: &IssueChange,
) -> Result<Option<String>, ApiError> {
    let details = change.status_details.as_ref();
    if let Some(named) = details.and_then(|details| details.in_commit.as_ref()) {
        let repository = named.repository.as_deref();
        let found = store.release_of_commit(row.project_id, named.commit.trim(), repository);
        return Ok(found.await?);
    }
    let asks = change.status.as_deref() == Some("resolvedInNextRelease")
        || details.is_some_and(|details| {
            details.in_next_release == Some(true) || details.in_release.as_deref() == Some("latest")
        });
    if !asks {
        return Ok(None);
    }
    let releases = store.releases_of(&[row.project_id]).await?;
    let latest = search::latest_releases(&releases);
    Ok(latest.first().map(|version| (*version).to_owned()))
}

/// What an issue becomes; `None` leaves its status.
fn new_status(
    now: Timestamp,
    row: &IssueRow,
    change: &IssueChange,
    release: Option<String>,
) -> Result<Option<(Status, StatusDetails)>, ApiError> {
    let Some(status) = change.status.as_deref() else {
        return Ok(None);
    };
    let input = change.status_details.clone().unwrap_or_default();
    let mut details = StatusDetails::default();
    let status = match status {
        "resolved" | "resolvedInNextRelease" => {
            resolution(status, input, release, &mut details)?;
            Status::Resolved
        }
        "unresolved" => Status::Unresolved(match change.substatus.as_deref() {
            Some("new") => Unresolved::New,
            Some("escalating") => Unresolved::Escalating,
            Some("regressed") => Unresolved::Regressed,
            _ => Unresolved::Ongoing,
        }),
        "ignored" | "muted" | "archived" => {
            Status::Ignored(archived(now, row, change, &input, &mut details)?)
        }
        _ => {
            return Err(ApiError::field(
                "status",
                "resolved, resolvedInNextRelease, unresolved or ignored",
            ));
        }
    };
    Ok(Some((status, details)))
}

fn resolution(
    status: &str,
    input: StatusDetailsInput,
    release: Option<String>,
    details: &mut StatusDetails,
) -> Result<(), ApiError> {
    if status == "resolvedInNextRelease" || input.in_next_release == Some(true) {
        details.in_next_release = true;
        details.current_release = release;
    } else if let Some(named) = input.in_commit {
        details.in_commit = Some(InCommit {
            commit: text("statusDetails", &named.commit, SHA_BYTES_MAX)?,
            repository: named.repository.filter(|name| !name.is_empty()),
        });
        details.in_release = release;
    } else if let Some(version) = input.in_release {
        let version = if version == "latest" {
            release
        } else {
            Some(version)
        };
        details.in_release = Some(
            version
                .ok_or_else(|| ApiError::field("statusDetails", "the project has no release"))?,
        );
    }
    Ok(())
}

fn archived(
    now: Timestamp,
    row: &IssueRow,
    change: &IssueChange,
    input: &StatusDetailsInput,
    details: &mut StatusDetails,
) -> Result<Ignored, ApiError> {
    let minutes = input
        .ignore_duration
        .or(change.ignore_duration)
        .or(change.snooze_duration);
    if let Some(minutes) = minutes.filter(|minutes| *minutes > 0) {
        let until = now.plus_millis(minutes.saturating_mul(60_000));
        details.ignore_until = Some(until.as_millis());
    }
    if let Some(text) = &input.ignore_until {
        let until = Timestamp::parse(text);
        let until = until.map_err(|error| ApiError::field("statusDetails", error.to_string()))?;
        details.ignore_until = Some(until.as_millis());
    }
    details.ignore_count = input.ignore_count.filter(|count| *count > 0);
    details.ignore_user_count = input.ignore_user_count.filter(|count| *count > 0);
    if details.ignore_count.is_some() {
        details.base_times_seen = Some(row.times_seen);
    }
    if details.ignore_user_count.is_some() {
        details.base_users_seen = Some(row.users_seen);
    }
    let has_condition = details.ignore_until.is_some()
        || details.ignore_count.is_some()
        || details.ignore_user_count.is_some();
    Ok(match change.substatus.as_deref() {
        _ if has_condition => Ignored::UntilConditionMet,
        Some("archived_until_condition_met") => {
            return Err(ApiError::field("statusDetails", "needs the condition"));
        }
        Some("archived_until_escalating" | "until_escalating") => until_escalating(now, details),
        _ if input.ignore_until_escalating == Some(true) => until_escalating(now, details),
        _ => Ignored::Forever,
    })
}

const fn until_escalating(now: Timestamp, details: &mut StatusDetails) -> Ignored {
    details.base_hour = Some(now.hour());
    Ignored::UntilEscalating
}

async fn write_one(
    write: &mut Write,
    row: &IssueRow,
    status: Option<&(Status, StatusDetails)>,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let (id, user, now) = (row.id, context.user, context.now.as_millis());
    if let Some((status, details)) = status {
        let (code, substatus) = status.codes();
        let columns = StatusColumns {
            status: code,
            substatus,
            details: details.to_json(),
            resolved_at: (*status == Status::Resolved).then_some(now),
        };
        write.set_issue_status(id, &columns).await?;
        let kind = match status {
            Status::Resolved if details.in_commit.is_some() => kind::RESOLVED_IN_COMMIT,
            Status::Resolved if details.in_release.is_some() || details.in_next_release => {
                kind::RESOLVED_IN_RELEASE
            }
            Status::Resolved => kind::RESOLVED,
            Status::Unresolved(_) => kind::UNRESOLVED,
            Status::Ignored(_) => kind::IGNORED,
        };
        let mut data = serde_json::to_value(StatusDetailsBody::from(details.clone()))
            .map_err(ApiError::internal)?;
        if kind == kind::RESOLVED_IN_RELEASE
            && let Some(version) = details.in_release.as_ref()
        {
            data = json!({ "version": version });
        }
        if kind == kind::RESOLVED_IN_COMMIT
            && let Some(named) = details.in_commit.as_ref()
        {
            data = json!({
                "commit": named.commit,
                "repository": named.repository,
                "version": details.in_release,
            });
        }
        write
            .add_person_activity(id, kind, user, &data.to_string(), now)
            .await?;
    }
    if let Some(assignee) = &context.assignee
        && *assignee != row.assignee
    {
        write.set_issue_assignee(id, assignee.as_deref()).await?;
        let (kind, data) = match assignee {
            Some(name) => (kind::ASSIGNED, json!({ "assignee": name })),
            None => (kind::UNASSIGNED, json!({})),
        };
        write
            .add_person_activity(id, kind, user, &data.to_string(), now)
            .await?;
    }
    if let Some(priority) = context
        .priority
        .filter(|priority| *priority != row.priority)
    {
        write.set_issue_priority(id, priority, now).await?;
        let data = json!({ "priority": context.change.priority }).to_string();
        write
            .add_person_activity(id, kind::PRIORITY, user, &data, now)
            .await?;
    }
    if let Some(is_public) = context.change.is_public {
        share(write, id, is_public, context).await?;
    }
    if context.change.inbox == Some(false) {
        write
            .add_person_activity(id, kind::REVIEWED, user, "{}", now)
            .await?;
    }
    if let Some(has_seen) = context.change.has_seen {
        write
            .set_issue_seen(id, user, has_seen.then_some(now))
            .await?;
    }
    if let Some(is_bookmarked) = context.change.is_bookmarked {
        write.set_issue_bookmark(id, user, is_bookmarked).await?;
    }
    if let Some(is_subscribed) = context.change.is_subscribed {
        write
            .set_issue_subscription(id, user, is_subscribed)
            .await?;
    }
    Ok(())
}

/// Shares an issue with whoever has the link, or takes the link back.
async fn share(
    write: &mut Write,
    issue: i64,
    is_public: bool,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let (user, now) = (context.user, context.now.as_millis());
    let (is_new, kind) = if is_public {
        let share_id = access::random_name()?;
        let is_new = write.share_issue(issue, &share_id, user, now).await?;
        (is_new, kind::SET_PUBLIC)
    } else {
        (write.unshare_issue(issue).await?, kind::SET_PRIVATE)
    };
    if is_new {
        write
            .add_person_activity(issue, kind, user, "{}", now)
            .await?;
    }
    Ok(())
}

/// Has those told from now on who did something, or were given something to do.
async fn follow(
    write: &mut Write,
    row: &IssueRow,
    has_status: bool,
    context: &Context<'_>,
    readers: &Readers<'_>,
) -> Result<(), ApiError> {
    if has_status {
        write
            .subscribe(row.id, context.user, "changed_status")
            .await?;
    }
    if context.change.is_bookmarked == Some(true) {
        write.subscribe(row.id, context.user, "bookmarked").await?;
    }
    if let Some(Some(name)) = &context.assignee {
        for user in readers.of_name(name) {
            write.subscribe(row.id, user, "assigned").await?;
        }
    }
    Ok(())
}

/// Hides issues at once, tells who must know, and deletes their rows in the background.
async fn delete(state: &ApiState, ids: Vec<i64>) -> Result<(), ApiError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut write = state.store.begin().await?;
    write.hide_issues(&ids).await?;
    write.commit().await?;
    state.index.remove_issues(ids.clone()).await?;
    delete_in_background(state, ids);
    Ok(())
}

/// Deletes the rows of hidden issues, a portion at a time. What is left when the hub stops is
/// found again by [`ApiState::resume_deletions`].
pub(super) fn delete_in_background(state: &ApiState, ids: Vec<i64>) {
    let store = state.store.clone();
    let cancel = state.cancel.clone();
    state.tracker.spawn(async move {
        for id in ids {
            loop {
                if cancel.is_cancelled() {
                    return;
                }
                match store.delete_issue_portion(id).await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, issue.id = id, "issue is not deleted yet");
                        return;
                    }
                }
            }
        }
    });
}

/// Deletes a project: its keys stop at once, its issues go, then the project itself.
pub(super) async fn delete_project(state: &ApiState, project: i64) -> Result<(), ApiError> {
    let mut write = state.store.begin().await?;
    let ids = write.hide_issues_of(project).await?;
    for key in state.store.project_keys(project).await? {
        write.remove_project_key(&key.public_key).await?;
    }
    write.commit().await?;
    state.index.remove_issues(ids.clone()).await?;
    state.fleet.refresh().await?;
    let store = state.store.clone();
    // A task of its own, so that it goes on when the caller does not wait.
    let deletion = state.tracker.spawn(async move {
        for id in ids {
            while !store.delete_issue_portion(id).await? {}
        }
        let mut write = store.begin().await?;
        write.remove_project(project).await?;
        write.commit().await
    });
    Ok(deletion.await.map_err(ApiError::internal)??)
}
