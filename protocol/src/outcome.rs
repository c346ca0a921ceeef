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
    /// Pushed out of a full spool, or out of any because its erasure was asked for.
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
/// Invariant: the set is closed but for reasons that SDKs report, which are cut to 64 bytes, and
/// the names of filters, quotas and sampling rules, which a roster bounds.
pub type Reason = Cow<'static, str>;

/// Reasons this product gives.
pub mod reason {
    /// The envelope could not be read.
    pub const INVALID_ENVELOPE: &str = "invalid_envelope";
    /// The body could not be decompressed.
    pub const INVALID_COMPRESSION: &str = "invalid_compression";
    /// The payload is not JSON.
    pub const INVALID_JSON: &str = "invalid_json";
    /// The body is not the protobuf its address takes.
    pub const INVALID_PROTO: &str = "invalid_proto";
    /// The body is no form.
    pub const INVALID_MULTIPART: &str = "invalid_multipart";
    /// A crash upload without a dump.
    pub const MISSING_MINIDUMP: &str = "missing_minidump_upload";
    /// A dump that is none.
    pub const INVALID_MINIDUMP: &str = "invalid_minidump";
    /// A PlayStation's crash upload without a dump.
    pub const MISSING_PROSPERODUMP: &str = "missing_prosperodump_upload";
    /// A PlayStation's dump that is none.
    pub const INVALID_PROSPERODUMP: &str = "invalid_prosperodump";
    /// A crash container that is none.
    pub const INVALID_UNREAL: &str = "invalid_unreal_report";
    /// A check-in without monitor or status.
    pub const INVALID_CHECK_IN: &str = "invalid_check_in";
    /// The payload lacks what its kind needs.
    pub const PAYLOAD: &str = "payload";
    /// A transaction without what it cannot be without.
    pub const INVALID_TRANSACTION: &str = "invalid_transaction";
    /// A log entry, or a container of them, that is not as it has to be.
    pub const INVALID_LOG: &str = "invalid_log";
    /// A metric, or a container of them, that is not as it has to be.
    pub const INVALID_TRACE_METRIC: &str = "invalid_trace_metric";
    /// A span, or a container of them, that is not as it has to be.
    pub const INVALID_SPAN: &str = "invalid_span";
    /// Of a time that is too long ago or in the future.
    pub const TIMESTAMP: &str = "timestamp";
    /// An attachment that refers to an upload that is not here.
    pub const INVALID_PLACEHOLDER: &str = "invalid_placeholder_attachment";
    /// A file of a trace that does not say what it is.
    pub const INVALID_TRACE_ATTACHMENT: &str = "invalid_trace_attachment";
    /// A mobile replay whose parts cannot be told.
    pub const INVALID_REPLAY_VIDEO: &str = "invalid_replay_video";
    /// An item that only relays make.
    pub const INTERNAL_ENVELOPE: &str = "internal_envelope";
    /// The address takes other types of content.
    pub const CONTENT_TYPE: &str = "content_type";
    /// A security report of no policy that there is.
    pub const SECURITY_REPORT: &str = "security_report";
    /// A security report of a kind that browsers no longer send.
    pub const SECURITY_REPORT_TYPE: &str = "security_report_type";
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
    /// The spool was nearly full of what is as important or more.
    pub const BACKPRESSURE: &str = "backpressure";
    /// The spool became full, mostly of what is the project's.
    pub const FAIR_SHARE: &str = "fair_share";
    /// The relay takes nothing new, since it is to go.
    pub const DRAINED: &str = "drained";
    /// The item's kind is not known.
    pub const UNKNOWN_ITEM: &str = "unknown_item";
    /// A second item where one is allowed.
    pub const DUPLICATE_ITEM: &str = "duplicate_item";
    /// The event id was seen before.
    pub const DUPLICATE: &str = "duplicate";
    /// Of an issue that people discarded.
    pub const DISCARDED: &str = "discarded-hash";
    /// The kind is known, but this product does not keep it.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The project's own privacy rules are wrong, and nothing leaves without them.
    pub const PRIVACY_RULES: &str = "privacy_rules";
    /// A file that was begun in several requests and did not come to its end, or to an envelope.
    pub const UPLOAD_FAILED: &str = "upload_failed";
    /// The relay's own policy lets nothing of its kind leave the host.
    pub const POLICY: &str = "policy";
    /// A security report about a source that the project does not want.
    pub const FILTER_CSP: &str = "invalid-csp";
    /// An address that the project does not want.
    pub const FILTER_ADDRESS: &str = "ip-address";
    /// A release that the project does not want.
    pub const FILTER_RELEASE: &str = "release-version";
    /// A message that the project does not want.
    pub const FILTER_MESSAGE: &str = "error-message";
    /// A log whose message the project does not want.
    pub const FILTER_LOG_MESSAGE: &str = "log-message";
    /// A metric whose name the project does not want.
    pub const FILTER_METRIC_NAME: &str = "trace-metric-name";
    /// From a developer's machine.
    pub const FILTER_LOCALHOST: &str = "localhost";
    /// From a browser's extension.
    pub const FILTER_EXTENSION: &str = "browser-extensions";
    /// From an old browser.
    pub const FILTER_BROWSER: &str = "legacy-browsers";
    /// From a crawler.
    pub const FILTER_CRAWLER: &str = "web-crawlers";
    /// A health check.
    pub const FILTER_TRANSACTION: &str = "filtered-transaction";
    /// A limit of the project was reached.
    pub const PROJECT_QUOTA: &str = "project_quota";
    /// A limit of the organization was reached.
    pub const ORGANIZATION_QUOTA: &str = "organization_quota";
    /// Much more than the project uses to send.
    pub const SPIKE: &str = "spike_protection";
    /// Stands before the number of the sampling rule that left it out.
    pub const SAMPLED_BY: &str = "Sampled:";
    /// The project keeps a share of its kind only.
    pub const SAMPLE_RATE: &str = "sample_rate";
    /// Applied, and in the issue that is shared by what is beyond the project's new issues of an
    /// hour.
    pub const NEW_ISSUES: &str = "new_issues_limit";
    /// The hub could not digest it.
    pub const POISON: &str = "poison";
    /// Somebody is to be forgotten, and it was of them.
    pub const ERASED: &str = "erased";
    /// Too large for one record, and not all of its parts came: the relay had to give some up.
    pub const PARTS_MISSING: &str = "parts_missing";
    /// Nothing more to say.
    pub const NONE: &str = "";

    /// Reasons of items that are refused because of a limit.
    pub const LIMITS: &[&str] = &[
        RATE_LIMITED,
        PROJECT_QUOTA,
        ORGANIZATION_QUOTA,
        SPIKE,
        BACKPRESSURE,
        FAIR_SHARE,
        DRAINED,
    ];
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

/// Every item of a lane up to some record, as one number.
///
/// Relay and hub compute it apart, from what they sent and from what they booked, and compare it
/// with every acknowledgement. Each item adds an odd number that its project and category give,
/// so the order does not matter, it is carried on without knowing what it is made of, and one item
/// more or less always shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneDigest(pub u64);

impl LaneDigest {
    /// Adds `n` items.
    pub fn add(&mut self, project: ProjectId, category: Category, n: u64) {
        let item = mixed(mixed(project.get()) ^ u64::from(i16::from(category).cast_unsigned())) | 1;
        self.0 = self.0.wrapping_add(item.wrapping_mul(n));
    }
}

/// The finish of the splitmix generator: every bit of the input moves about half of the output's.
const fn mixed(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(items: &[(u64, Category, u64)]) -> LaneDigest {
        let mut digest = LaneDigest::default();
        for (project, category, n) in items {
            digest.add(ProjectId::new(*project).unwrap(), *category, *n);
        }
        digest
    }

    #[test]
    fn the_digest_of_a_lane_is_the_same_for_every_version_of_this_program() {
        assert_eq!(digest(&[]), LaneDigest(0));
        let items = [(1, Category::Error, 3), (42, Category::LogItem, 1)];
        assert_eq!(digest(&items), LaneDigest(0x8195_8ce9_5a96_6f90));
    }

    proptest! {
        #[test]
        fn one_item_more_or_less_shows_and_the_order_does_not(
            items in prop::collection::vec((1_u64..9, 1_u64..1000), 1..20),
            project in 1_u64..9,
        ) {
            let mut items: Vec<_> = items
                .into_iter()
                .map(|(project, n)| (project, Category::Error, n))
                .collect();
            let before = digest(&items);
            items.reverse();
            prop_assert_eq!(digest(&items), before);
            items.push((project, Category::Error, 1));
            prop_assert_ne!(digest(&items), before);
            items.push((project, Category::Error, u64::MAX));
            prop_assert_eq!(digest(&items), before);
        }
    }
}
