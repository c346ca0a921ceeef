//! What is too large for one record: its parts, and the record that stands for it.
//!
//! Parts and what they are parts of travel in one lane, the parts first. As a lane's records are
//! applied in order, all parts that ever come have come when their item does.
//!
//! What always holds: a part counts as nothing, and the item counts as one where it is kept, lost
//! or booked, as any other does. Each part's digest covers all before it, so that the last one
//! vouches for the whole, and nobody has to hold or read it again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Items;
use crate::ids::{EventId, ProjectId, WholeId};
use crate::timestamp::Timestamp;

/// Bytes of every part but the last: several fit a block, and one on its way takes little memory.
pub const PART_BYTES: usize = 256 * 1024;

/// The digest of a part and of all before it: SHA-256 of the digest before, zeros for the first,
/// and the part's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(#[serde(with = "serde_bytes")] [u8; 32]);

impl Chain {
    /// Wraps the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest with one part more.
    #[must_use]
    pub fn with(&self, part: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(part);
        Self(hasher.finalize().into())
    }
}

/// A piece of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whose.
    pub project: ProjectId,
    /// The event it belongs to, where it is known already.
    pub event_id: Option<EventId>,
    /// When the relay had it, by the relay's clock.
    pub received_at: Timestamp,
    /// Of what.
    pub whole: WholeId,
    /// From 0 on.
    pub nth: u32,
    /// The digest up to here.
    pub chain: Chain,
    /// The bytes, scrubbed.
    pub bytes: Bytes,
}

/// What the parts of an item come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The name that its parts have in common.
    pub whole: WholeId,
    /// How many; at least 1.
    pub parts: u32,
    /// Bytes of all together.
    pub bytes: u64,
    /// The last one's digest.
    pub chain: Chain,
}

/// An item whose payload came in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Its parts.
    pub sum: Sum,
    /// The item and what it came with. Its payload is an outline: what is small of a JSON payload.
    pub items: Items,
}

/// Cuts a payload.
#[must_use]
pub fn cut(of: &Items, whole: WholeId, payload: &Bytes) -> (Vec<Part>, Sum) {
    let mut sum = Sum {
        whole,
        parts: 0,
        bytes: payload.len() as u64,
        chain: Chain::default(),
    };
    let mut parts = Vec::with_capacity(payload.len().div_ceil(PART_BYTES));
    for bytes in payload.chunks(PART_BYTES) {
        sum.chain = sum.chain.with(bytes);
        parts.push(Part {
            project: of.project,
            event_id: of.event_id,
            received_at: of.received_at,
            whole,
            nth: sum.parts,
            chain: sum.chain,
            bytes: payload.slice_ref(bytes),
        });
        sum.parts += 1;
    }
    (parts, sum)
}
