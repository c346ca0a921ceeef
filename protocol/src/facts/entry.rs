//! Facts of logs, spans and metrics: by their own names, and as those of an event.

use std::borrow::Cow;

use super::at;
use crate::condition::Value;
use crate::container::Entry;
use crate::event::{AnyText, Event, Exception, LogEntry, Pairs, Request, Sdk, User};
use crate::item::ItemKind;

/// The fact of a name: an attribute or a member.
pub(super) fn value<'e>(entry: &'e Entry, name: &str) -> Option<Value<'e>> {
    let (head, rest) = name.split_once('.').unwrap_or((name, ""));
    match head {
        "attributes" | "data" => {
            let plain = rest.strip_suffix(".value").unwrap_or(rest);
            let found = entry.attribute(rest).or_else(|| entry.attribute(plain))?;
            at(found, "")
        }
        "duration" => {
            let millis = entry.end()?.millis_since(entry.time("start_timestamp")?);
            u32::try_from(millis).ok().map(f64::from).map(Value::Number)
        }
        _ => at(entry.get(head)?, rest),
    }
}

/// What filters ask of events.
///
/// The address that a span is about is its program's own only where it serves a request: other
/// spans may well call something on the same machine.
pub(super) fn event(kind: &ItemKind, entry: &Entry) -> Event<'static> {
    let attribute = |name: &str| entry.attribute_text(name).map(owned);
    let first = |names: &[&str]| names.iter().find_map(|name| attribute(name));
    let member = |name: &str| entry.text(name).map(|text| owned(Cow::Borrowed(text)));
    let is_served = *kind != ItemKind::Span || entry.is_segment();
    let agent = attribute("user_agent.original").map(|agent| (Cow::Borrowed("User-Agent"), agent));
    let request = Request {
        method: attribute("http.request.method"),
        url: first(&["url.full", "http.url"]).filter(|_| is_served),
        headers: Pairs {
            list: agent
                .into_iter()
                .map(|(n, agent)| (n, Some(agent)))
                .collect(),
            text: None,
        },
        ..Request::default()
    };
    let user = User {
        id: attribute("user.id"),
        email: attribute("user.email"),
        username: attribute("user.name"),
        ip_address: first(&["user.ip_address", "client.address"]),
        ..User::default()
    };
    let sdk = Sdk {
        name: attribute("sentry.sdk.name"),
        version: attribute("sentry.sdk.version"),
        ..Sdk::default()
    };
    let message = member("body").map(|text| LogEntry {
        formatted: AnyText(Some(text)),
        ..LogEntry::default()
    });
    let name = || member("name").filter(|_| *kind == ItemKind::Span && entry.is_segment());
    Event {
        release: attribute("sentry.release"),
        dist: attribute("sentry.dist"),
        environment: attribute("sentry.environment"),
        server_name: attribute("server.address"),
        platform: attribute("sentry.platform"),
        level: member("level"),
        transaction: first(&["sentry.transaction", "sentry.segment.name"]).or_else(name),
        logentry: message.map(Box::new),
        exceptions: exception(entry).into_iter().collect(),
        request: Some(Box::new(request)),
        user: Some(Box::new(user)),
        sdk: Some(Box::new(sdk)),
        timestamp: entry.end(),
        start_timestamp: entry.time("start_timestamp"),
        ..Event::default()
    }
}

/// The exception that OpenTelemetry's attributes tell.
fn exception(entry: &Entry) -> Option<Exception<'static>> {
    let text = |name: &str| entry.attribute_text(name).map(owned);
    let (ty, value) = (text("exception.type"), text("exception.message"));
    (ty.is_some() || value.is_some()).then(|| Exception {
        ty,
        value: AnyText(value),
        ..Exception::default()
    })
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}
