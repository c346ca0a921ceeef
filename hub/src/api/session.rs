//! Logging in and out, and who is asking.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Caller, MaybeCaller, cookie_name, session_cookie};
use super::error::ApiError;
use super::input::Input;
use super::types::{UserRef, iso, iso_option};
use super::{ApiState, Config};
use crate::access::{Browser, Identity, Login, Proof, SESSION_LIFE};
use crate::clock;
use crate::store::people::User;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 200;

/// What the API's root says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Info {
    /// The version of the paths.
    version: &'static str,
    /// What the caller may do; null for nobody.
    auth: Option<Auth>,
    /// Who the caller is; null for nobody.
    user: Option<UserRef>,
}

/// What the caller may do.
#[derive(Debug, Serialize, ToSchema)]
struct Auth {
    scopes: Vec<String>,
}

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    id: String,
    name: String,
    username: String,
    email: String,
    is_active: bool,
    is_superuser: bool,
    date_joined: String,
    last_login: Option<String>,
    /// What changes under a session must carry in `X-CSRF-Token`; empty for tokens.
    csrf_token: String,
    /// What the caller may do in any of the organizations.
    scopes: Vec<String>,
    /// The hub's version.
    version: &'static str,
}

impl Session {
    fn new(user: &User, csrf_token: String, scopes: Vec<String>) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            username: user.email.clone(),
            email: user.email.clone(),
            is_active: user.is_active,
            is_superuser: false,
            date_joined: iso(user.created_at),
            last_login: iso_option(user.last_login_at),
            csrf_token,
            scopes,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    pub(super) fn of(identity: &Identity) -> Self {
        let csrf_token = match &identity.proof {
            Proof::Session { csrf_token, .. } => csrf_token.clone(),
            Proof::Token { .. } => String::new(),
        };
        Self::new(&identity.user, csrf_token, identity.scopes().names())
    }
}

/// A login form.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginForm {
    email: String,
    password: String,
}

/// An invitation that is taken up.
#[derive(Deserialize, ToSchema)]
pub(super) struct AcceptForm {
    token: String,
    /// What others call them.
    #[serde(default)]
    name: String,
    password: String,
}

/// Who is asking, in the short form that command lines read.
#[utoipa::path(get, path = "/api/0/", tag = "session", responses((status = 200, body = Info)))]
pub(super) async fn info(MaybeCaller(identity): MaybeCaller) -> Json<Info> {
    let info = Info {
        version: "0",
        auth: identity.as_ref().map(|identity| Auth {
            scopes: identity.scopes().names(),
        }),
        user: identity
            .as_ref()
            .map(|identity| UserRef::from(&identity.user)),
    };
    std::future::ready(Json(info)).await
}

/// Begins a session.
#[utoipa::path(post, path = "/api/0/auth/login/", tag = "session",
    request_body = LoginForm, responses((status = 200, body = Session)))]
pub(super) async fn login(
    State(state): State<ApiState>,
    browser: Browser,
    headers: HeaderMap,
    Input(form): Input<LoginForm>,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let login = state
        .access
        .login(now, &form.email, &form.password, &browser)
        .await?;
    begun(&state, &headers, &login).await
}

/// Takes an invitation up: sets a name and the first password, and begins a session.
#[utoipa::path(post, path = "/api/0/auth/invitation/", tag = "session",
    request_body = AcceptForm, responses((status = 200, body = Session)))]
pub(super) async fn accept(
    State(state): State<ApiState>,
    browser: Browser,
    headers: HeaderMap,
    Input(form): Input<AcceptForm>,
) -> Result<Response, ApiError> {
    let name = checked_name(&form.name)?;
    let login = state
        .access
        .accept_invitation(clock::now(), &form.token, name, &form.password, &browser)
        .await?;
    begun(&state, &headers, &login).await
}

/// A name that people may have, which may be none.
pub(super) fn checked_name(name: &str) -> Result<&str, ApiError> {
    let name = name.trim();
    if name.len() > NAME_LEN_MAX {
        let what = format!("at most {NAME_LEN_MAX} bytes");
        return Err(ApiError::field("name", what));
    }
    Ok(name)
}

/// Answers with a session that has begun.
pub(super) async fn begun(
    state: &ApiState,
    headers: &HeaderMap,
    login: &Login,
) -> Result<Response, ApiError> {
    // A session that this one replaces ends.
    if let Some(old) = session_cookie(headers, &state.config) {
        state.access.logout(old).await?;
    }
    let now = clock::now();
    let identity = state.access.by_session(now, &login.cookie).await?;
    let identity = identity.ok_or_else(ApiError::unauthenticated)?;
    let cookie = set_cookie(&state.config, &login.cookie, SESSION_LIFE.as_secs());
    Ok((
        [(header::SET_COOKIE, cookie?)],
        Json(Session::of(&identity)),
    )
        .into_response())
}

/// Who is asking.
#[utoipa::path(get, path = "/api/0/auth/", tag = "session",
    responses((status = 200, body = Session)))]
pub(super) async fn session(caller: Caller) -> Json<Session> {
    std::future::ready(Json(Session::of(&caller.0))).await
}

/// Ends the session.
#[utoipa::path(delete, path = "/api/0/auth/", tag = "session", responses((status = 204)))]
pub(super) async fn logout(
    State(state): State<ApiState>,
    _caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(cookie) = session_cookie(&headers, &state.config) {
        state.access.logout(cookie).await?;
    }
    let cookie = set_cookie(&state.config, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who is asking.
#[utoipa::path(get, path = "/api/0/users/me/", tag = "session",
    responses((status = 200, body = Session)))]
pub(super) async fn me(caller: Caller) -> Json<Session> {
    std::future::ready(Json(Session::of(&caller.0))).await
}

fn set_cookie(config: &Config, value: &str, max_age: u64) -> Result<HeaderValue, ApiError> {
    let name = cookie_name(config);
    let secure = if config.is_https() { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).map_err(ApiError::internal)
}
