//! The status as JSON: how everything is, without anything users sent.
//!
//! The port is open to whoever may send, so projects are left out. What is read back here by
//! `vedette-relay status` has a default for every field, so that an older relay can be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::ids::Lane;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Status, metrics, state_name};
use crate::clock;
use crate::ledger::Equation;
use crate::spool::{Balance, SpoolStatus};

/// Everything in one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The program's version.
    pub version: String,
    /// Seconds since the start.
    pub uptime_secs: u64,
    /// Whether what is sent next is likely to be kept.
    pub ready: bool,
    /// The roster in force; 0 is none.
    pub roster_version: u64,
    /// Keys it knows.
    pub keys: usize,
    /// Whether the hub's operator has it drained: it delivers what it has, and takes nothing new.
    pub is_drained: bool,
    /// The way to the hub.
    pub link: LinkSummary,
    /// What is kept.
    pub spool: SpoolSummary,
    /// Whether every item is accounted for.
    pub ledger: LedgerSummary,
    /// Items by what became of them, since the spool was made.
    pub items: Vec<ItemSummary>,
}

/// The way to the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkSummary {
    /// `not_joined`, `connecting`, `connected`, `away`, `closed`.
    pub state: String,
    /// What carries it: `quic` or `tcp`.
    pub carrier: Option<String>,
    /// Where the hub is looked for.
    pub hub: Option<String>,
    /// Who the relay is to the hub.
    pub relay: Option<String>,
    /// Since when the state lasts.
    pub since: String,
    /// When the hub last acknowledged anything.
    pub last_ack_at: Option<String>,
    /// What ended the last connection, or kept it from coming about.
    pub last_error: Option<String>,
    /// What is wrong with the link, in a word.
    pub trouble: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// When the relay's certificate ends.
    pub certificate_ends_at: Option<String>,
    /// Round trip, in milliseconds.
    pub rtt_ms: Option<u32>,
    /// Lost packets in thousandths; over QUIC alone.
    pub loss_permille: Option<u32>,
    /// Bytes of blocks per second that the link carried when it was last full.
    pub rate: Option<u64>,
    /// Most bytes a second, by whoever says the least.
    pub bandwidth_max: Option<u64>,
    /// Whether these are quiet hours: only what is urgent travels.
    pub is_quiet: bool,
    /// Whether traces and blobs wait because the link is very thin.
    pub is_bulk_paused: bool,
    /// This clock minus the hub's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Blocks sent and not acknowledged.
    pub in_flight: u32,
    /// Times the hub welcomed the relay.
    pub connections: u64,
    /// Bytes of blocks sent since the start.
    pub bytes_sent: u64,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpoolSummary {
    /// The spool's life.
    pub epoch: String,
    /// Bytes of segments.
    pub bytes_used: u64,
    /// Bytes they may take now.
    pub bytes_max: u64,
    /// What waits, by lane.
    pub lanes: Vec<LaneSummary>,
    /// Damaged segments kept aside.
    pub quarantined: u64,
    /// What new blocks are compressed with, by kind, where it is not what is built in.
    pub dictionaries: BTreeMap<String, String>,
    /// The disk it lies on.
    pub disk: DiskSummary,
    /// The last thing that went wrong with the disk.
    pub last_error: Option<String>,
    /// When.
    pub last_error_at: Option<String>,
    /// How many seconds ago that was.
    pub last_error_age_secs: Option<u64>,
}

/// The disk that the spool lies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskSummary {
    /// Bytes of the filesystem; 0 when not known yet.
    pub total_bytes: u64,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Microseconds of the last sync.
    pub sync_last_us: u64,
    /// Microseconds of the longest since the start.
    pub sync_max_us: u64,
}

/// What waits in a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneSummary {
    /// Which.
    pub lane: String,
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
    /// When the oldest was received.
    pub oldest_received_at: Option<String>,
    /// How long ago that was, by this clock.
    pub oldest_age_secs: Option<u64>,
    /// Clients are told to send no more for it, because the spool is nearly full.
    pub is_held_back: bool,
}

/// Whether every item is accounted for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerSummary {
    /// When it was drawn up; nothing before the first time.
    pub date: Option<String>,
    /// Whether nothing was lost that would have told.
    pub is_whole: bool,
    /// All categories together.
    pub all: CategorySummary,
    /// Each category.
    pub categories: Vec<CategorySummary>,
    /// Items by which the hub's books differ.
    pub divergence: u64,
    /// Times the hub's books were compared since the start.
    pub comparisons: u64,
}

/// The equation of one category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CategorySummary {
    /// Its name; `all` for the sum.
    pub category: String,
    /// Cut out of requests.
    pub received: u64,
    /// Answered with an error.
    pub refused: u64,
    /// Kept, or dropped afterwards.
    pub accepted: u64,
    /// Dropped afterwards.
    pub dropped: u64,
    /// Acknowledged by the hub.
    pub delivered: u64,
    /// In the spool.
    pub waiting: u64,
    /// Missing, or too many.
    pub deficit: u64,
}

/// Items by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemSummary {
    /// The data category.
    pub category: String,
    /// The ledger's term.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Items.
    pub n: u64,
}

impl Summary {
    /// How everything is now.
    pub(super) fn of(status: &Status) -> Self {
        let spool = status.spool.status();
        let balance = status.spool.last_balance();
        let items = metrics::items(status).into_iter();
        let item = |((category, outcome, reason), n): (metrics::ItemLabels, u64)| ItemSummary {
            category: category.to_owned(),
            outcome: outcome.to_owned(),
            reason,
            n,
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_secs: clock::monotonic().saturating_sub(status.started).as_secs(),
            ready: status.refuses().is_none(),
            roster_version: status.roster.version(),
            keys: status.roster.n_keys(),
            is_drained: status.roster.is_drained(),
            link: link(status),
            ledger: ledger(status, &balance),
            spool: kept(status, spool, &balance),
            items: items.map(item).collect(),
        }
    }
}

fn link(status: &Status) -> LinkSummary {
    let link = status.link.status();
    LinkSummary {
        state: state_name(&link.state).to_owned(),
        carrier: link.carrier.map(|carrier| carrier.name().to_owned()),
        hub: link.hub,
        relay: link.relay,
        since: link.since.to_rfc3339(),
        last_ack_at: link.last_ack_at.map(Timestamp::to_rfc3339),
        last_error: link.last_error,
        trouble: link.trouble.map(|trouble| trouble.name().to_owned()),
        remedy: link.trouble.map(|trouble| trouble.remedy().to_owned()),
        certificate_ends_at: link.certificate_ends_at.map(Timestamp::to_rfc3339),
        rtt_ms: link.rtt_ms,
        loss_permille: link.loss_permille,
        rate: link.rate,
        bandwidth_max: link.bandwidth_max,
        is_quiet: link.is_quiet,
        is_bulk_paused: link.is_bulk_paused,
        clock_offset_ms: link.clock_offset_ms,
        in_flight: link.in_flight,
        connections: link.connections,
        bytes_sent: link.bytes_sent,
    }
}

fn kept(status: &Status, spool: SpoolStatus, balance: &Balance) -> SpoolSummary {
    let now = clock::now();
    let age = |at: Timestamp| u64::try_from(now.millis_since(at) / 1000).unwrap_or(0);
    let lanes = Lane::ALL.iter().zip(&spool.lanes);
    let lanes = lanes.map(|(lane, state)| LaneSummary {
        lane: lane.to_string(),
        records: state.records,
        bytes: state.bytes,
        oldest_received_at: state.oldest_received_at.map(Timestamp::to_rfc3339),
        oldest_age_secs: state.oldest_received_at.map(age),
        is_held_back: status.spool.is_held_back(*lane),
    });
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    SpoolSummary {
        epoch: format!("{:016x}", spool.epoch.0),
        bytes_used: spool.bytes_used,
        bytes_max: spool.bytes_max,
        lanes: lanes.collect(),
        dictionaries: spool
            .dictionaries
            .iter()
            .map(|(kind, id)| (kind.name().to_owned(), id.to_string()))
            .collect(),
        quarantined: spool.quarantined,
        disk: DiskSummary {
            total_bytes: balance.disk_bytes,
            free_bytes: balance.disk_free,
            sync_last_us: micros(spool.sync_last),
            sync_max_us: micros(spool.sync_max),
        },
        last_error_age_secs: spool.last_error.as_ref().map(|error| age(error.at)),
        last_error_at: spool.last_error.as_ref().map(|error| error.at.to_rfc3339()),
        last_error: spool.last_error.map(|error| error.message),
    }
}

fn ledger(status: &Status, balance: &Balance) -> LedgerSummary {
    let lines = balance.equations();
    let mut by_category = BTreeMap::new();
    let mut all = Line::default();
    for ((_, category), equation) in &lines {
        let line: &mut Line = by_category.entry(*category).or_default();
        line.add(equation);
        all.add(equation);
    }
    let audit = status.link.audit();
    LedgerSummary {
        date: (balance.at != Timestamp::default()).then(|| balance.at.to_rfc3339()),
        is_whole: balance.is_whole,
        all: all.summary("all"),
        categories: by_category
            .into_iter()
            .map(|(category, line)| line.summary(category.name()))
            .collect(),
        divergence: audit.divergence(),
        comparisons: audit.comparisons(),
    }
}

/// Several lines added up; deficits do not make up for each other.
#[derive(Debug, Default)]
struct Line {
    sums: Equation,
    deficit: u64,
}

impl Line {
    const fn add(&mut self, equation: &Equation) {
        self.sums.add(equation);
        self.deficit += equation.deficit();
    }

    fn summary(&self, category: &str) -> CategorySummary {
        let Equation {
            received,
            refused,
            accepted,
            dropped,
            delivered,
            waiting,
        } = self.sums;
        CategorySummary {
            category: category.to_owned(),
            received,
            refused,
            accepted,
            dropped,
            delivered,
            waiting,
            deficit: self.deficit,
        }
    }
}
