//! Request bodies.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::{Json, extract::FromRequestParts, extract::Path};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// A JSON body. What cannot be read is 400 with the reason.
#[derive(Debug)]
pub(super) struct Input<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::invalid(
                "The body must be JSON, sent as application/json.",
            )),
            Err(JsonRejection::BytesRejection(_)) => {
                Err(ApiError::too_large("The body is too large."))
            }
            Err(rejection) => Err(ApiError::invalid(rejection.body_text())),
        }
    }
}

/// Parts of the path. What cannot be read is 404.
#[derive(Debug)]
pub(super) struct At<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value))
            .map_err(|_| ApiError::missing())
    }
}

/// Tells a field that is `null` from one that is left out.
pub(super) fn nullable<'de, D, T>(source: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(source).map(Some)
}

/// A text of a field without the blanks around it: not empty, and of at most `max` bytes.
pub(super) fn text(field: &'static str, text: &str, max: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.len() > max {
        return Err(ApiError::field(field, format!("1 to {max} bytes")));
    }
    Ok(text.to_owned())
}
