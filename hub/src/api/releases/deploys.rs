//! Where releases were deployed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::edit::{linked_projects, time};
use super::{READ, ReleasePath, WRITE, found};
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::{At, Input, text};
use crate::api::page::{Page, Params};
use crate::api::types::{iso, iso_option};
use crate::audit;
use crate::clock;
use crate::store::deploys::{Deploy as Row, NewDeploy as NewRow};

/// Longest name of an environment or a deploy, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A deploy.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Deploy {
    id: String,
    environment: String,
    name: String,
    url: Option<String>,
    date_started: Option<String>,
    date_finished: String,
}

impl From<Row> for Deploy {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            environment: row.environment,
            name: row.name,
            url: row.url,
            date_started: iso_option(row.started_at),
            date_finished: iso(row.finished_at),
        }
    }
}

/// A deploy to be noted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct NewDeploy {
    environment: String,
    name: Option<String>,
    url: Option<String>,
    /// ISO 8601.
    date_started: Option<String>,
    /// ISO 8601; left out it is now.
    date_finished: Option<String>,
    /// Slugs or ids. They become projects of the release.
    projects: Option<Vec<String>>,
}

/// The deploys of a release, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/releases/{version}/deploys/",
    tag = "releases", params(ReleasePath), responses((status = 200, body = [Deploy])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
    params: Params,
) -> Result<Response, ApiError> {
    let (_, release) = found(&state, &caller, &path, &READ).await?;
    let rows = state.store.deploys(release.id).await?;
    let shown = rows.into_iter().map(Deploy::from);
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// Notes a deploy of a release.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/releases/{version}/deploys/",
    tag = "releases", params(ReleasePath), request_body = NewDeploy,
    responses((status = 201, body = Deploy)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ReleasePath>,
    Input(new): Input<NewDeploy>,
) -> Result<Response, ApiError> {
    let (organization, release) = found(&state, &caller, &path, &WRITE).await?;
    let environment = text("environment", &new.environment, NAME_BYTES_MAX)?;
    let name = match new.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => text("name", name, NAME_BYTES_MAX)?,
        None => String::new(),
    };
    let projects = linked_projects(&state, organization.id, new.projects.as_deref()).await?;
    let now = clock::now();
    let finished = time("dateFinished", new.date_finished.as_deref())?;
    let deploy = NewRow {
        release_id: release.id,
        environment: &environment,
        name: &name,
        url: new.url.as_deref().filter(|url| !url.is_empty()),
        started_at: time("dateStarted", new.date_started.as_deref())?.map(Timestamp::as_millis),
        finished_at: finished.unwrap_or(now).as_millis(),
    };
    audit::detail("environment", environment.as_str());
    let mut write = state.store.begin().await?;
    for project in projects {
        write
            .add_release_project(release.id, project, now.as_millis())
            .await?;
    }
    let row = write.add_deploy(deploy).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(Deploy::from(row))).into_response())
}
