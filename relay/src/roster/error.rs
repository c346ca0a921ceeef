//! Why a roster is not in force.

use std::path::PathBuf;

use protocol::filter::FilterError;
use protocol::ids::ProjectId;
use protocol::limits::ROSTER_BYTES_MAX;
use protocol::roster::Excess;
use protocol::sampling::RuleError;

use super::{DryRunError, PROGRAM};

/// Why a roster is not in force.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The relay has not pinned a key.
    #[error("relay knows no key that rosters are signed with: join the hub again")]
    NoKey,
    /// Nobody signed it.
    #[error("roster is not signed")]
    Unsigned,
    /// Another hub's, or one of a key that was replaced while the relay was away.
    #[error("roster is signed with a key that is not the hub's")]
    OtherKey,
    /// It is not what was signed.
    #[error("roster's signature is wrong")]
    Signature,
    /// Larger than any may be.
    #[error("roster is {len} bytes, more than {ROSTER_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        len: usize,
    },
    /// Signed, and yet no roster, or one with rules that this program does not know.
    #[error("roster is not readable for this program")]
    Unreadable,
    /// It is older than the one in force.
    #[error("roster {version} is older than roster {in_force}")]
    Older {
        /// The one that came.
        version: u64,
        /// The one there is.
        in_force: u64,
    },
    /// The relay did not hold with it.
    #[error("relay did not hold with roster {version} and does not try it again")]
    RevertedBefore {
        /// The one that came.
        version: u64,
    },
    /// It is of the future.
    #[error("roster {version} is not good yet by the hub's own clock")]
    NotYet {
        /// The one that came.
        version: u64,
    },
    /// It is for later programs.
    #[error("roster needs version {wanted} of vedette-relay, this is {PROGRAM}")]
    Program {
        /// The oldest that may use it.
        wanted: String,
    },
    /// It relies on what this program does not know.
    #[error("roster relies on {name:?}, which vedette-relay {PROGRAM} does not know")]
    Requires {
        /// On what.
        name: String,
    },
    /// It is beyond a limit.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// It takes every project away and does not say that it means to.
    #[error("roster {version} has no projects and does not say that it means it")]
    Emptied {
        /// The one that came.
        version: u64,
    },
    /// A rate limit over no time.
    #[error("roster {version} has a rate limit over 0 seconds")]
    Window {
        /// The one that came.
        version: u64,
    },
    /// One key in two places.
    #[error("roster {version} names a key twice")]
    KeyTwice {
        /// The one that came.
        version: u64,
    },
    /// A project's rules do not do what rules must.
    #[error("project {project} of the roster: {source}")]
    Rules {
        /// Which.
        project: ProjectId,
        /// What they do.
        source: DryRunError,
    },
    /// A project's filters cannot be used.
    #[error("project {project} of the roster: {source}")]
    Filters {
        /// Which.
        project: ProjectId,
        /// Why.
        source: FilterError,
    },
    /// A project's sampling rules cannot be used.
    #[error("project {project} of the roster: {source}")]
    Sampling {
        /// Which.
        project: ProjectId,
        /// Why.
        source: RuleError,
    },
    /// The file could not be written or read.
    #[error("roster file {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("roster file {} is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}
