//! The link over TLS on TCP, for networks that let no UDP through: every frame on one stream.
//!
//! A connection is two loops, one that reads and one that writes, run by [`Pump::run`]; the
//! session talks to them through short queues. A block is read only when there is room for it,
//! so a relay that sends more than it may waits in its own socket.
//!
//! What always holds: a relay that says nothing for [`IDLE_TIMEOUT`], or does not read for
//! [`HANDSHAKE_TIMEOUT`], is gone; the last frame of a connection that the hub ends is a Close
//! with the code.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use protocol::block::read_head;
use protocol::wire::{CloseCode, ErrorBody, Frame, WireError};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::peer::{Blocks, Control, Requests, Streams};
use super::stream::{CHUNK_BYTES_MAX, Received, SessionError, room_for};
use super::tls::IDLE_TIMEOUT;
use super::{CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT};

/// Frames that wait between the session and the loops.
const QUEUE_LEN: usize = 8;
/// Bytes written at once: what a relay must take within [`HANDSHAKE_TIMEOUT`].
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// A connection, as its session and whoever may end it see it.
#[derive(Debug)]
pub(super) struct TcpConnection {
    pub(super) address: SocketAddr,
    /// What the relay showed of itself.
    pub(super) certificate: Option<CertificateDer<'static>>,
    /// Why it is to end.
    closing: watch::Sender<Option<CloseCode>>,
    /// Cancelled when it has ended.
    closed: CancellationToken,
    streams: Mutex<Option<Streams>>,
}

/// What moves the bytes of a connection.
pub(super) struct Pump {
    stream: TlsStream<TcpStream>,
    connection: Arc<TcpConnection>,
    room: Arc<Semaphore>,
    frames: mpsc::Sender<Result<Option<Frame>, SessionError>>,
    blocks: mpsc::Sender<Received>,
    control: mpsc::Receiver<Bytes>,
}

/// Makes a connection of a stream after its handshake.
pub(super) fn connection(
    stream: TlsStream<TcpStream>,
    address: SocketAddr,
    room: Arc<Semaphore>,
) -> (Arc<TcpConnection>, Pump) {
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.and_then(|chain| chain.first());
    let (frames, requests) = mpsc::channel(QUEUE_LEN);
    let (blocks, received) = mpsc::channel(1);
    let (queue, control) = mpsc::channel(QUEUE_LEN);
    let connection = Arc::new(TcpConnection {
        address,
        certificate: certificate.map(|certificate| certificate.clone().into_owned()),
        closing: watch::Sender::new(None),
        closed: CancellationToken::new(),
        streams: Mutex::new(Some(Streams {
            control: Control::Tcp(queue),
            requests: Requests::Tcp(requests),
            blocks: Blocks::Tcp(received),
        })),
    });
    let pump = Pump {
        stream,
        connection: Arc::clone(&connection),
        room,
        frames,
        blocks,
        control,
    };
    (connection, pump)
}

impl TcpConnection {
    pub(super) fn close(&self, why: CloseCode) {
        self.closing.send_if_modified(|closing| {
            let is_first = closing.is_none();
            closing.get_or_insert(why);
            is_first
        });
    }

    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    pub(super) fn take_streams(&self) -> Option<Streams> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.take()
    }
}

impl Pump {
    /// Moves bytes until the connection is closed by either side.
    pub(super) async fn run(self) {
        let Self {
            stream,
            connection,
            room,
            frames,
            blocks,
            control,
        } = self;
        let (mut reader, writer) = tokio::io::split(stream);
        let mut closing = connection.closing.subscribe();
        let reading = async {
            let ended = tokio::select! {
                ended = read(&mut reader, &frames, &blocks, &room) => ended,
                _ = told(&mut closing) => Err(SessionError::Lost),
            };
            // The session may be gone before it heard of the end.
            drop(frames.send(ended.map(|()| None)).await);
        };
        let writing = async {
            if let Err(error) = write(writer, control, &connection.closing).await {
                tracing::debug!(address = %connection.address, %error, "relay does not read");
                connection.close(CloseCode::Timeout);
            }
        };
        tokio::join!(reading, writing);
        // Bytes that nobody read would make the end a reset, and the last frame might be lost.
        drop(timeout(CLOSE_TIMEOUT, discard(&mut reader)).await);
        connection.closed.cancel();
    }
}

/// Reads frames until the relay ends the stream between two.
async fn read(
    reader: &mut ReadHalf<TlsStream<TcpStream>>,
    frames: &mpsc::Sender<Result<Option<Frame>, SessionError>>,
    blocks: &mpsc::Sender<Received>,
    room: &Arc<Semaphore>,
) -> Result<(), SessionError> {
    let mut buffer = BytesMut::new();
    loop {
        let Some(len) = Frame::len_of(&buffer)? else {
            if fill(reader, &mut buffer).await? {
                continue;
            }
            return match buffer.is_empty() {
                true => Ok(()),
                false => Err(WireError::Truncated.into()),
            };
        };
        let is_block = Frame::is_batch(&buffer);
        let permit = match is_block {
            true => Some(room_for(len, room).await?),
            false => None,
        };
        while buffer.len() < len {
            if !fill(reader, &mut buffer).await? {
                return Err(WireError::Truncated.into());
            }
        }
        let gone = match permit {
            Some(room) => {
                let Frame::Batch(block) = Frame::parse(&buffer.split_to(len).freeze())? else {
                    return Err(SessionError::Unexpected("frame, not a block"));
                };
                let head = read_head(&block)?;
                blocks.send(Received { head, block, room }).await.is_err()
            }
            None => match Frame::decode(&mut buffer)? {
                // The relay's last word.
                Some(Frame::Close(_)) => return Ok(()),
                Some(frame) => frames.send(Ok(Some(frame))).await.is_err(),
                None => false,
            },
        };
        if gone {
            return Ok(());
        }
    }
}

/// Waits for more bytes; `false` at the end of the stream.
async fn fill(
    reader: &mut ReadHalf<TlsStream<TcpStream>>,
    buffer: &mut BytesMut,
) -> Result<bool, SessionError> {
    buffer.reserve(CHUNK_BYTES_MAX);
    let read = timeout(IDLE_TIMEOUT, reader.read_buf(buffer)).await;
    match read.map_err(|_| SessionError::Timeout)? {
        Ok(n) => Ok(n > 0),
        Err(_) => Err(SessionError::Lost),
    }
}

/// Writes frames until the connection is to end, and then why.
async fn write(
    mut writer: WriteHalf<TlsStream<TcpStream>>,
    mut control: mpsc::Receiver<Bytes>,
    closing: &watch::Sender<Option<CloseCode>>,
) -> io::Result<()> {
    let mut closing = closing.subscribe();
    let why = loop {
        tokio::select! {
            // What the session said goes before the end.
            biased;
            Some(frame) = control.recv() => put(&mut writer, &frame).await?,
            why = told(&mut closing) => break why,
        }
    };
    let last = Frame::Close(ErrorBody {
        code: why.code(),
        message: why.reason().to_owned(),
    });
    let last = last.to_bytes().map_err(io::Error::other)?;
    let end = async {
        put(&mut writer, &last).await?;
        writer.shutdown().await
    };
    // A relay that is gone needs no last word.
    drop(timeout(CLOSE_TIMEOUT, end).await);
    Ok(())
}

/// Ends when the connection is to end; gives why.
async fn told(closing: &mut watch::Receiver<Option<CloseCode>>) -> CloseCode {
    let why = closing.wait_for(Option::is_some).await;
    why.ok().and_then(|why| *why).unwrap_or(CloseCode::Done)
}

async fn put(writer: &mut WriteHalf<TlsStream<TcpStream>>, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.chunks(WRITE_BYTES_MAX) {
        timeout(HANDSHAKE_TIMEOUT, writer.write_all(chunk)).await??;
    }
    timeout(HANDSHAKE_TIMEOUT, writer.flush()).await?
}

async fn discard(reader: &mut ReadHalf<TlsStream<TcpStream>>) {
    let mut bytes = BytesMut::with_capacity(CHUNK_BYTES_MAX);
    while let Ok(1..) = reader.read_buf(&mut bytes).await {
        bytes.clear();
    }
}
