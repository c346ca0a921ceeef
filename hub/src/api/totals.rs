//! Totals of transactions and spans as a table.
//!
//! Each that a sampling rule kept counts for as many as it stands for, so the totals are of what
//! SDKs sent; what SDKs left out themselves is in none of them. Beside each figure stands how many
//! were kept.

use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::ApiState;
use super::discover::{Accuracy, Meta, Table};
use super::error::ApiError;
use super::page::Params;
use super::search::span;
use crate::clock;
use crate::query::{self, Expr, Filter, Key, Op};
use crate::store::projects::Project;
use crate::store::totals::{Apart, Largest, Meant, SCANNED_MAX, Total};

/// What is looked at where nothing is said: two weeks, in milliseconds.
const USUAL_MS: i64 = 14 * 86_400_000;

/// What totals are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dataset {
    Transactions,
    Spans,
}

impl Dataset {
    /// By its name; `None` for those that are no totals.
    pub(super) fn read(name: &str) -> Option<Self> {
        match name {
            "transactions" => Some(Self::Transactions),
            "spans" => Some(Self::Spans),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Spans => "spans",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Transactions => "transaction",
            Self::Spans => "span",
        }
    }

    /// What it calls the names of what it is of.
    const fn naming(self) -> &'static str {
        match self {
            Self::Transactions => "transaction",
            Self::Spans => "span.name",
        }
    }

    /// A figure without what it is of: `p95(span.duration)` is `p95()`.
    fn figure(self, field: &str) -> String {
        let of = format!("({}.duration)", self.kind());
        field
            .strip_suffix(&of)
            .map_or_else(|| field.to_owned(), |figure| format!("{figure}()"))
    }
}

/// What is added up.
pub(super) fn meant(
    projects: &[Project],
    dataset: Dataset,
    params: &Params,
    from: i64,
    until: i64,
) -> Result<Meant, ApiError> {
    Ok(Meant {
        projects: projects.iter().map(|project| project.id).collect(),
        kind: dataset.kind(),
        name: name(dataset, params.first("query").unwrap_or_default())?,
        environments: params.all("environment").map(str::to_owned).collect(),
        from: Timestamp::from_millis(from),
        until: Timestamp::from_millis(until),
    })
}

/// The name that a query asks for.
pub(super) fn name(dataset: Dataset, text: &str) -> Result<Option<String>, ApiError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let found = match query::parse(text, clock::now())? {
        Expr::Filter(Filter {
            key: Key::Field(key) | Key::Tag(key),
            op: Op::Is,
            value: query::Value::Text(pattern),
            ..
        }) if key == dataset.naming() => pattern.as_literal().map(str::to_owned),
        _ => None,
    };
    let what = format!(
        "{0}:NAME is all that {1} can be asked",
        dataset.naming(),
        dataset.name()
    );
    found
        .map(Some)
        .ok_or_else(|| ApiError::field("query", what))
}

/// Whether all that is meant was looked at.
pub(super) fn scanned(kept: i64) -> Option<&'static str> {
    Some(if kept < i64::from(SCANNED_MAX) {
        "full"
    } else {
        "partial"
    })
}

/// The largest totals.
pub(super) async fn table(
    state: &ApiState,
    projects: &[Project],
    dataset: Dataset,
    fields: &[&str],
    params: &Params,
) -> Result<Table, ApiError> {
    let span = span(params, clock::now())?;
    let until = span.to.unwrap_or_else(|| clock::now().as_millis());
    let from = span.from.unwrap_or(until - USUAL_MS);
    let meant = meant(projects, dataset, params, from, until)?;
    let mut apart = Apart::default();
    let mut kinds = Map::new();
    for field in fields {
        let kind = kind_of(dataset, field)?;
        if *field == dataset.naming() {
            apart.name = true;
        } else if kind == "string" {
            apart.project = true;
        }
        kinds.insert((*field).to_owned(), json!(kind));
    }
    let largest = largest(dataset, params.some("sort").unwrap_or("-count()"))?;
    let limit = params.limit()?;
    let totals = state.store.totals(&meant, apart, largest, limit).await?;
    let mut accuracy = Accuracy::default();
    let mut data = Vec::with_capacity(totals.len());
    for total in &totals {
        let minutes = Minutes::between(from, until);
        let cell = |field: &&str| {
            (
                (*field).to_owned(),
                cell(dataset, field, total, projects, minutes),
            )
        };
        data.push(fields.iter().map(cell).collect());
        let figures = || fields.iter().filter(|field| field.ends_with(')'));
        let all = |value: Value| figures().map(move |field| ((*field).to_owned(), value.clone()));
        accuracy.sample_count.push(all(json!(total.kept)).collect());
        accuracy
            .sampling_rate
            .push(all(json!(share(total.kept, total.n))).collect());
    }
    let kept = totals.first().map_or(0, |total| total.kept_of_all);
    Ok(Table {
        data,
        meta: Meta {
            fields: kinds,
            data_scanned: scanned(kept),
            accuracy: Some(accuracy),
        },
    })
}

/// The share that was kept of so many.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn share(kept: i64, n: f64) -> f64 {
    if n > 0.0 { kept as f64 / n } else { 1.0 }
}

/// How long a time is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minutes(f64);

impl Minutes {
    #[expect(clippy::cast_precision_loss, reason = "times of years are small")]
    pub(super) fn between(from: i64, until: i64) -> Self {
        Self(until.saturating_sub(from).max(1) as f64 / 60_000.0)
    }

    /// A figure of what was counted in this time; `None` for what is none.
    pub(super) fn figure(self, name: &str, n: f64, failed: f64) -> Option<Value> {
        Some(match name {
            "count()" => json!(whole(n)),
            "failure_count()" => json!(whole(failed)),
            "failure_rate()" => json!(if n > 0.0 { failed / n } else { 0.0 }),
            "epm()" => json!(n / self.0),
            "eps()" => json!(n / self.0 / 60.0),
            _ => return None,
        })
    }
}

/// The nearest whole number: weights of a third do not come to one.
#[expect(clippy::cast_possible_truncation, reason = "counts are small")]
fn whole(n: f64) -> i64 {
    n.round() as i64
}

/// What a field holds.
pub(super) fn kind_of(dataset: Dataset, field: &str) -> Result<&'static str, ApiError> {
    if field == dataset.naming() || matches!(field, "project" | "project.name") {
        return Ok("string");
    }
    Ok(match dataset.figure(field).as_str() {
        "count()" | "failure_count()" => "integer",
        "failure_rate()" => "percentage",
        "epm()" | "eps()" => "rate",
        "avg()" | "p50()" | "p75()" | "p95()" | "p99()" => "duration",
        _ => {
            let what = format!("{field} is none of {}", dataset.name());
            return Err(ApiError::field("field", what));
        }
    })
}

/// What the largest are the largest in.
pub(super) fn largest(dataset: Dataset, sort: &str) -> Result<Largest, ApiError> {
    Ok(match dataset.figure(sort).as_str() {
        "-count()" => Largest::Count,
        "-failure_count()" => Largest::Failures,
        "-failure_rate()" => Largest::FailureRate,
        "-avg()" => Largest::Mean,
        "-p50()" => Largest::P50,
        "-p95()" => Largest::P95,
        _ => {
            let what = "-count(), -failure_count(), -failure_rate(), -avg(), -p50() or -p95()";
            return Err(ApiError::field("sort", what));
        }
    })
}

fn cell(
    dataset: Dataset,
    field: &str,
    total: &Total,
    projects: &[Project],
    minutes: Minutes,
) -> Value {
    let figure = dataset.figure(field);
    let known = minutes.figure(&figure, total.n, total.failed);
    known.unwrap_or_else(|| match figure.as_str() {
        "avg()" => json!(total.mean),
        "p50()" => json!(total.p50),
        "p75()" => json!(total.p75),
        "p95()" => json!(total.p95),
        "p99()" => json!(total.p99),
        "project" | "project.name" => {
            let project = projects
                .iter()
                .find(|project| project.id == total.project_id);
            json!(project.map(|project| &project.slug))
        }
        _ => json!(total.name),
    })
}
