//! The one shape of errors, and which status each error of the rooms below becomes.
//!
//! Every refusal is `{"detail": "…"}`, with `field` or `span` where one part of the request is at
//! fault. Causes are logged here, once, and never shown.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::filter::FilterError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{AccessError, NoRandomness, PasswordError};
use crate::archive::ArchiveError;
use crate::digest::DigestError;
use crate::digest::regroup::RegroupError;
use crate::fleet::{FleetError, IntakeError};
use crate::index::IndexError;
use crate::notify::NotifyError;
use crate::query::QueryError;
use crate::store::StoreError;

/// What a caller is told when the request is not answered.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    status: StatusCode,
    detail: String,
    field: Option<&'static str>,
    span: Option<[usize; 2]>,
    retry_after_secs: Option<u64>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What is wrong, for people; begins with the field where one is wrong.
    detail: String,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// The first and the last but one byte of the query that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<[usize; 2]>,
}

impl ApiError {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            field: None,
            span: None,
            retry_after_secs: None,
            source: None,
        }
    }

    /// 400: the request is wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400: one field of the request is wrong.
    pub fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::invalid(detail)
        }
    }

    /// 400: a part of one field of the request is wrong, by its first and last but one byte.
    pub fn field_at(field: &'static str, detail: impl Into<String>, span: [usize; 2]) -> Self {
        Self {
            span: Some(span),
            ..Self::field(field, detail)
        }
    }

    /// 401: nobody is known to be asking.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authentication credentials were not provided or are not valid.",
        )
    }

    /// 403: known, but not allowed.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: not there, or not for this caller.
    pub fn missing() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "The requested resource does not exist",
        )
    }

    /// 409: something of that name exists.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 413: more than is taken.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 429: too often.
    pub fn too_often(detail: impl Into<String>, retry_after_secs: u64) -> Self {
        Self {
            retry_after_secs: Some(retry_after_secs),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    /// 503: not at the moment.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self {
            retry_after_secs: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// 500: the hub is at fault.
    pub fn internal(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The hub cannot answer this; its log says why.",
            )
        }
    }

    /// The status this is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            tracing::error!(error = %chain(source.as_ref()), "request failed");
        }
        let retry_after = self.retry_after_secs;
        // Many clients show the text alone. Where a query or a place in a text is wrong, it says enough.
        let detail = match self.field {
            Some(field) if field != "query" && self.span.is_none() => {
                format!("{field}: {}", self.detail)
            }
            _ => self.detail,
        };
        let body = ErrorBody {
            detail,
            field: self.field,
            span: self.span,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(secs) = retry_after {
            let value = HeaderValue::from(secs);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let value = HeaderValue::from_static("Bearer realm=\"api\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists { what } => Self::conflict(format!("This {what} exists already.")),
            StoreError::Missing { .. } => Self::missing(),
            StoreError::Open { .. }
            | StoreError::Migrate(_)
            | StoreError::LaterTables { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Engine(_) => Self::internal(error),
        }
    }
}

impl From<IndexError> for ApiError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NotAnEventKey(_) => Self::invalid(error.to_string()),
            IndexError::TooManyGroups(_) => Self::field("field", error.to_string()),
            IndexError::Closed => Self::unavailable("the search is starting or stopping"),
            IndexError::Directory { .. } | IndexError::Engine(_) | IndexError::Read(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<ArchiveError> for ApiError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Missing(_) => Self::missing(),
            other => Self::internal(other),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::WrongLogin => Self::new(
                StatusCode::UNAUTHORIZED,
                "The e-mail address or the password is wrong.",
            ),
            AccessError::Throttled { retry_after } => Self::too_often(
                "Too many attempts to log in. Wait a moment.",
                retry_after.as_secs().max(1),
            ),
            AccessError::Password(error) => error.into(),
            AccessError::TooManyTokens | AccessError::InvitedElsewhere => {
                Self::conflict(error.to_string())
            }
            AccessError::NoInvitation => Self::field("token", error.to_string()),
            AccessError::Email => Self::field("email", error.to_string()),
            AccessError::Slug => Self::field("slug", error.to_string()),
            AccessError::NoRandomness(error) => error.into(),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<FleetError> for ApiError {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Store(error) => error.into(),
            FleetError::UnknownRelay(_) => Self::missing(),
            FleetError::TooMuch(_) => Self::invalid(error.to_string()),
            FleetError::Full { .. }
            | FleetError::TooManyErasures
            | FleetError::Revoked(_)
            | FleetError::Expired(_)
            | FleetError::Cloned(_)
            | FleetError::NoRecoveryLeft { .. } => Self::conflict(error.to_string()),
            FleetError::Authority(_)
            | FleetError::ConfigKey(_)
            | FleetError::Stopping
            | FleetError::NoRandomness(_)
            | FleetError::BadToken
            | FleetError::BadAddress { .. }
            | FleetError::TooManyGuesses { .. } => Self::internal(error),
        }
    }
}

/// Settings that relays would not take: 400, with the place where there is one.
impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        let at = |place: usize| [place, place];
        match &error {
            IntakeError::Filter(FilterError::Condition { source, .. }) => {
                Self::field_at("generic", error.to_string(), at(source.at))
            }
            IntakeError::Filter(FilterError::Address { .. }) => {
                Self::field("filters:blacklisted_ips", error.to_string())
            }
            IntakeError::Filter(_) => Self::field("filters", error.to_string()),
            IntakeError::Sampling(rule) => {
                Self::field_at("samplingRules", error.to_string(), at(rule.source.at))
            }
            IntakeError::Quota => Self::field("quotas", error.to_string()),
            IntakeError::TooMany { .. } => Self::invalid(error.to_string()),
        }
    }
}

impl From<RegroupError> for ApiError {
    fn from(error: RegroupError) -> Self {
        match error {
            RegroupError::TooLarge | RegroupError::TooMany | RegroupError::Nothing => {
                Self::invalid(error.to_string())
            }
            RegroupError::Busy => Self::unavailable(error.to_string()),
            RegroupError::Store(error) => error.into(),
            RegroupError::Index(error) => error.into(),
            RegroupError::Ended => Self::internal(error),
        }
    }
}

impl From<DigestError> for ApiError {
    fn from(error: DigestError) -> Self {
        match error {
            DigestError::UnknownPoison(_) => Self::missing(),
            DigestError::Unavailable | DigestError::Closed => Self::unavailable(error.to_string()),
            DigestError::Gap { .. } | DigestError::UnknownRelay(_) => Self::internal(error),
        }
    }
}

impl From<NotifyError> for ApiError {
    /// What keeps a notification from being sent is for the person who made the rule.
    fn from(error: NotifyError) -> Self {
        Self::conflict(error.to_string())
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooShort | PasswordError::TooLong => {
                Self::field("password", error.to_string())
            }
            PasswordError::Busy => Self::unavailable("Too many logins are waiting."),
            PasswordError::Hash => Self::internal(error),
        }
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        Self::internal(error)
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self {
            field: Some("query"),
            span: Some([error.span.start, error.span.end]),
            ..Self::invalid(error.to_string())
        }
    }
}
