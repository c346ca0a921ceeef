//! Environments of organizations and projects.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::page::Params;
use super::types::{OrganizationPath, ProjectPath};
use crate::access::Scope;
use crate::audit;
use crate::store::projects::{Environment as Row, Project};

/// Most environments changed at once.
const CHANGE_MAX: usize = 1000;

/// An environment. The empty name is "none".
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    /// The name: it is what environments are told apart by.
    id: String,
    name: String,
    /// Whether it is left out of lists to choose from.
    is_hidden: bool,
}

/// A change of one environment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentChange {
    is_hidden: bool,
}

/// A change of several environments.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentsChange {
    /// Left out: all of them.
    #[serde(alias = "environments")]
    environment_names: Option<Vec<String>>,
    is_hidden: bool,
}

/// The path of an environment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct EnvironmentPath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// Its name.
    environment: String,
}

/// Which environments a list shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Visible,
    Hidden,
    All,
}

impl Visibility {
    fn read(params: &Params) -> Result<Self, ApiError> {
        match params.some("visibility") {
            None | Some("visible") => Ok(Self::Visible),
            Some("hidden") => Ok(Self::Hidden),
            Some("all") => Ok(Self::All),
            Some(_) => Err(ApiError::field("visibility", "visible, hidden or all")),
        }
    }

    fn shows(self, row: &Row) -> bool {
        match self {
            Self::Visible => !row.is_hidden,
            Self::Hidden => row.is_hidden,
            Self::All => true,
        }
    }
}

/// The environments of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/environments/",
    tag = "environments",
    params(OrganizationPath,
        ("visibility" = Option<String>, Query, description = "`visible`, `hidden` or `all`.")),
    responses((status = 200, body = [Environment])))]
pub(super) async fn of_organization(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let visibility = Visibility::read(&params)?;
    let mut rows = state.store.environments(organization.id).await?;
    rows.retain(|row| visibility.shows(row));
    Ok(Json(distinct(rows)))
}

/// The environments of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/environments/",
    tag = "environments",
    params(ProjectPath,
        ("visibility" = Option<String>, Query, description = "`visible`, `hidden` or `all`.")),
    responses((status = 200, body = [Environment])))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let visibility = Visibility::read(&params)?;
    let mut rows = rows_of(&state, &project).await?;
    rows.retain(|row| visibility.shows(row));
    Ok(Json(distinct(rows)))
}

/// Hides or shows several environments of a project.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/environments/",
    tag = "environments", params(ProjectPath), request_body = EnvironmentsChange,
    responses((status = 200, body = [Environment])))]
pub(super) async fn update_many(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<EnvironmentsChange>,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let names = match change.environment_names {
        Some(names) => names,
        None => {
            let rows = rows_of(&state, &project).await?;
            rows.into_iter().map(|row| row.name).collect()
        }
    };
    if names.len() > CHANGE_MAX {
        let what = format!("at most {CHANGE_MAX} at once");
        return Err(ApiError::field("environmentNames", what));
    }
    let mut write = state.store.begin().await?;
    for name in &names {
        if !write
            .hide_environment(project.id, name, change.is_hidden)
            .await?
        {
            let what = format!("{name:?} is no environment of the project");
            return Err(ApiError::field("environmentNames", what));
        }
    }
    audit::detail("environments", names);
    audit::detail("isHidden", change.is_hidden);
    write.commit().await?;
    Ok(Json(distinct(rows_of(&state, &project).await?)))
}

/// One environment of a project.
#[utoipa::path(get,
    path = "/api/0/projects/{organization}/{project}/environments/{environment}/",
    tag = "environments", params(EnvironmentPath), responses((status = 200, body = Environment)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<EnvironmentPath>,
) -> Result<Json<Environment>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    Ok(Json(one(&state, &project, &path.environment).await?))
}

/// Hides or shows an environment of a project.
#[utoipa::path(put,
    path = "/api/0/projects/{organization}/{project}/environments/{environment}/",
    tag = "environments", params(EnvironmentPath), request_body = EnvironmentChange,
    responses((status = 200, body = Environment)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<EnvironmentPath>,
    Input(change): Input<EnvironmentChange>,
) -> Result<Json<Environment>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let mut write = state.store.begin().await?;
    let found = write
        .hide_environment(project.id, &path.environment, change.is_hidden)
        .await?;
    if !found {
        return Err(ApiError::missing());
    }
    audit::detail("environments", vec![path.environment.clone()]);
    audit::detail("isHidden", change.is_hidden);
    write.commit().await?;
    Ok(Json(one(&state, &project, &path.environment).await?))
}

async fn rows_of(state: &ApiState, project: &Project) -> Result<Vec<Row>, ApiError> {
    let mut rows = state.store.environments(project.organization_id).await?;
    rows.retain(|row| row.project_id == project.id);
    Ok(rows)
}

async fn one(state: &ApiState, project: &Project, name: &str) -> Result<Environment, ApiError> {
    let mut rows = rows_of(state, project).await?;
    rows.retain(|row| row.name == name);
    distinct(rows).pop().ok_or_else(ApiError::missing)
}

/// One of each name; it is hidden when it is hidden everywhere.
fn distinct(rows: Vec<Row>) -> Vec<Environment> {
    let mut shown: Vec<Environment> = Vec::new();
    for row in rows {
        match shown.last_mut() {
            Some(last) if last.name == row.name => last.is_hidden &= row.is_hidden,
            _ => shown.push(Environment {
                id: row.name.clone(),
                name: row.name,
                is_hidden: row.is_hidden,
            }),
        }
    }
    shown
}
