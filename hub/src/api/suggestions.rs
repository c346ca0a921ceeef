//! What may stand in a search: keys and values that events have, with how many have them.

use axum::Json;
use axum::extract::State;
use protocol::ids::ProjectId;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::Params;
use super::search::chosen_projects;
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::index;
use crate::query;

/// Longest key and beginning of a value, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Keys given at once.
const KEYS_MAX: usize = 500;

/// What can be asked.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct SuggestionParams {
    /// Whose values; left out, keys are given.
    key: Option<String>,
    /// What the values begin with, letters without case.
    part: Option<String>,
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// At most 100 values.
    limit: Option<u32>,
}

/// Keys or values.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Suggestions {
    /// The most frequent first; the first by their letters where there are too many to know.
    suggestions: Vec<Suggestion>,
    /// Whether all that begin so were looked at. What is given is exact in any case.
    is_complete: bool,
    /// How many more there are, where that is known.
    left_out: Option<usize>,
}

/// A key or a value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Suggestion {
    text: String,
    /// Whether it is the key of a tag, and not a field.
    is_tag: bool,
    /// Events that have it.
    count: u64,
}

/// Keys that events have, or values of one key, with exact counts over all that is kept.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/vedette/suggestions/",
    tag = "tags", params(OrganizationPath, SuggestionParams),
    responses((status = 200, body = Suggestions)))]
pub(super) async fn suggest(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Suggestions>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, &params)?;
    let ids: Vec<ProjectId> = chosen
        .iter()
        .filter_map(|project| ProjectId::new(project.id.unsigned_abs()).ok())
        .collect();
    let part = params.first("part").unwrap_or_default();
    if part.len() > TEXT_BYTES_MAX {
        let what = format!("at most {TEXT_BYTES_MAX} bytes");
        return Err(ApiError::field("part", what));
    }
    let found = match params.some("key") {
        None => state.index.suggest_keys(ids, KEYS_MAX).await?,
        Some(name) if name.len() > TEXT_BYTES_MAX => {
            let what = format!("at most {TEXT_BYTES_MAX} bytes");
            return Err(ApiError::field("key", what));
        }
        Some(name) => {
            let limit = usize::try_from(params.limit()?).unwrap_or(usize::MAX);
            let key = query::canonical(name);
            state.index.suggest_values(ids, &key, part, limit).await?
        }
    };
    Ok(Json(shown(found, params.some("key").is_none())))
}

fn shown(found: index::Suggestions, are_keys: bool) -> Suggestions {
    let one = |each: index::Suggestion| {
        let tag = each.text.strip_prefix('#').filter(|_| are_keys);
        Suggestion {
            is_tag: tag.is_some(),
            text: tag.map_or_else(|| each.text.clone(), str::to_owned),
            count: each.events,
        }
    };
    Suggestions {
        suggestions: found.found.into_iter().map(one).collect(),
        is_complete: found.is_complete,
        left_out: found.n_left_out,
    }
}
