//! What is shown of a relay.

use std::collections::BTreeMap;

use protocol::ids::RelayId;
use protocol::roster::LinkSettings;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::error::ApiError;
use super::super::types::{iso, iso_option};
use super::link::RelayLinkForm;
use crate::fleet::{self, RelayCertificate, RelayReport, RelayState, ReportedDisk};
use crate::store::relay_history::ConditionRow;

/// A relay not heard of for this long counts as away, in milliseconds.
const AWAY_AFTER_MS: i64 = 60_000;

/// A relay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Relay {
    id: String,
    name: String,
    /// `active`, `drained` or `revoked`.
    state: String,
    is_connected: bool,
    labels: BTreeMap<String, String>,
    /// Where its data may be kept: the hub's region, which its certificate names; else what its
    /// label `region` says.
    region: Option<String>,
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
    /// The certificate it uses; it renews it by itself after about half of its life.
    certificate: Certificate,
    /// How much of the link it may take; nothing when it has no settings of its own.
    link: Option<RelayLinkForm>,
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
    /// `dark`, `behind`, `unbalanced`, `failing_disk`, `cloned` or `incompatible`.
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
    /// What its process takes of its host.
    process: Option<Process>,
    /// Most bytes a second that it sends, by whoever says the least: the hub, its configuration or
    /// the policy of its host.
    bandwidth_max: Option<u64>,
    /// Whether these are quiet hours there.
    is_quiet: bool,
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

/// What a relay's process takes of its host.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Process {
    /// Thousandths of a core, of late.
    cpu_permille: Option<u32>,
    /// Memory in use.
    rss_bytes: u64,
}

/// The certificate that a relay uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    /// `valid`; `renewing`: another was granted that it does not use yet; `late`: it should have
    /// been renewed by now; `ended`; `unknown`.
    state: &'static str,
    /// In hexadecimal digits.
    serial: Option<String>,
    /// When it joined, or last renewed.
    issued_at: Option<String>,
    ends_at: Option<String>,
    /// SHA-256 of the public key of the authority that signed it, in hexadecimal digits.
    authority: Option<String>,
    /// Whether that is the authority that signs now; a former one's is replaced with the next
    /// renewal.
    is_authority_current: bool,
    /// How often an ended certificate was exchanged since the last renewal in time.
    recoveries: u32,
}

/// What is known of relays beside themselves.
pub(super) struct Known {
    conditions: BTreeMap<Vec<u8>, Vec<ConditionRow>>,
    links: BTreeMap<RelayId, LinkSettings>,
    authority: [u8; 32],
    region: Option<String>,
}

impl Known {
    pub(super) async fn of_all(state: &ApiState) -> Result<Self, ApiError> {
        let mut conditions = BTreeMap::<Vec<u8>, Vec<ConditionRow>>::new();
        for row in state.store.relay_conditions().await? {
            conditions
                .entry(row.relay_id.clone())
                .or_default()
                .push(row);
        }
        let links = state.fleet.links().await?.into_iter();
        Ok(Self {
            conditions,
            links: links.map(|own| (own.relay, own.link)).collect(),
            authority: state.fleet.pin(),
            region: state.fleet.region().map(ToString::to_string),
        })
    }

    pub(super) fn show(&mut self, relay: fleet::Relay, now: Timestamp) -> Relay {
        let conditions = self.conditions.remove(relay.id.as_bytes().as_slice());
        let link = self.links.get(&relay.id).map(RelayLinkForm::new);
        let certificate = Certificate::new(&relay.certificate, &self.authority, now);
        let region = self.region.as_ref().or_else(|| relay.labels.get("region"));
        Relay {
            region: region.cloned(),
            ..Relay::new(
                relay,
                conditions.unwrap_or_default(),
                link,
                certificate,
                now,
            )
        }
    }
}

pub(super) fn is_connected(relay: &fleet::Relay, now: Timestamp) -> bool {
    let is_recent = |last: Timestamp| now.millis_since(last) < AWAY_AFTER_MS;
    relay.state != RelayState::Revoked && relay.last_seen_at.is_some_and(is_recent)
}

impl Relay {
    fn new(
        relay: fleet::Relay,
        conditions: Vec<ConditionRow>,
        link: Option<RelayLinkForm>,
        certificate: Certificate,
        now: Timestamp,
    ) -> Self {
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
            region: None,
            version: relay.version,
            address: relay.address,
            joined_at: iso(relay.joined_at.as_millis()),
            last_seen_at: iso_option(relay.last_seen_at.map(Timestamp::as_millis)),
            clock_offset_ms: relay.clock_offset_ms,
            backlog: relay.report.as_ref().map(backlog).unwrap_or_default(),
            conditions: conditions.collect(),
            report: relay.report.map(Report::new),
            certificate,
            link,
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
            process: report.process.map(|process| Process {
                cpu_permille: process.cpu_permille,
                rss_bytes: process.rss_bytes,
            }),
            bandwidth_max: report.bandwidth_max,
            is_quiet: report.is_quiet,
            deficit: inside.saturating_add(between),
        }
    }
}

impl Certificate {
    fn new(known: &RelayCertificate, authority: &[u8; 32], now: Timestamp) -> Self {
        let millis = |at: Option<Timestamp>| iso_option(at.map(Timestamp::as_millis));
        Self {
            state: known.state(now).name(),
            serial: known.serial.as_ref().map(hex::encode),
            issued_at: millis(known.issued_at),
            ends_at: millis(known.ends_at),
            authority: known.authority.as_ref().map(hex::encode),
            is_authority_current: known.authority.as_deref() == Some(authority),
            recoveries: known.recoveries,
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
