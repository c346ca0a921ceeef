//! Security reports about what is not the page's: extensions, advertisers, developers' machines.

use crate::event::Event;

/// What extensions, toolbars and advertisers put into pages.
const DEFAULTS: &[&str] = &[
    "about",
    "about:blank",
    "chrome://*",
    "chrome-extension://*",
    "chromeinvokeimmediate://*",
    "chromenull://*",
    "data:text/html,chromewebdata",
    "safari-extension://*",
    "safari-web-extension://*",
    "safari-resource://*",
    "moz-extension://*",
    "ms-browser-extension://*",
    "mxaddon-pkg://*",
    "mbinit://*",
    "mx://*",
    "mxjscall://*",
    "mxnullpage://*",
    "jar://*",
    "webviewprogressproxy://*",
    "resource://*",
    "symres://*",
    "res://*",
    "webkit-masked-url://*",
    "file://*",
    "localhost",
    "*.localhost",
    "127.0.0.1",
    "tlscdn.com",
    "*.tlscdn.com",
    "superfish.com",
    "*.superfish.com",
    "addons.mozilla.org",
    "*.addons.mozilla.org",
    "loading.retry.widdit.com",
    "www.superfish.com",
    "adsbyisocket.com",
    "*.adsbyisocket.com",
    "datafastguru.info",
    "*.datafastguru.info",
    "eluxer.net",
    "*.eluxer.net",
    "gateway.zscaler.net",
    "*.cloudfront-labs.amazonaws.com",
    "secured.metrext.com",
    "static.image2play.com",
    "*.tlsrvr.com",
    "safebrowsing.urlsec.qq.com",
    "opensource.keycdn.com",
    "*.tightlyconnected.info",
    "kaspersky-labs.com",
    "*.kaspersky-labs.com",
];

/// Sources whose reports are not wanted.
#[derive(Debug)]
pub(super) struct Sources(Vec<Source>);

/// A source; what is `None` may be anything.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    scheme: Option<String>,
    host: Option<Host>,
    port: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// With a dot in front: everything below it, and not itself.
    Below(String),
}

impl Sources {
    pub(super) fn new(defaults: bool, own: &[String]) -> Self {
        let defaults = DEFAULTS.iter().filter(|_| defaults).copied();
        let all = defaults.chain(own.iter().map(String::as_str));
        Self(
            all.filter(|text| !text.trim().is_empty())
                .map(Source::read)
                .collect(),
        )
    }

    /// Whether a report is about one of them: what was blocked, where it stands, or the page.
    pub(super) fn refuse(&self, event: &Event<'_>) -> bool {
        let Some(csp) = event.csp.as_ref().filter(|_| !self.0.is_empty()) else {
            return false;
        };
        let source_file = ["source_file", "source-file", "sourceFile"];
        let source_file = source_file
            .iter()
            .find_map(|name| csp.others.text(name).map(std::borrow::Cow::into_owned));
        let places = [
            csp.blocked_uri.as_deref(),
            source_file.as_deref(),
            csp.document_uri.as_deref(),
        ];
        let mut places = places.into_iter().flatten();
        places.any(|place| self.0.iter().any(|source| source.holds(place)))
    }
}

impl Source {
    /// Reads `scheme://host:port`, each part of which may be left out or be `*`.
    fn read(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, rest) = parts(&text);
        let (host, port) = host_and_port(rest);
        let said = |text: &str| (!text.is_empty() && text != "*").then(|| text.to_owned());
        Self {
            scheme: scheme.and_then(said),
            host: said(host).map(|host| match host.strip_prefix('*') {
                Some(below) => Host::Below(below.to_owned()),
                None => Host::Exactly(host),
            }),
            port: port.and_then(said),
        }
    }

    fn holds(&self, place: &str) -> bool {
        let place = place.trim().to_ascii_lowercase();
        let (scheme, rest) = parts(&place);
        let (host, port) = host_and_port(rest);
        let is_anything = self.scheme.is_none() && self.host.is_none() && self.port.is_none();
        let port = port.or(match scheme {
            Some("http" | "ws") => Some("80"),
            Some("https" | "wss") => Some("443"),
            _ => None,
        });
        !is_anything
            && self.scheme.as_deref().is_none_or(|own| scheme == Some(own))
            && self.port.as_deref().is_none_or(|own| port == Some(own))
            && self.host.as_ref().is_none_or(|own| match own {
                Host::Exactly(own) => own == host,
                Host::Below(below) => host.ends_with(below.as_str()) && host.len() > below.len(),
            })
    }
}

/// The scheme, if there is one, and what follows.
fn parts(text: &str) -> (Option<&str>, &str) {
    match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    }
}

fn host_and_port(rest: &str) -> (&str, Option<&str>) {
    // What has no host, as `data:text/html,x`, is compared whole.
    if rest.starts_with("data:") || rest.starts_with("about:") {
        return (rest, None);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_compared_by_scheme_host_and_port() {
        let check = |source: &str, place: &str, expected: bool| {
            assert_eq!(
                Source::read(source).holds(place),
                expected,
                "{source} {place}"
            );
        };
        check("example.com", "https://example.com/a.js", true);
        check("example.com", "example.com", true);
        check("example.com", "https://www.example.com/", false);
        check("*.example.com", "https://www.example.com/", true);
        check("*.example.com", "https://example.com/", false);
        check("https://example.com", "http://example.com", false);
        check("chrome-extension://*", "chrome-extension://abc/x.js", true);
        check("chrome-extension://*", "https://abc", false);
        check("example.com:8080", "http://example.com:8080/", true);
        check("example.com:443", "https://example.com/", true);
        check("example.com:443", "http://example.com/", false);
        check("https://*", "https://anything", true);
        check("*", "https://anything", false);
        check(
            "data:text/html,chromewebdata",
            "data:text/html,chromewebdata",
            true,
        );
        check("about:blank", "about:blank", true);
        check("EXAMPLE.com", "https://Example.COM", true);
    }
}
