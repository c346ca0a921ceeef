//! Environments of organizations and projects.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::types::{OrganizationPath, ProjectPath};
use crate::access::Scope;
use crate::store::projects::Environment as Row;

/// An environment. The empty name is "none".
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    /// The name: it is what environments are told apart by.
    id: String,
    name: String,
    is_hidden: bool,
}

/// The environments of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/environments/",
    tag = "environments", params(OrganizationPath),
    responses((status = 200, body = [Environment])))]
pub(super) async fn of_organization(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let rows = state.store.environments(organization.id).await?;
    Ok(Json(distinct(rows)))
}

/// The environments of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/environments/",
    tag = "environments", params(ProjectPath), responses((status = 200, body = [Environment])))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let mut rows = state.store.environments(organization.id).await?;
    rows.retain(|row| row.project_id == project.id);
    Ok(Json(distinct(rows)))
}

fn distinct(rows: Vec<Row>) -> Vec<Environment> {
    let mut names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    names.dedup();
    names
        .into_iter()
        .map(|name| Environment {
            id: name.clone(),
            name,
            is_hidden: false,
        })
        .collect()
}
