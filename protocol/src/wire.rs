//! The link's frames and the guarded MessagePack that everything of ours is read with.
//!
//! What always holds: nothing is allocated for a length that the bytes at hand cannot hold, and
//! nothing is decoded before its size and nesting were found to be within limits.

mod msgpack;

pub use msgpack::{decode_msgpack, decode_msgpack_next, encode_msgpack};

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
    #[error("MessagePack ends inside a value")]
    Truncated,
    /// There are bytes behind the value.
    #[error("{n} bytes behind the value")]
    Trailing {
        /// How many.
        n: usize,
    },
    /// Well-formed MessagePack of another shape.
    #[error("not the expected shape: {0}")]
    Shape(#[source] rmp_serde::decode::Error),
    /// A value that MessagePack cannot hold.
    #[error("not encodable: {0}")]
    Encode(#[source] rmp_serde::encode::Error),
}
