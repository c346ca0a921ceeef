//! Kinds of envelope items, the data category each is counted in and the lane it travels in.
//!
//! A kind that is not known here is kept by name, so that it can be counted and shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Lane;
use crate::limits::{ENVELOPE_BYTES_MAX, ENVELOPE_ITEMS_MAX, EVENT_BYTES_MAX};

/// The `type` of an envelope item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// An error or message.
    Event,
    /// A root span with its spans.
    Transaction,
    /// A security report, parsed.
    Security,
    /// A security report as the browser sent it.
    RawSecurity,
    /// User feedback in the shape of an event.
    Feedback,
    /// Form fields of a crash upload.
    FormData,
    /// A file.
    Attachment,
    /// An Unreal crash container.
    UnrealReport,
    /// Feedback of the old kind.
    UserReport,
    /// One session update.
    Session,
    /// Sessions counted by the SDK.
    Sessions,
    /// What the SDK dropped by itself.
    ClientReport,
    /// A profile bound to a transaction.
    Profile,
    /// A piece of a continuous profile.
    ProfileChunk,
    /// A replay's metadata.
    ReplayEvent,
    /// A replay's recording.
    ReplayRecording,
    /// A mobile replay.
    ReplayVideo,
    /// A cron check-in.
    CheckIn,
    /// A container of log entries; behind `container` of one.
    Log,
    /// A container of metrics; behind `container` of one.
    TraceMetric,
    /// A container of spans, behind `container` of one; or one old span.
    Span,
    /// Metric buckets of older SDKs.
    MetricBuckets,
    /// Anything else, by its name.
    Unknown(String),
}

impl ItemKind {
    /// The kind for a wire name; `profile_chunk_ui` is an alias.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "event" => Self::Event,
            "transaction" => Self::Transaction,
            "security" => Self::Security,
            "raw_security" => Self::RawSecurity,
            "feedback" => Self::Feedback,
            "form_data" => Self::FormData,
            "attachment" => Self::Attachment,
            "unreal_report" => Self::UnrealReport,
            "user_report" => Self::UserReport,
            "session" => Self::Session,
            "sessions" => Self::Sessions,
            "client_report" => Self::ClientReport,
            "profile" => Self::Profile,
            "profile_chunk" | "profile_chunk_ui" => Self::ProfileChunk,
            "replay_event" => Self::ReplayEvent,
            "replay_recording" => Self::ReplayRecording,
            "replay_video" => Self::ReplayVideo,
            "check_in" => Self::CheckIn,
            "log" => Self::Log,
            "trace_metric" => Self::TraceMetric,
            "span" => Self::Span,
            "metric_buckets" => Self::MetricBuckets,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Whether it is grouped into issues; everything else is kept beside them.
    #[must_use]
    pub const fn is_event(&self) -> bool {
        matches!(
            self,
            Self::Event | Self::Feedback | Self::Security | Self::RawSecurity
        )
    }

    /// The wire name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Event => "event",
            Self::Transaction => "transaction",
            Self::Security => "security",
            Self::RawSecurity => "raw_security",
            Self::Feedback => "feedback",
            Self::FormData => "form_data",
            Self::Attachment => "attachment",
            Self::UnrealReport => "unreal_report",
            Self::UserReport => "user_report",
            Self::Session => "session",
            Self::Sessions => "sessions",
            Self::ClientReport => "client_report",
            Self::Profile => "profile",
            Self::ProfileChunk => "profile_chunk",
            Self::ReplayEvent => "replay_event",
            Self::ReplayRecording => "replay_recording",
            Self::ReplayVideo => "replay_video",
            Self::CheckIn => "check_in",
            Self::Log => "log",
            Self::TraceMetric => "trace_metric",
            Self::Span => "span",
            Self::MetricBuckets => "metric_buckets",
            Self::Unknown(name) => name,
        }
    }

    /// The category one such item is counted in.
    ///
    /// An event without an exception is counted as `error` too: which it is shows only after
    /// parsing, and quotas do not tell them apart.
    #[must_use]
    pub const fn category(&self) -> Category {
        match self {
            Self::Event | Self::UnrealReport => Category::Error,
            Self::Transaction => Category::Transaction,
            Self::Security | Self::RawSecurity => Category::Security,
            Self::Feedback | Self::UserReport => Category::Feedback,
            Self::Attachment | Self::FormData => Category::Attachment,
            Self::Session | Self::Sessions => Category::Session,
            Self::ClientReport => Category::ClientReport,
            Self::Profile => Category::Profile,
            Self::ProfileChunk => Category::ProfileChunk,
            Self::ReplayEvent | Self::ReplayRecording | Self::ReplayVideo => Category::Replay,
            Self::CheckIn => Category::Monitor,
            Self::Log => Category::LogItem,
            Self::TraceMetric => Category::TraceMetric,
            Self::Span => Category::Span,
            Self::MetricBuckets => Category::MetricBucket,
            Self::Unknown(_) => Category::Unknown,
        }
    }

    /// The lane such an item travels in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Session | Self::Sessions | Self::ClientReport | Self::CheckIn => Lane::Control,
            Self::Event
            | Self::Security
            | Self::RawSecurity
            | Self::Feedback
            | Self::FormData
            | Self::UserReport
            | Self::UnrealReport => Lane::Errors,
            Self::Log | Self::TraceMetric | Self::MetricBuckets => Lane::Logs,
            Self::Transaction | Self::Span => Lane::Traces,
            Self::Attachment
            | Self::Profile
            | Self::ProfileChunk
            | Self::ReplayEvent
            | Self::ReplayRecording
            | Self::ReplayVideo
            | Self::Unknown(_) => Lane::Blobs,
        }
    }

    /// Whether an envelope with such an item has, or is given, an event id.
    #[must_use]
    pub const fn makes_event(&self) -> bool {
        matches!(
            self,
            Self::Event
                | Self::Transaction
                | Self::Security
                | Self::RawSecurity
                | Self::Feedback
                | Self::UnrealReport
        )
    }

    /// The budget of a kind. Unknown kinds are dropped, so that the envelope's own limit is enough.
    #[must_use]
    pub const fn budget(&self) -> Budget {
        let (items_max, bytes_max) = match self {
            Self::Event
            | Self::Transaction
            | Self::Security
            | Self::RawSecurity
            | Self::Feedback
            | Self::FormData
            | Self::ReplayEvent => (1, EVENT_BYTES_MAX),
            Self::Attachment => (30, 200 * MIB),
            Self::UnrealReport => (1, 200 * MIB),
            Self::UserReport => (30, MIB),
            Self::Session | Self::Sessions => (100, 10 * MIB),
            Self::ClientReport => (100, 100 * KIB),
            Self::Profile => (1, 50 * MIB),
            Self::ProfileChunk => (ENVELOPE_ITEMS_MAX, 50 * MIB),
            Self::ReplayRecording | Self::ReplayVideo => (1, 10 * MIB),
            // More than one is counted as a duplicate, not refused.
            Self::CheckIn => (ENVELOPE_ITEMS_MAX, 100 * KIB),
            Self::Log | Self::TraceMetric => (1, 12 * MIB),
            Self::Span => (25, 10 * MIB),
            Self::MetricBuckets => (1, MIB),
            Self::Unknown(_) => (ENVELOPE_ITEMS_MAX, ENVELOPE_BYTES_MAX),
        };
        Budget {
            items_max,
            bytes_max,
        }
    }
}

/// How much of one kind an envelope may hold. Source: ingest specification, item types.
///
/// Sentry shares one budget among all kinds that make events; here every kind has its own, so
/// that an event may come with feedback and a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Items.
    pub items_max: usize,
    /// Bytes of all of them together.
    pub bytes_max: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Declares the categories once: variant, number on the wire, name.
macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// What items are counted in. Numbers and names are Sentry's data categories, but for
        /// [`Category::ClientReport`], which Sentry does not count.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "i16", into = "i16")]
        pub enum Category {
            $($(#[$doc])* $variant = $code,)*
        }

        impl Category {
            /// Every category.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name SDKs and rate limits use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The category of a name, or of one that it also goes by; `None` for names not known.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    "attachment_item" => Some(Self::Attachment),
                    "profile_chunk_ui" => Some(Self::ProfileChunk),
                    "user_report_v2" => Some(Self::Feedback),
                    _ => None,
                }
            }
        }
    };
}

categories! {
    /// Messages, and whatever has no category of its own.
    Default = 0, "default";
    /// Errors.
    Error = 1, "error";
    /// Transactions.
    Transaction = 2, "transaction";
    /// Security reports.
    Security = 3, "security";
    /// Attachments, by number.
    Attachment = 4, "attachment";
    /// Sessions.
    Session = 5, "session";
    /// Profiles of transactions.
    Profile = 6, "profile";
    /// Replays.
    Replay = 7, "replay";
    /// Check-ins.
    Monitor = 10, "monitor";
    /// Spans.
    Span = 12, "span";
    /// User feedback.
    Feedback = 14, "feedback";
    /// Metric buckets of older SDKs.
    MetricBucket = 15, "metric_bucket";
    /// Pieces of continuous profiles.
    ProfileChunk = 18, "profile_chunk";
    /// Log entries.
    LogItem = 23, "log_item";
    /// Metrics.
    TraceMetric = 33, "trace_metric";
    /// Reports of what SDKs dropped.
    ClientReport = 100, "client_report";
    /// Items of unknown kind, and requests that could not be cut into items.
    Unknown = -1, "unknown";
}

impl Category {
    /// The lane that what is counted so travels in.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Session | Self::Monitor | Self::ClientReport => Lane::Control,
            Self::Default | Self::Error | Self::Security | Self::Feedback => Lane::Errors,
            Self::LogItem | Self::TraceMetric | Self::MetricBucket => Lane::Logs,
            Self::Transaction | Self::Span => Lane::Traces,
            Self::Attachment
            | Self::Profile
            | Self::ProfileChunk
            | Self::Replay
            | Self::Unknown => Lane::Blobs,
        }
    }
}

impl TryFrom<i16> for Category {
    type Error = UnknownCategory;
    fn try_from(code: i16) -> Result<Self, UnknownCategory> {
        Self::ALL
            .iter()
            .copied()
            .find(|c| *c as i16 == code)
            .ok_or(UnknownCategory(code))
    }
}

impl From<Category> for i16 {
    fn from(category: Category) -> Self {
        category as Self
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that names no category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no data category")]
pub struct UnknownCategory(pub i16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for category in Category::ALL {
            assert_eq!(Category::from_name(category.name()), Some(*category));
            assert_eq!(Category::try_from(i16::from(*category)), Ok(*category));
        }
        for name in ["event", "check_in", "trace_metric", "x_future_item"] {
            assert_eq!(ItemKind::from_name(name).name(), name);
        }
        assert_eq!(
            ItemKind::from_name("profile_chunk_ui"),
            ItemKind::ProfileChunk
        );
    }
}
