//! What the spool answers with: what stands at a number, how a lane is, how all of it is.

use std::time::Duration;

use bytes::Bytes;
use protocol::block::Head;
use protocol::dict::{DictId, DictKind};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What stands at a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The block that holds it.
    Block {
        /// Its head.
        head: Head,
        /// All of it, as it travels.
        bytes: Bytes,
    },
    /// It has no record any more; the hub must be told.
    Gap(Gap),
    /// It is not written yet.
    Empty,
}

/// Numbers `from` to `to`, both included, have no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first.
    pub from: Seq,
    /// The last.
    pub to: Seq,
    /// Why.
    pub reason: GapReason,
}

/// Why numbers have no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Pushed out of a full spool.
    Evicted,
    /// Too old.
    Expired,
    /// Damaged on disk.
    Corrupt,
    /// Delivered before, and deleted.
    Acknowledged,
}

/// One lane's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// The oldest number that was not delivered, or `next`.
    pub oldest: Seq,
    /// The number the next record gets.
    pub next: Seq,
    /// The last number the hub has.
    pub acked: Seq,
    /// Bytes of segments that hold something not delivered.
    pub bytes: u64,
    /// Records not delivered.
    pub records: u64,
    /// When the oldest record not delivered was received.
    pub oldest_received_at: Option<Timestamp>,
}

/// How the spool is.
#[derive(Clone, Debug)]
pub struct SpoolStatus {
    /// Its life.
    pub epoch: Epoch,
    /// Bytes of segments.
    pub bytes_used: u64,
    /// Bytes they may take now: the quota, or less when the filesystem is full.
    pub bytes_max: u64,
    /// Each lane, by [`Lane::index`].
    pub lanes: [LaneState; Lane::COUNT],
    /// Damaged segments kept aside.
    pub quarantined: u64,
    /// Their bytes.
    pub quarantined_bytes: u64,
    /// Damages that cost nothing: a second copy was there.
    pub repaired: u64,
    /// Unfinished writes found when it was opened.
    pub torn: u64,
    /// Commits since it was opened.
    pub commits: u64,
    /// Records committed since it was opened.
    pub records: u64,
    /// How long the last sync took.
    pub sync_last: Duration,
    /// The longest.
    pub sync_max: Duration,
    /// All of them together.
    pub sync_total: Duration,
    /// How long the opening took.
    pub opened_in: Duration,
    /// What new blocks are compressed with, where it is not what is built in.
    pub dictionaries: Vec<(DictKind, DictId)>,
    /// The last thing that went wrong with the disk.
    pub last_error: Option<LastError>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
}
