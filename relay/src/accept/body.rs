//! Reads bodies within their limits: each one's size and time, and the memory of all together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use protocol::unit::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Config;
use crate::pipeline::Refusal;

/// Memory is handed out in pieces of this many bytes.
const PIECE: usize = 1024;
/// How long a request waits for memory before it is refused.
const MEMORY_WAIT: Duration = Duration::from_secs(1);
/// What a body of unknown length asks for first.
const FIRST_BYTES: usize = 16 * 1024;

/// The memory of all bodies.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    pieces: Arc<Semaphore>,
    bytes_max: usize,
}

/// The part of the budget one request holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(size: ByteSize) -> Self {
        let bytes_max = to_usize(size);
        Self {
            pieces: Arc::new(Semaphore::new(
                (bytes_max / PIECE).min(Semaphore::MAX_PERMITS),
            )),
            bytes_max,
        }
    }

    /// Waits a little for memory, as long as none is held: who holds some never waits.
    async fn first(&self, bytes: usize) -> Result<Held, Refusal> {
        let acquire = Arc::clone(&self.pieces).acquire_many_owned(pieces(bytes));
        match timeout(MEMORY_WAIT, acquire).await {
            Ok(Ok(permit)) => Ok(Held {
                budget: self.clone(),
                permits: vec![permit],
                bytes,
            }),
            Ok(Err(_)) | Err(_) => Err(Refusal::Overload),
        }
    }
}

impl Held {
    /// Asks for memory up to `bytes` in all.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.budget.pieces).try_acquire_many_owned(pieces(more));
        self.permits.push(permit.map_err(|_| Refusal::Overload)?);
        self.bytes = bytes;
        Ok(())
    }

    /// What is held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

pub(super) fn to_usize(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

/// The whole body as it came.
pub(super) async fn read(
    body: Incoming,
    config: &Config,
    budget: &Budget,
) -> Result<(Bytes, Held), Refusal> {
    let bytes_max = to_usize(config.body_bytes_max).min(budget.bytes_max);
    let known = body.size_hint().exact();
    let known = known.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    if known.is_some_and(|n| n > bytes_max) {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    let held = budget.first(known.unwrap_or(FIRST_BYTES)).await?;
    let whole = gather(body, held, known, bytes_max, config.body_pause_timeout.0);
    match timeout(config.body_timeout.0, whole).await {
        Ok(whole) => whole,
        Err(_) => Err(Refusal::BodyTimeout),
    }
}

async fn gather(
    mut body: Incoming,
    mut held: Held,
    known: Option<usize>,
    bytes_max: usize,
    pause_max: Duration,
) -> Result<(Bytes, Held), Refusal> {
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout(pause_max, body.frame()).await {
            Err(_) => return Err(Refusal::BodyTimeout),
            Ok(None) => return Ok((whole.freeze(), held)),
            Ok(Some(Err(_))) => return Err(Refusal::BodyBroken),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        // A small body comes in one piece, and needs no copy.
        if whole.is_empty() && known == Some(data.len()) {
            return Ok((data, held));
        }
        if whole.len() + data.len() > bytes_max {
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        if whole.capacity() < whole.len() + data.len() {
            let wanted = whole
                .capacity()
                .saturating_mul(2)
                .max(whole.len() + data.len());
            let wanted = wanted.max(known.unwrap_or(0)).min(bytes_max);
            held.grow(wanted)?;
            whole.reserve(wanted - whole.len());
        }
        whole.extend_from_slice(&data);
    }
}
