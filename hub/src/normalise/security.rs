//! A browser's report of a violated content security policy, as an event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use protocol::event::{Csp, Event, LogEntry, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::NormaliseError;

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
    let message = message(&directive, blocked);
    csp.effective_directive = Some(Cow::Owned(directive));
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

/// The directive that was violated: named, or the first word of the one with its sources.
fn directive(csp: &Csp<'_>) -> Option<String> {
    let named = csp.effective_directive.as_deref();
    let listed = csp.violated_directive.as_deref();
    let directive = named
        .filter(|named| !named.is_empty())
        .or_else(|| listed?.split_whitespace().next())?;
    Some(directive.to_ascii_lowercase())
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
