//! What form a request's body has, by its address and headers.

use bytes::Bytes;
use http::HeaderMap;
use protocol::auth::{self, AuthError, Credentials, query_pairs};
use protocol::dsn::Dsn;
use protocol::ids::{EventId, IdError, ProjectId};

use super::handle::text;
use super::route::Endpoint;
use crate::pipeline::{Form, Refusal};
use crate::report::{self, CheckIn, Encoding};

/// What browsers send reports as; certificate reports have types of their own, and are counted.
const REPORT_TYPES: [&str; 6] = [
    "application/json",
    "application/csp-report",
    "application/reports+json",
    "application/expect-ct-report+json",
    "application/expect-staple-report+json",
    "application/hpkp-report+json",
];

/// What an envelope says it is, where an event could be.
const ENVELOPE_TYPE: &str = "application/x-sentry-envelope";

/// The form.
pub(super) fn of(
    endpoint: Endpoint,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Form, Refusal> {
    let content_type = text(headers, "content-type").unwrap_or_default();
    let query = query.unwrap_or_default();
    let report = match endpoint {
        Endpoint::Envelope => return Ok(Form::Envelope),
        Endpoint::Store if of_type(content_type, &[ENVELOPE_TYPE]).is_ok() => {
            return Ok(Form::Envelope);
        }
        Endpoint::Store => return Ok(Form::Store),
        Endpoint::Security => {
            of_type(content_type, &REPORT_TYPES)?;
            report::Form::Security {
                release: value(query, "sentry_release"),
                environment: value(query, "sentry_environment"),
            }
        }
        Endpoint::NetworkErrors => {
            of_type(
                content_type,
                &["application/json", "application/reports+json"],
            )?;
            report::Form::NetworkErrors
        }
        Endpoint::Minidump => report::Form::Minidump {
            boundary: report::boundary(content_type),
        },
        Endpoint::Attachments { event_id } => report::Form::Attachments {
            event_id: event_id.map_err(Refusal::EventPath)?,
            boundary: report::boundary(content_type).ok_or(Refusal::ContentType)?,
        },
        Endpoint::Unreal { .. } => report::Form::Unreal {
            user: value(query, "UserID"),
            boundary: None,
        },
        Endpoint::PlayStation => report::Form::PlayStation {
            boundary: report::boundary(content_type).ok_or(Refusal::ContentType)?,
        },
        Endpoint::CheckIn { slug, .. } => report::Form::CheckIn(CheckIn::of(slug, query)),
        Endpoint::Otlp(signal) => {
            let encoding = Encoding::of(content_type).ok_or(Refusal::ContentType)?;
            report::Form::Otlp(signal, encoding)
        }
        Endpoint::Vercel => report::Form::Vercel,
        // Those have steps of their own.
        Endpoint::Upload { .. } => return Err(Refusal::ContentType),
        Endpoint::Dialog => {
            let event_id = value(query, "eventId").unwrap_or_default();
            let event_id: Result<EventId, IdError> = event_id.parse();
            report::Form::Feedback {
                event_id: event_id.map_err(Refusal::EventPath)?,
            }
        }
    };
    Ok(Form::Report(report))
}

/// Credentials, and the project that an address names.
type Sender = (
    Result<Option<Credentials>, AuthError>,
    Result<Option<ProjectId>, IdError>,
);

/// Who sends what is written into the dialog: the DSN that its page knows.
pub(super) fn dialog_sender(query: Option<&str>) -> Sender {
    let dsn = value(query.unwrap_or_default(), "dsn");
    match dsn.map(|dsn| dsn.parse::<Dsn>()) {
        None => (Ok(None), Ok(None)),
        Some(Err(_)) => (Err(AuthError::Malformed), Ok(None)),
        Some(Ok(dsn)) => (
            auth::with_dsn(None, Some(&dsn)).map(Some),
            Ok(Some(dsn.project)),
        ),
    }
}

/// What the pixel transport carries in its query.
pub(super) fn sentry_data(query: Option<&str>) -> Bytes {
    value(query.unwrap_or_default(), "sentry_data").map_or_else(Bytes::new, Bytes::from)
}

fn value(query: &str, wanted: &str) -> Option<String> {
    let pair = query_pairs(query).find(|(name, _)| name == wanted);
    pair.map(|(_, value)| value.into_owned())
}

fn of_type(content_type: &str, allowed: &[&str]) -> Result<(), Refusal> {
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    let is_allowed = allowed.iter().any(|one| one.eq_ignore_ascii_case(mime));
    if is_allowed {
        Ok(())
    } else {
        Err(Refusal::ContentType)
    }
}
