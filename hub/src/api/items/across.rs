//! Items over all projects of an organization, the one that happened last first.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::super::page::{Page, Params};
use super::super::search::{chosen_projects, span};
use super::super::types::OrganizationPath;
use super::{ItemSummary, wanted};
use crate::access::Scope;
use crate::clock;
use crate::store::items::{ItemRow, Wanted};
use crate::store::place::{Direction, Place};

/// What a list over projects can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(in crate::api) struct AcrossParams {
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// That ran here; repeated for several.
    environment: Option<Vec<String>>,
    /// As in `14d`.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
}

/// The kinds of items that are kept.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ItemKinds {
    /// As their envelopes named them, in order.
    kinds: Vec<String>,
}

/// What is kept in projects beside events, the one that happened last first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/vedette/items/",
    tag = "items", params(OrganizationPath, super::ListParams, AcrossParams),
    responses((status = 200, body = [ItemSummary])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let projects = projects(&state, &caller, &path, &params).await?;
    let span = span(&params, clock::now())?;
    let wanted = Wanted {
        since: span.from.map(Timestamp::from_millis),
        until: span.to.map(Timestamp::from_millis),
        environments: params.all("environment").map(str::to_owned).collect(),
        ..wanted(&params)?
    };
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let mut rows = Vec::new();
    // Each project's are in order in an index; what lies behind the page of all is cut off.
    for project in projects {
        let of_project = state.store.latest_items(project, &wanted, from, limit + 1);
        rows.extend(of_project.await?);
    }
    rows.sort_by_key(|row| (place(row).value, row.id));
    if !matches!(from, Some((_, Direction::Back))) {
        rows.reverse();
    }
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX) + 1);
    let page = Page::cut(rows, limit, cursor, place);
    let summaries = page.map(|rows| rows.iter().map(ItemSummary::from).collect());
    Ok(summaries.respond(&params))
}

/// The kinds of which the projects have items.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/vedette/item-kinds/",
    tag = "items", params(OrganizationPath,
        ("project" = Option<Vec<String>>, Query, description = "Id or slug; repeated for several.")),
    responses((status = 200, body = ItemKinds)))]
pub(in crate::api) async fn kinds(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<ItemKinds>, ApiError> {
    let mut kinds = BTreeSet::new();
    for project in projects(&state, &caller, &path, &params).await? {
        kinds.extend(state.store.item_kinds(project).await?);
    }
    let kinds = kinds.into_iter().collect();
    Ok(Json(ItemKinds { kinds }))
}

/// The projects that a request means.
async fn projects(
    state: &ApiState,
    caller: &Caller,
    path: &OrganizationPath,
    params: &Params,
) -> Result<Vec<i64>, ApiError> {
    let organization = state
        .organization(caller, &path.organization, Scope::EventRead)
        .await?;
    let all = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&all, params)?;
    Ok(chosen.iter().map(|project| project.id).collect())
}

fn place(row: &ItemRow) -> Place {
    Place {
        value: row.item.timestamp.as_millis(),
        id: row.id,
    }
}
