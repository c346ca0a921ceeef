//! Who signs relays' certificates, and how far an exchange of the authority has come.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use crate::access::Scope;
use crate::clock;
use crate::fleet::AuthorityState;

/// An authority that relays' certificates are verified against.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Authority {
    /// SHA-256 of its public key, in hexadecimal digits, as join tokens pin it.
    key: String,
    /// Whether it signs; one does.
    is_signing: bool,
    /// Whether relays that renew are told to trust it.
    is_trusted: bool,
    /// Relays, not revoked, whose certificate in use it signed.
    relays: usize,
}

/// The authorities that are known, the one that signs first.
#[utoipa::path(get, path = "/api/0/vedette/authorities/", tag = "fleet",
    responses((status = 200, body = [Authority])))]
pub(in crate::api) async fn authorities(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<Authority>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let states = state.fleet.authority_states(clock::now()).await?;
    Ok(Json(states.into_iter().map(Authority::from).collect()))
}

impl From<AuthorityState> for Authority {
    fn from(state: AuthorityState) -> Self {
        Self {
            key: hex::encode(state.key_hash),
            is_signing: state.is_signing,
            is_trusted: state.is_trusted,
            relays: state.relays,
        }
    }
}
