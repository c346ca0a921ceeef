//! Releases: as events name them, and as people and their tools make them.

pub(super) mod commits;
pub(super) mod deploys;
pub(super) mod edit;
pub(super) mod suspects;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::issue::short_version;
use super::page::{Page, Params};
use super::search::{chosen_projects, period_millis, span};
use super::sessions::health::{self, Figure, Health, HealthData};
use super::types::{OrganizationPath, ProjectPath, iso, iso_option};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::store::people::Organization;
use crate::store::place::Place;
use crate::store::projects::Project;
use crate::store::release_read::{ProjectOfRelease, ReleaseFilter, ReleaseRow, ReleaseSort};
use commits::Commit;
use deploys::Deploy;

/// Who may see releases has one of these.
const READ: [Scope; 3] = [Scope::ProjectRead, Scope::ProjectReleases, Scope::OrgCi];
/// Who may make and change them has one of these.
const WRITE: [Scope; 3] = [Scope::ProjectReleases, Scope::ProjectWrite, Scope::OrgCi];

/// Longest time that sessions are looked at, in milliseconds.
const HEALTH_MAX_MS: i64 = 90 * 86_400_000;

/// A release.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Release {
    id: String,
    version: String,
    short_version: String,
    /// `open` or `archived`.
    status: &'static str,
    url: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    date_created: String,
    date_started: Option<String>,
    date_released: Option<String>,
    first_event: Option<String>,
    last_event: Option<String>,
    /// Issues that it was the first to have.
    new_groups: i64,
    commit_count: i64,
    last_commit: Option<Commit>,
    deploy_count: i64,
    last_deploy: Option<Deploy>,
    projects: Vec<ReleaseProject>,
}

/// A project of a release.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReleaseProject {
    id: String,
    slug: String,
    name: String,
    platform: String,
    /// Issues that the release was the first to have.
    new_groups: i64,
    /// When an event first named it.
    first_event: Option<String>,
    /// What its sessions say, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    health_data: Option<HealthData>,
}

/// What a list of releases can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct ListParams {
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// A part of the version.
    query: Option<String>,
    /// `open` or `archived`.
    status: Option<String>,
    /// `date` (when it was released, else first seen, else made), `first_event`, `new_groups`,
    /// `sessions`, `users`, or the least crash-free first: `crash_free_sessions`,
    /// `crash_free_users`.
    sort: Option<String>,
    /// `1` brings what sessions say of each release and project.
    health: Option<String>,
    /// What time that covers: `14d` where nothing is said, at most 90 days.
    #[param(rename = "summaryStatsPeriod")]
    summary_stats_period: Option<String>,
    /// Sessions of these environments; repeated for several.
    environment: Option<Vec<String>>,
    /// Those made within this time: `14d`, `24h`.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100; `per_page` says the same.
    limit: Option<u32>,
}

/// The path of a release.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ReleasePath {
    /// Slug or id.
    organization: String,
    /// As events name it.
    version: String,
}

/// The path of a release of a project.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectReleasePath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// As events name it.
    version: String,
}

/// The releases of an organization, the one that came last first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/releases/", tag = "releases",
    params(OrganizationPath, ListParams), responses((status = 200, body = [Release])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization_by_any(&caller, &path.organization, &READ)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, &params)?;
    page(&state, &organization, &projects, &chosen, &params).await
}

/// The releases of a project, the one that came last first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/releases/", tag = "releases",
    params(ProjectPath, ListParams), responses((status = 200, body = [Release])))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization_by_any(&caller, &path.organization, &READ)
        .await?;
    let project = state.store.project(organization.id, &path.project).await?;
    let project = [project.ok_or_else(ApiError::missing)?];
    page(&state, &organization, &project, &project, &params).await
}

/// One release.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/releases/{version}/",
    tag = "releases", params(ReleasePath), responses((status = 200, body = Release)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
) -> Result<Json<Release>, ApiError> {
    let (organization, row) = found(&state, &caller, &path, &READ).await?;
    let projects = state.store.projects(organization.id).await?;
    one(&state, &projects, row).await
}

/// One release of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/releases/{version}/",
    tag = "releases", params(ProjectReleasePath), responses((status = 200, body = Release)))]
pub(super) async fn get_of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectReleasePath>,
) -> Result<Json<Release>, ApiError> {
    let (project, row) = found_in_project(&state, &caller, &path).await?;
    one(&state, &[project], row).await
}

async fn page(
    state: &ApiState,
    organization: &Organization,
    projects: &[Project],
    chosen: &[Project],
    params: &Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let span = span(params, now)?;
    let (sort, figure) = order(params.some("sort").unwrap_or("date"))?;
    let health = match figure.is_some() || matches!(params.some("health"), Some("1" | "true")) {
        true => Some(read_health(state, chosen, params, now).await?),
        false => None,
    };
    let figures = figure.zip(health.as_ref());
    let filter = ReleaseFilter {
        projects: chosen.iter().map(|project| project.id).collect(),
        text: params.some("query").unwrap_or_default().to_owned(),
        is_archived: match params.some("status") {
            None | Some("open") => false,
            Some("archived") => true,
            Some(_) => return Err(ApiError::field("status", "open or archived")),
        },
        from: span.from,
        until: span.to,
        figures: figures.map_or_else(Vec::new, |(figure, health)| health::ordered(health, figure)),
    };
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let rows = state
        .store
        .release_page(organization.id, &filter, sort, from, limit + 1)
        .await?;
    let page = Page::cut(rows, limit, cursor, |(place, _): &(Place, ReleaseRow)| {
        *place
    });
    let rows = page.rows.iter().map(|(_, row)| row.clone()).collect();
    let mut shown = describe(state, projects, rows).await?;
    if let Some(health) = &health {
        for release in &mut shown {
            release.tell_health(health);
        }
    }
    Ok(page.map(|_| shown).respond(params))
}

/// What a list is ordered by, and the figure of sessions that it takes for that.
fn order(sort: &str) -> Result<(ReleaseSort, Option<Figure>), ApiError> {
    Ok(match sort {
        "date" => (ReleaseSort::Came, None),
        "first_event" => (ReleaseSort::FirstEvent, None),
        "new_groups" => (ReleaseSort::NewIssues, None),
        "sessions" => (ReleaseSort::Figure, Some(Figure::Sessions)),
        "users" => (ReleaseSort::Figure, Some(Figure::Users)),
        "crash_free_sessions" => (ReleaseSort::Figure, Some(Figure::CrashedSessions)),
        "crash_free_users" => (ReleaseSort::Figure, Some(Figure::CrashedUsers)),
        _ => {
            let what = "date, first_event, new_groups, sessions, users, crash_free_sessions or \
                        crash_free_users";
            return Err(ApiError::field("sort", what));
        }
    })
}

/// What sessions say of the releases of projects.
async fn read_health(
    state: &ApiState,
    projects: &[Project],
    params: &Params,
    now: Timestamp,
) -> Result<Health, ApiError> {
    let period = params.some("summaryStatsPeriod").unwrap_or("14d");
    let millis = period_millis(period).filter(|millis| *millis <= HEALTH_MAX_MS);
    let millis = millis
        .ok_or_else(|| ApiError::field("summaryStatsPeriod", "at most 90d: 24h, 14d or another"))?;
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let environments: Vec<&str> = params.all("environment").collect();
    health::health(state, &ids, &environments, now.plus_millis(-millis), now).await
}

/// The release of a path, when the caller has one of these scopes.
async fn found(
    state: &ApiState,
    caller: &Caller,
    path: &ReleasePath,
    scopes: &[Scope],
) -> Result<(Organization, ReleaseRow), ApiError> {
    let organization = state
        .organization_by_any(caller, &path.organization, scopes)
        .await?;
    let row = state.store.release(organization.id, &path.version).await?;
    let row = row.ok_or_else(ApiError::missing)?;
    audit::target("release", row.id, &row.version);
    Ok((organization, row))
}

/// The release of a project's path, when it is one of the project.
async fn found_in_project(
    state: &ApiState,
    caller: &Caller,
    path: &ProjectReleasePath,
) -> Result<(Project, ReleaseRow), ApiError> {
    let of = ReleasePath {
        organization: path.organization.clone(),
        version: path.version.clone(),
    };
    let (organization, row) = found(state, caller, &of, &READ).await?;
    let project = state.store.project(organization.id, &path.project).await?;
    let project = project.ok_or_else(ApiError::missing)?;
    let links = state.store.projects_of_releases(&[row.id]).await?;
    let is_linked = links.iter().any(|link| link.project_id == project.id);
    if !is_linked {
        return Err(ApiError::missing());
    }
    Ok((project, row))
}

async fn one(
    state: &ApiState,
    projects: &[Project],
    row: ReleaseRow,
) -> Result<Json<Release>, ApiError> {
    let shown = describe(state, projects, vec![row]).await?.pop();
    Ok(Json(shown.ok_or_else(ApiError::missing)?))
}

/// The rows as the API shows them. What they show beside the row is read for all at once.
async fn describe(
    state: &ApiState,
    projects: &[Project],
    rows: Vec<ReleaseRow>,
) -> Result<Vec<Release>, ApiError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let links = state.store.projects_of_releases(&ids).await?;
    let mut commits = state.store.last_commits(&ids).await?;
    let mut deploys = state.store.last_deploys(&ids).await?;
    let shown = rows.into_iter().map(|row| {
        let own = links.iter().filter(|link| link.release_id == row.id);
        let own: Vec<&ProjectOfRelease> = own.collect();
        let named = own.iter().filter(|link| link.has_events);
        let commit = commits.iter().position(|(release, ..)| *release == row.id);
        let commit = commit.map(|at| commits.swap_remove(at));
        let deploy = deploys
            .iter()
            .position(|(_, deploy)| deploy.release_id == row.id);
        let deploy = deploy.map(|at| deploys.swap_remove(at));
        Release {
            id: row.id.to_string(),
            short_version: short_version(&row.version),
            version: row.version,
            status: if row.is_archived { "archived" } else { "open" },
            url: row.url,
            reference: row.reference,
            date_created: iso(row.created_at),
            date_started: iso_option(row.started_at),
            date_released: iso_option(row.released_at),
            first_event: iso_option(named.clone().map(|link| link.first_seen_at).min()),
            last_event: iso_option(named.map(|link| link.last_seen_at).max()),
            new_groups: own.iter().map(|link| link.new_issues).sum(),
            commit_count: commit.as_ref().map_or(0, |(_, n, _)| *n),
            last_commit: commit.map(|(_, _, commit)| commit.into()),
            deploy_count: deploy.as_ref().map_or(0, |(n, _)| *n),
            last_deploy: deploy.map(|(_, deploy)| deploy.into()),
            projects: own
                .iter()
                .filter_map(|link| ReleaseProject::new(link, projects))
                .collect(),
        }
    });
    Ok(shown.collect())
}

impl Release {
    /// Adds what sessions say of it, to each of its projects.
    fn tell_health(&mut self, health: &Health) {
        for project in &mut self.projects {
            let id = project.id.parse().unwrap_or_default();
            let data = health.get(&(id, self.version.clone())).cloned();
            project.health_data = Some(data.unwrap_or_default());
        }
    }
}

impl ReleaseProject {
    fn new(link: &ProjectOfRelease, projects: &[Project]) -> Option<Self> {
        let project = projects
            .iter()
            .find(|project| project.id == link.project_id)?;
        Some(Self {
            id: project.id.to_string(),
            slug: project.slug.clone(),
            name: project.name.clone(),
            platform: project.platform.clone(),
            new_groups: link.new_issues,
            first_event: link.has_events.then(|| iso(link.first_seen_at)),
            health_data: None,
        })
    }
}
