//! The link over QUIC.

use bytes::{Bytes, BytesMut};
use protocol::ids::Lane;
use protocol::wire::Frame;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{CLOSE_TIMEOUT, FRAME_TIMEOUT, PathFigures};
use crate::forward::error::LinkError;

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
}

impl QuicChannel {
    /// Opens the control stream.
    pub(in crate::forward) async fn open(
        endpoint: Endpoint,
        connection: Connection,
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
        })
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
