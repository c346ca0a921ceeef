//! Join tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::pattern::NetworkError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::{At, Input};
use super::super::types::iso;
use super::check_labels;
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::fleet::{OpenToken, TokenRequest};

/// The longest life of a join token.
const JOIN_TOKEN_LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// Most uses of a join token.
const JOIN_TOKEN_USES_MAX: u32 = 10_000;

/// A join token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct NewJoinToken {
    /// How many relays may use it.
    #[serde(default = "one")]
    uses: u32,
    /// How long it can be used.
    #[serde(default = "an_hour")]
    valid_for_seconds: u64,
    /// What the relays are labelled with.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Where the relays come from, such as `10.20.0.0/16`; anywhere when left out.
    #[serde(default)]
    address_range: Option<String>,
}

const fn one() -> u32 {
    1
}

const fn an_hour() -> u64 {
    3600
}

/// A join token. It is shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct JoinToken {
    token: String,
    /// The address of the link.
    hub: String,
    /// What to run beside the applications.
    command: String,
    expires_at: String,
    uses: u32,
}

/// A join token that can still be used, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct OpenJoinToken {
    /// Its public half, which its text begins with.
    id: String,
    /// How many relays may still join.
    uses_left: u32,
    /// What the relays are labelled with.
    labels: BTreeMap<String, String>,
    /// Where the relays come from; anywhere when there is none.
    address_range: Option<String>,
    /// How often a wrong secret was shown for it.
    failures: u32,
    date_created: String,
    expires_at: String,
}

impl From<OpenToken> for OpenJoinToken {
    fn from(token: OpenToken) -> Self {
        Self {
            id: token.id,
            uses_left: token.uses_left,
            labels: token.labels,
            address_range: token.from.map(|range| range.to_string()),
            failures: token.failures,
            date_created: iso(token.created_at.as_millis()),
            expires_at: iso(token.expires_at.as_millis()),
        }
    }
}

/// The path of a join token.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api) struct JoinTokenPath {
    /// Its id.
    token: String,
}

/// The join tokens that can still be used.
#[utoipa::path(get, path = "/api/0/vedette/join-tokens/", tag = "fleet",
    responses((status = 200, body = [OpenJoinToken])))]
pub(in crate::api) async fn join_tokens(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<OpenJoinToken>>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let now = clock::now();
    let tokens = state.fleet.join_tokens().await?.into_iter();
    let open = tokens.filter(|token| token.uses_left > 0 && token.expires_at > now);
    Ok(Json(open.map(OpenJoinToken::from).collect()))
}

/// Ends a join token. Relays that have joined with it stay.
#[utoipa::path(delete, path = "/api/0/vedette/join-tokens/{token}/", tag = "fleet",
    params(JoinTokenPath), responses((status = 204)))]
pub(in crate::api) async fn end_join_token(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<JoinTokenPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    audit::target("join-token", &path.token, "");
    if !state.fleet.remove_join_token(&path.token).await? {
        return Err(ApiError::missing());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a token that lets relays join.
#[utoipa::path(post, path = "/api/0/vedette/join-tokens/", tag = "fleet",
    request_body = NewJoinToken, responses((status = 201, body = JoinToken)))]
pub(in crate::api) async fn create_join_token(
    State(state): State<ApiState>,
    caller: Caller,
    Input(wish): Input<NewJoinToken>,
) -> Result<Response, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    if wish.uses == 0 || wish.uses > JOIN_TOKEN_USES_MAX {
        return Err(ApiError::field(
            "uses",
            format!("1 to {JOIN_TOKEN_USES_MAX}"),
        ));
    }
    let valid_for = Duration::from_secs(wish.valid_for_seconds);
    if valid_for.is_zero() || valid_for > JOIN_TOKEN_LIFE_MAX {
        let max = JOIN_TOKEN_LIFE_MAX.as_secs();
        return Err(ApiError::field("validForSeconds", format!("1 to {max}")));
    }
    check_labels(&wish.labels)?;
    let from = wish.address_range.as_deref().map(str::parse).transpose();
    let from =
        from.map_err(|error: NetworkError| ApiError::field("addressRange", error.to_string()))?;
    let now = clock::now();
    audit::detail("uses", wish.uses);
    audit::detail("labels", json!(wish.labels));
    let request = TokenRequest {
        uses: wish.uses,
        lifetime: Some(valid_for),
        labels: wish.labels,
        from,
    };
    let fresh = state
        .fleet
        .make_join_token(&request, now)
        .await?
        .to_string();
    let hub = state.config.link_address.clone();
    let life = i64::try_from(valid_for.as_millis()).unwrap_or(i64::MAX);
    let token = JoinToken {
        command: format!("vedette-relay join {hub} {fresh}"),
        token: fresh,
        hub,
        expires_at: iso(now.plus_millis(life).as_millis()),
        uses: wish.uses,
    };
    Ok((StatusCode::CREATED, Json(token)).into_response())
}
