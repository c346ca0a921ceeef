//! The same in the older shape that charting tools of Sentry's users ask for: points as
//! `[second, [{"count": n}]]`, several figures or groups as a map by their names.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Number, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{TimeSeries, Timeseries, read};
use crate::access::Scope;
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::discover::meant;
use crate::api::error::ApiError;
use crate::api::input::At;
use crate::api::page::Params;
use crate::api::search::chosen_projects;
use crate::api::types::OrganizationPath;

/// The name of what is in none of the groups.
const OTHER: &str = "Other";

/// What events over time can be asked for in this shape.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(in crate::api) struct StatsParams {
    /// As of `events-timeseries`; several make a map by their names.
    #[param(rename = "yAxis")]
    y_axis: Option<Vec<String>>,
    /// With `topEvents`, what events are grouped by; figures among them are passed over.
    field: Option<Vec<String>>,
    /// Only the largest so many groups, at most 10, and what is left as `Other`.
    #[param(rename = "topEvents")]
    top_events: Option<u32>,
    /// A search.
    query: Option<String>,
    /// `errors`, `transactions` or `spans`.
    dataset: Option<String>,
    /// Length of one point: `5m`, `1h`, `1d`.
    interval: Option<String>,
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// Those of these environments; repeated for several.
    environment: Option<Vec<String>>,
    /// Within this time: `14d` where nothing is said.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
}

/// A figure over time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Stats {
    /// Points: the unix second of their begin, and what was counted.
    #[schema(value_type = Vec<Vec<Object>>)]
    data: Vec<(i64, [Point; 1])>,
    /// Unix seconds.
    start: i64,
    /// Unix seconds.
    end: i64,
    /// Its place among the groups, or among the figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<usize>,
    is_metrics_data: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    count: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison_count: Option<Number>,
}

/// Events of an organization over time, as points of unix seconds.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/events-stats/", tag = "events",
    params(OrganizationPath, StatsParams), responses((status = 200, body = Stats)))]
pub(in crate::api) async fn over_time(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let is_grouped = params.some("topEvents").is_some();
    let keys = params.all("field").filter(|field| !field.contains('('));
    let groups: Vec<&str> = keys.filter(|_| is_grouped).collect();
    let series = read(&state, &caller, &path, &params, &groups).await?;
    let n_figures = params.all("yAxis").count();
    Ok(Json(shaped(&series, is_grouped, n_figures > 1)))
}

/// One figure as it is; several, or groups, by their names.
fn shaped(series: &Timeseries, is_grouped: bool, is_several: bool) -> Value {
    let plain = |(place, one): (usize, &TimeSeries)| {
        let order = one.meta.order.or(is_several.then_some(place));
        json!(Stats {
            data: one.values.iter().map(point).collect(),
            start: series.meta.start.div_euclid(1000),
            end: series.meta.end.div_euclid(1000),
            order,
            is_metrics_data: false,
        })
    };
    let mut all = series.time_series.iter().enumerate();
    if !is_grouped && !is_several {
        return all.next().map_or_else(|| json!({ "data": [] }), plain);
    }
    let mut named: Map<String, Value> = Map::new();
    let mut orders: HashMap<String, Option<usize>> = HashMap::new();
    for (place, one) in all {
        let value = plain((place, one));
        if !is_grouped {
            named.insert(one.y_axis.to_owned(), value);
            continue;
        }
        let mut name = group_name(one);
        let order = one.meta.order;
        // Issues may have the same title: none takes the place of another.
        if *orders.entry(name.clone()).or_insert(order) != order {
            name = format!("{name} ({})", order.map_or(0, |order| order + 1));
        }
        if !is_several {
            named.insert(name, value);
            continue;
        }
        let figures = named.entry(name).or_insert_with(|| json!({}));
        if let Some(figures) = figures.as_object_mut() {
            figures.insert(one.y_axis.to_owned(), value);
        }
    }
    Value::Object(named)
}

fn group_name(series: &TimeSeries) -> String {
    let keys = series.group_by.as_deref().and_then(<[_]>::first);
    keys.map_or_else(|| OTHER.to_owned(), |key| key.value.clone())
}

fn point(point: &super::TimePoint) -> (i64, [Point; 1]) {
    let counted = Point {
        count: point.value.clone(),
        comparison_count: point.comparison_value.clone(),
    };
    (point.timestamp.div_euclid(1000), [counted])
}

/// How many events there are.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct EventsMeta {
    count: u64,
}

/// The number of events that a search finds.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/events-meta/", tag = "events",
    params(OrganizationPath,
        ("query" = Option<String>, Query, description = "A search."),
        ("project" = Option<Vec<String>>, Query, description = "Id or slug; may be repeated."),
        ("environment" = Option<Vec<String>>, Query, description = "May be repeated."),
        ("statsPeriod" = Option<String>, Query, description = "`24h`, `14d`, …")),
    responses((status = 200, body = EventsMeta)))]
pub(in crate::api) async fn how_many(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<EventsMeta>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, &params)?;
    let count = match meant(&state, &caller, &chosen, &params).await? {
        None => 0,
        Some(search) => {
            let look = state.index.look(search).await?;
            look.issues.iter().map(|hit| hit.events).sum()
        }
    };
    Ok(Json(EventsMeta { count }))
}
