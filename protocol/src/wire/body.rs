//! The bodies of control frames: maps with short keys.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::names::Region;
use crate::dict::DictId;
use crate::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use crate::item::Category;
use crate::outcome::{LaneDigest, Term};
use crate::roster::ConfigKey;
use crate::timestamp::Timestamp;

/// The relay presents itself; its first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version of the link it speaks.
    #[serde(rename = "pmin")]
    pub proto_min: u16,
    /// The newest.
    #[serde(rename = "pmax")]
    pub proto_max: u16,
    /// Who; must be the one in the certificate.
    #[serde(rename = "r")]
    pub relay: RelayId,
    /// The spool's life.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// What lies in the spool.
    #[serde(rename = "l", default)]
    pub lanes: Vec<LaneState>,
    /// The program's version.
    #[serde(rename = "v", default)]
    pub version: String,
    /// The roster in force; 0 is none.
    #[serde(rename = "cv", default)]
    pub roster_version: u64,
    /// Dictionaries it has.
    #[serde(rename = "d", default)]
    pub dicts: Vec<u32>,
    /// The relay's wall clock.
    #[serde(rename = "t")]
    pub wall: Timestamp,
    /// What else it can do.
    #[serde(rename = "x", default)]
    pub capabilities: Vec<String>,
    /// How often it was started under its identity, this time included.
    #[serde(rename = "g", default)]
    pub generation: u64,
    /// This start: a random number that no other start has.
    #[serde(rename = "i", default)]
    pub instance: u64,
    /// The starts before this one, the latest last; at most [`Hello::ANCESTORS_MAX`].
    #[serde(rename = "h", default)]
    pub ancestors: Vec<u64>,
}

impl Hello {
    /// Most starts that are told of.
    pub const ANCESTORS_MAX: usize = 64;
}

/// A lane of the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// Which.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// The oldest record that is there.
    #[serde(rename = "o")]
    pub oldest: Seq,
    /// The number the next record will have.
    #[serde(rename = "n")]
    pub next: Seq,
    /// Bytes on disk.
    #[serde(rename = "b", default)]
    pub bytes: u64,
    /// The number the first record since the program's start has or will have; 0 is not told.
    #[serde(rename = "s", default)]
    pub start: Seq,
    /// The last record that was acknowledged to this identity; 0 is none, or not told.
    #[serde(rename = "a", default)]
    pub acked: Seq,
}

/// The hub takes the relay; its first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the link that both speak.
    #[serde(rename = "p")]
    pub proto: u16,
    /// What is applied of the relay's spool.
    #[serde(rename = "c", default)]
    pub cursors: Vec<Cursor>,
    /// The hub's wall clock.
    #[serde(rename = "t")]
    pub hub_time: Timestamp,
    /// The newest roster.
    #[serde(rename = "cv", default)]
    pub roster_version: u64,
    /// Most blocks the relay may have under way.
    #[serde(rename = "w", default = "default_window")]
    pub window: u16,
    /// Names the session in both logs.
    #[serde(rename = "s", default)]
    pub session: u64,
    /// The hub's region, when it states one. What counts is its certificate: this tells a relay
    /// whose own names none yet that it is to get one that does.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// A hub that states no window takes this many blocks.
const fn default_window() -> u16 {
    4
}

/// The last record of a lane that is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which lane.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// Up to and with this one.
    #[serde(rename = "u")]
    pub upto: Seq,
    /// The items that were booked up to there.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<LaneDigest>,
}

/// Everything of a lane up to here is committed at the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Which lane.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// Up to and with this one.
    #[serde(rename = "u")]
    pub upto: Seq,
    /// The items that were booked up to there, since the spool was made.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<LaneDigest>,
    /// The same by project and category, when the relay asked; at most [`Ack::SUMS_MAX`].
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<Sum>,
}

impl Ack {
    /// Most sums, so that an acknowledgement stays far below the largest frame.
    pub const SUMS_MAX: usize = 2000;

    /// One that says no more than how far the lane is.
    #[must_use]
    pub const fn new(lane: Lane, upto: Seq) -> Self {
        Self {
            lane,
            upto,
            digest: None,
            sums: Vec::new(),
        }
    }
}

/// Items of one project and category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The project.
    #[serde(rename = "p")]
    pub project: ProjectId,
    /// The data category.
    #[serde(rename = "c")]
    pub category: Category,
    /// Items.
    #[serde(rename = "n")]
    pub n: u64,
}

/// The hub did not apply a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// Which lane.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// The block's first record.
    #[serde(rename = "f")]
    pub first_seq: Seq,
    /// How many records.
    #[serde(rename = "n")]
    pub count: u32,
    /// Why, for logs.
    #[serde(rename = "m", default)]
    pub reason: String,
    /// What the relay shall do.
    #[serde(rename = "v")]
    pub verdict: Verdict,
}

/// What the relay shall do with a block that was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Send the lane again, from the cursor on, after this many milliseconds.
    #[serde(rename = "r")]
    RetryAfterMillis(u32),
    /// It will never be applied: the records are lost and to be said so by a GAP.
    #[serde(rename = "p")]
    Permanent,
}

/// Records of a lane that will never come. What they were is in the ledger's own records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which lane.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// The first that is missing.
    #[serde(rename = "f")]
    pub from: Seq,
    /// The last.
    #[serde(rename = "u")]
    pub upto: Seq,
    /// Why.
    #[serde(rename = "m", default)]
    pub reason: GapReason,
}

/// Why records are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// Pushed out of a full spool, too old, or damaged: the ledger says which.
    #[default]
    Lost,
    /// Refused by the hub for good.
    Rejected,
    /// Delivered before, to the hub before it was set back to a backup or under another identity,
    /// and not kept since.
    Delivered,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// The hub has less of lanes than the relay delivered: it was set back to a backup. What the relay
/// still keeps is sent again from there; of the rest it says so by a GAP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewind {
    /// How far each of these lanes is applied.
    #[serde(rename = "c")]
    pub cursors: Vec<Cursor>,
}

/// How much more the hub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Most blocks under way; 0 is a pause.
    #[serde(rename = "w")]
    pub window: u16,
}

/// What a relay says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The program's version.
    #[serde(rename = "v", default)]
    pub version: String,
    /// The relay's wall clock.
    #[serde(rename = "t", default)]
    pub wall: Timestamp,
    /// The roster in force.
    #[serde(rename = "cv", default)]
    pub roster_version: u64,
    /// Bytes of the spool on disk.
    #[serde(rename = "sb", default)]
    pub spool_bytes: u64,
    /// The most it may take.
    #[serde(rename = "sm", default)]
    pub spool_bytes_max: u64,
    /// What waits, by lane.
    #[serde(rename = "l", default)]
    pub lanes: Vec<Backlog>,
    /// Round trip to the hub, in milliseconds.
    #[serde(rename = "rtt", default)]
    pub rtt_ms: u32,
    /// What carries the link: `quic` or `tcp`.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Packets of the connection that were lost, in millionths of those sent.
    #[serde(rename = "lo", default, skip_serializing_if = "Option::is_none")]
    pub loss_ppm: Option<u32>,
    /// Bytes sent per second, since the report before.
    #[serde(rename = "tx", default)]
    pub sent_per_second: u64,
    /// What a 200 promises: `fsync`, or how it is relaxed.
    #[serde(rename = "du", default)]
    pub durability: String,
    /// The disk that the spool lies on.
    #[serde(rename = "dk", default)]
    pub disk: DiskReport,
    /// The relay's own accounts; left out where nothing changed since the report before.
    #[serde(rename = "bk", default, skip_serializing_if = "Option::is_none")]
    pub books: Option<Books>,
    /// The hub shall say what it booked, by project and category, of every lane.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub asks_sums: bool,
    /// Where hub and relay disagree; at most [`Report::DIFFERENCES_MAX`].
    #[serde(rename = "df", default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What the relay's process takes of its host.
    #[serde(rename = "ps", default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessReport>,
    /// Most bytes per second it sends, by whoever says so; left out is without limit.
    #[serde(rename = "bw", default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_max: Option<u64>,
    /// Whether these are quiet hours.
    #[serde(rename = "qh", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_quiet: bool,
}

impl Report {
    /// Most rows of one kind in the books, so that a report stays far below the largest frame.
    pub const TOTALS_MAX: usize = 5000;
    /// Most differences.
    pub const DIFFERENCES_MAX: usize = 100;
}

/// What a process takes of its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// CPU time since its start, user and system, in milliseconds.
    #[serde(rename = "c", default)]
    pub cpu_ms: u64,
    /// Memory in use.
    #[serde(rename = "r", default)]
    pub rss_bytes: u64,
}

/// How a disk is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Bytes of its filesystem; 0 when not known.
    #[serde(rename = "t", default)]
    pub total_bytes: u64,
    /// Bytes that are free.
    #[serde(rename = "f", default)]
    pub free_bytes: u64,
    /// How long the last sync took, in microseconds.
    #[serde(rename = "s", default)]
    pub sync_last_us: u64,
    /// The longest since the start.
    #[serde(rename = "sx", default)]
    pub sync_max_us: u64,
    /// The last thing that went wrong with it.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When, by the relay's clock.
    #[serde(rename = "mt", default, skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
}

/// A relay's accounts since its spool was made, all as of one moment.
///
/// Of each project and category, what was accepted is delivered, dropped for a reason of the
/// totals, or waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// The spool's life.
    #[serde(rename = "e", default)]
    pub epoch: Epoch,
    /// The ledger's sums; at most [`Report::TOTALS_MAX`].
    #[serde(rename = "c", default)]
    pub totals: Vec<Total>,
    /// Items the hub has acknowledged; at most [`Report::TOTALS_MAX`].
    #[serde(rename = "a", default)]
    pub delivered: Vec<Sum>,
    /// Items in the spool that it has not; at most [`Report::TOTALS_MAX`].
    #[serde(rename = "w", default)]
    pub waiting: Vec<Sum>,
    /// Whether all of it is here, and nothing was lost that would have told.
    #[serde(rename = "x", default)]
    pub is_whole: bool,
}

/// An account in which hub and relay disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which lane.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// Up to this record.
    #[serde(rename = "u")]
    pub upto: Seq,
    /// The project; `None` while it is not known which accounts differ.
    #[serde(rename = "p", default)]
    pub project: Option<ProjectId>,
    /// The data category.
    #[serde(rename = "c")]
    pub category: Category,
    /// Items the relay sent.
    #[serde(rename = "r")]
    pub relay: u64,
    /// Items the hub booked.
    #[serde(rename = "h")]
    pub hub: u64,
}

/// What waits in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Which.
    #[serde(rename = "l")]
    pub lane: Lane,
    /// Records that are not acknowledged.
    #[serde(rename = "n", default)]
    pub records: u64,
    /// Their bytes on disk.
    #[serde(rename = "b", default)]
    pub bytes: u64,
    /// When the oldest of them was received, by the relay's clock.
    #[serde(rename = "o", default)]
    pub oldest_received_at: Option<Timestamp>,
}

/// One sum of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The project, when known.
    #[serde(rename = "p", default)]
    pub project: Option<ProjectId>,
    /// The data category.
    #[serde(rename = "c")]
    pub category: Category,
    /// The term of the equation.
    #[serde(rename = "k")]
    pub term: Term,
    /// Why.
    #[serde(rename = "m", default)]
    pub reason: String,
    /// Items.
    #[serde(rename = "n")]
    pub n: u64,
}

/// The sender is about to close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goaway {
    /// Why, for logs.
    #[serde(rename = "m", default)]
    pub reason: String,
    /// How long it still answers, in milliseconds.
    #[serde(rename = "d", default)]
    pub drain_ms: u32,
    /// Where else the hub, or a stand-in for it, may be found; at most
    /// [`Goaway::ALTERNATIVES_MAX`]. The certificate there decides, as anywhere.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
}

impl Goaway {
    /// Most addresses.
    pub const ALTERNATIVES_MAX: usize = 7;
}

/// Asks for the same number back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Any number.
    #[serde(rename = "n", default)]
    pub nonce: u64,
    /// Whether this is the answer.
    #[serde(rename = "a", default)]
    pub answer: bool,
}

/// Asks to be taken into the fleet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The token's id.
    #[serde(rename = "i")]
    pub token_id: String,
    /// The token's secret, as text.
    #[serde(rename = "s")]
    pub secret: String,
    /// The certificate request, DER.
    #[serde(rename = "q", with = "serde_bytes")]
    pub csr: Vec<u8>,
    /// What the relay wishes to be called.
    #[serde(rename = "m", default)]
    pub name: String,
    /// The program's version.
    #[serde(rename = "v", default)]
    pub version: String,
}

// The secret stays out of logs.
impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Join")
            .field("token_id", &self.token_id)
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Welcomes a relay into the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Who it is from now on.
    #[serde(rename = "r")]
    pub relay: RelayId,
    /// Its certificate, DER.
    #[serde(rename = "c", with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// The authorities to trust, the one to trust longest first, DER.
    #[serde(rename = "a")]
    pub authorities: Vec<ByteBuf>,
    /// Where the hub is, for a relay that did not ask it over the network.
    #[serde(rename = "h", default)]
    pub hub: String,
    /// The key its rosters are signed with; without it the relay takes none.
    #[serde(
        rename = "ck",
        default,
        skip_serializing_if = "Option::is_none",
        with = "serde_bytes"
    )]
    pub config_key: Option<ConfigKey>,
    /// Where else the hub, or a stand-in for it, may be found; at most
    /// [`Goaway::ALTERNATIVES_MAX`].
    #[serde(rename = "al", default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
}

/// Asks for a certificate for another key: over the link before the one in use ends, or as an
/// enrolment that shows the certificate that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertRequest {
    /// The certificate request, DER.
    #[serde(rename = "q", with = "serde_bytes")]
    pub csr: Vec<u8>,
}

/// A certificate for another key. The relay sends it back, without authorities, when it is on its
/// disk; the one in use holds until then, or until this one is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cert {
    /// The certificate, DER.
    #[serde(rename = "c", with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// The authorities to trust, the one to trust longest first, DER.
    #[serde(rename = "a")]
    pub authorities: Vec<ByteBuf>,
}

/// Asks for a dictionary: a relay for one that its roster names, a hub for one that a block needs
/// and that it has lost. There is no answer from a peer that does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DictGet {
    /// Which.
    #[serde(rename = "i")]
    pub id: DictId,
}

/// A dictionary. Its number is made from its bytes, so who asked can tell that they are the right
/// ones.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dict {
    /// Its bytes.
    #[serde(rename = "b", with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

// What it holds stays out of logs.
impl std::fmt::Debug for Dict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dict")
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// A request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One of [`CloseCode`]'s numbers.
    #[serde(rename = "k")]
    pub code: u32,
    /// Why, for people.
    #[serde(rename = "m", default)]
    pub message: String,
}

/// Why a connection is closed: the QUIC application code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CloseCode {
    /// In order.
    Done = 0,
    /// Bytes that are no frame, or a frame where none or another belongs.
    BadFrame = 1,
    /// A block that fails its checksum or its own numbers.
    BadBlock = 2,
    /// No version of the link that both speak.
    Version = 3,
    /// The certificate's relay is not registered.
    UnknownRelay = 4,
    /// The relay was revoked.
    Revoked = 5,
    /// Another connection with the same identity has taken over.
    Replaced = 6,
    /// A limit on connections, streams or bytes.
    Limit = 7,
    /// The hub cannot serve at the moment.
    Unavailable = 8,
    /// A join token that is unknown, used up, expired, or a wrong secret: which is not said.
    BadToken = 9,
    /// A peer was silent for too long where it had to speak.
    Timeout = 10,
    /// The certificate has ended, or not begun; the enrolled key still gets another.
    Expired = 11,
    /// The relay's state is a copy of another's, or was set back.
    Cloned = 12,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::BadFrame,
        Self::BadBlock,
        Self::Version,
        Self::UnknownRelay,
        Self::Revoked,
        Self::Replaced,
        Self::Limit,
        Self::Unavailable,
        Self::BadToken,
        Self::Timeout,
        Self::Expired,
        Self::Cloned,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The code of a number; `None` for those of later versions.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| u64::from(known.code()) == code)
    }

    /// What is shown to people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::BadFrame => "bad frame",
            Self::BadBlock => "bad block",
            Self::Version => "no common version",
            Self::UnknownRelay => "relay is not registered",
            Self::Revoked => "relay is revoked",
            Self::Replaced => "another connection has this identity",
            Self::Limit => "limit reached",
            Self::Unavailable => "hub is not ready",
            Self::BadToken => "join token is not valid",
            Self::Timeout => "silent for too long",
            Self::Expired => "certificate is not valid at this time",
            Self::Cloned => "identity is a copy of another relay's",
        }
    }
}
