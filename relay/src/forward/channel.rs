//! One connection to the hub, whichever carries it: QUIC, or TLS over TCP.
//!
//! Over QUIC each block has a stream of its own, and the more important lane's goes first; over
//! TCP all frames share one stream, and a control frame waits for no more than the block that is
//! being written.

mod quic;
mod tcp;

use std::time::Duration;

use bytes::Bytes;
use protocol::ids::Lane;
use protocol::wire::Frame;
use serde::{Deserialize, Serialize};

use super::error::LinkError;
pub(super) use quic::QuicChannel;
pub(super) use tcp::TcpChannel;

/// How long the hub may take for a frame that it owes, and the relay to write one.
pub(super) const FRAME_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a connection waits for the hub to hear of it.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// A hub that was silent for this long is gone.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often something is said, so that address translators keep the path and its loss is noticed.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What carries the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// QUIC, over UDP.
    Quic,
    /// TLS 1.3, over TCP.
    Tcp,
}

impl Carrier {
    /// Its name in reports and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

/// What a connection shows of its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PathFigures {
    /// Round trip, as smoothed as the carrier does it.
    pub(super) rtt: Duration,
    /// Packets sent since the beginning; 0 when the carrier does not say.
    pub(super) sent: u64,
    /// Those of them that were lost.
    pub(super) lost: u64,
    /// Grows whenever anything comes from the hub.
    pub(super) heard: u64,
    /// Bytes that the carrier lets be under way; 0 when it does not say.
    pub(super) cwnd: u64,
}

impl PathFigures {
    /// Packets lost, in millionths of those sent; `None` when the carrier does not say.
    pub(super) fn loss_ppm(&self) -> Option<u32> {
        let lost = self.lost.saturating_mul(1_000_000).checked_div(self.sent)?;
        u32::try_from(lost).ok()
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Channel {
    Quic(QuicChannel),
    Tcp(TcpChannel),
}

impl Channel {
    pub(super) const fn carrier(&self) -> Carrier {
        match self {
            Self::Quic(_) => Carrier::Quic,
            Self::Tcp(_) => Carrier::Tcp,
        }
    }

    /// Sends a control frame; a hub that does not read is given up.
    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), LinkError> {
        let bytes = frame.to_bytes()?;
        match self {
            Self::Quic(channel) => channel.send(bytes).await,
            Self::Tcp(channel) => channel.send(bytes).await,
        }
    }

    /// Whether the hub has heard what was said first. Where it was said before the handshake was
    /// over and the hub did not take it, it is to be said again.
    pub(super) async fn was_heard(&mut self) -> Result<bool, LinkError> {
        match self {
            Self::Quic(channel) => channel.was_heard().await,
            Self::Tcp(_) => Ok(true),
        }
    }

    /// Whether the hub knew the relay by its first packet.
    pub(super) const fn was_early(&self) -> bool {
        match self {
            Self::Quic(channel) => channel.was_early(),
            Self::Tcp(_) => false,
        }
    }

    /// Begins to send a block.
    pub(super) async fn send_block(&mut self, lane: Lane, block: Bytes) -> Result<(), LinkError> {
        let header = Frame::batch_header(block.len())?;
        match self {
            Self::Quic(channel) => {
                channel.send_block(lane, header, block);
                Ok(())
            }
            Self::Tcp(channel) => channel.send_block(lane, header, block).await,
        }
    }

    /// The next frame, or why the connection has ended. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Frame, LinkError> {
        match self {
            Self::Quic(channel) => channel.next().await,
            Self::Tcp(channel) => channel.next().await,
        }
    }

    pub(super) fn figures(&self) -> PathFigures {
        match self {
            Self::Quic(channel) => channel.figures(),
            Self::Tcp(channel) => channel.figures(),
        }
    }

    /// Waits a while until the hub has received what was sent, because closing throws it away.
    pub(super) async fn finish(&mut self) {
        match self {
            Self::Quic(channel) => channel.finish().await,
            Self::Tcp(_) => {}
        }
    }

    /// Closes the connection; gives why it really ended, which the hub may know better.
    pub(super) async fn close(self, error: LinkError) -> LinkError {
        match self {
            Self::Quic(channel) => channel.close(error).await,
            Self::Tcp(channel) => channel.close(error).await,
        }
    }
}
