//! The fleet: relays, the ledger, what was set aside, and the hub itself.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::ids::RelayId;
use protocol::item::Category;
use protocol::outcome::Term;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input};
use super::types::{iso, iso_option};
use crate::access::Scope;
use crate::clock;
use crate::digest::Replayed;
use crate::fleet::{self, RangeError, RelayReport, RelayState, ReportedTotal, TokenRequest};
use crate::store::ledger_read::LedgerSum;

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 100;
/// A relay not heard of for this long counts as away, in milliseconds.
const AWAY_AFTER_MS: i64 = 60_000;
/// Records set aside that are shown.
const POISON_MAX: u32 = 200;
/// The longest life of a join token.
const JOIN_TOKEN_LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// Most uses of a join token.
const JOIN_TOKEN_USES_MAX: u32 = 10_000;
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

/// A join token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewJoinToken {
    /// How many relays may use it.
    #[serde(default = "one")]
    uses: u32,
    /// How long it can be used.
    #[serde(default = "an_hour")]
    valid_for_seconds: u64,
    /// What the relays are labelled with.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Where the relays come from, such as `10.20.0.0/16`; anywhere when left out.
    #[serde(default)]
    address_range: Option<String>,
}

const fn one() -> u32 {
    1
}

const fn an_hour() -> u64 {
    3600
}

/// A join token. It is shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JoinToken {
    token: String,
    /// The address of the link.
    hub: String,
    /// What to run beside the applications.
    command: String,
    expires_at: String,
    uses: u32,
}

/// The ledger of one relay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LedgerRelay {
    relay_id: String,
    relay_name: String,
    terms: Vec<LedgerTerm>,
    /// Accepted and not yet accounted for: what is still in the spool.
    buffered: i64,
    /// The same by category.
    buffered_by_category: BTreeMap<&'static str, i64>,
}

/// One term of the equation.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerTerm {
    term: &'static str,
    reason: String,
    category: &'static str,
    quantity: i64,
}

/// A record that could not be digested.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Poison {
    id: String,
    relay_id: String,
    relay_name: Option<String>,
    lane: u8,
    seq: u64,
    project_id: Option<String>,
    reason: String,
    /// Bytes.
    size: usize,
    date_created: String,
    replayed_at: Option<String>,
}

/// The path of a record that was set aside.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PoisonPath {
    /// The record's id.
    poison: String,
}

/// The hub itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    version: &'static str,
    public_url: String,
    relay_url: String,
    relays: usize,
    relays_connected: usize,
    poison: usize,
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
    let now = clock::now();
    Ok(Json(
        relays
            .into_iter()
            .map(|relay| Relay::new(relay, now))
            .collect(),
    ))
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
    Ok(Json(Relay::new(find(&state, &path).await?, clock::now())))
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
    Ok(Json(Relay::new(relay, clock::now())))
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
    let relays = state.fleet.relays().await?;
    relays
        .into_iter()
        .find(|relay| relay.id == id)
        .ok_or_else(ApiError::missing)
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

/// Makes a token that lets relays join.
#[utoipa::path(post, path = "/api/0/vedette/join-tokens/", tag = "fleet",
    request_body = NewJoinToken, responses((status = 201, body = JoinToken)))]
pub(super) async fn create_join_token(
    State(state): State<ApiState>,
    caller: Caller,
    Input(wish): Input<NewJoinToken>,
) -> Result<Response, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    if wish.uses == 0 || wish.uses > JOIN_TOKEN_USES_MAX {
        return Err(ApiError::field(
            "uses",
            format!("1 to {JOIN_TOKEN_USES_MAX}"),
        ));
    }
    let valid_for = Duration::from_secs(wish.valid_for_seconds);
    if valid_for.is_zero() || valid_for > JOIN_TOKEN_LIFE_MAX {
        let max = JOIN_TOKEN_LIFE_MAX.as_secs();
        return Err(ApiError::field("validForSeconds", format!("1 to {max}")));
    }
    check_labels(&wish.labels)?;
    let from = wish.address_range.as_deref().map(str::parse).transpose();
    let from =
        from.map_err(|error: RangeError| ApiError::field("addressRange", error.to_string()))?;
    let now = clock::now();
    let request = TokenRequest {
        uses: wish.uses,
        lifetime: Some(valid_for),
        labels: wish.labels,
        from,
    };
    let fresh = state
        .fleet
        .make_join_token(&request, now)
        .await?
        .to_string();
    let hub = state.config.link_address.clone();
    let life = i64::try_from(valid_for.as_millis()).unwrap_or(i64::MAX);
    let token = JoinToken {
        command: format!("vedette-relay join {hub} {fresh}"),
        token: fresh,
        hub,
        expires_at: iso(now.plus_millis(life).as_millis()),
        uses: wish.uses,
    };
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

/// What became of every item, by relay. Relay zero is the hub itself.
#[utoipa::path(get, path = "/api/0/vedette/ledger/", tag = "fleet",
    responses((status = 200, body = [LedgerRelay])))]
pub(super) async fn ledger(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<LedgerRelay>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let mut projects = Vec::new();
    for membership in &caller.0.memberships {
        let own = state.store.projects(membership.organization_id).await?;
        projects.extend(own.into_iter().map(|project| project.id));
    }
    let sums = state.store.ledger_sums(&projects).await?;
    let relays = state.fleet.relays().await?;
    let mut by_relay: BTreeMap<Vec<u8>, Vec<LedgerSum>> = BTreeMap::new();
    for relay in &relays {
        by_relay.insert(relay.id.as_bytes().to_vec(), Vec::new());
    }
    for sum in sums {
        by_relay.entry(sum.relay_id.clone()).or_default().push(sum);
    }
    let name = |id: &[u8]| match relays.iter().find(|relay| relay.id.as_bytes() == id) {
        Some(relay) => relay.name.clone(),
        None if id.iter().all(|byte| *byte == 0) => "hub".to_owned(),
        None => String::new(),
    };
    let ledgers = by_relay.into_iter().map(|(id, mut sums)| {
        let relay = relays
            .iter()
            .find(|relay| relay.id.as_bytes() == id.as_slice());
        if let Some(report) = relay.and_then(|relay| relay.report.as_ref()) {
            believe(&mut sums, &id, &report.totals, &projects);
        }
        balance(&id, name(&id), sums)
    });
    Ok(Json(ledgers.collect()))
}

/// What a relay says it received, where that is more than what has arrived: the difference waits
/// in its spool.
fn believe(sums: &mut Vec<LedgerSum>, id: &[u8], totals: &[ReportedTotal], projects: &[i64]) {
    const KINDS: [Term; 3] = [Term::Received, Term::Accepted, Term::Refused];
    let mut reported: BTreeMap<(u8, &str, i16), i64> = BTreeMap::new();
    for total in totals {
        let is_seen = total
            .project
            .is_none_or(|project| projects.contains(&project.as_i64()));
        let term = KINDS.into_iter().find(|term| term.name() == total.term);
        let category = Category::from_name(&total.category);
        if let (true, Some(term), Some(category)) = (is_seen, term, category) {
            let key = (u8::from(term), total.reason.as_str(), i16::from(category));
            *reported.entry(key).or_default() += i64::try_from(total.n).unwrap_or(i64::MAX);
        }
    }
    for ((term, reason, category), quantity) in reported {
        let term = i16::from(term);
        let known = sums
            .iter_mut()
            .find(|sum| sum.term == term && sum.category == category && sum.reason == reason);
        match known {
            Some(sum) => sum.quantity = sum.quantity.max(quantity),
            None => sums.push(LedgerSum {
                relay_id: id.to_vec(),
                category,
                term,
                reason: reason.to_owned(),
                quantity,
            }),
        }
    }
}

fn balance(id: &[u8], relay_name: String, sums: Vec<LedgerSum>) -> LedgerRelay {
    let mut terms = Vec::new();
    let mut buffered_by_category = BTreeMap::new();
    for sum in sums {
        let term = u8::try_from(sum.term)
            .ok()
            .and_then(|code| Term::try_from(code).ok());
        let (Some(term), Ok(category)) = (term, Category::try_from(sum.category)) else {
            continue;
        };
        let waiting = match term {
            Term::Accepted => sum.quantity,
            Term::Received | Term::Refused | Term::ClientDiscard => 0,
            Term::Filtered
            | Term::Sampled
            | Term::Invalid
            | Term::Expired
            | Term::Evicted
            | Term::Corrupt
            | Term::Applied
            | Term::Rejected => -sum.quantity,
        };
        *buffered_by_category.entry(category.name()).or_insert(0) += waiting;
        terms.push(LedgerTerm {
            term: term.name(),
            reason: sum.reason,
            category: category.name(),
            quantity: sum.quantity,
        });
    }
    buffered_by_category.retain(|_, waiting| *waiting != 0);
    LedgerRelay {
        relay_id: hex::encode(id),
        relay_name,
        terms,
        buffered: buffered_by_category.values().sum(),
        buffered_by_category,
    }
}

/// Records that could not be digested, the latest first.
#[utoipa::path(get, path = "/api/0/vedette/poison/", tag = "fleet",
    responses((status = 200, body = [Poison])))]
pub(super) async fn poison(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<Poison>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let rows = state.store.poison(POISON_MAX).await?;
    let relays = state.fleet.relays().await?;
    let name = |id: &RelayId| {
        let relay = relays.iter().find(|relay| relay.id == *id);
        relay.map(|relay| relay.name.clone())
    };
    let poison = rows.into_iter().map(|row| Poison {
        id: row.id.to_string(),
        relay_name: name(&row.relay),
        relay_id: row.relay.to_string(),
        lane: row.lane.into(),
        seq: row.seq.0,
        project_id: row.project.map(|project| project.to_string()),
        reason: row.reason,
        size: row.record.len(),
        date_created: iso(row.created_at.as_millis()),
        replayed_at: row.replayed_at.map(|at| iso(at.as_millis())),
    });
    Ok(Json(poison.collect()))
}

/// Digests a record again. 409 says why it still cannot be digested.
#[utoipa::path(post, path = "/api/0/vedette/poison/{poison}/replay/", tag = "fleet",
    params(PoisonPath), responses((status = 204)))]
pub(super) async fn replay(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<PoisonPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let id: i64 = path.poison.parse().map_err(|_| ApiError::missing())?;
    match state.digest.replay(id).await? {
        Replayed::Applied => Ok(StatusCode::NO_CONTENT),
        Replayed::Refused { reason } => Err(ApiError::conflict(reason)),
    }
}

/// The hub itself.
#[utoipa::path(get, path = "/api/0/vedette/status/", tag = "fleet",
    responses((status = 200, body = Status)))]
pub(super) async fn status(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Status>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let now = clock::now();
    let relays = state.fleet.relays().await?;
    let connected = relays
        .iter()
        .filter(|relay| is_connected(relay, now))
        .count();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        public_url: state.config.public_url.clone(),
        relay_url: state.config.relay_url.clone(),
        relays: relays.len(),
        relays_connected: connected,
        poison: state.store.poison(POISON_MAX).await?.len(),
    }))
}

fn is_connected(relay: &fleet::Relay, now: Timestamp) -> bool {
    let is_recent = |last: Timestamp| now.millis_since(last) < AWAY_AFTER_MS;
    relay.state != RelayState::Revoked && relay.last_seen_at.is_some_and(is_recent)
}

impl Relay {
    fn new(relay: fleet::Relay, now: Timestamp) -> Self {
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
            report: relay.report.map(|report| Report {
                date: iso(report.at.as_millis()),
                roster_version: report.roster_version,
                spool_bytes: report.spool_bytes,
                spool_bytes_max: report.spool_bytes_max,
                round_trip_ms: report.rtt_ms,
            }),
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

/// The lanes of a relay's report.
fn backlog(report: &RelayReport) -> Vec<RelayLane> {
    let lanes = report.lanes.iter().map(|lane| RelayLane {
        lane: lane.lane.into(),
        name: lane.lane.name(),
        records: lane.records,
        bytes: lane.bytes,
        oldest_received_at: lane.oldest_age_ms.map(|age| {
            let age = i64::try_from(age).unwrap_or(i64::MAX);
            iso(report.at.plus_millis(-age).as_millis())
        }),
    });
    lanes.collect()
}
