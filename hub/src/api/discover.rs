//! Events of an organization as a table: the fields a request names, of each event or of each group
//! of events.
//!
//! What a query says of issues (`is:`, `issue:`, `assigned:`) decides which issues' events are
//! meant, and the rest which of their events.

mod groups;
pub(super) mod verdict;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::body::{EventBody, EventTag};
use super::caller::Caller;
use super::error::ApiError;
use super::event_filter::{about_events, names_issues};
use super::events::{belongs, read, shape};
use super::input::At;
use super::page::{Page, Params};
use super::search::{self, check_no_figure, chosen_projects, resolve, span};
use super::totals;
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::clock;
use crate::ids::ShortId;
use crate::index::{EventHit, Order, Search};
use crate::query::{self, Expr};
use crate::store::event_read::EventRow;
use crate::store::issue_list::IssueSort;
use crate::store::issue_read::IssueRow;
use crate::store::place::{Direction, Place};
use crate::store::projects::Project;

/// Fields of one request.
const FIELDS_MAX: usize = 50;
/// Issues that a query about issues may mean.
const ISSUES_MAX: u32 = 10_000;

/// A table of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Table {
    /// The rows: each field that was asked for, by its name.
    #[schema(value_type = Vec<Object>)]
    pub(super) data: Vec<Map<String, Value>>,
    pub(super) meta: Meta,
}

/// What the columns are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    /// `string`, `integer`, `number`, `duration`, `percentage`, `rate` or `date`, by the field's
    /// name.
    #[schema(value_type = Object)]
    pub(super) fields: Map<String, Value>,
    /// Of transactions and spans: `full`, or `partial` where only the latest could be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_scanned: Option<&'static str>,
    /// Of transactions and spans: how many were kept, of which the figures are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accuracy: Option<Accuracy>,
}

/// What figures are made of, by row and by figure.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accuracy {
    /// How many were kept.
    #[schema(value_type = Vec<Object>)]
    pub(super) sample_count: Vec<Map<String, Value>>,
    /// The share of what was sent that was kept.
    #[schema(value_type = Vec<Object>)]
    pub(super) sampling_rate: Vec<Map<String, Value>>,
}

/// What a table of events can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct TableParams {
    /// `title`, `timestamp`, a tag, …; repeated. With `count()`, `count_unique(user)`,
    /// `last_seen()` or `first_seen()` the rows are groups of the events that have the same values
    /// of the other fields: `issue`, `project`, `release`, a tag, …. Of transactions and spans
    /// `transaction` or `span.name`, `project`, and beside them `count()`, `epm()`, `eps()`,
    /// `failure_count()`, `failure_rate()`, `avg()`, `p50()`, `p75()`, `p95()`, `p99()`.
    field: Vec<String>,
    /// `errors`; `transactions` or `spans`, of which there are totals alone: each that a sampling
    /// rule kept counts for as many as it stands for. What SDKs left out themselves is in none.
    dataset: Option<String>,
    /// A search; where rows are groups also `count():>10`, `count_unique(user):>=3`,
    /// `first_seen():-24h` and `last_seen():-1h`, which the groups have to be like. Of transactions
    /// and spans `transaction:NAME` or `span.name:NAME`, and figures as `p95():>300ms`.
    query: Option<String>,
    /// `-timestamp`, `timestamp`; of groups one of the fields, with `-` the largest first; of
    /// transactions and spans a figure with `-` before it, as `-count()` or `-p95()`.
    sort: Option<String>,
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// Those of these environments; repeated for several.
    environment: Option<Vec<String>>,
    /// Within this time: `14d`, `24h`.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100; `limit` says the same.
    per_page: Option<u32>,
}

/// Events of an organization as a table.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/events/", tag = "events",
    params(OrganizationPath, TableParams), responses((status = 200, body = Table)))]
pub(super) async fn table(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let fields: Vec<&str> = params.all("field").collect();
    if fields.is_empty() || fields.len() > FIELDS_MAX {
        let what = format!("1 to {FIELDS_MAX} of them");
        return Err(ApiError::field("field", what));
    }
    let dataset = params.some("dataset").unwrap_or("errors");
    let weighed = totals::Dataset::read(dataset);
    if weighed.is_none() {
        check_dataset(dataset)?;
    }
    let projects = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&projects, &params)?;
    if let Some(dataset) = weighed {
        let table = totals::table(&state, &chosen, dataset, &fields, &params).await?;
        return Ok(Json(table).into_response());
    }
    let (search, of_groups) = meant_with_groups(&state, &caller, &chosen, &params).await?;
    if !is_grouped(&fields) {
        check_no_figure(&of_groups, UNGROUPED)?;
    }
    let Some(search) = search else {
        return Ok(respond(Page::whole(Vec::new()), &fields, &params));
    };
    if is_grouped(&fields) {
        let groups = groups::groups(&state, &chosen, (search, &of_groups), &fields, &params);
        return Ok(respond(groups.await?, &fields, &params));
    }
    let page = events(&state, &chosen, search, &fields, &params).await?;
    Ok(respond(page, &fields, &params))
}

pub(super) fn check_dataset(name: &str) -> Result<(), ApiError> {
    match name {
        "errors" | "discover" | "events" => Ok(()),
        _ => Err(ApiError::field("dataset", "errors, transactions or spans")),
    }
}

/// What to do where a query speaks of groups and there are none.
const UNGROUPED: &str = "add a field such as count(), so that events are grouped";

/// Whether a row is a group of events: where a field is a figure over several.
fn is_grouped(fields: &[&str]) -> bool {
    fields.iter().any(|field| field.contains('('))
}

/// Whether a query keeps apart what it says of issues and of events.
fn kept_apart(parsed: &Expr) -> Result<(), ApiError> {
    let parts = match parsed {
        Expr::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    if parts.iter().any(is_mixed) {
        let what = "what is said of issues stands beside what is said of events, not in an OR \
                    with it";
        return Err(ApiError::field("query", what));
    }
    Ok(())
}

/// What the index is asked; `None` where nothing can match.
pub(super) async fn meant(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
) -> Result<Option<Search>, ApiError> {
    let (search, of_groups) = meant_with_groups(state, caller, projects, params).await?;
    check_no_figure(&of_groups, search::IN_TABLES)?;
    Ok(search)
}

/// The same, and what groups of those events have to be like.
async fn meant_with_groups(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
) -> Result<(Option<Search>, Vec<Expr>), ApiError> {
    let now = clock::now();
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let text = params.first("query").unwrap_or_default();
    let (parsed, of_groups) = search::read_grouped(state, &ids, text, now).await?;
    kept_apart(&parsed)?;
    let mut issues = None;
    if names_issues(&parsed) {
        let said = (text, &parsed);
        let filter = resolve(state, caller, projects, params, said, now)
            .await?
            .filter;
        let found = state
            .store
            .issue_places(&filter, IssueSort::LastSeen, None, ISSUES_MAX + 1)
            .await?;
        if found.len() > usize::try_from(ISSUES_MAX).unwrap_or(usize::MAX) {
            let what = format!("it means more than {ISSUES_MAX} issues: narrow it down");
            return Err(ApiError::field("query", what));
        }
        issues = Some(found.into_iter().map(|place| place.id).collect::<Vec<_>>());
    }
    let span = span(params, now)?;
    let scope: Vec<ProjectId> = projects
        .iter()
        .filter_map(|project| ProjectId::new(project.id.unsigned_abs()).ok())
        .collect();
    if scope.is_empty() || issues.as_ref().is_some_and(Vec::is_empty) {
        return Ok((None, of_groups));
    }
    let search = Search {
        projects: scope,
        environments: params.all("environment").map(str::to_owned).collect(),
        issues,
        from: span.from.map(Timestamp::from_millis),
        until: span.to.map(Timestamp::from_millis),
        filter: about_events(parsed),
    };
    Ok((Some(search), of_groups))
}

/// Whether one part speaks of issues and of events at once.
fn is_mixed(part: &Expr) -> bool {
    fn names_events(expr: &Expr) -> bool {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(names_events),
            Expr::Not(part) => names_events(part),
            Expr::Text(_) => true,
            Expr::Filter(filter) => filter.key.scope() == query::Scope::Event,
        }
    }
    names_issues(part) && names_events(part)
}

fn respond(page: Page<Map<String, Value>>, fields: &[&str], params: &Params) -> Response {
    let kinds = fields
        .iter()
        .map(|field| ((*field).to_owned(), json!(kind_of(field))));
    let meta = Meta {
        fields: kinds.collect(),
        data_scanned: None,
        accuracy: None,
    };
    let (headers, rows) = page.into_parts(params);
    (headers, Json(Table { data: rows, meta })).into_response()
}

/// What a column holds.
fn kind_of(field: &str) -> &'static str {
    match field {
        "timestamp" | "last_seen()" | "first_seen()" => "date",
        "count()" | "count_unique(user)" | "issue.id" => "integer",
        _ => "string",
    }
}

fn event_order(sort: &str) -> Result<Order, ApiError> {
    match sort {
        "-timestamp" => Ok(Order::Newest),
        "timestamp" => Ok(Order::Oldest),
        _ => Err(ApiError::field("sort", "timestamp or -timestamp")),
    }
}

/// A row for each event.
async fn events(
    state: &ApiState,
    projects: &[Project],
    search: Search,
    fields: &[&str],
    params: &Params,
) -> Result<Page<Map<String, Value>>, ApiError> {
    let order = event_order(params.some("sort").unwrap_or("-timestamp"))?;
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let way = match (order, cursor.map(|cursor| cursor.direction)) {
        (Order::Newest, Some(Direction::Back)) => Order::Oldest,
        (Order::Oldest, Some(Direction::Back)) => Order::Newest,
        (order, _) => order,
    };
    let after = cursor.map(|cursor| EventHit {
        timestamp: Timestamp::from_millis(cursor.place.value),
        row: cursor.place.id,
        issue: 0,
    });
    let wanted = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let hits = state.index.events(search, way, after, wanted).await?;
    let place = |hit: &EventHit| Place {
        value: hit.timestamp.as_millis(),
        id: hit.row,
    };
    let page = Page::cut(hits, limit, cursor, place);
    let ids: Vec<i64> = page.rows.iter().map(|hit| hit.row).collect();
    let mut rows = state.store.event_rows(&ids).await?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    let shown = event_rows(state, projects, &rows, fields).await?;
    Ok(page.map(|_| shown))
}

async fn event_rows(
    state: &ApiState,
    projects: &[Project],
    rows: &[EventRow],
    fields: &[&str],
) -> Result<Vec<Map<String, Value>>, ApiError> {
    let mut ids: Vec<i64> = rows.iter().map(|row| row.issue_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let issues = state.store.issue_rows(&ids).await?;
    let stored = read(&state.archive, rows).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for (row, stored) in rows.iter().zip(&stored) {
        // A body that expired between the two reads is no longer on the page.
        let Some(stored) = stored else { continue };
        let Some(issue) = issues.iter().find(|issue| issue.id == row.issue_id) else {
            continue;
        };
        let Some(project) = find(projects, issue.project_id) else {
            continue;
        };
        let rules = state
            .digest
            .rules(super::grouping::project_id(row.project_id)?)
            .await?;
        let body = shape(stored, |event| EventBody::new(event, belongs(row), &rules))?;
        let cells = fields.iter().map(|field| {
            let value = of_issue(field, issue, project).unwrap_or_else(|| of_event(field, &body));
            ((*field).to_owned(), value)
        });
        shown.push(cells.collect());
    }
    Ok(shown)
}

fn find(projects: &[Project], id: i64) -> Option<&Project> {
    projects.iter().find(|project| project.id == id)
}

/// A field that is the issue's; `None` where it is not.
pub(super) fn of_issue(field: &str, issue: &IssueRow, project: &Project) -> Option<Value> {
    let short_id = || ShortId {
        project: project.slug.clone(),
        number: issue.short_id,
    };
    Some(match field {
        "issue" => json!(short_id().to_string()),
        "issue.id" => json!(issue.id),
        "project" | "project.name" => json!(project.slug),
        "project.id" => json!(project.id),
        _ => return None,
    })
}

/// A field of an event, a tag where it is none that is known; null where it has none.
fn of_event(field: &str, body: &EventBody) -> Value {
    let summary = &body.summary;
    let tag = |key: &str| EventTag::value_of(&summary.tags, key).map_or(Value::Null, |v| json!(v));
    match field {
        "id" => json!(summary.id),
        "title" => json!(summary.title),
        "message" => json!(summary.message),
        "culprit" => json!(summary.culprit),
        "location" => json!(summary.location),
        "timestamp" => json!(summary.date_created),
        "level" => json!(body.level),
        "platform" | "platform.name" => json!(summary.platform),
        "event.type" | "type" => json!(summary.kind),
        "dist" => json!(body.dist),
        "error.type" => summary.metadata.get("type").cloned().unwrap_or_default(),
        "error.value" => summary.metadata.get("value").cloned().unwrap_or_default(),
        "user.display" => tag("user"),
        "trace" => {
            let trace = body.contexts.get("trace");
            let id = trace.and_then(|trace| trace.get("trace_id"));
            id.cloned().unwrap_or_default()
        }
        _ => {
            let named = field.strip_prefix("tags[");
            tag(named
                .and_then(|name| name.strip_suffix(']'))
                .unwrap_or(field))
        }
    }
}
