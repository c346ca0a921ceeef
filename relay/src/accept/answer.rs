//! Answers: bodies, headers, and what browsers are allowed.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use protocol::ids::EventId;
use serde::Serialize;

use super::route::Endpoint;
use crate::pipeline::{Limited, Refusal, Taken};
use crate::report::{self, Encoding, Signal, otlp};

pub(super) type Answer = Response<Full<Bytes>>;

/// A transparent GIF of one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x00\x00\x00!\xf9\x04\x01\n\x00\x01\x00,\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;";

const JSON: &str = "application/json";
const PROTO: &str = "application/x-protobuf";

const RATE_LIMITS: HeaderName = HeaderName::from_static("x-sentry-rate-limits");
const ERROR: HeaderName = HeaderName::from_static("x-sentry-error");
const DURABILITY: HeaderName = HeaderName::from_static("x-vedette-durability");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[derive(Serialize)]
struct ErrorBody<'a> {
    detail: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
}

/// How the answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// `{"id":"…"}`.
    Json,
    /// A picture, since a page asked for one.
    Pixel,
    /// The event's id as text, for the people and scripts that upload crashes.
    Text,
    /// A crash uploader that cannot wait: as [`Look::Text`], and never told of limits.
    TextAlways,
    /// This status and no body.
    Empty(u16),
    /// The same, and never told of limits.
    EmptyAlways(u16),
    /// A drain of logs, which sends all of a body again when it is refused.
    Drain,
    /// What exporters of OpenTelemetry read.
    Otlp(Signal, Encoding),
}

impl Look {
    pub(super) fn of<T>(endpoint: &Endpoint, request: &Request<T>) -> Self {
        match endpoint {
            Endpoint::Store if request.method() == Method::GET => Self::Pixel,
            Endpoint::Envelope | Endpoint::Store => Self::Json,
            // Sentry's source has 200 for reports of browsers, and recordings of them 201: a browser takes either.
            Endpoint::Security | Endpoint::Attachments { .. } => Self::Empty(201),
            Endpoint::NetworkErrors => Self::EmptyAlways(200),
            Endpoint::Dialog => Self::Empty(200),
            Endpoint::Minidump | Endpoint::PlayStation => Self::Text,
            Endpoint::Unreal { .. } => Self::TextAlways,
            Endpoint::CheckIn { .. } => Self::EmptyAlways(202),
            Endpoint::Vercel => Self::Drain,
            Endpoint::Upload { .. } => Self::Empty(204),
            Endpoint::Otlp(signal) => {
                let content_type = request.headers().get(header::CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                let encoding = content_type.and_then(Encoding::of);
                Self::Otlp(*signal, encoding.unwrap_or(Encoding::Json))
            }
        }
    }

    const fn tells_limits(self) -> bool {
        !matches!(self, Self::TextAlways | Self::EmptyAlways(_))
    }

    /// The status, the type and the body of what was taken.
    fn success(self, event_id: Option<EventId>) -> (u16, &'static str, Bytes) {
        match self {
            Self::Json => {
                let body =
                    event_id.map_or_else(|| "{}".to_owned(), |id| format!("{{\"id\":\"{id}\"}}"));
                (200, JSON, Bytes::from(body))
            }
            Self::Pixel => (200, "image/gif", Bytes::from_static(PIXEL)),
            Self::Text | Self::TextAlways => {
                let id = event_id.map(|id| uuid::Uuid::from_bytes(*id.as_bytes()).to_string());
                (200, "text/plain", Bytes::from(id.unwrap_or_default()))
            }
            Self::Empty(status) | Self::EmptyAlways(status) => (status, "", Bytes::new()),
            Self::Drain => (202, "", Bytes::new()),
            // An empty response message in either encoding.
            Self::Otlp(_, Encoding::Json) => (200, JSON, Bytes::from_static(b"{}")),
            Self::Otlp(_, Encoding::Proto) => (200, PROTO, Bytes::new()),
        }
    }
}

/// Success, or 429 when a quota is used up; the rest of such a request is taken all the same.
pub(super) fn taken(taken: &Taken, look: Look) -> Answer {
    if taken.limited.is_empty() || !look.tells_limits() {
        let (status, content_type, body) = look.success(taken.event_id);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut answer = plain(status, content_type, body);
        set(&mut answer, DURABILITY, HeaderValue::from_static("fsync"));
        return open_to_browsers(answer);
    }
    let detail = "a rate limit is reached";
    let mut answer = match look {
        // An exporter that is answered 429 sends all of it again.
        Look::Otlp(signal, encoding) if taken.n_kept > 0 => {
            let n = taken.n_limited;
            let (content_type, body) = otlp::partial_body(signal, encoding, n, detail);
            plain(StatusCode::OK, content_type, Bytes::from(body))
        }
        Look::Drain if taken.n_kept > 0 => plain(StatusCode::OK, "", Bytes::new()),
        _ => error_as(look, StatusCode::TOO_MANY_REQUESTS, detail, Vec::new()),
    };
    let longest = taken.limited.iter().map(|limited| limited.wait).max();
    retry_after(&mut answer, longest.unwrap_or_default());
    if let Ok(limits) = HeaderValue::from_str(&rate_limits(taken)) {
        set(&mut answer, RATE_LIMITS, limits);
    }
    open_to_browsers(answer)
}

/// `seconds:category;category:scope:reason`, those that only differ in their categories together.
fn rate_limits(taken: &Taken) -> String {
    let mut groups: Vec<(u64, &Limited, Vec<&str>)> = Vec::new();
    for limited in &taken.limited {
        let secs = whole_secs(limited.wait);
        let is_like = |known: &Limited| {
            (known.scope, &known.reason) == (limited.scope, &limited.reason)
                && known.categories.is_empty() == limited.categories.is_empty()
        };
        let mut known = groups.iter_mut();
        match known.find(|(known_secs, known, _)| *known_secs == secs && is_like(known)) {
            Some((.., names)) => names.push(&limited.categories),
            None => groups.push((secs, limited, vec![&limited.categories])),
        }
    }
    let limits = groups.iter().map(|(secs, limited, names)| {
        let (scope, reason) = (limited.scope, &limited.reason);
        format!("{secs}:{}:{scope}:{reason}", names.join(";"))
    });
    limits.collect::<Vec<_>>().join(", ")
}

/// The whole chain of causes goes to the client: it is about what the client sent.
pub(super) fn refused(refusal: &Refusal, look: Look) -> Answer {
    let status = StatusCode::from_u16(refusal.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut causes = Vec::new();
    // What goes on inside the relay stays there.
    let mut cause = refusal.source().filter(|_| status.is_client_error());
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let mut answer = error_as(look, status, &refusal.to_string(), causes);
    if let Some(wait) = refusal.retry_after() {
        retry_after(&mut answer, wait);
    }
    open_to_browsers(answer)
}

/// The connection's last answer.
pub(super) fn last(mut answer: Answer) -> Answer {
    let close = HeaderValue::from_static("close");
    set(&mut answer, header::CONNECTION, close);
    answer
}

pub(super) fn not_found() -> Answer {
    error(StatusCode::NOT_FOUND, "no such endpoint", Vec::new())
}

pub(super) fn not_allowed(allow: &'static str) -> Answer {
    let detail = "method not allowed";
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, detail, Vec::new());
    set(&mut answer, header::ALLOW, HeaderValue::from_static(allow));
    open_to_browsers(answer)
}

/// The answer to a browser that asks before it sends.
pub(super) fn preflight() -> Answer {
    let mut answer = Response::new(Full::default());
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, \
             content-type, authentication, authorization, content-encoding, transfer-encoding",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
        (header::VARY, "origin"),
    ] {
        set(&mut answer, name, HeaderValue::from_static(value));
    }
    open_to_browsers(answer)
}

/// The script that shows the dialog of an error page. It reads its own address for the rest.
pub(super) fn dialog() -> Answer {
    let script = Bytes::from_static(include_bytes!("dialog.js"));
    open_to_browsers(plain(
        StatusCode::OK,
        "text/javascript; charset=utf-8",
        script,
    ))
}

/// Which of its files a console is asked for.
pub(super) fn wanted_of_a_console() -> Answer {
    plain(StatusCode::OK, JSON, Bytes::from(report::DATA_WANTED))
}

/// An error in the words its client reads.
fn error_as(look: Look, status: StatusCode, detail: &str, causes: Vec<String>) -> Answer {
    let Look::Otlp(_, encoding) = look else {
        return error(status, detail, causes);
    };
    let causes: String = causes
        .iter()
        .flat_map(|cause| [": ", cause.as_str()])
        .collect();
    let message = format!("{detail}{causes}");
    let mut answer = error(status, &message, Vec::new());
    let content_type = match encoding {
        Encoding::Json => JSON,
        Encoding::Proto => PROTO,
    };
    let content_type = HeaderValue::from_static(content_type);
    set(&mut answer, header::CONTENT_TYPE, content_type);
    *answer.body_mut() = Full::from(otlp::status_body(encoding, status.as_u16(), &message));
    answer
}

fn error(status: StatusCode, detail: &str, causes: Vec<String>) -> Answer {
    let shown = causes.first().map_or(detail, String::as_str);
    let shown: String = shown.chars().filter(|c| matches!(c, ' '..='~')).collect();
    let body = serde_json::to_vec(&ErrorBody { detail, causes }).unwrap_or_default();
    let mut answer = plain(status, "application/json", Bytes::from(body));
    if let Ok(shown) = HeaderValue::from_str(&shown) {
        set(&mut answer, ERROR, shown);
    }
    answer
}

fn plain(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    if !content_type.is_empty() {
        let content_type = HeaderValue::from_static(content_type);
        set(&mut answer, header::CONTENT_TYPE, content_type);
    }
    answer
}

pub(super) fn open_to_browsers(mut answer: Answer) -> Answer {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "x-sentry-error,x-sentry-rate-limits,retry-after",
        ),
        (RESOURCE_POLICY, "cross-origin"),
    ] {
        set(&mut answer, name, HeaderValue::from_static(value));
    }
    answer
}

fn retry_after(answer: &mut Answer, wait: Duration) {
    set(
        answer,
        header::RETRY_AFTER,
        HeaderValue::from(whole_secs(wait)),
    );
}

/// Rounded up: a client that comes back early would be refused again.
fn whole_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn set(answer: &mut Answer, name: HeaderName, value: HeaderValue) {
    answer.headers_mut().insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limits_are_grouped_by_time_and_rounded_up() {
        let ms = Duration::from_millis;
        let limited = |categories: &str, scope, reason: &str, wait| Limited {
            categories: categories.into(),
            scope,
            reason: reason.into(),
            wait,
        };
        let taken = Taken {
            n_kept: 0,
            n_limited: 5,
            event_id: None,
            limited: vec![
                limited("error", "key", "rate_limited", ms(59_001)),
                limited("session", "key", "rate_limited", ms(2_000)),
                limited("attachment", "key", "rate_limited", ms(60_000)),
                limited("error;security", "project", "project_quota", ms(60_000)),
                limited("", "organization", "organization_quota", ms(60_000)),
            ],
        };
        let answer = super::taken(&taken, Look::Json);
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "60");
        assert_eq!(
            answer.headers()["x-sentry-rate-limits"],
            "60:error;attachment:key:rate_limited, 2:session:key:rate_limited, \
             60:error;security:project:project_quota, 60::organization:organization_quota"
        );
    }
}
