//! Organizations.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::page::{Page, Params};
use super::types::{OrganizationPath, iso};
use super::{ApiState, privacy};
use crate::access::{Scope, check_slug};
use crate::audit;
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

/// Changes of an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationChange {
    name: Option<String>,
    slug: Option<String>,
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
    let before = json!({ "name": row.name, "slug": row.slug });
    if let Some(name) = &change.name {
        row.name = text("name", name, NAME_LEN_MAX)?;
    }
    if let Some(slug) = &change.slug {
        check_slug(slug)?;
        row.slug.clone_from(slug);
    }
    if change.name.is_some() || change.slug.is_some() {
        audit::changed(&before, &json!({ "name": row.name, "slug": row.slug }));
        let mut write = state.store.begin().await?;
        write.rename_organization(&row).await?;
        write.commit().await?;
    }
    if let Some(rules) = change.relay_pii_config {
        privacy::compile("relayPiiConfig", &rules)?;
        let rules = rules.trim();
        let before = state.fleet.organization_rules(row.id).await?;
        audit::changed(
            &json!({ "relayPiiConfig": before.unwrap_or_default() }),
            &json!({ "relayPiiConfig": rules }),
        );
        state.fleet.set_organization_rules(row.id, rules).await?;
    }
    shown(&state, &caller, &row).await
}
