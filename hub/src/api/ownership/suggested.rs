//! Whom rules name for an event: for an issue by its latest one, and for rules that are not in
//! force yet by any.

use axum::Json;
use axum::extract::State;
use protocol::ids::EventId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ShownRule, unreadable};
use crate::access::Scope;
use crate::api::ApiState;
use crate::api::assignees::{Assignee, People};
use crate::api::caller::{Caller, FoundIssue, ReadIssue};
use crate::api::error::ApiError;
use crate::api::event::facts_of;
use crate::api::input::{At, Input};
use crate::api::types::{IssuePath, ProjectPath, iso};
use crate::owner::{Rule, Rules};
use crate::store::event_read::EventRow;
use crate::store::projects::Project;

/// Whom rules name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SuggestedOwners {
    /// The event that was asked about; null where there is none.
    event_id: Option<String>,
    /// The rule that decides; null where none fits.
    rule: Option<ShownRule>,
    /// The owners that exist, the one who is given the issue first.
    owners: Vec<Assignee>,
    /// Owners of the rule whom nobody here is called.
    unknown: Vec<String>,
    /// `rule`, `fallthrough` (the project's teams, since no rule fits), or `none`.
    source: &'static str,
}

/// Someone whom rules name for an issue, in Sentry's short form.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OwnerRef {
    /// `ownershipRule`, or `codeowners` where a line of that file decides.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `user:1`, `team:1`.
    owner: String,
    /// When the issue was first seen.
    date_added: String,
}

/// Rules to be tried, which are not kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct OwnershipTrial {
    /// The rules; left out they are the project's own.
    raw: Option<String>,
    /// A stored event of the project; left out it is the latest.
    event_id: Option<String>,
}

/// Whom the project's rules name for an issue, by its latest event.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/{issue}/owners/",
    tag = "ownership", params(IssuePath), responses((status = 200, body = SuggestedOwners)))]
pub(in crate::api) async fn of_issue(
    State(state): State<ApiState>,
    ReadIssue(found): ReadIssue,
) -> Result<Json<SuggestedOwners>, ApiError> {
    Ok(Json(of_latest_event(&state, &found).await?))
}

/// Whom the project's rules name for an issue, in the short form.
pub(in crate::api) async fn owners_of(
    state: &ApiState,
    found: &FoundIssue,
) -> Result<Vec<OwnerRef>, ApiError> {
    let named = of_latest_event(state, found).await?;
    let Some(rule) = &named.rule else {
        return Ok(Vec::new());
    };
    let kind = match rule.is_of_codeowners() {
        true => "codeowners",
        false => "ownershipRule",
    };
    let owners = named.owners.iter().map(|owner| OwnerRef {
        kind,
        owner: owner.stored_name(),
        date_added: iso(found.issue.first_seen),
    });
    Ok(owners.collect())
}

async fn of_latest_event(
    state: &ApiState,
    found: &FoundIssue,
) -> Result<SuggestedOwners, ApiError> {
    let mut latest = state.store.issue_events(found.issue.id, None, 1).await?;
    ask(state, &found.project, None, latest.pop().as_ref()).await
}

/// Tries rules on an event without keeping them.
#[utoipa::path(post, path = "/api/0/vedette/projects/{organization}/{project}/ownership/try/",
    tag = "ownership", params(ProjectPath), request_body = OwnershipTrial,
    responses((status = 200, body = SuggestedOwners)))]
pub(in crate::api) async fn attempt(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(trial): Input<OwnershipTrial>,
) -> Result<Json<SuggestedOwners>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let row = match &trial.event_id {
        Some(name) => {
            let id: EventId = name
                .parse()
                .map_err(|_| ApiError::field("eventId", "no event's id"))?;
            let row = state
                .store
                .event_by_id(&[project.id], id.as_bytes())
                .await?;
            Some(row.ok_or_else(|| ApiError::field("eventId", "no such event here"))?)
        }
        None => state.store.project_events(project.id, None, 1).await?.pop(),
    };
    let raw = trial.raw.as_deref();
    let answer = ask(&state, &project, raw, row.as_ref()).await?;
    Ok(Json(answer))
}

async fn ask(
    state: &ApiState,
    project: &Project,
    raw: Option<&str>,
    event: Option<&EventRow>,
) -> Result<SuggestedOwners, ApiError> {
    let row = state.store.ownership(project.id).await?;
    let own = Rules::parse(raw.unwrap_or(&row.raw)).map_err(|error| unreadable("raw", &error))?;
    let file = Rules::parse_codeowners(&row.codeowners).unwrap_or_default();
    let rules = own.behind(file);
    let facts = match event {
        Some(event) => Some(facts_of(state, event).await?),
        None => None,
    };
    let rule = facts.as_ref().and_then(|facts| rules.decide(facts));
    let people = People::read(state, project.organization_id).await?;
    let mut answer = SuggestedOwners {
        event_id: event.map(|event| hex::encode(&event.event_id)),
        rule: rule.map(ShownRule::from),
        owners: Vec::new(),
        unknown: Vec::new(),
        source: "none",
    };
    match rule {
        Some(rule) => {
            answer.source = "rule";
            fill(state, project, &people, rule, &mut answer).await?;
        }
        None if row.falls_through && event.is_some() => {
            let links = state.store.project_teams(project.organization_id).await?;
            let own = links.iter().filter(|(of, _)| *of == project.id);
            let teams = own.filter_map(|(_, team)| people.find(&format!("team:{team}")));
            answer.owners = teams.collect();
            answer.source = "fallthrough";
        }
        None => {}
    }
    Ok(answer)
}

async fn fill(
    state: &ApiState,
    project: &Project,
    people: &People,
    rule: &Rule,
    answer: &mut SuggestedOwners,
) -> Result<(), ApiError> {
    for owner in &rule.owners {
        let name = state.store.find_owner(project.id, owner).await?;
        match name.and_then(|name| people.find(&name)) {
            Some(found) => answer.owners.push(found),
            None => answer.unknown.push(owner.to_string()),
        }
    }
    Ok(())
}
