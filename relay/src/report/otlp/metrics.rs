//! Points of metrics as entries of containers.
//!
//! A sum that only rises is a counter, any other number a gauge, and what has many values a
//! distribution whose value is their mean, with count, sum and ends beside.

use serde_json::{Map, Value, json};

use super::model::{KeyValue, Metric, MetricsRequest, Numbers};
use super::{put, put_all, seconds, shared};

/// Most buckets of one point that are kept.
const BUCKETS_MAX: usize = 256;

pub(super) fn points(request: MetricsRequest) -> Vec<Value> {
    let mut entries = Vec::new();
    for resource in request.resource_metrics {
        for scope in resource.scope_metrics {
            let of_resource = resource.resource.as_ref();
            let shared = shared(of_resource, scope.scope.as_ref(), "auto.otlp.metrics");
            for metric in &scope.metrics {
                of_metric(metric, &shared, &mut entries);
            }
        }
    }
    entries
}

/// What all kinds of points have.
struct Point<'a> {
    kind: &'static str,
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
        let counts = point.bucket_counts.iter().take(BUCKETS_MAX);
        facts.push(("metric.bucket_counts", counts.copied().collect()));
        let bounds = point.explicit_bounds.iter().take(BUCKETS_MAX);
        facts.push(("metric.bucket_bounds", bounds.copied().collect()));
        add(Point {
            kind: "distribution",
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
            at: point.time_unix_nano,
            value: mean(point.sum, point.count),
            attributes: &point.attributes,
            facts: facts(point.count, point.sum, point.min, point.max),
        });
    }
    for point in metric.summary.iter().flat_map(|s| &s.data_points) {
        add(Point {
            kind: "distribution",
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
    for (name, value) in &point.facts {
        put(&mut attributes, (*name).to_owned(), value);
    }
    put_all(&mut attributes, point.attributes);
    let mut entry = json!({
        "trace_id": "0".repeat(32), "name": metric.name, "type": point.kind,
        "value": point.value.unwrap_or_default(), "attributes": attributes,
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
