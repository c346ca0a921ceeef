//! Events that are alike, told by one record: the first whole, of the others what sets them apart.
//!
//! What always holds: such a record counts as all of its events wherever records are counted, so
//! that what is kept, lost or booked of it is counted to the unit.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Items;
use crate::timestamp::Timestamp;

/// Most events that one record tells of.
pub const FOLDED_MAX: usize = 1024;

/// Events that differ in nothing that matters ([`crate::fold`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// The first of them, whole: its record as it would be alone.
    pub items: Items,
    /// The others, those of one user together; at least one.
    pub alike: Vec<Alike>,
}

/// Events of one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// The events' `user`, JSON, scrubbed.
    pub user: Option<Bytes>,
    /// The address the requests came from, unless the privacy settings withhold it.
    pub remote_addr: Option<String>,
    /// When the first of them happened, by the SDK's clock.
    pub first: Timestamp,
    /// When the last of them happened.
    pub last: Timestamp,
    /// How many happened in each minute since 1970.
    pub minutes: Vec<(i64, u32)>,
}

impl Folded {
    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        1 + self.alike.iter().map(Alike::count).sum::<u64>()
    }
}

impl Alike {
    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.minutes.iter().map(|(_, n)| u64::from(*n)).sum()
    }
}
