//! Who looks after what of a project: its rules, its CODEOWNERS file, and whom they name for an
//! event.

pub(super) mod codeowners;
pub(super) mod suggested;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::types::{ProjectPath, iso};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::owner::{self, OwnerError, Rules};
use crate::store::ownership::OwnershipRow;

/// Sentry's words for what becomes of an issue that has an owner.
const ASSIGN: &str = "Auto Assign to Issue Owner";
const ASSIGN_SUSPECTS: &str = "Auto Assign to Suspect Commits";
const ASSIGN_NOT: &str = "Turn off Auto-Assignment";

/// Who looks after what of a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ownership {
    /// The rules, one a line: `path:src/* anna@example.org #web`.
    raw: String,
    /// Whether the project's teams look after what no rule fits.
    fallthrough: bool,
    date_created: Option<String>,
    last_updated: Option<String>,
    is_active: bool,
    /// `Auto Assign to Issue Owner`, `Auto Assign to Suspect Commits` (to whose commit may have
    /// brought it, else to the owner) or `Turn off Auto-Assignment`.
    auto_assignment: &'static str,
    codeowners_auto_sync: bool,
    schema: Schema,
}

/// The rules, taken apart.
#[derive(Debug, Serialize, ToSchema)]
struct Schema {
    #[serde(rename = "$version")]
    version: u32,
    rules: Vec<ShownRule>,
}

/// A rule, taken apart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownRule {
    matcher: ShownMatcher,
    owners: Vec<ShownOwner>,
    /// The line it stands in, counted from 1.
    line: usize,
}

/// What an event must have.
#[derive(Debug, Serialize, ToSchema)]
struct ShownMatcher {
    /// `path`, `module`, `url`, `tags.NAME` or `codeowners`.
    #[serde(rename = "type")]
    kind: String,
    pattern: String,
}

/// An owner as the rule has it.
#[derive(Debug, Serialize, ToSchema)]
struct ShownOwner {
    /// `user` or `team`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// An e-mail address, the name it begins with, or a team's slug.
    name: String,
}

impl ShownRule {
    /// Whether it is a line of a CODEOWNERS file.
    fn is_of_codeowners(&self) -> bool {
        self.matcher.kind == "codeowners"
    }
}

impl From<&owner::Rule> for ShownRule {
    fn from(rule: &owner::Rule) -> Self {
        let owners = rule.owners.iter().map(|owner| match owner {
            owner::Owner::Email(name) | owner::Owner::Name(name) => ShownOwner {
                kind: "user",
                name: name.clone(),
            },
            owner::Owner::Team(slug) => ShownOwner {
                kind: "team",
                name: slug.clone(),
            },
        });
        Self {
            matcher: ShownMatcher {
                kind: rule.matcher.kind().name(),
                pattern: rule.matcher.pattern().to_owned(),
            },
            owners: owners.collect(),
            line: rule.line,
        }
    }
}

/// Changes of it. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnershipChange {
    raw: Option<String>,
    fallthrough: Option<bool>,
    /// `Auto Assign to Issue Owner`, `Auto Assign to Suspect Commits` or `Turn off
    /// Auto-Assignment`.
    auto_assignment: Option<String>,
    codeowners_auto_sync: Option<bool>,
}

impl Ownership {
    fn new(row: OwnershipRow) -> Self {
        let rules = Rules::parse(&row.raw).unwrap_or_default();
        let is_set = row.created_at > 0;
        Self {
            raw: row.raw,
            fallthrough: row.falls_through,
            date_created: is_set.then(|| iso(row.created_at)),
            last_updated: is_set.then(|| iso(row.updated_at)),
            is_active: true,
            auto_assignment: match (row.assigns, row.assigns_suspects) {
                (true, false) => ASSIGN,
                (true, true) => ASSIGN_SUSPECTS,
                (false, _) => ASSIGN_NOT,
            },
            codeowners_auto_sync: row.syncs,
            schema: Schema {
                version: 1,
                rules: rules.iter().map(ShownRule::from).collect(),
            },
        }
    }
}

/// Rules that cannot be read: 400 with the bytes.
pub(super) fn unreadable(field: &'static str, error: &OwnerError) -> ApiError {
    let span = [error.span.start, error.span.end];
    ApiError::field_at(field, error.to_string(), span)
}

/// Who looks after what of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/ownership/",
    tag = "ownership", params(ProjectPath), responses((status = 200, body = Ownership)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Ownership>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let row = state.store.ownership(project.id).await?;
    Ok(Json(Ownership::new(row)))
}

/// Sets who looks after what of a project.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/ownership/",
    tag = "ownership", params(ProjectPath), request_body = OwnershipChange,
    responses((status = 200, body = Ownership)))]
pub(super) async fn set(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<OwnershipChange>,
) -> Result<Json<Ownership>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let mut row = state.store.ownership(project.id).await?;
    if let Some(raw) = change.raw {
        Rules::parse(&raw).map_err(|error| unreadable("raw", &error))?;
        row.raw = raw;
    }
    (row.assigns, row.assigns_suspects) = match change.auto_assignment.as_deref() {
        None => (row.assigns, row.assigns_suspects),
        Some(ASSIGN) => (true, false),
        Some(ASSIGN_SUSPECTS) => (true, true),
        Some(ASSIGN_NOT) => (false, false),
        Some(_) => {
            let what = format!("{ASSIGN}, {ASSIGN_SUSPECTS} or {ASSIGN_NOT}");
            return Err(ApiError::field("autoAssignment", what));
        }
    };
    row.falls_through = change.fallthrough.unwrap_or(row.falls_through);
    row.syncs = change.codeowners_auto_sync.unwrap_or(row.syncs);
    keep(&state, project.id, &mut row).await?;
    Ok(Json(Ownership::new(row)))
}

/// What the audit log tells of who looks after what.
fn audited(row: &OwnershipRow) -> serde_json::Value {
    json!({
        "raw": row.raw,
        "codeowners": row.codeowners,
        "autoAssignment": row.assigns,
        "suspectCommits": row.assigns_suspects,
        "fallthrough": row.falls_through,
        "codeownersAutoSync": row.syncs,
    })
}

/// Keeps what a project sets, and has the next events follow it.
async fn keep(state: &ApiState, project: i64, row: &mut OwnershipRow) -> Result<(), ApiError> {
    let before = state.store.ownership(project).await?;
    audit::changed(&audited(&before), &audited(row));
    row.updated_at = clock::now().as_millis();
    if row.created_at == 0 {
        row.created_at = row.updated_at;
    }
    let mut write = state.store.begin().await?;
    write.put_ownership(project, row).await?;
    write.commit().await?;
    Ok(state.digest.rules_changed(project).await?)
}
