//! Turns what is not an envelope into envelopes: reports of browsers, crash uploads, telemetry of
//! other protocols, drains and check-ins by URL.
//!
//! What always holds: the same steps follow as for an envelope, so nothing here is scrubbed,
//! limited or kept; what comes out is bounded by what went in; hostile bytes are an error and
//! never a panic. The room is pure: no clock, no file, no randomness.
//!
//! To add a form: a part with one function from bytes to envelopes, its variant in [`Form`], its
//! route in `accept`.

mod apple;
mod bounded;
mod check_in;
mod container;
mod crash;
mod dump;
mod dying_message;
mod feedback;
mod fields;
mod files;
mod list;
mod logs;
mod minidump;
mod multipart;
pub mod otlp;
mod playstation;
mod replay;
mod security;
pub mod trace_file;
mod unpack;
pub mod unreal;

use bytes::Bytes;
use protocol::check_in::CheckInError;
use protocol::crash::Crash;
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem, ItemHeader};
use protocol::ids::EventId;
use protocol::item::{Category, ItemKind};
use protocol::timestamp::Timestamp;

pub(crate) use bounded::Room;
pub use check_in::CheckIn;
pub use crash::is_crash;
pub use files::attachment;
pub use minidump::{FIELD as DUMP_FIELD, is_minidump};
pub use multipart::{
    HEADERS_BYTES_MAX, LENGTH as LENGTH_HEADER, PARTS_MAX, Part, leading_boundary, part_of,
    percent_decoded,
};
pub use otlp::{Encoding, Signal};
pub use playstation::{DATA_REQUEST, DATA_WANTED};
pub use security::is_withdrawn;

/// Most reports of one request.
pub const REPORTS_MAX: usize = 100;
/// Most spans, log records, metrics' points or lines of one request. A few bytes make one, and
/// kilobytes become of it.
pub const ENTRIES_MAX: usize = 50_000;
/// Longest of those of an export, as it is written, in bytes: many times as much may become of it.
pub const ENTRY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What a crash upload may unpack to in memory, in bytes; what is larger comes in pieces.
pub const UNPACKED_BYTES_MAX: usize = 3 * 1024 * 1024 + 512 * 1024;

/// The form of a body that is no envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A browser's reports of broken policies; what its address adds to them.
    Security {
        /// `sentry_release`.
        release: Option<String>,
        /// `sentry_environment`.
        environment: Option<String>,
    },
    /// A browser's reports of network errors.
    NetworkErrors,
    /// A crash dump, alone or in a form with this boundary.
    Minidump {
        /// Of `multipart/form-data`.
        boundary: Option<String>,
    },
    /// Files for an event, in a form with this boundary.
    Attachments {
        /// The event.
        event_id: EventId,
        /// Of `multipart/form-data`.
        boundary: String,
    },
    /// The crash container of the Unreal engine.
    Unreal {
        /// `UserID`: login, account and machine.
        user: Option<String>,
        /// Of the form that was made of it, where it is larger than may be in memory.
        boundary: Option<String>,
    },
    /// The crash upload of a PlayStation, in a form with this boundary.
    PlayStation {
        /// Of `multipart/form-data`.
        boundary: String,
    },
    /// A check-in that is told by its address.
    CheckIn(CheckIn),
    /// OpenTelemetry's export.
    Otlp(Signal, Encoding),
    /// Lines of Vercel's log drain.
    Vercel,
    /// What a person wrote into the dialog of an error page.
    Feedback {
        /// The event they saw.
        event_id: EventId,
    },
}

impl Form {
    /// What a body is counted as when nothing can be made of it.
    #[must_use]
    pub const fn category(&self) -> Category {
        match self {
            Self::Security { .. } => Category::Security,
            Self::NetworkErrors | Self::Vercel | Self::Otlp(Signal::Logs, _) => Category::LogItem,
            Self::Minidump { .. } | Self::Unreal { .. } | Self::PlayStation { .. } => {
                Category::Error
            }
            Self::Attachments { .. } => Category::Attachment,
            Self::CheckIn(_) => Category::Monitor,
            Self::Otlp(Signal::Traces, _) => Category::Span,
            Self::Otlp(Signal::Metrics, _) => Category::TraceMetric,
            Self::Feedback { .. } => Category::Feedback,
        }
    }

    /// Largest body, unpacked, in bytes; `None` where only the configuration limits it.
    #[must_use]
    pub const fn bytes_max(&self) -> Option<usize> {
        match self {
            Self::Security { .. } | Self::Feedback { .. } => Some(1024 * 1024),
            Self::CheckIn(_) => Some(100 * 1024),
            Self::NetworkErrors | Self::Vercel | Self::Otlp(..) => Some(12 * 1024 * 1024),
            Self::Minidump { .. }
            | Self::Unreal { .. }
            | Self::PlayStation { .. }
            | Self::Attachments { .. } => None,
        }
    }

    /// Whether there need not be a body.
    #[must_use]
    pub const fn may_be_empty(&self) -> bool {
        // A protobuf message of nothing but defaults has no bytes.
        matches!(self, Self::CheckIn(_) | Self::Otlp(_, Encoding::Proto))
    }

    /// Whether more than the body may be unpacked.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        matches!(self, Self::Minidump { .. } | Self::Unreal { .. })
    }
}

/// Where a crash dump is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dump {
    /// In its item.
    Here,
    /// It came apart from its envelope; what its head says, if that was seen.
    Apart(Option<Box<Crash>>),
}

/// Why a body is not what its address takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Not JSON of the expected shape.
    #[error("body is not {0}")]
    Json(&'static str),
    /// Not protobuf of the expected shape.
    #[error("body is no protobuf of an export request")]
    Proto,
    /// Not `multipart/form-data`.
    #[error("body is no multipart form: {0}")]
    Multipart(&'static str),
    /// The form has no crash dump.
    #[error("form has no field upload_file_minidump")]
    NoMinidump,
    /// Not a crash dump.
    #[error("upload is no minidump")]
    Minidump,
    /// The form has no dump of the console.
    #[error("form has no file whose name ends with .prosperodmp")]
    NoProsperodump,
    /// Not a dump of the console.
    #[error("upload is no prosperodump")]
    Prosperodump,
    /// Not packed as its first bytes say.
    #[error("upload cannot be decompressed as {0}")]
    Compression(&'static str),
    /// More than may be in memory.
    #[error("upload unpacks to more than {0} bytes")]
    UnpacksTo(usize),
    /// Not a crash container.
    #[error("body is no unreal crash container: {0}")]
    Unreal(&'static str),
    /// Not a check-in.
    #[error(transparent)]
    CheckIn(#[from] CheckInError),
    /// A check-in that took no time that can be read.
    #[error("check-in has no valid duration")]
    Duration,
    /// Not a report of a person.
    #[error("feedback has no valid {0}")]
    Feedback(&'static str),
    /// More than is taken at once.
    #[error("body holds more than {0} reports")]
    TooMany(usize),
}

/// The envelopes of a body that was received at `at`. None of them has credentials. `dumps` tells
/// where the crash dump of an item is.
///
/// # Errors
/// [`ReportError`] when nothing of it can be taken.
pub fn envelopes(
    form: &Form,
    body: &Bytes,
    at: Timestamp,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) -> Result<Vec<Envelope>, ReportError> {
    match form {
        Form::Security {
            release,
            environment,
        } => security::reports(body, at, release.as_deref(), environment.as_deref()),
        Form::NetworkErrors => security::reports(body, at, None, None),
        Form::Minidump { boundary } => minidump::upload(boundary.as_deref(), body, dumps),
        Form::Attachments { event_id, boundary } => files::of_event(*event_id, boundary, body),
        Form::Unreal { user, boundary } => {
            unreal::crash(user.as_deref(), boundary.as_deref(), body, dumps)
        }
        Form::PlayStation { boundary } => playstation::upload(boundary, body, dumps),
        Form::CheckIn(check_in) => check_in.envelope(body).map(|envelope| vec![envelope]),
        Form::Otlp(signal, encoding) => otlp::export(*signal, *encoding, body),
        Form::Vercel => logs::vercel(body, at),
        Form::Feedback { event_id } => feedback::report(*event_id, body),
    }
}

/// Takes apart what came in an envelope as one and is several, and gives a crash its event:
/// videos of replays, files of traces, containers of the Unreal engine, files of native clients. What cannot be
/// taken apart stays as it is. What a crash dump says becomes part of its event; `dumps` tells where
/// the dump of an item is.
pub fn complete(envelope: &mut Envelope, dumps: impl Fn(&EnvelopeItem) -> Dump) {
    replay::take_apart(envelope);
    trace_file::take_apart(envelope);
    unreal::take_apart(envelope);
    crash::complete(envelope, dumps);
}

/// Whether a crash upload holds a packed dump or container that is larger than may be in memory.
#[must_use]
pub fn is_larger_inside(form: &Form, body: &Bytes) -> bool {
    match form {
        Form::Minidump { boundary } => {
            let found = minidump::find(boundary.as_deref(), body);
            matches!(found, Err(ReportError::UnpacksTo(_)))
        }
        Form::Unreal { boundary: None, .. } => unreal::is_larger_inside(body),
        _ => false,
    }
}

/// The boundary that a `Content-Type` of a form names.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    multipart::boundary(content_type)
}

fn alone(item: EnvelopeItem) -> Envelope {
    Envelope {
        header: EnvelopeHeader::default(),
        items: vec![item],
    }
}

fn item(kind: ItemKind, payload: Bytes) -> EnvelopeItem {
    EnvelopeItem {
        kind,
        header: ItemHeader::default(),
        payload,
    }
}

/// An item of JSON that was made here.
fn json_item(kind: ItemKind, json: &serde_json::Value) -> EnvelopeItem {
    item(kind, Bytes::from(json.to_string()))
}

#[cfg(test)]
mod tests;
