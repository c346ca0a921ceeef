//! Events over time: one series for each figure asked for, of all events or of the largest groups.

mod groups;
mod range;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::discover::{check_dataset, meant};
use super::error::ApiError;
use super::input::At;
use super::page::Params;
use super::search::{chosen_projects, span};
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::clock;
use crate::index::Search;
use groups::Group;
use range::Range;

/// Figures of one request.
const FIGURES_MAX: usize = 5;
/// Groups of one request.
const GROUPS_MAX: usize = 10;
/// Longest distance to what is compared with, in seconds.
const DELTA_MAX_SECS: i64 = 90 * 86_400;

/// What events over time can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct TimeseriesParams {
    /// `count()` where nothing is said, `count_unique(user)`, `epm()`, `eps()`. May be repeated.
    #[param(rename = "yAxis")]
    y_axis: Option<Vec<String>>,
    /// `errors`.
    dataset: Option<String>,
    /// A search.
    query: Option<String>,
    /// `issue`, `project`, or a key of events; needs `topEvents`.
    #[param(rename = "groupBy")]
    group_by: Option<String>,
    /// Only the largest so many groups, at most 10, and what is left as one more.
    #[param(rename = "topEvents")]
    top_events: Option<u32>,
    /// What the largest is: `-count()`.
    sort: Option<String>,
    /// `1` leaves out the series of what is in none of the groups.
    #[param(rename = "excludeOther")]
    exclude_other: Option<String>,
    /// Length of one point: `5m`, `1h`, `1d`; where there would be too many, a longer one is taken.
    interval: Option<String>,
    /// Compares each point with the one so many seconds before.
    #[param(rename = "comparisonDelta")]
    comparison_delta: Option<i64>,
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// Those of these environments; repeated for several.
    environment: Option<Vec<String>>,
    /// Within this time: `14d` where nothing is said.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
}

/// Events over time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeseries {
    meta: TimeseriesMeta,
    time_series: Vec<TimeSeries>,
}

/// What was asked.
#[derive(Debug, Serialize, ToSchema)]
struct TimeseriesMeta {
    dataset: &'static str,
    /// Unix milliseconds of the first point.
    start: i64,
    /// Unix milliseconds behind the last point.
    end: i64,
}

/// One figure over time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimeSeries {
    y_axis: &'static str,
    /// What the events have in common; left out where they are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_by: Option<Vec<GroupKey>>,
    values: Vec<TimePoint>,
    meta: SeriesMeta,
}

/// A key and the value that events have of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct GroupKey {
    key: String,
    value: String,
}

/// A figure of an interval.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimePoint {
    /// Unix milliseconds of its begin.
    timestamp: i64,
    #[schema(value_type = f64)]
    value: Number,
    /// Whether it is not over yet.
    incomplete: bool,
    /// The figure of what it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    comparison_value: Option<Number>,
}

/// What the values of a series are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeriesMeta {
    /// `integer` or `rate`.
    value_type: &'static str,
    /// `1/minute`, `1/second`; counts have none.
    value_unit: Option<&'static str>,
    /// Milliseconds of one point.
    interval: i64,
    /// Its place among the groups, the largest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<usize>,
    /// Whether it is what is left beside the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_other: Option<bool>,
}

/// A figure over events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Count,
    Users,
    PerMinute,
    PerSecond,
}

impl Figure {
    fn read(name: &str) -> Result<Self, ApiError> {
        Ok(match name {
            "count()" => Self::Count,
            "count_unique(user)" => Self::Users,
            "epm()" => Self::PerMinute,
            "eps()" => Self::PerSecond,
            _ => {
                let what = "count(), count_unique(user), epm() or eps()";
                return Err(ApiError::field("yAxis", what));
            }
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Count => "count()",
            Self::Users => "count_unique(user)",
            Self::PerMinute => "epm()",
            Self::PerSecond => "eps()",
        }
    }

    /// Type and unit of its values.
    const fn kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Count | Self::Users => ("integer", None),
            Self::PerMinute => ("rate", Some("1/minute")),
            Self::PerSecond => ("rate", Some("1/second")),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of an interval are small"
    )]
    fn value(self, n: u64, interval_ms: i64) -> Number {
        let per = |unit_ms: f64| Number::from_f64(n as f64 * unit_ms / interval_ms as f64);
        let rate = match self {
            Self::Count | Self::Users => None,
            Self::PerMinute => per(60_000.0),
            Self::PerSecond => per(1000.0),
        };
        rate.unwrap_or_else(|| n.into())
    }
}

/// Events of an organization over time.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/events-timeseries/",
    tag = "events", params(OrganizationPath, TimeseriesParams),
    responses((status = 200, body = Timeseries)))]
pub(super) async fn over_time(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Timeseries>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    check_dataset(params.some("dataset").unwrap_or("errors"))?;
    let now = clock::now();
    let range = Range::read(span(&params, now)?, params.some("interval"), now)?;
    let figures = figures(&params)?;
    let delta_ms = delta(&params)?;
    let grouped = grouped(&params)?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, &params)?;
    let search = meant(&state, &caller, &chosen, &params).await?;
    let search = search.map(|search| range.within(search));
    let groups = match (&search, grouped) {
        (None, _) => Vec::new(),
        (Some(search), None) => vec![Group::all(search.clone())],
        (Some(search), Some((key, max))) => {
            let has_other = !matches!(params.some("excludeOther"), Some("1" | "true"));
            groups::largest(&state, &chosen, search, key, max, has_other).await?
        }
    };
    let mut time_series = Vec::new();
    for (order, group) in groups.iter().enumerate() {
        for figure in &figures {
            let values = values(&state, group, *figure, range, delta_ms, now).await?;
            time_series.push(series(group, order, *figure, range, values));
        }
    }
    let meta = TimeseriesMeta {
        dataset: "errors",
        start: range.from,
        end: range.until,
    };
    Ok(Json(Timeseries { meta, time_series }))
}

fn figures(params: &Params) -> Result<Vec<Figure>, ApiError> {
    let mut figures = params
        .all("yAxis")
        .map(Figure::read)
        .collect::<Result<Vec<_>, _>>()?;
    if figures.is_empty() {
        figures.push(Figure::Count);
    }
    if figures.len() > FIGURES_MAX {
        let what = format!("at most {FIGURES_MAX} of them");
        return Err(ApiError::field("yAxis", what));
    }
    Ok(figures)
}

/// How far before is what is compared with, in milliseconds.
fn delta(params: &Params) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.some("comparisonDelta") else {
        return Ok(None);
    };
    let seconds = text.parse::<i64>().ok();
    let seconds = seconds.filter(|seconds| (1..=DELTA_MAX_SECS).contains(seconds));
    let what = format!("seconds, at most {DELTA_MAX_SECS}");
    let seconds = seconds.ok_or_else(|| ApiError::field("comparisonDelta", what))?;
    Ok(Some(seconds * 1000))
}

/// The key that is grouped by, and how many groups are wanted.
fn grouped(params: &Params) -> Result<Option<(&str, usize)>, ApiError> {
    let keys: Vec<&str> = params.all("groupBy").collect();
    let top = params.some("topEvents");
    match (keys.as_slice(), top) {
        ([], None) => Ok(None),
        ([], Some(_)) => Err(ApiError::field("topEvents", "needs groupBy beside it")),
        ([_], None) => Err(ApiError::field("groupBy", "needs topEvents beside it")),
        ([key], Some(top)) => {
            let n = top.parse().ok().filter(|n| (1..=GROUPS_MAX).contains(n));
            let what = format!("1 to {GROUPS_MAX}");
            let n = n.ok_or_else(|| ApiError::field("topEvents", what))?;
            match params.some("sort").unwrap_or("-count()") {
                "-count()" | "-count" => Ok(Some((key, n))),
                _ => Err(ApiError::field("sort", "-count()")),
            }
        }
        _ => Err(ApiError::field("groupBy", "one key")),
    }
}

async fn values(
    state: &ApiState,
    group: &Group,
    figure: Figure,
    range: Range,
    delta_ms: Option<i64>,
    now: Timestamp,
) -> Result<Vec<TimePoint>, ApiError> {
    let counts = counts(state, &group.search, figure, range.interval).await?;
    let before = match delta_ms {
        None => None,
        Some(delta_ms) => {
            let earlier = range.earlier(delta_ms);
            let search = earlier.within(group.search.clone());
            let counts = self::counts(state, &search, figure, range.interval).await?;
            Some((earlier, counts))
        }
    };
    let value = |counts: &HashMap<i64, u64>, at: i64| {
        figure.value(counts.get(&at).copied().unwrap_or(0), range.interval)
    };
    let points = range.points().enumerate();
    Ok(points
        .map(|(place, at)| TimePoint {
            timestamp: at,
            value: value(&counts, at),
            incomplete: at + range.interval > now.as_millis(),
            comparison_value: before.as_ref().map(|(earlier, counts)| {
                let at = earlier.points().nth(place).unwrap_or_default();
                value(counts, at)
            }),
        })
        .collect())
}

/// Events, or people, by the begin of their interval.
async fn counts(
    state: &ApiState,
    search: &Search,
    figure: Figure,
    interval: i64,
) -> Result<HashMap<i64, u64>, ApiError> {
    if figure == Figure::Users {
        return Ok(state
            .index
            .users_over_time(search.clone(), interval)
            .await?);
    }
    let mut counts = HashMap::new();
    for ((_, at), n) in state.index.histogram(search.clone(), interval).await? {
        *counts.entry(at).or_insert(0) += n;
    }
    Ok(counts)
}

fn series(
    group: &Group,
    order: usize,
    figure: Figure,
    range: Range,
    values: Vec<TimePoint>,
) -> TimeSeries {
    let (value_type, value_unit) = figure.kind();
    let is_group = group.named.is_some() || group.is_other;
    let named = group.named.as_ref().map(|(key, value)| GroupKey {
        key: key.clone(),
        value: value.clone(),
    });
    TimeSeries {
        y_axis: figure.name(),
        group_by: named.map(|named| vec![named]),
        values,
        meta: SeriesMeta {
            value_type,
            value_unit,
            interval: range.interval,
            order: is_group.then_some(order),
            is_other: is_group.then_some(group.is_other),
        },
    }
}

/// A value of JSON as the text that a group is named by.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
