//! What a request wants to be shown of an issue beside what always is (`expand`), and what it can do
//! without (`collapse`), by Sentry's names. Other names are passed over.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::api::attachments;
use crate::api::caller::FoundIssue;
use crate::api::error::ApiError;
use crate::api::issue_shape::Issue;
use crate::api::ownership::suggested::{self, OwnerRef};
use crate::api::page::Params;
use crate::api::types::iso;
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;
use crate::store::projects::Project;

/// The fields that are left out by each name.
const FOLDED: &[(&str, &[&str])] = &[
    ("stats", &["stats"]),
    ("lifetime", &["lifetime"]),
    ("filtered", &["filtered"]),
    ("unhandled", &["isUnhandled"]),
    ("release", &["firstRelease", "lastRelease"]),
    ("tags", &["tags"]),
];

/// What a list keeps of an issue that can do without its `base`.
const BESIDE_BASE: &[&str] = &[
    "id",
    "count",
    "userCount",
    "firstSeen",
    "lastSeen",
    "stats",
    "lifetime",
    "filtered",
    "inbox",
    "owners",
    "latestEventHasAttachments",
    "matchingEventId",
];

/// What a request can ask of an issue.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "read by the documentation alone; names may be repeated"
)]
pub(in crate::api) struct ShownParams {
    /// `inbox`, `owners` and `latestEventHasAttachments` are shown where they are asked for. May be
    /// repeated.
    expand: Option<Vec<String>>,
    /// `stats`, `lifetime`, `filtered`, `unhandled`, `release` and `tags` are left out where that is
    /// asked for; `base` leaves of a list's issues their id, numbers and times. May be repeated.
    collapse: Option<Vec<String>>,
}

/// What is shown of an issue where it is asked for.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Expanded {
    /// Why it waits for a look; null while it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Inbox>)]
    inbox: Option<Option<Inbox>>,
    /// Whom the project's rules name.
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Vec<OwnerRef>>,
    /// Whether files came with its latest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_event_has_attachments: Option<bool>,
}

/// Why an issue waits for a look.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Inbox {
    /// 0 it is new, 1 it came back from the archive, 2 it regressed, 3 somebody marked it, 5 it
    /// escalates.
    reason: u8,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    reason_details: Option<()>,
    /// Since when.
    date_added: String,
}

/// An issue of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ListedIssue {
    #[serde(flatten)]
    pub(in crate::api) issue: Issue,
    #[serde(flatten)]
    pub(in crate::api) expanded: Expanded,
}

/// An issue with all of it, or without what a request can do without.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::api) enum Shown<T> {
    Whole(Box<T>),
    Folded(Value),
}

impl ListedIssue {
    /// Without what a request can do without.
    pub(in crate::api) fn folded(self, params: &Params) -> Result<Shown<Self>, ApiError> {
        let mut shown = folded(self, params)?;
        if let Shown::Folded(Value::Object(fields)) = &mut shown
            && is_folded(params, "base")
        {
            fields.retain(|name, _| BESIDE_BASE.contains(&name.as_str()));
        }
        Ok(shown)
    }
}

/// Whether a request can do without a part.
pub(in crate::api) fn is_folded(params: &Params, part: &str) -> bool {
    params.all("collapse").any(|name| name == part)
}

/// The issue without what a request can do without.
pub(super) fn folded<T: Serialize>(issue: T, params: &Params) -> Result<Shown<T>, ApiError> {
    if params.all("collapse").next().is_none() {
        return Ok(Shown::Whole(Box::new(issue)));
    }
    let mut issue = serde_json::to_value(issue).map_err(ApiError::internal)?;
    let mut none = Map::new();
    let fields = issue.as_object_mut().unwrap_or(&mut none);
    for (_, names) in FOLDED.iter().filter(|(part, _)| is_folded(params, part)) {
        for name in *names {
            fields.remove(*name);
        }
    }
    Ok(Shown::Folded(issue))
}

/// What a request wants to be shown beside the rest.
pub(super) async fn expanded(
    state: &ApiState,
    found: &FoundIssue,
    params: &Params,
) -> Result<Expanded, ApiError> {
    let mut expanded = Expanded::default();
    for name in params.all("expand") {
        match name {
            "inbox" => expanded.inbox = Some(inbox(state, found).await?),
            "owners" => {
                expanded.owners = Some(suggested::owners_of(state, found).await?);
            }
            "latestEventHasAttachments" => {
                expanded.latest_event_has_attachments = Some(has_files(state, found).await?);
            }
            _ => {}
        }
    }
    Ok(expanded)
}

/// The same of each of these issues, by its id.
pub(in crate::api) async fn expanded_each(
    state: &ApiState,
    (organization, projects): (&Organization, &[Project]),
    issues: &[IssueRow],
    params: &Params,
) -> Result<HashMap<i64, Expanded>, ApiError> {
    let mut all = HashMap::new();
    let is_asked = params.all("expand").next().is_some();
    for issue in issues.iter().filter(|_| is_asked) {
        let mut projects = projects.iter();
        let Some(project) = projects.find(|project| project.id == issue.project_id) else {
            continue;
        };
        let found = FoundIssue {
            organization: organization.clone(),
            project: project.clone(),
            issue: issue.clone(),
        };
        all.insert(issue.id, expanded(state, &found, params).await?);
    }
    Ok(all)
}

async fn inbox(state: &ApiState, found: &FoundIssue) -> Result<Option<Inbox>, ApiError> {
    let Some(waits) = state.store.issue_waits(found.issue.id).await? else {
        return Ok(None);
    };
    let reason = match found.issue.substatus {
        Some(7) => 0,
        Some(6) => 2,
        Some(2) => 5,
        _ if waits.came_back => 1,
        _ => 3,
    };
    Ok(Some(Inbox {
        reason,
        reason_details: None,
        date_added: iso(waits.since),
    }))
}

async fn has_files(state: &ApiState, found: &FoundIssue) -> Result<bool, ApiError> {
    let wanted = attachments::of_event(&hex::encode(&found.issue.latest_event))?;
    let files = state.store.items(found.project.id, &wanted, None, 1);
    Ok(!files.await?.is_empty())
}
