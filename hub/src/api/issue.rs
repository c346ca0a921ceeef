//! One issue.

pub(super) mod shown;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::activity::{self, Activity};
use super::assignees::People;
use super::caller::{Caller, FoundIssue, ReadIssue};
use super::error::ApiError;
use super::issue_shape::{Issue, StatsPeriod, describe};
use super::page::Params;
use super::search::Window;
use super::types::{IssuePath, UserRef, iso};
use crate::clock;

use shown::{Expanded, Shown, ShownParams};

/// What an issue's counts over time cover.
const PERIODS: &[StatsPeriod] = &[StatsPeriod::Day, StatsPeriod::Month];

/// An issue with what was done to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IssueDetail {
    #[serde(flatten)]
    issue: Issue,
    #[serde(flatten)]
    expanded: Expanded,
    /// The latest first.
    activity: Vec<Activity>,
    seen_by: Vec<UserRef>,
    /// Who is told of what others do to it.
    participants: Vec<UserRef>,
    tags: Vec<TagCount>,
    first_release: Option<ReleaseRef>,
    last_release: Option<ReleaseRef>,
    /// How much people wrote about its events.
    user_report_count: u32,
    /// How many of the events are counted and not kept: they came in a storm of events like them.
    folded_count: i64,
    /// How the first event was grouped, and why.
    #[schema(value_type = Object)]
    grouping: serde_json::Value,
}

/// A tag and how many events have it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TagCount {
    key: String,
    name: String,
    total_values: i64,
    unique_values: i64,
}

/// A release, as other things mention it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReleaseRef {
    pub version: String,
    pub short_version: String,
    pub date_created: Option<String>,
}

impl ReleaseRef {
    pub(super) fn new(version: &str, created_at: Option<i64>) -> Self {
        Self {
            version: version.to_owned(),
            short_version: short_version(version),
            date_created: created_at.map(iso),
        }
    }
}

/// A version without its package: `1.2.3` of `shop@1.2.3`; long hashes are cut.
pub(super) fn short_version(version: &str) -> String {
    let short = version
        .split_once('@')
        .map_or(version, |(_, version)| version);
    let is_hash = short.len() >= 40 && short.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash {
        short.chars().take(12).collect()
    } else {
        short.to_owned()
    }
}

/// What an issue can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
struct DetailParams {
    /// Its numbers are of the events of these environments; the empty name is "none". May be
    /// repeated.
    environment: Option<Vec<String>>,
}

/// One issue.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/", tag = "issues",
    params(IssuePath, DetailParams, ShownParams),
    responses((status = 200, body = IssueDetail)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    ReadIssue(found): ReadIssue,
    params: Params,
) -> Result<Json<Shown<IssueDetail>>, ApiError> {
    let window = Window::of_environments(std::slice::from_ref(&found.project), &params);
    let periods: &[StatsPeriod] = match shown::is_folded(&params, "stats") {
        true => &[],
        false => PERIODS,
    };
    let expanded = shown::expanded(&state, &found, &params).await?;
    let issue = described(&state, &caller, found, (&window, periods)).await?;
    shown::folded(IssueDetail { expanded, ..issue }, &params).map(Json)
}

/// An issue with what was done to it.
pub(super) async fn detail(
    state: &ApiState,
    caller: &Caller,
    found: FoundIssue,
) -> Result<IssueDetail, ApiError> {
    described(state, caller, found, (&Window::default(), PERIODS)).await
}

/// With the numbers of a window, over these periods.
async fn described(
    state: &ApiState,
    caller: &Caller,
    found: FoundIssue,
    (window, periods): (&Window, &[StatsPeriod]),
) -> Result<IssueDetail, ApiError> {
    let (id, project) = (found.issue.id, found.issue.project_id);
    let versions: Vec<String> = [&found.issue.first_release, &found.issue.last_release]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let dates = state
        .store
        .release_dates(found.organization.id, &versions)
        .await?;
    let release = |version: &Option<String>| {
        version.as_deref().map(|version| {
            let date = dates.iter().find(|(other, _)| other == version);
            ReleaseRef::new(version, date.map(|(_, at)| *at))
        })
    };
    let first_release = release(&found.issue.first_release);
    let last_release = release(&found.issue.last_release);
    let tags = state.store.issue_tags(id, 1).await?;
    let seen_by = state.store.seen_by(id).await?;
    let told = state.store.subscribers(&[id]).await?;
    let people = People::read(state, found.organization.id).await?;
    let activity = activity::read(state, id, &people).await?;
    let grouping = state.store.issue_grouping(id).await?.unwrap_or_default();
    let now = clock::now();
    let parted = window.parted(std::slice::from_ref(&found.issue));
    let mut issues = describe(
        state,
        caller,
        &found.organization,
        &[found.project],
        vec![found.issue],
        periods,
        now,
    )
    .await?;
    let shown = (parted.as_slice(), &mut issues);
    window.show(state, None, shown, periods, now).await?;
    Ok(IssueDetail {
        expanded: Expanded::default(),
        issue: issues.remove(&id).ok_or_else(ApiError::missing)?,
        activity,
        seen_by: seen_by
            .iter()
            .filter_map(|(id, _)| people.user(*id))
            .collect(),
        participants: told.iter().filter_map(|(_, id)| people.user(*id)).collect(),
        tags: tags
            .into_iter()
            .map(|tag| TagCount {
                name: tag.key.clone(),
                key: tag.key,
                total_values: tag.n_events,
                unique_values: tag.n_values,
            })
            .collect(),
        first_release,
        last_release,
        user_report_count: state.store.count_reports(project, id).await?,
        folded_count: state.store.issue_folded(id).await?,
        grouping: serde_json::from_str(&grouping).unwrap_or_default(),
    })
}
