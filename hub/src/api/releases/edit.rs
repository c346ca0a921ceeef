//! Making, changing and removing releases, and saying which commits they are made of.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::commits::{CommitInput, RefInput, write_commits};
use super::{Release, ReleasePath, WRITE, found, one};
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input};
use crate::api::live::IssueTouched;
use crate::api::types::{OrganizationPath, iso_option};
use crate::audit;
use crate::clock;
use crate::issue::{InCommit, StatusDetails};
use crate::store::Write;
use crate::store::projects::Project;
use crate::store::release_edit::ReleaseWords;
use crate::store::release_read::ReleaseRow;

/// Largest body that tells of a release: its commits name all files they touched.
pub(in crate::api) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest version, in bytes, as SDKs send it.
const VERSION_BYTES_MAX: usize = 250;
/// Longest address and reference, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// A release to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct NewRelease {
    version: String,
    #[serde(flatten)]
    change: ReleaseChange,
}

/// What is said of a release. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ReleaseChange {
    /// Slugs or ids of projects that have it, beside those that have it already.
    projects: Option<Vec<String>>,
    url: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// ISO 8601.
    date_started: Option<String>,
    /// ISO 8601.
    date_released: Option<String>,
    /// `open` or `archived`.
    status: Option<String>,
    /// What it is made of, the latest first. They take the place of what was said before.
    commits: Option<Vec<CommitInput>>,
    /// Its latest commits, where they are not told one by one.
    refs: Option<Vec<RefInput>>,
}

/// Makes a release, or adds to the one of that version.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/releases/", tag = "releases",
    params(OrganizationPath), request_body = NewRelease,
    responses((status = 201, body = Release), (status = 208, body = Release)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(new): Input<NewRelease>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization_by_any(&caller, &path.organization, &WRITE)
        .await?;
    let version = check_version(&new.version)?;
    let projects = linked_projects(&state, organization.id, new.change.projects.as_deref()).await?;
    let is_known = state
        .store
        .release(organization.id, version)
        .await?
        .is_some();
    if projects.is_empty() && !is_known {
        return Err(ApiError::field("projects", "at least one"));
    }
    let is_new = tell(&state, organization.id, version, &new.change, &projects).await?;
    let row = state.store.release(organization.id, version).await?;
    let projects = state.store.projects(organization.id).await?;
    let shown = one(&state, &projects, row.ok_or_else(ApiError::missing)?).await?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::ALREADY_REPORTED,
    };
    Ok((status, shown).into_response())
}

/// Changes a release.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/releases/{version}/",
    tag = "releases", params(ReleasePath), request_body = ReleaseChange,
    responses((status = 200, body = Release)))]
pub(in crate::api) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
    Input(change): Input<ReleaseChange>,
) -> Result<Json<Release>, ApiError> {
    let (organization, release) = found(&state, &caller, &path, &WRITE).await?;
    let version = release.version;
    let projects = linked_projects(&state, organization.id, change.projects.as_deref()).await?;
    tell(&state, organization.id, &version, &change, &projects).await?;
    let row = state.store.release(organization.id, &version).await?;
    let projects = state.store.projects(organization.id).await?;
    one(&state, &projects, row.ok_or_else(ApiError::missing)?).await
}

/// Removes a release that no event names.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/releases/{version}/",
    tag = "releases", params(ReleasePath),
    responses((status = 204), (status = 400, description = "Events name it.")))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
) -> Result<StatusCode, ApiError> {
    let (_, release) = found(&state, &caller, &path, &WRITE).await?;
    let mut write = state.store.begin().await?;
    if !write.remove_release(release.id).await? {
        return Err(ApiError::invalid(
            "Events name this release, so that it cannot be removed; it can be archived.",
        ));
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down what is said of a release; answers whether it is new.
async fn tell(
    state: &ApiState,
    organization: i64,
    version: &str,
    change: &ReleaseChange,
    projects: &[i64],
) -> Result<bool, ApiError> {
    let now = clock::now();
    let words = words(change)?;
    let before = state.store.release(organization, version).await?;
    let all = state.store.projects(organization).await?;
    let mut write = state.store.begin().await?;
    let (release, is_new) = write
        .make_release(organization, version, now.as_millis())
        .await?;
    for project in projects {
        write
            .add_release_project(release, *project, now.as_millis())
            .await?;
    }
    write.describe_release(release, &words).await?;
    audit::target("release", release, version);
    audit::changed(
        &before.as_ref().map(audited),
        &told(change, before.as_ref()),
    );
    let mut touched: BTreeSet<(i64, i64)> = BTreeSet::new();
    let mut asked_again = Vec::new();
    let commits = change.commits.as_deref();
    let refs = change.refs.as_deref();
    if commits.is_some() || refs.is_some() {
        write_commits(&mut write, organization, release, commits, refs, now).await?;
        let fixes = resolve_named(&mut write, &all, version, commits, now);
        touched.extend(fixes.await?);
        asked_again = write.commits_told(release, now.as_millis()).await?;
    }
    // A project that joins the release has its waiting resolutions settled as well.
    touched.extend(write.release_resolutions(release, version, now).await?);
    write.commit().await?;
    for project in asked_again {
        state.digest.rules_changed(project).await?;
    }
    for (issue, project) in touched {
        // Nobody listening is no fault.
        let _ = state.0.touched.send(IssueTouched { project, issue });
    }
    Ok(is_new)
}

/// What the audit log tells of a release.
fn audited(row: &ReleaseRow) -> Value {
    json!({
        "status": if row.is_archived { "archived" } else { "open" },
        "ref": row.reference,
        "dateStarted": iso_option(row.started_at),
        "dateReleased": iso_option(row.released_at),
    })
}

/// The same once it was changed, and what comes with it.
fn told(change: &ReleaseChange, before: Option<&ReleaseRow>) -> Map<String, Value> {
    let mut told = match before.map(audited) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let said = [
        ("status", &change.status),
        ("ref", &change.reference),
        ("dateStarted", &change.date_started),
        ("dateReleased", &change.date_released),
    ];
    let said = said.into_iter().filter_map(|(name, value)| {
        let value = value.as_deref()?;
        Some((name.to_owned(), value.into()))
    });
    told.extend(said);
    if let Some(commits) = &change.commits {
        told.insert("commits".to_owned(), commits.len().into());
    }
    if let Some(projects) = &change.projects {
        told.insert("projects".to_owned(), projects.clone().into());
    }
    told
}

/// Resolves the issues that the commits' messages name: `fixes SHOP-2K`.
async fn resolve_named(
    write: &mut Write,
    projects: &[Project],
    version: &str,
    commits: Option<&[CommitInput]>,
    now: Timestamp,
) -> Result<Vec<(i64, i64)>, ApiError> {
    let mut named = BTreeMap::new();
    // The latest commit that names an issue is the last word; it comes first.
    for commit in commits.unwrap_or_default() {
        for id in crate::issue::fixed(commit.message()) {
            named
                .entry((id.project, id.number))
                .or_insert_with(|| commit.name());
        }
    }
    let mut touched = Vec::new();
    for ((slug, number), in_commit) in named {
        let Some(project) = projects.iter().find(|project| project.slug == slug) else {
            continue;
        };
        let details = StatusDetails {
            in_commit: Some(InCommit {
                commit: in_commit.commit,
                repository: in_commit.repository,
            }),
            in_release: Some(version.to_owned()),
            ..StatusDetails::default()
        };
        let details = details.to_json();
        let resolved = write.resolve_by_message(project.id, number, &details, now);
        touched.extend(resolved.await?.map(|issue| (issue, project.id)));
    }
    Ok(touched)
}

fn words(change: &ReleaseChange) -> Result<ReleaseWords<'_>, ApiError> {
    let short = |field, value: &'_ Option<String>| match value {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            let what = format!("at most {TEXT_BYTES_MAX} bytes");
            Err(ApiError::field(field, what))
        }
        _ => Ok(()),
    };
    short("url", &change.url)?;
    short("ref", &change.reference)?;
    let millis = |field, text| Ok::<_, ApiError>(time(field, text)?.map(Timestamp::as_millis));
    Ok(ReleaseWords {
        started_at: millis("dateStarted", change.date_started.as_deref())?,
        released_at: millis("dateReleased", change.date_released.as_deref())?,
        url: change.url.as_deref(),
        reference: change.reference.as_deref(),
        is_archived: match change.status.as_deref() {
            None => None,
            Some("open") => Some(false),
            Some("archived") => Some(true),
            Some(_) => return Err(ApiError::field("status", "open or archived")),
        },
    })
}

/// A time of a field.
pub(super) fn time(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| {
        Timestamp::parse(text).map_err(|error| ApiError::field(field, error.to_string()))
    })
    .transpose()
}

/// The projects of an organization that are named by slug or id.
pub(super) async fn linked_projects(
    state: &ApiState,
    organization: i64,
    names: Option<&[String]>,
) -> Result<Vec<i64>, ApiError> {
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return Ok(Vec::new());
    };
    let projects = state.store.projects(organization).await?;
    let find = |name: &String| {
        let id = name.parse().unwrap_or(-1);
        projects
            .iter()
            .find(|project| project.id == id || project.slug == *name)
            .map(|project| project.id)
            .ok_or_else(|| ApiError::field("projects", format!("no project is called {name:?}")))
    };
    names.iter().map(find).collect()
}

/// A version that events can name.
fn check_version(version: &str) -> Result<&str, ApiError> {
    let version = version.trim();
    let is_reserved = matches!(version, "" | "." | ".." | "latest");
    let is_plain = !version
        .chars()
        .any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if is_reserved || !is_plain || version.len() > VERSION_BYTES_MAX {
        return Err(ApiError::field(
            "version",
            format!("1 to {VERSION_BYTES_MAX} bytes without slashes, and not . or .. or latest"),
        ));
    }
    Ok(version)
}
