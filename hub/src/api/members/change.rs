//! Asking people in, changing what they may do, and taking them out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Member, MemberPath, TeamRole, contributor, describe, find};
use crate::access::{Proof, Role, Scope};
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input};
use crate::api::teams::team_role;
use crate::api::types::OrganizationPath;
use crate::audit;
use crate::clock;
use crate::rule::Action;
use crate::store::people::{self, Organization};
use crate::store::teams::TeamMember;

/// Most members of an organization.
const MEMBERS_MAX: usize = 10_000;

/// Someone to be asked in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct NewMember {
    email: String,
    /// `member`, `admin`, `manager` or `owner`; left out it is `member`.
    #[serde(alias = "role")]
    org_role: Option<String>,
    /// Teams by slug.
    teams: Option<Vec<String>>,
    team_roles: Option<Vec<TeamRole>>,
    /// Whether an invitation is mailed; it is when left out.
    send_invite: Option<bool>,
}

/// Changes of a member. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct MemberChange {
    #[serde(alias = "role")]
    org_role: Option<String>,
    /// All their teams, by slug.
    teams: Option<Vec<String>>,
    /// The same with roles.
    team_roles: Option<Vec<TeamRole>>,
    /// `true` makes a fresh invitation.
    reinvite: Option<bool>,
}

/// Makes someone a member. Who has no account is invited.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/members/", tag = "members",
    params(OrganizationPath), request_body = NewMember,
    responses((status = 201, body = Member)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(wish): Input<NewMember>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::MemberWrite)
        .await?;
    let role = wish.org_role.as_deref().unwrap_or("member");
    let role = role_of("orgRole", role)?;
    may_give(&caller, &organization, role)?;
    let wanted = wanted_teams(&state, &organization, wish.teams, wish.team_roles).await?;
    if state.store.members(organization.id).await?.len() >= MEMBERS_MAX {
        return Err(ApiError::conflict(format!(
            "An organization has at most {MEMBERS_MAX} members."
        )));
    }
    let invited = state
        .access
        .invite(clock::now(), organization.id, &wish.email, role)
        .await?;
    let user = invited.user_id;
    if let Some(wanted) = wanted {
        put_teams(&state, &organization, user, &wanted).await?;
    }
    let mut member = describe(&state, &organization, user).await?;
    if let Some(token) = invited.token {
        let sends = wish.send_invite.unwrap_or(true);
        show_invitation(&state, &organization, &mut member, &token, sends).await;
    }
    Ok((StatusCode::CREATED, Json(member)).into_response())
}

/// Changes a member's role and teams, or invites them again.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/members/{member}/",
    tag = "members", params(MemberPath), request_body = MemberChange,
    responses((status = 200, body = Member)))]
pub(in crate::api) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberPath>,
    Input(change): Input<MemberChange>,
) -> Result<Json<Member>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::MemberWrite)
        .await?;
    let rows = state.store.members(organization.id).await?;
    let row = find(&rows, &caller, &path.member)?;
    may_touch(&caller, &organization, row)?;
    audit::target("user", row.user.id, &row.user.email);
    let wanted = wanted_teams(&state, &organization, change.teams, change.team_roles).await?;
    if let Some(name) = &change.org_role {
        let role = role_of("orgRole", name)?;
        may_give(&caller, &organization, role)?;
        audit::changed(
            &json!({ "orgRole": row.role }),
            &json!({ "orgRole": role.name() }),
        );
        let mut write = state.store.begin().await?;
        let has_owner = write
            .set_member_role(organization.id, row.user.id, role.name())
            .await?;
        if !has_owner {
            return Err(needs_an_owner());
        }
        write.commit().await?;
    }
    if let Some(wanted) = wanted {
        put_teams(&state, &organization, row.user.id, &wanted).await?;
    }
    let mut member = describe(&state, &organization, row.user.id).await?;
    if change.reinvite == Some(true) {
        let token = state
            .access
            .invite_again(clock::now(), &row.user.email)
            .await?;
        let token = token.ok_or_else(|| ApiError::field("reinvite", "they have come already"))?;
        member = describe(&state, &organization, row.user.id).await?;
        show_invitation(&state, &organization, &mut member, &token, true).await;
    }
    Ok(Json(member))
}

/// Takes a member out of the organization. Everyone may leave by themselves.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/members/{member}/",
    tag = "members", params(MemberPath), responses((status = 204)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<MemberPath>,
) -> Result<StatusCode, ApiError> {
    let is_self = path.member == "me" || path.member == caller.0.user.id.to_string();
    let scope = match &caller.0.proof {
        Proof::Session { .. } if is_self => Scope::MemberRead,
        Proof::Session { .. } | Proof::Token { .. } => Scope::MemberAdmin,
    };
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let rows = state.store.members(organization.id).await?;
    let row = find(&rows, &caller, &path.member)?;
    may_touch(&caller, &organization, row)?;
    audit::target("user", row.user.id, &row.user.email);
    let mut write = state.store.begin().await?;
    if !write.remove_member(organization.id, row.user.id).await? {
        return Err(needs_an_owner());
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn needs_an_owner() -> ApiError {
    ApiError::conflict("An organization keeps at least one owner: make somebody else one first.")
}

fn role_of(field: &'static str, name: &str) -> Result<Role, ApiError> {
    Role::from_name(name).ok_or_else(|| ApiError::field(field, "member, admin, manager or owner"))
}

fn may_give(caller: &Caller, organization: &Organization, role: Role) -> Result<(), ApiError> {
    let own = caller.0.membership(organization.id).map(|own| own.role);
    match own {
        Some(own) if own >= role => Ok(()),
        _ => Err(ApiError::forbidden("Nobody gives a role above their own.")),
    }
}

/// Whether the caller's role is not below the member's.
fn may_touch(
    caller: &Caller,
    organization: &Organization,
    member: &people::Member,
) -> Result<(), ApiError> {
    // A role of a later version is above all that are known.
    let theirs = Role::from_name(&member.role).unwrap_or(Role::Owner);
    let own = caller.0.membership(organization.id).map(|own| own.role);
    match own {
        Some(own) if own >= theirs => Ok(()),
        _ => Err(ApiError::forbidden("Their role is above yours.")),
    }
}

/// The teams that a request names; `None` leaves them.
async fn wanted_teams(
    state: &ApiState,
    organization: &Organization,
    slugs: Option<Vec<String>>,
    roles: Option<Vec<TeamRole>>,
) -> Result<Option<Vec<(i64, String)>>, ApiError> {
    let named: Vec<TeamRole> = match (roles, slugs) {
        (Some(roles), _) => roles,
        (None, Some(slugs)) => slugs
            .into_iter()
            .map(|team_slug| TeamRole {
                team_slug,
                role: contributor(),
            })
            .collect(),
        (None, None) => return Ok(None),
    };
    let teams = state.store.teams(organization.id).await?;
    let mut wanted = Vec::new();
    for named in named {
        let team = teams.iter().find(|team| team.slug == named.team_slug);
        let team = team.ok_or_else(|| {
            ApiError::field("teams", format!("no team is called {}", named.team_slug))
        })?;
        wanted.push((team.id, team_role(&named.role)?));
    }
    Ok(Some(wanted))
}

/// Makes these a member's teams, and no others.
async fn put_teams(
    state: &ApiState,
    organization: &Organization,
    user: i64,
    wanted: &[(i64, String)],
) -> Result<(), ApiError> {
    let members = state.store.team_members(organization.id).await?;
    let of = |team: i64, role: &str| (team.to_string(), role.into());
    let own = members.iter().filter(|member| member.user_id == user);
    let own: Map<String, Value> = own.map(|m| of(m.team_id, &m.role)).collect();
    let then: Map<String, Value> = wanted.iter().map(|(team, role)| of(*team, role)).collect();
    audit::changed(&json!({ "teams": own }), &json!({ "teams": then }));
    let mut write = state.store.begin().await?;
    for member in members.iter().filter(|member| member.user_id == user) {
        if !wanted.iter().any(|(team, _)| *team == member.team_id) {
            write.remove_team_member(member.team_id, user).await?;
        }
    }
    for (team_id, role) in wanted {
        let member = TeamMember {
            team_id: *team_id,
            user_id: user,
            role: role.clone(),
        };
        write.put_team_member(&member).await?;
    }
    Ok(write.commit().await?)
}

/// Adds the link to an answer, and mails it where there is a mail server.
async fn show_invitation(
    state: &ApiState,
    organization: &Organization,
    member: &mut Member,
    token: &str,
    sends: bool,
) {
    let url = state.config.public_url.trim_end_matches('/');
    let link = format!("{url}/invitation?token={token}");
    if sends {
        let letter = json!({ "action": "letter", "data": {
            "subject": format!("You are invited to {}", organization.name),
            "text": format!(
                "Set your password to look at the errors of {}:\n{link}\n\n\
                 The link is good for a week, and once.",
                organization.name,
            ),
        } });
        let to = member.email.clone();
        let sent = state
            .sender
            .send(&Action::Email { to }, &letter.to_string())
            .await;
        if let Err(error) = &sent {
            tracing::debug!(%error, "an invitation was not mailed");
        }
        member.invite_sent = Some(sent.is_ok());
    }
    member.invite_link = Some(link);
}
