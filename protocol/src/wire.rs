//! The link's frames and the guarded MessagePack that everything of ours is read with.
//!
//! A frame is `type u8 | flags u8 | len varint | body`. Bit 0 of the flags says that a receiver
//! which does not know the type may skip the frame. The length is LEB128, at most four bytes. The
//! body of a BATCH is an encoded block; every other body is a MessagePack map with short keys, of
//! which unknown ones are skipped and most missing ones have a default. `WIRE.md` shows each.
//!
//! What always holds: nothing is allocated for a length that the bytes at hand cannot hold, and
//! nothing is decoded before its size and nesting were found to be within limits.
//!
//! To add a frame: give it the next number in [`frame`]'s table and a body in `body`, add it to
//! the golden test and to `WIRE.md`; set bit 0 when older peers can do without it. A field that is
//! added to a body has a default.

mod asked;
mod body;
mod config;
mod frame;
mod msgpack;
mod names;
mod paper;
mod roster;

#[cfg(test)]
mod tests;

pub use asked::{Diag, DiagGet, Erased};
pub use body::{
    Ack, Backlog, Books, Cert, CertRequest, CloseCode, Credit, Cursor, Dict, DictGet, Difference,
    DiskReport, ErrorBody, Gap, GapReason, Goaway, Hello, Join, Joined, LaneState, Nack, Ping,
    ProcessReport, Report, Rewind, Sum, Total, Verdict, Welcome,
};
pub use config::{Config, ConfigOutcome, ConfigSignature, ConfigStatus};
pub use frame::{Frame, HEADER_LEN_MAX};
pub use msgpack::{
    decode_msgpack, decode_msgpack_by, decode_msgpack_next, encode_msgpack, encode_msgpack_named,
};
pub use names::{NoRegion, Region, hub_uri, read_hub_uri, read_relay_uri, relay_uri};
pub use paper::{PAPER_BYTES_MAX, Paper};
pub use roster::{decode_roster, encode_roster};

/// The one version of the link that this program speaks.
pub const PROTO: u16 = 1;

/// ALPN of the link proper.
pub const ALPN: &[u8] = b"vedette/1";

/// ALPN of enrolment.
pub const ALPN_ENROL: &[u8] = b"vedette-enrol/1";

/// The name the hub's certificate carries; the address is not part of the trust.
pub const HUB_NAME: &str = "hub.vedette.internal";

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More bytes than allowed, known before any was decoded.
    #[error("{what} is {len} bytes, more than {max}")]
    TooLarge {
        /// What was being read.
        what: &'static str,
        /// Its length.
        len: u64,
        /// The most allowed.
        max: usize,
    },
    /// Arrays and maps nest deeper than allowed.
    #[error("MessagePack nests deeper than {max}")]
    TooDeep {
        /// The most allowed.
        max: usize,
    },
    /// The bytes end inside a value.
    #[error("bytes end inside a value")]
    Truncated,
    /// There are bytes behind the value.
    #[error("{n} bytes behind the value")]
    Trailing {
        /// How many.
        n: usize,
    },
    /// A length that takes more bytes than it may.
    #[error("frame length is not a varint of at most four bytes")]
    Length,
    /// A frame that is not known and may not be skipped.
    #[error("frame type {0:#04x} is not known")]
    UnknownFrame(u8),
    /// Well-formed MessagePack of another shape.
    #[error("not the expected shape: {0}")]
    Shape(#[source] rmp_serde::decode::Error),
    /// A text that does not carry what it should.
    #[error("not a file that holds a {title}, or damaged")]
    Paper {
        /// What it should carry.
        title: &'static str,
    },
    /// A project of a roster names a document of rules that the roster does not have.
    #[error("document {place} of the roster is not there")]
    NoDocument {
        /// Its place.
        place: u32,
    },
    /// A value that MessagePack cannot hold.
    #[error("not encodable: {0}")]
    Encode(#[source] rmp_serde::encode::Error),
}
