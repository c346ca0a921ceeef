//! Why a connection to the hub ended, or did not come about.

use protocol::wire::{CloseCode, PROTO, WireError};
use quinn::ConnectionError;

use super::identity::IdentityError;
use super::outbox::GiveUp;
use super::tls::ConnectError;
use crate::spool::SpoolError;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Neither carrier reached the hub.
    #[error("quic: {quic}; tcp: {tcp}")]
    Unreached { quic: Box<Self>, tcp: Box<Self> },
    #[error("hub closed the connection: {reason}")]
    Closed {
        /// The code, when it is a known one.
        code: Option<CloseCode>,
        reason: String,
    },
    #[error("connection lost: {0}")]
    Lost(String),
    #[error("hub's bytes are no frames: {0}")]
    Wire(#[from] WireError),
    #[error("hub sent an unexpected {0}")]
    Unexpected(&'static str),
    #[error("hub speaks version {0} of the link, this relay {PROTO}")]
    Version(u16),
    #[error("hub did not answer in time")]
    Timeout,
    #[error("hub cannot take blocks at the moment")]
    Busy,
    #[error("a better path to the hub is there")]
    Moved,
    #[error("spool: {0}")]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("no hub welcomes the relay: {}", each(.0))]
    Nowhere(Vec<(String, LinkError)>),
    #[error("relay is stopping")]
    Stopping,
}

/// What each address said.
fn each(failed: &[(String, LinkError)]) -> String {
    let said = failed.iter().map(|(hub, error)| format!("{hub}: {error}"));
    said.collect::<Vec<_>>().join("; ")
}

impl LinkError {
    /// Whether the hub will not change its mind soon.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Version(_)
            | Self::Spool(SpoolError::Parted { .. })
            | Self::Connect(ConnectError::Foreign(_)) => true,
            Self::Closed { code, .. } => matches!(
                code,
                Some(
                    CloseCode::UnknownRelay
                        | CloseCode::Revoked
                        | CloseCode::Version
                        | CloseCode::Expired
                        | CloseCode::Cloned
                )
            ),
            Self::Unreached { quic, tcp } => quic.is_refusal() || tcp.is_refusal(),
            // One that is merely away may be back at any moment.
            Self::Nowhere(failed) => failed.iter().all(|(_, error)| error.is_refusal()),
            _ => false,
        }
    }

    /// Whether a hub of another region than the relay's was met.
    pub(super) fn is_foreign(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Foreign(_)) => true,
            Self::Unreached { quic, tcp } => quic.is_foreign() || tcp.is_foreign(),
            Self::Nowhere(failed) => failed.iter().any(|(_, error)| error.is_foreign()),
            _ => false,
        }
    }

    /// The hub's code, when it closed the connection with one, or when it would if it knew what
    /// the spool says.
    pub(super) fn hub_code(&self) -> Option<CloseCode> {
        match self {
            Self::Closed { code, .. } => *code,
            Self::Spool(SpoolError::Parted { .. }) => Some(CloseCode::Cloned),
            Self::Unreached { quic, tcp } => quic.hub_code().or(tcp.hub_code()),
            Self::Nowhere(failed) => failed.iter().find_map(|(_, error)| error.hub_code()),
            _ => None,
        }
    }

    /// What the hub is told.
    pub(super) const fn close_code(&self) -> CloseCode {
        match self {
            Self::Wire(_) | Self::Unexpected(_) => CloseCode::BadFrame,
            Self::Version(_) => CloseCode::Version,
            Self::Timeout => CloseCode::Timeout,
            _ => CloseCode::Done,
        }
    }

    pub(super) fn from_quic(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Closed {
                code: CloseCode::from_code(close.error_code.into_inner()),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<GiveUp> for LinkError {
    fn from(why: GiveUp) -> Self {
        match why {
            GiveUp::Silent => Self::Timeout,
            GiveUp::Busy => Self::Busy,
            GiveUp::AckBeyond => Self::Unexpected("acknowledgement of what was not sent"),
        }
    }
}
