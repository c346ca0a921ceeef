//! Points of metrics as entries of containers.
//!
//! A sum that only rises is a counter, any other number a gauge, and what has many values a
//! distribution whose value is their mean, with count, sum and ends beside. Where nobody knows the
//! sum there is no mean, and no value. A point that says that nothing was recorded has nothing: the
//! hub counts it as a metric that is none.

use serde_json::{Map, Value, json};

use super::model::{KeyValue, Metric, MetricsRequest, Numbers};
use super::{Room, put, put_all, seconds};
use crate::report::ReportError;

/// The flag of a point at which nothing was recorded.
const NO_RECORDED_VALUE: u32 = 1;

pub(super) fn points(request: MetricsRequest) -> Result<Vec<Value>, ReportError> {
    let (mut entries, mut room) = (Vec::new(), Room::new());
    for resource in request.resource_metrics {
        for scope in resource.scope_metrics {
            let of_resource = resource.resource.as_ref();
            let (of_scope, n) = (
                scope.scope.as_ref(),
                scope.metrics.iter().map(n_points).sum(),
            );
            let shared = room.shared(of_resource, of_scope, "auto.otlp.metrics", n)?;
            for metric in &scope.metrics {
                of_metric(metric, &shared, &mut entries);
            }
        }
    }
    Ok(entries)
}

fn n_points(metric: &Metric) -> usize {
    let numbers = [&metric.gauge, &metric.sum];
    let numbers = numbers.into_iter().flatten().map(|n| n.data_points.len());
    let others = [
        metric.histogram.as_ref().map(|h| h.data_points.len()),
        metric
            .exponential_histogram
            .as_ref()
            .map(|h| h.data_points.len()),
        metric.summary.as_ref().map(|s| s.data_points.len()),
    ];
    numbers.chain(others.into_iter().flatten()).sum()
}

/// What all kinds of points have.
struct Point<'a> {
    kind: &'static str,
    flags: u32,
    at: u64,
    value: Option<f64>,
    attributes: &'a [KeyValue],
    /// Further facts of the point, as attributes.
    facts: Vec<(&'static str, Value)>,
}

fn of_metric(metric: &Metric, shared: &Map<String, Value>, entries: &mut Vec<Value>) {
    let mut add = |point: Point<'_>| entries.push(entry(metric, &point, shared.clone()));
    if let Some(gauge) = &metric.gauge {
        numbers(gauge, "gauge", &mut add);
    }
    if let Some(sum) = &metric.sum {
        let kind = if sum.is_monotonic { "counter" } else { "gauge" };
        numbers(sum, kind, &mut add);
    }
    for point in metric.histogram.iter().flat_map(|h| &h.data_points) {
        let mut facts = facts(point.count, point.sum, point.min, point.max);
        facts.push(("metric.bucket_counts", json!(point.bucket_counts)));
        facts.push(("metric.bucket_bounds", json!(point.explicit_bounds)));
        add(Point {
            kind: "distribution",
            flags: point.flags,
            at: point.time_unix_nano,
            value: mean(point.sum, point.count),
            attributes: &point.attributes,
            facts,
        });
    }
    for point in metric
        .exponential_histogram
        .iter()
        .flat_map(|h| &h.data_points)
    {
        add(Point {
            kind: "distribution",
            flags: point.flags,
            at: point.time_unix_nano,
            value: mean(point.sum, point.count),
            attributes: &point.attributes,
            facts: facts(point.count, point.sum, point.min, point.max),
        });
    }
    for point in metric.summary.iter().flat_map(|s| &s.data_points) {
        add(Point {
            kind: "distribution",
            flags: point.flags,
            at: point.time_unix_nano,
            value: mean(Some(point.sum), point.count),
            attributes: &point.attributes,
            facts: facts(point.count, Some(point.sum), None, None),
        });
    }
}

fn numbers<'a>(numbers: &'a Numbers, kind: &'static str, add: &mut impl FnMut(Point<'a>)) {
    let is_total = numbers.aggregation_temporality == 2;
    for point in &numbers.data_points {
        #[expect(clippy::cast_precision_loss, reason = "metrics are fractions")]
        let whole = point.as_int.map(|n| n as f64);
        add(Point {
            kind,
            flags: point.flags,
            at: point.time_unix_nano,
            value: point.as_double.or(whole),
            attributes: &point.attributes,
            // Counters of SDKs tell what was added; this one tells the sum since its start.
            facts: vec![("metric.cumulative", json!(is_total && kind == "counter"))],
        });
    }
}

fn facts(
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
) -> Vec<(&'static str, Value)> {
    vec![
        ("metric.count", json!(count)),
        ("metric.sum", json!(sum)),
        ("metric.min", json!(min)),
        ("metric.max", json!(max)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a mean is a fraction")]
fn mean(sum: Option<f64>, count: u64) -> Option<f64> {
    sum.filter(|_| count > 0).map(|sum| sum / count as f64)
}

fn entry(metric: &Metric, point: &Point<'_>, mut attributes: Map<String, Value>) -> Value {
    let is_recorded = point.flags & NO_RECORDED_VALUE == 0;
    for (name, value) in point.facts.iter().filter(|_| is_recorded) {
        put(&mut attributes, (*name).to_owned(), value);
    }
    put_all(&mut attributes, point.attributes);
    let mut entry = json!({
        "trace_id": "0".repeat(32), "name": metric.name, "type": point.kind,
        "value": point.value.filter(|_| is_recorded), "attributes": attributes,
    });
    if let Some(fields) = entry.as_object_mut() {
        if point.at > 0 {
            fields.insert("timestamp".to_owned(), json!(seconds(point.at)));
        }
        if !metric.unit.is_empty() {
            fields.insert("unit".to_owned(), json!(metric.unit));
        }
    }
    entry
}
