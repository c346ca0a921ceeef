//! What relays are told: which version is in force where, what is tried, what did not hold; and how
//! much of the link single relays may take.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::RelayId;
use protocol::limits::QUIET_HOURS_MAX;
use protocol::roster::{LinkSettings, QuietHours, RelayLink};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::types::iso;
use crate::access::Scope;
use crate::fleet::{ConfigView, Relay, RelayConfig};

/// What relays are told, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigState {
    /// The version for every relay that tries nothing.
    version: u64,
    issued_at: String,
    /// When sampling and limits of the link end at relays that have not heard from the hub.
    expires_at: Option<String>,
    projects: usize,
    keys: usize,
    rollout: Rollout,
    /// The key relays pin, in hexadecimal digits.
    signing_key: String,
    relays: Vec<RelayConfigState>,
}

/// How far a change has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rollout {
    /// `steady`: every relay is told the same. `trying`: a few relays try a change first. `failed`:
    /// they did not hold, and the change is held back. `blocked`: the change cannot be sent.
    state: &'static str,
    /// The version that is tried, or that failed.
    version: Option<u64>,
    /// Since when it is tried; nothing until a relay is connected.
    since: Option<String>,
    /// The relays that try it.
    canaries: Vec<String>,
    /// Why it failed or cannot be sent.
    reason: Option<String>,
}

/// What one relay has of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RelayConfigState {
    id: String,
    name: String,
    is_connected: bool,
    /// The version in force; nothing when it is not known.
    version: Option<u64>,
    /// The version it is to have.
    wanted: u64,
    /// What became of the version it last spoke of: `applied`, `rejected` or `reverted`.
    status: Option<&'static str>,
    /// Which version that was.
    status_version: Option<u64>,
    /// Why it is not in force.
    reason: Option<String>,
    status_date: Option<String>,
    /// How much of the link it may take; nothing when it has no settings of its own.
    link: Option<RelayLinkForm>,
}

/// How much of the link a relay may take. The policy of its host may say less.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RelayLinkForm {
    /// Most bytes a second; nothing is without limit.
    bandwidth_max: Option<u64>,
    /// Spans of every day, UTC, such as `22:00-06:00`, in which only control and errors travel.
    quiet_hours: Vec<String>,
}

/// The path of a relay.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct LinkPath {
    /// The relay's id.
    relay: String,
}

/// What relays are told, and how far it has come.
#[utoipa::path(get, path = "/api/0/vedette/config/", tag = "fleet",
    responses((status = 200, body = ConfigState)))]
pub(super) async fn state(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<ConfigState>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    show(&state).await
}

/// Tries once more a change that did not hold.
#[utoipa::path(post, path = "/api/0/vedette/config/retry/", tag = "fleet",
    responses((status = 200, body = ConfigState)))]
pub(super) async fn retry(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<ConfigState>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    state.fleet.retry_config().await?;
    show(&state).await
}

/// Replaces the key that relays are told things with. They follow by themselves.
#[utoipa::path(post, path = "/api/0/vedette/config/replace-key/", tag = "fleet",
    responses((status = 200, body = ConfigState)))]
pub(super) async fn replace_key(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<ConfigState>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    state.fleet.replace_config_key().await?;
    show(&state).await
}

/// Sets how much of the link a relay may take.
#[utoipa::path(put, path = "/api/0/vedette/relays/{relay}/link/", tag = "fleet",
    params(LinkPath), request_body = RelayLinkForm,
    responses((status = 200, body = RelayLinkForm)))]
pub(super) async fn set_link(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<LinkPath>,
    Input(form): Input<RelayLinkForm>,
) -> Result<Json<RelayLinkForm>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let relay = relay_id(&path)?;
    let settings = form.settings()?;
    state.fleet.set_link(relay, Some(&settings)).await?;
    Ok(Json(RelayLinkForm::new(&settings)))
}

/// Takes a relay's own settings of the link away.
#[utoipa::path(delete, path = "/api/0/vedette/relays/{relay}/link/", tag = "fleet",
    params(LinkPath), responses((status = 204)))]
pub(super) async fn remove_link(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<LinkPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    state.fleet.set_link(relay_id(&path)?, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn relay_id(path: &LinkPath) -> Result<RelayId, ApiError> {
    path.relay.parse().map_err(|_| ApiError::missing())
}

async fn show(state: &ApiState) -> Result<Json<ConfigState>, ApiError> {
    let view = state.fleet.config().await;
    let links = state.fleet.links().await?;
    let relays = state.fleet.relays().await?;
    let relays = relays.into_iter().map(|relay| {
        let known = state.fleet.relay_config(relay.id);
        RelayConfigState::new(&relay, &known, &view, &links)
    });
    let stable = &view.offer.stable.bundle;
    Ok(Json(ConfigState {
        version: stable.version,
        issued_at: iso(stable.issued_at.as_millis()),
        expires_at: stable.expires_at.map(|end| iso(end.as_millis())),
        projects: stable.projects.len(),
        keys: stable
            .projects
            .iter()
            .map(|project| project.keys.len())
            .sum(),
        rollout: Rollout::new(&view),
        signing_key: hex::encode(view.key),
        relays: relays.collect(),
    }))
}

impl Rollout {
    fn new(view: &ConfigView) -> Self {
        let mut rollout = Self {
            state: "steady",
            version: None,
            since: None,
            canaries: Vec::new(),
            reason: None,
        };
        if let Some(problem) = &view.problem {
            rollout.state = "blocked";
            rollout.reason = Some(problem.clone());
        } else if let Some((tried, canaries)) = &view.offer.trial {
            rollout.state = "trying";
            rollout.version = Some(tried.bundle.version);
            rollout.canaries = canaries.iter().map(ToString::to_string).collect();
            let began = view.trial_began.filter(|_| !canaries.is_empty());
            rollout.since = began.map(|at| iso(at.as_millis()));
        } else if let Some((version, reason)) = &view.failed {
            rollout.state = "failed";
            rollout.version = Some(*version);
            rollout.reason = Some(reason.clone());
        }
        rollout
    }
}

impl RelayConfigState {
    fn new(relay: &Relay, known: &RelayConfig, view: &ConfigView, links: &[RelayLink]) -> Self {
        let reported = relay.report.as_ref().map(|report| report.roster_version);
        let version = Some(known.version)
            .filter(|version| *version > 0)
            .or(reported);
        let status = known.status.as_ref();
        let own = links.iter().find(|link| link.relay == relay.id);
        Self {
            id: relay.id.to_string(),
            name: relay.name.clone(),
            is_connected: known.is_connected,
            version: version.filter(|version| *version > 0),
            wanted: view.offer.for_relay(relay.id).bundle.version,
            status: status.map(|status| status.outcome.name()),
            status_version: status.map(|status| status.version),
            reason: status
                .map(|s| s.reason.clone())
                .filter(|text| !text.is_empty()),
            status_date: status.map(|status| iso(status.at.as_millis())),
            link: own.map(|own| RelayLinkForm::new(&own.link)),
        }
    }
}

impl RelayLinkForm {
    fn new(settings: &LinkSettings) -> Self {
        Self {
            bandwidth_max: settings.bandwidth_max,
            quiet_hours: settings
                .quiet_hours
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    fn settings(&self) -> Result<LinkSettings, ApiError> {
        if self.quiet_hours.len() > QUIET_HOURS_MAX {
            return Err(ApiError::field(
                "quietHours",
                format!("at most {QUIET_HOURS_MAX}"),
            ));
        }
        if self.bandwidth_max == Some(0) {
            return Err(ApiError::field(
                "bandwidthMax",
                "more than 0 bytes a second",
            ));
        }
        let hours = self.quiet_hours.iter().map(|text| {
            let wrong = |_| ApiError::field("quietHours", "spans of the day such as 22:00-06:00");
            text.parse::<QuietHours>().map_err(wrong)
        });
        Ok(LinkSettings {
            bandwidth_max: self.bandwidth_max,
            quiet_hours: hours.collect::<Result<_, ApiError>>()?,
        })
    }
}
