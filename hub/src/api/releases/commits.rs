//! What releases are made of: commits and their repositories.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ProjectReleasePath, READ, Release, ReleasePath, found, found_in_project, one};
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, text};
use crate::api::issue_edit::SHA_BYTES_MAX;
use crate::api::issue_shape::CommitName;
use crate::api::page::{Page, Params};
use crate::api::types::{OrganizationPath, iso};
use crate::store::Write;
use crate::store::commits::{self as store, NewCommit};

/// Commits of a release that are taken.
const COMMITS_MAX: usize = 1000;
/// Files of the commits of a release that are taken.
const FILES_MAX: usize = 50_000;
/// Longest path of a file, in bytes.
const PATH_BYTES_MAX: usize = 1024;
/// Longest message of a commit that is kept, in bytes; the rest is cut off.
const MESSAGE_BYTES_MAX: usize = 4096;
/// Longest name of a repository, an author and their address, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// The repository of commits that name none.
const NO_REPOSITORY: &str = "unnamed";

/// A commit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Commit {
    /// Its hash.
    id: String,
    message: String,
    date_created: String,
    author: Option<Author>,
    repository: RepositoryRef,
}

/// Who wrote a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::api) struct Author {
    pub(super) name: String,
    pub(super) email: String,
}

/// A repository, as commits mention it.
#[derive(Debug, Serialize, ToSchema)]
struct RepositoryRef {
    name: String,
}

/// A repository.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Repository {
    id: String,
    name: String,
    url: Option<String>,
    provider: Provider,
    /// Always `active`.
    status: &'static str,
    date_created: String,
}

/// Where a repository is: the hub is told of commits, and asks nobody.
#[derive(Debug, Serialize, ToSchema)]
struct Provider {
    id: &'static str,
    name: &'static str,
}

/// A file that a commit of a release touched.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CommitFile {
    filename: String,
    /// `A` added, `M` changed, `D` removed.
    #[serde(rename = "type")]
    kind: String,
    commit: String,
}

/// A commit as tools tell of it.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct CommitInput {
    /// Its hash.
    id: String,
    repository: Option<String>,
    message: Option<String>,
    author_name: Option<String>,
    author_email: Option<String>,
    /// ISO 8601; left out it is now.
    timestamp: Option<String>,
    #[serde(default)]
    patch_set: Option<Vec<FileInput>>,
}

/// A file that a commit touched.
#[derive(Debug, Deserialize, ToSchema)]
struct FileInput {
    path: String,
    /// `A` added, `M` changed, `D` removed.
    #[serde(rename = "type")]
    kind: String,
}

/// The latest commit of a repository in a release.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct RefInput {
    repository: String,
    commit: String,
}

/// The path of a repository.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct RepositoryPath {
    /// Slug or id.
    organization: String,
    /// Its id.
    repository: i64,
}

impl From<store::Commit> for Commit {
    fn from(row: store::Commit) -> Self {
        let author = Author {
            name: row.author_name,
            email: row.author_email,
        };
        let is_known = !author.name.is_empty() || !author.email.is_empty();
        Self {
            id: row.sha,
            message: row.message,
            date_created: iso(row.committed_at),
            author: is_known.then_some(author),
            repository: RepositoryRef {
                name: row.repository,
            },
        }
    }
}

impl CommitInput {
    pub(super) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// The commit by its hash.
    pub(super) fn name(&self) -> CommitName {
        CommitName {
            commit: self.id.trim().to_owned(),
            repository: Some(self.repository().to_owned()),
        }
    }

    fn repository(&self) -> &str {
        let named = self.repository.as_deref();
        named
            .filter(|name| !name.is_empty())
            .unwrap_or(NO_REPOSITORY)
    }
}

/// The commits of a release, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/releases/{version}/commits/",
    tag = "releases", params(ReleasePath), responses((status = 200, body = [Commit])))]
pub(in crate::api) async fn of_release(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
    params: Params,
) -> Result<Response, ApiError> {
    let (_, release) = found(&state, &caller, &path, &READ).await?;
    commits(&state, release.id, &params).await
}

/// The commits of a project's release, the latest first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/releases/{version}/commits/",
    tag = "releases", params(ProjectReleasePath), responses((status = 200, body = [Commit])))]
pub(in crate::api) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectReleasePath>,
    params: Params,
) -> Result<Response, ApiError> {
    let (_, release) = found_in_project(&state, &caller, &path).await?;
    commits(&state, release.id, &params).await
}

async fn commits(state: &ApiState, release: i64, params: &Params) -> Result<Response, ApiError> {
    let rows = state.store.commits_of_releases(&[release]).await?;
    let shown = rows.into_iter().map(Commit::from);
    Ok(Page::whole(shown.collect()).respond(params))
}

/// The files that the commits of a release touched.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/releases/{version}/commitfiles/",
    tag = "releases", params(ReleasePath), responses((status = 200, body = [CommitFile])))]
pub(in crate::api) async fn files(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
    params: Params,
) -> Result<Response, ApiError> {
    let (_, release) = found(&state, &caller, &path, &READ).await?;
    let commits = state.store.commits_of_releases(&[release.id]).await?;
    let ids: Vec<i64> = commits.iter().map(|commit| commit.id).collect();
    let files = state.store.files_of_commits(&ids).await?;
    let shown = files.into_iter().filter_map(|file| {
        let commit = commits.iter().find(|commit| commit.id == file.commit_id)?;
        Some(CommitFile {
            filename: file.path,
            kind: file.kind,
            commit: commit.sha.clone(),
        })
    });
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// The latest release before one, of its projects, that has commits: where tools go on from. Empty
/// where there is none.
#[utoipa::path(get,
    path = "/api/0/organizations/{organization}/releases/{version}/previous-with-commits/",
    tag = "releases", params(ReleasePath), responses((status = 200, body = Release)))]
pub(in crate::api) async fn previous(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
) -> Result<Response, ApiError> {
    let (organization, release) = found(&state, &caller, &path, &READ).await?;
    let before = state
        .store
        .release_with_commits_before(organization.id, &release.version)
        .await?;
    let row = match before {
        Some(version) => state.store.release(organization.id, &version).await?,
        None => None,
    };
    let Some(row) = row else {
        return Ok(Json(serde_json::json!({})).into_response());
    };
    let projects = state.store.projects(organization.id).await?;
    Ok(one(&state, &projects, row).await?.into_response())
}

/// The repositories that commits were told of.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/repos/", tag = "releases",
    params(OrganizationPath), responses((status = 200, body = [Repository])))]
pub(in crate::api) async fn repositories(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization_by_any(&caller, &path.organization, &READ)
        .await?;
    let rows = state.store.repositories(organization.id).await?;
    let shown = rows.into_iter().map(|row| Repository {
        id: row.id.to_string(),
        name: row.name,
        url: None,
        provider: Provider {
            id: "unknown",
            name: "Unknown provider",
        },
        status: "active",
        date_created: iso(row.created_at),
    });
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// The commits of a repository, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/repos/{repository}/commits/",
    tag = "releases", params(RepositoryPath), responses((status = 200, body = [Commit])))]
pub(in crate::api) async fn of_repository(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RepositoryPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization_by_any(&caller, &path.organization, &READ)
        .await?;
    let all = state.store.repositories(organization.id).await?;
    if !all.iter().any(|row| row.id == path.repository) {
        return Err(ApiError::missing());
    }
    let rows = state.store.commits_of_repository(path.repository).await?;
    let shown = rows.into_iter().map(Commit::from);
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// Writes down which commits a release is made of. References are the latest commits of their
/// repositories, behind those that are told one by one.
pub(super) async fn write_commits(
    write: &mut Write,
    organization: i64,
    release: i64,
    commits: Option<&[CommitInput]>,
    refs: Option<&[RefInput]>,
    now: Timestamp,
) -> Result<(), ApiError> {
    let (commits, refs) = (commits.unwrap_or_default(), refs.unwrap_or_default());
    check_size(commits, refs)?;
    let mut ids: Vec<i64> = Vec::new();
    let mut known = BTreeSet::new();
    for commit in commits {
        let id = write_commit(write, organization, commit, now).await?;
        if known.insert(id) {
            ids.push(id);
        }
    }
    for reference in refs {
        let commit = CommitInput {
            id: reference.commit.clone(),
            repository: Some(reference.repository.clone()),
            message: None,
            author_name: None,
            author_email: None,
            timestamp: None,
            patch_set: None,
        };
        let id = write_commit(write, organization, &commit, now).await?;
        if known.insert(id) {
            ids.push(id);
        }
    }
    Ok(write.set_release_commits(release, &ids).await?)
}

fn check_size(commits: &[CommitInput], refs: &[RefInput]) -> Result<(), ApiError> {
    if commits.len() + refs.len() > COMMITS_MAX {
        let what = format!("at most {COMMITS_MAX} of a release");
        return Err(ApiError::field("commits", what));
    }
    let n_files: usize = commits
        .iter()
        .map(|commit| commit.patch_set.as_ref().map_or(0, Vec::len))
        .sum();
    if n_files > FILES_MAX {
        let what = format!("at most {FILES_MAX} files of a release");
        return Err(ApiError::field("commits", what));
    }
    Ok(())
}

async fn write_commit(
    write: &mut Write,
    organization: i64,
    commit: &CommitInput,
    now: Timestamp,
) -> Result<i64, ApiError> {
    let sha = text("commits", &commit.id, SHA_BYTES_MAX)?;
    let repository = text("commits", commit.repository(), NAME_BYTES_MAX)?;
    let repository_id = write
        .put_repository(organization, &repository, now.as_millis())
        .await?;
    let at = super::edit::time("commits", commit.timestamp.as_deref())?;
    let short = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        cut(text, NAME_BYTES_MAX).to_owned()
    };
    let (author_name, author_email) = (short(&commit.author_name), short(&commit.author_email));
    let new = NewCommit {
        repository_id,
        sha: &sha,
        message: cut(commit.message().trim(), MESSAGE_BYTES_MAX),
        author_name: &author_name,
        author_email: &author_email,
        committed_at: at.unwrap_or(now).as_millis(),
    };
    let id = write.put_commit(new).await?;
    let mut files = Vec::new();
    for file in commit.patch_set.iter().flatten() {
        if !matches!(file.kind.as_str(), "A" | "M" | "D") {
            return Err(ApiError::field(
                "commits",
                "the type of a file is A, M or D",
            ));
        }
        if file.path.is_empty() || file.path.len() > PATH_BYTES_MAX {
            let what = format!("the path of a file has 1 to {PATH_BYTES_MAX} bytes");
            return Err(ApiError::field("commits", what));
        }
        files.push((file.path.as_str(), file.kind.as_str()));
    }
    if !files.is_empty() {
        write.put_commit_files(id, &files).await?;
    }
    Ok(id)
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}
