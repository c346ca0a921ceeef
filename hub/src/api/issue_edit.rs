//! Changing and deleting issues, one or many.
//!
//! `status` decides what a change means for an issue, `apply` writes it down with the activity that
//! people see, all in one transaction.

mod apply;
mod change;
mod delete;
mod status;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::caller::{Caller, FoundIssue, RemoveIssue};
use super::deletions::{self, Deletion, Wish};
use super::error::ApiError;
use super::input::{At, Input};
use super::issue::{IssueDetail, detail};
use super::issues::ListParams;
use super::page::Params;
use super::search::DEFAULT_QUERY;
use super::types::{IssueAt, IssuePath, OrganizationPath, ProjectPath};
use super::{ApiState, audit, issue_moves, search, tombstones};
use crate::access::Scope;
use crate::audit as deed;
use crate::clock;
use crate::store::deletions::Becomes;
use crate::store::issue_list::IssueSort;
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;
use crate::store::projects::Project;

pub(super) use apply::{Context, apply};
pub(super) use change::IssueChange;
pub(super) use delete::{delete_in_background, delete_project, delete_rows};

use change::{Changed, wants};
use delete::delete;

/// Most issues changed at once that are named, and most that are changed in one transaction.
const UPDATE_MAX: u32 = 100;
/// Most issues merged at once: all are held in memory for a moment.
const MERGE_MAX: u32 = 10_000;
/// Most issues discarded at once that a search finds.
const DISCARD_MAX: u32 = 10_000;
/// Issues of one step.
const STEP: usize = UPDATE_MAX as usize;
/// What a change means that names no issues: every one. Deleting is never so careless.
const ALL: &str = "";
/// Most issues deleted or merged at once that are named.
const DELETE_NAMED_MAX: u32 = 1000;
/// Most issues changed or deleted at once that a search finds: their numbers are held in memory for
/// a while.
const SEARCHED_MAX: u32 = 1_000_000;

/// Longest hash of a commit, in bytes.
pub(super) const SHA_BYTES_MAX: usize = 128;

/// Changes issues of an organization: those of `id` (repeated), or those a search finds.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/issues/", tag = "issues",
    params(OrganizationPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated."),
        ("undoSeconds" = Option<u64>, Query,
            description = "How long it can be taken back that issues are merged or discarded.")),
    request_body = IssueChange,
    responses((status = 200, body = Changed), (status = 202, body = Deletion),
        (status = 204, description = "Nothing matched, or all are discarded.")))]
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
    let ids = meant(&state, &caller, &projects, &params, &change).await?;
    let undo = deletions::undo(&params)?;
    change_many(&state, &caller, &organization, ids, change, undo).await
}

/// Changes issues of a project: those of `id` (repeated), or those a search finds.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/issues/", tag = "issues",
    params(ProjectPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated."),
        ("undoSeconds" = Option<u64>, Query,
            description = "How long it can be taken back that issues are merged or discarded.")),
    request_body = IssueChange,
    responses((status = 200, body = Changed), (status = 202, body = Deletion),
        (status = 204, description = "Nothing matched, or all are discarded.")))]
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
    let ids = meant(&state, &caller, &[project], &params, &change).await?;
    let undo = deletions::undo(&params)?;
    change_many(&state, &caller, &organization, ids, change, undo).await
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
    let discards = wants(change.discard.as_ref());
    let scope = match discards {
        true => Scope::EventAdmin,
        false => Scope::EventWrite,
    };
    let found = state.issue(&caller, &at, scope).await?;
    let id = found.issue.id;
    if discards {
        tombstones::discard(&state, caller.0.user.id, &[found.issue]).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let rows = [found.issue];
    let organization = &found.organization;
    apply(&state, &caller, organization, &rows, change, clock::now).await?;
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
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated."),
        ("undoSeconds" = Option<u64>, Query, description = "How long it can be taken back.")),
    responses((status = 202, body = Deletion), (status = 204, description = "They are gone.")))]
pub(super) async fn remove_many(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventAdmin;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let projects = search::chosen_projects(&projects, &params)?;
    delete_many(&state, &caller, &organization, &projects, &params).await
}

/// Deletes issues of a project: those of `id` (repeated), or those a search finds.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/issues/", tag = "issues",
    params(ProjectPath, ListParams,
        ("id" = Option<Vec<String>>, Query, description = "Issues. May be repeated."),
        ("undoSeconds" = Option<u64>, Query, description = "How long it can be taken back.")),
    responses((status = 202, body = Deletion), (status = 204, description = "They are gone.")))]
pub(super) async fn remove_many_of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventAdmin;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let projects = [project];
    delete_many(&state, &caller, &organization, &projects, &params).await
}

/// Deletes one issue.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/issues/{issue}/",
    tag = "issues", params(IssuePath), responses((status = 202)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    RemoveIssue(found): RemoveIssue,
) -> Result<StatusCode, ApiError> {
    delete(&state, &[found.project], &[found.issue]).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Deletes what a request means. A few are gone when it is answered; of more, or where it can be
/// taken back, it is sure that they will be.
async fn delete_many(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    projects: &[Project],
    params: &Params,
) -> Result<Response, ApiError> {
    let undo = deletions::undo(params)?;
    let max = (DELETE_NAMED_MAX, SEARCHED_MAX);
    let issues = meant_ids(state, caller, projects, params, DEFAULT_QUERY, max, false).await?;
    let first = issues.get(..STEP).unwrap_or(&issues);
    let first = rows_among(state, projects, first).await?;
    if issues.len() <= STEP && undo.is_zero() {
        delete(state, projects, &first).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if first.is_empty() {
        deed::nothing();
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    audit::many_issues(projects, &first, issues.len());
    let wish = Wish {
        issues,
        becomes: Becomes::Deleted,
        undo,
    };
    deletions::ask(state, caller, organization, wish).await
}

/// The issues that a request is to change.
async fn meant(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    change: &IssueChange,
) -> Result<Vec<i64>, ApiError> {
    let merges = wants(change.merge.as_ref());
    let named_max = if merges { DELETE_NAMED_MAX } else { UPDATE_MAX };
    let max = (named_max, SEARCHED_MAX);
    meant_ids(state, caller, projects, params, ALL, max, merges).await
}

/// The issues a request means: by id, by search, by `status` alone, or else by this search. At most
/// so many that are named, and so many that are found. Those of other projects are left out. One
/// that was merged is named by what it became, if merges are followed.
async fn meant_ids(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    otherwise: &str,
    (named_max, found_max): (u32, u32),
    follows: bool,
) -> Result<Vec<i64>, ApiError> {
    let names: Vec<&str> = params.all("id").collect();
    if names.len() > usize::try_from(named_max).unwrap_or(usize::MAX) {
        return Err(ApiError::field(
            "id",
            format!("at most {named_max} at once"),
        ));
    }
    let mut ids = Vec::new();
    for name in &names {
        if let Ok(id) = name.parse() {
            ids.push(id);
        } else if let Some((_, issue)) = state.issue_among(projects, name).await? {
            ids.push(issue.id);
        } else {
            return Err(ApiError::field("id", format!("{name} is no issue")));
        }
    }
    if !names.is_empty() {
        let mut rows = rows_among(state, projects, &ids).await?;
        if follows {
            rows.extend(merged_meanwhile(state, projects, &ids, &rows).await?);
        }
        return Ok(rows.into_iter().map(|row| row.id).collect());
    }
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
    let found = search::resolve_text(state, caller, projects, params, text, now).await?;
    let places = state
        .store
        .issue_places(&found.filter, IssueSort::LastSeen, None, found_max)
        .await?;
    Ok(places.into_iter().map(|place| place.id).collect())
}

/// Those of these issues that are of these projects.
async fn rows_among(
    state: &ApiState,
    projects: &[Project],
    ids: &[i64],
) -> Result<Vec<IssueRow>, ApiError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(STEP) {
        rows.extend(state.store.issue_rows(ids).await?);
    }
    rows.retain(|row| projects.iter().any(|project| project.id == row.project_id));
    Ok(rows)
}

/// What issues were merged into that are not there any more: who merges them now means that.
async fn merged_meanwhile(
    state: &ApiState,
    projects: &[Project],
    ids: &[i64],
    there: &[IssueRow],
) -> Result<Vec<IssueRow>, ApiError> {
    let mut rows = Vec::new();
    for id in ids {
        if there.iter().all(|row| row.id != *id) {
            rows.extend(state.store.issue_merged_into(*id).await?);
        }
    }
    rows.retain(|row| projects.iter().any(|project| project.id == row.project_id));
    Ok(rows)
}

async fn change_many(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    ids: Vec<i64>,
    change: IssueChange,
    undo: Duration,
) -> Result<Response, ApiError> {
    let projects = state.store.projects(organization.id).await?;
    let (first, others) = ids.split_at(ids.len().min(STEP));
    let rows = rows_among(state, &projects, first).await?;
    if rows.is_empty() {
        deed::nothing();
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let discards = wants(change.discard.as_ref());
    if discards {
        let slug = &organization.slug;
        state.organization(caller, slug, Scope::EventAdmin).await?;
    }
    match (rows.as_slice(), others) {
        ([row], []) => audit::issues(&projects, std::slice::from_ref(row)),
        _ => audit::many_issues(&projects, &rows, rows.len() + others.len()),
    }
    if discards {
        if ids.len() > DISCARD_MAX as usize {
            let what = format!("At most {DISCARD_MAX} issues are discarded at once.");
            return Err(ApiError::conflict(what));
        }
        let rows = rows_among(state, &projects, &ids).await?;
        return discard_many(state, caller, organization, &rows, undo).await;
    }
    if wants(change.merge.as_ref()) {
        if ids.len() > MERGE_MAX as usize {
            let what = format!(
                "at most {MERGE_MAX} issues are merged at once, and {} match: narrow the search",
                ids.len()
            );
            return Err(ApiError::field("merge", what));
        }
        if let ([row], [_, _, ..]) = (rows.as_slice(), first) {
            deed::nothing();
            let merge = Some(issue_moves::already_one(row));
            let changed = Changed {
                merge,
                ..Changed::default()
            };
            return Ok(Json(changed).into_response());
        }
        if !others.is_empty() || !undo.is_zero() {
            let rows = rows_among(state, &projects, &ids).await?;
            return issue_moves::merge_later(state, caller, organization, &rows, undo).await;
        }
        let changed = Changed {
            merge: Some(issue_moves::merge(state, caller.0.user.id, &rows).await?),
            ..Changed::default()
        };
        return Ok(Json(changed).into_response());
    }
    let kind = change.clone();
    let changed = apply(state, caller, organization, &rows, kind, clock::now).await?;
    if !others.is_empty() {
        let steps = Steps {
            state: state.clone(),
            caller: caller.clone(),
            organization: organization.clone(),
            projects,
            ids: others.to_vec(),
            change,
        };
        // A task of its own: it goes on when the caller does not wait, and the deed has its entry.
        let done = state.tracker.spawn(steps.take());
        done.await.map_err(ApiError::internal)??;
    }
    Ok(Json(changed).into_response())
}

/// What is left to be changed of many issues.
struct Steps {
    state: ApiState,
    caller: Caller,
    organization: Organization,
    projects: Vec<Project>,
    ids: Vec<i64>,
    change: IssueChange,
}

impl Steps {
    /// Others get their turn to write between the steps.
    async fn take(self) -> Result<(), ApiError> {
        let Self {
            state,
            organization,
            ..
        } = &self;
        for (n, ids) in self.ids.chunks(STEP).enumerate() {
            if state.cancel.is_cancelled() {
                let (done, all) = ((n + 1) * STEP, self.ids.len() + STEP);
                let what = format!("The hub ends: {done} of {all} issues are changed. Ask again.");
                return Err(ApiError::unavailable(what));
            }
            let rows = rows_among(state, &self.projects, ids).await?;
            let change = self.change.clone();
            apply(state, &self.caller, organization, &rows, change, clock::now).await?;
        }
        Ok(())
    }
}

/// Discards issues, as they are deleted.
async fn discard_many(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    rows: &[IssueRow],
    undo: Duration,
) -> Result<Response, ApiError> {
    if rows.len() <= STEP && undo.is_zero() {
        tombstones::discard(state, caller.0.user.id, rows).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    tombstones::check_room(state, rows).await?;
    deed::action(audit::ISSUE_DISCARD);
    let wish = Wish {
        issues: rows.iter().map(|row| row.id).collect(),
        becomes: Becomes::Discarded,
        undo,
    };
    deletions::ask(state, caller, organization, wish).await
}
