//! A browser's report of a violated content security policy, as an event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use protocol::event::{Csp, Event, LogEntry, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::NormaliseError;

/// Every directive that a browser can report.
const DIRECTIVES: [&str; 32] = [
    "base-uri",
    "block-all-mixed-content",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "navigate-to",
    "object-src",
    "plugin-types",
    "prefetch-src",
    "referrer",
    "report-to",
    "report-uri",
    "require-sri-for",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "upgrade-insecure-requests",
    "worker-src",
];

/// What the address that a browser reports to says beside.
#[derive(Default, Deserialize)]
struct Told<'a> {
    #[serde(borrow, rename = "sentry_release")]
    release: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sentry_environment")]
    environment: Option<Cow<'a, str>>,
}

/// Makes an event of a report in either of its two forms; `header` is the item's.
pub(super) fn read<'a>(payload: &'a [u8], header: &'a [u8]) -> Result<Event<'a>, NormaliseError> {
    let told: Told<'_> = serde_json::from_slice(header).unwrap_or_default();
    let outer: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_slice(payload).map_err(|_| NormaliseError::NoSecurityReport)?;
    let body = outer
        .get("csp-report")
        .or_else(|| outer.get("body"))
        .copied()
        .ok_or(NormaliseError::NoSecurityReport)?;
    let mut csp = Csp::of(body).ok_or(NormaliseError::NoSecurityReport)?;
    let directive = directive(&csp).ok_or(NormaliseError::NoSecurityReport)?;
    let blocked = csp.blocked_uri.get_or_insert(Cow::Borrowed("self"));
    let message = message(directive, blocked);
    csp.effective_directive = Some(Cow::Borrowed(directive));
    let request = csp.document_uri.clone().map(|url| {
        Box::new(Request {
            url: Some(url),
            ..Request::default()
        })
    });
    Ok(Event {
        platform: Some(Cow::Borrowed("javascript")),
        ty: Some(Cow::Borrowed("csp")),
        release: told.release,
        environment: told.environment,
        logger: Some(Cow::Borrowed("csp")),
        request,
        logentry: Some(Box::new(LogEntry {
            formatted: Some(Cow::Owned(message)).into(),
            ..LogEntry::default()
        })),
        csp: Some(Box::new(csp)),
        ..Event::default()
    })
}

/// The directive that was violated: named, or the first word of the one with its sources. A report
/// of any other is of no policy.
fn directive(csp: &Csp<'_>) -> Option<&'static str> {
    let named = csp.effective_directive.as_deref();
    let listed = csp.violated_directive.as_deref();
    let first = |text: &'_ str| text.split_whitespace().next().map(str::to_ascii_lowercase);
    let directive = named.and_then(first).or_else(|| first(listed?))?;
    DIRECTIVES.into_iter().find(|known| **known == *directive)
}

fn message(directive: &str, blocked: &str) -> String {
    let what = directive.strip_suffix("-src").unwrap_or(directive);
    let what = what.split("-src-").next().unwrap_or(what);
    match blocked {
        "self" | "" => format!("Blocked '{what}' from the page itself"),
        "inline" | "unsafe-inline" => format!("Blocked inline '{what}'"),
        "eval" | "unsafe-eval" => format!("Blocked '{what}' made by eval"),
        _ => format!("Blocked '{what}' from '{}'", origin(blocked)),
    }
}

/// The host of an `http` URL, the scheme of others.
pub(super) fn origin(uri: &str) -> &str {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return uri;
    };
    match (scheme, rest.strip_prefix("//")) {
        ("http" | "https" | "ws" | "wss", Some(rest)) => {
            rest.split(['/', '?', '#']).next().unwrap_or(rest)
        }
        _ => scheme,
    }
}
