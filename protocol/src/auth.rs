//! The ways a client names its key: header, query, path, envelope; one of them, checked.
//!
//! | source | form |
//! |---|---|
//! | `X-Sentry-Auth` | `Sentry sentry_key=…, sentry_version=7, …`, the scheme in any case |
//! | `Authorization: Sentry` | the same |
//! | `Authorization: Basic` | the user name is the key |
//! | query | `?sentry_key=…&sentry_version=7&sentry_client=…` |
//! | path | the key alone |
//! | envelope header `dsn` | only when nothing else is present: tunnels |
//!
//! Several sources may be present at once, as behind some proxies. When they name the same key
//! the first in the order above counts; when they do not, the request is refused. An
//! `Authorization` of another scheme (a proxy's own login) is no source.

mod query;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dsn::Dsn;
use crate::ids::{ProjectId, PublicKey};

pub use query::{QueryPairs, query_pairs};

/// The protocol version that clients speak today.
const VERSION_NOW: u16 = 7;
/// Longest client name that is kept, in bytes.
pub const CLIENT_BYTES_MAX: usize = 128;
/// Longest secret that is kept, in bytes.
const SECRET_BYTES_MAX: usize = 128;

/// What a request says about its sender. Nothing here is checked against a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The public key.
    pub key: PublicKey,
    /// The secret of old clients; never checked, never logged.
    pub secret: Option<String>,
    /// The protocol version, at most 7.
    pub version: u16,
    /// `sentry_client`, cut to [`CLIENT_BYTES_MAX`].
    pub client: Option<String>,
    /// The project, where the source names one (only a DSN does).
    pub project: Option<ProjectId>,
}

/// Where a request may carry credentials. All as they came, undecoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// The `X-Sentry-Auth` header.
    pub x_sentry_auth: Option<&'a str>,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The query, without the question mark.
    pub query: Option<&'a str>,
    /// A key in the path.
    pub path_key: Option<&'a str>,
}

/// Why credentials are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// None at all.
    #[error("missing authorization information")]
    Missing,
    /// A source that cannot be read.
    #[error("malformed authorization payload")]
    Malformed,
    /// Two sources that name different keys.
    #[error("multiple authorization payloads detected")]
    Contradiction,
    /// Newer than anything known.
    #[error("unsupported protocol version {0}")]
    Version(u16),
    /// Not 32 hexadecimal digits.
    #[error("bad sentry dsn public key")]
    Key,
    /// The envelope header's DSN names another key than the request.
    #[error("envelope header and request name different keys")]
    EnvelopeKey,
}

impl AuthError {
    /// Whether the answer is 401; the others are 400.
    #[must_use]
    pub const fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Missing | Self::Malformed | Self::Contradiction)
    }
}

/// The credentials of the request itself; `None` when it carries none.
///
/// # Errors
/// [`AuthError`] when a source is unreadable or two disagree.
pub fn from_request(sources: &Sources<'_>) -> Result<Option<Credentials>, AuthError> {
    let found = [
        sources.x_sentry_auth.map(from_header),
        sources.authorization.and_then(from_authorization),
        sources.query.and_then(from_query),
        sources.path_key.map(from_key),
    ];
    let mut first: Option<Credentials> = None;
    for credentials in found.into_iter().flatten() {
        let credentials = credentials?;
        match &first {
            None => first = Some(credentials),
            Some(other) if other.key == credentials.key => {}
            Some(_) => return Err(AuthError::Contradiction),
        }
    }
    Ok(first)
}

/// The request's credentials beside the envelope header's DSN.
///
/// # Errors
/// [`AuthError::Missing`] when there is neither, [`AuthError::EnvelopeKey`] when they disagree.
pub fn with_dsn(request: Option<Credentials>, dsn: Option<&Dsn>) -> Result<Credentials, AuthError> {
    match (request, dsn) {
        (None, None) => Err(AuthError::Missing),
        (Some(credentials), None) => Ok(credentials),
        (Some(credentials), Some(dsn)) if credentials.key != dsn.public_key => {
            Err(AuthError::EnvelopeKey)
        }
        (Some(credentials), Some(dsn)) => Ok(Credentials {
            project: Some(dsn.project),
            ..credentials
        }),
        (None, Some(dsn)) => Ok(Credentials {
            key: dsn.public_key,
            secret: dsn.secret.clone(),
            version: VERSION_NOW,
            client: None,
            project: Some(dsn.project),
        }),
    }
}

/// `Sentry k=v, k=v`.
fn from_header(text: &str) -> Result<Credentials, AuthError> {
    let (scheme, rest) = text.trim().split_once(' ').ok_or(AuthError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("sentry") {
        return Err(AuthError::Malformed);
    }
    let mut fields = Fields::default();
    for pair in rest.split(',') {
        if let Some((name, value)) = pair.split_once('=') {
            fields.put(name.trim(), value.trim());
        }
    }
    fields.finish()
}

/// `None` for schemes that are not ours.
fn from_authorization(text: &str) -> Option<Result<Credentials, AuthError>> {
    let (scheme, rest) = text.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("sentry") {
        Some(from_header(text))
    } else if scheme.eq_ignore_ascii_case("basic") {
        Some(from_basic(rest))
    } else {
        None
    }
}

fn from_basic(text: &str) -> Result<Credentials, AuthError> {
    let bytes = STANDARD
        .decode(text.trim())
        .map_err(|_| AuthError::Malformed)?;
    let text = String::from_utf8(bytes).map_err(|_| AuthError::Malformed)?;
    from_key(text.split(':').next().unwrap_or_default())
}

/// `None` when the query says nothing about authorisation.
fn from_query(query: &str) -> Option<Result<Credentials, AuthError>> {
    let mut fields = Fields::default();
    for (name, value) in query_pairs(query) {
        fields.put(&name, &value);
    }
    fields.key.is_some().then(|| fields.finish())
}

fn from_key(text: &str) -> Result<Credentials, AuthError> {
    let mut fields = Fields::default();
    fields.put("sentry_key", text);
    fields.finish()
}

/// The fields as they came.
#[derive(Default)]
struct Fields {
    key: Option<String>,
    secret: Option<String>,
    version: Option<String>,
    client: Option<String>,
}

impl Fields {
    fn put(&mut self, name: &str, value: &str) {
        let (place, bytes_max) = match name {
            // Room for the key, a comma and flags.
            "sentry_key" => (&mut self.key, 128),
            "sentry_secret" => (&mut self.secret, SECRET_BYTES_MAX),
            "sentry_version" => (&mut self.version, 16),
            "sentry_client" => (&mut self.client, CLIENT_BYTES_MAX),
            _ => return,
        };
        let value = value.get(..value.floor_char_boundary(bytes_max));
        *place = value.filter(|v| !v.is_empty()).map(ToOwned::to_owned);
    }

    fn finish(self) -> Result<Credentials, AuthError> {
        let key = self.key.ok_or(AuthError::Malformed)?;
        // Flags may follow the key: `abc,no-cache`.
        let key = key.split(',').next().unwrap_or_default().trim();
        Ok(Credentials {
            key: key.parse().map_err(|_| AuthError::Key)?,
            secret: self.secret,
            version: self.version.as_deref().map_or(Ok(VERSION_NOW), version)?,
            client: self.client,
            project: None,
        })
    }
}

/// Old clients write `2.0`.
fn version(text: &str) -> Result<u16, AuthError> {
    let whole = text.split('.').next().unwrap_or_default();
    let version: u16 = whole.parse().map_err(|_| AuthError::Malformed)?;
    if version > VERSION_NOW {
        return Err(AuthError::Version(version));
    }
    Ok(version)
}

#[cfg(test)]
mod tests;
