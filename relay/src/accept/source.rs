//! A body on its way, unpacked as far as it is wanted.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem;
use protocol::envelope::EnvelopeError;
use protocol::limits::ENVELOPE_BYTES_MAX;

use super::body::Arriving;
use super::decode::Encoding;
use crate::pipeline::Refusal;
use crate::report::ReportError;
use crate::unpack::{Broken, Packing, Unpacker};

/// A body of which little is held.
pub(super) struct Source<'a> {
    /// What still comes; `None` once all of it is here.
    arriving: Option<Arriving<'a>>,
    /// How it is packed, the outermost first.
    layers: Vec<Layer>,
    /// Unpacked, and not used yet.
    ahead: BytesMut,
    n_bytes: usize,
    /// Most bytes, unpacked.
    bytes_max: usize,
}

/// One packing, and what came of it that is not unpacked yet.
struct Layer {
    unpacker: Unpacker,
    packed: Bytes,
    is_done: bool,
}

impl<'a> Source<'a> {
    /// A body that is packed in this way, or not at all.
    pub(super) async fn open(
        bytes: Bytes,
        arriving: Option<Arriving<'a>>,
        encoding: Encoding,
    ) -> Result<Self, Refusal> {
        let mut source = Self {
            arriving,
            layers: Vec::new(),
            n_bytes: bytes.len(),
            bytes_max: ENVELOPE_BYTES_MAX,
            ahead: BytesMut::from(bytes),
        };
        // Two bytes tell one kind of deflate from the other.
        let begin = source.peek(2).await?;
        if let Some(packing) = encoding.packing(begin) {
            source.unpack(packing);
        }
        Ok(source)
    }

    /// The same of a body that may be as large.
    pub(super) const fn up_to(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// What is here and what follows is packed.
    pub(super) fn unpack(&mut self, packing: Packing) {
        let packed = self.ahead.split().freeze();
        self.n_bytes = 0;
        self.layers.push(Layer {
            unpacker: Unpacker::new(packing),
            packed,
            is_done: false,
        });
    }

    /// Whether nothing more comes than what is ahead.
    fn has_ended(&self) -> bool {
        self.arriving.is_none() && self.layers.iter().all(|layer| layer.is_done)
    }

    /// Whether all of it was used.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended() && self.ahead.is_empty()
    }

    /// Waits for more, if more comes.
    async fn more(&mut self) -> Result<(), Refusal> {
        let before = self.ahead.len();
        let has_work = |layer: &Layer| !layer.packed.is_empty();
        let is_next = |layer: &Layer| !layer.is_done;
        if let Some(at) = self.layers.iter().rposition(has_work) {
            self.run(at)?;
        } else if let Some(arriving) = &mut self.arriving {
            match arriving.next().await? {
                Some(bytes) => self.give(0, bytes),
                None => self.arriving = None,
            }
        } else if let Some(at) = self.layers.iter().position(is_next) {
            self.run(at)?;
        }
        self.n_bytes += self.ahead.len() - before;
        check_length(self.n_bytes, self.bytes_max)
    }

    /// Unpacks a little, or what is left at the end.
    fn run(&mut self, at: usize) -> Result<(), Refusal> {
        let Some(layer) = self.layers.get_mut(at) else {
            return Ok(());
        };
        let mut out = BytesMut::new();
        if layer.packed.is_empty() {
            layer.is_done = !layer.unpacker.finish(&mut out).map_err(broken)?;
        } else {
            let stepped = layer.unpacker.step(&mut layer.packed, &mut out);
            stepped.map_err(broken)?;
        }
        self.give(at + 1, out.freeze());
        Ok(())
    }

    fn give(&mut self, to: usize, bytes: Bytes) {
        match self.layers.get_mut(to) {
            Some(layer) => layer.packed = bytes,
            None => self.ahead.extend_from_slice(&bytes),
        }
    }

    /// The next bytes, so many of them where as many come.
    pub(super) async fn peek(&mut self, n: usize) -> Result<&[u8], Refusal> {
        while self.ahead.len() < n && !self.has_ended() {
            self.more().await?;
        }
        Ok(self.ahead.get(..n).unwrap_or(&self.ahead))
    }

    /// Passes bytes that were looked at.
    pub(super) fn advance(&mut self, n: usize) {
        self.ahead.advance(n.min(self.ahead.len()));
    }

    /// The next line without its end; `None` when there is none, or it is longer.
    pub(super) async fn line(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Refusal> {
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
            if self.has_ended() {
                let line = self.ahead.split().freeze();
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            self.more().await?;
        }
    }

    /// Some of the next bytes, at most `most`; `None` when there are no more.
    pub(super) async fn some(&mut self, most: u64) -> Result<Option<Bytes>, Refusal> {
        while self.ahead.is_empty() {
            if self.has_ended() {
                return Ok(None);
            }
            self.more().await?;
        }
        let n = usize::try_from(most).unwrap_or(usize::MAX);
        let n = self.ahead.len().min(n);
        Ok(Some(self.ahead.split_to(n).freeze()))
    }

    /// Some of what stands before a line that begins with the delimiter, whose first byte ends the
    /// line before; `None` when all of that was given, and the delimiter is passed.
    pub(super) async fn until(&mut self, delimiter: &[u8]) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(at) = memmem::find(&self.ahead, delimiter) {
                let before = self.ahead.get(..at).unwrap_or_default();
                let end = before.strip_suffix(b"\r").unwrap_or(before).len();
                if end > 0 {
                    return Ok(Some(self.ahead.split_to(end).freeze()));
                }
                self.ahead.advance(at + delimiter.len());
                return Ok(None);
            }
            // What is left may be the beginning of the delimiter, and of the end of its line.
            let free = self.ahead.len().saturating_sub(delimiter.len());
            if free > 0 {
                return Ok(Some(self.ahead.split_to(free).freeze()));
            }
            if self.has_ended() {
                let error = ReportError::Multipart("a part does not end");
                return Err(Refusal::Report(error));
            }
            self.more().await?;
        }
    }

    /// Passes the newline behind a payload, or the end of all.
    pub(super) async fn end_of_item(&mut self, item: usize) -> Result<(), Refusal> {
        match self.peek(1).await?.first() {
            None => Ok(()),
            Some(b'\n') => {
                self.advance(1);
                Ok(())
            }
            Some(_) => Err(Refusal::Envelope(EnvelopeError::NoNewline { item })),
        }
    }
}

/// Where a file ends within its body.
pub(super) enum End<'e> {
    /// After so many bytes.
    Length(u64),
    /// Before a delimiter ([`Source::until`]).
    Delimiter(&'e [u8]),
    /// With the body.
    Body,
}

/// A file on its way.
pub(super) struct Content<'c, 'a> {
    source: &'c mut Source<'a>,
    end: End<'c>,
    /// Its own packing.
    layer: Option<Layer>,
    /// Read before, and not given yet.
    begun: Option<Bytes>,
    n_bytes: usize,
}

impl<'c, 'a> Content<'c, 'a> {
    pub(super) fn new(source: &'c mut Source<'a>, end: End<'c>) -> Self {
        Self {
            source,
            end,
            layer: None,
            begun: None,
            n_bytes: 0,
        }
    }

    /// The same of a file that began with these bytes, and is packed.
    pub(super) fn begun(mut self, bytes: Bytes, packing: Option<Packing>) -> Self {
        self.begun = Some(bytes);
        self.layer = packing.map(|packing| Layer {
            unpacker: Unpacker::new(packing),
            packed: Bytes::new(),
            is_done: false,
        });
        self
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let is_wanted = self
                .layer
                .as_ref()
                .is_none_or(|layer| layer.packed.is_empty());
            let came = if is_wanted { self.came().await? } else { None };
            let Some(layer) = &mut self.layer else {
                return Ok(came);
            };
            let mut out = BytesMut::new();
            if let Some(came) = came {
                layer.packed = came;
            }
            if !layer.packed.is_empty() {
                let stepped = layer.unpacker.step(&mut layer.packed, &mut out);
                stepped.map_err(broken)?;
            } else if layer.is_done {
                return Ok(None);
            } else {
                layer.is_done = !layer.unpacker.finish(&mut out).map_err(broken)?;
            }
            self.n_bytes += out.len();
            check_length(self.n_bytes, ENVELOPE_BYTES_MAX)?;
            if !out.is_empty() {
                return Ok(Some(out.freeze()));
            }
        }
    }

    /// Passes the rest; gives its length.
    pub(super) async fn pass(&mut self) -> Result<u64, Refusal> {
        let mut length = 0;
        while let Some(bytes) = self.next().await? {
            length += bytes.len() as u64;
        }
        Ok(length)
    }

    /// As it lies in its body.
    async fn came(&mut self) -> Result<Option<Bytes>, Refusal> {
        if let Some(begun) = self.begun.take().filter(|begun| !begun.is_empty()) {
            return Ok(Some(begun));
        }
        match &mut self.end {
            End::Length(0) => Ok(None),
            End::Length(left) => {
                let bytes = self.source.some(*left).await?;
                let bytes = bytes.ok_or(Refusal::BodyBroken)?;
                *left -= bytes.len() as u64;
                Ok(Some(bytes))
            }
            End::Delimiter(delimiter) => {
                let bytes = self.source.until(delimiter).await?;
                if bytes.is_none() {
                    self.end = End::Length(0);
                }
                Ok(bytes)
            }
            End::Body => self.source.some(u64::MAX).await,
        }
    }
}

fn broken(Broken(packing): Broken) -> Refusal {
    let encoding = packing.name();
    Refusal::Compression { encoding }
}

const fn check_length(n_bytes: usize, bytes_max: usize) -> Result<(), Refusal> {
    if n_bytes > bytes_max {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    Ok(())
}
