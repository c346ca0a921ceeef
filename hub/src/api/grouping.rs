//! What a project sets about grouping: read, set, tried on an event; and why an event is where it
//! is.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use protocol::ids::{EventId, ProjectId};
use protocol::item::ItemKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::event::{ProjectEventPath, body_of, find};
use super::events::shape;
use super::input::{At, Input, nullable};
use super::types::{ProjectPath, iso_option};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::group::{
    self, Enhancements, Feature, FingerprintRules, Grouping, RuleError, Rules, Variant, Version,
};
use crate::ids::ShortId;
use crate::normalise::{Receipt, normalise};
use crate::store::grouping::GroupingRow;
use crate::store::issue_read::IssueRow;

/// How long the way before finds issues after an upgrade, in milliseconds.
const UPGRADE_MS: i64 = 90 * 24 * 3600 * 1000;
/// Most similar issues and neighbours that are shown.
const NEIGHBOURS_MAX: u32 = 10;

/// What a project sets about grouping.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupingSettings {
    /// The way of grouping.
    version: &'static str,
    /// Every way there is, the oldest first.
    versions: Vec<&'static str>,
    /// The way before: issues are still found by it, so that the upgrade tears none apart.
    previous: Option<&'static str>,
    /// Until when.
    previous_until: Option<String>,
    /// Rules about frames, one a line.
    enhancements: String,
    /// Rules about fingerprints, one a line.
    fingerprints: String,
    /// Hashes whose events are told apart by a tag as well.
    splits: Vec<Split>,
}

/// A hash whose events are told apart by a tag as well.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Split {
    hash: String,
    tag: String,
}

/// Changes of them. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GroupingChange {
    version: Option<String>,
    enhancements: Option<String>,
    fingerprints: Option<String>,
    /// Null ends the search by the way before.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    previous: Option<Option<String>>,
}

/// Settings to be tried on an event, which are not kept.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GroupingTrial {
    version: Option<String>,
    enhancements: Option<String>,
    fingerprints: Option<String>,
    /// A stored event of the project.
    event_id: Option<String>,
    /// Or an event as an SDK would send it.
    #[schema(value_type = Option<Object>)]
    event: Option<Value>,
}

/// How an event is grouped, before and after.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrialAnswer {
    /// By the project's settings.
    before: GroupingInfo,
    /// By those that are tried.
    after: GroupingInfo,
    /// Whether another hash decides.
    differs: bool,
    /// The issue that the tried settings lead to; null would make a new one.
    issue: Option<String>,
}

/// How an event is grouped, and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupingInfo {
    version: &'static str,
    title: String,
    /// The hashes, the deciding one first.
    hashes: Vec<String>,
    /// The hashes by the way before, during an upgrade.
    previous_hashes: Vec<String>,
    /// The variant that decided.
    decided_by: Option<&'static str>,
    /// The project's rule that decided, as it is written.
    rule: Option<String>,
    /// The texts that made the deciding hash.
    contributing: Vec<Contribution>,
    /// Everything that was looked at.
    #[schema(value_type = Vec<Object>)]
    variants: Vec<Variant>,
    /// Issues that it nearly joined, the nearest first.
    neighbours: Vec<Neighbour>,
}

/// A text that was hashed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contribution {
    /// The parts it is in: `exception.stacktrace.frame.function`.
    path: String,
    value: String,
}

/// An issue that has much in common.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Neighbour {
    issue: String,
    short_id: String,
    title: String,
    /// Of all that either has, how much both have: 0 to 1.
    likeness: f64,
    /// Calls, types and words that both have.
    shared: i64,
    /// The first thing that keeps them apart; null where that is not known.
    difference: Option<Difference>,
}

/// What keeps two issues apart.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Difference {
    /// The parts it is in.
    path: String,
    /// What the event has there.
    own: Option<String>,
    /// What the other issue has there.
    other: Option<String>,
}

/// A rule that cannot be read: 400 with the place.
fn wrong(field: &'static str, error: &RuleError) -> ApiError {
    ApiError::field_at(field, error.to_string(), error.span)
}

fn version(name: Option<&str>, otherwise: Version) -> Result<Version, ApiError> {
    match name {
        None => Ok(otherwise),
        Some(name) => Version::from_name(name)
            .ok_or_else(|| ApiError::field("version", format!("there is no way {name}"))),
    }
}

/// What a project sets about grouping.
#[utoipa::path(get, path = "/api/0/vedette/projects/{organization}/{project}/grouping/",
    tag = "grouping", params(ProjectPath), responses((status = 200, body = GroupingSettings)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
) -> Result<Json<GroupingSettings>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    settings(&state, project.id).await.map(Json)
}

async fn settings(state: &ApiState, project: i64) -> Result<GroupingSettings, ApiError> {
    let row = state.store.grouping(project).await?;
    let splits = state.store.splits(project).await?;
    Ok(GroupingSettings {
        version: row.version.name(),
        versions: Version::ALL.into_iter().map(Version::name).collect(),
        previous: row.previous.map(Version::name),
        previous_until: iso_option(row.previous_until),
        enhancements: row.enhancements,
        fingerprints: row.fingerprints,
        splits: splits
            .into_iter()
            .map(|(hash, tag)| Split {
                hash: hex::encode(hash),
                tag,
            })
            .collect(),
    })
}

/// Sets what a project sets about grouping. Issues that exist keep their events; those that come
/// are grouped by the new settings. Another way of grouping still finds issues by the one before.
#[utoipa::path(put, path = "/api/0/vedette/projects/{organization}/{project}/grouping/",
    tag = "grouping", params(ProjectPath), request_body = GroupingChange,
    responses((status = 200, body = GroupingSettings)))]
pub(super) async fn set(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(change): Input<GroupingChange>,
) -> Result<Json<GroupingSettings>, ApiError> {
    let scope = Scope::ProjectWrite;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let now = clock::now().as_millis();
    let mut row = state.store.grouping(project.id).await?;
    let before = audited(&row);
    let version = version(change.version.as_deref(), row.version)?;
    if version != row.version {
        row.previous = Some(row.version);
        row.previous_until = Some(now.saturating_add(UPGRADE_MS));
        row.version = version;
    }
    if let Some(text) = change.enhancements {
        Enhancements::parse(&text).map_err(|error| wrong("enhancements", &error))?;
        row.enhancements = text;
    }
    if let Some(text) = change.fingerprints {
        FingerprintRules::parse(&text).map_err(|error| wrong("fingerprints", &error))?;
        row.fingerprints = text;
    }
    match change.previous {
        None => {}
        Some(None) => (row.previous, row.previous_until) = (None, None),
        Some(Some(_)) => {
            return Err(ApiError::field(
                "previous",
                "set version; only null is taken",
            ));
        }
    }
    audit::changed(&before, &audited(&row));
    let mut write = state.store.begin().await?;
    write.put_grouping(project.id, &row, now).await?;
    write.commit().await?;
    state.digest.rules_changed(project.id).await?;
    settings(&state, project.id).await.map(Json)
}

/// What the audit log tells of a project's grouping.
fn audited(row: &GroupingRow) -> Value {
    json!({
        "version": row.version,
        "previous": row.previous,
        "enhancements": row.enhancements,
        "fingerprints": row.fingerprints,
    })
}

/// Tries settings on an event without keeping them.
#[utoipa::path(post, path = "/api/0/vedette/projects/{organization}/{project}/grouping/try/",
    tag = "grouping", params(ProjectPath), request_body = GroupingTrial,
    responses((status = 200, body = TrialAnswer)))]
pub(super) async fn attempt(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    Input(trial): Input<GroupingTrial>,
) -> Result<Json<TrialAnswer>, ApiError> {
    let scope = Scope::ProjectRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let id = project_id(project.id)?;
    let own = state.digest.rules(id).await?;
    let row = state.store.grouping(project.id).await?;
    let tried = tried(&trial, &row, &own)?;
    let both = |event: &crate::normalise::NormalEvent<'_>| {
        (group::group_by(event, &own), group::group_by(event, &tried))
    };
    let (before, after) = match (&trial.event_id, &trial.event) {
        (Some(name), None) => {
            let id: EventId = name
                .parse()
                .map_err(|_| ApiError::field("eventId", "no event's id"))?;
            let row = state
                .store
                .event_by_id(&[project.id], id.as_bytes())
                .await?;
            let row = row.ok_or_else(|| ApiError::field("eventId", "no such event here"))?;
            shape(&body_of(&state, &row).await?, |event| both(event))?
        }
        (None, Some(event)) => {
            let payload = event.to_string();
            let receipt = Receipt {
                event_id: EventId::from_bytes([0; 16]),
                kind: ItemKind::Event,
                received_at: clock::now(),
                relay_offset_millis: 0,
                sent_at: None,
                client: None,
                remote_addr: None,
                place: None,
                user_agent: None,
                header: b"{}",
            };
            let event = normalise(payload.as_bytes(), &receipt)
                .map_err(|error| ApiError::field("event", error.to_string()))?;
            both(&event)
        }
        _ => return Err(ApiError::field("eventId", "name an event, or give one")),
    };
    let hashes: Vec<Vec<u8>> = after.hashes.iter().map(|hash| hash.to_vec()).collect();
    let issue = state.store.issue_of_hashes(project.id, &hashes).await?;
    let differs = before.hashes.first() != after.hashes.first();
    Ok(Json(TrialAnswer {
        differs,
        issue: issue.map(|issue| issue.to_string()),
        before: info(&state, project.id, None, own.version, before).await?,
        after: info(&state, project.id, None, tried.version, after).await?,
    }))
}

/// The rules that are tried: the project's own where nothing else is said.
fn tried(trial: &GroupingTrial, row: &GroupingRow, own: &Rules) -> Result<Rules, ApiError> {
    let enhancements = trial.enhancements.as_ref().unwrap_or(&row.enhancements);
    let fingerprints = trial.fingerprints.as_ref().unwrap_or(&row.fingerprints);
    Ok(Rules {
        version: version(trial.version.as_deref(), own.version)?,
        previous: own.previous,
        enhancements: Enhancements::parse(enhancements)
            .map_err(|error| wrong("enhancements", &error))?,
        fingerprints: FingerprintRules::parse(fingerprints)
            .map_err(|error| wrong("fingerprints", &error))?,
        splits: own.splits.clone(),
    })
}

/// Why an event is where it is: what was hashed, which rule decided, which issues it nearly joined.
#[utoipa::path(get,
    path = "/api/0/projects/{organization}/{project}/events/{event}/grouping-info/",
    tag = "grouping", params(ProjectEventPath), responses((status = 200, body = GroupingInfo)))]
pub(super) async fn why(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectEventPath>,
) -> Result<Json<GroupingInfo>, ApiError> {
    let (_, row) = find(&state, &caller, &path).await?;
    let rules = state.digest.rules(project_id(row.project_id)?).await?;
    let stored = body_of(&state, &row).await?;
    let grouping = shape(&stored, |event| group::group_by(event, &rules))?;
    let issue = Some(row.issue_id);
    let info = info(&state, row.project_id, issue, rules.version, grouping).await?;
    Ok(Json(info))
}

pub(super) fn project_id(id: i64) -> Result<ProjectId, ApiError> {
    let id = u64::try_from(id)
        .ok()
        .and_then(|id| ProjectId::new(id).ok());
    id.ok_or_else(ApiError::missing)
}

async fn info(
    state: &ApiState,
    project: i64,
    issue: Option<i64>,
    version: Version,
    grouping: Grouping,
) -> Result<GroupingInfo, ApiError> {
    let deciding = grouping.variants.iter().find(|variant| variant.contributes);
    let texts = deciding.map(|variant| variant.component.contributing());
    let texts = texts.unwrap_or_default();
    let hex = |hashes: &[[u8; 16]]| hashes.iter().map(hex::encode).collect();
    Ok(GroupingInfo {
        version: version.name(),
        title: grouping.title,
        hashes: hex(&grouping.hashes),
        previous_hashes: hex(&grouping.previous),
        decided_by: deciding.map(|variant| variant.name),
        rule: deciding.and_then(|variant| variant.rule.clone()),
        neighbours: neighbours(state, project, issue, &grouping.features, &texts).await?,
        contributing: texts
            .into_iter()
            .map(|(path, value)| Contribution { path, value })
            .collect(),
        variants: grouping.variants,
    })
}

/// Issues other than `issue` that share features, the nearest first.
pub(super) async fn neighbours(
    state: &ApiState,
    project: i64,
    issue: Option<i64>,
    features: &[Feature],
    texts: &[(String, String)],
) -> Result<Vec<Neighbour>, ApiError> {
    let kin = state
        .store
        .kin(project, features, NEIGHBOURS_MAX + 1)
        .await?;
    let kin: Vec<_> = kin
        .into_iter()
        .filter(|kin| Some(kin.issue_id) != issue)
        .take(NEIGHBOURS_MAX as usize)
        .collect();
    let ids: Vec<i64> = kin.iter().map(|kin| kin.issue_id).collect();
    let rows = state.store.issue_rows(&ids).await?;
    let rows: HashMap<i64, IssueRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let slug = state.store.project_slug(project).await?.unwrap_or_default();
    let mut neighbours = Vec::with_capacity(kin.len());
    for kin in kin {
        let Some(row) = rows.get(&kin.issue_id) else {
            continue;
        };
        let stored = state.store.issue_grouping(kin.issue_id).await?;
        let other = stored.as_deref().and_then(stored_texts);
        let difference = other.and_then(|other| {
            let (path, own, other) = group::first_difference(texts, &other)?;
            Some(Difference { path, own, other })
        });
        let own = i64::try_from(features.len()).unwrap_or(i64::MAX);
        let all = (own + kin.own - kin.shared).max(1);
        neighbours.push(Neighbour {
            issue: kin.issue_id.to_string(),
            short_id: short_id(&slug, row.short_id),
            title: row.title.clone(),
            likeness: ratio(kin.shared, all),
            shared: kin.shared,
            difference,
        });
    }
    neighbours.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
    Ok(neighbours)
}

fn short_id(project: &str, number: i64) -> String {
    let project = project.to_owned();
    ShortId { project, number }.to_string()
}

/// Both are small counts.
fn ratio(part: i64, whole: i64) -> f64 {
    let number = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
    (number(part) / number(whole) * 1000.0).round() / 1000.0
}

/// The hashed texts of the variant that decided, as an issue keeps them of its first event.
pub(super) fn stored_texts(grouping: &str) -> Option<Vec<(String, String)>> {
    let variants: Value = serde_json::from_str(grouping).ok()?;
    let mut variants = variants.as_array()?.iter();
    let deciding = variants.find(|variant| variant["contributes"] == true)?;
    let mut texts = Vec::new();
    collect(&deciding["component"], "", &mut texts);
    Some(texts)
}

/// What [`group::Component::contributing`] gives, of a component that was stored.
fn collect(component: &Value, above: &str, out: &mut Vec<(String, String)>) {
    if component["contributes"] != true {
        return;
    }
    let id = component["id"].as_str().unwrap_or_default();
    let path = match above {
        "" => id.to_owned(),
        _ => format!("{above}.{id}"),
    };
    for value in component["values"].as_array().into_iter().flatten() {
        match value.as_str() {
            Some(text) => out.push((path.clone(), text.to_owned())),
            None => collect(value, &path, out),
        }
    }
}
