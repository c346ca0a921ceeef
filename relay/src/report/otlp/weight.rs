//! What an entry comes to in memory, before it is read: two bytes make a message, which takes some
//! hundred times as much.

use bytes::Buf as _;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde_json::Value;

use super::Encoding;
use super::model::{KeyValue, LogRecord, Metric, Resource, Scope, Span};
use crate::report::ReportError;
use crate::report::bounded::{ROOM_BYTES, Room};

/// What is counted for a message, in bytes: its place in a list that grows by doubling, and what is
/// made of it.
const MESSAGE_BYTES: usize = 2 * size_of::<KeyValue>() + 6 * size_of::<Value>();
/// An entry of fewer bytes is within its room, whatever is in it: a message has two at least.
const LIGHT_BYTES: usize = ROOM_BYTES / MESSAGE_BYTES;
/// As deep as messages are read.
const DEPTH_MAX: usize = 100;

/// The fields of a message that hold messages, by number.
#[derive(Debug)]
pub(super) struct Shape(&'static [(u32, &'static Self)]);

static VALUE: Shape = Shape(&[(5, &VALUES), (6, &PAIRS)]);
static VALUES: Shape = Shape(&[(1, &VALUE)]);
static PAIRS: Shape = Shape(&[(1, &PAIR)]);
static PAIR: Shape = Shape(&[(2, &VALUE)]);
static FLAT: Shape = Shape(&[]);
static EVENT: Shape = Shape(&[(3, &PAIR)]);
static LINK: Shape = Shape(&[(4, &PAIR)]);
static SPAN: Shape = Shape(&[(9, &PAIR), (11, &EVENT), (13, &LINK), (15, &FLAT)]);
static LOG: Shape = Shape(&[(5, &VALUE), (6, &PAIR)]);
static POINT: Shape = Shape(&[(7, &PAIR)]);
static POINTS: Shape = Shape(&[(1, &POINT)]);
static HISTOGRAM: Shape = Shape(&[(1, &Shape(&[(9, &PAIR)]))]);
static METRIC: Shape = Shape(&[
    (5, &POINTS),
    (7, &POINTS),
    (9, &HISTOGRAM),
    (10, &Shape(&[(1, &PAIRS)])),
    (11, &POINTS),
]);

/// A message whose shape is known.
pub(super) trait Shaped: Message {
    const SHAPE: &'static Shape;
}

impl Shaped for Resource {
    const SHAPE: &'static Shape = &PAIRS;
}

impl Shaped for Scope {
    const SHAPE: &'static Shape = &FLAT;
}

impl Shaped for Span {
    const SHAPE: &'static Shape = &SPAN;
}

impl Shaped for LogRecord {
    const SHAPE: &'static Shape = &LOG;
}

impl Shaped for Metric {
    const SHAPE: &'static Shape = &METRIC;
}

/// Refuses a message for which there is no room.
pub(super) fn check(encoding: Encoding, shape: &Shape, message: &[u8]) -> Result<(), ReportError> {
    if message.len() <= LIGHT_BYTES {
        return Ok(());
    }
    let room = Room::new();
    match encoding {
        Encoding::Proto => of_proto(shape, message, &room, DEPTH_MAX),
        Encoding::Json => of_json(message, &room),
    }
}

fn take(room: &Room, bytes: usize) -> Result<(), ReportError> {
    room.reserve(bytes)
        .map_err(|why| why.of(ReportError::Proto))
}

fn of_proto(
    shape: &Shape,
    mut message: &[u8],
    room: &Room,
    depth: usize,
) -> Result<(), ReportError> {
    let wrong = |_| ReportError::Proto;
    let depth = depth.checked_sub(1).ok_or(ReportError::Proto)?;
    while message.has_remaining() {
        let (tag, kind) = decode_key(&mut message).map_err(wrong)?;
        let inner = shape.0.iter().find(|(number, _)| *number == tag);
        let (Some((_, inner)), WireType::LengthDelimited) = (inner, kind) else {
            skip_field(kind, tag, &mut message, DecodeContext::default()).map_err(wrong)?;
            continue;
        };
        take(room, MESSAGE_BYTES)?;
        let length = decode_varint(&mut message).map_err(wrong)?;
        let length = usize::try_from(length).map_err(|_| ReportError::Proto)?;
        let (one, rest) = message.split_at_checked(length).ok_or(ReportError::Proto)?;
        of_proto(inner, one, room, depth)?;
        message = rest;
    }
    Ok(())
}

/// Every bracket may be a message. What is no JSON is seen by who reads it.
fn of_json(message: &[u8], room: &Room) -> Result<(), ReportError> {
    let mut bytes = message.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => take(room, MESSAGE_BYTES)?,
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    Ok(())
}
