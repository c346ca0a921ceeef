//! An HTTP proxy on the way to the hub: CONNECT, then the bytes pass through.
//!
//! The proxy is told where to, not what: the hub's certificate is checked behind it as anywhere
//! else.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Most bytes of a proxy's answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Most bytes of the file that holds user and password.
const AUTH_BYTES_MAX: u64 = 1024;
/// How much of what a proxy says is shown.
const SHOWN_LEN_MAX: usize = 100;

/// Where a proxy is: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Proxy {
    host: String,
    port: u16,
}

/// A text that names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a proxy, which looks like \"http://proxy.example.com:3128\"; user and password go into `proxy_auth_file`"
)]
pub struct NoProxy;

/// Why a proxy does not lead to the hub.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("user and password of the proxy cannot be read from its file: {0}")]
    Auth(#[source] io::Error),
    #[error("proxy does not answer: {0}")]
    Io(#[from] io::Error),
    #[error("proxy refuses: {0}")]
    Refused(String),
    #[error("proxy does not answer as one")]
    NoProxy,
}

impl FromStr for Proxy {
    type Err = NoProxy;
    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let rest = text.trim().strip_prefix("http://").ok_or(NoProxy)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or(NoProxy)?;
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_host = match is_bracketed {
            true => host
                .trim_matches(['[', ']'])
                .parse::<std::net::Ipv6Addr>()
                .is_ok(),
            false => !host.is_empty() && host.chars().all(is_plain),
        };
        match port.parse() {
            Ok(port) if is_host && port > 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(NoProxy),
        }
    }
}

impl TryFrom<String> for Proxy {
    type Error = NoProxy;
    fn try_from(text: String) -> Result<Self, NoProxy> {
        text.parse()
    }
}

impl From<Proxy> for String {
    fn from(proxy: Proxy) -> Self {
        proxy.to_string()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl Proxy {
    /// `host:port`, to be resolved.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Reads `user:password`; what proxies are sent of it.
pub(super) async fn read_auth(path: &Path) -> Result<String, ProxyError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        if std::fs::metadata(&path)?.len() > AUTH_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        std::fs::read_to_string(&path)
    });
    let text = read.await.map_err(io::Error::other).and_then(|read| read);
    let text = text.map_err(ProxyError::Auth)?;
    let text = text.trim();
    match text.contains(':') && !text.contains(char::is_control) {
        true => Ok(STANDARD.encode(text)),
        false => Err(ProxyError::Auth(io::ErrorKind::InvalidData.into())),
    }
}

/// Asks a proxy to lead to `target` (`host:port`).
pub(super) async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    target: &str,
    auth: Option<&str>,
) -> Result<(), ProxyError> {
    let auth = auth.map(|auth| format!("Proxy-Authorization: Basic {auth}\r\n"));
    let auth = auth.unwrap_or_default();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{auth}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing is taken of what comes behind the answer.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= ANSWER_BYTES_MAX {
            return Err(ProxyError::NoProxy);
        }
        answer.push(stream.read_u8().await?);
    }
    judge(&answer)
}

/// Whether the proxy's answer lets pass.
fn judge(answer: &[u8]) -> Result<(), ProxyError> {
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.strip_prefix("HTTP/1.").ok_or(ProxyError::NoProxy)?;
    let (_, status) = status.split_once(' ').ok_or(ProxyError::NoProxy)?;
    if status.starts_with('2') {
        return Ok(());
    }
    let shown = status.chars().filter(|c| !c.is_control());
    Err(ProxyError::Refused(shown.take(SHOWN_LEN_MAX).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proxies_and_nothing_else() {
        for text in [
            "http://proxy:3128",
            "http://10.0.0.1:80",
            "http://[::1]:8080",
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "http://proxy",
            "http://user:password@proxy:3128",
            "http://proxy:0",
            "http://a b:1",
            "http://a\r\nb:1",
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(NoProxy), "{text}");
        }
    }

    #[tokio::test]
    async fn says_where_to_and_who_and_takes_no_byte_too_many() {
        let (mut relay, mut proxy) = tokio::io::duplex(4096);
        let passing = pass(&mut relay, "hub:4801", Some("dTpw"));
        let answering = async {
            let mut request = vec![0; 1000];
            let n = proxy.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhub's";
            proxy.write_all(answer).await.unwrap();
            String::from_utf8(request[..n].to_vec()).unwrap()
        };
        let (passed, request) = tokio::join!(passing, answering);
        passed.unwrap();
        assert_eq!(
            request,
            "CONNECT hub:4801 HTTP/1.1\r\nHost: hub:4801\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
        );
        let mut rest = [0; 5];
        relay.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"hub's");
    }

    #[test]
    fn a_refusal_is_shown_in_the_proxys_words() {
        let refused = judge(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "proxy refuses: 407 Proxy Authentication Required");
        assert!(matches!(
            judge(b"SSH-2.0\r\n\r\n"),
            Err(ProxyError::NoProxy)
        ));
        judge(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    }
}
