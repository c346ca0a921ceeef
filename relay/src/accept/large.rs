//! Envelopes that are too large to be held: their large files become uploads while they come, and
//! the rest is read as any other envelope, with references in the files' places.

use std::io::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use hyper::body::{Body as _, Incoming};
use protocol::envelope::{Envelope, EnvelopeError, EnvelopeItem};
use protocol::ids::WholeId;
use protocol::item::ItemKind;
use protocol::limits::{
    ENVELOPE_BYTES_MAX, ENVELOPE_HEADER_BYTES_MAX, ENVELOPE_ITEMS_MAX, ITEM_HEADER_BYTES_MAX,
};
use tokio::sync::SemaphorePermit;

use super::Door;
use super::body::{self, Arriving, Held};
use super::decode::Encoding;
use super::guests::Guest;
use crate::pipeline::{Files, Pipeline, Refusal, Request};
use crate::upload::{HEAD_BYTES, Sender};

/// Bodies from this length on are read here, in bytes as they are sent.
const LARGE_BODY_BYTES: u64 = 8 * 1024 * 1024;
/// Files from this length on become uploads, in bytes.
const LARGE_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// Memory of one that comes: what is scrubbed, twice, and its part; and the head of a dump.
pub(super) const HELD_BYTES: usize = 4 * 1024 * 1024 + HEAD_BYTES;
/// Bytes that are unpacked in one step: they become at most a thousand times as many.
const STEP_BYTES: usize = 1024;
/// What stands for a file that is not taken refers to no upload, so that nothing is kept of it.
const NOWHERE: WholeId = WholeId::from_bytes([0; 16]);

/// Whether a body is read here.
pub(super) fn is_large(body: &Incoming, encoding: Encoding) -> bool {
    let is_long = body
        .size_hint()
        .exact()
        .is_some_and(|n| n > LARGE_BODY_BYTES);
    is_long && matches!(encoding, Encoding::Identity | Encoding::Gzip)
}

/// A place among those who send large bodies.
pub(super) fn place(door: &Door) -> Result<SemaphorePermit<'_>, Refusal> {
    door.large.try_acquire().map_err(|_| Refusal::Overload)
}

/// The envelope without the content of its large files, which is kept.
pub(super) async fn envelope(
    body: Incoming,
    door: &Door,
    guest: &Guest,
    encoding: Encoding,
    asked: &Request,
) -> Result<(Bytes, Held), Refusal> {
    let _place = place(door)?;
    let held = door.budget.first(HELD_BYTES).await?;
    let _reading = guest.read();
    let mut source = Source::new(body::arriving(body, door, guest)?, encoding);
    let line = source.line(ENVELOPE_HEADER_BYTES_MAX).await?;
    let line = line.ok_or(Refusal::Envelope(EnvelopeError::HeaderTooLong))?;
    let header = Envelope::parse_header(&line).map_err(Refusal::Envelope)?;
    let sender = door.pipeline.sender(asked, header.dsn.as_ref())?;
    let bytes_max = body::to_usize(door.config.decompressed_bytes_max);
    let mut rest = Rest {
        bytes: Vec::new(),
        bytes_max,
        held,
    };
    rest.add_line(&line)?;
    let mut n_items = 0;
    while let Some(line) = source.line(ITEM_HEADER_BYTES_MAX).await? {
        if line.trim_ascii().is_empty() {
            if source.is_over() {
                break;
            }
            rest.add_line(&line)?;
            continue;
        }
        if n_items == ENVELOPE_ITEMS_MAX {
            return Err(Refusal::Envelope(EnvelopeError::TooManyItems));
        }
        let (item, length) = EnvelopeItem::parse_head(&line, n_items).map_err(Refusal::Envelope)?;
        match length {
            Some(length) if is_large_file(&item, length) => {
                // What is over a limit is passed; its item is asked again, and told of it.
                let is_taken = door.pipeline.files() == Files::Taken
                    && door.pipeline.charge(asked, header.dsn.as_ref()).is_ok();
                let item = if is_taken {
                    file(&mut source, door, &sender, &item, length).await?
                } else {
                    source.pass(length).await?;
                    Pipeline::reference(NOWHERE, &item.header, length)
                };
                rest.add_item(&item)?;
                source.end_of_item(n_items).await?;
            }
            Some(length) => {
                rest.add_line(&line)?;
                source.copy(length, &mut rest).await?;
                source.end_of_item(n_items).await?;
                rest.add(b"\n")?;
            }
            None => {
                rest.add_line(&line)?;
                let payload = source.line(bytes_max).await?;
                rest.add_line(&payload.ok_or(Refusal::BodyTooLarge { bytes_max })?)?;
            }
        }
        n_items += 1;
    }
    let Rest {
        bytes, mut held, ..
    } = rest;
    held.resize(bytes.len().saturating_mul(2))?;
    Ok((Bytes::from(bytes), held))
}

/// Views are read, and so scrubbed, as a whole.
fn is_large_file(item: &EnvelopeItem, length: u64) -> bool {
    let kind = item.header.attachment_type();
    let is_read = matches!(
        kind.as_deref(),
        Some("event.view_hierarchy" | "event.payload" | "event.breadcrumbs")
    );
    item.kind == ItemKind::Attachment && !is_read && length >= LARGE_FILE_BYTES
}

/// Takes a file's content; gives the item that stands for it.
async fn file(
    source: &mut Source<'_>,
    door: &Door,
    sender: &Sender,
    item: &EnvelopeItem,
    length: u64,
) -> Result<EnvelopeItem, Refusal> {
    let upload = door.pipeline.uploads().inline(sender, length).await;
    let mut upload = upload.map_err(Refusal::Upload)?;
    let mut left = length;
    while left > 0 {
        let bytes = source.some(left).await?;
        left -= bytes.len() as u64;
        upload.push(&bytes).await.map_err(Refusal::Upload)?;
    }
    let id = upload.id();
    upload.finish().await.map_err(Refusal::Upload)?;
    Ok(Pipeline::reference(id, &item.header, length))
}

/// What is held of an envelope.
struct Rest {
    bytes: Vec<u8>,
    bytes_max: usize,
    held: Held,
}

impl Rest {
    fn add(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let len = self.bytes.len() + bytes.len();
        if len > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        if len > self.bytes.capacity() {
            let capacity = len.saturating_mul(2).min(self.bytes_max);
            self.held.grow(HELD_BYTES + capacity)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.add(line)?;
        self.add(b"\n")
    }

    fn add_item(&mut self, item: &EnvelopeItem) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        item.write(&mut bytes);
        self.add(&bytes)
    }
}

/// A body on its way, unpacked.
struct Source<'a> {
    arriving: Arriving<'a>,
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    /// As it came, and not unpacked yet.
    packed: Bytes,
    /// Unpacked, and not used yet.
    ahead: BytesMut,
    n_bytes: usize,
    has_ended: bool,
}

impl<'a> Source<'a> {
    fn new(arriving: Arriving<'a>, encoding: Encoding) -> Self {
        let is_packed = encoding == Encoding::Gzip;
        Self {
            arriving,
            decoder: is_packed.then(|| MultiGzDecoder::new(Vec::new())),
            packed: Bytes::new(),
            ahead: BytesMut::new(),
            n_bytes: 0,
            has_ended: false,
        }
    }

    /// Whether all of it was used.
    fn is_over(&self) -> bool {
        self.has_ended && self.ahead.is_empty()
    }

    /// Waits for more, if more comes.
    async fn more(&mut self) -> Result<(), Refusal> {
        let before = self.ahead.len();
        if self.packed.is_empty() {
            match self.arriving.next().await? {
                Some(bytes) => self.packed = bytes,
                None => self.has_ended = true,
            }
        }
        let broken = |_| Refusal::Compression { encoding: "gzip" };
        match &mut self.decoder {
            None => {
                self.ahead.extend_from_slice(&self.packed);
                self.packed.clear();
            }
            Some(decoder) => {
                let step = self.packed.split_to(self.packed.len().min(STEP_BYTES));
                if self.has_ended {
                    decoder.try_finish().map_err(broken)?;
                } else {
                    decoder.write_all(&step).map_err(broken)?;
                }
                self.ahead.extend_from_slice(decoder.get_ref());
                decoder.get_mut().clear();
            }
        }
        self.n_bytes += self.ahead.len() - before;
        if self.n_bytes > ENVELOPE_BYTES_MAX {
            let bytes_max = ENVELOPE_BYTES_MAX;
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        Ok(())
    }

    /// The next line without its end; `None` when there is none, or it is longer.
    async fn line(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Refusal> {
        let mut looked_at = 0;
        loop {
            let unseen = self.ahead.get(looked_at..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unseen) {
                let line = self.ahead.split_to(looked_at + at).freeze();
                self.ahead.advance(1);
                return Ok(Some(line).filter(|line| line.len() <= bytes_max));
            }
            looked_at = self.ahead.len();
            if looked_at > bytes_max {
                let refusal = EnvelopeError::ItemHeaderTooLong { item: 0 };
                return Err(Refusal::Envelope(refusal));
            }
            if self.has_ended {
                let line = self.ahead.split().freeze();
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            self.more().await?;
        }
    }

    /// At most `most` of the next bytes, and one at least.
    async fn some(&mut self, most: u64) -> Result<Bytes, Refusal> {
        while self.ahead.is_empty() {
            if self.has_ended {
                return Err(Refusal::BodyBroken);
            }
            self.more().await?;
        }
        let n = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(self.ahead.split_to(self.ahead.len().min(n)).freeze())
    }

    async fn copy(&mut self, mut left: u64, rest: &mut Rest) -> Result<(), Refusal> {
        while left > 0 {
            let bytes = self.some(left).await?;
            left -= bytes.len() as u64;
            rest.add(&bytes)?;
        }
        Ok(())
    }

    async fn pass(&mut self, mut left: u64) -> Result<(), Refusal> {
        while left > 0 {
            left -= self.some(left).await?.len() as u64;
        }
        Ok(())
    }

    /// Passes the newline behind a payload, or the end of all.
    async fn end_of_item(&mut self, item: usize) -> Result<(), Refusal> {
        while self.ahead.is_empty() && !self.has_ended {
            self.more().await?;
        }
        match self.ahead.first() {
            None => Ok(()),
            Some(b'\n') => {
                self.ahead.advance(1);
                Ok(())
            }
            Some(_) => Err(Refusal::Envelope(EnvelopeError::NoNewline { item })),
        }
    }
}
