//! Issues that were discarded, so that what comes of them is dropped.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::ISSUE_DISCARD;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::issue_shape::IssueMetadata;
use super::page::{Page, Params};
use super::types::{ProjectPath, UserRef, iso, stored_object};
use super::{ApiState, issue_edit};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::store::issue_read::IssueRow;
use crate::store::tombstones::TOMBSTONES_MAX;

/// What is left of an issue that was discarded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tombstone {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    culprit: String,
    level: String,
    #[schema(value_type = IssueMetadata)]
    metadata: serde_json::Map<String, serde_json::Value>,
    /// Who discarded it.
    actor: Option<UserRef>,
    date_added: String,
}

/// The path of a tombstone.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TombstonePath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    tombstone: i64,
}

/// The discarded issues of a project, the latest first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/tombstones/",
    tag = "issues", params(ProjectPath), responses((status = 200, body = [Tombstone])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let members = state.store.members(organization.id).await?;
    let actor = |id: i64| {
        let member = members.iter().find(|member| member.user.id == id);
        member.map(|member| UserRef::from(&member.user))
    };
    let rows = state.store.tombstones(project.id).await?;
    let shown = rows.into_iter().map(|row| Tombstone {
        id: row.id.to_string(),
        kind: row.kind,
        title: row.title,
        culprit: row.culprit,
        level: row.level,
        metadata: stored_object(&row.metadata),
        actor: row.user_id.and_then(actor),
        date_added: iso(row.created_at),
    });
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// Removes a tombstone: the next event of its kind makes an issue again.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/tombstones/{tombstone}/",
    tag = "issues", params(TombstonePath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TombstonePath>,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::EventAdmin;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    audit::target("tombstone", path.tombstone, "");
    let mut write = state.store.begin().await?;
    if !write.remove_tombstone(project.id, path.tombstone).await? {
        return Err(ApiError::missing());
    }
    write.commit().await?;
    state.digest.rules_changed(project.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses to discard issues that a project has no room for.
pub(super) async fn check_room(state: &ApiState, rows: &[IssueRow]) -> Result<(), ApiError> {
    let projects: BTreeSet<i64> = rows.iter().map(|row| row.project_id).collect();
    for project in &projects {
        let there = i64::try_from(state.store.tombstones(*project).await?.len());
        let more = rows.iter().filter(|row| row.project_id == *project).count();
        let sum = there
            .unwrap_or(i64::MAX)
            .saturating_add_unsigned(more as u64);
        if sum > TOMBSTONES_MAX {
            return Err(ApiError::conflict(format!(
                "A project has at most {TOMBSTONES_MAX} discarded issues: take some back first."
            )));
        }
    }
    Ok(())
}

/// Discards issues that there is room for: they go, their hashes stay, and what comes of them is
/// dropped and counted.
pub(super) async fn discard(
    state: &ApiState,
    user: i64,
    rows: &[IssueRow],
) -> Result<(), ApiError> {
    check_room(state, rows).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let now = clock::now().as_millis();
    audit::action(ISSUE_DISCARD);
    let mut write = state.store.begin().await?;
    for id in &ids {
        write.discard_issue(*id, Some(user), now).await?;
    }
    write.hide_issues(&ids).await?;
    write.commit().await?;
    let projects: BTreeSet<i64> = rows.iter().map(|row| row.project_id).collect();
    for project in projects {
        state.digest.rules_changed(project).await?;
    }
    state.index.remove_issues(ids.clone()).await?;
    issue_edit::delete_in_background(state, ids);
    Ok(())
}
