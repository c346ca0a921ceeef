//! Which projects a team looks after.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{NewProjectForm, Project, ProjectDetail, Teams, created, make};
use crate::access::Scope;
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input};
use crate::api::page::{Page, Params};
use crate::api::teams::{ProjectTeamPath, TeamPath};
use crate::audit;
use crate::store::people::DEFAULT_TEAM;

/// Lets a team look after a project.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/teams/{team}/",
    tag = "projects", params(ProjectTeamPath), responses((status = 201, body = Project)))]
pub(in crate::api) async fn add(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectTeamPath>,
) -> Result<Response, ApiError> {
    let project = link(&state, &caller, &path, Link::Make).await?;
    Ok((StatusCode::CREATED, Json(project)).into_response())
}

/// Takes a project from a team.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/teams/{team}/",
    tag = "projects", params(ProjectTeamPath), responses((status = 200, body = Project)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectTeamPath>,
) -> Result<Json<Project>, ApiError> {
    Ok(Json(link(&state, &caller, &path, Link::Break).await?))
}

enum Link {
    Make,
    Break,
}

async fn link(
    state: &ApiState,
    caller: &Caller,
    path: &ProjectTeamPath,
    what: Link,
) -> Result<Project, ApiError> {
    let scope = Scope::ProjectWrite;
    let (organization, row) = state
        .project(caller, &path.organization, &path.project, scope)
        .await?;
    let team = state.store.team(organization.id, &path.team).await?;
    let team = team.ok_or_else(ApiError::missing)?;
    audit::detail("team", team.slug.as_str());
    let mut write = state.store.begin().await?;
    match what {
        Link::Make => write.add_project_team(row.id, team.id).await?,
        Link::Break => write.remove_project_team(row.id, team.id).await?,
    }
    write.commit().await?;
    let teams = Teams::read(state, caller, organization.id).await?;
    Ok(Project::new(&row, &teams))
}

/// The projects that a team looks after.
#[utoipa::path(get, path = "/api/0/teams/{organization}/{team}/projects/", tag = "projects",
    params(TeamPath), responses((status = 200, body = [Project])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, team) = state
        .team(&caller, &path.organization, &path.team, scope)
        .await?;
    let rows = state.store.projects(organization.id).await?;
    let teams = Teams::read(&state, &caller, organization.id).await?;
    let own = rows
        .iter()
        .filter(|row| teams.links.contains(&(row.id, team.id)));
    let own = own.map(|row| Project::new(row, &teams)).collect();
    Ok(Page::whole(own).respond(&params))
}

/// Makes a project that a team looks after.
#[utoipa::path(post, path = "/api/0/teams/{organization}/{team}/projects/", tag = "projects",
    params(TeamPath), request_body = NewProjectForm,
    responses((status = 201, body = ProjectDetail)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
    Input(form): Input<NewProjectForm>,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectWrite;
    let (organization, team) = state
        .team(&caller, &path.organization, &path.team, scope)
        .await?;
    let id = make(&state, &organization, form).await?;
    let everyone = state.store.team(organization.id, DEFAULT_TEAM).await?;
    let mut write = state.store.begin().await?;
    if let Some(everyone) = everyone.filter(|everyone| everyone.id != team.id) {
        write.remove_project_team(id, everyone.id).await?;
    }
    write.add_project_team(id, team.id).await?;
    write.commit().await?;
    created(&state, &caller, &organization, id).await
}
