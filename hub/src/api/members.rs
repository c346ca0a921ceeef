//! Members: people of an organization, their roles, and the teams they are in.
//!
//! Nobody gives a role above their own, or touches who has one; an organization keeps an owner.

pub(super) mod change;
pub(super) mod teams;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::{Page, Params};
use super::teams::{TeamPath, Teams};
use super::types::{OrganizationPath, ProjectPath, UserRef, iso};
use crate::access::Scope;
use crate::clock;
use crate::store::people::{self, Organization};

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    id: String,
    email: String,
    name: String,
    /// `member`, `admin`, `manager` or `owner`.
    org_role: String,
    role: String,
    /// Whether they were invited and have not come yet.
    pending: bool,
    /// Whether their invitation has ended.
    expired: bool,
    invite_status: &'static str,
    date_created: String,
    /// The slugs of their teams.
    teams: Vec<String>,
    team_roles: Vec<TeamRole>,
    user: UserRef,
    /// Where they set their password; shown once, to whoever invited them.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_link: Option<String>,
    /// Whether the invitation was mailed to them; only beside the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_sent: Option<bool>,
}

/// A place in a team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TeamRole {
    team_slug: String,
    /// `contributor` or `admin`.
    #[serde(default = "contributor")]
    role: String,
}

fn contributor() -> String {
    "contributor".to_owned()
}

/// The path of a member.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MemberPath {
    /// Slug or id.
    organization: String,
    /// The id, or `me`.
    member: String,
}

/// The members of an organization, with what is shown beside them.
struct Members {
    rows: Vec<people::Member>,
    teams: Teams,
    /// Who has not come yet, and until when the invitation is good.
    pending: Vec<(i64, Option<i64>)>,
}

impl Members {
    async fn read(state: &ApiState, organization: i64) -> Result<Self, ApiError> {
        Ok(Self {
            rows: state.store.members(organization).await?,
            teams: Teams::read(state, organization).await?,
            pending: state.store.pending_members(organization).await?,
        })
    }

    fn shown(&self, member: &people::Member) -> Member {
        let id = member.user.id;
        let invited = self.pending.iter().find(|(user, _)| *user == id);
        let now = clock::now().as_millis();
        let is_over = |until: Option<i64>| until.is_none_or(|until| until <= now);
        let team_roles: Vec<TeamRole> = self
            .teams
            .of_user(id)
            .map(|(team, role)| TeamRole {
                team_slug: team.slug.clone(),
                role: role.to_owned(),
            })
            .collect();
        Member {
            id: id.to_string(),
            user: UserRef::from(&member.user),
            email: member.user.email.clone(),
            name: member.user.name.clone(),
            org_role: member.role.clone(),
            role: member.role.clone(),
            pending: invited.is_some(),
            expired: invited.is_some_and(|(_, until)| is_over(*until)),
            invite_status: "approved",
            date_created: iso(member.joined_at),
            teams: team_roles
                .iter()
                .map(|role| role.team_slug.clone())
                .collect(),
            team_roles,
            invite_link: None,
            invite_sent: None,
        }
    }
}

/// The member of an organization that a path names.
fn find<'m>(
    rows: &'m [people::Member],
    caller: &Caller,
    name: &str,
) -> Result<&'m people::Member, ApiError> {
    let id = match name {
        "me" => caller.0.user.id,
        name => name.parse().map_err(|_| ApiError::missing())?,
    };
    let found = rows.iter().find(|member| member.user.id == id);
    found.ok_or_else(ApiError::missing)
}

/// One member as it is now.
async fn describe(
    state: &ApiState,
    organization: &Organization,
    user: i64,
) -> Result<Member, ApiError> {
    let members = Members::read(state, organization.id).await?;
    let member = members.rows.iter().find(|member| member.user.id == user);
    Ok(members.shown(member.ok_or_else(ApiError::missing)?))
}

/// The members of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/members/", tag = "members",
    params(OrganizationPath), responses((status = 200, body = [Member])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::MemberRead)
        .await?;
    let members = Members::read(&state, organization.id).await?;
    let shown = members.rows.iter().map(|member| members.shown(member));
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// One member.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/members/{member}/",
    tag = "members", params(MemberPath), responses((status = 200, body = Member)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberPath>,
) -> Result<Json<Member>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::MemberRead)
        .await?;
    let members = Members::read(&state, organization.id).await?;
    let member = find(&members.rows, &caller, &path.member)?;
    Ok(Json(members.shown(member)))
}

/// The members of the teams that look after a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/members/", tag = "members",
    params(ProjectPath), responses((status = 200, body = [Member])))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::MemberRead;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let members = Members::read(&state, organization.id).await?;
    let cares = |member: &&people::Member| members.teams.cares(member.user.id, project.id);
    let own = members.rows.iter().filter(cares);
    let shown = own.map(|member| members.shown(member));
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// The members of a team.
#[utoipa::path(get, path = "/api/0/teams/{organization}/{team}/members/", tag = "members",
    params(TeamPath), responses((status = 200, body = [Member])))]
pub(super) async fn of_team(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<TeamPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let (organization, team) = state
        .team(&caller, &path.organization, &path.team, Scope::TeamRead)
        .await?;
    let members = Members::read(&state, organization.id).await?;
    let is_in = |member: &&people::Member| {
        let mut teams = members.teams.of_user(member.user.id);
        teams.any(|(other, _)| other.id == team.id)
    };
    let own = members.rows.iter().filter(is_in);
    let shown = own.map(|member| members.shown(member));
    Ok(Page::whole(shown.collect()).respond(&params))
}
