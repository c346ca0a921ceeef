//! API tokens of the caller.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::Input;
use super::page::Params;
use super::types::{iso, iso_option};
use crate::access::{Proof, Scope, ScopeSet, scopes_of};
use crate::audit;
use crate::clock;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;

/// An API token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiToken {
    id: String,
    name: String,
    scopes: Vec<String>,
    date_created: String,
    date_last_used: Option<String>,
    expires_at: Option<String>,
    token_last_characters: String,
    /// The token itself: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewApiToken {
    #[serde(default)]
    name: String,
    scopes: Vec<String>,
}

/// Names a token to be removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemoveApiToken {
    /// The token's id; may stand in the query instead.
    token_id: serde_json::Value,
}

/// The caller's tokens.
#[utoipa::path(get, path = "/api/0/api-tokens/", tag = "tokens",
    responses((status = 200, body = [ApiToken])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<ApiToken>>, ApiError> {
    let tokens = state.store.api_tokens(caller.0.user.id).await?;
    let tokens = tokens.into_iter().map(|token| ApiToken {
        id: token.id.to_string(),
        scopes: scopes_of(&token).names(),
        name: token.name,
        date_created: iso(token.created_at),
        date_last_used: iso_option(token.last_used_at),
        expires_at: iso_option(token.expires_at),
        token_last_characters: token.last_four,
        token: None,
    });
    Ok(Json(tokens.collect()))
}

/// Makes a token. Only a session may: a token cannot make others.
#[utoipa::path(post, path = "/api/0/api-tokens/", tag = "tokens",
    request_body = NewApiToken, responses((status = 201, body = ApiToken)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Input(wish): Input<NewApiToken>,
) -> Result<Response, ApiError> {
    if matches!(caller.0.proof, Proof::Token { .. }) {
        return Err(ApiError::forbidden("A token cannot make tokens: log in."));
    }
    let name = wish.name.trim();
    if name.len() > NAME_LEN_MAX {
        return Err(ApiError::field(
            "name",
            format!("at most {NAME_LEN_MAX} bytes"),
        ));
    }
    let mut scopes = Vec::new();
    for name in &wish.scopes {
        let scope = Scope::from_name(name);
        scopes.push(scope.ok_or_else(|| ApiError::field("scopes", format!("unknown: {name}")))?);
    }
    if scopes.is_empty() {
        return Err(ApiError::field("scopes", "at least one is needed"));
    }
    let scopes: ScopeSet = scopes.into_iter().collect();
    let now = clock::now();
    let fresh = state
        .access
        .create_token(now, caller.0.user.id, name, scopes)
        .await?;
    let token = ApiToken {
        id: fresh.id.to_string(),
        name: name.to_owned(),
        scopes: scopes.names(),
        date_created: iso(now.as_millis()),
        date_last_used: None,
        expires_at: None,
        token_last_characters: fresh.secret.chars().skip(fresh.secret.len() - 4).collect(),
        token: Some(fresh.secret),
    };
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

/// Removes one of the caller's tokens.
#[utoipa::path(delete, path = "/api/0/api-tokens/", tag = "tokens",
    params(("tokenId" = Option<String>, Query, description = "The token's id.")),
    request_body = Option<RemoveApiToken>, responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
    body: axum::body::Bytes,
) -> Result<StatusCode, ApiError> {
    let named = serde_json::from_slice::<RemoveApiToken>(&body)
        .ok()
        .map(|body| body.token_id);
    let id = match (params.some("tokenId"), &named) {
        (Some(id), _) => id.parse().ok(),
        (None, Some(serde_json::Value::String(id))) => id.parse().ok(),
        (None, Some(id)) => id.as_i64(),
        (None, None) => None,
    };
    let id: i64 = id.ok_or_else(|| ApiError::field("tokenId", "names no token"))?;
    audit::target("api-token", id, "");
    let mut write = state.store.begin().await?;
    if !write.remove_api_token(caller.0.user.id, id).await? {
        return Err(ApiError::missing());
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
