//! What people wrote, over all projects: reports about errors beside feedback that is an issue.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use protocol::ids::EventId;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::events::{read, shape};
use super::super::input::At;
use super::super::page::{Page, Params};
use super::super::search::{chosen_projects, span};
use super::super::types::{OrganizationPath, ProjectRef, iso, stored_object};
use crate::access::Scope;
use crate::archive::StoredEvent;
use crate::clock;
use crate::ids::ShortId;
use crate::store::event_read::EventRow;
use crate::store::feedback::{FeedbackRow, Wanted};
use crate::store::issue_read::IssueRow;
use crate::store::items::ItemRow;

/// What a list of feedback can be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(in crate::api) struct InboxParams {
    /// Id or slug; repeated for several.
    project: Option<Vec<String>>,
    /// About this issue, or in it; an id.
    issue: Option<String>,
    /// As in `14d`.
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
}

/// What a person wrote.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Feedback {
    id: String,
    /// `report` about an event, or `feedback` that is an event itself.
    kind: &'static str,
    project: ProjectRef,
    /// Empty where they did not say.
    name: String,
    /// Empty where they did not say, or where it is not kept.
    email: String,
    comments: String,
    date_created: String,
    /// The page it was written on, where that is known.
    url: Option<String>,
    /// The event that it is about.
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    /// The issue of that event; of feedback that is an event, its own.
    issue: Option<IssueName>,
}

/// An issue, as what people wrote mentions it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IssueName {
    id: String,
    short_id: String,
    title: String,
}

/// What people wrote in an organization's projects, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/vedette/feedback/",
    tag = "items", params(OrganizationPath, InboxParams),
    responses((status = 200, body = [Feedback])))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let all = state.store.projects(organization.id).await?;
    let projects = chosen_projects(&all, &params)?;
    let span = span(&params, clock::now())?;
    let issue = params.some("issue").map(str::parse).transpose();
    let wanted = Wanted {
        projects: projects.iter().map(|project| project.id).collect(),
        issue: issue.map_err(|_| ApiError::field("issue", "an issue's id"))?,
        since: span.from,
        until: span.to,
    };
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let rows = state.store.feedback(&wanted, from, limit + 1).await?;
    let page = Page::cut(rows, limit, cursor, FeedbackRow::place);
    let issues = issues_of(&state, &page.rows).await?;
    let mut bodies = bodies_of(&state, &page.rows).await?;
    let shown = page.map(|rows| {
        let shown = rows.iter().filter_map(|row| {
            let (project, issue) = match row {
                FeedbackRow::Report(row, issue) => (row.item.project.as_i64(), *issue),
                FeedbackRow::Event(row) => (row.project_id, Some(row.issue_id)),
            };
            let project = projects.iter().find(|each| each.id == project)?;
            let issue = issue.and_then(|id| issues.get(&id));
            let issue = issue.map(|issue| IssueName::new(issue, &project.slug));
            Some(match row {
                FeedbackRow::Report(row, _) => Feedback::report(row, project.into(), issue),
                FeedbackRow::Event(row) => {
                    Feedback::event(row, &bodies.remove(&row.id)?, project.into(), issue)
                }
            })
        });
        shown.collect()
    });
    Ok(shown.respond(&params))
}

/// The issues that the rows mention and that can be seen, by id.
async fn issues_of(
    state: &ApiState,
    rows: &[FeedbackRow],
) -> Result<HashMap<i64, IssueRow>, ApiError> {
    let ids = rows.iter().filter_map(|row| match row {
        FeedbackRow::Report(_, issue) => *issue,
        FeedbackRow::Event(row) => Some(row.issue_id),
    });
    let ids: Vec<i64> = ids.collect();
    let issues = state.store.issue_rows(&ids).await?;
    Ok(issues.into_iter().map(|issue| (issue.id, issue)).collect())
}

/// The bodies of those that are events, by row; one that expired in between is not there.
pub(super) async fn bodies_of(
    state: &ApiState,
    rows: &[FeedbackRow],
) -> Result<HashMap<i64, StoredEvent>, ApiError> {
    let events = rows.iter().filter_map(|row| match row {
        FeedbackRow::Event(row) => Some(row.clone()),
        FeedbackRow::Report(..) => None,
    });
    let events: Vec<EventRow> = events.collect();
    let bodies = read(&state.archive, &events).await?;
    let pairs = events.iter().zip(bodies);
    Ok(pairs
        .filter_map(|(row, body)| Some((row.id, body?)))
        .collect())
}

impl IssueName {
    fn new(issue: &IssueRow, project: &str) -> Self {
        let short_id = ShortId {
            project: project.to_owned(),
            number: issue.short_id,
        };
        Self {
            id: issue.id.to_string(),
            short_id: short_id.to_string(),
            title: issue.title.clone(),
        }
    }
}

impl Feedback {
    fn report(row: &ItemRow, project: ProjectRef, issue: Option<IssueName>) -> Self {
        let facts = stored_object(&row.item.facts);
        Self {
            id: row.id.to_string(),
            kind: "report",
            project,
            name: text(&facts, "name"),
            email: text(&facts, "email"),
            comments: text(&facts, "comments"),
            date_created: iso(row.item.timestamp.as_millis()),
            url: None,
            event_id: row.item.event_id.map(|id| id.to_string()),
            issue,
        }
    }

    fn event(
        row: &EventRow,
        stored: &StoredEvent,
        project: ProjectRef,
        issue: Option<IssueName>,
    ) -> Self {
        let said = said(stored);
        let url = text(&said, "url");
        let about = about(&said);
        let own = hex::encode(&row.event_id);
        Self {
            id: own.clone(),
            kind: "feedback",
            project,
            name: text(&said, "name"),
            email: text(&said, "contact_email"),
            comments: text(&said, "message"),
            date_created: iso(row.timestamp),
            url: Some(url).filter(|url| !url.is_empty()),
            event_id: Some(about.map_or(own, |id| id.to_string())),
            issue,
        }
    }
}

/// What a person said in feedback that is an event.
pub(super) fn said(stored: &StoredEvent) -> Map<String, Value> {
    let said = shape(stored, |event| {
        let context = event.contexts.0.iter();
        let context = context.filter(|(name, _)| name.as_ref() == "feedback");
        let mut said = context.map(|(_, raw)| stored_object(raw.get()));
        said.next().unwrap_or_default()
    });
    said.unwrap_or_default()
}

/// The event that feedback is about.
pub(super) fn about(said: &Map<String, Value>) -> Option<EventId> {
    text(said, "associated_event_id").parse().ok()
}

/// A text among what a person said.
pub(super) fn text(facts: &Map<String, Value>, name: &str) -> String {
    let text = facts.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
