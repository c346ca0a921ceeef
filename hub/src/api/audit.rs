//! The audit log: every request that changes something leaves an entry, and who may read them.

pub(super) mod deeds;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::{Address, Caller, named};
use super::error::ApiError;
use super::input::At;
use super::page::{Page, Params};
use super::search::span;
use super::types::{OrganizationPath, UserRef, iso, stored_object};
use crate::access::{Identity, Proof, Scope};
use crate::audit::chain::Link;
use crate::audit::{self, Actor};
use crate::clock;
use crate::store::audit::AuditFilter;
use crate::store::issue_read::IssueRow;
use crate::store::place::Place;
use crate::store::projects::Project;

/// What every route begins with.
const ROOT: &str = "/api/0/";
/// What a change of issues is called that merges them.
pub(super) const ISSUE_MERGE: &str = "issue.merge";
/// What taking it back is called.
pub(super) const ISSUE_TAKE_BACK_MERGE: &str = "issue.take-back-merge";
/// What a change of issues is called that discards them.
pub(super) const ISSUE_DISCARD: &str = "issue.discard";

/// Lets a request through, as a deed of its caller when it changes something.
///
/// The entry is written with the first transaction that the handler commits. What changes something
/// by another task, which no transaction of this one knows of, gets its entry when it is done.
pub(super) async fn accompany(state: &ApiState, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = route_of(&parts);
    let Some(action) = deeds::name_of(parts.method.as_str(), &path) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(Address(address)) = Address::from_request_parts(&mut parts, state).await;
    let actor = Actor {
        address: address.to_string(),
        ..actor(parts.extensions.get::<Identity>())
    };
    let request = Request::from_parts(parts, body);
    let doing = async {
        let answer = next.run(request).await;
        // Without a due entry there is nothing to write down any more.
        if answer.status().is_success() && audit::due().is_some() {
            let write = state.store.begin().await;
            let written = match write {
                Ok(write) => write.commit().await,
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                return ApiError::from(error).into_response();
            }
        }
        answer
    };
    audit::during(clock::now(), actor, &action, doing).await.0
}

/// Names the issues that a request is about: one by its short id and title, many as a list.
pub(super) fn issues(projects: &[Project], rows: &[IssueRow]) {
    match rows {
        [row] => audit::target("issue", row.id, &named_among(projects, row)),
        rows => {
            let first = rows.get(..audit::NAMED_MAX).unwrap_or(rows);
            many_issues(projects, first, rows.len());
        }
    }
}

/// Names many issues by the first of them.
pub(super) fn many_issues(projects: &[Project], first: &[IssueRow], n: usize) {
    let first: Vec<_> = first
        .iter()
        .map(|row| (row.id, named_among(projects, row)))
        .collect();
    audit::many("issue", n, &first);
}

fn named_among(projects: &[Project], row: &IssueRow) -> String {
    let project = projects.iter().find(|project| project.id == row.project_id);
    project.map_or_else(|| row.title.clone(), |project| named(project, row))
}

/// The route of a request as it is documented. A router that this one stands in has put its own
/// before it.
fn route_of(parts: &Parts) -> String {
    let path = match parts.extensions.get::<MatchedPath>() {
        Some(path) => path.as_str(),
        None => parts.uri.path(),
    };
    let own = path.rfind(ROOT).and_then(|at| path.get(at..));
    own.unwrap_or(path).to_owned()
}

fn actor(identity: Option<&Identity>) -> Actor {
    let Some(identity) = identity else {
        return Actor::default();
    };
    let (token, token_name) = match &identity.proof {
        Proof::Token { id, name, .. } => (Some(*id), name.clone()),
        Proof::Session { .. } => (None, String::new()),
    };
    Actor {
        user: Some(identity.user.id),
        name: identity.user.email.clone(),
        token,
        token_name,
        address: String::new(),
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditLog {
    rows: Vec<AuditEntry>,
    /// Every name that `event` may have.
    options: Vec<&'static str>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEntry {
    id: String,
    /// What was done.
    event: String,
    /// Who did it; null for who has shown nothing, and for the hub itself.
    actor: Option<UserRef>,
    /// What they, or the part of the hub, were called then.
    actor_label: String,
    /// The API token that they showed.
    token: Option<AuditToken>,
    ip_address: String,
    /// The target's id.
    target_object: String,
    target_kind: String,
    /// What the target was called then.
    target_label: String,
    /// The entry in a sentence.
    note: String,
    /// `changes` has the fields that differ, each with what it was and what it is; `targets` and
    /// `count` what many things were done to.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    date_created: String,
}

/// A token that was shown.
#[derive(Debug, Serialize, ToSchema)]
struct AuditToken {
    id: String,
    /// What it was called then.
    name: String,
}

/// Which entries are meant.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct AuditParams {
    /// Only this deed, such as `project.edit`.
    event: Option<String>,
    /// Only deeds of this user, by id.
    actor: Option<String>,
    /// Only those whose target has this in its name or id, or is of this kind.
    target: Option<String>,
    /// ISO 8601; not before.
    start: Option<String>,
    /// ISO 8601; not after.
    end: Option<String>,
    /// Such as `14d`, instead of `start` and `end`.
    stats_period: Option<String>,
    /// Rows of a page, at most 100.
    per_page: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// Who changed what in an organization, the latest first. For its owners and managers.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/audit-logs/",
    tag = "organizations", params(OrganizationPath, AuditParams),
    responses((status = 200, body = AuditLog)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgWrite)
        .await?;
    let filter = filter(organization.id, &params)?;
    let limit = params.limit()?;
    let cursor = params.cursor()?;
    let from = cursor.map(|cursor| (cursor.place, cursor.direction));
    let links = state.store.audit_page(&filter, from, limit + 1).await?;
    let place = |link: &Link| Place {
        value: link.id,
        id: link.id,
    };
    let page = Page::cut(links, limit, cursor, place);
    let members = state.store.members(organization.id).await?;
    let users: BTreeMap<i64, UserRef> = members
        .iter()
        .map(|member| (member.user.id, UserRef::from(&member.user)))
        .collect();
    let page = page.map(|links| {
        let rows = links.into_iter();
        rows.map(|link| AuditEntry::new(link, &users)).collect()
    });
    let (headers, rows) = page.into_parts(&params);
    let options = deeds::names();
    Ok((headers, Json(AuditLog { rows, options })).into_response())
}

fn filter(organization: i64, params: &Params) -> Result<AuditFilter, ApiError> {
    let span = span(params, clock::now())?;
    let actor = params.some("actor").map(str::parse).transpose();
    Ok(AuditFilter {
        organization,
        action: params.some("event").map(str::to_owned),
        actor: actor.map_err(|_| ApiError::field("actor", "the id of a user"))?,
        target: params.some("target").map(str::to_owned),
        start: span.from.map(Timestamp::from_millis),
        end: span.to.map(Timestamp::from_millis),
    })
}

impl AuditEntry {
    fn new(link: Link, users: &BTreeMap<i64, UserRef>) -> Self {
        let entry = link.entry;
        let target = &entry.target;
        let note = match (target.id.as_str(), target.name.as_str()) {
            ("", "") => entry.action.clone(),
            ("", name) => format!("{}: {name}", entry.action),
            (id, "") => format!("{}: {} {id}", entry.action, target.kind),
            (_, name) => format!("{}: {} {name}", entry.action, target.kind),
        };
        Self {
            id: link.id.to_string(),
            event: entry.action,
            actor: entry.actor.and_then(|id| users.get(&id).cloned()),
            actor_label: entry.actor_name,
            token: entry.token.map(|id| AuditToken {
                id: id.to_string(),
                name: entry.token_name,
            }),
            ip_address: entry.address,
            target_object: entry.target.id,
            target_kind: entry.target.kind,
            target_label: entry.target.name,
            note,
            data: stored_object(&entry.data),
            date_created: iso(entry.at.as_millis()),
        }
    }
}
