//! Lists of issues, and issues by the names that people call them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use protocol::ids::EventId;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::{Caller, ReadIssue};
use super::error::ApiError;
use super::input::At;
use super::issue::shown::{self, ListedIssue, ShownParams};
use super::issue_shape::{Issue, StatsPeriod, describe};
use super::page::{Page, Params};
use super::search;
use super::types::{OrganizationPath, ProjectPath};
use crate::access::Scope;
use crate::clock;
use crate::ids::ShortId;
use crate::store::issue_list::{HITS_MAX, IssueSort};
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;
use crate::store::place::Place;
use crate::store::projects::Project;

/// Says that the list is the one issue that the search names.
const DIRECT_HIT: &str = "x-sentry-direct-hit";

/// What a list of issues can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; names may be repeated"
)]
pub(super) struct ListParams {
    /// The search; left out it is `is:unresolved`, empty it is everything.
    query: Option<String>,
    /// `date` (last seen), `new` (first seen), `freq` (events), `user` (users), `trends` (events of
    /// a day against what is usual), `inbox` (what waits for a look, since when) or `recommended`
    /// (late, frequent, of many users, urgent). `freq` and `user` go by the events that are meant:
    /// of the time, the environments and the search; `date` does where an end or environments are
    /// given, and `new` goes by the first one in the environments.
    sort: Option<String>,
    /// Ids or slugs of projects; -1 is all. May be repeated.
    project: Option<Vec<String>>,
    /// Issues with an event in one of these environments; the empty name is "none". May be
    /// repeated. One event is meant with the time, and with what the search demands of events.
    environment: Option<Vec<String>>,
    /// `24h`, `14d`, …: issues with an event since then.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
    /// From the `Link` header of another page.
    cursor: Option<String>,
    /// At most 100.
    limit: Option<u32>,
    /// What the counts over time cover: `24h`, `14d`, `30d`, or empty for none.
    #[param(rename = "groupStatsPeriod")]
    group_stats_period: Option<String>,
    /// `1`: a search that is a short id alone, `SHOP-2K`, answers its issue, as one that is the id
    /// of an event always does, with the header `X-Sentry-Direct-Hit: 1`.
    #[param(rename = "shortIdLookup")]
    short_id_lookup: Option<String>,
}

/// The issues of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/", tag = "issues",
    params(OrganizationPath, ListParams, ShownParams),
    responses((status = 200, body = [ListedIssue])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let chosen = search::chosen_projects(&projects, &params)?;
    page(&state, &caller, &organization, chosen, &params).await
}

/// The issues of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/issues/", tag = "issues",
    params(ProjectPath, ListParams, ShownParams),
    responses((status = 200, body = [ListedIssue])))]
pub(super) async fn list_of_project(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::EventRead;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    page(&state, &caller, &organization, vec![project], &params).await
}

/// What lists of issues are ordered by, as Sentry names it.
pub(super) fn sort(name: &str) -> Result<IssueSort, ApiError> {
    Ok(match name {
        "date" => IssueSort::LastSeen,
        "new" => IssueSort::FirstSeen,
        "freq" => IssueSort::TimesSeen,
        "user" => IssueSort::UsersSeen,
        "trends" => IssueSort::Trend,
        "inbox" => IssueSort::Waiting,
        "recommended" => IssueSort::Recommended,
        _ => {
            return Err(ApiError::field(
                "sort",
                "one of date, new, freq, user, trends, inbox, recommended",
            ));
        }
    })
}

/// The issue that a search names by itself.
struct DirectHit {
    issue: IssueRow,
    /// By the id of this event.
    event: Option<Vec<u8>>,
}

async fn direct_hit(
    state: &ApiState,
    projects: &[Project],
    params: &Params,
) -> Result<Option<DirectHit>, ApiError> {
    let text = params.first("query").unwrap_or_default().trim();
    if let Ok(id) = text.parse::<EventId>() {
        let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
        let Some(row) = state.store.event_by_id(&ids, id.as_bytes()).await? else {
            return Ok(None);
        };
        let issue = state.store.issue_rows(&[row.issue_id]).await?.pop();
        let event = Some(row.event_id);
        return Ok(issue.map(|issue| DirectHit { issue, event }));
    }
    let is_wished = matches!(params.first("shortIdLookup"), Some("1" | "true"));
    if !is_wished || ShortId::parse(text).is_err() {
        return Ok(None);
    }
    let found = state.issue_among(projects, text).await?;
    Ok(found.map(|(_, issue)| DirectHit { issue, event: None }))
}

async fn page(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    projects: Vec<Project>,
    params: &Params,
) -> Result<Response, ApiError> {
    let sort = sort(params.some("sort").unwrap_or("date"))?;
    let now = clock::now();
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let period = StatsPeriod::read(params)?.filter(|_| !shown::is_folded(params, "stats"));
    let periods = period.as_slice();
    let of = (organization, projects.as_slice());
    if let Some(hit) = direct_hit(state, &projects, params).await? {
        let rows = vec![hit.issue];
        let mut expanded = shown::expanded_each(state, of, &rows, params).await?;
        let issues = describe(state, caller, organization, &projects, rows, periods, now).await?;
        let event = hit.event.map(hex::encode);
        let issues = issues.into_iter().map(|(id, issue)| {
            let matching_event = event.clone();
            ListedIssue {
                issue: Issue {
                    matching_event,
                    ..issue
                },
                expanded: expanded.remove(&id).unwrap_or_default(),
            }
            .folded(params)
        });
        let issues = issues.collect::<Result<Vec<_>, _>>()?;
        let page = Page::whole(issues).with_hits(1, HITS_MAX);
        return Ok(([(DIRECT_HIT, "1")], page.respond(params)).into_response());
    }
    let found = search::resolve_query(state, caller, &projects, params, now).await?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let (places, hits) = found.places(state, sort, from, limit + 1).await?;
    let page = Page::cut(places, limit, cursor, |place| *place).with_hits(hits, HITS_MAX);
    let ids: Vec<i64> = page.rows.iter().map(|place: &Place| place.id).collect();
    let rows = state.store.issue_rows(&ids).await?;
    let parted = found.window.parted(&rows);
    let mut expanded = shown::expanded_each(state, of, &rows, params).await?;
    let mut issues = describe(state, caller, organization, &projects, rows, periods, now).await?;
    let shown = (parted.as_slice(), &mut issues);
    found.show(state, shown, periods, now).await?;
    if !shown::is_folded(params, "filtered") {
        for (id, figures) in found.filtered(state, &ids, period, now).await? {
            if let Some(issue) = issues.get_mut(&id) {
                issue.filtered = Some(figures);
            }
        }
    }
    let mut listed = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(issue) = issues.remove(&id) {
            let expanded = expanded.remove(&id).unwrap_or_default();
            listed.push(ListedIssue { issue, expanded }.folded(params)?);
        }
    }
    Ok(page.map(|_| listed).respond(params))
}

/// The issue of a short id, or of an id.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/shortids/{short_id}/",
    tag = "issues",
    params(OrganizationPath, ("short_id" = String, Path, description = "As in SHOP-2K.")),
    responses((status = 200, body = ShortIdAnswer)))]
pub(super) async fn by_short_id(
    State(state): State<ApiState>,
    caller: Caller,
    ReadIssue(found): ReadIssue,
) -> Result<Json<ShortIdAnswer>, ApiError> {
    let id = found.issue.id;
    let project_slug = found.project.slug.clone();
    let mut issues = describe(
        &state,
        &caller,
        &found.organization,
        &[found.project],
        vec![found.issue],
        &[StatsPeriod::Day],
        clock::now(),
    )
    .await?;
    let group = issues.remove(&id).ok_or_else(ApiError::missing)?;
    Ok(Json(ShortIdAnswer {
        organization_slug: found.organization.slug,
        project_slug,
        group_id: group.id.clone(),
        short_id: group.short_id.clone(),
        group,
    }))
}

/// What a short id stands for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShortIdAnswer {
    organization_slug: String,
    project_slug: String,
    group_id: String,
    short_id: String,
    group: Issue,
}
