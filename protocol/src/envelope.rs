//! Envelopes: the lines and payloads that SDKs post, cut without copying.
//!
//! ```text
//! envelope = header-json "\n" *( item-header-json "\n" payload [ "\n" ] )
//! ```
//!
//! What always holds: a payload is a slice of the body it came in; what a client wrote into a
//! header is kept, known or not; writing an envelope and reading it gives the same envelope.
//! Payloads are not looked into here.
//!
//! The corners, each with a test:
//! - `length` given: exactly so many bytes, and then a newline or the end;
//! - `length` missing: up to the next newline or the end;
//! - `\r` belongs to the payload, or is white space of the JSON;
//! - empty payloads, no items, a missing last newline and blank lines at the end are fine;
//! - `sent_at` and `trace` that make no sense count as missing; a bad `dsn` or `event_id` is an
//!   error, as is an item without `type`.

mod header;
mod write;

use bytes::Bytes;

use crate::item::ItemKind;
use crate::limits::{ENVELOPE_HEADER_BYTES_MAX, ENVELOPE_ITEMS_MAX, ITEM_HEADER_BYTES_MAX};

pub use header::{EnvelopeHeader, ItemHeader, with_member};

/// A whole envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The first line.
    pub header: EnvelopeHeader,
    /// The items, in order; at most [`ENVELOPE_ITEMS_MAX`].
    pub items: Vec<EnvelopeItem>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeItem {
    /// Its `type`.
    pub kind: ItemKind,
    /// Its header, without `type` and `length`.
    pub header: ItemHeader,
    /// Its payload, as it came.
    pub payload: Bytes,
}

/// Why bytes are not an envelope. `item` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There is nothing.
    #[error("empty body")]
    Empty,
    /// The first line is not a JSON object.
    #[error("envelope header is not a json object")]
    Header,
    /// The first line is longer than allowed.
    #[error("envelope header is longer than {ENVELOPE_HEADER_BYTES_MAX} bytes")]
    HeaderTooLong,
    /// `event_id` is not a UUID.
    #[error("envelope header has an invalid event id")]
    EventId,
    /// `dsn` is not a DSN.
    #[error("envelope header has an invalid dsn")]
    Dsn,
    /// More items than allowed.
    #[error("envelope has more than {ENVELOPE_ITEMS_MAX} items")]
    TooManyItems,
    /// An item's header is not a JSON object.
    #[error("header of item {item} is not a json object")]
    ItemHeader {
        /// Which.
        item: usize,
    },
    /// An item's header is longer than allowed.
    #[error("header of item {item} is longer than {ITEM_HEADER_BYTES_MAX} bytes")]
    ItemHeaderTooLong {
        /// Which.
        item: usize,
    },
    /// An item says not what it is.
    #[error("item {item} has no type")]
    NoType {
        /// Which.
        item: usize,
    },
    /// `length` is no number.
    #[error("item {item} has an invalid length")]
    Length {
        /// Which.
        item: usize,
    },
    /// `length` points beyond the end.
    #[error("item {item} says {length} bytes, {left} are left")]
    LengthBeyondEnd {
        /// Which.
        item: usize,
        /// What the header says.
        length: u64,
        /// What there is.
        left: usize,
    },
    /// No newline behind a payload.
    #[error("payload of item {item} does not end at a newline")]
    NoNewline {
        /// Which.
        item: usize,
    },
}

impl EnvelopeError {
    /// Whether something is over a limit, rather than malformed.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::TooManyItems | Self::HeaderTooLong | Self::ItemHeaderTooLong { .. }
        )
    }
}

impl Envelope {
    /// Cuts a body into an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong and with which item.
    pub fn parse(body: &Bytes) -> Result<Self, EnvelopeError> {
        if body.is_empty() {
            return Err(EnvelopeError::Empty);
        }
        let (line, mut rest) = split_line(body);
        if line.len() > ENVELOPE_HEADER_BYTES_MAX {
            return Err(EnvelopeError::HeaderTooLong);
        }
        let header = EnvelopeHeader::parse(&line)?;
        let mut items = Vec::new();
        while rest.iter().any(|b| !b.is_ascii_whitespace()) {
            if items.len() == ENVELOPE_ITEMS_MAX {
                return Err(EnvelopeError::TooManyItems);
            }
            items.push(take_item(&mut rest, items.len())?);
        }
        Ok(Self { header, items })
    }

    /// Reads the first line alone.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn parse_header(body: &Bytes) -> Result<EnvelopeHeader, EnvelopeError> {
        let (line, _) = split_line(body);
        if line.len() > ENVELOPE_HEADER_BYTES_MAX {
            return Err(EnvelopeError::HeaderTooLong);
        }
        EnvelopeHeader::parse(&line)
    }

    /// The envelope as bytes, every item with its `length`.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        write::envelope(self)
    }
}

impl EnvelopeItem {
    /// Reads the first line of an item, the one of this number: the item without its payload, and
    /// how long that is where the line says it.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn parse_head(line: &Bytes, item: usize) -> Result<(Self, Option<u64>), EnvelopeError> {
        let parsed = header::parse_item(line, item)?;
        let item = Self {
            kind: parsed.kind,
            header: parsed.header,
            payload: Bytes::new(),
        };
        Ok((item, parsed.length))
    }

    /// Writes the item as it stands in an envelope, with its `length`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::item(out, self);
    }

    /// The item header as a JSON object, with `type` and without `length`.
    #[must_use]
    pub fn header_json(&self) -> Bytes {
        let mut out = Vec::new();
        write::item_header(&mut out, self, write::Length::Left);
        Bytes::from(out)
    }
}

/// The text up to the first newline and what follows it.
fn split_line(bytes: &Bytes) -> (Bytes, Bytes) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => (bytes.slice(..at), bytes.slice(at + 1..)),
        None => (bytes.clone(), Bytes::new()),
    }
}

fn take_item(rest: &mut Bytes, item: usize) -> Result<EnvelopeItem, EnvelopeError> {
    let (line, after) = split_line(rest);
    if line.len() > ITEM_HEADER_BYTES_MAX {
        return Err(EnvelopeError::ItemHeaderTooLong { item });
    }
    let parsed = header::parse_item(&line, item)?;
    let (payload, after) = match parsed.length {
        None => split_line(&after),
        Some(length) => {
            let fits = usize::try_from(length).ok().filter(|n| *n <= after.len());
            let end = fits.ok_or(EnvelopeError::LengthBeyondEnd {
                item,
                length,
                left: after.len(),
            })?;
            let tail = after.slice(end..);
            match tail.first() {
                None => (after, tail),
                Some(b'\n') => (after.slice(..end), tail.slice(1..)),
                Some(_) => return Err(EnvelopeError::NoNewline { item }),
            }
        }
    };
    *rest = after;
    Ok(EnvelopeItem {
        kind: parsed.kind,
        header: parsed.header,
        payload,
    })
}

#[cfg(test)]
mod tests;
