//! Deletions of many issues: asked for, taken back, and carried out a portion at a time. Merges of
//! many, and those that can be taken back, go the same way.
//!
//! What is asked for is gathered whole before any of it goes, so that it is done or not begun,
//! whenever the hub ends. From then on no list shows the issues; until it is due they can be had
//! back.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::ISSUE_TAKE_BACK_MERGE;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::issue_moves::{self, Merging};
use super::page::Params;
use super::types::{OrganizationPath, UserRef, iso};
use super::{ApiState, issue_edit};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::store::StoreError;
use crate::store::deletions::{self, Becomes, Leaving, PORTION};
use crate::store::people::{Member, Organization};

/// Longest time to take a deletion back, in seconds.
const UNDO_SECS_MAX: u64 = 60;
/// Issues of one step.
const STEP: u32 = 100;
/// How long a step that failed waits until it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A deletion of many issues that is not done, or a merge.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deletion {
    id: String,
    /// `waiting` while it can be taken back, then `going`.
    status: &'static str,
    /// Whether what comes of the issues is dropped from then on.
    discards: bool,
    /// The issue that they are merged into; null where they are deleted.
    into: Option<String>,
    /// How many issues it is for.
    issues: i64,
    /// How many of them are gone.
    done: i64,
    /// Who asked for it.
    requested_by: Option<UserRef>,
    date_created: String,
    /// Until then it can be taken back.
    date_due: String,
}

/// The path of a deletion.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct DeletionPath {
    /// Slug or id.
    organization: String,
    deletion: i64,
}

/// What is to be deleted.
pub(super) struct Wish {
    /// The issues.
    pub(super) issues: Vec<i64>,
    /// What becomes of them.
    pub(super) becomes: Becomes,
    /// How long it can be taken back.
    pub(super) undo: Duration,
}

/// The deletions and merges of many issues that are not done, the oldest first.
#[utoipa::path(get, path = "/api/0/vedette/organizations/{organization}/deletions/",
    tag = "issues", params(OrganizationPath), responses((status = 200, body = [Deletion])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<Vec<Deletion>>, ApiError> {
    let scope = Scope::EventRead;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let members = state.store.members(organization.id).await?;
    let rows = state.store.deletions(Some(organization.id)).await?;
    Ok(Json(
        rows.iter().map(|row| Deletion::of(row, &members)).collect(),
    ))
}

/// Takes a deletion or a merge back that is not due: its issues are there again.
#[utoipa::path(delete,
    path = "/api/0/vedette/organizations/{organization}/deletions/{deletion}/",
    tag = "issues", params(DeletionPath),
    responses((status = 204), (status = 409, description = "The issues are going already.")))]
pub(super) async fn take_back(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<DeletionPath>,
) -> Result<StatusCode, ApiError> {
    // What they were asked with.
    let scope = Scope::EventWrite;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let rows = state.store.deletions(Some(organization.id)).await?;
    let row = rows.iter().find(|row| row.id == path.deletion);
    let row = row.ok_or_else(ApiError::missing)?;
    audit::target("deletion", row.id, &format!("{} issues", row.issues));
    match row.into {
        Some(_) => audit::action(ISSUE_TAKE_BACK_MERGE),
        None => {
            let scope = Scope::EventAdmin;
            let slug = &path.organization;
            state.organization(&caller, slug, scope).await?;
        }
    }
    let mut write = state.store.begin().await?;
    if !write.take_deletion_back(organization.id, row.id).await? {
        return Err(ApiError::conflict("The issues are going already."));
    }
    write.commit().await?;
    // In the end the caller sees all of them; if they go, it ends all the same.
    give_back(&state, row.id)
        .await
        .map_err(ApiError::internal)??;
    Ok(StatusCode::NO_CONTENT)
}

/// How long a request wants to be able to take back what it asks for.
pub(super) fn undo(params: &Params) -> Result<Duration, ApiError> {
    match params.some("undoSeconds").map(str::parse) {
        None => Ok(Duration::ZERO),
        Some(Ok(secs @ 0..=UNDO_SECS_MAX)) => Ok(Duration::from_secs(secs)),
        Some(_) => Err(ApiError::field(
            "undoSeconds",
            format!("a number from 0 to {UNDO_SECS_MAX}"),
        )),
    }
}

/// Asks for a deletion: answered once it is sure to be done, with what it is called.
pub(super) async fn ask(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    wish: Wish,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let (id, user) = (organization.id, caller.0.user.id);
    let gathering = gather(state.clone(), id, user, wish.becomes, wish.issues, now);
    // A task of its own, since the entry of the deed belongs to what begins the deletion.
    let gathered = state.tracker.spawn(gathering).await;
    let mut gathered = gathered.map_err(ApiError::internal)??;
    let due_at = now.plus_millis(i64::try_from(wish.undo.as_millis()).unwrap_or(i64::MAX));
    let mut write = state.store.begin().await?;
    write
        .begin_deletion(gathered.deletion, gathered.issues, due_at.as_millis())
        .await?;
    write.commit().await?;
    gathered.is_begun = true;
    carry_out(state, gathered.deletion, due_at);
    let members = state.store.members(organization.id).await?;
    let row = deletions::Deletion {
        id: gathered.deletion,
        user_id: Some(user),
        discards: wish.becomes == Becomes::Discarded,
        into: match wish.becomes {
            Becomes::MergedInto(issue) => Some(issue),
            Becomes::Deleted | Becomes::Discarded => None,
        },
        goes_on: false,
        issues: i64::try_from(gathered.issues).unwrap_or(i64::MAX),
        done: 0,
        asked_at: now.as_millis(),
        due_at: due_at.as_millis(),
    };
    Ok((StatusCode::ACCEPTED, Json(Deletion::of(&row, &members))).into_response())
}

/// Goes on with what an earlier process began, and gives back what it did not begin.
pub(super) async fn resume(state: &ApiState) -> Result<(), StoreError> {
    for deletion in state.store.deletions_not_begun().await? {
        give_back(state, deletion);
    }
    for row in state.store.deletions(None).await? {
        carry_out(state, row.id, Timestamp::from_millis(row.due_at));
    }
    Ok(())
}

/// The issues of a deletion; unless it is begun, they are given back.
struct Gathered {
    state: ApiState,
    deletion: i64,
    issues: u64,
    is_begun: bool,
}

impl Drop for Gathered {
    fn drop(&mut self) {
        if !self.is_begun {
            give_back(&self.state, self.deletion);
        }
    }
}

async fn gather(
    state: ApiState,
    organization: i64,
    user: i64,
    becomes: Becomes,
    issues: Vec<i64>,
    now: Timestamp,
) -> Result<Gathered, StoreError> {
    let mut write = state.store.begin().await?;
    let deletion = write
        .add_deletion(organization, user, becomes, now.as_millis())
        .await?;
    write.commit().await?;
    let mut gathered = Gathered {
        state: state.clone(),
        deletion,
        issues: 0,
        is_begun: false,
    };
    for portion in issues.chunks(PORTION) {
        let mut write = state.store.begin().await?;
        gathered.issues += write.gather_issues(deletion, portion).await?;
        write.commit().await?;
    }
    Ok(gathered)
}

fn give_back(state: &ApiState, deletion: i64) -> tokio::task::JoinHandle<Result<(), StoreError>> {
    let (store, cancel) = (state.store.clone(), state.cancel.clone());
    state.tracker.spawn(async move {
        while !cancel.is_cancelled() && !store.give_issues_back(deletion).await? {}
        Ok(())
    })
}

/// Carries a deletion out once it is due, unless it is taken back.
fn carry_out(state: &ApiState, deletion: i64, due_at: Timestamp) {
    let (state, cancel) = (state.clone(), state.cancel.clone());
    state.tracker.clone().spawn(async move {
        let wait = due_at.as_millis() - clock::now().as_millis();
        let mut wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => return,
            }
            match step(&state, deletion).await {
                Ok(true) => return,
                Ok(false) => {
                    wait = Duration::ZERO;
                    if std::mem::take(&mut is_failing) {
                        tracing::info!(deletion.id = deletion, "a deletion goes on");
                    }
                }
                Err(error) => {
                    wait = AGAIN_AFTER;
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, deletion.id = deletion, "a deletion waits");
                    }
                }
            }
        }
    });
}

/// Lets the next issues of a deletion go, or merges them; true when it is done, or was taken back.
///
/// An issue is crossed off once nothing of it is left, so that a step that fails anywhere is
/// done again.
async fn step(state: &ApiState, deletion: i64) -> Result<bool, ApiError> {
    let mut write = state.store.begin().await?;
    let Some(row) = write.go_on_deleting(deletion).await? else {
        return Ok(true);
    };
    let leaving = write.leaving_issues(deletion, STEP).await?;
    if let Some(into) = row.into {
        let merged = issue_moves::merge_leaving(state, write, &row, into, &leaving).await?;
        if merged == Merging::WithoutTarget {
            give_back(state, deletion);
        }
        return Ok(merged != Merging::GoesOn);
    }
    let there = leaving.iter().filter(|issue| issue.is_there);
    let there: Vec<i64> = there.map(|issue| issue.id).collect();
    if row.discards {
        for id in &there {
            write.discard_issue(*id, row.user_id, row.asked_at).await?;
        }
    }
    write.hide_issues(&there).await?;
    write.commit().await?;
    let is_gone = clear(state, &row, &leaving).await?;
    if is_gone {
        let mut write = state.store.begin().await?;
        let gone: Vec<i64> = leaving.iter().map(|issue| issue.id).collect();
        write.issues_left(deletion, &gone).await?;
        write.commit().await?;
    }
    Ok(is_gone && leaving.is_empty())
}

/// Clears what is kept of hidden issues; false when the hub ends before.
async fn clear(
    state: &ApiState,
    deletion: &deletions::Deletion,
    hidden: &[Leaving],
) -> Result<bool, ApiError> {
    if deletion.discards {
        let projects: BTreeSet<i64> = hidden.iter().map(|issue| issue.project_id).collect();
        for project in projects {
            state.digest.rules_changed(project).await?;
        }
    }
    let ids: Vec<i64> = hidden.iter().map(|issue| issue.id).collect();
    state.index.remove_issues(ids.clone()).await?;
    issue_edit::delete_rows(state, &ids).await?;
    Ok(!state.cancel.is_cancelled())
}

impl Deletion {
    fn of(row: &deletions::Deletion, members: &[Member]) -> Self {
        let who = |id: i64| members.iter().find(|member| member.user.id == id);
        Self {
            id: row.id.to_string(),
            status: if row.goes_on { "going" } else { "waiting" },
            discards: row.discards,
            into: row.into.map(|issue| issue.to_string()),
            issues: row.issues,
            done: row.done,
            requested_by: row
                .user_id
                .and_then(who)
                .map(|member| UserRef::from(&member.user)),
            date_created: iso(row.asked_at),
            date_due: iso(row.due_at),
        }
    }
}
