//! Which commits may have brought an issue.
//!
//! Asked are the commits of the release that had it first and of a few before, that touched a file
//! of the latest event's stack.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::commits::{Author, Commit};
use crate::api::ApiState;
use crate::api::caller::{FoundIssue, ReadIssue};
use crate::api::error::ApiError;
use crate::api::event::facts_of;
use crate::api::types::IssuePath;
use crate::owner::{SUSPECT_AGE_MAX_MS, SUSPECT_RELEASES_MAX, suspects};
use crate::store::commits as store;

/// Who may have brought an issue.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Committers {
    /// The most likely first.
    committers: Vec<Committer>,
}

/// Someone whose commits may have brought an issue.
#[derive(Debug, Serialize, ToSchema)]
struct Committer {
    author: Option<Author>,
    commits: Vec<SuspectCommit>,
}

/// A commit that may have brought an issue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SuspectCommit {
    #[serde(flatten)]
    commit: Commit,
    /// Always `via commit in release`.
    suspect_commit_type: &'static str,
    /// The file of the stack that it touched, as the commit names it.
    path: String,
    /// The place of the first frame of the application in that file, from the crash on.
    frame: usize,
}

/// Whose commits may have brought an issue, by the files of its latest event's stack.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/committers/",
    tag = "releases", params(IssuePath), responses((status = 200, body = Committers)))]
pub(in crate::api) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
) -> Result<Json<Committers>, ApiError> {
    let committers = committers(&state, &found).await?;
    Ok(Json(Committers { committers }))
}

async fn committers(state: &ApiState, found: &FoundIssue) -> Result<Vec<Committer>, ApiError> {
    let store = &state.store;
    let Some(version) = found.issue.first_release.as_deref() else {
        return Ok(Vec::new());
    };
    let releases = store
        .releases_up_to(found.project.id, version, SUSPECT_RELEASES_MAX)
        .await?;
    let releases: Vec<i64> = releases.into_iter().map(|row| row.id).collect();
    let mut commits = store.commits_of_releases(&releases).await?;
    let Some(event) = store.issue_events(found.issue.id, None, 1).await?.pop() else {
        return Ok(Vec::new());
    };
    commits.retain(|commit| event.timestamp - commit.committed_at < SUSPECT_AGE_MAX_MS);
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = commits.iter().map(|commit| commit.id).collect();
    let mut files = store.files_of_commits(&ids).await?;
    // The order of the commits decides between equals.
    files.sort_by_key(|file| ids.iter().position(|id| *id == file.commit_id));
    let facts = facts_of(state, &event).await?;
    let touched = files
        .iter()
        .map(|file| (file.commit_id, file.path.as_str()));
    let touched: Vec<(i64, &str)> = touched.collect();
    let found = suspects(facts.paths(), &touched);
    let mut committers: Vec<Committer> = Vec::new();
    for suspect in found {
        let row: Option<&store::Commit> = commits.iter().find(|row| row.id == suspect.commit);
        let Some(row) = row else { continue };
        let author = Author {
            name: row.author_name.clone(),
            email: row.author_email.clone(),
        };
        let commit = SuspectCommit {
            commit: row.clone().into(),
            suspect_commit_type: "via commit in release",
            path: suspect.path.to_owned(),
            frame: suspect.frame,
        };
        let author =
            Some(author).filter(|author| !author.email.is_empty() || !author.name.is_empty());
        match committers.iter_mut().find(|other| other.author == author) {
            Some(other) => other.commits.push(commit),
            None => committers.push(Committer {
                author,
                commits: vec![commit],
            }),
        }
    }
    Ok(committers)
}
