//! The hub itself.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::poison::POISON_MAX;
use super::shape::is_connected;
use crate::access::Scope;
use crate::clock;

/// The hub itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Status {
    version: &'static str,
    public_url: String,
    relay_url: String,
    relays: usize,
    relays_connected: usize,
    poison: usize,
}

/// The hub itself.
#[utoipa::path(get, path = "/api/0/vedette/status/", tag = "fleet",
    responses((status = 200, body = Status)))]
pub(in crate::api) async fn status(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Status>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let now = clock::now();
    let relays = state.fleet.relays().await?;
    let connected = relays
        .iter()
        .filter(|relay| is_connected(relay, now))
        .count();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        public_url: state.config.public_url.clone(),
        relay_url: state.config.relay_url.clone(),
        relays: relays.len(),
        relays_connected: connected,
        poison: state.store.poison(POISON_MAX).await?.len(),
    }))
}
