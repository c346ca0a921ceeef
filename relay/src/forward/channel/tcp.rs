//! The link over TLS on TCP: every frame on one stream.
//!
//! One task reads and one writes; both end with the channel. Control frames go before blocks, and
//! of blocks that wait the more important lane's goes first.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::ids::Lane;
use protocol::wire::{CloseCode, ErrorBody, Frame, Ping};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_rustls::client::TlsStream;

use super::{CLOSE_TIMEOUT, FRAME_TIMEOUT, IDLE_TIMEOUT, KEEP_ALIVE, PathFigures};
use crate::forward::error::LinkError;

/// Control frames that wait for the writer.
const CONTROL_QUEUE_LEN: usize = 64;
/// Blocks handed to the writer; how many are under way at all is the outbox's to bound.
const BLOCK_QUEUE_LEN: usize = 16;
/// Frames that wait for the session.
const ANSWER_QUEUE_LEN: usize = 8;
/// Bytes read at once.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes written at once: what the hub must take within [`IDLE_TIMEOUT`].
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// A block on its way to the writer.
type Outgoing = (Lane, Bytes, Bytes);
type Answers = mpsc::Sender<Result<Frame, LinkError>>;

/// A TLS connection whose frames are moved by two tasks.
#[derive(Debug)]
pub(in crate::forward) struct TcpChannel {
    control: mpsc::Sender<Bytes>,
    blocks: mpsc::Sender<Outgoing>,
    answers: mpsc::Receiver<Result<Frame, LinkError>>,
    /// Reads that gave something.
    heard: Arc<AtomicU64>,
    rtt: Duration,
    pings: Interval,
    /// The number the hub was asked to send back, and when.
    pinged: Option<(u64, Instant)>,
    n_pings: u64,
    closing: watch::Sender<Option<CloseCode>>,
    tasks: JoinSet<()>,
}

impl TcpChannel {
    /// Takes over a stream after its handshake; `rtt` is what connecting took.
    pub(in crate::forward) fn open(stream: TlsStream<TcpStream>, rtt: Duration) -> Self {
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE_LEN);
        let (blocks, block_queue) = mpsc::channel(BLOCK_QUEUE_LEN);
        let (answer, answers) = mpsc::channel(ANSWER_QUEUE_LEN);
        let heard = Arc::new(AtomicU64::new(0));
        let (closing, close) = watch::channel(None);
        let (reader, writer) = tokio::io::split(stream);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(
            writer,
            control_queue,
            block_queue,
            close,
            answer.clone(),
        ));
        tasks.spawn(read(reader, Arc::clone(&heard), answer));
        let mut pings = interval(KEEP_ALIVE);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            control,
            blocks,
            answers,
            heard,
            rtt,
            pings,
            pinged: None,
            n_pings: 0,
            closing,
            tasks,
        }
    }

    pub(super) async fn send(&mut self, frame: Bytes) -> Result<(), LinkError> {
        match timeout(FRAME_TIMEOUT, self.control.send(frame)).await {
            Ok(sent) => sent.map_err(|_| gone()),
            Err(_) => Err(LinkError::Timeout),
        }
    }

    pub(super) async fn send_block(
        &mut self,
        lane: Lane,
        header: Bytes,
        block: Bytes,
    ) -> Result<(), LinkError> {
        // The writer takes blocks in while it writes, so this does not wait for the hub.
        let sent = self.blocks.send((lane, header, block)).await;
        sent.map_err(|_| gone())
    }

    pub(super) async fn next(&mut self) -> Result<Frame, LinkError> {
        loop {
            tokio::select! {
                answer = self.answers.recv() => match answer {
                    Some(Ok(Frame::Ping(Ping { nonce, answer: true }))) => self.answered(nonce),
                    Some(answer) => return answer,
                    None => return Err(gone()),
                },
                _ = self.pings.tick() => self.ping(),
            }
        }
    }

    pub(super) fn figures(&self) -> PathFigures {
        PathFigures {
            rtt: self.rtt,
            sent: 0,
            lost: 0,
            heard: self.heard.load(Ordering::Relaxed),
            cwnd: 0,
        }
    }

    pub(super) async fn close(mut self, error: LinkError) -> LinkError {
        // The hub's last word says more than that the stream is gone.
        let error = match error {
            LinkError::Lost(_) => timeout(CLOSE_TIMEOUT, self.last_word()).await,
            other => Ok(other),
        };
        let error = error.unwrap_or_else(|_| gone());
        self.closing.send_replace(Some(error.close_code()));
        let Self {
            control,
            blocks,
            answers,
            mut tasks,
            ..
        } = self;
        drop((control, blocks, answers));
        let ended = async { while tasks.join_next().await.is_some() {} };
        drop(timeout(CLOSE_TIMEOUT, ended).await);
        error
    }

    async fn last_word(&mut self) -> LinkError {
        loop {
            match self.answers.recv().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => return gone(),
            }
        }
    }

    fn ping(&mut self) {
        self.n_pings += 1;
        let ping = Frame::Ping(Ping {
            nonce: self.n_pings,
            answer: false,
        });
        let sent = ping.to_bytes().map(|bytes| self.control.try_send(bytes));
        if matches!(sent, Ok(Ok(()))) && self.pinged.is_none() {
            self.pinged = Some((self.n_pings, Instant::now()));
        }
    }

    fn answered(&mut self, nonce: u64) {
        if let Some((_, at)) = self.pinged.take_if(|(asked, _)| *asked <= nonce) {
            self.rtt = (self.rtt * 3 + at.elapsed()) / 4;
        }
    }
}

fn gone() -> LinkError {
    LinkError::Lost("the stream is closed".to_owned())
}

async fn read(mut reader: ReadHalf<TlsStream<TcpStream>>, heard: Arc<AtomicU64>, answers: Answers) {
    let mut buffer = BytesMut::new();
    let error = loop {
        let answer = match Frame::decode(&mut buffer) {
            Ok(Some(Frame::Close(last))) => Err(LinkError::Closed {
                code: CloseCode::from_code(last.code.into()),
                reason: last.message,
            }),
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => match fill(&mut reader, &mut buffer).await {
                Ok(()) => {
                    heard.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Err(error) => Err(LinkError::Lost(error.to_string())),
            },
            Err(error) => Err(error.into()),
        };
        let frame = match answer {
            Ok(frame) => frame,
            Err(error) => break error,
        };
        if answers.send(Ok(frame)).await.is_err() {
            return;
        }
    };
    // When the session is gone, nobody needs to know.
    drop(answers.send(Err(error)).await);
}

async fn fill(
    reader: &mut ReadHalf<TlsStream<TcpStream>>,
    buffer: &mut BytesMut,
) -> io::Result<()> {
    buffer.reserve(READ_BYTES_MAX);
    match timeout(IDLE_TIMEOUT, reader.read_buf(buffer)).await?? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn write(
    writer: WriteHalf<TlsStream<TcpStream>>,
    control: mpsc::Receiver<Bytes>,
    blocks: mpsc::Receiver<Outgoing>,
    closing: watch::Receiver<Option<CloseCode>>,
    answers: Answers,
) {
    if let Err(error) = write_all(writer, control, blocks, closing).await {
        // The reader may have the hub's own word on its way.
        drop(timeout(CLOSE_TIMEOUT, answers.closed()).await);
        drop(answers.send(Err(LinkError::Lost(error.to_string()))).await);
    }
}

async fn write_all(
    mut writer: WriteHalf<TlsStream<TcpStream>>,
    mut control: mpsc::Receiver<Bytes>,
    mut blocks: mpsc::Receiver<Outgoing>,
    mut closing: watch::Receiver<Option<CloseCode>>,
) -> io::Result<()> {
    // By lane, then in the order they came.
    let mut waiting = BTreeMap::new();
    let mut n_blocks = 0_u64;
    let why = loop {
        tokio::select! {
            biased;
            Some(frame) = control.recv() => put(&mut writer, &frame).await?,
            why = told(&mut closing) => break why,
            Some((lane, header, block)) = blocks.recv() => {
                n_blocks += 1;
                waiting.insert((lane.index(), n_blocks), (header, block));
            }
            // Ready at once, so that what came meanwhile is looked at before each block.
            Some((header, block)) = async { waiting.pop_first().map(|(_, block)| block) } => {
                put(&mut writer, &header).await?;
                put(&mut writer, &block).await?;
            }
        }
    };
    let last = Frame::Close(ErrorBody {
        code: why.code(),
        message: why.reason().to_owned(),
    });
    put(&mut writer, &last.to_bytes().map_err(io::Error::other)?).await?;
    writer.shutdown().await
}

/// Ends when the connection is to end; gives why.
async fn told(closing: &mut watch::Receiver<Option<CloseCode>>) -> CloseCode {
    let why = closing.wait_for(Option::is_some).await;
    why.ok().and_then(|why| *why).unwrap_or(CloseCode::Done)
}

async fn put(writer: &mut WriteHalf<TlsStream<TcpStream>>, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.chunks(WRITE_BYTES_MAX) {
        timeout(IDLE_TIMEOUT, writer.write_all(chunk)).await??;
    }
    timeout(IDLE_TIMEOUT, writer.flush()).await?
}
