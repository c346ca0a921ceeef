//! Totals of transactions and spans over time: each counts for as many as it stands for.

use std::collections::HashMap;

use protocol::timestamp::Timestamp;
use serde_json::{Number, Value};

use super::range::Range;
use super::{FIGURES_MAX, SeriesMeta, TimePoint, TimeSeries, Timeseries, TimeseriesMeta};
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::page::Params;
use crate::api::totals::{self, Asked, Dataset, Minutes};
use crate::store::projects::Project;
use crate::store::totals::PointTotal;

/// A figure's name, and the type and the unit of its values.
type Figure = (&'static str, &'static str, Option<&'static str>);

/// What there are series of.
const FIGURES: [Figure; 5] = [
    ("count()", "integer", None),
    ("epm()", "rate", Some("1/minute")),
    ("eps()", "rate", Some("1/second")),
    ("failure_count()", "integer", None),
    ("failure_rate()", "percentage", None),
];

/// A series of each figure.
pub(super) async fn over_time(
    state: &ApiState,
    projects: &[Project],
    dataset: Dataset,
    range: Range,
    params: &Params,
    now: Timestamp,
) -> Result<Timeseries, ApiError> {
    for name in ["groupBy", "topEvents", "comparisonDelta"] {
        if params.some(name).is_some() {
            let what = format!("not of {}", dataset.name());
            return Err(ApiError::field(name, what));
        }
    }
    let figures = figures(params)?;
    let text = params.first("query").unwrap_or_default();
    let minutes = Minutes::between(range.from, range.until);
    let name = Asked::read(dataset, text, minutes)?.into_name()?;
    let of = (dataset, name);
    let meant = totals::meant(projects, of, params, range.from, range.until);
    let points = state.store.totals_over_time(&meant, range.interval).await?;
    let kept = points.iter().map(|point| point.kept).sum();
    let by_time: HashMap<i64, PointTotal> = points.iter().map(|point| (point.at, *point)).collect();
    let series = figures.into_iter().map(|(name, value_type, value_unit)| {
        let values = range.points().map(|at| {
            let total = by_time.get(&at.div_euclid(range.interval));
            point(name, range, at, total, now)
        });
        TimeSeries {
            y_axis: name,
            group_by: None,
            values: values.collect(),
            meta: SeriesMeta {
                value_type,
                value_unit,
                interval: range.interval,
                order: None,
                is_other: None,
            },
        }
    });
    Ok(Timeseries {
        time_series: series.collect(),
        meta: TimeseriesMeta {
            dataset: dataset.name(),
            start: range.from,
            end: range.until,
            data_scanned: totals::scanned(kept),
        },
    })
}

fn figures(params: &Params) -> Result<Vec<Figure>, ApiError> {
    let asked: Vec<&str> = params.all("yAxis").collect();
    if asked.len() > FIGURES_MAX {
        let what = format!("at most {FIGURES_MAX} of them");
        return Err(ApiError::field("yAxis", what));
    }
    let asked = if asked.is_empty() {
        vec!["count()"]
    } else {
        asked
    };
    let figures = asked.into_iter().map(|asked| {
        let figure = FIGURES.into_iter().find(|(name, ..)| *name == asked);
        let what = "count(), epm(), eps(), failure_count() or failure_rate()";
        figure.ok_or_else(|| ApiError::field("yAxis", what))
    });
    figures.collect()
}

fn point(
    name: &str,
    range: Range,
    at: i64,
    total: Option<&PointTotal>,
    now: Timestamp,
) -> TimePoint {
    let (kept, n, failed) = total.map_or((0, 0.0, 0.0), |t| (t.kept, t.n, t.failed));
    let minutes = Minutes::between(at, at + range.interval);
    let value = match minutes.figure(name, n, failed) {
        Some(Value::Number(number)) => number,
        _ => Number::from(0),
    };
    TimePoint {
        timestamp: at,
        value,
        incomplete: at + range.interval > now.as_millis(),
        comparison_value: None,
        sample_count: Some(kept),
        sample_rate: total.map(|total| totals::share(total.kept, total.n)),
    }
}
