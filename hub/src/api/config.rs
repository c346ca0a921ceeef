//! What relays are told: which version is in force where, what is tried, what did not hold.

use axum::Json;
use axum::extract::State;
use protocol::roster::RelayLink;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::fleet::link::RelayLinkForm;
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
