//! How a relay says it is, in all detail.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::{RelayPath, find};
use crate::access::Scope;

/// Asks a relay how it is, and shows what it says: figures, settings, and in `findings` what its
/// doctor finds, each with `what`, `grade` (`well`, `note`, `wrong`), `found` and `remedy`. Nothing
/// of it is what users sent.
/// 409 when it is not connected, or does not answer.
#[utoipa::path(get, path = "/api/0/vedette/relays/{relay}/diagnosis/", tag = "fleet",
    params(RelayPath), responses((status = 200, body = Map<String, Value>)))]
pub(in crate::api) async fn diagnosis(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<Json<Map<String, Value>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relay = find(&state, &path).await?;
    let told = state.fleet.diagnose(relay.id).await;
    told.map(Json)
        .ok_or_else(|| ApiError::conflict("The relay is not connected, or does not say how it is."))
}
