//! Inbound filters in Sentry's words: five switches, and lists among a project's options.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::filter::LegacyBrowser;
use protocol::outcome::reason;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::projects::{intake_of, put_intake};
use super::types::ProjectPath;
use crate::access::Scope;
use crate::fleet::{DEFAULT_BROWSERS, Intake, READY_FILTERS};

/// The switches, by the reason that each counts under.
const SWITCHES: [&str; 5] = [
    reason::FILTER_EXTENSION,
    reason::FILTER_TRANSACTION,
    reason::FILTER_BROWSER,
    reason::FILTER_LOCALHOST,
    reason::FILTER_CRAWLER,
];

/// Options that are lists, one entry a line.
const LISTS: [&str; 6] = [
    "filters:releases",
    "filters:error_messages",
    "filters:log_messages",
    "filters:trace_metric_names",
    "filters:blacklisted_ips",
    "sentry:csp_ignored_sources",
];

/// The option that adds what extensions insert to the sources whose reports are not wanted.
const CSP_DEFAULTS: &str = "sentry:csp_ignored_sources_defaults";

/// A switch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Filter {
    id: &'static str,
    /// Whether it is on; of old browsers, the groups that are refused, or `false`.
    #[schema(value_type = Object)]
    active: Value,
}

/// A change of a switch.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct FilterChange {
    active: Option<bool>,
    /// The groups of old browsers.
    subfilters: Option<Vec<String>>,
}

/// A switch of a project.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct FilterPath {
    organization: String,
    project: String,
    filter: String,
}

/// The filters of a project that are switches.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/filters/", tag = "filters",
    params(ProjectPath), responses((status = 200, body = [Filter])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<Filter>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let filters = intake_of(&project).filters;
    let switch = |id: &'static str| Filter {
        id,
        active: match id {
            reason::FILTER_EXTENSION => json!(filters.browser_extensions),
            reason::FILTER_TRANSACTION => json!(filters.health_checks),
            reason::FILTER_LOCALHOST => json!(filters.localhost),
            reason::FILTER_CRAWLER => json!(filters.web_crawlers),
            _ if filters.legacy_browsers.is_empty() => json!(false),
            _ => json!(filters.legacy_browsers),
        },
    };
    Ok(Json(SWITCHES.into_iter().map(switch).collect()))
}

/// Switches a filter. Relays take it up a few first, like everything that drops events.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/filters/{filter}/",
    tag = "filters", params(FilterPath), request_body = FilterChange, responses((status = 204)))]
pub(super) async fn set(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<FilterPath>,
    Input(change): Input<FilterChange>,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let mut intake = intake_of(&project);
    let filters = &mut intake.filters;
    if path.filter == reason::FILTER_BROWSER {
        filters.legacy_browsers = browsers(change)?;
    } else {
        let switch = match path.filter.as_str() {
            reason::FILTER_EXTENSION => &mut filters.browser_extensions,
            reason::FILTER_TRANSACTION => &mut filters.health_checks,
            reason::FILTER_LOCALHOST => &mut filters.localhost,
            reason::FILTER_CRAWLER => &mut filters.web_crawlers,
            _ => return Err(ApiError::missing()),
        };
        let active = change.active;
        *switch = active.ok_or_else(|| ApiError::field("active", "true or false"))?;
    }
    put_intake(&state, project, intake).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn browsers(change: FilterChange) -> Result<Vec<String>, ApiError> {
    let known = || {
        let groups = LegacyBrowser::ALL.iter().map(|group| group.name());
        std::iter::once(DEFAULT_BROWSERS).chain(groups)
    };
    match (change.subfilters, change.active) {
        (Some(groups), _) => {
            let unknown = groups
                .iter()
                .find(|name| known().all(|known| known != **name));
            match unknown {
                None => Ok(known()
                    .map(str::to_owned)
                    .filter(|name| groups.contains(name))
                    .collect()),
                Some(name) => {
                    let what = format!("there is no group {name:?} of browsers");
                    Err(ApiError::field("subfilters", what))
                }
            }
        }
        (None, Some(true)) => Ok(vec![DEFAULT_BROWSERS.to_owned()]),
        (None, Some(false)) => Ok(Vec::new()),
        (None, None) => Err(ApiError::field(
            "subfilters",
            "a list of groups of browsers",
        )),
    }
}

/// The filters that are lists, and the conditions that come with the program.
pub(super) fn options(intake: &Intake) -> Map<String, Value> {
    let mut options = Map::new();
    for name in LISTS {
        let entries = list_of(intake, name).join("\n");
        options.insert(name.to_owned(), Value::String(entries));
    }
    options.insert(CSP_DEFAULTS.to_owned(), json!(intake.filters.csp_defaults));
    for (id, _) in READY_FILTERS {
        let is_on = intake.ready_filters.contains(id);
        options.insert(format!("filters:{id}"), json!(is_on));
    }
    options
}

fn list_of<'a>(intake: &'a Intake, name: &str) -> &'a [String] {
    let filters = &intake.filters;
    match name {
        "filters:releases" => &filters.releases,
        "filters:error_messages" => &filters.error_messages,
        "filters:log_messages" => &filters.log_messages,
        "filters:trace_metric_names" => &filters.trace_metric_names,
        "filters:blacklisted_ips" => &filters.client_ips,
        _ => &filters.csp_sources,
    }
}

/// Takes changes of options; those that are none of filters are refused by name.
pub(super) fn apply_options(
    intake: &mut Intake,
    changes: &Map<String, Value>,
) -> Result<(), ApiError> {
    for (name, value) in changes {
        let unknown = || ApiError::field("options", format!("{name:?} is not an option"));
        let mut ready = READY_FILTERS.iter().map(|(id, _)| *id);
        let ready = ready.find(|id| name.strip_prefix("filters:") == Some(*id));
        match (ready, value) {
            (Some(id), Value::Bool(true)) => {
                intake.ready_filters.insert(id.to_owned());
            }
            (Some(id), Value::Bool(false)) => {
                intake.ready_filters.remove(id);
            }
            (None, Value::Bool(is_on)) if name == CSP_DEFAULTS => {
                intake.filters.csp_defaults = *is_on;
            }
            (None, value) if LISTS.contains(&name.as_str()) => {
                set_list(intake, name, entries(value).ok_or_else(unknown)?);
            }
            _ => return Err(unknown()),
        }
    }
    Ok(())
}

fn set_list(intake: &mut Intake, name: &str, entries: Vec<String>) {
    let filters = &mut intake.filters;
    match name {
        "filters:releases" => filters.releases = entries,
        "filters:error_messages" => filters.error_messages = entries,
        "filters:log_messages" => filters.log_messages = entries,
        "filters:trace_metric_names" => filters.trace_metric_names = entries,
        "filters:blacklisted_ips" => filters.client_ips = entries,
        _ => filters.csp_sources = entries,
    }
}

/// A text with one entry a line, or a list of texts.
fn entries(value: &Value) -> Option<Vec<String>> {
    let lines: Vec<&str> = match value {
        Value::String(text) => text.lines().collect(),
        Value::Array(list) => list.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let lines = lines
        .into_iter()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    Some(lines.map(str::to_owned).collect())
}
