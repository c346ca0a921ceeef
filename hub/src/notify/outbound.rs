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

/// Which addresses may be reached.
#[derive(Clone, Debug)]
struct Guard {
    allowed: Arc<[Network]>,
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
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| guard.lets(at.ip())).collect();
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
        // One crypto provider for the program; a second installation is refused and harmless.
        drop(rustls::crypto::ring::default_provider().install_default());
        let guard = Guard {
            allowed: allowed.into(),
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
}
