//! Projects and their settings.

pub(super) mod in_teams;
mod settings;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::keys::Dsn;
use super::page::{Page, Params};
use super::types::{OrganizationPath, ProjectPath, Series, TeamRef, iso, iso_option};
use super::{ApiState, issue_edit};
use crate::access::{Scope, slug_of};
use crate::audit;
use crate::clock;
use crate::fleet::Draft;
use crate::store::people;
use crate::store::projects::{NewProject, Project as Row};
use crate::store::velocity::Velocity;

use settings::{Settings, apply};

pub(super) use settings::{ProjectChange, intake_of, privacy_of, put_intake, safe_fields, texts};

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;
/// Longest platform, in bytes.
const PLATFORM_LEN_MAX: usize = 64;
/// Hours of the counts shown beside a project.
const STATS_HOURS: i64 = 24;

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Project {
    id: String,
    slug: String,
    name: String,
    platform: String,
    date_created: String,
    first_event: Option<String>,
    is_member: bool,
    has_access: bool,
    is_bookmarked: bool,
    status: &'static str,
    features: Vec<String>,
    team: Option<TeamRef>,
    teams: Vec<TeamRef>,
    /// Errors by hour, with `statsPeriod`: unix seconds and a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<(i64, i64)>>)]
    stats: Option<Series>,
}

/// A project with its settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectDetail {
    #[serde(flatten)]
    project: Project,
    organization: OrganizationRef,
    #[serde(flatten)]
    settings: Settings,
    /// The public DSN of its oldest active key.
    dsn: Option<String>,
    escalation: Escalation,
}

/// What new issues are measured against.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Escalation {
    /// Events an hour above which a new issue is escalating; null where there are too few issues
    /// to tell.
    threshold: Option<f64>,
    date_computed: Option<String>,
    /// Why it could not be computed last; what is there is the measure before.
    error: Option<String>,
    date_failed: Option<String>,
}

impl From<Velocity> for Escalation {
    fn from(velocity: Velocity) -> Self {
        Self {
            threshold: velocity.threshold,
            date_computed: iso_option(velocity.computed_at),
            error: velocity.error,
            date_failed: iso_option(velocity.failed_at),
        }
    }
}

/// An organization, as a project mentions it.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationRef {
    id: String,
    slug: String,
    name: String,
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewProjectForm {
    name: String,
    slug: Option<String>,
    platform: Option<String>,
}

/// The projects of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/projects/", tag = "projects",
    params(OrganizationPath,
        ("statsPeriod" = Option<String>, Query, description = "Adds the counts of the last day.")),
    responses((status = 200, body = [Project])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::ProjectRead)
        .await?;
    let rows = state.store.projects(organization.id).await?;
    let teams = Teams::read(&state, &caller, organization.id).await?;
    let mut stats = match params.some("statsPeriod") {
        Some(_) => Some(day(&state, &rows).await?),
        None => None,
    };
    let projects = rows.iter().map(|row| Project {
        stats: stats
            .as_mut()
            .map(|stats| stats.remove(&row.id).unwrap_or_default()),
        ..Project::new(row, &teams)
    });
    Ok(Page::whole(projects.collect()).respond(&params))
}

/// Makes a project with a key.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/projects/", tag = "projects",
    params(OrganizationPath), request_body = NewProjectForm,
    responses((status = 201, body = ProjectDetail)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(form): Input<NewProjectForm>,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectWrite;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let id = make(&state, &organization, form).await?;
    created(&state, &caller, &organization, id).await
}

/// Makes a project of the team that everyone is in; gives its id.
async fn make(
    state: &ApiState,
    organization: &people::Organization,
    form: NewProjectForm,
) -> Result<i64, ApiError> {
    let name = text("name", &form.name, NAME_LEN_MAX)?;
    let slug = form
        .slug
        .filter(|slug| !slug.is_empty())
        .unwrap_or_else(|| slug_of(&name));
    let platform = form.platform.filter(|platform| !platform.is_empty());
    let platform = platform.unwrap_or_else(|| "other".to_owned());
    let platform = text("platform", &platform, PLATFORM_LEN_MAX)?;
    let new = NewProject {
        organization_id: organization.id,
        slug: &slug,
        name: &name,
        platform: &platform,
    };
    let (id, _) = state.access.create_project(clock::now(), new).await?;
    state.fleet.refresh().await?;
    Ok(id)
}

async fn created(
    state: &ApiState,
    caller: &Caller,
    organization: &people::Organization,
    id: i64,
) -> Result<Response, ApiError> {
    let row = state
        .store
        .project(organization.id, &id.to_string())
        .await?;
    let row = row.ok_or_else(ApiError::missing)?;
    let detail = ProjectDetail::new(state, caller, organization, &row).await?;
    Ok((StatusCode::CREATED, Json(detail)).into_response())
}

/// One project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), responses((status = 200, body = ProjectDetail)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<ProjectDetail>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    Ok(Json(
        ProjectDetail::new(&state, &caller, &organization, &row).await?,
    ))
}

/// Changes a project.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), request_body = ProjectChange,
    responses((status = 200, body = ProjectDetail)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<ProjectChange>,
) -> Result<Json<ProjectDetail>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (organization, mut row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let before = ProjectDetail::new(&state, &caller, &organization, &row).await?;
    apply(&mut row, change)?;
    let draft = Draft::ProjectOptions {
        project: row.id,
        options: row.options.clone(),
    };
    state.fleet.check(&draft).await?;
    let after = ProjectDetail::new(&state, &caller, &organization, &row).await?;
    audit::changed(&before, &after);
    let mut write = state.store.begin().await?;
    write.update_project(&row).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(Json(after))
}

/// Removes a project and everything in it.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::ProjectAdmin;
    let (_, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    issue_edit::delete_project(&state, row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The teams of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/teams/", tag = "projects",
    params(ProjectPath), responses((status = 200, body = [TeamRef])))]
pub(super) async fn teams(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<TeamRef>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let teams = Teams::read(&state, &caller, organization.id).await?;
    Ok(Json(teams.of(row.id)))
}

/// The teams of an organization and which projects they have.
struct Teams {
    teams: Vec<people::Team>,
    links: Vec<(i64, i64)>,
    /// The teams that the caller is in.
    own: Vec<i64>,
}

impl Teams {
    async fn read(state: &ApiState, caller: &Caller, organization: i64) -> Result<Self, ApiError> {
        let members = state.store.team_members(organization).await?;
        let own = members
            .iter()
            .filter(|member| member.user_id == caller.0.user.id);
        Ok(Self {
            own: own.map(|member| member.team_id).collect(),
            teams: state.store.teams(organization).await?,
            links: state.store.project_teams(organization).await?,
        })
    }

    fn has_caller(&self, project: i64) -> bool {
        self.own
            .iter()
            .any(|team| self.links.contains(&(project, *team)))
    }

    fn of(&self, project: i64) -> Vec<TeamRef> {
        let own = self
            .teams
            .iter()
            .filter(|team| self.links.contains(&(project, team.id)));
        own.map(TeamRef::from).collect()
    }
}

impl Project {
    fn new(row: &Row, teams: &Teams) -> Self {
        let in_team = teams.has_caller(row.id);
        let teams = teams.of(row.id);
        Self {
            id: row.id.to_string(),
            slug: row.slug.clone(),
            name: row.name.clone(),
            platform: row.platform.clone(),
            date_created: iso(row.created_at),
            first_event: iso_option(row.first_event_at),
            is_member: in_team,
            has_access: true,
            is_bookmarked: false,
            status: "active",
            features: Vec::new(),
            team: teams.first().cloned(),
            teams,
            stats: None,
        }
    }
}

impl ProjectDetail {
    async fn new(
        state: &ApiState,
        caller: &Caller,
        organization: &people::Organization,
        row: &Row,
    ) -> Result<Self, ApiError> {
        let teams = Teams::read(state, caller, organization.id).await?;
        let keys = state.store.project_keys(row.id).await?;
        let key = keys.iter().find(|key| key.is_active);
        let relay = &state.config.relay_url;
        Ok(Self {
            project: Project::new(row, &teams),
            organization: OrganizationRef {
                id: organization.id.to_string(),
                slug: organization.slug.clone(),
                name: organization.name.clone(),
            },
            settings: Settings::of(row),
            escalation: state.store.velocity(row.id).await?.into(),
            dsn: key.map(|key| Dsn::new(relay, row.id, &key.public_key, &key.secret_key).public),
        })
    }
}

/// Errors of the last day by project and hour.
async fn day(state: &ApiState, rows: &[Row]) -> Result<HashMap<i64, Series>, ApiError> {
    let last = clock::now().hour();
    let first = last - STATS_HOURS + 1;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut counts = HashMap::new();
    for (project, hour, n) in state.store.project_hours(&ids, first).await? {
        counts.insert((project, hour), n);
    }
    let series = |project: i64| {
        (first..=last)
            .map(|hour| {
                (
                    hour * 3600,
                    counts.get(&(project, hour)).copied().unwrap_or(0),
                )
            })
            .collect()
    };
    Ok(ids.into_iter().map(|id| (id, series(id))).collect())
}
