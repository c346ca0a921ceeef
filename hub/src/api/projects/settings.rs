//! What a project's owner decides, as it is shown, stored and changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::item::Category;
use protocol::privacy::check_safe_field;
use protocol::roster::{PrivacySettings, SampleRate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NAME_LEN_MAX, PLATFORM_LEN_MAX, Row};
use crate::api::error::ApiError;
use crate::api::input::text;
use crate::api::{ApiState, filters, privacy};
use crate::audit;
use crate::fleet::Intake;

/// Most entries of a list setting, and the longest of them, in bytes.
const LIST_MAX: usize = 200;
const LIST_TEXT_MAX: usize = 200;
/// Longest time after which forgotten issues are resolved, in hours.
const RESOLVE_AGE_MAX: i64 = 365 * 24;

/// What a project's owner decides: privacy and origins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the shape that Sentry's clients read"
)]
pub(super) struct Settings {
    /// Always on: private data never reaches the disk of a relay.
    data_scrubber: bool,
    /// Always on: the built-in rules.
    data_scrubber_defaults: bool,
    /// Removes IP addresses too.
    #[serde(rename = "scrubIPAddresses")]
    scrub_ip_addresses: bool,
    /// Removes e-mail addresses too.
    scrub_emails: bool,
    /// Further key names whose values are removed.
    sensitive_fields: Vec<String>,
    /// Key names, or selectors that name a key, that are left alone.
    safe_fields: Vec<String>,
    /// The project's own document of privacy rules, JSON as text; that of its organization applies
    /// too.
    relay_pii_config: Option<String>,
    /// Origins browsers may send from; empty means any.
    allowed_domains: Vec<String>,
    /// Hours after which an issue that is not seen any more is resolved; 0 is never.
    resolve_age: i64,
    /// The share that relays keep, between 0 and 1, by data category; others are kept whole.
    sampling: BTreeMap<String, f64>,
    /// Filters by list, under Sentry's names; lists have one entry a line.
    #[schema(value_type = Object)]
    options: serde_json::Map<String, serde_json::Value>,
}

/// The same as it is stored. What is not known here is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Options {
    privacy: PrivacySettings,
    allowed_domains: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolve_age: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sampling: BTreeMap<String, f64>,
    #[serde(flatten)]
    intake: Intake,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

impl Settings {
    pub(super) fn of(project: &Row) -> Self {
        let options: Options = serde_json::from_str(&project.options).unwrap_or_default();
        Self {
            data_scrubber: true,
            data_scrubber_defaults: true,
            scrub_ip_addresses: options.privacy.scrub_ip_addresses,
            scrub_emails: options.privacy.scrub_emails,
            sensitive_fields: options.privacy.sensitive_fields,
            safe_fields: options.privacy.safe_fields,
            relay_pii_config: options.privacy.rules.first().map(ToString::to_string),
            allowed_domains: options.allowed_domains,
            resolve_age: options.resolve_age.unwrap_or_default(),
            sampling: options.sampling,
            options: filters::options(&options.intake),
        }
    }
}

/// The privacy settings of a project, as its options hold them.
pub(in crate::api) fn privacy_of(project: &Row) -> PrivacySettings {
    let options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    options.privacy
}

/// What a project wants to be taken in, as its options hold it.
pub(in crate::api) fn intake_of(project: &Row) -> Intake {
    let options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    options.intake
}

/// Checks what a project wants to be taken in, keeps it, and tells relays.
pub(in crate::api) async fn put_intake(
    state: &ApiState,
    mut project: Row,
    intake: Intake,
) -> Result<(), ApiError> {
    let mut options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    intake.check()?;
    audit::changed(&options.intake, &intake);
    options.intake = intake;
    project.options = serde_json::to_string(&options).map_err(ApiError::internal)?;
    let mut write = state.store.begin().await?;
    write.update_project(&project).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(())
}

/// Changes of a project.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::api) struct ProjectChange {
    name: Option<String>,
    slug: Option<String>,
    platform: Option<String>,
    #[serde(rename = "scrubIPAddresses")]
    scrub_ip_addresses: Option<bool>,
    scrub_emails: Option<bool>,
    sensitive_fields: Option<Vec<String>>,
    safe_fields: Option<Vec<String>>,
    /// An empty text takes the rules away.
    relay_pii_config: Option<String>,
    allowed_domains: Option<Vec<String>>,
    /// Hours after which an issue that is not seen any more is resolved; 0 is never.
    resolve_age: Option<i64>,
    sampling: Option<BTreeMap<String, f64>>,
    /// Filters by list, under Sentry's names. What is left out stays.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, serde_json::Value>>,
}

pub(super) fn apply(row: &mut Row, change: ProjectChange) -> Result<(), ApiError> {
    if let Some(name) = change.name {
        row.name = text("name", &name, NAME_LEN_MAX)?;
    }
    if let Some(slug) = change.slug {
        crate::access::check_slug(&slug)?;
        row.slug = slug;
    }
    if let Some(platform) = change.platform {
        row.platform = text("platform", &platform, PLATFORM_LEN_MAX)?;
    }
    let mut options: Options = serde_json::from_str(&row.options).unwrap_or_default();
    let settings = &mut options.privacy;
    if let Some(is_on) = change.scrub_ip_addresses {
        settings.scrub_ip_addresses = is_on;
    }
    if let Some(is_on) = change.scrub_emails {
        settings.scrub_emails = is_on;
    }
    if let Some(fields) = change.sensitive_fields {
        settings.sensitive_fields = texts("sensitiveFields", fields)?;
    }
    if let Some(fields) = change.safe_fields {
        settings.safe_fields = safe_fields(fields)?;
    }
    if let Some(rules) = change.relay_pii_config {
        privacy::compile("relayPiiConfig", &rules)?;
        let rules = Some(rules).filter(|rules| !rules.trim().is_empty());
        settings.rules = rules.map(Arc::from).into_iter().collect();
    }
    if let Some(domains) = change.allowed_domains {
        options.allowed_domains = texts("allowedDomains", domains)?;
    }
    if let Some(hours) = change.resolve_age {
        if !(0..=RESOLVE_AGE_MAX).contains(&hours) {
            let what = format!("0 to {RESOLVE_AGE_MAX} hours");
            return Err(ApiError::field("resolveAge", what));
        }
        options.resolve_age = Some(hours).filter(|hours| *hours > 0);
    }
    if let Some(rates) = change.sampling {
        options.sampling = sample_rates(rates)?;
    }
    if let Some(changes) = change.options {
        filters::apply_options(&mut options.intake, &changes)?;
        options.intake.check()?;
    }
    row.options = serde_json::to_string(&options).map_err(ApiError::internal)?;
    Ok(())
}

/// Rates of 1 are as good as none.
fn sample_rates(mut rates: BTreeMap<String, f64>) -> Result<BTreeMap<String, f64>, ApiError> {
    for (name, share) in &rates {
        let category = Category::from_name(name);
        let is_known = category.is_some_and(|category| category != Category::ClientReport);
        if !is_known || SampleRate::from_share(*share).is_err() {
            let what = "shares between 0 and 1 by data category, such as transaction";
            return Err(ApiError::field("sampling", what));
        }
    }
    rates.retain(|_, share| *share < 1.0);
    Ok(rates)
}

/// Names of keys, and selectors that name one.
pub(in crate::api) fn safe_fields(fields: Vec<String>) -> Result<Vec<String>, ApiError> {
    let fields = texts("safeFields", fields)?;
    for field in &fields {
        check_safe_field(field)
            .map_err(|error| ApiError::field("safeFields", format!("`{field}`: {error}")))?;
    }
    Ok(fields)
}

pub(in crate::api) fn texts(
    field: &'static str,
    texts: Vec<String>,
) -> Result<Vec<String>, ApiError> {
    let texts: Vec<String> = texts
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    if texts.len() > LIST_MAX || texts.iter().any(|text| text.len() > LIST_TEXT_MAX) {
        return Err(ApiError::field(
            field,
            format!("at most {LIST_MAX} entries of {LIST_TEXT_MAX} bytes"),
        ));
    }
    Ok(texts)
}
