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
use super::decode::Encoding;
use crate::pipeline::Refusal;

/// Memory is handed out in pieces of this many bytes.
const PIECE: usize = 1024;
/// How long a request waits for memory before it is refused.
const MEMORY_WAIT: Duration = Duration::from_secs(3);
/// What a body of unknown length asks for first.
const FIRST_BYTES: usize = 16 * 1024;
/// How much larger a packed body is taken to become, before anything is known about it.
const UNPACKED_FACTOR: usize = 8;

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
    permit: OwnedSemaphorePermit,
}

impl Budget {
    pub(super) fn new(size: ByteSize) -> Self {
        let bytes_max = to_usize(size).min(u32::MAX as usize);
        Self {
            pieces: Arc::new(Semaphore::new(bytes_max / PIECE)),
            bytes_max,
        }
    }

    /// Waits a little for memory. Only who holds none waits, so that nobody waits for ever.
    async fn first(&self, bytes: usize) -> Result<Held, Refusal> {
        let acquire = Arc::clone(&self.pieces).acquire_many_owned(self.pieces_of(bytes));
        match timeout(MEMORY_WAIT, acquire).await {
            Ok(Ok(permit)) => Ok(Held {
                budget: self.clone(),
                permit,
            }),
            Ok(Err(_)) | Err(_) => Err(Refusal::Overload),
        }
    }

    /// The largest request may take everything, and never more.
    fn pieces_of(&self, bytes: usize) -> u32 {
        let pieces = bytes
            .min(self.bytes_max - self.bytes_max % PIECE)
            .div_ceil(PIECE);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }
}

impl Held {
    /// Asks for memory up to `bytes` in all.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let wanted = self.budget.pieces_of(bytes) as usize;
        let more = wanted.saturating_sub(self.permit.num_permits());
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            let permit = Arc::clone(&self.budget.pieces).try_acquire_many_owned(more);
            self.permit.merge(permit.map_err(|_| Refusal::Overload)?);
        }
        Ok(())
    }

    /// Asks for memory up to `bytes` in all, or gives back what is held beyond it.
    pub(super) fn resize(&mut self, bytes: usize) -> Result<(), Refusal> {
        let wanted = self.budget.pieces_of(bytes) as usize;
        let spare = self.permit.num_permits().saturating_sub(wanted);
        drop(self.permit.split(spare));
        self.grow(bytes)
    }
}

pub(super) fn to_usize(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

/// The whole body as it came.
pub(super) async fn read(
    body: Incoming,
    config: &Config,
    budget: &Budget,
    encoding: Encoding,
) -> Result<(Bytes, Held), Refusal> {
    let bytes_max = to_usize(config.body_bytes_max).min(budget.bytes_max);
    let known = body.size_hint().exact();
    let known = known.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    if known.is_some_and(|n| n > bytes_max) {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    let factor = match encoding {
        Encoding::Identity => 2,
        _ => UNPACKED_FACTOR,
    };
    let first = known.unwrap_or(FIRST_BYTES).saturating_mul(factor);
    let held = budget.first(first).await?;
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
