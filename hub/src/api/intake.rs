//! What a project wants to be taken in, beyond Sentry's switches: filters and sampling by
//! condition, quotas, and the limit against spikes.

use axum::Json;
use axum::extract::State;
use protocol::item::Category;
use protocol::roster::{GenericFilter, SampleRate, SamplingRule};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::projects::{intake_of, put_intake};
use super::types::{OrganizationPath, ProjectPath, iso};
use crate::access::Scope;
use crate::audit;
use crate::fleet::{Intake, QuotaSetting, check_quotas};

/// The first number of a sampling rule; Sentry's own rules have lower ones.
const FIRST_RULE: u32 = 3000;

/// What a project wants to be taken in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IntakeSettings {
    /// Filters by condition; they go before all others.
    generic: Vec<ConditionFilter>,
    /// Rules of what share is kept; the first that holds decides.
    sampling_rules: Vec<SamplingRuleForm>,
    /// Limits over all keys, besides those of single keys.
    quotas: Vec<QuotaForm>,
    /// Whether errors are limited to ten times what is usual.
    spike_protection: bool,
    /// Most errors of an hour that this allows; `null` until it is known what is usual.
    spike_limit: Option<u64>,
    /// Relays that share quotas.
    relays: u64,
}

/// Changes of it. What is left out stays; lists are replaced whole.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct IntakeChange {
    generic: Option<Vec<ConditionFilter>>,
    sampling_rules: Option<Vec<SamplingRuleForm>>,
    quotas: Option<Vec<QuotaForm>>,
    spike_protection: Option<bool>,
}

/// A filter by condition.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct ConditionFilter {
    /// The reason that what it drops is counted under: lower-case letters, digits, `-`, `_`, `.`.
    id: String,
    /// The condition, JSON as text.
    condition: String,
}

/// A rule of what share is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct SamplingRuleForm {
    /// Its number, as in the reason `Sampled:3001`; a new one is given where there is none.
    id: Option<u32>,
    /// The data category.
    category: String,
    /// The condition, JSON as text.
    condition: String,
    /// The share that is kept, between 0 and 1.
    rate: f64,
    /// ISO 8601; from when on.
    from: Option<String>,
    /// ISO 8601; until when.
    until: Option<String>,
}

/// At most `count` items of some categories in a time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct QuotaForm {
    /// Data categories that are counted together; none are all.
    categories: Vec<String>,
    /// Items, over all relays.
    count: u64,
    /// Seconds.
    window: u64,
    /// Items that may come at once, over all relays; what they took is made up at `count` per
    /// `window`. Without it no stretch of time as long as the window has more than `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<u64>,
}

/// The limits over all projects of an organization.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct OrganizationQuotas {
    quotas: Vec<QuotaForm>,
}

/// What a project wants to be taken in.
#[utoipa::path(get, path = "/api/0/vedette/projects/{organization}/{project}/intake/",
    tag = "filters", params(ProjectPath), responses((status = 200, body = IntakeSettings)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<IntakeSettings>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    show(&state, project.id, &intake_of(&project)).await
}

/// Sets what a project wants to be taken in. Lower limits hold at once; filters, sampling and
/// higher limits are tried by a few relays first.
#[utoipa::path(put, path = "/api/0/vedette/projects/{organization}/{project}/intake/",
    tag = "filters", params(ProjectPath), request_body = IntakeChange,
    responses((status = 200, body = IntakeSettings)))]
pub(super) async fn set(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<IntakeChange>,
) -> Result<Json<IntakeSettings>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let mut intake = intake_of(&project);
    if let Some(generic) = change.generic {
        intake.filters.generic = generic.into_iter().map(GenericFilter::from).collect();
    }
    if let Some(rules) = change.sampling_rules {
        intake.sampling_rules = sampling_rules(rules, &intake)?;
    }
    if let Some(quotas) = change.quotas {
        intake.quotas = quotas.into_iter().map(QuotaSetting::from).collect();
    }
    if let Some(is_on) = change.spike_protection {
        intake.spike_protection = is_on;
    }
    let id = project.id;
    put_intake(&state, project, intake.clone()).await?;
    show(&state, id, &intake).await
}

/// The limits over all projects of an organization.
#[utoipa::path(get, path = "/api/0/vedette/organizations/{organization}/quotas/",
    tag = "filters", params(OrganizationPath), responses((status = 200, body = OrganizationQuotas)))]
pub(super) async fn quotas(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<OrganizationQuotas>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let quotas = state.fleet.organization_quotas(organization.id).await?;
    let quotas = quotas.into_iter().map(QuotaForm::from).collect();
    Ok(Json(OrganizationQuotas { quotas }))
}

/// Sets the limits over all projects of an organization.
#[utoipa::path(put, path = "/api/0/vedette/organizations/{organization}/quotas/",
    tag = "filters", params(OrganizationPath), request_body = OrganizationQuotas,
    responses((status = 200, body = OrganizationQuotas)))]
pub(super) async fn set_quotas(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(wish): Input<OrganizationQuotas>,
) -> Result<Json<OrganizationQuotas>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgWrite)
        .await?;
    let settings: Vec<QuotaSetting> = wish
        .quotas
        .iter()
        .cloned()
        .map(QuotaSetting::from)
        .collect();
    check_quotas(&settings)?;
    let before = state.fleet.organization_quotas(organization.id).await?;
    let before = before.into_iter().map(QuotaForm::from).collect();
    audit::changed(&OrganizationQuotas { quotas: before }, &wish);
    let fleet = &state.fleet;
    fleet
        .set_organization_quotas(organization.id, &settings)
        .await?;
    Ok(Json(wish))
}

async fn show(
    state: &ApiState,
    project: i64,
    intake: &Intake,
) -> Result<Json<IntakeSettings>, ApiError> {
    let measured = state.fleet.measured().await?;
    let generic = intake.filters.generic.iter().cloned();
    Ok(Json(IntakeSettings {
        generic: generic.map(ConditionFilter::from).collect(),
        sampling_rules: intake
            .sampling_rules
            .iter()
            .map(SamplingRuleForm::from)
            .collect(),
        quotas: intake.quotas.iter().cloned().map(QuotaForm::from).collect(),
        spike_protection: intake.spike_protection,
        spike_limit: measured.spikes.get(&project.cast_unsigned()).copied(),
        relays: measured.n_relays,
    }))
}

/// Rules keep their numbers, so that counts stay theirs.
fn sampling_rules(
    rules: Vec<SamplingRuleForm>,
    before: &Intake,
) -> Result<Vec<SamplingRule>, ApiError> {
    let known = before.sampling_rules.iter().map(|rule| rule.id);
    let named = rules.iter().filter_map(|rule| rule.id);
    let mut last = known
        .chain(named)
        .chain([FIRST_RULE])
        .max()
        .unwrap_or(FIRST_RULE);
    let wrong = |what: &str| ApiError::field("samplingRules", what);
    let mut read = Vec::with_capacity(rules.len());
    for rule in rules {
        let category = Category::from_name(&rule.category);
        if category.is_none_or(|category| category == Category::ClientReport) {
            return Err(wrong("category is a data category, such as transaction"));
        }
        let rate = SampleRate::from_share(rule.rate).map_err(|error| wrong(&error.to_string()))?;
        let time = |text: Option<String>| {
            let time = text.map(|text| Timestamp::parse(&text)).transpose();
            time.map_err(|error| wrong(&error.to_string()))
        };
        let id = rule.id.unwrap_or_else(|| {
            last = last.saturating_add(1);
            last
        });
        if read.iter().any(|other: &SamplingRule| other.id == id) {
            return Err(wrong("two rules have one number"));
        }
        read.push(SamplingRule {
            id,
            category: rule.category,
            condition: rule.condition,
            rate,
            from: time(rule.from)?,
            until: time(rule.until)?,
        });
    }
    Ok(read)
}

impl From<GenericFilter> for ConditionFilter {
    fn from(filter: GenericFilter) -> Self {
        Self {
            id: filter.id,
            condition: filter.condition,
        }
    }
}

impl From<ConditionFilter> for GenericFilter {
    fn from(filter: ConditionFilter) -> Self {
        Self {
            id: filter.id,
            condition: filter.condition,
        }
    }
}

impl From<&SamplingRule> for SamplingRuleForm {
    fn from(rule: &SamplingRule) -> Self {
        Self {
            id: Some(rule.id),
            category: rule.category.clone(),
            condition: rule.condition.clone(),
            rate: rule.rate.share(),
            from: rule.from.map(|time| iso(time.as_millis())),
            until: rule.until.map(|time| iso(time.as_millis())),
        }
    }
}

impl From<QuotaSetting> for QuotaForm {
    fn from(quota: QuotaSetting) -> Self {
        Self {
            categories: quota.categories,
            count: quota.count,
            window: quota.window_secs,
            burst: quota.burst,
        }
    }
}

impl From<QuotaForm> for QuotaSetting {
    fn from(quota: QuotaForm) -> Self {
        Self {
            categories: quota.categories,
            count: quota.count,
            window_secs: quota.window,
            burst: quota.burst,
        }
    }
}
