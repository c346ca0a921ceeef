//! Whether a browser's page may send to a project.
//!
//! A project lists `*`, hosts (`example.com`), hosts with any subdomain (`*.example.com`), each
//! with scheme and port or without (`https://example.com:8443`). A request without an origin is
//! not from a browser, and free to send.

/// Decides; `origin` is the `Origin` header, or the `Referer`.
pub(super) fn is_allowed(allowed: &[String], origin: Option<&str>) -> bool {
    let Some(origin) = origin.filter(|_| !allowed.is_empty()) else {
        return true;
    };
    let origin = Place::of(origin);
    allowed.iter().any(|pattern| {
        let pattern = pattern.trim();
        pattern == "*" || Place::of(pattern).covers(&origin)
    })
}

#[derive(Debug)]
struct Place<'a> {
    scheme: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(text: &'a str) -> Self {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let v6_end = authority.rfind(']').unwrap_or(0);
        let colon = authority.rfind(':').filter(|colon| *colon > v6_end);
        let (host, port) = match colon.and_then(|colon| authority.split_at_checked(colon)) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => (authority, None),
        };
        Self { scheme, host, port }
    }

    fn covers(&self, origin: &Self) -> bool {
        let scheme_fits = match (self.scheme, origin.scheme) {
            (None | Some("*"), _) => true,
            (Some(wanted), Some(given)) => wanted.eq_ignore_ascii_case(given),
            (Some(_), None) => false,
        };
        let port_fits = self.port.is_none() || self.port == origin.port;
        scheme_fits && port_fits && self.covers_host(origin.host)
    }

    fn covers_host(&self, host: &str) -> bool {
        let ends_with = |host: &str, domain: &str| {
            let start = host.len().checked_sub(domain.len());
            let tail = start.and_then(|start| host.get(start..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(domain))
        };
        match self.host.strip_prefix("*.") {
            None => !host.is_empty() && host.eq_ignore_ascii_case(self.host),
            Some(domain) => {
                host.eq_ignore_ascii_case(domain)
                    || (ends_with(host, domain) && ends_with(host, &format!(".{domain}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_scheme_host_and_port() {
        let check = |allowed: &str, origin: Option<&str>, expected: bool| {
            let allowed: Vec<_> = allowed.split_whitespace().map(ToOwned::to_owned).collect();
            assert_eq!(
                is_allowed(&allowed, origin),
                expected,
                "{allowed:?} {origin:?}"
            );
        };
        check("", Some("https://evil.example"), true);
        check("example.com", None, true);
        check("*", Some("https://evil.example"), true);
        check("example.com", Some("https://example.com"), true);
        check("example.com", Some("https://Example.com:8443/page?x"), true);
        check("example.com", Some("https://notexample.com"), false);
        check("example.com", Some("https://a.example.com"), false);
        check("*.example.com", Some("https://a.example.com"), true);
        check("*.example.com", Some("https://example.com"), true);
        check("*.example.com", Some("https://notexample.com"), false);
        check("https://example.com", Some("http://example.com"), false);
        check("example.com:8443", Some("https://example.com:8443"), true);
        check("example.com:8443", Some("https://example.com"), false);
        check("a.test example.com", Some("https://example.com"), true);
        check("example.com", Some("https://example.com@evil.test/"), false);
        check("example.com", Some("null"), false);
        check("example.com", Some(""), false);
        check("[::1]:80", Some("http://[::1]:80"), true);
        check("", Some("é://[:"), true);
        check("é*.", Some("é://[:]"), false);
    }
}
