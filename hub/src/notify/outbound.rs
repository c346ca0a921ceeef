//! The one door for HTTP calls to the outside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::pattern::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::NotifyError;

/// Whether an address is on the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

const fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_shared = a == 100 && b & 0xc0 == 64;
    let is_benchmark = a == 198 && b & 0xfe == 18;
    let is_protocol = a == 192 && b == 0 && c == 0;
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || is_shared
        || is_benchmark
        || is_protocol
        || a == 0
        || a >= 240)
}

const fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    // Only global unicast, without the ranges that carry IPv4 inside or are for documents.
    let is_global = first & 0xe000 == 0x2000;
    let is_special = first == 0x2001 && (second == 0 || second == 0xdb8) || first == 0x2002;
    is_global && !is_special
}

/// The addresses of a name, as they are now.
type Found = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Who is asked for the addresses of a name.
type Lookup = fn(String) -> Found;

/// Asks the system.
fn system_lookup(host: String) -> Found {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|at| at.ip()).collect())
    })
}

/// Which addresses may be reached.
#[derive(Clone, Debug)]
struct Guard {
    allowed: Arc<[Network]>,
    lookup: Lookup,
}

impl Guard {
    fn lets(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|network| network.holds(address))
    }
}

/// Resolves, then forgets what may not be reached: the connection is made to what was checked.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = (guard.lookup)(host.clone()).await?.into_iter();
            let allowed = found.filter(|address| guard.lets(*address));
            let allowed: Vec<_> = allowed.map(|address| SocketAddr::new(address, 0)).collect();
            if allowed.is_empty() {
                return Err(NotifyError::PrivateNetwork(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The HTTP client; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    client: reqwest::Client,
    guard: Guard,
}

impl Outbound {
    pub(super) fn new(allowed: &[Network], timeout: Duration) -> Result<Self, NotifyError> {
        Self::looking_up(system_lookup, allowed, timeout)
    }

    fn looking_up(
        lookup: Lookup,
        allowed: &[Network],
        timeout: Duration,
    ) -> Result<Self, NotifyError> {
        // One crypto provider for the program; a second installation is refused and harmless.
        drop(rustls::crypto::ring::default_provider().install_default());
        let guard = Guard {
            allowed: allowed.into(),
            lookup,
        };
        let client = reqwest::Client::builder()
            .user_agent(concat!("vedette-hub/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .dns_resolver(guard.clone())
            .build()
            .map_err(|error| NotifyError::Config {
                key: "notify",
                reason: error.to_string(),
            })?;
        Ok(Self { client, guard })
    }

    /// POSTs JSON; anything but 2xx is an error.
    pub(super) async fn post(&self, url: &str, json: &str) -> Result<(), NotifyError> {
        let unreadable =
            |reason: &dyn fmt::Display| NotifyError::Address(format!("{url}: {reason}"));
        let parsed = reqwest::Url::parse(url).map_err(|error| unreadable(&error))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(unreadable(&"only http and https are called"));
        }
        // A literal address never meets the resolver.
        let host = parsed.host_str().unwrap_or_default();
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if literal.is_some_and(|address| !self.guard.lets(address)) {
            return Err(NotifyError::PrivateNetwork(host.to_owned()));
        }
        let request = self
            .client
            .post(parsed)
            .header("content-type", "application/json");
        let response = request
            .body(json.to_owned())
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(NotifyError::Status {
                status: status.as_u16(),
            })
        }
    }
}

/// The innermost cause, which says more than "error sending request".
fn unreachable(error: reqwest::Error) -> NotifyError {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        if let Some(NotifyError::PrivateNetwork(host)) = inner.downcast_ref() {
            return NotifyError::PrivateNetwork(host.clone());
        }
        cause = inner;
    }
    NotifyError::Unreachable(cause.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn knows_public_addresses() {
        let check = |address: &str, expected: bool| {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        };
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111"] {
            check(public, true);
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            check(private, false);
        }
    }

    #[tokio::test]
    async fn refuses_private_addresses_however_they_are_written() {
        let outbound = Outbound::new(&[], Duration::from_secs(5)).unwrap();
        for url in [
            "http://127.0.0.1:1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:1/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/latest",
            "http://2852039166/latest",
            "http://0251.0376.0251.0376/latest",
            "http://[64:ff9b::a9fe:a9fe]/latest",
            "http://me@169.254.169.254/latest",
            "http://169.254.169.254./latest",
            "http://localhost:1/",
            "http://169.254.169.254/latest",
        ] {
            let answer = outbound.post(url, "{}").await;
            assert!(
                matches!(answer, Err(NotifyError::PrivateNetwork(_))),
                "{url}: {answer:?}"
            );
        }
    }

    /// A server on a loopback address of its own that answers every connection alike, and how many
    /// there were.
    async fn server(address: &str, answer: String) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let n_connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&n_connections);
        #[expect(clippy::disallowed_methods, reason = "a test owns its server")]
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        (at, n_connections)
    }

    fn answer(status: &str, headers: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
    }

    /// Everything but what is allowed is private here: so loopback stands for the internet.
    fn only(address: &str) -> [Network; 1] {
        [format!("{address}/32").parse().unwrap()]
    }

    const WITHIN: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_redirect_is_not_followed_wherever_it_leads() {
        let (inside, n_inside) = server("127.0.0.3", answer("200 OK", "")).await;
        let location = format!("Location: http://{inside}/latest\r\n");
        for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
            let (outside, _) = server("127.0.0.2", answer(status, &location)).await;
            let outbound = Outbound::new(&only("127.0.0.2"), WITHIN).unwrap();
            let told = outbound.post(&format!("http://{outside}/"), "{}").await;
            assert!(matches!(told, Err(NotifyError::Status { .. })), "{told:?}");
        }
        assert_eq!(n_inside.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_the_next_time_is_checked_again() {
        /// Answers with the outside and then with both, then with the inside alone.
        fn rebinding(_: String) -> Found {
            static ASKED: AtomicUsize = AtomicUsize::new(0);
            let found: &[&str] = match ASKED.fetch_add(1, Ordering::SeqCst) {
                0 => &["127.0.0.2"],
                1 => &["127.0.0.3", "::ffff:127.0.0.3", "127.0.0.2"],
                _ => &["127.0.0.3"],
            };
            let found = found.iter().map(|text| text.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        }
        let (outside, n_outside) = server("127.0.0.2", answer("200 OK", "")).await;
        // The same port inside, so that only the address tells them apart.
        let inside = TcpListener::bind(("127.0.0.3", outside.port()))
            .await
            .unwrap();
        let outbound = Outbound::looking_up(rebinding, &only("127.0.0.2"), WITHIN).unwrap();
        let url = format!("http://hooks.example.com:{}/", outside.port());
        for _ in 0..2 {
            outbound.post(&url, "{}").await.unwrap();
        }
        let told = outbound.post(&url, "{}").await;
        assert!(
            matches!(&told, Err(NotifyError::PrivateNetwork(host)) if host == "hooks.example.com"),
            "{told:?}"
        );
        assert_eq!(n_outside.load(Ordering::SeqCst), 2);
        let called = tokio::time::timeout(Duration::ZERO, inside.accept()).await;
        assert!(called.is_err(), "the inside was called");
    }
}
