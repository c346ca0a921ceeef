//! Totals of transactions and spans as a table.
//!
//! Each that a sampling rule kept counts for as many as it stands for, so the totals are of what
//! SDKs sent; what SDKs left out themselves is in none of them. Beside each figure stands how many
//! were kept.

use std::ops::Range;

use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::ApiState;
use super::discover::{Accuracy, Meta, Table};
use super::error::ApiError;
use super::page::Params;
use super::search::{comparison, span};
use crate::clock;
use crate::query::{self, Expr, Filter, Key, Op, QueryError};
use crate::store::projects::Project;
use crate::store::totals::{Apart, Bound, Figure, Meant, SCANNED_MAX, Total};

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
    (dataset, name): (Dataset, Option<String>),
    params: &Params,
    from: i64,
    until: i64,
) -> Meant {
    Meant {
        projects: projects.iter().map(|project| project.id).collect(),
        kind: dataset.kind(),
        name,
        environments: params.all("environment").map(str::to_owned).collect(),
        from: Timestamp::from_millis(from),
        until: Timestamp::from_millis(until),
    }
}

/// What a query asks of totals.
pub(super) struct Asked {
    /// That they are of this name.
    name: Option<String>,
    /// What they are like, and where the query says so.
    bounds: Vec<(Bound, Range<usize>)>,
}

impl Asked {
    /// What a query asks of totals over a time.
    pub(super) fn read(dataset: Dataset, text: &str, minutes: Minutes) -> Result<Self, ApiError> {
        let query = query::parse_of_totals(text, clock::now())?;
        let (rest, figures) = query::parted(query)?;
        let bounds = figures.iter().map(|figure| bound(figure, minutes));
        Ok(Self {
            bounds: bounds.collect::<Result<_, _>>()?,
            name: name(dataset, &rest)?,
        })
    }

    /// The name alone, where all totals are looked at together.
    pub(super) fn into_name(self) -> Result<Option<String>, ApiError> {
        match self.bounds.into_iter().next() {
            None => Ok(self.name),
            Some((_, span)) => {
                let message = "totals over time are of all together; ask for figures of each in a \
                               table"
                    .to_owned();
                Err(QueryError { message, span }.into())
            }
        }
    }
}

/// The name that a query asks for.
fn name(dataset: Dataset, query: &Expr) -> Result<Option<String>, ApiError> {
    if query.is_everything() {
        return Ok(None);
    }
    let found = match query {
        Expr::Filter(Filter {
            key: Key::Field(key) | Key::Tag(key),
            op: Op::Is,
            value: query::Value::Text(pattern),
            ..
        }) if key == dataset.naming() => pattern.as_literal().map(str::to_owned),
        _ => None,
    };
    let what = format!(
        "{0}:NAME and figures, as p95():>300ms, are all that {1} can be asked",
        dataset.naming(),
        dataset.name()
    );
    found
        .map(Some)
        .ok_or_else(|| ApiError::field("query", what))
}

/// What a query says of a figure.
fn bound(said: &Expr, minutes: Minutes) -> Result<(Bound, Range<usize>), ApiError> {
    if let Expr::Filter(filter) = said
        && let query::Value::Number(value) = filter.value
        && let Some((figure, factor)) = figure(filter.key.name(), minutes)
    {
        let bound = Bound {
            figure,
            comparison: comparison(filter.op),
            value: value * factor,
        };
        return Ok((bound, filter.span.clone()));
    }
    let span = query::figure(said).unwrap_or_default();
    let message = "figures of totals stand beside each other, each with a number, not in an OR, a \
                   NOT or a list"
        .to_owned();
    Err(QueryError { message, span }.into())
}

/// The store's figure of a name, and what a number of the one is in the other.
fn figure(name: &str, Minutes(minutes): Minutes) -> Option<(Figure, f64)> {
    Some(match name {
        "count()" => (Figure::Count, 1.0),
        "epm()" => (Figure::Sum, minutes),
        "eps()" => (Figure::Sum, minutes * 60.0),
        "failure_count()" => (Figure::Failures, 1.0),
        "failure_rate()" => (Figure::FailureRate, 1.0),
        "avg()" => (Figure::Mean, 1.0),
        "p50()" => (Figure::P50, 1.0),
        "p75()" => (Figure::P75, 1.0),
        "p95()" => (Figure::P95, 1.0),
        "p99()" => (Figure::P99, 1.0),
        _ => return None,
    })
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
    let minutes = Minutes::between(from, until);
    let asked = Asked::read(dataset, params.first("query").unwrap_or_default(), minutes)?;
    let bounds: Vec<Bound> = asked.bounds.iter().map(|(bound, _)| *bound).collect();
    let meant = meant(projects, (dataset, asked.name), params, from, until);
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
    let largest = (largest, params.limit()?);
    let totals = state.store.totals(&meant, apart, &bounds, largest).await?;
    let mut accuracy = Accuracy::default();
    let mut data = Vec::with_capacity(totals.len());
    for total in &totals {
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
pub(super) fn largest(dataset: Dataset, sort: &str) -> Result<Figure, ApiError> {
    let figure = dataset.figure(sort);
    let minute = Minutes(1.0);
    let found = figure
        .strip_prefix('-')
        .and_then(|name| self::figure(name, minute));
    found.map(|(figure, _)| figure).ok_or_else(|| {
        let what = "a figure with - before it, as -count(), -failure_rate() or -p95()";
        ApiError::field("sort", what)
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
