//! The fleet: relays and how they are; its parts have a file each.

pub(super) mod accounting;
pub(super) mod alerts;
pub(super) mod authority;
pub(super) mod diagnosis;
pub(super) mod equation;
pub(super) mod erasures;
pub(super) mod history;
pub(super) mod ledger;
pub(super) mod link;
pub(super) mod poison;
mod shape;
pub(super) mod status;
pub(super) mod tokens;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::RelayId;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::fleet::{self, RelayState};
use shape::{Known, Relay};

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 100;
/// Most labels of a join token.
const LABELS_MAX: usize = 20;

/// Changes of a relay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RelayChange {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    /// `active` or `drained`; a relay is revoked by deleting it.
    state: Option<String>,
    /// Takes the mark of a second holder of its identity off. The second holder stays kept out.
    #[serde(rename = "clearClone")]
    clear_clone: bool,
}

/// The path of a relay.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RelayPath {
    /// The relay's id.
    relay: String,
}

/// Every relay.
#[utoipa::path(get, path = "/api/0/vedette/relays/", tag = "fleet",
    responses((status = 200, body = [Relay])))]
pub(super) async fn relays(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<Relay>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relays = state.fleet.relays().await?;
    let mut known = Known::of_all(&state).await?;
    let now = clock::now();
    let shown = relays.into_iter().map(|relay| known.show(relay, now));
    Ok(Json(shown.collect()))
}

/// One relay.
#[utoipa::path(get, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), responses((status = 200, body = Relay)))]
pub(super) async fn relay(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<Json<Relay>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relay = find(&state, &path).await?;
    Ok(Json(shown(&state, relay).await?))
}

async fn shown(state: &ApiState, relay: fleet::Relay) -> Result<Relay, ApiError> {
    let mut known = Known::of_all(state).await?;
    Ok(known.show(relay, clock::now()))
}

/// Renames or labels a relay, drains it or lets it work again.
#[utoipa::path(put, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), request_body = RelayChange, responses((status = 200, body = Relay)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
    Input(change): Input<RelayChange>,
) -> Result<Json<Relay>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let mut relay = find(&state, &path).await?;
    let before = audited(&relay);
    if let Some(name) = change.name {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            return Err(ApiError::field(
                "name",
                format!("1 to {NAME_LEN_MAX} bytes"),
            ));
        }
        relay.name = name.to_owned();
    }
    if let Some(labels) = change.labels {
        check_labels(&labels)?;
        relay.labels = labels;
    }
    if let Some(wish) = change.state {
        if relay.state == RelayState::Revoked {
            return Err(ApiError::conflict("A revoked relay has to join again."));
        }
        relay.state = match wish.as_str() {
            "active" => RelayState::Active,
            "drained" => RelayState::Drained,
            _ => return Err(ApiError::field("state", "active or drained")),
        };
    }
    let (id, state_of) = (relay.id, relay.state);
    audit::changed(&before, &audited(&relay));
    if change.clear_clone {
        audit::detail("clearClone", true);
        state.fleet.clear_clone(id).await?;
        relay.second_holder = None;
    }
    state
        .fleet
        .update_relay(id, &relay.name, &relay.labels, state_of)
        .await?;
    Ok(Json(shown(&state, relay).await?))
}

/// Revokes a relay: its certificate is worth nothing from now on. What it counted stays.
#[utoipa::path(delete, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let relay = find(&state, &path).await?;
    let revoked = RelayState::Revoked;
    state
        .fleet
        .update_relay(relay.id, &relay.name, &relay.labels, revoked)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &ApiState, path: &RelayPath) -> Result<fleet::Relay, ApiError> {
    let id: RelayId = path.relay.parse().map_err(|_| ApiError::missing())?;
    let relay = state.fleet.relay(id).await?;
    let relay = relay.ok_or_else(ApiError::missing)?;
    audit::target("relay", relay.id, &relay.name);
    Ok(relay)
}

/// What the audit log tells of a relay.
fn audited(relay: &fleet::Relay) -> serde_json::Value {
    json!({ "name": relay.name, "labels": relay.labels, "state": relay.state.name() })
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is_wrong = |text: &String| text.is_empty() || text.len() > NAME_LEN_MAX;
    if labels.len() > LABELS_MAX || labels.iter().any(|(k, v)| is_wrong(k) || is_wrong(v)) {
        return Err(ApiError::field(
            "labels",
            format!("at most {LABELS_MAX} names and values of 1 to {NAME_LEN_MAX} bytes"),
        ));
    }
    Ok(())
}
