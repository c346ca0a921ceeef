//! The spool's settings and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use protocol::unit::{ByteSize, Span};
use serde::{Deserialize, Serialize};

/// Settings of the spool. A change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it lives.
    pub dir: PathBuf,
    /// Most bytes of segments; 2 GiB or 5 % of the filesystem, whichever is less, when not set.
    pub bytes_max: Option<ByteSize>,
    /// Bytes of the filesystem left free; 5 %, but from 1 to 4 GiB, when not set.
    pub free_min: Option<ByteSize>,
    /// Bytes after which a segment file is sealed; at most a 16th of `bytes_max`.
    pub segment_bytes: ByteSize,
    /// Room held back so that cursors can be written on a full disk.
    pub ballast_bytes: ByteSize,
    /// A file with the key that blocks are encrypted with on disk: 32 bytes in hexadecimal or
    /// base64. They are not encrypted when not set.
    pub encryption_key_file: Option<PathBuf>,
    /// A file with the key before, while what it encrypts is still there.
    pub encryption_key_file_old: Option<PathBuf>,
    /// How long an append waits for the disk.
    pub append_timeout: Span,
    /// How long what was delivered is kept, for a hub that was set back to a backup and asks for
    /// it again. It gives way to whatever needs its room.
    pub retain_acked: Span,
    /// Most bytes of it.
    pub retain_acked_bytes: ByteSize,
    /// How old records may become, by lane, in time the spool was open.
    pub age_max: AgeMax,
    /// What gives way when the spool is full, by lane. Lane 0 always refuses.
    pub when_full: WhenFullByLane,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/lib/vedette-relay/spool"),
            bytes_max: None,
            free_min: None,
            segment_bytes: ByteSize(8 << 20),
            ballast_bytes: ByteSize(16 << 20),
            encryption_key_file: None,
            encryption_key_file_old: None,
            append_timeout: Span(Duration::from_secs(2)),
            retain_acked: Span(Duration::from_secs(15 * 60)),
            retain_acked_bytes: ByteSize(64 << 20),
            age_max: AgeMax::default(),
            when_full: WhenFullByLane::default(),
        }
    }
}

/// How old records of each lane may become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgeMax {
    /// Ledger, check-ins, sessions. A check-in of long ago tells no alarm any more, and is part of
    /// its monitor's history: it is delivered as long as its lane is.
    pub control: Span,
    /// Errors, crashes, feedback, security reports.
    pub errors: Span,
    /// Logs and metrics.
    pub logs: Span,
    /// Transactions and spans.
    pub traces: Span,
    /// Attachments, profiles, replays.
    pub blobs: Span,
}

impl Default for AgeMax {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        let days = |n| Span(Duration::from_secs(n * DAY));
        Self {
            control: days(7),
            errors: days(30),
            logs: days(7),
            traces: days(3),
            blobs: days(1),
        }
    }
}

/// What happens when there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The lane's oldest segment goes.
    #[default]
    DropOldest,
    /// The lane keeps what it has.
    Refuse,
}

/// [`WhenFull`] of each lane that has a choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhenFullByLane {
    /// Errors, crashes, feedback, security reports.
    pub errors: WhenFull,
    /// Logs and metrics.
    pub logs: WhenFull,
    /// Transactions and spans.
    pub traces: WhenFull,
    /// Attachments, profiles, replays.
    pub blobs: WhenFull,
}
