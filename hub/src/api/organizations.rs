//! Organizations.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use protocol::roster::PrivacySettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::page::{Page, Params};
use super::projects::{safe_fields, texts as field_names};
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
    /// Always on: private data never reaches the disk of a relay. This and what follows likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_scrubber: Option<bool>,
    /// Always on: the built-in rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_scrubber_defaults: Option<bool>,
    /// Removes IP addresses of all projects.
    #[serde(rename = "scrubIPAddresses", skip_serializing_if = "Option::is_none")]
    scrub_ip_addresses: Option<bool>,
    /// Removes e-mail addresses of all projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    scrub_emails: Option<bool>,
    /// Further key names whose values are removed; matched anywhere in a key or a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_fields: Option<Vec<String>>,
    /// Key names, or selectors that name a key, that are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    safe_fields: Option<Vec<String>>,
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
            data_scrubber: None,
            data_scrubber_defaults: None,
            scrub_ip_addresses: None,
            scrub_emails: None,
            sensitive_fields: None,
            safe_fields: None,
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
    #[serde(rename = "scrubIPAddresses")]
    scrub_ip_addresses: Option<bool>,
    scrub_emails: Option<bool>,
    sensitive_fields: Option<Vec<String>>,
    safe_fields: Option<Vec<String>>,
}

impl OrganizationChange {
    /// The privacy settings as they are to be.
    fn privacy(self, mut settings: PrivacySettings) -> Result<PrivacySettings, ApiError> {
        if let Some(is_on) = self.scrub_ip_addresses {
            settings.scrub_ip_addresses = is_on;
        }
        if let Some(is_on) = self.scrub_emails {
            settings.scrub_emails = is_on;
        }
        if let Some(fields) = self.sensitive_fields {
            settings.sensitive_fields = field_names("sensitiveFields", fields)?;
        }
        if let Some(fields) = self.safe_fields {
            settings.safe_fields = safe_fields(fields)?;
        }
        if let Some(rules) = self.relay_pii_config {
            privacy::compile("relayPiiConfig", &rules)?;
            let rules = Some(rules.trim()).filter(|rules| !rules.is_empty());
            settings.rules = rules.map(Arc::from).into_iter().collect();
        }
        Ok(settings)
    }
}

/// What an entry of the audit log says of privacy settings.
fn told(settings: &PrivacySettings) -> Value {
    let rules = settings.rules.first().map(ToString::to_string);
    json!({
        "scrubIPAddresses": settings.scrub_ip_addresses, "scrubEmails": settings.scrub_emails,
        "sensitiveFields": settings.sensitive_fields, "safeFields": settings.safe_fields,
        "relayPiiConfig": rules.unwrap_or_default(),
    })
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
    let settings = state.fleet.organization_privacy(row.id).await?;
    Ok(Json(Organization {
        relay_pii_config: settings.rules.first().map(ToString::to_string),
        data_scrubber: Some(true),
        data_scrubber_defaults: Some(true),
        scrub_ip_addresses: Some(settings.scrub_ip_addresses),
        scrub_emails: Some(settings.scrub_emails),
        sensitive_fields: Some(settings.sensitive_fields),
        safe_fields: Some(settings.safe_fields),
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
    let before = state.fleet.organization_privacy(row.id).await?;
    let after = change.privacy(before.clone())?;
    if after != before {
        audit::changed(&told(&before), &told(&after));
        state.fleet.set_organization_privacy(row.id, after).await?;
    }
    shown(&state, &caller, &row).await
}
