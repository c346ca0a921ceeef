//! Joining teams and leaving them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::access::{Proof, Scope};
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input};
use crate::api::teams::{Team, describe, team_role};
use crate::audit;
use crate::store::people;
use crate::store::teams::TeamMember;

/// The path of a member's team.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct MemberTeamPath {
    /// Slug or id.
    organization: String,
    /// The id, or `me`.
    member: String,
    /// Slug or id.
    team: String,
}

/// A role in a team.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct TeamRoleChange {
    /// `contributor` or `admin`.
    team_role: Option<String>,
}

/// Puts a member into a team. Who is logged in may join any of their organization's teams.
#[utoipa::path(post, tag = "members", params(MemberTeamPath),
    path = "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
    responses((status = 201, body = Team)))]
pub(in crate::api) async fn join(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberTeamPath>,
) -> Result<Response, ApiError> {
    let (team, user) = place(&state, &caller, &path, Own::MayDo).await?;
    if role_in(&state, &team, user).await?.is_none() {
        put(&state, &team, user, "contributor".to_owned()).await?;
    }
    let team = describe(&state, &caller, &team).await?;
    Ok((StatusCode::CREATED, Json(team)).into_response())
}

/// Changes a member's role in a team.
#[utoipa::path(put, tag = "members", params(MemberTeamPath), request_body = TeamRoleChange,
    path = "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
    responses((status = 200, body = Team)))]
pub(in crate::api) async fn set_role(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberTeamPath>,
    Input(change): Input<TeamRoleChange>,
) -> Result<Json<Team>, ApiError> {
    let (team, user) = place(&state, &caller, &path, Own::MayNot).await?;
    if role_in(&state, &team, user).await?.is_none() {
        return Err(ApiError::missing());
    }
    if let Some(role) = &change.team_role {
        put(&state, &team, user, team_role(role)?).await?;
    }
    Ok(Json(describe(&state, &caller, &team).await?))
}

/// Takes a member out of a team. Who is logged in may leave by themselves.
#[utoipa::path(delete, tag = "members", params(MemberTeamPath),
    path = "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
    responses((status = 200, body = Team)))]
pub(in crate::api) async fn leave(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberTeamPath>,
) -> Result<Json<Team>, ApiError> {
    let (team, user) = place(&state, &caller, &path, Own::MayDo).await?;
    let mut write = state.store.begin().await?;
    write.remove_team_member(team.id, user).await?;
    write.commit().await?;
    Ok(Json(describe(&state, &caller, &team).await?))
}

/// Whether people do it for themselves without further rights.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    MayDo,
    MayNot,
}

/// The team and the member of a path, when the caller may change that place.
async fn place(
    state: &ApiState,
    caller: &Caller,
    path: &MemberTeamPath,
    own: Own,
) -> Result<(people::Team, i64), ApiError> {
    let is_self = path.member == "me" || path.member == caller.0.user.id.to_string();
    let is_session = matches!(caller.0.proof, Proof::Session { .. });
    let (organization, team) = if is_self && is_session && own == Own::MayDo {
        let scope = Scope::TeamRead;
        state
            .team(caller, &path.organization, &path.team, scope)
            .await?
    } else {
        state
            .team_to_fill(caller, &path.organization, &path.team)
            .await?
    };
    let rows = state.store.members(organization.id).await?;
    let member = find(&rows, caller, &path.member)?;
    audit::target("user", member.user.id, &member.user.email);
    audit::detail("team", team.slug.as_str());
    Ok((team, member.user.id))
}

async fn role_in(
    state: &ApiState,
    team: &people::Team,
    user: i64,
) -> Result<Option<String>, ApiError> {
    let members = state.store.team_members(team.organization_id).await?;
    let found = members
        .into_iter()
        .find(|member| member.team_id == team.id && member.user_id == user);
    Ok(found.map(|member| member.role))
}

async fn put(
    state: &ApiState,
    team: &people::Team,
    user: i64,
    role: String,
) -> Result<(), ApiError> {
    audit::detail("role", role.as_str());
    let member = TeamMember {
        team_id: team.id,
        user_id: user,
        role,
    };
    let mut write = state.store.begin().await?;
    write.put_team_member(&member).await?;
    Ok(write.commit().await?)
}
