//! Keys of projects, with the addresses made of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, nullable};
use super::page::{Page, Params};
use super::types::{OrganizationPath, ProjectPath, iso};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::store::projects::{Project, ProjectKey};

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;
/// Most keys of a project.
const KEYS_MAX: usize = 100;

/// A project's key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    id: String,
    name: String,
    label: String,
    public: String,
    secret: String,
    project_id: i64,
    is_active: bool,
    rate_limit: Option<RateLimit>,
    dsn: Dsn,
    date_created: String,
}

/// At most `count` items per `window` seconds and category.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct RateLimit {
    /// Seconds.
    window: i64,
    count: i64,
    /// Items that may come at once; what they took is made up at `count` per `window`. Without
    /// it no stretch of time as long as the window has more than `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<i64>,
}

/// The addresses that a key makes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Dsn {
    pub public: String,
    secret: String,
    csp: String,
    security: String,
    minidump: String,
    nel: String,
    unreal: String,
    crons: String,
    cdn: String,
    playstation: String,
    integration: String,
    otlp_traces: String,
    otlp_logs: String,
}

impl Dsn {
    /// All addresses of a key at the relay of this address.
    pub(super) fn new(relay_url: &str, project: i64, public: &str, secret: &str) -> Self {
        let relay_url = relay_url.trim_end_matches('/');
        let (scheme, host) = relay_url.split_once("://").unwrap_or(("http", relay_url));
        // A relay under a path keeps it before the API, and before the project in the DSN.
        let api = format!("{scheme}://{host}/api/{project}");
        let keyed = |path: &str| format!("{api}/{path}/?sentry_key={public}");
        Self {
            public: format!("{scheme}://{public}@{host}/{project}"),
            secret: format!("{scheme}://{public}:{secret}@{host}/{project}"),
            csp: keyed("csp-report"),
            security: keyed("security"),
            minidump: keyed("minidump"),
            nel: keyed("nel"),
            unreal: format!("{api}/unreal/{public}/"),
            crons: format!("{api}/cron/___MONITOR_SLUG___/{public}/"),
            cdn: String::new(),
            playstation: keyed("playstation"),
            integration: format!("{api}/integration/"),
            otlp_traces: format!("{api}/integration/otlp/v1/traces"),
            otlp_logs: format!("{api}/integration/otlp/v1/logs"),
        }
    }
}

impl Key {
    fn new(state: &ApiState, row: ProjectKey) -> Self {
        let dsn = Dsn::new(
            &state.config.relay_url,
            row.project_id,
            &row.public_key,
            &row.secret_key,
        );
        let rate_limit = row.rate_limit_count.zip(row.rate_limit_window_s);
        Self {
            id: row.public_key.clone(),
            name: row.label.clone(),
            label: row.label,
            public: row.public_key,
            secret: row.secret_key,
            project_id: row.project_id,
            is_active: row.is_active,
            rate_limit: rate_limit.map(|(count, window)| RateLimit {
                window,
                count,
                burst: row.rate_limit_burst,
            }),
            dsn,
            date_created: iso(row.created_at),
        }
    }
}

/// A key to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NewKey {
    name: Option<String>,
    rate_limit: Option<RateLimit>,
}

/// Changes of a key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct KeyChange {
    name: Option<String>,
    is_active: Option<bool>,
    /// Null takes the limit away.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<RateLimit>)]
    rate_limit: Option<Option<RateLimit>>,
}

/// The path of a key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct KeyPath {
    organization: String,
    project: String,
    /// The public key.
    key: String,
}

/// The keys of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/keys/", tag = "keys",
    params(ProjectPath), responses((status = 200, body = [Key])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rows = state.store.project_keys(project.id).await?;
    let keys = rows.into_iter().map(|row| Key::new(&state, row)).collect();
    Ok(Page::whole(keys).respond(&params))
}

/// The keys of all projects of an organization, by project.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/project-keys/", tag = "keys",
    params(OrganizationPath,
        ("team" = Option<String>, Query, description = "Only of projects of this team: slug or id."),
        ("status" = Option<String>, Query, description = "`active` or `inactive`.")),
    responses((status = 200, body = [Key])))]
pub(super) async fn of_organization(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectRead;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let is_active = match params.some("status") {
        None => None,
        Some("active") => Some(true),
        Some("inactive" | "disabled") => Some(false),
        Some(_) => return Err(ApiError::field("status", "active or inactive")),
    };
    let team = match params.some("team") {
        None => None,
        Some(name) => {
            let team = state.store.team(organization.id, name).await?;
            Some(team.ok_or_else(|| ApiError::field("team", "no such team"))?)
        }
    };
    let links = state.store.project_teams(organization.id).await?;
    let is_meant = |key: &ProjectKey| {
        is_active.is_none_or(|wanted| key.is_active == wanted)
            && team
                .as_ref()
                .is_none_or(|team| links.contains(&(key.project_id, team.id)))
    };
    let rows = state.store.keys_of_organization(organization.id).await?;
    let keys = rows
        .into_iter()
        .filter(is_meant)
        .map(|row| Key::new(&state, row));
    Ok(Page::whole(keys.collect()).respond(&params))
}

/// Makes a key.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/keys/", tag = "keys",
    params(ProjectPath), request_body = NewKey, responses((status = 201, body = Key)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(wish): Input<NewKey>,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    if state.store.project_keys(project.id).await?.len() >= KEYS_MAX {
        return Err(ApiError::conflict(format!(
            "A project has at most {KEYS_MAX} keys."
        )));
    }
    let label = name(wish.name.as_deref().unwrap_or("Key"))?;
    let mut key = state
        .access
        .create_project_key(clock::now(), project.id, &label)
        .await?;
    if let Some(limit) = wish.rate_limit {
        set_limit(&mut key, Some(limit))?;
        let mut write = state.store.begin().await?;
        write.update_project_key(&key).await?;
        write.commit().await?;
    }
    state.fleet.refresh().await?;
    Ok((StatusCode::CREATED, Json(Key::new(&state, key))).into_response())
}

/// One key.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/keys/{key}/", tag = "keys",
    params(KeyPath), responses((status = 200, body = Key)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<KeyPath>,
) -> Result<Json<Key>, ApiError> {
    let (_, key) = find(&state, &caller, &path, Scope::ProjectRead).await?;
    Ok(Json(Key::new(&state, key)))
}

/// Changes a key.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/keys/{key}/", tag = "keys",
    params(KeyPath), request_body = KeyChange, responses((status = 200, body = Key)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<KeyPath>,
    Input(change): Input<KeyChange>,
) -> Result<Json<Key>, ApiError> {
    let (_, mut key) = find(&state, &caller, &path, Scope::ProjectWrite).await?;
    let before = Key::new(&state, key.clone());
    if let Some(label) = &change.name {
        key.label = name(label)?;
    }
    if let Some(is_active) = change.is_active {
        key.is_active = is_active;
    }
    if let Some(limit) = change.rate_limit {
        set_limit(&mut key, limit)?;
    }
    audit::changed(&before, &Key::new(&state, key.clone()));
    let mut write = state.store.begin().await?;
    write.update_project_key(&key).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(Json(Key::new(&state, key)))
}

/// Removes a key.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/keys/{key}/", tag = "keys",
    params(KeyPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<KeyPath>,
) -> Result<StatusCode, ApiError> {
    let (_, key) = find(&state, &caller, &path, Scope::ProjectAdmin).await?;
    let mut write = state.store.begin().await?;
    write.remove_project_key(&key.public_key).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &KeyPath,
    scope: Scope,
) -> Result<(Project, ProjectKey), ApiError> {
    let (_, project) = state
        .project(caller, &path.organization, &path.project, scope)
        .await?;
    let key = state.store.project_key(project.id, &path.key).await?;
    let key = key.ok_or_else(ApiError::missing)?;
    audit::target("key", &key.public_key, &key.label);
    Ok((project, key))
}

fn name(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.len() > NAME_LEN_MAX {
        return Err(ApiError::field(
            "name",
            format!("1 to {NAME_LEN_MAX} bytes"),
        ));
    }
    Ok(text.to_owned())
}

fn set_limit(key: &mut ProjectKey, limit: Option<RateLimit>) -> Result<(), ApiError> {
    const WINDOW_MAX_SECS: i64 = 86_400;
    if let Some(limit) = limit
        && (limit.count < 1
            || limit.burst.is_some_and(|burst| burst < 1)
            || !(1..=WINDOW_MAX_SECS).contains(&limit.window))
    {
        return Err(ApiError::field(
            "rateLimit",
            format!("count and burst are at least 1, window 1 to {WINDOW_MAX_SECS} seconds"),
        ));
    }
    key.rate_limit_count = limit.map(|limit| limit.count);
    key.rate_limit_window_s = limit.map(|limit| limit.window);
    key.rate_limit_burst = limit.and_then(|limit| limit.burst);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_points_at_the_relay() {
        let dsn = Dsn::new("https://in.example.org/", 7, "aa", "bb");
        assert_eq!(dsn.public, "https://aa@in.example.org/7");
        assert_eq!(dsn.secret, "https://aa:bb@in.example.org/7");
        assert_eq!(
            dsn.minidump,
            "https://in.example.org/api/7/minidump/?sentry_key=aa"
        );
    }
}
