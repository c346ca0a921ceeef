//! Reads bodies within their limits: each one's size and time, and the memory of all together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use protocol::unit::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::Door;
use super::decode::Encoding;
use super::guests::Guest;
use crate::pipeline::Refusal;
use crate::upload::UPLOAD_BYTES_MAX;

/// Memory is handed out in pieces of this many bytes.
const PIECE: usize = 1024;
/// How long a request waits for memory before it is refused.
const MEMORY_WAIT: Duration = Duration::from_secs(3);
/// What comes of a body before it asks for memory, and what one of unknown length asks for first.
const FIRST_BYTES: usize = 16 * 1024;
/// A body that comes more slowly than this for longer than it may pause is cut.
const BYTES_PER_SECOND_MIN: u64 = 1024;
/// What a large body comes at, all in all.
const LARGE_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;
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
    pub(super) async fn first(&self, bytes: usize) -> Result<Held, Refusal> {
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

/// A body that was read.
pub(super) enum Read<'a> {
    /// All of it as it came.
    Whole(Bytes, Held),
    /// It is too large to be held.
    Large(Begun<'a>),
}

/// A body that is too large to be held.
pub(super) struct Begun<'a> {
    /// What is here of it.
    pub(super) bytes: Bytes,
    /// The rest; `None` where all of it is here.
    pub(super) arriving: Option<Arriving<'a>>,
    /// The memory of what is here.
    pub(super) held: Option<Held>,
}

/// The whole body as it came; of one that is larger than `large` bytes only its beginning.
pub(super) async fn read<'a>(
    body: Incoming,
    door: &Door,
    guest: &'a Guest,
    encoding: Encoding,
    large: Option<usize>,
) -> Result<Read<'a>, Refusal> {
    let Door { config, budget, .. } = door;
    let known = body.size_hint().exact();
    let known = known.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    if large.is_some_and(|large| known.is_some_and(|known| known > large)) {
        let arriving = Some(arriving(body, door, guest)?);
        return Ok(Read::Large(Begun {
            bytes: Bytes::new(),
            arriving,
            held: None,
        }));
    }
    let _reading = guest.read();
    let bytes_max = to_usize(config.body_bytes_max).min(budget.bytes_max);
    if known.is_some_and(|n| n > bytes_max) {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    let mut arriving = Arriving {
        body,
        guest,
        pause_max: config.body_pause_timeout.0,
        deadline: Instant::now() + config.body_timeout.0,
        slow_from: Instant::now() + config.body_pause_timeout.0,
    };
    let most = bytes_max.min(large.unwrap_or(usize::MAX));
    let (bytes, held, is_whole) = gather(&mut arriving, budget, encoding, known, most).await?;
    match large {
        _ if is_whole => Ok(Read::Whole(bytes, held)),
        None => Err(Refusal::BodyTooLarge { bytes_max }),
        Some(_) => {
            arriving.deadline += at_pace(UPLOAD_BYTES_MAX);
            let (arriving, held) = (Some(arriving), Some(held));
            Ok(Read::Large(Begun {
                bytes,
                arriving,
                held,
            }))
        }
    }
}

/// How long a large body may take besides.
const fn at_pace(bytes: u64) -> Duration {
    Duration::from_secs(bytes / LARGE_BYTES_PER_SECOND_MIN)
}

/// A body that is not held, at the pace of the slowest that is allowed.
pub(super) fn arriving<'a>(
    body: Incoming,
    door: &Door,
    guest: &'a Guest,
) -> Result<Arriving<'a>, Refusal> {
    let Door { config, .. } = door;
    let bytes_max = UPLOAD_BYTES_MAX;
    let known = body.size_hint().exact();
    if known.is_some_and(|n| n > bytes_max) {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    Ok(Arriving {
        body,
        guest,
        pause_max: config.body_pause_timeout.0,
        deadline: Instant::now() + config.body_timeout.0 + at_pace(known.unwrap_or(bytes_max)),
        slow_from: Instant::now() + config.body_pause_timeout.0,
    })
}

/// A body on its way, which may neither pause nor dribble nor last too long.
pub(super) struct Arriving<'a> {
    body: Incoming,
    guest: &'a Guest,
    pause_max: Duration,
    deadline: Instant,
    /// When it is too late for the next byte: later by a second for each KiB.
    slow_from: Instant,
}

impl Arriving<'_> {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let paused = Instant::now() + self.pause_max;
            let late = self.deadline.min(self.slow_from).min(paused);
            let frame = tokio::select! {
                // Another needs the place more.
                () = self.guest.cut.cancelled() => return Err(Refusal::BodyTimeout),
                frame = timeout_at(late, self.body.frame()) => frame,
            };
            let data = match frame {
                Err(_) => return Err(Refusal::BodyTimeout),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Refusal::BodyBroken),
                Ok(Some(Ok(frame))) => frame.into_data(),
            };
            let Ok(data) = data else { continue };
            self.guest.came(data.len());
            let n_bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.slow_from +=
                Duration::from_millis(n_bytes.saturating_mul(1000) / BYTES_PER_SECOND_MIN);
            return Ok(Some(data));
        }
    }
}

/// Waits for the first piece before it asks for memory: what a request says it will send costs
/// nobody else anything until it comes. Gives what came, and whether that is all; it stops behind
/// the piece with which it is more than `bytes_max`.
async fn gather(
    arriving: &mut Arriving<'_>,
    budget: &Budget,
    encoding: Encoding,
    known: Option<usize>,
    bytes_max: usize,
) -> Result<(Bytes, Held, bool), Refusal> {
    let mut whole = BytesMut::new();
    let wanted = known.unwrap_or(FIRST_BYTES).min(FIRST_BYTES);
    let mut is_whole = false;
    while whole.len() < wanted && !is_whole {
        match arriving.next().await? {
            // A small body comes in one piece, and needs no copy.
            Some(data) if whole.is_empty() && known == Some(data.len()) => {
                let held = budget.first(first_bytes(known, encoding)).await?;
                return Ok((data, held, true));
            }
            Some(data) => whole.extend_from_slice(&data),
            None => is_whole = true,
        }
    }
    let mut held = budget.first(first_bytes(known, encoding)).await?;
    let mut next = match is_whole {
        true => None,
        false => arriving.next().await?,
    };
    while let Some(data) = next {
        if whole.len() + data.len() > bytes_max {
            whole.extend_from_slice(&data);
            return Ok((whole.freeze(), held, false));
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
        next = arriving.next().await?;
    }
    let is_whole = whole.len() <= bytes_max;
    Ok((whole.freeze(), held, is_whole))
}

/// The memory that a body of this length asks for first.
const fn first_bytes(known: Option<usize>, encoding: Encoding) -> usize {
    let factor = match encoding {
        Encoding::Identity => 2,
        _ => UNPACKED_FACTOR,
    };
    let bytes = match known {
        Some(bytes) => bytes,
        None => FIRST_BYTES,
    };
    bytes.saturating_mul(factor)
}
