//! When much more came of projects than usual, and how much was refused.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::types::{OrganizationPath, iso, iso_option};
use crate::access::Scope;
use crate::clock;

/// How far back is told, in milliseconds.
const PERIOD_MILLIS: i64 = 30 * 24 * 3_600_000;
/// Most of them in one answer.
const SPIKES_MAX: u32 = 100;

/// A time in which the limit against spikes refused errors of a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spike {
    id: String,
    project_id: String,
    project_slug: String,
    /// Errors that were refused.
    refused: i64,
    date_began: String,
    /// When something was refused last.
    date_seen: String,
    /// `null` while it goes on.
    date_ended: Option<String>,
}

/// The spikes of the last 30 days, the last first.
#[utoipa::path(get, path = "/api/0/vedette/organizations/{organization}/spikes/",
    tag = "outcomes", params(OrganizationPath), responses((status = 200, body = [Spike])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<Vec<Spike>>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let since = clock::now().plus_millis(-PERIOD_MILLIS);
    let rows = state
        .store
        .spikes(organization.id, since, SPIKES_MAX)
        .await?;
    let spike = |(row, slug): (crate::store::spikes::SpikeRow, String)| Spike {
        id: row.id.to_string(),
        project_id: row.project_id.to_string(),
        project_slug: slug,
        refused: row.refused,
        date_began: iso(row.began_at),
        date_seen: iso(row.seen_at),
        date_ended: iso_option(row.ended_at),
    };
    Ok(Json(rows.into_iter().map(spike).collect()))
}
