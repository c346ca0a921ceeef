//! Every way a request is refused, with its status and its reason in the ledger.

use std::time::Duration;

use protocol::auth::AuthError;
use protocol::envelope::EnvelopeError;
use protocol::ids::IdError;
use protocol::outcome::reason;

use super::StoreError;
use crate::report::ReportError;
use crate::spool::SpoolError;
use crate::upload::UploadError;

/// Clients wait so long when the relay itself is the cause.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// And so long where there is no room.
const HOLD_BACK: Duration = Duration::from_secs(60);

/// Why nothing of a request was taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not an envelope.
    #[error("invalid event envelope")]
    Envelope(#[source] EnvelopeError),
    /// Not an event.
    #[error("invalid event payload")]
    Store(#[source] StoreError),
    /// Not what the address takes.
    #[error("invalid report")]
    Report(#[source] ReportError),
    /// An item that relays make, not clients.
    #[error("envelope has an internal item")]
    Internal,
    /// The address takes other types of content.
    #[error("unsupported content type")]
    ContentType,
    /// The path's event is no id.
    #[error("invalid event id in the path")]
    EventPath(#[source] IdError),
    /// No credentials, or unreadable ones.
    #[error("bad authorization")]
    Auth(#[source] AuthError),
    /// The path's project is no number.
    #[error("invalid project path parameter")]
    ProjectPath(#[source] IdError),
    /// The envelope header's DSN names another project than the path.
    #[error("envelope header and request name different projects")]
    HeaderProject,
    /// The roster has no such key.
    #[error("unknown key")]
    UnknownKey,
    /// The key is switched off.
    #[error("key is disabled")]
    DisabledKey,
    /// The key belongs to another project.
    #[error("key belongs to another project")]
    WrongProject,
    /// The project does not take events from there.
    #[error("origin is not allowed")]
    Origin,
    /// No hub has told which project the key belongs to, and neither does the request.
    #[error("project is not known yet")]
    NoRoster,
    /// There is nothing.
    #[error("empty body")]
    EmptyBody,
    /// More items of a kind than allowed, or larger ones.
    #[error("{kind} is over its limit of {items_max} items and {bytes_max} bytes")]
    Budget {
        /// The kind.
        kind: String,
        /// Items allowed.
        items_max: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// The body is larger than allowed, before or after decompression.
    #[error("body is larger than {bytes_max} bytes")]
    BodyTooLarge {
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// The body is not what `Content-Encoding` says.
    #[error("body cannot be decompressed as {encoding}")]
    Compression {
        /// The encoding.
        encoding: &'static str,
    },
    /// `Content-Encoding` names something else.
    #[error("unsupported content encoding")]
    Encoding,
    /// The body did not come in time.
    #[error("body did not arrive in time")]
    BodyTimeout,
    /// The client went away, or broke the protocol.
    #[error("body ended early")]
    BodyBroken,
    /// Where the body ends is a matter of opinion.
    #[error("transfer encoding is not `chunked` alone")]
    Framing,
    /// As much is being worked on as is allowed.
    #[error("relay is busy to its limit")]
    Overload,
    /// An upload that is not begun or does not go on.
    #[error("upload is not taken")]
    Upload(#[source] UploadError),
    /// Enough files were sent.
    #[error("the project's limit of attachments is reached")]
    FileLimit {
        /// How long until one may come again.
        wait: Duration,
    },
    /// An upload by another version of its protocol.
    #[error("uploads are taken by tus 1.0.0; say so in Tus-Resumable")]
    UploadVersion,
    /// A header of an upload is missing or no number.
    #[error("{0} is missing or no number")]
    UploadHeader(&'static str),
    /// No files may leave this host.
    #[error("this host's policy keeps files here")]
    Withheld,
    /// The spool is nearly full of what is as important or more.
    #[error("relay has no room for files at the moment")]
    HeldBack,
    /// The spool becomes full, mostly of what is the project's.
    #[error("the project has its share of the relay's room")]
    FairShare,
    /// The hub's operator has this relay drained.
    #[error("relay is drained: it delivers what it has and takes nothing new")]
    Drained,
    /// The relay is about to end.
    #[error("relay is shutting down")]
    ShuttingDown,
    /// The spool did not take it.
    #[error("not stored")]
    Spool(#[source] SpoolError),
    /// A step ended in a bug.
    #[error("internal error")]
    Broken,
}

impl Refusal {
    /// The status, the ledger's reason and how long to wait: one table.
    fn row(&self) -> (u16, &'static str, Option<Duration>) {
        let wait = Some(RETRY_AFTER);
        match self {
            Self::Envelope(EnvelopeError::Empty) => (400, reason::EMPTY_BODY, None),
            Self::Envelope(EnvelopeError::EventId) => (400, reason::INVALID_EVENT_ID, None),
            Self::Envelope(error) if error.is_too_large() => (413, reason::TOO_LARGE, None),
            Self::Envelope(_) => (400, reason::INVALID_ENVELOPE, None),
            Self::Store(StoreError::Empty) | Self::EmptyBody => (400, reason::EMPTY_BODY, None),
            Self::Store(StoreError::EventId) => (400, reason::INVALID_EVENT_ID, None),
            Self::Store(StoreError::TooLarge) => (413, reason::TOO_LARGE, None),
            Self::Store(StoreError::Encoding) => (400, reason::INVALID_COMPRESSION, None),
            Self::Store(StoreError::NotJson) => (400, reason::INVALID_JSON, None),
            Self::Report(error) => report(*error),
            Self::Internal => (400, reason::INTERNAL_ENVELOPE, None),
            Self::ContentType => (415, reason::CONTENT_TYPE, None),
            Self::EventPath(_) => (400, reason::INVALID_EVENT_ID, None),
            Self::Auth(error) if error.is_unauthorized() => (401, reason::AUTH, None),
            Self::Auth(_) => (400, reason::AUTH, None),
            Self::ProjectPath(_) | Self::HeaderProject => (400, reason::PROJECT_ID, None),
            Self::WrongProject => (403, reason::PROJECT_ID, None),
            Self::UnknownKey | Self::DisabledKey => (403, reason::UNKNOWN_KEY, None),
            Self::Origin => (403, reason::CORS, None),
            Self::Budget { .. } | Self::BodyTooLarge { .. } => (413, reason::TOO_LARGE, None),
            Self::Compression { .. } => (400, reason::INVALID_COMPRESSION, None),
            Self::Upload(error) => upload(error),
            Self::FileLimit { wait } => (429, reason::RATE_LIMITED, Some(*wait)),
            Self::UploadVersion => (412, reason::INVALID_ENVELOPE, None),
            Self::UploadHeader(_) => (400, reason::INVALID_ENVELOPE, None),
            Self::Withheld => (403, reason::POLICY, None),
            Self::HeldBack => (429, reason::BACKPRESSURE, Some(HOLD_BACK)),
            Self::FairShare => (429, reason::FAIR_SHARE, Some(HOLD_BACK)),
            Self::Drained => (429, reason::DRAINED, Some(HOLD_BACK)),
            Self::Encoding => (415, reason::INVALID_COMPRESSION, None),
            Self::BodyTimeout => (408, reason::OVERLOAD, None),
            Self::BodyBroken | Self::Framing => (400, reason::INVALID_ENVELOPE, None),
            Self::NoRoster => (503, reason::PROJECT_ID, wait),
            Self::Overload | Self::ShuttingDown => (503, reason::OVERLOAD, wait),
            Self::Spool(error) => spool(error),
            Self::Broken => (500, reason::NOT_DURABLE, None),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.row().0
    }

    /// The ledger's reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.row().1
    }

    /// `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.row().2
    }
}

const fn spool(error: &SpoolError) -> (u16, &'static str, Option<Duration>) {
    match error {
        SpoolError::TooLarge(_) => (413, reason::TOO_LARGE, None),
        SpoolError::Full { .. } => (503, reason::SPOOL_FULL, Some(RETRY_AFTER)),
        _ => (503, reason::NOT_DURABLE, Some(RETRY_AFTER)),
    }
}

const fn upload(error: &UploadError) -> (u16, &'static str, Option<Duration>) {
    match error {
        UploadError::Unknown => (404, reason::INVALID_PLACEHOLDER, None),
        UploadError::Busy | UploadError::Offset { .. } => (409, reason::INVALID_PLACEHOLDER, None),
        UploadError::TooLarge { .. } => (413, reason::TOO_LARGE, None),
        UploadError::Rules(_) => (413, reason::PRIVACY_RULES, None),
        UploadError::Share { .. } => (429, reason::OVERLOAD, Some(HOLD_BACK)),
        UploadError::TooMany => (503, reason::OVERLOAD, Some(RETRY_AFTER)),
        UploadError::Spool(error) => spool(error),
        UploadError::Note(_) => (503, reason::NOT_DURABLE, Some(RETRY_AFTER)),
    }
}

const fn report(error: ReportError) -> (u16, &'static str, Option<Duration>) {
    let (status, reason) = match error {
        ReportError::Json(_) => (400, reason::INVALID_JSON),
        ReportError::Proto => (400, reason::INVALID_PROTO),
        ReportError::Multipart(_) => (400, reason::INVALID_MULTIPART),
        ReportError::NoMinidump => (400, reason::MISSING_MINIDUMP),
        ReportError::Minidump => (400, reason::INVALID_MINIDUMP),
        ReportError::NoProsperodump => (400, reason::MISSING_PROSPERODUMP),
        ReportError::Prosperodump => (400, reason::INVALID_PROSPERODUMP),
        ReportError::Compression(_) => (400, reason::INVALID_COMPRESSION),
        ReportError::Unreal(_) => (400, reason::INVALID_UNREAL),
        ReportError::CheckIn(_) | ReportError::Duration => (400, reason::INVALID_CHECK_IN),
        ReportError::Feedback(_) => (400, reason::PAYLOAD),
        ReportError::TooMany(_) | ReportError::UnpacksTo(_) => (413, reason::TOO_LARGE),
    };
    (status, reason, None)
}
