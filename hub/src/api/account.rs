//! The caller's own account: name, password, sessions. Only a session may touch it, never a token.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::session::{Session, begun, checked_name};
use super::types::iso;
use crate::access::{AccessError, Browser, Proof};
use crate::audit;
use crate::clock;

/// Changes of one's own account; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountChange {
    /// What others call them.
    name: Option<String>,
    /// A new one, of at least eight characters. It ends every session, and begins a fresh one.
    password: Option<String>,
    /// The one before; needed for a new one.
    current_password: Option<String>,
}

/// A session of the caller.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnSession {
    id: String,
    /// Whether this request is of it.
    is_current: bool,
    /// What the browser calls itself; empty when it did not say.
    user_agent: String,
    /// Where it was begun from; empty for one that began before that was kept.
    address: String,
    date_created: String,
    /// To the minute.
    date_last_used: String,
}

/// The path of one of the caller's sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SessionPath {
    /// Its id.
    session: String,
}

/// Changes the caller's name or password.
#[utoipa::path(put, path = "/api/0/users/me/", tag = "session", request_body = AccountChange,
    responses((status = 200, body = Session)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    browser: Browser,
    headers: HeaderMap,
    Input(change): Input<AccountChange>,
) -> Result<Response, ApiError> {
    own_session(&caller)?;
    let user = &caller.0.user;
    audit::target("user", user.id, &user.email);
    let name = change.name.as_deref().map(checked_name).transpose()?;
    if let Some(name) = name {
        if name.is_empty() {
            return Err(ApiError::field("name", "may not be empty"));
        }
        audit::changed(&json!({ "name": user.name }), &json!({ "name": name }));
    }
    let login = match &change.password {
        None => None,
        Some(password) => {
            let before = change.current_password.as_deref().unwrap_or_default();
            let login =
                state
                    .access
                    .change_password(clock::now(), &user.email, before, password, &browser);
            Some(login.await.map_err(of_password)?)
        }
    };
    if let Some(name) = name {
        state.access.rename(user.id, name).await?;
    }
    if let Some(login) = login {
        return begun(&state, &headers, &login).await;
    }
    let mut identity = caller.0;
    if let Some(name) = name {
        name.clone_into(&mut identity.user.name);
    }
    Ok(Json(Session::of(&identity)).into_response())
}

/// A wrong password here ends no session.
fn of_password(error: AccessError) -> ApiError {
    match error {
        AccessError::WrongLogin => ApiError::field("currentPassword", "is not the password"),
        other => other.into(),
    }
}

/// Where the caller is logged in, the session used last first.
#[utoipa::path(get, path = "/api/0/users/me/sessions/", tag = "session",
    responses((status = 200, body = [OwnSession])))]
pub(super) async fn sessions(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<OwnSession>>, ApiError> {
    let current = own_session(&caller)?;
    let sessions = state
        .access
        .sessions(clock::now(), caller.0.user.id)
        .await?;
    let shown = sessions.into_iter().map(|session| OwnSession {
        is_current: session.id == current,
        id: session.id,
        user_agent: session.user_agent,
        address: session.address,
        date_created: iso(session.created_at.as_millis()),
        date_last_used: iso(session.last_seen_at.as_millis()),
    });
    Ok(Json(shown.collect()))
}

/// Ends one of the caller's sessions.
#[utoipa::path(delete, path = "/api/0/users/me/sessions/{session}/", tag = "session",
    params(SessionPath), responses((status = 204)))]
pub(super) async fn end_session(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<SessionPath>,
) -> Result<StatusCode, ApiError> {
    own_session(&caller)?;
    let user = &caller.0.user;
    audit::target("user", user.id, &user.email);
    let ended = state
        .access
        .end_session(clock::now(), user.id, &path.session);
    if !ended.await? {
        return Err(ApiError::missing());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The name of the session that the caller shows.
fn own_session(caller: &Caller) -> Result<&str, ApiError> {
    match &caller.0.proof {
        Proof::Session { id, .. } => Ok(id),
        Proof::Token { .. } => Err(ApiError::forbidden(
            "A token cannot touch the account: log in.",
        )),
    }
}
