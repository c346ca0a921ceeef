//! Events over time: one series for each figure asked for, of all events or of the largest groups.

mod groups;
mod range;
pub(super) mod stats;
mod weighed;

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
use super::totals;
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::clock;
use crate::index::{Count, Groups, People, Search, Tally, Wanted};
use crate::store::projects::Project;
use groups::{Asked, Largest};
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
    /// Of transactions and spans `count()`, `epm()`, `eps()`, `failure_count()`, `failure_rate()`.
    #[param(rename = "yAxis")]
    y_axis: Option<Vec<String>>,
    /// `errors`; `transactions` or `spans`, which are not grouped or compared: each that a
    /// sampling rule kept counts for as many as it stands for.
    dataset: Option<String>,
    /// A search.
    query: Option<String>,
    /// `issue`, `title`, `project`, or a key of events; needs `topEvents`.
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
#[serde(rename_all = "camelCase")]
struct TimeseriesMeta {
    dataset: &'static str,
    /// Unix milliseconds of the first point.
    start: i64,
    /// Unix milliseconds behind the last point.
    end: i64,
    /// Of transactions and spans: `full`, or `partial` where only the latest could be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_scanned: Option<&'static str>,
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
    /// Of transactions and spans: how many were kept, of which the figure is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<i64>,
    /// Of transactions and spans: the share of what was sent that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate: Option<f64>,
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
    fn value(self, count: Count, interval_ms: i64) -> Number {
        let n = count.events;
        let per = |unit_ms: f64| Number::from_f64(n as f64 * unit_ms / interval_ms as f64);
        let rate = match self {
            Self::Count => None,
            Self::Users => return count.people.into(),
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
    let groups: Vec<&str> = params.all("groupBy").collect();
    Ok(Json(read(&state, &caller, &path, &params, &groups).await?))
}

/// What a request asks for, in groups by these keys.
async fn read(
    state: &ApiState,
    caller: &Caller,
    path: &OrganizationPath,
    params: &Params,
    groups: &[&str],
) -> Result<Timeseries, ApiError> {
    let organization = state
        .organization(caller, &path.organization, Scope::EventRead)
        .await?;
    let dataset = params.some("dataset").unwrap_or("errors");
    let weighed = totals::Dataset::read(dataset);
    if weighed.is_none() {
        check_dataset(dataset)?;
    }
    let now = clock::now();
    let range = Range::read(span(params, now)?, params.some("interval"), now)?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, params)?;
    if let Some(dataset) = weighed {
        return weighed::over_time(state, &chosen, dataset, range, params, now).await;
    }
    let figures = figures(params)?;
    let delta_ms = delta(params)?;
    let asked = asked(groups, params)?;
    let search = meant(state, caller, &chosen, params).await?;
    let time_series = match search {
        None => Vec::new(),
        Some(search) => {
            let counted = Counted::read(state, &chosen, search, range, asked, &figures, delta_ms);
            counted.await?.series(&figures, now)
        }
    };
    let meta = TimeseriesMeta {
        dataset: "errors",
        start: range.from,
        end: range.until,
        data_scanned: None,
    };
    Ok(Timeseries { meta, time_series })
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

/// The groups that are wanted.
fn asked<'p>(keys: &[&'p str], params: &Params) -> Result<Option<Asked<'p>>, ApiError> {
    let top = params.some("topEvents");
    match (keys, top) {
        ([], None) => Ok(None),
        ([], Some(_)) => Err(ApiError::field("topEvents", "needs groupBy beside it")),
        ([_], None) => Err(ApiError::field("groupBy", "needs topEvents beside it")),
        ([key], Some(top)) => {
            let n = top.parse().ok().filter(|n| (1..=GROUPS_MAX).contains(n));
            let what = format!("1 to {GROUPS_MAX}");
            let n = n.ok_or_else(|| ApiError::field("topEvents", what))?;
            match params.some("sort").unwrap_or("-count()") {
                "-count()" | "-count" => Ok(Some(Asked {
                    key,
                    max: n,
                    has_other: !matches!(params.some("excludeOther"), Some("1" | "true")),
                })),
                _ => Err(ApiError::field("sort", "-count()")),
            }
        }
        _ => Err(ApiError::field("groupBy", "one key")),
    }
}

/// What was counted of each group.
struct Counted {
    largest: Largest,
    range: Range,
    /// In the groups' order, and behind them what is left where that is wanted.
    tallies: Vec<Tally>,
    /// The same of what it is compared with.
    before: Option<Vec<Tally>>,
}

impl Counted {
    async fn read(
        state: &ApiState,
        projects: &[Project],
        search: Search,
        range: Range,
        asked: Option<Asked<'_>>,
        figures: &[Figure],
        delta_ms: Option<i64>,
    ) -> Result<Self, ApiError> {
        let look = state.index.look(range.within(search.clone())).await?;
        let largest = match asked {
            None => Largest::all(),
            Some(asked) => groups::largest(state, projects, &look, asked).await?,
        };
        let wanted = |range: Range| Wanted {
            groups: largest.groups.clone(),
            has_rest: asked.is_some_and(|asked| asked.has_other),
            points: range.steps(),
            people: match figures.contains(&Figure::Users) {
                true => People::OfPoints,
                false => People::NotCounted,
            },
            with_others: false,
        };
        let tallies = state.index.tally(&look, wanted(range)).await?;
        let before = match delta_ms {
            None => None,
            Some(delta_ms) => {
                let earlier = range.earlier(delta_ms);
                let look = state.index.look(earlier.within(search)).await?;
                Some(state.index.tally(&look, wanted(earlier)).await?)
            }
        };
        Ok(Self {
            largest,
            range,
            tallies,
            before,
        })
    }

    /// A series of each figure of each group; what is left has none where that is nothing.
    fn series(&self, figures: &[Figure], now: Timestamp) -> Vec<TimeSeries> {
        let is_grouped = !matches!(self.largest.groups, Groups::All);
        let groups = self.tallies.iter().enumerate();
        let groups = groups.filter(|(order, tally)| {
            let is_other = is_grouped && *order >= self.largest.names.len();
            !is_other || tally.all.events > 0
        });
        groups
            .flat_map(|(order, tally)| figures.iter().map(move |figure| (order, tally, *figure)))
            .map(|(order, tally, figure)| {
                let named = self.largest.names.get(order);
                let named = named.map(|(key, value)| GroupKey {
                    key: key.clone(),
                    value: value.clone(),
                });
                let (value_type, value_unit) = figure.kind();
                let meta = SeriesMeta {
                    value_type,
                    value_unit,
                    interval: self.range.interval,
                    order: is_grouped.then_some(order),
                    is_other: is_grouped.then_some(named.is_none()),
                };
                TimeSeries {
                    y_axis: figure.name(),
                    group_by: named.map(|named| vec![named]),
                    values: self.values(order, tally, figure, now),
                    meta,
                }
            })
            .collect()
    }

    fn values(
        &self,
        order: usize,
        tally: &Tally,
        figure: Figure,
        now: Timestamp,
    ) -> Vec<TimePoint> {
        let interval = self.range.interval;
        let before = self.before.as_ref().and_then(|before| before.get(order));
        let points = self.range.points().zip(&tally.points).enumerate();
        points
            .map(|(place, (at, count))| TimePoint {
                timestamp: at,
                value: figure.value(*count, interval),
                incomplete: at + interval > now.as_millis(),
                comparison_value: before.map(|before| {
                    let count = before.points.get(place).copied().unwrap_or_default();
                    figure.value(count, interval)
                }),
                sample_count: None,
                sample_rate: None,
            })
            .collect()
    }
}

/// A value of JSON as the text that a group is named by.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
