//! Teams: who is in them, and which projects they look after.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::page::{Page, Params};
use super::types::{OrganizationPath, ProjectRef, iso};
use crate::access::{Proof, Scope, check_slug, slug_of};
use crate::audit;
use crate::clock;
use crate::store::people::{self, Organization};
use crate::store::projects::Project;
use crate::store::teams::TeamMember;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;
/// Most teams of an organization.
const TEAMS_MAX: usize = 1000;
/// The roles in a team: one works in it, the other says who does.
const CONTRIBUTOR: &str = "contributor";
const ADMIN: &str = "admin";

/// A team.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    id: String,
    slug: String,
    name: String,
    date_created: String,
    /// Whether the caller is in it.
    is_member: bool,
    /// The caller's role in it: `contributor` or `admin`.
    team_role: Option<String>,
    has_access: bool,
    is_pending: bool,
    member_count: usize,
    projects: Vec<ProjectRef>,
}

/// A team to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewTeam {
    /// Made of the slug when it is left out.
    name: Option<String>,
    /// Made of the name when it is left out.
    slug: Option<String>,
}

/// Changes of a team.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TeamChange {
    name: Option<String>,
    slug: Option<String>,
}

/// The path of a team.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TeamPath {
    /// Slug or id.
    pub organization: String,
    /// Slug or id.
    pub team: String,
}

/// The path of a team of a project.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectTeamPath {
    /// Slug or id.
    pub organization: String,
    /// Slug or id.
    pub project: String,
    /// Slug or id.
    pub team: String,
}

/// A role in a team by its name.
pub(super) fn team_role(name: &str) -> Result<String, ApiError> {
    match name {
        CONTRIBUTOR | ADMIN => Ok(name.to_owned()),
        _ => Err(ApiError::field("teamRole", "contributor or admin")),
    }
}

/// The teams of an organization, with who is in them and what they look after.
pub(super) struct Teams {
    pub(super) teams: Vec<people::Team>,
    pub(super) members: Vec<TeamMember>,
    projects: Vec<Project>,
    /// (project, team).
    links: Vec<(i64, i64)>,
}

impl Teams {
    pub(super) async fn read(state: &ApiState, organization: i64) -> Result<Self, ApiError> {
        Ok(Self {
            teams: state.store.teams(organization).await?,
            members: state.store.team_members(organization).await?,
            projects: state.store.projects(organization).await?,
            links: state.store.project_teams(organization).await?,
        })
    }

    /// The teams that someone is in, with the role there.
    pub(super) fn of_user(&self, user: i64) -> impl Iterator<Item = (&people::Team, &str)> {
        let own = self
            .members
            .iter()
            .filter(move |member| member.user_id == user);
        own.filter_map(|member| {
            let team = self.teams.iter().find(|team| team.id == member.team_id)?;
            Some((team, member.role.as_str()))
        })
    }

    /// Whether someone is in a team that looks after a project.
    pub(super) fn cares(&self, user: i64, project: i64) -> bool {
        let mut own = self.of_user(user);
        own.any(|(team, _)| self.links.contains(&(project, team.id)))
    }

    fn shown(&self, caller: &Caller, team: &people::Team) -> Team {
        let members = self
            .members
            .iter()
            .filter(|member| member.team_id == team.id);
        let own = members
            .clone()
            .find(|member| member.user_id == caller.0.user.id);
        let is_linked = |project: &&Project| self.links.contains(&(project.id, team.id));
        Team {
            id: team.id.to_string(),
            slug: team.slug.clone(),
            name: team.name.clone(),
            date_created: iso(team.created_at),
            is_member: own.is_some(),
            team_role: own.map(|member| member.role.clone()),
            has_access: true,
            is_pending: false,
            member_count: members.count(),
            projects: self
                .projects
                .iter()
                .filter(is_linked)
                .map(ProjectRef::from)
                .collect(),
        }
    }
}

/// A team as the caller sees it.
pub(super) async fn describe(
    state: &ApiState,
    caller: &Caller,
    team: &people::Team,
) -> Result<Team, ApiError> {
    let teams = Teams::read(state, team.organization_id).await?;
    Ok(teams.shown(caller, team))
}

impl ApiState {
    /// The team of a slug or id, when the caller may do this in its organization.
    pub(super) async fn team(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
        scope: Scope,
    ) -> Result<(Organization, people::Team), ApiError> {
        let organization = self.organization(caller, organization, scope).await?;
        let team = self.store.team(organization.id, name).await?;
        let team = team.ok_or_else(ApiError::missing)?;
        audit::target("team", team.id, &team.slug);
        Ok((organization, team))
    }

    /// The same for who may say who is in the team: by the scope, or as one of the team's admins,
    /// who are logged in.
    pub(super) async fn team_to_fill(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
    ) -> Result<(Organization, people::Team), ApiError> {
        let (organization, team) = self
            .team(caller, organization, name, Scope::TeamRead)
            .await?;
        let members = self.store.team_members(organization.id).await?;
        let is_admin = members.iter().any(|member| {
            member.team_id == team.id && member.user_id == caller.0.user.id && member.role == ADMIN
        });
        if !is_admin || matches!(caller.0.proof, Proof::Token { .. }) {
            let slug = organization.slug.as_str();
            self.organization(caller, slug, Scope::TeamWrite).await?;
        }
        Ok((organization, team))
    }
}

/// The teams of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/teams/", tag = "teams",
    params(OrganizationPath), responses((status = 200, body = [Team])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::TeamRead)
        .await?;
    let teams = Teams::read(&state, organization.id).await?;
    let shown = teams.teams.iter().map(|team| teams.shown(&caller, team));
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// The caller's teams.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/user-teams/", tag = "teams",
    params(OrganizationPath), responses((status = 200, body = [Team])))]
pub(super) async fn of_caller(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::TeamRead)
        .await?;
    let teams = Teams::read(&state, organization.id).await?;
    let own = teams.of_user(caller.0.user.id);
    let shown = own.map(|(team, _)| teams.shown(&caller, team));
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// Makes a team; the caller is its first admin.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/teams/", tag = "teams",
    params(OrganizationPath), request_body = NewTeam, responses((status = 201, body = Team)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(wish): Input<NewTeam>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::TeamWrite)
        .await?;
    let slug = wish.slug.filter(|slug| !slug.is_empty());
    let name = match (&wish.name, &slug) {
        (None, Some(slug)) => slug.clone(),
        (name, _) => text("name", name.as_deref().unwrap_or_default(), NAME_LEN_MAX)?,
    };
    let slug = slug.unwrap_or_else(|| slug_of(&name));
    check_slug(&slug)?;
    if state.store.teams(organization.id).await?.len() >= TEAMS_MAX {
        return Err(ApiError::conflict(format!(
            "An organization has at most {TEAMS_MAX} teams."
        )));
    }
    let now = clock::now().as_millis();
    let mut write = state.store.begin().await?;
    let id = write.add_team(organization.id, &slug, &name, now).await?;
    let first = TeamMember {
        team_id: id,
        user_id: caller.0.user.id,
        role: ADMIN.to_owned(),
    };
    write.put_team_member(&first).await?;
    audit::target("team", id, &slug);
    write.commit().await?;
    let team = state.store.team(organization.id, &slug).await?;
    let team = team.ok_or_else(ApiError::missing)?;
    let team = describe(&state, &caller, &team).await?;
    Ok((StatusCode::CREATED, Json(team)).into_response())
}

/// One team.
#[utoipa::path(get, path = "/api/0/teams/{organization}/{team}/", tag = "teams",
    params(TeamPath), responses((status = 200, body = Team)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
) -> Result<Json<Team>, ApiError> {
    let (_, team) = state
        .team(&caller, &path.organization, &path.team, Scope::TeamRead)
        .await?;
    Ok(Json(describe(&state, &caller, &team).await?))
}

/// Renames a team.
#[utoipa::path(put, path = "/api/0/teams/{organization}/{team}/", tag = "teams",
    params(TeamPath), request_body = TeamChange, responses((status = 200, body = Team)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
    Input(change): Input<TeamChange>,
) -> Result<Json<Team>, ApiError> {
    let (_, mut team) = state
        .team(&caller, &path.organization, &path.team, Scope::TeamWrite)
        .await?;
    let before = json!({ "name": team.name, "slug": team.slug });
    if let Some(name) = &change.name {
        team.name = text("name", name, NAME_LEN_MAX)?;
    }
    if let Some(slug) = change.slug {
        check_slug(&slug)?;
        team.slug = slug;
    }
    audit::changed(&before, &json!({ "name": team.name, "slug": team.slug }));
    let mut write = state.store.begin().await?;
    write.update_team(&team).await?;
    write.commit().await?;
    Ok(Json(describe(&state, &caller, &team).await?))
}

/// Removes a team; its issues are nobody's then, its projects stay.
#[utoipa::path(delete, path = "/api/0/teams/{organization}/{team}/", tag = "teams",
    params(TeamPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
) -> Result<StatusCode, ApiError> {
    let (_, team) = state
        .team(&caller, &path.organization, &path.team, Scope::TeamAdmin)
        .await?;
    let mut write = state.store.begin().await?;
    write.remove_team(team.id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
