//! The fleet: relays and how they are; its parts have a file each.

pub(super) mod alerts;
pub(super) mod history;
pub(super) mod ledger;
pub(super) mod poison;
pub(super) mod status;
pub(super) mod tokens;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::types::{iso, iso_option};
use crate::access::Scope;
use crate::clock;
use crate::fleet::{self, RelayReport, RelayState, ReportedDisk};
use crate::store::relay_history::ConditionRow;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 100;
/// A relay not heard of for this long counts as away, in milliseconds.
const AWAY_AFTER_MS: i64 = 60_000;
/// Most labels of a join token.
const LABELS_MAX: usize = 20;

/// A relay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relay {
    id: String,
    name: String,
    /// `active`, `drained` or `revoked`.
    state: String,
    is_connected: bool,
    labels: BTreeMap<String, String>,
    version: String,
    address: Option<String>,
    joined_at: String,
    last_seen_at: Option<String>,
    clock_offset_ms: Option<i64>,
    /// What waits in its spool, by lane, as it last said.
    backlog: Vec<RelayLane>,
    /// What is wrong with it, and since when.
    conditions: Vec<Condition>,
    /// What it last said of itself.
    report: Option<Report>,
    /// When its certificate ends; it renews it by itself after about half of its life.
    certificate_ends_at: Option<String>,
    /// How often it was started under its identity.
    generation: u64,
    /// When a second holder of its identity was last kept out.
    cloned_at: Option<String>,
    /// Where the first holder is, and the second.
    cloned_addresses: Vec<String>,
}

/// Something that is wrong with a relay.
#[derive(Debug, Serialize, ToSchema)]
struct Condition {
    /// `dark`, `behind`, `unbalanced`, `failing_disk` or `cloned`.
    kind: String,
    /// The figures, for a person to read.
    detail: String,
    since: String,
}

/// What a relay last said of itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    date: String,
    /// The version of what it was told of projects and keys.
    roster_version: u64,
    spool_bytes: u64,
    spool_bytes_max: u64,
    round_trip_ms: u32,
    /// What carries the link: `quic` or `tcp`.
    carrier: Option<String>,
    /// Packets lost, in millionths.
    loss_ppm: Option<u32>,
    /// Bytes.
    sent_per_second: u64,
    /// What a 200 promises there.
    durability: String,
    disk: Disk,
    /// Items that its accounts, or its and the hub's, are off by.
    deficit: u64,
}

/// The disk that a relay's spool lies on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Disk {
    /// Bytes of the filesystem; 0 when not known.
    total_bytes: u64,
    free_bytes: u64,
    /// Microseconds.
    sync_last_us: u64,
    /// Microseconds, since the relay started.
    sync_max_us: u64,
    last_error: Option<String>,
    last_error_at: Option<String>,
}

/// What waits in a lane of a relay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RelayLane {
    lane: u8,
    name: &'static str,
    records: u64,
    bytes: u64,
    oldest_received_at: Option<String>,
}

/// Changes of a relay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RelayChange {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    /// `active` or `drained`; a relay is revoked by deleting it.
    state: Option<String>,
    /// Takes the mark of a second holder of its identity off. The second holder stays kept out.
    #[serde(rename = "clearClone")]
    clear_clone: bool,
}

/// The path of a relay.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RelayPath {
    /// The relay's id.
    relay: String,
}

/// Every relay.
#[utoipa::path(get, path = "/api/0/vedette/relays/", tag = "fleet",
    responses((status = 200, body = [Relay])))]
pub(super) async fn relays(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<Relay>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relays = state.fleet.relays().await?;
    let mut wrong: BTreeMap<Vec<u8>, Vec<ConditionRow>> = BTreeMap::new();
    for row in state.store.relay_conditions().await? {
        wrong.entry(row.relay_id.clone()).or_default().push(row);
    }
    let now = clock::now();
    let shown = relays.into_iter().map(|relay| {
        let rows = wrong.remove(relay.id.as_bytes().as_slice());
        Relay::new(relay, rows.unwrap_or_default(), now)
    });
    Ok(Json(shown.collect()))
}

/// One relay.
#[utoipa::path(get, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), responses((status = 200, body = Relay)))]
pub(super) async fn relay(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<Json<Relay>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relay = find(&state, &path).await?;
    Ok(Json(shown(&state, relay).await?))
}

async fn shown(state: &ApiState, relay: fleet::Relay) -> Result<Relay, ApiError> {
    let mut rows = state.store.relay_conditions().await?;
    rows.retain(|row| row.relay_id == relay.id.as_bytes());
    Ok(Relay::new(relay, rows, clock::now()))
}

/// Renames or labels a relay, drains it or lets it work again.
#[utoipa::path(put, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), request_body = RelayChange, responses((status = 200, body = Relay)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
    Input(change): Input<RelayChange>,
) -> Result<Json<Relay>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let mut relay = find(&state, &path).await?;
    if let Some(name) = change.name {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            return Err(ApiError::field(
                "name",
                format!("1 to {NAME_LEN_MAX} bytes"),
            ));
        }
        relay.name = name.to_owned();
    }
    if let Some(labels) = change.labels {
        check_labels(&labels)?;
        relay.labels = labels;
    }
    if let Some(wish) = change.state {
        if relay.state == RelayState::Revoked {
            return Err(ApiError::conflict("A revoked relay has to join again."));
        }
        relay.state = match wish.as_str() {
            "active" => RelayState::Active,
            "drained" => RelayState::Drained,
            _ => return Err(ApiError::field("state", "active or drained")),
        };
    }
    let (id, state_of) = (relay.id, relay.state);
    if change.clear_clone {
        state.fleet.clear_clone(id).await?;
        relay.second_holder = None;
    }
    state
        .fleet
        .update_relay(id, &relay.name, &relay.labels, state_of)
        .await?;
    Ok(Json(shown(&state, relay).await?))
}

/// Revokes a relay: its certificate is worth nothing from now on. What it counted stays.
#[utoipa::path(delete, path = "/api/0/vedette/relays/{relay}/", tag = "fleet",
    params(RelayPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let relay = find(&state, &path).await?;
    let revoked = RelayState::Revoked;
    state
        .fleet
        .update_relay(relay.id, &relay.name, &relay.labels, revoked)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &ApiState, path: &RelayPath) -> Result<fleet::Relay, ApiError> {
    let id: RelayId = path.relay.parse().map_err(|_| ApiError::missing())?;
    let relay = state.fleet.relay(id).await?;
    relay.ok_or_else(ApiError::missing)
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is_wrong = |text: &String| text.is_empty() || text.len() > NAME_LEN_MAX;
    if labels.len() > LABELS_MAX || labels.iter().any(|(k, v)| is_wrong(k) || is_wrong(v)) {
        return Err(ApiError::field(
            "labels",
            format!("at most {LABELS_MAX} names and values of 1 to {NAME_LEN_MAX} bytes"),
        ));
    }
    Ok(())
}

fn is_connected(relay: &fleet::Relay, now: Timestamp) -> bool {
    let is_recent = |last: Timestamp| now.millis_since(last) < AWAY_AFTER_MS;
    relay.state != RelayState::Revoked && relay.last_seen_at.is_some_and(is_recent)
}

impl Relay {
    fn new(relay: fleet::Relay, conditions: Vec<ConditionRow>, now: Timestamp) -> Self {
        let conditions = conditions.into_iter().map(|row| Condition {
            kind: row.kind,
            detail: row.detail,
            since: iso(row.since),
        });
        Self {
            id: relay.id.to_string(),
            is_connected: is_connected(&relay, now),
            name: relay.name,
            state: relay.state.name().to_owned(),
            labels: relay.labels,
            version: relay.version,
            address: relay.address,
            joined_at: iso(relay.joined_at.as_millis()),
            last_seen_at: iso_option(relay.last_seen_at.map(Timestamp::as_millis)),
            clock_offset_ms: relay.clock_offset_ms,
            backlog: relay.report.as_ref().map(backlog).unwrap_or_default(),
            conditions: conditions.collect(),
            report: relay.report.map(Report::new),
            certificate_ends_at: iso_option(relay.certificate_ends_at.map(Timestamp::as_millis)),
            generation: relay.generation,
            cloned_at: iso_option(relay.second_holder.as_ref().map(|two| two.at.as_millis())),
            cloned_addresses: relay
                .second_holder
                .map(|two| two.addresses)
                .unwrap_or_default(),
        }
    }
}

impl Report {
    fn new(report: RelayReport) -> Self {
        let inside = report.books.as_ref().map_or(0, fleet::deficit);
        let between = fleet::divergence(&report.differences);
        Self {
            date: iso(report.at.as_millis()),
            roster_version: report.roster_version,
            spool_bytes: report.spool_bytes,
            spool_bytes_max: report.spool_bytes_max,
            round_trip_ms: report.rtt_ms,
            disk: Disk::new(&report.disk, report.at),
            carrier: report.carrier,
            loss_ppm: report.loss_ppm,
            sent_per_second: report.sent_per_second,
            durability: report.durability,
            deficit: inside.saturating_add(between),
        }
    }
}

impl Disk {
    fn new(disk: &ReportedDisk, at: Timestamp) -> Self {
        Self {
            total_bytes: disk.total_bytes,
            free_bytes: disk.free_bytes,
            sync_last_us: disk.sync_last_us,
            sync_max_us: disk.sync_max_us,
            last_error: disk.last_error.clone(),
            last_error_at: disk.last_error_age_ms.map(|age| iso(before(at, age))),
        }
    }
}

/// The lanes of a relay's report.
fn backlog(report: &RelayReport) -> Vec<RelayLane> {
    let lanes = report.lanes.iter().map(|lane| RelayLane {
        lane: lane.lane.into(),
        name: lane.lane.name(),
        records: lane.records,
        bytes: lane.bytes,
        oldest_received_at: lane.oldest_age_ms.map(|age| iso(before(report.at, age))),
    });
    lanes.collect()
}

/// So many milliseconds before a time.
fn before(at: Timestamp, age_ms: u64) -> i64 {
    at.plus_millis(-i64::try_from(age_ms).unwrap_or(i64::MAX))
        .as_millis()
}
