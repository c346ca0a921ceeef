//! What filters and sampling rules may ask of an item: its event, its trace, and who sent it.
//!
//! Facts are read from what the SDK sent, before private data is removed, and are kept nowhere.
//!
//! | name | fact |
//! |---|---|
//! | `event.release`, `.dist`, `.environment`, `.transaction`, `.platform`, `.logger`, `.level`, `.server_name`, `.type` | as it stands in the event |
//! | `event.message` | the message with its parameters put in |
//! | `event.duration` | of transactions, in milliseconds |
//! | `event.user.id`, `.email`, `.username`, `.name`, `.ip_address` | the user |
//! | `event.request.url`, `.method`, `.headers.NAME` | the request |
//! | `event.sdk.name`, `.version` | the client library |
//! | `event.tags.NAME`, `event.extra.NAME`, `event.contexts.NAME.FIELD`, `event.measurements.NAME.value` | by name |
//! | `event.exceptions` | the list of exceptions, each with `ty`, `value`, `module`, `handled` |
//! | `log.body`, `.level`, `span.name`, `.status`, `trace_metric.name`, `.value` and so on | a member of a log entry, span or metric |
//! | `span.duration` | in milliseconds |
//! | `log.attributes.NAME`, `span.attributes.NAME`, `trace_metric.attributes.NAME` | an attribute's value, with `.value` behind it or not |
//! | `trace.NAME` | a field of the trace's header, such as `trace.transaction` or `trace.sample_rate` |
//! | `envelope.client_ip`, `envelope.user_agent` | who sent it |
//!
//! Logs, spans and metrics have facts of events too, as far as their attributes tell them, so that
//! a filter for a release holds for all that the release sends.

mod entry;

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::condition::{Facts, Value};
use crate::container::Entry;
use crate::envelope::EnvelopeItem;
use crate::event::{Csp, Event, Exception, Raw, Request};
use crate::item::ItemKind;

/// What names of facts begin with.
pub const ROOTS: &[&str] = &["event", "log", "span", "trace_metric", "trace", "envelope"];

/// The connection that an item came over, and the trace it belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'a> {
    /// The address of the client.
    pub client_ip: Option<IpAddr>,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The trace's header, JSON.
    pub trace: Option<&'a [u8]>,
}

/// An item, read as far as facts go.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The event; of a log, span or metric what its attributes tell of one.
    pub event: Event<'a>,
    /// The log, span or metric, and what names of its facts begin with.
    entry: Option<(&'static str, Entry)>,
    sender: Sender<'a>,
    trace: Map<String, Json>,
}

impl<'a> Subject<'a> {
    /// Reads an item. What is no event has no facts but those of its sender; what cannot be read
    /// neither, and is told so by the steps that keep it.
    #[must_use]
    pub fn read(item: &'a EnvelopeItem, sender: Sender<'a>) -> Self {
        let payload = item.payload.as_ref();
        let root = match item.kind {
            ItemKind::Log => Some("log"),
            ItemKind::Span => Some("span"),
            ItemKind::TraceMetric => Some("trace_metric"),
            _ => None,
        };
        let entry = root.and_then(|root| Some((root, Entry::parse(payload)?)));
        let event = match item.kind {
            ItemKind::Event
            | ItemKind::Transaction
            | ItemKind::Security
            | ItemKind::Feedback
            | ItemKind::UnrealReport => Event::parse(payload).ok().map(|parsed| parsed.event),
            ItemKind::RawSecurity => security(item),
            _ => entry
                .as_ref()
                .map(|(_, entry)| entry::event(&item.kind, entry)),
        };
        let trace = sender
            .trace
            .and_then(|trace| serde_json::from_slice(trace).ok());
        Self {
            event: event.unwrap_or_default(),
            entry,
            sender,
            trace: trace.unwrap_or_default(),
        }
    }

    /// The address of the client.
    #[must_use]
    pub const fn client_ip(&self) -> Option<IpAddr> {
        self.sender.client_ip
    }

    /// Whether a log, span or metric says itself that it is from a developer's machine.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        let entry = self.entry.as_ref().map(|(_, entry)| entry);
        entry.and_then(|entry| entry.attribute("sentry.is_localhost")) == Some(&Json::Bool(true))
    }

    /// The name of a span or metric.
    #[must_use]
    pub fn entry_name(&self) -> Option<&str> {
        self.entry.as_ref()?.1.text("name")
    }

    /// What is said to be the browser: the event's request, else the connection.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        let request = self.event.request.as_ref();
        let sent = request.and_then(|request| request.headers.get("user-agent"));
        sent.or(self.sender.user_agent)
    }

    /// The message with its parameters put in.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let entry = self
            .event
            .logentry
            .as_ref()
            .or(self.event.message.as_ref())?;
        let text = entry.formatted.0.as_deref().or(entry.message.0.as_deref());
        text.filter(|text| !text.is_empty())
    }

    fn of_event(&self, name: &str) -> Option<Value<'_>> {
        let event = &self.event;
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        match head {
            "release" => text(event.release.as_ref()),
            "dist" => text(event.dist.as_ref()),
            "environment" => text(event.environment.as_ref()),
            "transaction" => text(event.transaction.as_ref()),
            "platform" => text(event.platform.as_ref()),
            "logger" => text(event.logger.as_ref()),
            "level" => text(event.level.as_ref()),
            "server_name" => text(event.server_name.as_ref()),
            "type" => text(event.ty.as_ref()),
            "message" => self.message().map(Value::text),
            "duration" => self.duration().map(Value::Number),
            "user" => self.of_user(rest),
            "request" => of_request(event.request.as_deref()?, rest),
            "sdk" => {
                let sdk = event.sdk.as_deref()?;
                match rest {
                    "name" => text(sdk.name.as_ref()),
                    "version" => text(sdk.version.as_ref()),
                    _ => None,
                }
            }
            "tags" => event.tags.get(rest).map(Value::text),
            "extra" => within(event.extra.get(rest)?, ""),
            "contexts" => {
                let (context, field) = rest.split_once('.')?;
                within(event.contexts.get(context)?, field)
            }
            "measurements" => within(event.measurements.as_ref()?, rest),
            _ => None,
        }
    }

    /// In milliseconds; time does not run backwards.
    fn duration(&self) -> Option<f64> {
        let millis = self
            .event
            .timestamp?
            .millis_since(self.event.start_timestamp?);
        u32::try_from(millis).ok().map(f64::from)
    }

    fn of_user(&self, name: &str) -> Option<Value<'_>> {
        let user = self.event.user.as_deref()?;
        match name {
            "id" => text(user.id.as_ref()),
            "email" => text(user.email.as_ref()),
            "username" => text(user.username.as_ref()),
            "name" => text(user.name.as_ref()),
            "ip_address" => text(user.ip_address.as_ref()),
            _ => None,
        }
    }

    fn of_envelope(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "client_ip" => self.sender.client_ip.map(|ip| Value::text(ip.to_string())),
            "user_agent" => self.sender.user_agent.map(Value::text),
            _ => None,
        }
    }
}

impl Facts for Subject<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        let (root, name) = name.split_once('.')?;
        match root {
            "event" => self.of_event(name),
            "trace" => {
                let (field, rest) = name.split_once('.').unwrap_or((name, ""));
                at(self.trace.get(field)?, rest)
            }
            "envelope" => self.of_envelope(name),
            _ => {
                let (of, entry) = self.entry.as_ref()?;
                (*of == root).then(|| entry::value(entry, name)).flatten()
            }
        }
    }

    fn list(&self, name: &str) -> Vec<&dyn Facts> {
        match name {
            "event.exceptions" | "event.exception.values" => {
                let exceptions = self.event.exceptions.iter();
                exceptions
                    .map(|exception| exception as &dyn Facts)
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Facts for Exception<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "ty" | "type" => text(self.ty.as_ref()),
            "value" => text(self.value.0.as_ref()),
            "module" => text(self.module.as_ref()),
            "handled" => self.mechanism.as_ref()?.handled.map(Value::Flag),
            _ => None,
        }
    }

    fn list(&self, _: &str) -> Vec<&dyn Facts> {
        Vec::new()
    }
}

/// A browser's report of a violated policy, as far as facts go.
fn security(item: &EnvelopeItem) -> Option<Event<'_>> {
    let outer: std::collections::BTreeMap<Cow<'_, str>, &serde_json::value::RawValue> =
        serde_json::from_slice(&item.payload).ok()?;
    let body = outer.get("csp-report").or_else(|| outer.get("body"))?;
    let csp = Csp::of(body)?;
    let request = Request {
        url: csp.document_uri.clone(),
        ..Request::default()
    };
    Some(Event {
        release: item.header.text("sentry_release").map(Cow::Owned),
        environment: item.header.text("sentry_environment").map(Cow::Owned),
        request: Some(Box::new(request)),
        csp: Some(Box::new(csp)),
        ..Event::default()
    })
}

fn of_request<'a>(request: &'a Request<'_>, name: &str) -> Option<Value<'a>> {
    match name {
        "url" => text(request.url.as_ref()),
        "method" => text(request.method.as_ref()),
        _ => request
            .headers
            .get(name.strip_prefix("headers.")?)
            .map(Value::text),
    }
}

fn text<'a>(text: Option<&'a Cow<'_, str>>) -> Option<Value<'a>> {
    text.map(|text| Value::Text(Cow::Borrowed(text.as_ref())))
}

/// A value within unread JSON.
fn within<'a>(raw: &'a Raw<'_>, name: &str) -> Option<Value<'a>> {
    let json: Json = serde_json::from_str(raw.get()).ok()?;
    at(&json, name).map(owned)
}

fn owned<'a>(value: Value<'_>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::text(text.into_owned()),
        Value::Number(n) => Value::Number(n),
        Value::Flag(flag) => Value::Flag(flag),
    }
}

/// The value at a path of names, with dots between them; empty is the whole.
fn at<'a>(mut json: &'a Json, path: &str) -> Option<Value<'a>> {
    for name in path.split('.').filter(|name| !name.is_empty()) {
        json = json.get(name)?;
    }
    match json {
        Json::String(text) => Some(Value::text(text.as_str())),
        Json::Number(n) => n.as_f64().map(Value::Number),
        Json::Bool(flag) => Some(Value::Flag(*flag)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::condition::Condition;
    use crate::envelope::ItemHeader;

    fn item(kind: ItemKind, payload: &str) -> EnvelopeItem {
        EnvelopeItem {
            kind,
            header: ItemHeader::default(),
            payload: Bytes::from(payload.to_owned()),
        }
    }

    #[test]
    fn every_fact_has_a_name() {
        let event = r#"{"release":"shop@1","tags":[["a.b","c"]],"extra":{"n":3},
            "contexts":{"os":{"name":"Linux","kernel":{"n":true}}},"measurements":{"lcp":{"value":2.5}},
            "user":{"id":7},"request":{"headers":{"User-Agent":"curl"}},
            "message":"hello","start_timestamp":1,"timestamp":2.5,
            "exception":{"values":[{"type":"A","value":"x","mechanism":{"handled":false}}]}}"#;
        let item = item(ItemKind::Event, event);
        let sender = Sender {
            client_ip: Some("192.0.2.1".parse().unwrap()),
            user_agent: Some("sdk/1"),
            trace: Some(br#"{"transaction":"/x","sample_rate":"0.5","user":{"id":"u"}}"#),
        };
        let subject = Subject::read(&item, sender);
        let check = |name: &str, value: &str| {
            let json = format!(r#"{{"op":"eq","name":"{name}","value":{value}}}"#);
            let condition = Condition::parse(&json, ROOTS).unwrap();
            assert!(
                condition.holds(&subject),
                "{name}: {:?}",
                subject.value(name)
            );
        };
        check("event.release", r#""shop@1""#);
        check("event.tags.a.b", r#""c""#);
        check("event.extra.n", "3");
        check("event.contexts.os.name", r#""Linux""#);
        check("event.contexts.os.kernel.n", "true");
        check("event.measurements.lcp.value", "2.5");
        check("event.user.id", r#""7""#);
        check("event.request.headers.user-agent", r#""curl""#);
        check("event.message", r#""hello""#);
        check("event.duration", "1500");
        check("trace.transaction", r#""/x""#);
        check("trace.user.id", r#""u""#);
        check("envelope.client_ip", r#""192.0.2.1""#);
        check("envelope.user_agent", r#""sdk/1""#);
        check("event.nothing", "null");
        check("event.contexts.os", "null");
        let any = r#"{"op":"any","name":"event.exceptions",
            "inner":{"op":"eq","name":"handled","value":false}}"#;
        assert!(Condition::parse(any, ROOTS).unwrap().holds(&subject));
    }

    #[test]
    fn what_cannot_be_read_has_no_facts() {
        for payload in ["", "[", "7", "{\"release\":{}}"] {
            for kind in [ItemKind::Event, ItemKind::RawSecurity, ItemKind::Log] {
                let item = item(kind, payload);
                let sender = Sender {
                    trace: Some(b"["),
                    ..Sender::default()
                };
                assert_eq!(Subject::read(&item, sender).value("event.release"), None);
            }
        }
    }
}
