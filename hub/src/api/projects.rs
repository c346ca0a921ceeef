//! Projects and their settings.

pub(super) mod in_teams;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::item::Category;
use protocol::roster::{PrivacySettings, SampleRate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::keys::Dsn;
use super::page::{Page, Params};
use super::types::{OrganizationPath, ProjectPath, Series, TeamRef, iso, iso_option};
use super::{ApiState, filters, issue_edit, privacy};
use crate::access::{Scope, slug_of};
use crate::audit;
use crate::clock;
use crate::fleet::{Draft, Intake};
use crate::store::people;
use crate::store::projects::{NewProject, Project as Row};
use crate::store::velocity::Velocity;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 64;
/// Longest platform, in bytes.
const PLATFORM_LEN_MAX: usize = 64;
/// Most entries of a list setting, and the longest of them, in bytes.
const LIST_MAX: usize = 200;
const LIST_TEXT_MAX: usize = 200;
/// Longest time after which forgotten issues are resolved, in hours.
const RESOLVE_AGE_MAX: i64 = 365 * 24;
/// Hours of the counts shown beside a project.
const STATS_HOURS: i64 = 24;

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Project {
    id: String,
    slug: String,
    name: String,
    platform: String,
    date_created: String,
    first_event: Option<String>,
    is_member: bool,
    has_access: bool,
    is_bookmarked: bool,
    status: &'static str,
    features: Vec<String>,
    team: Option<TeamRef>,
    teams: Vec<TeamRef>,
    /// Errors by hour, with `statsPeriod`: unix seconds and a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<(i64, i64)>>)]
    stats: Option<Series>,
}

/// A project with its settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectDetail {
    #[serde(flatten)]
    project: Project,
    organization: OrganizationRef,
    #[serde(flatten)]
    settings: Settings,
    /// The public DSN of its oldest active key.
    dsn: Option<String>,
    escalation: Escalation,
}

/// What new issues are measured against.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Escalation {
    /// Events an hour above which a new issue is escalating; null where there are too few issues
    /// to tell.
    threshold: Option<f64>,
    date_computed: Option<String>,
    /// Why it could not be computed last; what is there is the measure before.
    error: Option<String>,
    date_failed: Option<String>,
}

impl From<Velocity> for Escalation {
    fn from(velocity: Velocity) -> Self {
        Self {
            threshold: velocity.threshold,
            date_computed: iso_option(velocity.computed_at),
            error: velocity.error,
            date_failed: iso_option(velocity.failed_at),
        }
    }
}

/// An organization, as a project mentions it.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationRef {
    id: String,
    slug: String,
    name: String,
}

/// What a project's owner decides: privacy and origins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the shape that Sentry's clients read"
)]
struct Settings {
    /// Always on: private data never reaches the disk of a relay.
    data_scrubber: bool,
    /// Always on: the built-in rules.
    data_scrubber_defaults: bool,
    /// Removes IP addresses too.
    #[serde(rename = "scrubIPAddresses")]
    scrub_ip_addresses: bool,
    /// Removes e-mail addresses too.
    scrub_emails: bool,
    /// Further key names whose values are removed.
    sensitive_fields: Vec<String>,
    /// Key names that are left alone.
    safe_fields: Vec<String>,
    /// The project's own document of privacy rules, JSON as text; that of its organization applies
    /// too.
    relay_pii_config: Option<String>,
    /// Origins browsers may send from; empty means any.
    allowed_domains: Vec<String>,
    /// Hours after which an issue that is not seen any more is resolved; 0 is never.
    resolve_age: i64,
    /// The share that relays keep, between 0 and 1, by data category; others are kept whole.
    sampling: BTreeMap<String, f64>,
    /// Filters by list, under Sentry's names; lists have one entry a line.
    #[schema(value_type = Object)]
    options: serde_json::Map<String, serde_json::Value>,
}

/// The same as it is stored. What is not known here is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Options {
    privacy: PrivacySettings,
    allowed_domains: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolve_age: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sampling: BTreeMap<String, f64>,
    #[serde(flatten)]
    intake: Intake,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

/// The privacy settings of a project, as its options hold them.
pub(super) fn privacy_of(project: &Row) -> PrivacySettings {
    let options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    options.privacy
}

/// What a project wants to be taken in, as its options hold it.
pub(super) fn intake_of(project: &Row) -> Intake {
    let options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    options.intake
}

/// Checks what a project wants to be taken in, keeps it, and tells relays.
pub(super) async fn put_intake(
    state: &ApiState,
    mut project: Row,
    intake: Intake,
) -> Result<(), ApiError> {
    let mut options: Options = serde_json::from_str(&project.options).unwrap_or_default();
    intake.check()?;
    audit::changed(&options.intake, &intake);
    options.intake = intake;
    project.options = serde_json::to_string(&options).map_err(ApiError::internal)?;
    let mut write = state.store.begin().await?;
    write.update_project(&project).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(())
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewProjectForm {
    name: String,
    slug: Option<String>,
    platform: Option<String>,
}

/// Changes of a project.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ProjectChange {
    name: Option<String>,
    slug: Option<String>,
    platform: Option<String>,
    #[serde(rename = "scrubIPAddresses")]
    scrub_ip_addresses: Option<bool>,
    scrub_emails: Option<bool>,
    sensitive_fields: Option<Vec<String>>,
    safe_fields: Option<Vec<String>>,
    /// An empty text takes the rules away.
    relay_pii_config: Option<String>,
    allowed_domains: Option<Vec<String>>,
    /// Hours after which an issue that is not seen any more is resolved; 0 is never.
    resolve_age: Option<i64>,
    sampling: Option<BTreeMap<String, f64>>,
    /// Filters by list, under Sentry's names. What is left out stays.
    #[schema(value_type = Option<Object>)]
    options: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The projects of an organization.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/projects/", tag = "projects",
    params(OrganizationPath,
        ("statsPeriod" = Option<String>, Query, description = "Adds the counts of the last day.")),
    responses((status = 200, body = [Project])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::ProjectRead)
        .await?;
    let rows = state.store.projects(organization.id).await?;
    let teams = Teams::read(&state, &caller, organization.id).await?;
    let mut stats = match params.some("statsPeriod") {
        Some(_) => Some(day(&state, &rows).await?),
        None => None,
    };
    let projects = rows.iter().map(|row| Project {
        stats: stats
            .as_mut()
            .map(|stats| stats.remove(&row.id).unwrap_or_default()),
        ..Project::new(row, &teams)
    });
    Ok(Page::whole(projects.collect()).respond(&params))
}

/// Makes a project with a key.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/projects/", tag = "projects",
    params(OrganizationPath), request_body = NewProjectForm,
    responses((status = 201, body = ProjectDetail)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(form): Input<NewProjectForm>,
) -> Result<Response, ApiError> {
    let scope = Scope::ProjectWrite;
    let organization = state
        .organization(&caller, &path.organization, scope)
        .await?;
    let id = make(&state, &organization, form).await?;
    created(&state, &caller, &organization, id).await
}

/// Makes a project of the team that everyone is in; gives its id.
async fn make(
    state: &ApiState,
    organization: &people::Organization,
    form: NewProjectForm,
) -> Result<i64, ApiError> {
    let name = text("name", &form.name, NAME_LEN_MAX)?;
    let slug = form
        .slug
        .filter(|slug| !slug.is_empty())
        .unwrap_or_else(|| slug_of(&name));
    let platform = form.platform.filter(|platform| !platform.is_empty());
    let platform = platform.unwrap_or_else(|| "other".to_owned());
    let platform = text("platform", &platform, PLATFORM_LEN_MAX)?;
    let new = NewProject {
        organization_id: organization.id,
        slug: &slug,
        name: &name,
        platform: &platform,
    };
    let (id, _) = state.access.create_project(clock::now(), new).await?;
    state.fleet.refresh().await?;
    Ok(id)
}

async fn created(
    state: &ApiState,
    caller: &Caller,
    organization: &people::Organization,
    id: i64,
) -> Result<Response, ApiError> {
    let row = state
        .store
        .project(organization.id, &id.to_string())
        .await?;
    let row = row.ok_or_else(ApiError::missing)?;
    let detail = ProjectDetail::new(state, caller, organization, &row).await?;
    Ok((StatusCode::CREATED, Json(detail)).into_response())
}

/// One project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), responses((status = 200, body = ProjectDetail)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<ProjectDetail>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    Ok(Json(
        ProjectDetail::new(&state, &caller, &organization, &row).await?,
    ))
}

/// Changes a project.
#[utoipa::path(put, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), request_body = ProjectChange,
    responses((status = 200, body = ProjectDetail)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<ProjectChange>,
) -> Result<Json<ProjectDetail>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (organization, mut row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let before = ProjectDetail::new(&state, &caller, &organization, &row).await?;
    apply(&mut row, change)?;
    let draft = Draft::ProjectOptions {
        project: row.id,
        options: row.options.clone(),
    };
    state.fleet.check(&draft).await?;
    let after = ProjectDetail::new(&state, &caller, &organization, &row).await?;
    audit::changed(&before, &after);
    let mut write = state.store.begin().await?;
    write.update_project(&row).await?;
    write.commit().await?;
    state.fleet.refresh().await?;
    Ok(Json(after))
}

/// Removes a project and everything in it.
#[utoipa::path(delete, path = "/api/0/projects/{organization}/{project}/", tag = "projects",
    params(ProjectPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<StatusCode, ApiError> {
    let scope = Scope::ProjectAdmin;
    let (_, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    issue_edit::delete_project(&state, row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The teams of a project.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/teams/", tag = "projects",
    params(ProjectPath), responses((status = 200, body = [TeamRef])))]
pub(super) async fn teams(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<Vec<TeamRef>>, ApiError> {
    let scope = Scope::ProjectRead;
    let (organization, row) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let teams = Teams::read(&state, &caller, organization.id).await?;
    Ok(Json(teams.of(row.id)))
}

/// The teams of an organization and which projects they have.
struct Teams {
    teams: Vec<people::Team>,
    links: Vec<(i64, i64)>,
    /// The teams that the caller is in.
    own: Vec<i64>,
}

impl Teams {
    async fn read(state: &ApiState, caller: &Caller, organization: i64) -> Result<Self, ApiError> {
        let members = state.store.team_members(organization).await?;
        let own = members
            .iter()
            .filter(|member| member.user_id == caller.0.user.id);
        Ok(Self {
            own: own.map(|member| member.team_id).collect(),
            teams: state.store.teams(organization).await?,
            links: state.store.project_teams(organization).await?,
        })
    }

    fn has_caller(&self, project: i64) -> bool {
        self.own
            .iter()
            .any(|team| self.links.contains(&(project, *team)))
    }

    fn of(&self, project: i64) -> Vec<TeamRef> {
        let own = self
            .teams
            .iter()
            .filter(|team| self.links.contains(&(project, team.id)));
        own.map(TeamRef::from).collect()
    }
}

impl Project {
    fn new(row: &Row, teams: &Teams) -> Self {
        let in_team = teams.has_caller(row.id);
        let teams = teams.of(row.id);
        Self {
            id: row.id.to_string(),
            slug: row.slug.clone(),
            name: row.name.clone(),
            platform: row.platform.clone(),
            date_created: iso(row.created_at),
            first_event: iso_option(row.first_event_at),
            is_member: in_team,
            has_access: true,
            is_bookmarked: false,
            status: "active",
            features: Vec::new(),
            team: teams.first().cloned(),
            teams,
            stats: None,
        }
    }
}

impl ProjectDetail {
    async fn new(
        state: &ApiState,
        caller: &Caller,
        organization: &people::Organization,
        row: &Row,
    ) -> Result<Self, ApiError> {
        let teams = Teams::read(state, caller, organization.id).await?;
        let keys = state.store.project_keys(row.id).await?;
        let key = keys.iter().find(|key| key.is_active);
        let relay = &state.config.relay_url;
        let options: Options = serde_json::from_str(&row.options).unwrap_or_default();
        Ok(Self {
            project: Project::new(row, &teams),
            organization: OrganizationRef {
                id: organization.id.to_string(),
                slug: organization.slug.clone(),
                name: organization.name.clone(),
            },
            settings: Settings {
                data_scrubber: true,
                data_scrubber_defaults: true,
                scrub_ip_addresses: options.privacy.scrub_ip_addresses,
                scrub_emails: options.privacy.scrub_emails,
                sensitive_fields: options.privacy.sensitive_fields,
                safe_fields: options.privacy.safe_fields,
                relay_pii_config: options.privacy.rules.first().map(ToString::to_string),
                allowed_domains: options.allowed_domains,
                resolve_age: options.resolve_age.unwrap_or_default(),
                sampling: options.sampling,
                options: filters::options(&options.intake),
            },
            escalation: state.store.velocity(row.id).await?.into(),
            dsn: key.map(|key| Dsn::new(relay, row.id, &key.public_key, &key.secret_key).public),
        })
    }
}

fn apply(row: &mut Row, change: ProjectChange) -> Result<(), ApiError> {
    if let Some(name) = change.name {
        row.name = text("name", &name, NAME_LEN_MAX)?;
    }
    if let Some(slug) = change.slug {
        crate::access::check_slug(&slug)?;
        row.slug = slug;
    }
    if let Some(platform) = change.platform {
        row.platform = text("platform", &platform, PLATFORM_LEN_MAX)?;
    }
    let mut options: Options = serde_json::from_str(&row.options).unwrap_or_default();
    let settings = &mut options.privacy;
    if let Some(is_on) = change.scrub_ip_addresses {
        settings.scrub_ip_addresses = is_on;
    }
    if let Some(is_on) = change.scrub_emails {
        settings.scrub_emails = is_on;
    }
    if let Some(fields) = change.sensitive_fields {
        settings.sensitive_fields = texts("sensitiveFields", fields)?;
    }
    if let Some(fields) = change.safe_fields {
        settings.safe_fields = texts("safeFields", fields)?;
    }
    if let Some(rules) = change.relay_pii_config {
        privacy::compile("relayPiiConfig", &rules)?;
        let rules = Some(rules).filter(|rules| !rules.trim().is_empty());
        settings.rules = rules.map(Arc::from).into_iter().collect();
    }
    if let Some(domains) = change.allowed_domains {
        options.allowed_domains = texts("allowedDomains", domains)?;
    }
    if let Some(hours) = change.resolve_age {
        if !(0..=RESOLVE_AGE_MAX).contains(&hours) {
            let what = format!("0 to {RESOLVE_AGE_MAX} hours");
            return Err(ApiError::field("resolveAge", what));
        }
        options.resolve_age = Some(hours).filter(|hours| *hours > 0);
    }
    if let Some(rates) = change.sampling {
        options.sampling = sample_rates(rates)?;
    }
    if let Some(changes) = change.options {
        filters::apply_options(&mut options.intake, &changes)?;
        options.intake.check()?;
    }
    row.options = serde_json::to_string(&options).map_err(ApiError::internal)?;
    Ok(())
}

/// Rates of 1 are as good as none.
fn sample_rates(mut rates: BTreeMap<String, f64>) -> Result<BTreeMap<String, f64>, ApiError> {
    for (name, share) in &rates {
        let category = Category::from_name(name);
        let is_known = category.is_some_and(|category| category != Category::ClientReport);
        if !is_known || SampleRate::from_share(*share).is_err() {
            let what = "shares between 0 and 1 by data category, such as transaction";
            return Err(ApiError::field("sampling", what));
        }
    }
    rates.retain(|_, share| *share < 1.0);
    Ok(rates)
}

fn texts(field: &'static str, texts: Vec<String>) -> Result<Vec<String>, ApiError> {
    let texts: Vec<String> = texts
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    if texts.len() > LIST_MAX || texts.iter().any(|text| text.len() > LIST_TEXT_MAX) {
        return Err(ApiError::field(
            field,
            format!("at most {LIST_MAX} entries of {LIST_TEXT_MAX} bytes"),
        ));
    }
    Ok(texts)
}

/// Errors of the last day by project and hour.
async fn day(state: &ApiState, rows: &[Row]) -> Result<HashMap<i64, Series>, ApiError> {
    let last = clock::now().hour();
    let first = last - STATS_HOURS + 1;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut counts = HashMap::new();
    for (project, hour, n) in state.store.project_hours(&ids, first).await? {
        counts.insert((project, hour), n);
    }
    let series = |project: i64| {
        (first..=last)
            .map(|hour| {
                (
                    hour * 3600,
                    counts.get(&(project, hour)).copied().unwrap_or(0),
                )
            })
            .collect()
    };
    Ok(ids.into_iter().map(|id| (id, series(id))).collect())
}
