//! Names of things that cross program borders: projects, keys, events, relays, lanes.
//!
//! Each is a type whose existence proves that it was checked.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Project ids are decimal numbers from 1.
    #[error("project id is not a number from 1")]
    Project,
    /// Public keys are 32 hexadecimal digits.
    #[error("public key is not 32 hexadecimal digits")]
    PublicKey,
    /// Event ids are UUIDs, with or without dashes, and not nil.
    #[error("event id is not a uuid")]
    Event,
    /// The names of what comes in parts are 32 hexadecimal digits.
    #[error("name of what comes in parts is not 32 hexadecimal digits")]
    Whole,
    /// Relay ids are UUIDs.
    #[error("relay id is not a uuid")]
    Relay,
    /// Lanes are 0 to 6.
    #[error("lane {0} is not one of 0 to 6")]
    Lane(u8),
    /// Lanes have names.
    #[error(
        "lane is not one of control, errors, control_backlog, errors_backlog, logs, traces, blobs"
    )]
    LaneName,
}

/// A project's number, as in the path of a DSN. Invariant: at least 1, fits `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ProjectId(u64);

impl ProjectId {
    /// Checks the range.
    ///
    /// # Errors
    /// [`IdError::Project`] for 0 and for numbers beyond `i64`.
    pub const fn new(id: u64) -> Result<Self, IdError> {
        if id == 0 || id > i64::MAX as u64 {
            Err(IdError::Project)
        } else {
            Ok(Self(id))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as databases hold it.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        #[expect(clippy::cast_possible_wrap, reason = "new() bounds it to i64::MAX")]
        let id = self.0 as i64;
        id
    }
}

impl TryFrom<u64> for ProjectId {
    type Error = IdError;
    fn try_from(id: u64) -> Result<Self, IdError> {
        Self::new(id)
    }
}

impl From<ProjectId> for u64 {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl FromStr for ProjectId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IdError::Project);
        }
        text.parse()
            .map_err(|_| IdError::Project)
            .and_then(Self::new)
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sixteen bytes shown as 32 hexadecimal digits.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "serde_bytes")] [u8; 16]);

        impl $name {
            /// Wraps the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_id!(
    /// The public half of a project key, as in the user part of a DSN.
    PublicKey
);
hex_id!(
    /// An event's id, given by the SDK or made at the relay.
    EventId
);
hex_id!(
    /// What the parts of something large have in common, made at the relay.
    WholeId
);
hex_id!(
    /// A relay's identity: the UUID in its certificate.
    RelayId
);

impl FromStr for PublicKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::PublicKey)?;
        Ok(Self(bytes))
    }
}

impl FromStr for EventId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let id = uuid::Uuid::try_parse(text).map_err(|_| IdError::Event)?;
        if id.is_nil() {
            Err(IdError::Event)
        } else {
            Ok(Self(id.into_bytes()))
        }
    }
}

impl FromStr for WholeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::Whole)?;
        Ok(Self(bytes))
    }
}

impl From<WholeId> for EventId {
    /// Stands for the event of what belongs to none.
    fn from(whole: WholeId) -> Self {
        Self(whole.0)
    }
}

impl FromStr for RelayId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        uuid::Uuid::try_parse(text)
            .map(|id| Self(id.into_bytes()))
            .map_err(|_| IdError::Relay)
    }
}

/// What travels ahead of what when a link is thin; lower goes first.
///
/// The two important lanes have a twin for their backlog: what comes while a lane is stuck goes
/// to the twin, so that after an outage what is new overtakes what has waited. A twin has numbers
/// and a cursor of its own and shares everything else with its lane. The number of a lane on the
/// wire and on disk is apart from its importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Lane {
    /// Ledger, check-ins, sessions, client reports.
    Control = 0,
    /// Errors, crashes with their minidump, feedback, security reports.
    Errors = 1,
    /// Logs and metrics.
    Logs = 2,
    /// Transactions and spans.
    Traces = 3,
    /// Attachments, profiles, replays.
    Blobs = 4,
    /// What lane 0 would have carried while it was stuck.
    ControlBacklog = 5,
    /// What lane 1 would have carried while it was stuck.
    ErrorsBacklog = 6,
}

impl Lane {
    /// How many lanes there are.
    pub const COUNT: usize = 7;

    /// Every lane, most important first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Control,
        Self::Errors,
        Self::ControlBacklog,
        Self::ErrorsBacklog,
        Self::Logs,
        Self::Traces,
        Self::Blobs,
    ];

    /// The lane's place in [`Lane::ALL`]: its importance, not its number.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Errors => 1,
            Self::ControlBacklog => 2,
            Self::ErrorsBacklog => 3,
            Self::Logs => 4,
            Self::Traces => 5,
            Self::Blobs => 6,
        }
    }

    /// The twin for this lane's backlog, if it has one.
    #[must_use]
    pub const fn backlog(self) -> Option<Self> {
        match self {
            Self::Control => Some(Self::ControlBacklog),
            Self::Errors => Some(Self::ErrorsBacklog),
            _ => None,
        }
    }

    /// The lane that a twin belongs to; every other lane is its own.
    #[must_use]
    pub const fn live(self) -> Self {
        match self {
            Self::ControlBacklog => Self::Control,
            Self::ErrorsBacklog => Self::Errors,
            other => other,
        }
    }

    /// What it is called where people and programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Errors => "errors",
            Self::ControlBacklog => "control_backlog",
            Self::ErrorsBacklog => "errors_backlog",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Blobs => "blobs",
        }
    }
}

impl Ord for Lane {
    fn cmp(&self, other: &Self) -> Ordering {
        self.index().cmp(&other.index())
    }
}

impl PartialOrd for Lane {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<u8> for Lane {
    type Error = IdError;
    fn try_from(number: u8) -> Result<Self, IdError> {
        let lane = Self::ALL.into_iter().find(|lane| u8::from(*lane) == number);
        lane.ok_or(IdError::Lane(number))
    }
}

impl From<Lane> for u8 {
    fn from(lane: Lane) -> Self {
        lane as Self
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", *self as u8)
    }
}

/// Reads a name, or a number with or without the `L` that it is shown with.
impl FromStr for Lane {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let number = text.strip_prefix(['L', 'l']).unwrap_or(text);
        let is_it = |lane: &Self| {
            lane.name() == text
                || number
                    .parse()
                    .is_ok_and(|number: u8| number == u8::from(*lane))
        };
        Self::ALL.into_iter().find(is_it).ok_or(IdError::LaneName)
    }
}

/// A spool's life: a random number made when its directory is created or restored.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// A record's number within (relay, epoch, lane): from 1, without holes. 0 means "none yet".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_ordered_by_importance_and_keep_their_numbers() {
        for (place, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.index(), place);
            assert_eq!(Lane::try_from(u8::from(lane)), Ok(lane));
            assert_eq!(lane.backlog().map(Lane::live), lane.backlog().map(|_| lane));
            assert_eq!(lane.name().parse(), Ok(lane));
            assert_eq!(lane.to_string().parse(), Ok(lane));
        }
        assert!(Lane::ALL.is_sorted());
        assert_eq!(Lane::ALL.map(u8::from), [0, 1, 5, 6, 2, 3, 4]);
        assert!(Lane::Errors < Lane::ControlBacklog && Lane::ErrorsBacklog < Lane::Logs);
    }

    #[test]
    fn reads_and_writes_ids() {
        let id: EventId = "9ec79c33-ec99-42ab-8353-589fcb2e04dc".parse().unwrap();
        assert_eq!(id.to_string(), "9ec79c33ec9942ab8353589fcb2e04dc");
        assert_eq!("9EC79C33EC9942AB8353589FCB2E04DC".parse(), Ok(id));
        assert_eq!(
            "00000000000000000000000000000000".parse::<EventId>(),
            Err(IdError::Event)
        );
        assert_eq!("abc".parse::<PublicKey>(), Err(IdError::PublicKey));
        assert_eq!("0".parse::<ProjectId>(), Err(IdError::Project));
        assert_eq!("+1".parse::<ProjectId>(), Err(IdError::Project));
        assert_eq!("42".parse::<ProjectId>().map(ProjectId::get), Ok(42));
        assert_eq!(Lane::try_from(7), Err(IdError::Lane(7)));
    }
}
