//! Privacy rules that people write: tried on events that are here before they are in force, and what
//! rules removed from what came.
//!
//! What is tried on is what relays sent: their built-in rules have been over it already. So a trial
//! shows what further rules would remove, and never what was removed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use protocol::ids::EventId;
use protocol::privacy::{CustomRules, Payload, combined, rules_of};
use protocol::roster::PrivacySettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::events::read;
use super::input::{At, Input};
use super::page::Params;
use super::projects::privacy_of;
use super::search::{chosen_projects, span};
use super::types::{OrganizationPath, ProjectPath, iso};
use crate::access::Scope;
use crate::archive::StoredEvent;
use crate::clock;
use crate::removal::{self, Removals};
use crate::store::people::Organization;
use crate::store::place::Direction;
use crate::store::projects::Project;
use crate::store::removals::{MORE_FIELDS, RemovalSum};

/// Trials at a time: each keeps a processor busy.
pub(super) const TRIALS_MAX: usize = 1;
/// Events that rules are tried on.
const TRIED_MAX: u32 = 10_000;
/// Events whose bodies are in memory at a time.
const BATCH: u32 = 100;
/// A trial ends after this long, with what it has seen by then.
const TRIAL_MAX: Duration = Duration::from_secs(10);
/// Rows of a report.
const ROWS_MAX: u32 = 5_000;
/// How far back a report goes without a wish, in days.
const REPORT_DAYS: i64 = 14;
const DAY_MS: i64 = 24 * 3_600_000;

/// Rules to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RulesTrial {
    /// The document of rules, JSON as text, as in `relayPiiConfig`.
    rules: String,
    /// The event to try them on; the latest without a wish.
    event_id: Option<String>,
}

/// Privacy settings, written as rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsAsRules {
    /// A document of rules, JSON as text: what relays remove by the settings, as near as rules can say
    /// it. The documents that people wrote are not in it.
    rules: String,
}

/// An event before and after rules.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RulesPreview {
    event_id: String,
    /// As it came from the relay.
    #[schema(value_type = Object)]
    before: Value,
    /// As it would have come with these rules.
    #[schema(value_type = Object)]
    after: Value,
    removals: Vec<Removed>,
}

/// What a rule removes from a field.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Removed {
    /// The path within the event; `*` stands for any place of a list.
    field: String,
    /// The rule's name; those of built-in rules begin with `@`.
    rule: String,
    /// How often.
    count: u64,
    /// In how many events.
    events: u64,
}

/// What rules would have done to the latest events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulesDryRun {
    /// Events that they were tried on.
    events: u64,
    /// Those that they would have changed.
    touched: u64,
    /// By field and rule, the most frequent first.
    removals: Vec<Removed>,
    /// Whether the time for a trial ended before all events were seen.
    #[serde(rename = "isPartial")]
    is_partial: bool,
}

/// What rules removed from what came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RemovalReport {
    start: String,
    end: String,
    rows: Vec<RemovalRow>,
}

/// What a rule removed from a field of a project's items.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RemovalRow {
    project: String,
    /// `event`, or the kind of the item: `log`, `transaction`, `attachment`.
    kind: String,
    rule: String,
    field: String,
    count: i64,
    /// The last day on which it did.
    last_day: String,
}

/// What a report is asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct RemovalParams {
    /// `24h`, `14d`; a fortnight without a wish. Whole days are counted.
    #[param(rename = "statsPeriod")]
    stats_period: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    start: Option<String>,
    /// ISO 8601; not together with `statsPeriod`.
    end: Option<String>,
    /// Ids or slugs; -1 is all.
    project: Option<Vec<String>>,
    /// `csv` for a file.
    format: Option<String>,
}

/// Reads a document of rules; what is wrong with it is the field's error.
pub(super) fn compile(field: &'static str, rules: &str) -> Result<CustomRules, ApiError> {
    let documents = match rules.trim() {
        "" => Vec::new(),
        rules => vec![rules.to_owned()],
    };
    // Pseudonym keys are the relays' own: what would become one reads `[Filtered]` here.
    CustomRules::compile(&documents, None)
        .map_err(|error| ApiError::field(field, error.to_string()))
}

/// The rules that the privacy settings of an organization stand for.
#[utoipa::path(get, path = "/api/0/vedette/organizations/{organization}/privacy/rules/",
    tag = "privacy", params(OrganizationPath), responses((status = 200, body = SettingsAsRules)))]
pub(super) async fn organization_as_rules(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Json<SettingsAsRules>, ApiError> {
    let scope = Scope::OrgRead;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let settings = state.fleet.organization_privacy(organization.id).await?;
    let rules = rules_of(&settings);
    Ok(Json(SettingsAsRules { rules }))
}

/// The rules that the privacy settings of a project stand for, together with those of its organization.
#[utoipa::path(get, path = "/api/0/vedette/projects/{organization}/{project}/privacy/rules/",
    tag = "privacy", params(ProjectPath), responses((status = 200, body = SettingsAsRules)))]
pub(super) async fn project_as_rules(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<SettingsAsRules>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let settings = in_force(&state, &organization, &project).await?;
    let rules = rules_of(&settings);
    Ok(Json(SettingsAsRules { rules }))
}

/// What holds for a project: its own settings and rules with those of its organization.
pub(super) async fn in_force(
    state: &ApiState,
    organization: &Organization,
    project: &Project,
) -> Result<PrivacySettings, ApiError> {
    let of_all = state.fleet.organization_privacy(organization.id).await?;
    Ok(combined(&of_all, &privacy_of(project)))
}

/// Shows an event before and after rules. Nothing is changed.
#[utoipa::path(post, path = "/api/0/vedette/projects/{organization}/{project}/privacy/preview/",
    tag = "privacy", params(ProjectPath), request_body = RulesTrial,
    responses((status = 200, body = RulesPreview)))]
pub(super) async fn preview(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(trial): Input<RulesTrial>,
) -> Result<Json<RulesPreview>, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rules = compile("rules", &trial.rules)?;
    let row = match trial.event_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => {
            let id: EventId = id.parse().map_err(|_| ApiError::missing())?;
            state
                .store
                .event_by_id(&[project.id], id.as_bytes())
                .await?
        }
        None => state.store.project_events(project.id, None, 1).await?.pop(),
    };
    let row = row.ok_or_else(ApiError::missing)?;
    let stored = read(&state.archive, &[row]).await?.pop().flatten();
    let stored = stored.ok_or_else(ApiError::missing)?;
    let (after, removals) = tried(&rules, &stored)?;
    let mut sum = Sum::default();
    sum.add(&removals);
    let parse = |payload: &[u8]| serde_json::from_slice(payload).map_err(ApiError::internal);
    Ok(Json(RulesPreview {
        event_id: stored.event_id.to_string(),
        before: parse(&stored.payload)?,
        after: parse(&after)?,
        removals: sum.rows(),
    }))
}

/// Says what rules would have done to the latest events, at most ten thousand. Nothing is changed.
#[utoipa::path(post, path = "/api/0/vedette/projects/{organization}/{project}/privacy/dry-run/",
    tag = "privacy", params(ProjectPath), request_body = RulesTrial,
    responses((status = 200, body = RulesDryRun)))]
pub(super) async fn dry_run(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(trial): Input<RulesTrial>,
) -> Result<Json<RulesDryRun>, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rules = Arc::new(compile("rules", &trial.rules)?);
    let turn = state.0.trials.try_acquire();
    let wait = TRIAL_MAX.as_secs();
    let _turn =
        turn.map_err(|_| ApiError::too_often("Other rules are being tried; try again.", wait))?;
    let (mut sum, mut from, mut is_partial) = (Sum::default(), None, false);
    let until = Instant::now() + TRIAL_MAX;
    while sum.events < u64::from(TRIED_MAX) {
        let events = state.store.project_events(project.id, from, BATCH).await?;
        let Some(last) = events.last() else { break };
        from = Some((last.id, Direction::Onward));
        let stored = read(&state.archive, &events).await?;
        let rules = Arc::clone(&rules);
        let batch = tokio::task::spawn_blocking(move || {
            let mut batch = Sum::default();
            for stored in stored.iter().flatten() {
                // One that cannot be scrubbed did not come this way and is no measure.
                if let Ok((_, removals)) = tried(&rules, stored) {
                    batch.add(&removals);
                }
            }
            batch
        });
        sum.merge(batch.await.map_err(ApiError::internal)?);
        is_partial = Instant::now() > until;
        if is_partial {
            break;
        }
    }
    Ok(Json(RulesDryRun {
        events: sum.events,
        touched: sum.touched,
        removals: sum.rows(),
        is_partial,
    }))
}

/// What rules removed from what came for an organization, by project, kind of item, rule and field;
/// relays remove before anything is written, and say so in the item. Of attachments, crash dumps and
/// recordings the fields are not told apart. Headers of items and of requests are not counted.
#[utoipa::path(get, path = "/api/0/vedette/organizations/{organization}/removals/",
    tag = "privacy", params(OrganizationPath, RemovalParams),
    responses((status = 200, body = RemovalReport)))]
pub(super) async fn report(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::OrgRead)
        .await?;
    let all = state.store.projects(organization.id).await?;
    let chosen = chosen_projects(&all, &params)?;
    let now = clock::now();
    let span = span(&params, now)?;
    let to = span.to.unwrap_or_else(|| now.as_millis());
    let from = span.from.unwrap_or(to - REPORT_DAYS * DAY_MS);
    if from > to {
        return Err(ApiError::field("start", "not after the end"));
    }
    let days = from.div_euclid(DAY_MS)..=to.div_euclid(DAY_MS);
    let ids: Vec<i64> = chosen.iter().map(|project| project.id).collect();
    let sums = state.store.removals(&ids, days.clone(), ROWS_MAX).await?;
    let slugs: BTreeMap<i64, &str> = chosen
        .iter()
        .map(|project| (project.id, project.slug.as_str()))
        .collect();
    let rows: Vec<RemovalRow> = sums
        .into_iter()
        .map(|sum| RemovalRow::new(sum, &slugs))
        .collect();
    if params.some("format") == Some("csv") {
        return Ok(csv(&rows));
    }
    let report = RemovalReport {
        start: iso(days.start() * DAY_MS),
        end: iso((days.end() + 1) * DAY_MS),
        rows,
    };
    Ok(Json(report).into_response())
}

impl RemovalRow {
    fn new(sum: RemovalSum, slugs: &BTreeMap<i64, &str>) -> Self {
        let slug = slugs.get(&sum.project_id).copied().unwrap_or_default();
        let day = iso(sum.last_day * DAY_MS);
        Self {
            project: slug.to_owned(),
            kind: sum.kind,
            rule: sum.rule,
            field: sum.field,
            count: sum.quantity,
            last_day: day.split('T').next().unwrap_or_default().to_owned(),
        }
    }
}

/// A file for spreadsheets.
fn csv(rows: &[RemovalRow]) -> Response {
    let mut text = "project,kind,rule,field,count,last_day\r\n".to_owned();
    for row in rows {
        let cells = [&row.project, &row.kind, &row.rule, &row.field].map(|cell| csv_cell(cell));
        text += &cells.join(",");
        text += &format!(",{},{}\r\n", row.count, row.last_day);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"removals.csv\"",
        ),
    ];
    (headers, text).into_response()
}

/// Quoted, and never a formula: names of fields are the senders'.
fn csv_cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// A stored event with rules applied, and what they removed.
fn tried(rules: &CustomRules, stored: &StoredEvent) -> Result<(bytes::Bytes, Removals), ApiError> {
    let before = &stored.payload;
    let (after, _) = rules
        .apply(before, Payload::Event)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    let removals = if after.as_ptr() == before.as_ptr() {
        Removals::new()
    } else {
        removal::beyond(&removal::of_payload(&after), &removal::of_payload(before))
    };
    Ok((after, removals))
}

/// What was removed from several events.
#[derive(Debug, Default)]
struct Sum {
    events: u64,
    touched: u64,
    by: BTreeMap<removal::Removal, (u64, u64)>,
}

impl Sum {
    fn add(&mut self, removals: &Removals) {
        self.events += 1;
        self.touched += u64::from(!removals.is_empty());
        for (removal, n) in removals {
            self.count(removal.clone(), *n, 1);
        }
    }

    fn count(&mut self, mut removal: removal::Removal, n: u64, n_events: u64) {
        // Senders name fields as they like.
        if self.by.len() >= ROWS_MAX as usize && !self.by.contains_key(&removal) {
            MORE_FIELDS.clone_into(&mut removal.field);
        }
        let (count, events) = self.by.entry(removal).or_default();
        *count += n;
        *events += n_events;
    }

    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.touched += other.touched;
        for (removal, (n, n_events)) in other.by {
            self.count(removal, n, n_events);
        }
    }

    /// The most frequent first.
    fn rows(self) -> Vec<Removed> {
        let rows = self.by.into_iter();
        let mut rows: Vec<Removed> = rows
            .map(|(removal, (count, events))| Removed {
                field: removal.field,
                rule: removal.rule,
                count,
                events,
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        rows
    }
}
