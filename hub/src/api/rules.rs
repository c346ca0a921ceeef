//! Alert rules of projects, and what was sent because of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::ids::{EventId, ProjectId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, nullable};
use super::page::{Page, Params};
use super::types::{ProjectPath, iso, iso_option};
use crate::access::Scope;
use crate::alert;
use crate::audit;
use crate::clock;
use crate::ids::ShortId;
use crate::rule::{self, Trigger};
use crate::store::alerts::{AlertRule, SentNotification};
use crate::store::notifications::{Change, StoredRule};
use crate::store::place::{Direction, Place};
use crate::store::projects::Project;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 200;
/// Most rules of a project.
const RULES_MAX: usize = 100;
/// The pause between notifications without a wish, in minutes.
const FREQUENCY_MINUTES: i64 = 30;

/// An alert rule.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: String,
    name: String,
    triggers: Vec<RuleTrigger>,
    actions: Vec<RuleAction>,
    environment: Option<String>,
    /// At most one notification per issue in so many minutes.
    frequency_minutes: i64,
    is_enabled: bool,
    date_created: String,
    last_triggered: Option<String>,
}

/// What makes a rule fire.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RuleTrigger {
    NewIssue,
    Regression,
    Escalating,
}

/// What a rule does.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum RuleAction {
    /// A POST with a JSON body.
    Webhook { url: String },
    /// A mail to one address.
    Email { to: String },
}

/// A rule to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRule {
    name: String,
    triggers: Vec<RuleTrigger>,
    actions: Vec<RuleAction>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    frequency_minutes: Option<i64>,
    #[serde(default)]
    is_enabled: Option<bool>,
}

/// Changes of a rule.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RuleChange {
    name: Option<String>,
    triggers: Option<Vec<RuleTrigger>>,
    actions: Option<Vec<RuleAction>>,
    /// Null is any environment.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    environment: Option<Option<String>>,
    frequency_minutes: Option<i64>,
    is_enabled: Option<bool>,
}

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    id: String,
    rule_id: String,
    rule_name: Option<String>,
    issue_id: Option<String>,
    short_id: Option<String>,
    change_kind: String,
    action: RuleAction,
    /// `pending`, `sent` or `failed`.
    state: String,
    attempts: i64,
    last_error: Option<String>,
    date_created: String,
    date_sent: Option<String>,
}

/// The path of a rule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RulePath {
    /// Slug or id.
    organization: String,
    /// Slug or id.
    project: String,
    /// The rule's id.
    rule: String,
}

impl From<RuleTrigger> for Trigger {
    fn from(trigger: RuleTrigger) -> Self {
        match trigger {
            RuleTrigger::NewIssue => Self::NewIssue,
            RuleTrigger::Regression => Self::Regression,
            RuleTrigger::Escalating => Self::Escalating,
        }
    }
}

impl From<rule::Action> for RuleAction {
    fn from(action: rule::Action) -> Self {
        match action {
            rule::Action::Webhook { url } => Self::Webhook { url },
            rule::Action::Email { to } => Self::Email { to },
        }
    }
}

impl From<RuleAction> for rule::Action {
    fn from(action: RuleAction) -> Self {
        match action {
            RuleAction::Webhook { url } => Self::Webhook { url },
            RuleAction::Email { to } => Self::Email { to },
        }
    }
}

impl Rule {
    fn new(row: AlertRule) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            triggers: serde_json::from_str(&row.triggers).unwrap_or_default(),
            actions: serde_json::from_str(&row.actions).unwrap_or_default(),
            environment: row.environment,
            frequency_minutes: row.frequency_minutes,
            is_enabled: row.is_enabled,
            date_created: iso(row.created_at),
            last_triggered: iso_option(row.last_triggered_at),
        }
    }
}

/// The rules of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/rules/", tag = "alerts",
    params(ProjectPath), responses((status = 200, body = [Rule])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::AlertsRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let rows = state.store.alert_rules(project.id).await?;
    Ok(Page::whole(rows.into_iter().map(Rule::new).collect()).respond(&params))
}

/// Makes a rule.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/rules/", tag = "alerts",
    params(ProjectPath), request_body = NewRule, responses((status = 201, body = Rule)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(wish): Input<NewRule>,
) -> Result<Response, ApiError> {
    let scope = Scope::AlertsWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    if state.store.alert_rules(project.id).await?.len() >= RULES_MAX {
        return Err(ApiError::conflict(format!(
            "A project has at most {RULES_MAX} rules."
        )));
    }
    let mut row = AlertRule {
        id: 0,
        project_id: project.id,
        name: String::new(),
        triggers: "[]".to_owned(),
        actions: "[]".to_owned(),
        environment: None,
        frequency_minutes: FREQUENCY_MINUTES,
        is_enabled: true,
        created_at: clock::now().as_millis(),
        last_triggered_at: None,
    };
    let change = RuleChange {
        name: Some(wish.name),
        triggers: Some(wish.triggers),
        actions: Some(wish.actions),
        environment: Some(wish.environment),
        frequency_minutes: wish.frequency_minutes,
        is_enabled: wish.is_enabled,
    };
    apply(&mut row, change)?;
    let mut write = state.store.begin().await?;
    row.id = write.add_alert_rule(&row).await?;
    audit::target("rule", row.id, &row.name);
    audit::changed(&(), &Rule::new(row.clone()));
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(Rule::new(row))).into_response())
}

/// One rule.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/rules/{rule}/",
    tag = "alerts", params(RulePath), responses((status = 200, body = Rule)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RulePath>,
) -> Result<Json<Rule>, ApiError> {
    let (_, row) = find(&state, &caller, &path, Scope::AlertsRead).await?;
    Ok(Json(Rule::new(row)))
}

/// Changes a rule.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/rules/{rule}/",
    tag = "alerts", params(RulePath), request_body = RuleChange,
    responses((status = 200, body = Rule)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RulePath>,
    Input(change): Input<RuleChange>,
) -> Result<Json<Rule>, ApiError> {
    let (_, mut row) = find(&state, &caller, &path, Scope::AlertsWrite).await?;
    let before = Rule::new(row.clone());
    apply(&mut row, change)?;
    audit::changed(&before, &Rule::new(row.clone()));
    let mut write = state.store.begin().await?;
    write.update_alert_rule(&row).await?;
    write.commit().await?;
    Ok(Json(Rule::new(row)))
}

/// Removes a rule.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/rules/{rule}/",
    tag = "alerts", params(RulePath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RulePath>,
) -> Result<StatusCode, ApiError> {
    let (_, row) = find(&state, &caller, &path, Scope::AlertsWrite).await?;
    let mut write = state.store.begin().await?;
    write.remove_alert_rule(row.id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends what the rule would send. 409 says why it was not taken.
#[utoipa::path(post, path = "/api/0/projects/{organization}/{project}/rules/{rule}/test/",
    tag = "alerts", params(RulePath), responses((status = 204)))]
pub(super) async fn test(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RulePath>,
) -> Result<StatusCode, ApiError> {
    let (project, row) = find(&state, &caller, &path, Scope::AlertsWrite).await?;
    let rule = stored_rule(&row);
    let change = sample(&path.organization, &project, &rule)?;
    let payload = alert::payload(&rule, &change, &state.config.public_url).to_string();
    for action in &rule.rule.actions {
        state.sender.send(action, &payload).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A change that did not happen, to try a rule with.
fn sample(organization: &str, project: &Project, rule: &StoredRule) -> Result<Change, ApiError> {
    Ok(Change {
        id: 0,
        project: ProjectId::new(project.id.unsigned_abs()).map_err(ApiError::internal)?,
        project_slug: project.slug.clone(),
        organization_slug: organization.to_owned(),
        issue: 0,
        short_id: 0,
        title: format!("A test of the rule {:?}: nothing happened", rule.name),
        culprit: "sent from the dashboard".to_owned(),
        level: "info".to_owned(),
        times_seen: 0,
        event_id: EventId::from_bytes([0; 16]),
        environment: rule.rule.environment.clone(),
        trigger: rule
            .rule
            .triggers
            .first()
            .copied()
            .unwrap_or(Trigger::NewIssue),
        created_at: clock::now(),
    })
}

/// What the rules of a project sent, the latest first.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/notifications/",
    tag = "alerts", params(ProjectPath), responses((status = 200, body = [Notification])))]
pub(super) async fn notifications(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::AlertsRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let limit = params.limit()?;
    // Reading back from a row is the first page again: the list is short and read from the top.
    let cursor = params
        .cursor()?
        .filter(|cursor| cursor.direction == Direction::Onward);
    let before = cursor.map(|cursor| cursor.place.id);
    let rows = state
        .store
        .notifications(project.id, before, limit + 1)
        .await?;
    let page = Page::cut(rows, limit, cursor, |row| Place {
        value: 0,
        id: row.id,
    });
    let notifications = |rows: Vec<SentNotification>| {
        rows.into_iter()
            .filter_map(|row| notification(row, &project))
            .collect()
    };
    Ok(page.map(notifications).respond(&params))
}

fn notification(row: SentNotification, project: &Project) -> Option<Notification> {
    let short_id = row.short_id.map(|number| {
        let project = project.slug.clone();
        ShortId { project, number }.to_string()
    });
    Some(Notification {
        id: row.id.to_string(),
        rule_id: row.rule_id.to_string(),
        rule_name: row.rule_name,
        issue_id: short_id.is_some().then(|| row.issue_id.to_string()),
        short_id,
        change_kind: row.change_kind,
        action: serde_json::from_str(&row.action).ok()?,
        state: row.state,
        attempts: row.attempts,
        last_error: row.last_error,
        date_created: iso(row.created_at),
        date_sent: iso_option(row.sent_at),
    })
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &RulePath,
    scope: Scope,
) -> Result<(Project, AlertRule), ApiError> {
    let (_, project) = state
        .project(caller, &path.organization, &path.project, scope)
        .await?;
    let id = path.rule.parse().map_err(|_| ApiError::missing())?;
    let row = state.store.alert_rule(project.id, id).await?;
    let row = row.ok_or_else(ApiError::missing)?;
    audit::target("rule", row.id, &row.name);
    Ok((project, row))
}

fn apply(row: &mut AlertRule, change: RuleChange) -> Result<(), ApiError> {
    if let Some(name) = change.name {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            return Err(ApiError::field(
                "name",
                format!("1 to {NAME_LEN_MAX} bytes"),
            ));
        }
        row.name = name.to_owned();
    }
    if let Some(triggers) = change.triggers {
        row.triggers = serde_json::to_string(&triggers).map_err(ApiError::internal)?;
    }
    if let Some(actions) = change.actions {
        row.actions = serde_json::to_string(&actions).map_err(ApiError::internal)?;
    }
    if let Some(environment) = change.environment {
        row.environment = environment.filter(|name| !name.is_empty());
    }
    if let Some(minutes) = change.frequency_minutes {
        row.frequency_minutes = minutes;
    }
    if let Some(is_enabled) = change.is_enabled {
        row.is_enabled = is_enabled;
    }
    stored_rule(row)
        .rule
        .check()
        .map_err(|error| ApiError::invalid(error.to_string()))
}

/// The rule of a row.
fn stored_rule(row: &AlertRule) -> StoredRule {
    let triggers: Vec<RuleTrigger> = serde_json::from_str(&row.triggers).unwrap_or_default();
    let actions: Vec<RuleAction> = serde_json::from_str(&row.actions).unwrap_or_default();
    StoredRule {
        id: row.id,
        name: row.name.clone(),
        rule: rule::Rule {
            triggers: triggers.into_iter().map(Trigger::from).collect(),
            actions: actions.into_iter().map(rule::Action::from).collect(),
            environment: row.environment.clone(),
            frequency_minutes: row.frequency_minutes,
            is_enabled: row.is_enabled,
        },
    }
}
