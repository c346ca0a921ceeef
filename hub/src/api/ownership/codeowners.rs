//! A project's CODEOWNERS file. A project has one; its id is the project's.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ShownRule, keep, unreadable};
use crate::access::Scope;
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input};
use crate::api::types::{ProjectPath, iso};
use crate::owner::{CODEOWNERS_BYTES_MAX, Rules};
use crate::store::ownership::OwnershipRow;
use crate::store::projects::Project;

/// Largest request body with a file, in bytes: JSON writes some characters longer.
pub(in crate::api) const BODY_BYTES_MAX: usize = 2 * CODEOWNERS_BYTES_MAX;

/// A CODEOWNERS file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Codeowners {
    id: String,
    raw: String,
    date_updated: String,
    rules: Vec<ShownRule>,
}

/// A file that is uploaded.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct CodeownersUpload {
    raw: String,
}

/// The path of a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct CodeownersPath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// The project's id.
    codeowners: String,
}

impl Codeowners {
    fn new(project: i64, row: OwnershipRow) -> Self {
        let rules = Rules::parse_codeowners(&row.codeowners).unwrap_or_default();
        Self {
            id: project.to_string(),
            date_updated: iso(row.updated_at),
            rules: rules.iter().map(ShownRule::from).collect(),
            raw: row.codeowners,
        }
    }
}

/// A project's CODEOWNERS file, if it has one.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/codeowners/",
    tag = "ownership", params(ProjectPath), responses((status = 200, body = [Codeowners])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<Codeowners>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let row = state.store.ownership(project.id).await?;
    let has_one = !row.codeowners.is_empty();
    let file = has_one.then(|| Codeowners::new(project.id, row));
    Ok(Json(file.into_iter().collect()))
}

/// Uploads a CODEOWNERS file in place of the one there is.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/codeowners/",
    tag = "ownership", params(ProjectPath), request_body = CodeownersUpload,
    responses((status = 201, body = Codeowners)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(upload): Input<CodeownersUpload>,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let file = put(&state, &project, upload.raw).await?;
    Ok((StatusCode::CREATED, Json(file)).into_response())
}

/// Replaces a CODEOWNERS file.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/codeowners/{codeowners}/",
    tag = "ownership", params(CodeownersPath), request_body = CodeownersUpload,
    responses((status = 200, body = Codeowners)))]
pub(in crate::api) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<CodeownersPath>,
    Input(upload): Input<CodeownersUpload>,
) -> Result<Json<Codeowners>, ApiError> {
    let project = find(&state, &caller, &path).await?;
    Ok(Json(put(&state, &project, upload.raw).await?))
}

/// Removes a CODEOWNERS file.
#[utoipa::path(delete,
    path = "/api/0/projects/{organization}/{project}/codeowners/{codeowners}/",
    tag = "ownership", params(CodeownersPath), responses((status = 204)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<CodeownersPath>,
) -> Result<StatusCode, ApiError> {
    let project = find(&state, &caller, &path).await?;
    put(&state, &project, String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &CodeownersPath,
) -> Result<Project, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(caller, &path.organization, &path.project, scope)
        .await?;
    let row = state.store.ownership(project.id).await?;
    if path.codeowners != project.id.to_string() || row.codeowners.is_empty() {
        return Err(ApiError::missing());
    }
    Ok(project)
}

async fn put(state: &ApiState, project: &Project, raw: String) -> Result<Codeowners, ApiError> {
    Rules::parse_codeowners(&raw).map_err(|error| unreadable("raw", &error))?;
    let mut row = state.store.ownership(project.id).await?;
    row.codeowners = raw;
    keep(state, project.id, &mut row).await?;
    Ok(Codeowners::new(project.id, row))
}
