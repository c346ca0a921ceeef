//! Points of metrics as entries of containers.
//!
//! A sum that only rises is a counter, any other number a gauge, and what has many values a
//! distribution whose value is their mean, with count, sum and ends beside. Where nobody knows the
//! sum there is no mean, and no value. A point that says that nothing was recorded has nothing: the
//! hub counts it as a metric that is none.

use protocol::item::ItemKind;
use serde_json::{Map, Value, json};

use super::model::{KeyValue, Metric, Numbers};
use super::{Entry, put, put_all, seconds};
use crate::report::ReportError;

/// The flag of a point at which nothing was recorded.
const NO_RECORDED_VALUE: u32 = 1;

impl Entry for Metric {
    const KIND: ItemKind = ItemKind::TraceMetric;
    const ORIGIN: &'static str = "auto.otlp.metrics";

    fn n_entries(&self) -> usize {
        let numbers = [&self.gauge, &self.sum];
        let numbers = numbers.into_iter().flatten().map(|n| n.data_points.len());
        let others = [
            self.histogram.as_ref().map(|h| h.data_points.len()),
            self.exponential_histogram
                .as_ref()
                .map(|h| h.data_points.len()),
            self.summary.as_ref().map(|s| s.data_points.len()),
        ];
        numbers.chain(others.into_iter().flatten()).sum()
    }

    fn give(
        &self,
        shared: &Map<String, Value>,
        add: &mut dyn FnMut(Value) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        points(self, &mut |point| add(entry(self, &point, shared.clone())))
    }
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

/// What takes points.
type Add<'p, 'a> = &'p mut dyn FnMut(Point<'a>) -> Result<(), ReportError>;

fn points<'a>(metric: &'a Metric, add: Add<'_, 'a>) -> Result<(), ReportError> {
    if let Some(gauge) = &metric.gauge {
        numbers(gauge, "gauge", add)?;
    }
    if let Some(sum) = &metric.sum {
        let kind = if sum.is_monotonic { "counter" } else { "gauge" };
        numbers(sum, kind, add)?;
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
        })?;
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
        })?;
    }
    for point in metric.summary.iter().flat_map(|s| &s.data_points) {
        add(Point {
            kind: "distribution",
            flags: point.flags,
            at: point.time_unix_nano,
            value: mean(Some(point.sum), point.count),
            attributes: &point.attributes,
            facts: facts(point.count, Some(point.sum), None, None),
        })?;
    }
    Ok(())
}

fn numbers<'a>(
    numbers: &'a Numbers,
    kind: &'static str,
    add: Add<'_, 'a>,
) -> Result<(), ReportError> {
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
        })?;
    }
    Ok(())
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
