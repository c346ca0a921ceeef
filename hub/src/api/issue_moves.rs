//! Merging issues, taking them apart again, and issues that are much alike.
//!
//! Counts and hashes move in one transaction; what is searchable follows in the background, and is
//! finished after a restart.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ApiState;
use super::audit::ISSUE_MERGE;
use super::caller::{Caller, FoundIssue, ReadIssue, WriteIssue};
use super::deletions::{self, Wish};
use super::error::ApiError;
use super::grouping::{Neighbour, neighbours, project_id, stored_texts};
use super::input::Input;
use super::live::IssueTouched;
use super::page::Params;
use super::types::{IssuePath, stored_object};
use crate::audit;
use crate::clock;
use crate::digest::regroup::{self, Parting, Regroup, RegroupError};
use crate::store::Write;
use crate::store::deletions::{Becomes, Deletion, Leaving};
use crate::store::hashes::GroupHash;
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;

/// Sentry's activity types.
const MERGE: i64 = 14;

/// Longest name of a tag that issues are split by, in bytes.
const TAG_BYTES_MAX: usize = 200;

/// What became one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Merged {
    /// The issue that is left.
    parent: String,
    /// The issues that are gone.
    children: Vec<String>,
}

/// What came of an issue that was taken apart.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parted {
    /// The issue that was taken apart.
    source: String,
    /// The new ones.
    issues: Vec<String>,
}

/// How an issue is split.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct SplitBy {
    /// The tag: each of its values gets an issue, also in future.
    tag: String,
}

/// Merges issues of one project into the one with most events, or the oldest of those. Issues that
/// were merged meanwhile are the ones that they became.
pub(super) async fn merge(
    state: &ApiState,
    user: i64,
    asked: &[IssueRow],
) -> Result<Merged, ApiError> {
    check(asked)?;
    let mut write = state.store.begin().await?;
    let rows = as_they_are(&mut write, asked).await?;
    let target = target_of(&rows)?;
    let children: Vec<&IssueRow> = rows.iter().filter(|row| row.id != target.id).collect();
    let ids: Vec<String> = children.iter().map(|row| row.id.to_string()).collect();
    if children.is_empty() {
        // Somebody else did it.
        audit::nothing();
        let gone = asked.iter().filter(|row| row.id != target.id);
        return Ok(Merged {
            parent: target.id.to_string(),
            children: gone.map(|row| row.id.to_string()).collect(),
        });
    }
    audit::action(ISSUE_MERGE);
    audit::detail("into", named(target));
    into_one(&mut write, Some(user), target, &children).await?;
    write.commit().await?;
    touch(state, target.project_id, &[target.id]);
    index_in_background(state);
    Ok(Merged {
        parent: target.id.to_string(),
        children: ids,
    })
}

/// The answer where all that are named are one issue since others merged them.
pub(super) fn already_one(row: &IssueRow) -> Merged {
    Merged {
        parent: row.id.to_string(),
        children: Vec::new(),
    }
}

/// Which of these issues the others are merged into: the one with most events, or the oldest of
/// those. They are of one project.
fn target_of(rows: &[IssueRow]) -> Result<&IssueRow, ApiError> {
    let target = rows
        .iter()
        .max_by_key(|row| (row.times_seen, -row.first_seen, -row.id));
    target.ok_or_else(ApiError::missing)
}

/// Whether issues can be merged: two at least, of one project.
fn check(asked: &[IssueRow]) -> Result<(), ApiError> {
    let first = asked.first().filter(|_| asked.len() >= 2);
    let first = first.ok_or_else(|| ApiError::field("id", "name at least two issues to merge"))?;
    if asked.iter().any(|row| row.project_id != first.project_id) {
        return Err(ApiError::field(
            "id",
            "issues of several projects cannot be merged: name those of one",
        ));
    }
    Ok(())
}

/// Asks for a merge of many issues, or of one that can be taken back. Until it is due no list shows
/// those that go, and they miss nothing.
pub(super) async fn merge_later(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    rows: &[IssueRow],
    undo: Duration,
) -> Result<Response, ApiError> {
    check(rows)?;
    let target = target_of(rows)?;
    audit::action(ISSUE_MERGE);
    audit::detail("into", named(target));
    let others = rows.iter().filter(|row| row.id != target.id);
    let wish = Wish {
        issues: others.map(|row| row.id).collect(),
        becomes: Becomes::MergedInto(target.id),
        undo,
    };
    deletions::ask(state, caller, organization, wish).await
}

/// How a merge of many goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merging {
    /// There are more.
    GoesOn,
    /// All are merged.
    Done,
    /// What they were to be merged into is gone: they stay.
    WithoutTarget,
}

/// Merges the next issues that are to be merged, in one transaction with their being crossed off.
pub(super) async fn merge_leaving(
    state: &ApiState,
    mut write: Write,
    of: &Deletion,
    into: i64,
    leaving: &[Leaving],
) -> Result<Merging, ApiError> {
    let Some(target) = write.issue_rows(&[into]).await?.pop() else {
        write.end_merging(of.id).await?;
        write.commit().await?;
        index_in_background(state);
        return Ok(Merging::WithoutTarget);
    };
    let there = leaving
        .iter()
        .filter(|issue| issue.is_there && issue.id != into);
    let there: Vec<i64> = there.map(|issue| issue.id).collect();
    let children = write.issue_rows(&there).await?;
    let children: Vec<&IssueRow> = children.iter().collect();
    if !children.is_empty() {
        into_one(&mut write, of.user_id, &target, &children).await?;
    }
    let gone: Vec<i64> = leaving.iter().map(|issue| issue.id).collect();
    write.issues_left(of.id, &gone).await?;
    write.commit().await?;
    touch(state, target.project_id, &[into]);
    if !leaving.is_empty() {
        return Ok(Merging::GoesOn);
    }
    index_in_background(state);
    Ok(Merging::Done)
}

/// Merges issues into one, and writes down there that it was done.
async fn into_one(
    write: &mut Write,
    user: Option<i64>,
    target: &IssueRow,
    children: &[&IssueRow],
) -> Result<(), ApiError> {
    for child in children {
        write.merge_issue(child.id, target.id).await?;
    }
    note_merge(write, user, target.id, children).await
}

async fn note_merge(
    write: &mut Write,
    user: Option<i64>,
    target: i64,
    children: &[&IssueRow],
) -> Result<(), ApiError> {
    let issues: Vec<_> = children
        .iter()
        .map(|row| json!({"id": row.id.to_string(), "title": row.title, "count": row.times_seen}))
        .collect();
    let (now, data) = (clock::now(), json!({ "issues": issues }).to_string());
    match user {
        Some(user) => {
            let now = now.as_millis();
            write
                .add_person_activity(target, MERGE, user, &data, now)
                .await?;
        }
        None => write.add_activity(target, MERGE, &data, now).await?,
    }
    Ok(())
}

fn named(row: &IssueRow) -> serde_json::Value {
    json!({ "id": row.id.to_string(), "title": row.title })
}

/// These issues now; of those that are gone the ones that have their events.
async fn as_they_are(write: &mut Write, asked: &[IssueRow]) -> Result<Vec<IssueRow>, ApiError> {
    let mut ids: BTreeSet<i64> = asked.iter().map(|row| row.id).collect();
    let there = write.issue_rows(&Vec::from_iter(ids.clone())).await?;
    let gone = asked
        .iter()
        .filter(|row| there.iter().all(|it| it.id != row.id));
    for row in gone {
        let event = &row.latest_event;
        ids.extend(write.issue_of_event(row.project_id, event).await?);
    }
    Ok(write.issue_rows(&Vec::from_iter(ids)).await?)
}

/// Takes the events of some hashes out of an issue, into one of their own.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/issues/{issue}/hashes/",
    tag = "issues", params(IssuePath,
        ("id" = Vec<String>, Query, description = "Hashes of the issue. May be repeated.")),
    responses((status = 202, body = Parted)))]
pub(super) async fn unmerge(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    params: Params,
) -> Result<Response, ApiError> {
    let bound = state.store.issue_hashes(found.issue.id).await?;
    let mut hashes: Vec<GroupHash> = Vec::new();
    for name in params.all("id") {
        let mut hash = [0; 16];
        let is_hash = hex::decode_to_slice(name, &mut hash).is_ok();
        if !is_hash || regroup::is_own(&hash) || !bound.iter().any(|own| own.as_slice() == hash) {
            return Err(ApiError::field(
                "id",
                format!("{name} is no hash of the issue"),
            ));
        }
        hashes.push(hash);
    }
    if hashes.is_empty() {
        return Err(ApiError::field("id", "name a hash"));
    }
    let parted = part(&state, &caller, &found, Parting::Hashes(hashes)).await?;
    Ok((axum::http::StatusCode::ACCEPTED, Json(parted)).into_response())
}

/// Splits an issue by a tag: each value gets an issue, and so do the values that come later. Events
/// without the tag stay.
#[utoipa::path(post, path = "/api/0/vedette/organizations/{organization}/issues/{issue}/split/",
    tag = "issues", params(IssuePath), request_body = SplitBy,
    responses((status = 202, body = Parted)))]
pub(super) async fn split(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    Input(by): Input<SplitBy>,
) -> Result<Response, ApiError> {
    if by.tag.is_empty() || by.tag.len() > TAG_BYTES_MAX {
        let message = format!("a tag's name has 1 to {TAG_BYTES_MAX} bytes");
        return Err(ApiError::field("tag", message));
    }
    let parted = part(&state, &caller, &found, Parting::Tag(by.tag)).await?;
    Ok((axum::http::StatusCode::ACCEPTED, Json(parted)).into_response())
}

/// Puts issues back that were made of this one, by a tag or by hashes, as long as nothing was merged
/// into them or taken out of them. What they were parted by is forgotten.
#[utoipa::path(delete, path = "/api/0/vedette/organizations/{organization}/issues/{issue}/split/",
    tag = "issues", params(IssuePath,
        ("id" = Vec<String>, Query, description = "Issues that were made of it. May be repeated.")),
    responses((status = 200, body = Merged)))]
pub(super) async fn put_back(
    State(state): State<ApiState>,
    caller: Caller,
    WriteIssue(found): WriteIssue,
    params: Params,
) -> Result<Json<Merged>, ApiError> {
    let source = found.issue.id;
    let names: Vec<&str> = params.all("id").collect();
    if names.is_empty() || names.len() > regroup::PARTS_MAX {
        let what = format!("name 1 to {} issues", regroup::PARTS_MAX);
        return Err(ApiError::field("id", what));
    }
    let mut write = state.store.begin().await?;
    let ids: Vec<i64> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let children = write.issue_rows(&ids).await?;
    let children: Vec<&IssueRow> = children.iter().collect();
    for name in &names {
        let row = children.iter().find(|row| row.id.to_string() == *name);
        let tag = match row {
            Some(row) => tag_of_parting(&mut write, row.id, source).await?,
            None => None,
        };
        let (Some(row), Some(tag)) = (row, tag) else {
            let what = format!("{name} is not what was made of the issue: merge them instead");
            return Err(ApiError::field("id", what));
        };
        write.merge_back(row.id, source, tag.as_deref()).await?;
    }
    let issues: Vec<String> = children.iter().map(|row| row.id.to_string()).collect();
    audit::detail("issues", issues.clone());
    note_merge(&mut write, Some(caller.0.user.id), source, &children).await?;
    write.commit().await?;
    state.digest.rules_changed(found.project.id).await?;
    touch(&state, found.project.id, &[source]);
    index_in_background(&state);
    Ok(Json(Merged {
        parent: source.to_string(),
        children: issues,
    }))
}

/// The tag that an issue was taken out of another by, or no tag; nothing when it was not, or is not
/// what it was made any more.
async fn tag_of_parting(
    write: &mut Write,
    issue: i64,
    source: i64,
) -> Result<Option<Option<String>>, ApiError> {
    let Some((data, true)) = write.parting(issue).await? else {
        return Ok(None);
    };
    let data = stored_object(&data);
    let is_of = |value: &serde_json::Value| value.as_str() == Some(&source.to_string());
    if !data.get("source").is_some_and(is_of) {
        return Ok(None);
    }
    let tag = data.get("tag").and_then(serde_json::Value::as_str);
    Ok(Some(tag.map(str::to_owned)))
}

/// Issues of the same project that are much alike, by shared calls, types and words; the nearest
/// first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/similar/",
    tag = "issues", params(IssuePath), responses((status = 200, body = [Neighbour])))]
pub(super) async fn similar(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
) -> Result<Json<Vec<Neighbour>>, ApiError> {
    let id = found.issue.id;
    let features = state.store.issue_features(id).await?;
    let stored = state.store.issue_grouping(id).await?;
    let texts = stored.as_deref().and_then(stored_texts).unwrap_or_default();
    let list = neighbours(&state, found.project.id, Some(id), &features, &texts).await?;
    Ok(Json(list))
}

async fn part(
    state: &ApiState,
    caller: &Caller,
    found: &FoundIssue,
    parting: Parting,
) -> Result<Parted, ApiError> {
    let project = project_id(found.project.id)?;
    let issue = found.issue.id;
    audit_parting(&parting);
    let rules = state.digest.rules(project).await?;
    let mut rules = rules.as_ref().clone();
    let bound = state.store.issue_hashes(issue).await?;
    if let Parting::Tag(tag) = &parting {
        for hash in &bound {
            if let Ok(hash) = GroupHash::try_from(hash.as_slice())
                && !regroup::is_own(&hash)
            {
                rules.splits.insert(hash, tag.clone());
            }
        }
    }
    let with = Regroup {
        store: &state.store,
        archive: &state.archive,
        rules: &rules,
        now: clock::now(),
        user: caller.0.user.id,
    };
    let made = regroup::regroup(&with, project, issue, &parting).await?;
    state.digest.rules_changed(found.project.id).await?;
    let mut all = made.clone();
    all.push(issue);
    touch(state, found.project.id, &all);
    index_in_background(state);
    Ok(Parted {
        source: issue.to_string(),
        issues: made.iter().map(ToString::to_string).collect(),
    })
}

fn audit_parting(parting: &Parting) {
    match parting {
        Parting::Tag(tag) => audit::detail("tag", tag.as_str()),
        Parting::Hashes(hashes) => {
            let hashes: Vec<String> = hashes.iter().map(hex::encode).collect();
            audit::detail("hashes", hashes);
        }
    }
}

fn touch(state: &ApiState, project: i64, issues: &[i64]) {
    for issue in issues {
        // Nobody listening is no fault.
        let _ = state.0.touched.send(IssueTouched {
            project,
            issue: *issue,
        });
    }
}

/// Makes what moved searchable where it is now.
pub(super) fn index_in_background(state: &ApiState) {
    let (state, cancel, tracker) = (state.clone(), state.cancel.clone(), state.tracker.clone());
    let task = async move {
        // What the digest committed before is on its way to the index first.
        state
            .digest
            .settled()
            .await
            .map_err(|_| RegroupError::Ended)?;
        regroup::index_moved(&state.store, &state.archive, &state.index).await
    };
    tracker.spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            done = task => if let Err(error) = done {
                tracing::warn!(%error, "moved events are not searchable in their place yet");
            }
        }
    });
}
