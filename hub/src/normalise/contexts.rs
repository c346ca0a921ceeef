//! Named sets of facts: bounded, completed from the user agent, and what others look up in them.

use std::borrow::Cow;

use protocol::event::{ContextHead, Event, Fields};
use protocol::ids::EventId;
use serde_json::Value;

use super::journal::Journal;
use super::{Receipt, agent, described, json};

/// What a trace may say of the largest paint of a page. They are tags under these names.
pub(super) const LARGEST_PAINT: [&str; 4] = ["lcp.element", "lcp.size", "lcp.id", "lcp.url"];

/// A thing with a name and a version: a browser, an operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versioned {
    /// `Chrome`.
    pub name: String,
    /// `126.0.0`.
    pub version: Option<String>,
}

impl Versioned {
    /// Name and version in one.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What tags, titles and search look up in the contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The browser.
    pub browser: Option<Versioned>,
    /// The operating system the program ran on.
    pub os: Option<Versioned>,
    /// The operating system of the caller, where that is another.
    pub client_os: Option<Versioned>,
    /// The language's runtime.
    pub runtime: Option<Versioned>,
    /// The device's family.
    pub device_family: Option<String>,
    /// The device's model.
    pub device: Option<String>,
    /// How fast the device is: `low`, `medium` or `high`.
    pub device_class: Option<&'static str>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The span it happened in.
    pub span_id: Option<String>,
    /// What the largest paint of a page was, by the names of [`LARGEST_PAINT`].
    pub largest_paint: [Option<String>; 4],
    /// The replay that shows it.
    pub replay_id: Option<String>,
    /// A user's words.
    pub feedback_message: Option<String>,
    /// The event that they are about.
    pub feedback_about: Option<EventId>,
}

pub(super) fn normalise<'a>(
    event: &mut Event<'a>,
    platform: &'static str,
    receipt: &Receipt<'a>,
    journal: &mut Journal,
) {
    event.contexts.0.retain(|(name, raw)| {
        let is_context = raw.get().starts_with('{') && !name.is_empty();
        if !is_context {
            journal.invalid(format!("contexts.{name}"), raw.get());
        }
        is_context
    });
    for (name, raw) in &mut event.contexts.0 {
        let bounds = if name == "flags" {
            json::FLAGS
        } else {
            json::CONTEXT
        };
        json::trim_one(raw, bounds, journal, || format!("contexts.{name}"));
        if matches!(&**name, "os" | "client_os" | "runtime") {
            described::complete(raw, &**name == "runtime");
        }
    }
    from_agent(event, platform, receipt);
}

/// Adds browser, system and device of the user agent where the event does not name them.
fn from_agent<'a>(event: &mut Event<'a>, platform: &'static str, receipt: &Receipt<'a>) {
    let request = event.request.as_ref();
    let header = |name: &str| request.and_then(|request| request.headers.get(name));
    let hints = agent::Hints {
        brands: header("Sec-CH-UA-Full-Version-List").or_else(|| header("Sec-CH-UA")),
        platform: header("Sec-CH-UA-Platform"),
        platform_version: header("Sec-CH-UA-Platform-Version"),
        model: header("Sec-CH-UA-Model"),
    };
    // Of other platforms the relay saw the SDK's HTTP library.
    let own = receipt.user_agent.filter(|_| platform == "javascript");
    let agent = agent::read_hinted(header("User-Agent").or(own), hints);
    let os_name = if platform == "javascript" {
        "os"
    } else {
        "client_os"
    };
    let context = |kind: &str, thing: &Option<agent::Thing>| {
        let thing = thing.as_ref()?;
        json::object(&[
            ("name", Some(&thing.name)),
            ("version", thing.version.as_deref()),
            ("type", Some(kind)),
        ])
    };
    let device = agent.device.as_ref().and_then(|device| {
        json::object(&[
            ("family", Some(&device.family)),
            ("model", Some(&device.model)),
            ("brand", device.brand.as_deref()),
            ("type", Some("device")),
        ])
    });
    let made = [
        ("browser", context("browser", &agent.browser)),
        (os_name, context("os", &agent.os)),
        ("device", device),
    ];
    for (name, raw) in made {
        let Some(raw) = raw else { continue };
        if event.contexts.get(name).is_none() {
            event.contexts.0.push((Cow::Borrowed(name), raw));
        }
    }
}

pub(super) fn facts(contexts: &Fields<'_>) -> Facts {
    let mut facts = Facts::default();
    for (name, raw) in &contexts.0 {
        let is_wanted = matches!(
            &**name,
            "browser" | "os" | "client_os" | "runtime" | "device" | "trace" | "replay" | "feedback"
        );
        // Other names matter only when their type says that they are a runtime.
        if !is_wanted && !raw.get().contains("\"runtime\"") {
            continue;
        }
        let head = ContextHead::of(raw);
        match &**name {
            "browser" => facts.browser = versioned(&head),
            "os" => facts.os = versioned(&head),
            "client_os" => facts.client_os = versioned(&head),
            "trace" => {
                facts.trace_id = owned(head.trace_id).filter(|id| is_hex(id, 32));
                facts.span_id = owned(head.span_id).filter(|id| is_hex(id, 16));
                facts.largest_paint = largest_paint(raw.get());
            }
            "replay" => facts.replay_id = owned(head.replay_id).filter(|id| is_hex(id, 32)),
            "feedback" => {
                facts.feedback_message = owned(head.message);
                facts.feedback_about = feedback_about(raw.get());
            }
            "device" => {
                facts.device_family = owned(head.family);
                facts.device = owned(head.model);
                facts.device_class = device_class(raw.get());
            }
            "runtime" => facts.runtime = versioned(&head),
            _ if head.ty.as_deref() == Some("runtime") && facts.runtime.is_none() => {
                facts.runtime = versioned(&head);
            }
            _ => {}
        }
    }
    facts
}

fn feedback_about(feedback: &str) -> Option<EventId> {
    let feedback: Value = serde_json::from_str(feedback).ok()?;
    feedback.get("associated_event_id")?.as_str()?.parse().ok()
}

fn largest_paint(trace: &str) -> [Option<String>; 4] {
    // Most traces say nothing of it.
    if !trace.contains("\"lcp.") {
        return [const { None }; 4];
    }
    let trace: Value = serde_json::from_str(trace).unwrap_or_default();
    LARGEST_PAINT.map(|name| match trace.get("data")?.get(name)? {
        Value::String(text) => owned(Some(Cow::Borrowed(text))),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// How fast a device is, by the three figures that Sentry judges it by; those of Apple, whose SDK
/// does not tell them, have no class.
fn device_class(context: &str) -> Option<&'static str> {
    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
    let device: Value = serde_json::from_str(context).ok()?;
    let figure = |name: &str| device.get(name).and_then(Value::as_f64);
    let family = device.get("family").and_then(Value::as_str)?;
    if matches!(family, "iPhone" | "iOS" | "iOS-Device") {
        return None;
    }
    let (megahertz, processors) = (figure("processor_frequency")?, figure("processor_count")?);
    let memory = figure("memory_size")?;
    Some(
        if megahertz < 2000.0 || processors < 8.0 || memory < 4.0 * GIB {
            "low"
        } else if megahertz < 2500.0 || memory < 6.0 * GIB {
            "medium"
        } else {
            "high"
        },
    )
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    let text = text?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn versioned(head: &ContextHead<'_>) -> Option<Versioned> {
    let name = owned(head.name.clone()).or_else(|| owned(head.raw_description.clone()))?;
    let version = owned(head.version.clone()).map(|version| {
        // Node says `v20.20.2`.
        match version.strip_prefix('v') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
            _ => version,
        }
    });
    Some(Versioned { name, version })
}
