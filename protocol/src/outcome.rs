//! The ledger's vocabulary: what became of every item.
//!
//! Per relay, project and category, at every quiescent point (spec of delivery, C2):
//!
//! - received = accepted + refused
//! - accepted = applied + filtered + sampled + invalid + expired + evicted + corrupt
//!   + rejected + still in the spool
//!
//! Every count has a reason, so that an operator can read where an item went.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ProjectId;
use crate::item::Category;

/// Declares the terms once: variant, number on the wire and on disk, name.
macro_rules! terms {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// One term of the equation.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "u8", into = "u8")]
        pub enum Term {
            $($(#[$doc])* $variant = $code,)*
        }

        impl Term {
            /// Every term.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name used in metrics and in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

terms! {
    /// Cut out of a request, or a request that could not be cut.
    Received = 0, "received";
    /// Answered 200: durable at the relay, or dropped afterwards for a reason below.
    Accepted = 1, "accepted";
    /// Answered with an error: malformed, too large, not authorised, rate limited, no room.
    Refused = 2, "refused";
    /// Dropped by an inbound filter.
    Filtered = 3, "filtered";
    /// Dropped by sampling.
    Sampled = 4, "sampled";
    /// Accepted as part of an envelope, then found to be of no use: unknown kind, not JSON,
    /// a duplicate.
    Invalid = 5, "invalid";
    /// Too old when its turn came.
    Expired = 6, "expired";
    /// Pushed out of a full spool.
    Evicted = 7, "evicted";
    /// Damaged on disk.
    Corrupt = 8, "corrupt";
    /// Committed at the hub.
    Applied = 9, "applied";
    /// Refused by the hub for good; set aside there with its reason.
    Rejected = 10, "rejected";
    /// Dropped in the SDK and reported by it. Beside the equation, not part of it.
    ClientDiscard = 11, "client_discard";
}

impl TryFrom<u8> for Term {
    type Error = UnknownTerm;
    fn try_from(code: u8) -> Result<Self, UnknownTerm> {
        Self::ALL
            .iter()
            .copied()
            .find(|t| *t as u8 == code)
            .ok_or(UnknownTerm(code))
    }
}

impl From<Term> for u8 {
    fn from(term: Term) -> Self {
        term as Self
    }
}

/// A number that names no term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no ledger term")]
pub struct UnknownTerm(pub u8);

/// Why. Names are Sentry's outcome reasons where it has one.
///
/// Invariant: the set is closed but for reasons SDKs report, which are cut to 64 bytes.
pub type Reason = Cow<'static, str>;

/// Reasons this product gives.
pub mod reason {
    /// The envelope could not be read.
    pub const INVALID_ENVELOPE: &str = "invalid_envelope";
    /// The body could not be decompressed.
    pub const INVALID_COMPRESSION: &str = "invalid_compression";
    /// The payload is not JSON.
    pub const INVALID_JSON: &str = "invalid_json";
    /// The event id is not a uuid.
    pub const INVALID_EVENT_ID: &str = "invalid_event_id";
    /// There is no body.
    pub const EMPTY_BODY: &str = "empty_body";
    /// An item, the envelope or the request is over its limit.
    pub const TOO_LARGE: &str = "too_large";
    /// The payload nests deeper than allowed.
    pub const NESTING_TOO_DEEP: &str = "nesting_too_deep";
    /// No credentials, two sets of them, or unreadable ones.
    pub const AUTH: &str = "auth";
    /// The key is not known, or switched off.
    pub const UNKNOWN_KEY: &str = "unknown_key";
    /// Key and project do not belong together.
    pub const PROJECT_ID: &str = "project_id";
    /// The origin is not allowed.
    pub const CORS: &str = "cors";
    /// A limit of the key was reached.
    pub const RATE_LIMITED: &str = "rate_limited";
    /// The relay was busy to its limit.
    pub const OVERLOAD: &str = "overload";
    /// The disk did not confirm.
    pub const NOT_DURABLE: &str = "not_durable";
    /// The spool has no room.
    pub const SPOOL_FULL: &str = "spool_full";
    /// The item's kind is not known.
    pub const UNKNOWN_ITEM: &str = "unknown_item";
    /// A second item where one is allowed.
    pub const DUPLICATE_ITEM: &str = "duplicate_item";
    /// The event id was seen before.
    pub const DUPLICATE: &str = "duplicate";
    /// The kind is known, but this product does not keep it.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The relay's own policy lets nothing of its kind leave the host.
    pub const POLICY: &str = "policy";
    /// The project keeps a share of its kind only.
    pub const SAMPLE_RATE: &str = "sample_rate";
    /// The hub could not digest it.
    pub const POISON: &str = "poison";
    /// Nothing more to say.
    pub const NONE: &str = "";
}

/// What a count is about. `project` is `None` when the request named none that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The project, when known.
    pub project: Option<ProjectId>,
    /// The data category.
    pub category: Category,
    /// The term of the equation.
    pub term: Term,
    /// Why; empty where the term says it all.
    pub reason: Reason,
}

/// Counts by account; quantities are items.
pub type Counts = BTreeMap<Account, u64>;
