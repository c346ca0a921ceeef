//! What a Nintendo Switch has time to write when a program ends: a small file with items of an
//! envelope, which belong to the envelope that it comes in.
//!
//! ```text
//! "sntr" u8(version: 0) u8(encoding) u16(length, big-endian) data
//! encoding: 2 bits what it is (0: items), 2 bits packing (0: none, 1: zstd), 4 bits dictionary (0: none)
//! ```

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::item::ItemKind;
use serde_json::Value;

use super::bounded::Room;
use super::{fields, unpack};

/// What the file is, by its item's header.
pub(super) const TYPE: &str = "nswitch.dying_message";
/// Its name, by which it is known where the header does not say what it is.
const FILE: &str = "dying_message.dat";
const MAGIC: &[u8] = b"sntr";
/// The note of one that cannot be read.
pub(super) const INVALID: &str = "invalid_dying_message";

/// Why one cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("it does not begin as one")]
    Magic,
    #[error("it is cut off")]
    CutOff,
    #[error("its version or encoding is not known")]
    Encoding,
    #[error("it cannot be unpacked")]
    Packing,
    #[error("its items cannot be read")]
    Items,
    #[error("it holds another")]
    Nested,
    #[error("its event cannot be joined with the one beside it")]
    Event,
}

/// Whether an attachment is one, by its name and its first bytes.
pub(super) fn is_one(item: &EnvelopeItem) -> bool {
    item.header.attachment_type().is_none()
        && item.header.filename().as_deref() == Some(FILE)
        && item.payload.starts_with(MAGIC)
}

/// Puts the items of a dying message, the one at this place, in its place. Its event knows more
/// than the envelope's, and is joined with it. One that cannot be read stays.
pub(super) fn take_apart(envelope: &mut Envelope, at: usize, room: &Room) -> Result<(), Unread> {
    let file = envelope.items.get(at).ok_or(Unread::CutOff)?;
    let mut items = items(file.payload.clone())?;
    let is_event = |item: &EnvelopeItem| item.kind == ItemKind::Event;
    let own = envelope.items.iter_mut().find(|item| is_event(item));
    if let Some(own) = own
        && let Some(last) = items.iter().position(is_event)
    {
        own.payload = joined(&own.payload, &items.remove(last).payload, room)?;
    }
    envelope.items.splice(at..=at, items);
    Ok(())
}

/// An event with what the dying message says over it.
fn joined(own: &[u8], last: &[u8], room: &Room) -> Result<Bytes, Unread> {
    let read = |event| room.json(event).map_err(|_| Unread::Event);
    let mut event = Value::Object(read(own)?);
    fields::merge(&mut event, Value::Object(read(last)?));
    Ok(Bytes::from(event.to_string()))
}

/// The items of a file.
fn items(file: Bytes) -> Result<Vec<EnvelopeItem>, Unread> {
    let data = data(file)?;
    let mut envelope = BytesMut::with_capacity(data.len() + 3);
    envelope.put_slice(b"{}\n");
    envelope.put(data);
    let envelope = Envelope::parse(&envelope.freeze()).map_err(|_| Unread::Items)?;
    // Taken apart in turn, one within another would have to be bounded.
    let is_another = |item: &EnvelopeItem| {
        is_one(item) || item.header.attachment_type().as_deref() == Some(TYPE)
    };
    if envelope.items.iter().any(is_another) {
        return Err(Unread::Nested);
    }
    Ok(envelope.items)
}

/// What the file holds, unpacked.
fn data(mut file: Bytes) -> Result<Bytes, Unread> {
    if !file.starts_with(MAGIC) {
        return Err(Unread::Magic);
    }
    file.advance(MAGIC.len());
    let version = file.try_get_u8().map_err(|_| Unread::CutOff)?;
    let encoding = file.try_get_u8().map_err(|_| Unread::CutOff)?;
    let length = usize::from(file.try_get_u16().map_err(|_| Unread::CutOff)?);
    if length > file.len() {
        return Err(Unread::CutOff);
    }
    let data = file.split_to(length);
    match (version, encoding) {
        (0, 0) => Ok(data),
        (0, 0b0001_0000) => unpack::zstd(&data).map_err(|_| Unread::Packing),
        _ => Err(Unread::Encoding),
    }
}
