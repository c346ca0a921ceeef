//! Organizations, their teams and members.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::page::{Page, Params};
use super::types::{OrganizationPath, ProjectRef, UserRef, iso};
use super::{ApiState, privacy};
use crate::access::Scope;
use crate::store::people;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    id: String,
    slug: String,
    name: String,
    date_created: String,
    status: NamedStatus,
    is_early_adopter: bool,
    #[serde(rename = "require2FA")]
    require_2fa: bool,
    require_email_verification: bool,
    features: Vec<String>,
    /// The caller's scopes here.
    access: Vec<String>,
    /// The caller's role here.
    org_role: String,
    /// The document of privacy rules of all projects, JSON as text; only where one organization is
    /// asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_pii_config: Option<String>,
    links: Links,
}

/// A status and its name.
#[derive(Debug, Serialize, ToSchema)]
struct NamedStatus {
    id: &'static str,
    name: &'static str,
}

/// Where things are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Links {
    organization_url: String,
    region_url: String,
}

impl Organization {
    fn new(state: &ApiState, caller: &Caller, row: &people::Organization) -> Self {
        let membership = caller.0.membership(row.id);
        let url = state.config.public_url.trim_end_matches('/');
        Self {
            id: row.id.to_string(),
            slug: row.slug.clone(),
            name: row.name.clone(),
            date_created: iso(row.created_at),
            status: NamedStatus {
                id: "active",
                name: "active",
            },
            is_early_adopter: false,
            require_2fa: false,
            require_email_verification: false,
            features: Vec::new(),
            access: membership.map(|m| m.scopes.names()).unwrap_or_default(),
            org_role: membership
                .map(|m| m.role.name().to_owned())
                .unwrap_or_default(),
            relay_pii_config: None,
            links: Links {
                organization_url: url.to_owned(),
                region_url: url.to_owned(),
            },
        }
    }
}

/// A team.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    id: String,
    slug: String,
    name: String,
    date_created: String,
    is_member: bool,
    has_access: bool,
    member_count: usize,
    projects: Vec<ProjectRef>,
}

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    id: String,
    email: String,
    name: String,
    org_role: String,
    role: String,
    pending: bool,
    expired: bool,
    date_created: String,
    user: UserRef,
}

/// Changes of an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationChange {
    name: Option<String>,
    /// An empty text takes the rules away.
    relay_pii_config: Option<String>,
}

/// The caller's organizations.
#[utoipa::path(get, path = "/api/0/organizations/", tag = "organizations",
    responses((status = 200, body = [Organization])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> Result<Response, ApiError> {
    let rows = state.store.organizations().await?;
    let own = rows
        .iter()
        .filter(|row| caller.0.membership(row.id).is_some());
    let rows: Vec<_> = own
        .map(|row| Organization::new(&state, &caller, row))
        .collect();
    Ok(Page::whole(rows).respond(&params))
}

/// One organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/", tag = "organizations",
    params(OrganizationPath), responses((status = 200, body = Organization)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<Organization>, ApiError> {
    let row = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    shown(&state, &caller, &row).await
}

async fn shown(
    state: &ApiState,
    caller: &Caller,
    row: &people::Organization,
) -> Result<Json<Organization>, ApiError> {
    Ok(Json(Organization {
        relay_pii_config: state.fleet.organization_rules(row.id).await?,
        ..Organization::new(state, caller, row)
    }))
}

/// Changes an organization.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/", tag = "organizations",
    params(OrganizationPath), request_body = OrganizationChange,
    responses((status = 200, body = Organization)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(change): Input<OrganizationChange>,
) -> Result<Json<Organization>, ApiError> {
    let mut row = state
        .organization(&caller, &path.organization, Scope::OrgWrite)
        .await?;
    if let Some(name) = change.name {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            return Err(ApiError::field(
                "name",
                format!("1 to {NAME_LEN_MAX} bytes"),
            ));
        }
        let mut write = state.store.begin().await?;
        write.rename_organization(row.id, name).await?;
        write.commit().await?;
        row.name = name.to_owned();
    }
    if let Some(rules) = change.relay_pii_config {
        privacy::compile("relayPiiConfig", &rules)?;
        let rules = rules.trim();
        state.fleet.set_organization_rules(row.id, rules).await?;
    }
    shown(&state, &caller, &row).await
}

/// The teams of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/teams/", tag = "organizations",
    params(OrganizationPath), responses((status = 200, body = [Team])))]
pub(super) async fn teams(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::TeamRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let links = state.store.project_teams(organization.id).await?;
    let member_count = state.store.members(organization.id).await?.len();
    let teams = state.store.teams(organization.id).await?;
    let teams = teams.into_iter().map(|team| {
        let is_linked = |project: i64| links.contains(&(project, team.id));
        let projects = projects.iter().filter(|project| is_linked(project.id));
        Team {
            id: team.id.to_string(),
            projects: projects.map(ProjectRef::from).collect(),
            slug: team.slug,
            name: team.name,
            date_created: iso(team.created_at),
            is_member: true,
            has_access: true,
            member_count,
        }
    });
    Ok(Page::whole(teams.collect()).respond(&params))
}

/// The members of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/members/", tag = "organizations",
    params(OrganizationPath), responses((status = 200, body = [Member])))]
pub(super) async fn members(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::MemberRead)
        .await?;
    let members = state.store.members(organization.id).await?;
    let members = members.into_iter().map(|member| Member {
        id: member.user.id.to_string(),
        user: UserRef::from(&member.user),
        email: member.user.email,
        name: member.user.name,
        org_role: member.role.clone(),
        role: member.role,
        pending: false,
        expired: false,
        date_created: iso(member.joined_at),
    });
    Ok(Page::whole(members.collect()).respond(&params))
}
