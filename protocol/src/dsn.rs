//! The address of a project's ingest: `scheme://public_key[:secret]@host[:port][/prefix]/project`.
//!
//! What always holds: a [`Dsn`] that exists names a well-formed key and project, and writing it
//! gives a text that reads back as the same value.

use std::fmt;
use std::str::FromStr;

use crate::ids::{IdError, ProjectId, PublicKey};

/// Longest DSN, in bytes.
const DSN_BYTES_MAX: usize = 1024;

/// A DSN, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// How the host is reached.
    pub scheme: Scheme,
    /// The user part.
    pub public_key: PublicKey,
    /// The password part; only clients older than 2018 send one.
    pub secret: Option<String>,
    /// Host name or address, an IPv6 address in brackets.
    pub host: String,
    /// The port, when it is written.
    pub port: Option<u16>,
    /// Path segments before the project, with a leading and without a closing slash; may be empty.
    pub prefix: String,
    /// The last path segment.
    pub project: ProjectId,
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Why a text is not a DSN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// Longer than any real one.
    #[error("dsn is longer than {DSN_BYTES_MAX} bytes")]
    TooLong,
    /// Neither http nor https.
    #[error("dsn does not begin with http:// or https://")]
    Scheme,
    /// There is no `key@`.
    #[error("dsn names no public key")]
    NoKey,
    /// Host or port cannot be read.
    #[error("dsn names no host")]
    Host,
    /// Key or project are malformed.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl FromStr for Dsn {
    type Err = DsnError;

    fn from_str(text: &str) -> Result<Self, DsnError> {
        if text.len() > DSN_BYTES_MAX {
            return Err(DsnError::TooLong);
        }
        let (scheme, rest) = text.trim().split_once("://").ok_or(DsnError::Scheme)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(DsnError::Scheme),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (user, rest) = rest.split_once('@').ok_or(DsnError::NoKey)?;
        let (key, secret) = match user.split_once(':') {
            Some((key, secret)) => (key, Some(secret.to_owned()).filter(|s| !s.is_empty())),
            None => (user, None),
        };
        let (authority, path) = rest.split_once('/').ok_or(IdError::Project)?;
        let (host, port) = split_port(authority)?;
        let path = path.trim_end_matches('/');
        let (prefix, project) = path.rsplit_once('/').unwrap_or(("", path));
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            scheme,
            public_key: key.parse()?,
            secret,
            host: host.to_owned(),
            port,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
            project: project.parse()?,
        })
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), DsnError> {
    let v6_end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.get(v6_end..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => authority.split_at(v6_end + colon),
        None => (authority, ""),
    };
    let sane = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b'@' | b'?' | b'#' | b'"');
    let bare_v6 = !host.starts_with('[') && host.contains(':');
    if host.is_empty() || bare_v6 || !host.bytes().all(sane) {
        return Err(DsnError::Host);
    }
    let port = match port.strip_prefix(':') {
        None => None,
        Some(port) => Some(port.parse().map_err(|_| DsnError::Host)?),
    };
    Ok((host, port))
}

impl Dsn {
    /// Where its clients post envelopes.
    #[must_use]
    pub fn envelope_url(&self) -> String {
        format!("{}/api/{}/envelope/", self.base(), self.project)
    }

    fn base(&self) -> String {
        let Self { host, prefix, .. } = self;
        let port = self.port.map(|p| format!(":{p}")).unwrap_or_default();
        format!("{}://{host}{port}{prefix}", self.scheme.name())
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.public_key)?;
        if let Some(secret) = &self.secret {
            write!(f, ":{secret}")?;
        }
        write!(f, "@{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}/{}", self.prefix, self.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

    #[test]
    fn reads_and_writes_dsns() {
        for text in [
            format!("https://{KEY}@relay.example.com/1"),
            format!("http://{KEY}@127.0.0.1:4900/42"),
            format!("http://{KEY}:{KEY}@[::1]:4900/42"),
            format!("https://{KEY}@[2001:db8::1]/7"),
            format!("https://{KEY}@example.com/errors/intake/9"),
        ] {
            let dsn: Dsn = text.parse().unwrap();
            assert_eq!(dsn.to_string(), text);
        }
        let dsn: Dsn = format!("https://{KEY}@example.com:8443/errors/9")
            .parse()
            .unwrap();
        assert_eq!(
            dsn.envelope_url(),
            "https://example.com:8443/errors/api/9/envelope/"
        );
    }

    #[test]
    fn tolerates_a_closing_slash_and_an_empty_secret() {
        let dsn: Dsn = format!("https://{KEY}:@example.com/9/?x=1")
            .parse()
            .unwrap();
        assert_eq!(dsn.to_string(), format!("https://{KEY}@example.com/9"));
    }

    #[test]
    fn names_what_is_wrong() {
        let check = |text: &str, expected: DsnError| {
            assert_eq!(text.parse::<Dsn>(), Err(expected), "{text}");
        };
        check("", DsnError::Scheme);
        check("ftp://x@y/1", DsnError::Scheme);
        check("https://example.com/1", DsnError::NoKey);
        check(
            "https://abc@example.com/1",
            DsnError::Id(IdError::PublicKey),
        );
        check(
            &format!("https://{KEY}@example.com"),
            DsnError::Id(IdError::Project),
        );
        check(
            &format!("https://{KEY}@example.com/shop"),
            DsnError::Id(IdError::Project),
        );
        check(&format!("https://{KEY}@:80/1"), DsnError::Host);
        check(&format!("https://{KEY}@host:99999/1"), DsnError::Host);
        check(&"x".repeat(2000), DsnError::TooLong);
    }
}
