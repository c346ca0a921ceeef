//! Records that could not be digested.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::RelayId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::super::types::iso;
use crate::access::Scope;
use crate::audit;
use crate::digest::Replayed;

/// Records set aside that are shown.
pub(in crate::api) const POISON_MAX: u32 = 200;

/// A record that could not be digested.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Poison {
    id: String,
    relay_id: String,
    relay_name: Option<String>,
    lane: u8,
    seq: u64,
    project_id: Option<String>,
    reason: String,
    /// Bytes.
    size: usize,
    date_created: String,
    replayed_at: Option<String>,
}

/// The path of a record that was set aside.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct PoisonPath {
    /// The record's id.
    poison: String,
}

/// Records that could not be digested, the latest first.
#[utoipa::path(get, path = "/api/0/vedette/poison/", tag = "fleet",
    responses((status = 200, body = [Poison])))]
pub(in crate::api) async fn poison(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<Poison>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let rows = state.store.poison(POISON_MAX).await?;
    let relays = state.fleet.relays().await?;
    let name = |id: &RelayId| {
        let relay = relays.iter().find(|relay| relay.id == *id);
        relay.map(|relay| relay.name.clone())
    };
    let poison = rows.into_iter().map(|row| Poison {
        id: row.id.to_string(),
        relay_name: name(&row.relay),
        relay_id: row.relay.to_string(),
        lane: row.lane.into(),
        seq: row.seq.0,
        project_id: row.project.map(|project| project.to_string()),
        reason: row.reason,
        size: row.record.len(),
        date_created: iso(row.created_at.as_millis()),
        replayed_at: row.replayed_at.map(|at| iso(at.as_millis())),
    });
    Ok(Json(poison.collect()))
}

/// Digests a record again. 409 says why it still cannot be digested.
#[utoipa::path(post, path = "/api/0/vedette/poison/{poison}/replay/", tag = "fleet",
    params(PoisonPath), responses((status = 204)))]
pub(in crate::api) async fn replay(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<PoisonPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let id: i64 = path.poison.parse().map_err(|_| ApiError::missing())?;
    audit::target("record", id, "");
    match state.digest.replay(id).await? {
        Replayed::Applied => Ok(StatusCode::NO_CONTENT),
        Replayed::Refused { reason } => Err(ApiError::conflict(reason)),
    }
}
