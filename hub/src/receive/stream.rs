//! Frames and blocks out of QUIC streams, and why a session ends.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use protocol::block::{BlockError, Head, read_head};
use protocol::wire::{CloseCode, Frame, WireError};
use quinn::{ReadError, ReadToEndError, RecvStream, WriteError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::HANDSHAKE_TIMEOUT;
use super::inbox::Refusal;

/// Most bytes taken from a stream at once.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// Why a session ends before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The peer's bytes are no frames.
    #[error("bad frame")]
    Wire(#[from] WireError),
    /// A frame that belongs elsewhere, or nowhere.
    #[error("unexpected {0}")]
    Unexpected(&'static str),
    /// A block that is not what its checksum says.
    #[error("bad block")]
    Block(#[from] BlockError),
    /// The peer did not do in time what it had to.
    #[error("silent for too long")]
    Timeout,
    /// Too much at once.
    #[error("limit reached")]
    Limit,
    /// The connection is gone.
    #[error("connection lost")]
    Lost,
    /// The hub refuses the relay or cannot serve it.
    #[error("{}", .0.reason())]
    Refused(CloseCode),
}

impl SessionError {
    /// What the peer is told.
    pub(super) const fn code(&self) -> CloseCode {
        match self {
            Self::Wire(_) | Self::Unexpected(_) => CloseCode::BadFrame,
            Self::Block(_) => CloseCode::BadBlock,
            Self::Timeout => CloseCode::Timeout,
            Self::Limit => CloseCode::Limit,
            Self::Lost => CloseCode::Done,
            Self::Refused(code) => *code,
        }
    }
}

impl From<Refusal> for SessionError {
    fn from(refusal: Refusal) -> Self {
        Self::Unexpected(match refusal {
            Refusal::Epoch => "block of another epoch",
            Refusal::Gap => "gap",
        })
    }
}

impl From<ReadError> for SessionError {
    fn from(_: ReadError) -> Self {
        Self::Lost
    }
}

impl From<WriteError> for SessionError {
    fn from(_: WriteError) -> Self {
        Self::Lost
    }
}

/// Reads control frames. Dropping the future of [`FrameReader::next`] loses nothing.
#[derive(Debug)]
pub(super) struct FrameReader {
    stream: RecvStream,
    buffer: BytesMut,
}

impl FrameReader {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next frame; `None` when the peer ended the stream between two.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, SessionError> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            match self.stream.read_chunk(CHUNK_BYTES_MAX, true).await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(WireError::Truncated.into()),
            }
        }
    }
}

/// A block whose checksum holds, and the room it takes up.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) head: Head,
    pub(super) block: Bytes,
    pub(super) room: OwnedSemaphorePermit,
}

/// Takes the one block of a stream, once there is room for it.
pub(super) async fn receive_block(
    mut stream: RecvStream,
    room: Arc<Semaphore>,
) -> Result<Received, SessionError> {
    let mut bytes = BytesMut::new();
    let len = loop {
        match stream.read_chunk(CHUNK_BYTES_MAX, true).await? {
            Some(chunk) => bytes.extend_from_slice(&chunk.bytes),
            None => return Err(WireError::Truncated.into()),
        }
        if let Some(len) = Frame::len_of(&bytes)? {
            break len;
        }
    };
    let room = room_for(len, &room).await?;
    let rest_max = len.saturating_sub(bytes.len());
    let rest = match stream.read_to_end(rest_max).await {
        Ok(rest) => rest,
        Err(ReadToEndError::TooLong) => return Err(WireError::Trailing { n: 1 }.into()),
        Err(ReadToEndError::Read(error)) => return Err(error.into()),
    };
    bytes.extend_from_slice(&rest);
    let Frame::Batch(block) = Frame::parse(&bytes.freeze())? else {
        return Err(SessionError::Unexpected(
            "control frame on a block's stream",
        ));
    };
    let head = read_head(&block)?;
    Ok(Received { head, block, room })
}

/// Room for a block of so many bytes; there is none for a relay that has to wait too long.
pub(super) async fn room_for(
    len: usize,
    room: &Arc<Semaphore>,
) -> Result<OwnedSemaphorePermit, SessionError> {
    let n_kib = u32::try_from(len / 1024 + 1).map_err(|_| SessionError::Limit)?;
    let permit = Arc::clone(room).acquire_many_owned(n_kib);
    timeout(HANDSHAKE_TIMEOUT, permit)
        .await
        .map_err(|_| SessionError::Limit)?
        .map_err(|_| SessionError::Lost)
}
