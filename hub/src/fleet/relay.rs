//! A relay as the hub knows it, and what it says of itself.

use std::collections::BTreeMap;

use protocol::ids::{Lane, RelayId};
use protocol::timestamp::Timestamp;
use protocol::wire::{Books, Difference, ProcessReport, Report};
use serde::{Deserialize, Serialize};

use super::{FleetError, cut};
use crate::store::StoreError;
use crate::store::relays::RelayRow;

/// Longest single word a relay may say of itself, in characters.
const WORD_LEN_MAX: usize = 32;
/// Longest error of a relay that is kept, in characters.
const ERROR_LEN_MAX: usize = 200;

/// Region, site and whatever else an operator tells relays apart by.
pub type Labels = BTreeMap<String, String>;

/// A relay of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The uuid in its certificate.
    pub id: RelayId,
    /// What people call it.
    pub name: String,
    /// What it is labelled with.
    pub labels: Labels,
    /// Whether it may connect.
    pub state: RelayState,
    /// The program's version.
    pub version: String,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it was last connected.
    pub last_seen_at: Option<Timestamp>,
    /// Where from.
    pub address: Option<String>,
    /// Its clock minus the hub's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// What it last said of itself.
    pub report: Option<RelayReport>,
    /// The certificate it uses.
    pub certificate: RelayCertificate,
    /// How often it was started under its identity.
    pub generation: u64,
    /// The second holder of its identity, when there is one.
    pub second_holder: Option<SecondHolder>,
    /// The oldest and the newest version of the link that it speaks, when this hub speaks none of
    /// them and so did not let it in.
    pub incompatible: Option<(u16, u16)>,
}

/// The certificate that a relay uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayCertificate {
    /// Its serial number; `None` until the relay has shown it.
    pub serial: Option<Vec<u8>>,
    /// When it was signed.
    pub issued_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// SHA-256 of the public key of the authority that signed it.
    pub authority: Option<Vec<u8>>,
    /// Whether another was granted that the relay does not use yet.
    pub is_renewing: bool,
    /// How often an ended certificate was exchanged since the last renewal in time.
    pub recoveries: u32,
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateState {
    /// Nothing is known of it.
    Unknown,
    /// It holds, and its time to be renewed has not passed.
    Valid,
    /// Another was granted and is not used yet.
    Renewing,
    /// It holds, and should have been renewed by now.
    Late,
    /// It holds no more.
    Ended,
}

impl CertificateState {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Valid => "valid",
            Self::Renewing => "renewing",
            Self::Late => "late",
            Self::Ended => "ended",
        }
    }
}

impl RelayCertificate {
    /// How it stands. Relays renew after half of its life, give or take a tenth.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> CertificateState {
        let Some(ends_at) = self.ends_at else {
            return CertificateState::Unknown;
        };
        let left = ends_at.millis_since(now);
        let life = self.issued_at.map(|from| ends_at.millis_since(from));
        if left <= 0 {
            CertificateState::Ended
        } else if self.is_renewing {
            CertificateState::Renewing
        } else if life.is_some_and(|life| left < life / 3) {
            CertificateState::Late
        } else {
            CertificateState::Valid
        }
    }
}

/// An identity has a second holder, which is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondHolder {
    /// When it was last kept out.
    pub at: Timestamp,
    /// Where the first is, and the second.
    pub addresses: Vec<String>,
}

/// Whether a relay may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayState {
    /// It may.
    Active,
    /// It may, to deliver what it still has. It takes nothing new, since it is to go.
    Drained,
    /// It may not, ever again.
    Revoked,
}

impl RelayState {
    /// The name in the store and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Drained => "drained",
            Self::Revoked => "revoked",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Drained, Self::Revoked]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// What a relay last said of itself, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayReport {
    /// When it arrived, by the hub's clock, in unix milliseconds.
    pub at: Timestamp,
    /// The roster in force.
    pub roster_version: u64,
    /// Bytes of the spool on disk.
    pub spool_bytes: u64,
    /// The most it may take.
    pub spool_bytes_max: u64,
    /// Round trip, in milliseconds.
    pub rtt_ms: u32,
    /// What waits, by lane.
    pub lanes: Vec<ReportedLane>,
    /// What carries the link.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Packets lost, in millionths of those sent.
    #[serde(default)]
    pub loss_ppm: Option<u32>,
    /// Bytes sent per second.
    #[serde(default)]
    pub sent_per_second: u64,
    /// What a 200 promises there.
    #[serde(default)]
    pub durability: String,
    /// The disk that the spool lies on.
    #[serde(default)]
    pub disk: ReportedDisk,
    /// What the relay's process takes of its host; `None` where it does not tell.
    #[serde(default)]
    pub process: Option<ReportedProcess>,
    /// Most bytes per second it sends, by whoever says so; `None` is without limit.
    #[serde(default)]
    pub bandwidth_max: Option<u64>,
    /// Whether these are quiet hours there.
    #[serde(default)]
    pub is_quiet: bool,
    /// The relay's own accounts since its spool was made.
    #[serde(default)]
    pub books: Option<Books>,
    /// Where relay and hub disagree, as the relay found by comparing.
    #[serde(default)]
    pub differences: Vec<Difference>,
}

/// What a relay's process takes of its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedProcess {
    /// CPU time since its start, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Memory in use.
    pub rss_bytes: u64,
    /// Thousandths of a core since the report before; `None` for the first of a start.
    pub cpu_permille: Option<u32>,
}

impl ReportedProcess {
    /// As it was told at a time, compared with what was told before.
    pub(super) fn new(
        told: ProcessReport,
        at: Timestamp,
        before: Option<(Timestamp, u64)>,
    ) -> Self {
        let share = |(then, cpu_ms): (Timestamp, u64)| {
            let took = told.cpu_ms.checked_sub(cpu_ms)?;
            let over = u64::try_from(at.millis_since(then))
                .ok()
                .filter(|ms| *ms > 0)?;
            u32::try_from(took.saturating_mul(1000) / over).ok()
        };
        Self {
            cpu_ms: told.cpu_ms,
            rss_bytes: told.rss_bytes,
            cpu_permille: before.and_then(share),
        }
    }
}

/// How a relay's disk is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedDisk {
    /// Bytes of its filesystem; 0 when not known.
    pub total_bytes: u64,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// How long the last sync took, in microseconds.
    pub sync_last_us: u64,
    /// The longest since the relay started.
    pub sync_max_us: u64,
    /// The last thing that went wrong with it.
    pub last_error: Option<String>,
    /// How long before the report that was.
    pub last_error_age_ms: Option<u64>,
}

/// What waits in a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedLane {
    /// Which.
    pub lane: Lane,
    /// Records.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When the oldest was received, by the relay's clock, in unix milliseconds.
    pub oldest_received_at: Option<Timestamp>,
    /// How old it was when this was said.
    pub oldest_age_ms: Option<u64>,
}

impl RelayReport {
    /// Ages are taken by the relay's own clock, so that its being wrong does not matter. Accounts
    /// that were left out are those of `before`.
    pub(super) fn from_wire(report: &Report, before: Option<&Books>, at: Timestamp) -> Self {
        let age =
            |since: Timestamp| u64::try_from(report.wall.millis_since(since)).unwrap_or_default();
        let lanes = report.lanes.iter().map(|lane| ReportedLane {
            lane: lane.lane,
            records: lane.records,
            bytes: lane.bytes,
            oldest_received_at: lane.oldest_received_at,
            oldest_age_ms: lane.oldest_received_at.map(age),
        });
        let disk = &report.disk;
        let differences = report.differences.iter().copied();
        Self {
            at,
            roster_version: report.roster_version,
            spool_bytes: report.spool_bytes,
            spool_bytes_max: report.spool_bytes_max,
            rtt_ms: report.rtt_ms,
            lanes: lanes.take(Lane::ALL.len()).collect(),
            carrier: report
                .carrier
                .as_deref()
                .map(|text| cut(text, WORD_LEN_MAX)),
            loss_ppm: report.loss_ppm,
            sent_per_second: report.sent_per_second,
            durability: cut(&report.durability, WORD_LEN_MAX),
            disk: ReportedDisk {
                total_bytes: disk.total_bytes,
                free_bytes: disk.free_bytes,
                sync_last_us: disk.sync_last_us,
                sync_max_us: disk.sync_max_us,
                last_error: disk
                    .last_error
                    .as_deref()
                    .map(|text| cut(text, ERROR_LEN_MAX)),
                last_error_age_ms: disk.last_error_at.map(age),
            },
            process: report
                .process
                .map(|told| ReportedProcess::new(told, at, None)),
            bandwidth_max: report.bandwidth_max,
            is_quiet: report.is_quiet,
            books: report
                .books
                .as_ref()
                .map(bounded)
                .or_else(|| before.cloned()),
            differences: differences.take(Report::DIFFERENCES_MAX).collect(),
        }
    }
}

/// No more rows than a relay of ours sends.
fn bounded(books: &Books) -> Books {
    let mut books = books.clone();
    books.totals.truncate(Report::TOTALS_MAX);
    books.delivered.truncate(Report::TOTALS_MAX);
    books.waiting.truncate(Report::TOTALS_MAX);
    for total in &mut books.totals {
        total.reason = cut(&total.reason, ERROR_LEN_MAX);
    }
    books
}

impl Relay {
    pub(super) fn from_row(row: RelayRow) -> Result<Self, FleetError> {
        let unreadable = |what| FleetError::from(StoreError::Unreadable { what });
        let id: [u8; 16] = row.id.try_into().map_err(|_| unreadable("relay id"))?;
        Ok(Self {
            id: RelayId::from_bytes(id),
            name: row.name,
            labels: serde_json::from_str(&row.labels).map_err(|_| unreadable("relay labels"))?,
            state: RelayState::from_name(&row.state).ok_or_else(|| unreadable("relay state"))?,
            version: row.version,
            joined_at: Timestamp::from_millis(row.joined_at),
            last_seen_at: row.last_seen_at.map(Timestamp::from_millis),
            address: row.address,
            clock_offset_ms: row.clock_offset_ms,
            // `{}` until the first report.
            report: serde_json::from_str(&row.report).ok(),
            certificate: RelayCertificate {
                serial: row.certificate_serial,
                issued_at: row.certificate_issued_at.map(Timestamp::from_millis),
                ends_at: row.certificate_ends_at.map(Timestamp::from_millis),
                authority: row.authority,
                is_renewing: row.next_certificate.is_some(),
                recoveries: u32::try_from(row.recoveries).unwrap_or_default(),
            },
            generation: row.generation.cast_unsigned(),
            second_holder: row.cloned_at.map(|at| SecondHolder {
                at: Timestamp::from_millis(at),
                addresses: row
                    .cloned_addresses
                    .and_then(|addresses| serde_json::from_str(&addresses).ok())
                    .unwrap_or_default(),
            }),
            incompatible: None,
        })
    }
}
