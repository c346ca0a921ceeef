//! What became of every item over time, in Sentry's words.
//!
//! The counts are the ledger's: what was received ended as one of these outcomes, or still waits in
//! a relay's spool, so the outcomes but `client_discard` add up to what was received.
//!
//! | outcome | the ledger's terms |
//! |---|---|
//! | `accepted` | applied |
//! | `filtered` | filtered and sampled |
//! | `rate_limited` | refused because of a limit |
//! | `invalid` | refused for another reason, invalid, expired, evicted, corrupt, rejected |
//! | `client_discard` | dropped by SDKs, as they say |

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use protocol::item::Category;
use protocol::outcome::{Term, reason};
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::Params;
use super::search::{chosen_projects, period_millis, span};
use super::types::{OrganizationPath, ProjectPath, Series, iso};
use crate::access::Scope;
use crate::clock;
use crate::stats::{Buckets, StatsError, hour_start};
use crate::store::ledger_read::{OutcomeSum, Relays};

const HOUR_MILLIS: i64 = 3_600_000;
/// How far back without a wish, in milliseconds.
const PERIOD: i64 = 24 * HOUR_MILLIS;
/// How far back at most, in hours.
const HOURS_MAX: i64 = 24 * 400;
/// Most numbers of one answer.
const CELLS_MAX: usize = 500_000;
/// The names under which sums are given.
const FIELDS: [&str; 2] = ["sum(quantity)", "sum(times_seen)"];

/// Outcomes over time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outcomes {
    start: String,
    end: String,
    /// The beginning of each interval.
    intervals: Vec<String>,
    groups: Vec<OutcomeGroup>,
}

/// The outcomes that have something in common.
#[derive(Debug, Serialize, ToSchema)]
struct OutcomeGroup {
    /// What they have in common, by the names of `groupBy`.
    #[schema(value_type = Object)]
    by: BTreeMap<&'static str, Value>,
    /// Over the whole time, by field.
    totals: BTreeMap<String, i64>,
    /// By interval, by field.
    series: BTreeMap<String, Vec<i64>>,
}

/// What outcomes are asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct OutcomeParams {
    /// `outcome`, `category`, `reason`, `project`, `relay`; may be repeated.
    #[param(rename = "groupBy")]
    group_by: Option<Vec<String>>,
    /// `sum(quantity)`; `sum(times_seen)` is the same.
    field: Option<Vec<String>>,
    /// The length of an interval, whole hours: `1h`, `1d`.
    interval: Option<String>,
    /// `24h`, `14d`; a day without a wish.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
    /// Ids or slugs; -1 is all.
    project: Option<Vec<String>>,
    /// Data categories.
    category: Option<Vec<String>>,
    /// Outcomes.
    outcome: Option<Vec<String>>,
    /// Reasons.
    reason: Option<Vec<String>>,
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Filtered,
    RateLimited,
    Invalid,
    ClientDiscard,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Filtered,
        Self::RateLimited,
        Self::Invalid,
        Self::ClientDiscard,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Filtered => "filtered",
            Self::RateLimited => "rate_limited",
            Self::Invalid => "invalid",
            Self::ClientDiscard => "client_discard",
        }
    }

    /// `None` for what is no end.
    fn of(term: Term, why: &str) -> Option<Self> {
        Some(match term {
            Term::Received | Term::Accepted => return None,
            Term::Applied => Self::Accepted,
            Term::Filtered | Term::Sampled => Self::Filtered,
            Term::Invalid if why == reason::DISCARDED => Self::Filtered,
            Term::Refused if reason::LIMITS.contains(&why) => Self::RateLimited,
            Term::Refused
            | Term::Invalid
            | Term::Expired
            | Term::Evicted
            | Term::Corrupt
            | Term::Rejected => Self::Invalid,
            Term::ClientDiscard => Self::ClientDiscard,
        })
    }
}

/// A sum of the ledger, read.
struct Row {
    outcome: Outcome,
    category: Category,
    reason: String,
    project: Option<i64>,
    relay: Vec<u8>,
    at: Timestamp,
    quantity: i64,
}

impl Row {
    fn read(sum: OutcomeSum) -> Option<Self> {
        let term = Term::try_from(u8::try_from(sum.term).ok()?).ok()?;
        let outcome = Outcome::of(term, &sum.reason)?;
        let reason = match (sum.reason.is_empty(), outcome) {
            (true, Outcome::Invalid) => term.name().to_owned(),
            (true, _) => "none".to_owned(),
            (false, _) => sum.reason,
        };
        Some(Self {
            outcome,
            category: Category::try_from(sum.category).ok()?,
            reason,
            project: Some(sum.project_id).filter(|id| *id != 0),
            relay: sum.relay_id,
            at: hour_start(sum.hour),
            quantity: sum.quantity,
        })
    }
}

/// What outcomes are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Outcome,
    Category,
    Reason,
    Project,
    Relay,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Category => "category",
            Self::Reason => "reason",
            Self::Project => "project",
            Self::Relay => "relay",
        }
    }

    fn parse(name: &str) -> Result<Self, ApiError> {
        let all = [
            Self::Outcome,
            Self::Category,
            Self::Reason,
            Self::Project,
            Self::Relay,
        ];
        let found = all.into_iter().find(|by| by.name() == name);
        found.ok_or_else(|| {
            ApiError::field("groupBy", "outcome, category, reason, project or relay")
        })
    }

    fn value(self, row: &Row) -> Value {
        match self {
            Self::Outcome => json!(row.outcome.name()),
            Self::Category => json!(row.category.name()),
            Self::Reason => json!(row.reason),
            Self::Project => json!(row.project),
            Self::Relay => json!(hex::encode(&row.relay)),
        }
    }
}

/// Outcomes of an organization's projects. Items that belong to no project that is known are among
/// them where no project is asked for.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/stats_v2/", tag = "outcomes",
    params(OrganizationPath, OutcomeParams), responses((status = 200, body = Outcomes)))]
pub(super) async fn of_organization(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Outcomes>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let all = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&all, &params)?;
    let by: Vec<By> = params
        .all("groupBy")
        .map(By::parse)
        .collect::<Result<_, _>>()?;
    let fields = fields(&params)?;
    let range = Range::read(&params, clock::now())?;
    let relays = if by.contains(&By::Relay) {
        Relays::Each
    } else {
        Relays::Together
    };
    let ids: Vec<i64> = chosen.iter().map(|project| project.id).collect();
    let (from, to) = range.hours;
    let sums = state.store.outcomes(&ids, from, to, relays).await?;
    let is_chosen = params
        .all("project")
        .any(|name| !name.is_empty() && name != "-1");
    let wanted = Wanted::read(&params)?;
    let rows = sums.into_iter().filter_map(Row::read);
    let rows = rows.filter(|row| wanted.holds(row) && (row.project.is_some() || !is_chosen));
    Ok(Json(Outcomes {
        start: iso(range.from.as_millis()),
        end: iso(range.to.as_millis()),
        intervals: range
            .buckets
            .starts()
            .map(|at| iso(at.as_millis()))
            .collect(),
        groups: groups(rows, &by, &fields, &range)?,
    }))
}

/// What a project's errors came to by interval: unix seconds and a count.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/stats/", tag = "outcomes",
    params(ProjectPath,
        ("stat" = Option<String>, Query, description = "`received`, `generated`, `rejected` or `blacklisted`."),
        ("resolution" = Option<String>, Query, description = "`1h` or `1d`."),
        ("since" = Option<i64>, Query, description = "Unix seconds."),
        ("until" = Option<i64>, Query, description = "Unix seconds.")),
    responses((status = 200, body = Vec<(i64, i64)>)))]
pub(super) async fn of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Json<Series>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let wanted: &[Outcome] = match params.some("stat").unwrap_or("received") {
        "received" | "generated" => &[
            Outcome::Accepted,
            Outcome::Filtered,
            Outcome::RateLimited,
            Outcome::Invalid,
        ],
        "rejected" => &[Outcome::RateLimited, Outcome::Invalid],
        "blacklisted" => &[Outcome::Filtered],
        _ => {
            return Err(ApiError::field(
                "stat",
                "received, generated, rejected or blacklisted",
            ));
        }
    };
    let range = Range::of_project(&params, clock::now())?;
    let (from, to) = range.hours;
    let sums = state
        .store
        .outcomes(&[project.id], from, to, Relays::Together)
        .await?;
    let errors = [Category::Default, Category::Error, Category::Security];
    let rows = sums.into_iter().filter_map(Row::read).filter(|row| {
        row.project == Some(project.id)
            && wanted.contains(&row.outcome)
            && errors.contains(&row.category)
    });
    let sums = range.buckets.sum(rows.map(|row| (row.at, row.quantity)));
    let starts = range.buckets.starts().map(Timestamp::as_secs);
    Ok(Json(starts.zip(sums).collect()))
}

/// A time, cut into intervals; whole hours, since that is how the ledger counts.
struct Range {
    from: Timestamp,
    to: Timestamp,
    hours: (i64, i64),
    buckets: Buckets,
}

impl Range {
    fn read(params: &Params, now: Timestamp) -> Result<Self, ApiError> {
        let span = span(params, now)?;
        let to = span.to.map_or(now, Timestamp::from_millis);
        let from = span
            .from
            .map_or_else(|| to.plus_millis(-PERIOD), Timestamp::from_millis);
        Self::new(
            from,
            to,
            params.some("interval").unwrap_or("1h"),
            "interval",
        )
    }

    fn of_project(params: &Params, now: Timestamp) -> Result<Self, ApiError> {
        let time = |field: &'static str| -> Result<Option<Timestamp>, ApiError> {
            let secs = params.some(field).map(str::parse::<i64>).transpose();
            let secs = secs.map_err(|_| ApiError::field(field, "unix seconds"))?;
            Ok(secs.map(|secs| Timestamp::from_millis(secs.saturating_mul(1000))))
        };
        let to = time("until")?.unwrap_or(now);
        let from = time("since")?.unwrap_or_else(|| to.plus_millis(-PERIOD));
        // Sentry's finest; the ledger knows hours.
        let resolution = match params.some("resolution") {
            None | Some("10s") => "1h",
            Some(resolution) => resolution,
        };
        Self::new(from, to, resolution, "resolution")
    }

    fn new(
        from: Timestamp,
        to: Timestamp,
        width: &str,
        field: &'static str,
    ) -> Result<Self, ApiError> {
        let width = period_millis(width).filter(|millis| millis % HOUR_MILLIS == 0);
        let width = width.ok_or_else(|| ApiError::field(field, "whole hours, such as 1h or 1d"))?;
        let oldest = to.plus_millis(-HOURS_MAX * HOUR_MILLIS);
        let from = from.max(oldest);
        let buckets = Buckets::new(from, to, width).map_err(|error| match error {
            StatsError::Reversed => ApiError::field("start", error.to_string()),
            StatsError::Width | StatsError::TooMany => ApiError::field(field, error.to_string()),
        })?;
        // The first interval is whole, as it is shown.
        let first = buckets.starts().next().unwrap_or(from);
        let end = Timestamp::from_millis(to.as_millis().saturating_sub(1));
        Ok(Self {
            from: first,
            to,
            hours: (first.hour().max(1), end.hour() + 1),
            buckets,
        })
    }
}

/// Which outcomes are asked for; empty is all.
struct Wanted<'a> {
    outcomes: Vec<&'a str>,
    categories: Vec<&'a str>,
    reasons: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(params: &'a Params) -> Result<Self, ApiError> {
        let named = |name: &'a str| -> Vec<&'a str> {
            params.all(name).filter(|value| !value.is_empty()).collect()
        };
        let (outcomes, categories) = (named("outcome"), named("category"));
        let is_known = |name: &&str| Outcome::ALL.iter().any(|outcome| outcome.name() == *name);
        if !outcomes.iter().all(is_known) {
            let names = Outcome::ALL.map(Outcome::name).join(", ");
            return Err(ApiError::field("outcome", format!("one of {names}")));
        }
        if !categories
            .iter()
            .all(|name| Category::from_name(name).is_some())
        {
            return Err(ApiError::field(
                "category",
                "a data category, such as error",
            ));
        }
        Ok(Self {
            outcomes,
            categories,
            reasons: named("reason"),
        })
    }

    fn holds(&self, row: &Row) -> bool {
        let is_in = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
        is_in(&self.outcomes, row.outcome.name())
            && is_in(&self.categories, row.category.name())
            && is_in(&self.reasons, &row.reason)
    }
}

fn fields(params: &Params) -> Result<Vec<String>, ApiError> {
    let mut fields: Vec<String> = params.all("field").map(str::to_owned).collect();
    if fields.is_empty() {
        fields.push(FIELDS[0].to_owned());
    }
    if !fields.iter().all(|field| FIELDS.contains(&field.as_str())) {
        return Err(ApiError::field("field", "sum(quantity) or sum(times_seen)"));
    }
    Ok(fields)
}

/// What a group has in common, and its counts.
type Gathered = (BTreeMap<&'static str, Value>, Vec<(Timestamp, i64)>);

/// The groups, the largest first.
fn groups(
    rows: impl Iterator<Item = Row>,
    by: &[By],
    fields: &[String],
    range: &Range,
) -> Result<Vec<OutcomeGroup>, ApiError> {
    let mut groups: BTreeMap<String, Gathered> = BTreeMap::new();
    for row in rows {
        let values: BTreeMap<_, _> = by.iter().map(|by| (by.name(), by.value(&row))).collect();
        let key = serde_json::to_string(&values).map_err(ApiError::internal)?;
        let (_, counts) = groups.entry(key).or_insert_with(|| (values, Vec::new()));
        counts.push((row.at, row.quantity));
    }
    let n_buckets = range.buckets.starts().count();
    if groups.len().saturating_mul(n_buckets) > CELLS_MAX {
        let what = "too much at once: ask for a shorter time, longer intervals or fewer groups";
        return Err(ApiError::field("groupBy", what));
    }
    let mut groups: Vec<OutcomeGroup> = groups
        .into_values()
        .map(|(by, counts)| {
            let series = range.buckets.sum(counts);
            let total: i64 = series.iter().sum();
            let fields = || fields.iter().cloned();
            OutcomeGroup {
                by,
                totals: fields().map(|field| (field, total)).collect(),
                series: fields().map(|field| (field, series.clone())).collect(),
            }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.totals.values().max().copied()));
    Ok(groups)
}
