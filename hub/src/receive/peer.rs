//! One relay's connection, whichever carries it: QUIC, or TLS over TCP.
//!
//! Over QUIC each block has a stream of its own; over TCP all frames share one. What is above
//! this does not see the difference.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::wire::{CloseCode, Frame, WireError};
use quinn::{SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::stream::{FrameReader, Received, SessionError, receive_block};
use super::tcp::TcpConnection;
use super::{CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT};

/// TCP does not tell its round trip. A relay that ends closes its stream, so one that is asked
/// whether it lives mostly does.
const RTT_OF_TCP: Duration = Duration::from_secs(1);

/// A handle on a connection.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    Quic(quinn::Connection),
    Tcp(Arc<TcpConnection>),
}

/// What comes and goes over a connection.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) control: Control,
    pub(super) requests: Requests,
    pub(super) blocks: Blocks,
}

/// Frames to the relay.
#[derive(Debug)]
pub(super) enum Control {
    Quic(SendStream),
    Tcp(mpsc::Sender<Bytes>),
}

/// Frames from the relay, blocks apart.
#[derive(Debug)]
pub(super) enum Requests {
    Quic(FrameReader),
    Tcp(mpsc::Receiver<Result<Option<Frame>, SessionError>>),
}

/// Blocks from the relay.
#[derive(Debug)]
pub(super) enum Blocks {
    Quic {
        connection: quinn::Connection,
        room: Arc<Semaphore>,
        /// Streams that are being read.
        reading: JoinSet<Result<Received, SessionError>>,
    },
    Tcp(mpsc::Receiver<Received>),
}

impl Peer {
    pub(super) fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic(connection) => connection.remote_address(),
            Self::Tcp(connection) => connection.address,
        }
    }

    /// The round trip; over TCP a long one is assumed.
    pub(super) fn rtt(&self) -> Duration {
        match self {
            Self::Quic(connection) => connection.rtt(),
            Self::Tcp(_) => RTT_OF_TCP,
        }
    }

    /// What the relay showed of itself, verified but for its dates.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        match self {
            Self::Quic(connection) => {
                let identity = connection.peer_identity()?;
                let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
                chain.first().cloned()
            }
            Self::Tcp(connection) => connection.certificate.clone(),
        }
    }

    /// Whether both are handles on one connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quic(one), Self::Quic(other)) => one.stable_id() == other.stable_id(),
            (Self::Tcp(one), Self::Tcp(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Ends the connection and says why; the first reason stands.
    pub(super) fn close(&self, why: CloseCode) {
        match self {
            Self::Quic(connection) => {
                connection.close(VarInt::from_u32(why.code()), why.reason().as_bytes());
            }
            Self::Tcp(connection) => connection.close(why),
        }
    }

    /// Ends with the connection.
    pub(super) async fn closed(&self) {
        match self {
            Self::Quic(connection) => drop(connection.closed().await),
            Self::Tcp(connection) => connection.closed().await,
        }
    }

    /// The connection's streams, once; the bytes of blocks take up `room`.
    pub(super) async fn open(&self, room: &Arc<Semaphore>) -> Result<Streams, SessionError> {
        match self {
            Self::Quic(connection) => {
                let (control, requests) = timeout(HANDSHAKE_TIMEOUT, connection.accept_bi())
                    .await
                    .map_err(|_| SessionError::Timeout)?
                    .map_err(|_| SessionError::Lost)?;
                Ok(Streams {
                    control: Control::Quic(control),
                    requests: Requests::Quic(FrameReader::new(requests)),
                    blocks: Blocks::Quic {
                        connection: connection.clone(),
                        room: Arc::clone(room),
                        reading: JoinSet::new(),
                    },
                })
            }
            Self::Tcp(connection) => connection.take_streams().ok_or(SessionError::Lost),
        }
    }
}

impl Control {
    /// Sends a frame; a peer that does not read is given up.
    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let bytes = frame.to_bytes()?;
        let sent = async {
            match self {
                Self::Quic(stream) => Ok(stream.write_all(&bytes).await?),
                Self::Tcp(queue) => queue.send(bytes).await.map_err(|_| SessionError::Lost),
            }
        };
        timeout(HANDSHAKE_TIMEOUT, sent)
            .await
            .map_err(|_| SessionError::Timeout)?
    }

    /// Nothing more will be sent. Waits a while until the relay has received what was, because
    /// closing a QUIC connection throws it away; over TCP closing comes after it.
    pub(super) async fn finish(&mut self) {
        if let Self::Quic(stream) = self
            && stream.finish().is_ok()
        {
            drop(timeout(CLOSE_TIMEOUT, stream.stopped()).await);
        }
    }
}

impl Requests {
    /// The next frame; `None` when the relay ended in order. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, SessionError> {
        match self {
            Self::Quic(reader) => reader.next().await,
            Self::Tcp(queue) => queue.recv().await.unwrap_or(Err(SessionError::Lost)),
        }
    }

    /// The first frame, which must not keep the hub waiting.
    pub(super) async fn first(&mut self) -> Result<Frame, SessionError> {
        timeout(HANDSHAKE_TIMEOUT, self.next())
            .await
            .map_err(|_| SessionError::Timeout)??
            .ok_or(SessionError::Wire(WireError::Truncated))
    }
}

impl Blocks {
    /// Blocks that are being read.
    pub(super) fn n_reading(&self) -> usize {
        match self {
            Self::Quic { reading, .. } => reading.len(),
            Self::Tcp(_) => 0,
        }
    }

    /// The next block, while there is room for so many; never, when there is none. Dropping the
    /// future loses nothing.
    pub(super) async fn next(&mut self, room_for: usize) -> Result<Received, SessionError> {
        match self {
            Self::Tcp(_) if room_for == 0 => std::future::pending().await,
            Self::Tcp(queue) => match queue.recv().await {
                Some(received) => Ok(received),
                // Why is said where frames are read.
                None => std::future::pending().await,
            },
            Self::Quic {
                connection,
                room,
                reading,
            } => loop {
                tokio::select! {
                    stream = connection.accept_uni(), if reading.len() < room_for => {
                        let stream = stream.map_err(|_| SessionError::Lost)?;
                        reading.spawn(receive_block(stream, Arc::clone(room)));
                    }
                    Some(received) = reading.join_next() => {
                        return received.map_err(|_| SessionError::Lost)?;
                    }
                    else => std::future::pending().await,
                }
            },
        }
    }

    /// Throws away what is being read.
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Quic { reading, .. } => reading.shutdown().await,
            Self::Tcp(queue) => queue.close(),
        }
    }
}
