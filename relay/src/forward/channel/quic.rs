//! The link over QUIC.

use bytes::{Bytes, BytesMut};
use protocol::ids::Lane;
use protocol::wire::Frame;
use quinn::{
    Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt, ZeroRttAccepted,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{CLOSE_TIMEOUT, FRAME_TIMEOUT, PathFigures};
use crate::forward::dial::CONNECT_TIMEOUT;
use crate::forward::error::LinkError;
use crate::forward::tls::ConnectError;

/// Most bytes taken from the control stream at once.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// A QUIC connection with its control stream.
#[derive(Debug)]
pub(in crate::forward) struct QuicChannel {
    endpoint: Endpoint,
    connection: Connection,
    control: SendStream,
    answers: FrameReader,
    sending: JoinSet<Result<(), ConnectionError>>,
    early: Early,
}

/// Whether something is said before the handshake is over.
enum Early {
    /// Nothing was.
    No,
    /// It is not known yet whether the hub takes it.
    Said(ZeroRttAccepted),
    /// The hub took it.
    Heard,
}

impl std::fmt::Debug for Early {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::No => "No",
            Self::Said(_) => "Said",
            Self::Heard => "Heard",
        })
    }
}

impl QuicChannel {
    /// Opens the control stream.
    pub(in crate::forward) async fn open(
        endpoint: Endpoint,
        connection: Connection,
        early: Option<ZeroRttAccepted>,
    ) -> Result<Self, LinkError> {
        let opened = connection.open_bi().await;
        let (control, answers) = opened.map_err(LinkError::from_quic)?;
        Ok(Self {
            endpoint,
            connection,
            control,
            answers: FrameReader {
                stream: answers,
                buffer: BytesMut::new(),
            },
            sending: JoinSet::new(),
            early: early.map_or(Early::No, Early::Said),
        })
    }

    /// Waits for the end of a handshake that what was said has gone ahead of. Where the hub did not
    /// take it there is another control stream, on which it is to be said again.
    pub(super) async fn was_heard(&mut self) -> Result<bool, LinkError> {
        let Early::Said(taken) = std::mem::replace(&mut self.early, Early::No) else {
            return Ok(true);
        };
        match timeout(CONNECT_TIMEOUT, taken).await {
            Err(_) => {
                let at = self.connection.remote_address().to_string();
                Err(ConnectError::Silent { at }.into())
            }
            Ok(true) => {
                self.early = Early::Heard;
                Ok(true)
            }
            Ok(false) => {
                let opened = self.connection.open_bi().await;
                let (control, answers) = opened.map_err(LinkError::from_quic)?;
                (self.control, self.answers.stream) = (control, answers);
                Ok(false)
            }
        }
    }

    /// Whether the hub took what was said before the handshake was over.
    pub(super) const fn was_early(&self) -> bool {
        matches!(self.early, Early::Heard)
    }

    pub(super) async fn send(&mut self, frame: Bytes) -> Result<(), LinkError> {
        match timeout(FRAME_TIMEOUT, self.control.write_all(&frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(LinkError::Timeout),
        }
    }

    pub(super) fn send_block(&mut self, lane: Lane, header: Bytes, block: Bytes) {
        let sending = send_block(self.connection.clone(), lane, header, block);
        self.sending.spawn(sending);
    }

    pub(super) async fn next(&mut self) -> Result<Frame, LinkError> {
        loop {
            tokio::select! {
                frame = self.answers.next() => return match frame? {
                    Some(frame) => Ok(frame),
                    None => Err(self.lost()),
                },
                Some(sent) = self.sending.join_next() => match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(LinkError::from_quic(error)),
                    Err(_) => return Err(LinkError::Stopping),
                },
            }
        }
    }

    pub(super) fn figures(&self) -> PathFigures {
        let stats = self.connection.stats();
        PathFigures {
            rtt: self.connection.rtt(),
            sent: stats.path.sent_packets,
            lost: stats.path.lost_packets,
            heard: stats.udp_rx.datagrams,
            cwnd: stats.path.cwnd,
        }
    }

    pub(super) async fn finish(&mut self) {
        if self.control.finish().is_ok() {
            drop(timeout(CLOSE_TIMEOUT, self.control.stopped()).await);
        }
    }

    pub(super) async fn close(self, error: LinkError) -> LinkError {
        // A stream's error says less than the connection's.
        let error = match (error, self.connection.close_reason()) {
            (LinkError::Lost(_), Some(reason)) => LinkError::from_quic(reason),
            (error, _) => error,
        };
        let code = error.close_code();
        let reason = code.reason().as_bytes();
        self.connection.close(VarInt::from_u32(code.code()), reason);
        drop(timeout(CLOSE_TIMEOUT, self.endpoint.wait_idle()).await);
        error
    }

    fn lost(&self) -> LinkError {
        let reason = self.connection.close_reason();
        LinkError::from_quic(reason.unwrap_or(ConnectionError::Reset))
    }
}

/// Sends one block on a stream of its own; the more important the lane, the earlier.
async fn send_block(
    connection: Connection,
    lane: Lane,
    header: Bytes,
    block: Bytes,
) -> Result<(), ConnectionError> {
    let mut stream = connection.open_uni().await?;
    let priority = i32::try_from(lane.index()).map_or(i32::MIN, |place| -place);
    // These fail only with the connection, which the owner hears of by itself.
    if stream.set_priority(priority).is_err() {
        return Ok(());
    }
    let written = stream.write_all_chunks(&mut [header, block]).await;
    match (written, connection.close_reason()) {
        (Err(_), Some(reason)) => Err(reason),
        (Err(_), None) => Err(ConnectionError::Reset),
        (Ok(()), _) => {
            drop(stream.finish());
            Ok(())
        }
    }
}

/// Reads control frames. Dropping the future of [`FrameReader::next`] loses nothing.
#[derive(Debug)]
struct FrameReader {
    stream: RecvStream,
    buffer: BytesMut,
}

impl FrameReader {
    /// The next frame; `None` when the stream is gone.
    async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            match self.stream.read_chunk(CHUNK_BYTES_MAX, true).await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk.bytes),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}
