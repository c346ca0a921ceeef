//! Asks the relay that runs on this host, over its own port.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::status::Summary;

/// How long the relay may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a running relay did not say how it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens.
    #[error("no relay runs at {address}: start it with `systemctl start vedette-relay`")]
    NotRunning {
        /// Where it would be.
        address: SocketAddr,
    },
    /// Somebody listens who is no relay.
    #[error("{address} is served by another program: set `http.listen` to a free port")]
    Stranger {
        /// Where.
        address: SocketAddr,
    },
    /// The connection broke, or no answer came.
    #[error("relay at {address} does not answer: {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How the relay that listens at `listen` is.
pub(super) fn ask(listen: SocketAddr) -> Result<Summary, AskError> {
    let address = loopback(listen);
    let body = get(address, "/status").map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => AskError::NotRunning { address },
        io::ErrorKind::InvalidData => AskError::Stranger { address },
        _ => AskError::Io { address, source },
    })?;
    let summary: Option<Summary> = serde_json::from_slice(&body).ok();
    summary
        .filter(|summary| !summary.version.is_empty())
        .ok_or(AskError::Stranger { address })
}

/// From where this host reaches what listens everywhere.
const fn loopback(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The body of a `GET`; anything but 200 is no relay's.
fn get(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = end
        .and_then(|end| answer.split_at_checked(end + 4))
        .ok_or(io::ErrorKind::InvalidData)?;
    let is_ok = head.starts_with(b"HTTP/1.1 200 ");
    let is_whole = !head
        .to_ascii_lowercase()
        .windows(8)
        .any(|w| w == b"chunked\r");
    if is_ok && is_whole {
        Ok(body.to_vec())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let n = stream.read(&mut request).unwrap();
            assert!(request[..n].starts_with(b"GET /status HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_relay_is_told_from_a_stranger_and_from_nobody() {
        let relay = server("HTTP/1.1 200 OK\r\n\r\n{\"version\":\"9.9.9\",\"later\":1}");
        assert_eq!(ask(relay).unwrap().version, "9.9.9");
        let stranger = server("HTTP/1.1 200 OK\r\n\r\n<html>");
        assert!(matches!(ask(stranger), Err(AskError::Stranger { .. })));
        let other = server("HTTP/1.1 404 Not Found\r\n\r\n{}");
        assert!(matches!(ask(other), Err(AskError::Stranger { .. })));
        let gone = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(matches!(ask(gone), Err(AskError::NotRunning { .. })));
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        let check = |listen: &str, expected: &str| {
            let address = loopback(listen.parse().unwrap());
            assert_eq!(address, expected.parse().unwrap());
        };
        check("0.0.0.0:4900", "127.0.0.1:4900");
        check("[::]:4900", "[::1]:4900");
        check("10.0.0.3:1", "10.0.0.3:1");
    }
}
