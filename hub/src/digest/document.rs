//! What is searchable of a normalised event.

use std::borrow::Cow;

use protocol::event::{Breadcrumb, Stacktrace};
use protocol::ids::ProjectId;
use serde_json::{Map, Value};

use crate::group::Grouping;
use crate::index::{Document, Frame, User};
use crate::normalise::NormalEvent;

/// Frames that are searchable; the crash is at the end, so that the oldest calls are left out.
const FRAMES_MAX: usize = 500;
/// Flags that are searchable.
const FLAGS_MAX: usize = 100;
/// Bytes of one breadcrumb's text that are searchable.
const CRUMB_BYTES_MAX: usize = 1024;

/// The document of the event alone, without row and issue.
pub(super) fn of(event: &NormalEvent<'_>, grouping: &Grouping, project: ProjectId) -> Document {
    let exceptions = event.exceptions.iter().map(|exception| {
        let ty = exception.ty.as_deref().unwrap_or_default();
        let value = exception.value.0.as_deref().unwrap_or_default();
        (ty.to_owned(), value.to_owned())
    });
    let tags = event.tags.iter();
    Document {
        row: 0,
        project: Some(project),
        issue: 0,
        event_id: Some(event.id),
        timestamp: event.timestamp,
        received_at: event.received_at,
        level: event.level.name().to_owned(),
        platform: event.platform.to_owned(),
        kind: event.kind.name().to_owned(),
        release: text(event.release.as_ref()),
        environment: text(event.environment.as_ref()),
        dist: text(event.dist.as_ref()),
        transaction: text(event.transaction.as_ref()),
        server_name: text(event.server_name.as_ref()),
        logger: text(event.logger.as_ref()),
        user: user(event),
        n_others: 0,
        users_of_others: Vec::new(),
        url: event.request.as_ref().and_then(|r| text(r.url.as_ref())),
        method: event.request.as_ref().and_then(|r| text(r.method.as_ref())),
        title: grouping.title.clone(),
        culprit: grouping.culprit.clone(),
        location: grouping.location.clone(),
        message: event.message_text().unwrap_or_default().to_owned(),
        exceptions: exceptions.collect(),
        frames: frames(event),
        breadcrumbs: breadcrumbs(event),
        facts: facts(event),
        tags: tags
            .map(|tag| (tag.key.clone().into_owned(), tag.value.clone().into_owned()))
            .chain(flags(event))
            .collect(),
        handled: event.handled,
        sdk: event.sdk.as_ref().and_then(|sdk| text(sdk.name.as_ref())),
        sdk_version: event
            .sdk
            .as_ref()
            .and_then(|sdk| text(sdk.version.as_ref())),
        trace_id: event.facts.trace_id.clone(),
    }
}

fn text(value: Option<&Cow<'_, str>>) -> Option<String> {
    value.map(|text| text.clone().into_owned())
}

fn user(event: &NormalEvent<'_>) -> User {
    let Some(user) = &event.user else {
        return User::default();
    };
    User {
        id: text(user.id.as_ref()),
        email: text(user.email.as_ref()),
        username: text(user.username.as_ref()),
        ip: text(user.ip_address.as_ref()),
    }
}

/// The exceptions' frames and the event's own; the threads' only where there are no others.
fn frames(event: &NormalEvent<'_>) -> Vec<Frame> {
    let exceptions = event.exceptions.iter();
    let mut frames = Vec::new();
    let own = exceptions
        .filter_map(|exception| exception.stacktrace.as_deref())
        .chain(event.stacktrace.as_deref());
    take_frames(own, &mut frames);
    if frames.is_empty() {
        take_frames(event.stacktraces(), &mut frames);
    }
    frames
}

fn take_frames<'a>(stacks: impl Iterator<Item = &'a Stacktrace<'a>>, frames: &mut Vec<Frame>) {
    for frame in stacks.flat_map(|stack| stack.frames.iter().rev()) {
        if frames.len() >= FRAMES_MAX {
            return;
        }
        frames.push(Frame {
            module: text(frame.module.as_ref()),
            function: text(frame.function.as_ref()),
            filename: text(frame.filename.as_ref()),
            abs_path: text(
                frame
                    .abs_path
                    .as_ref()
                    .filter(|path| Some(*path) != frame.filename.as_ref()),
            ),
            package: text(frame.package.as_ref()),
            lineno: frame.lineno,
            colno: frame.colno,
            in_app: frame.in_app.unwrap_or_default(),
        });
    }
}

fn breadcrumbs(event: &NormalEvent<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    for crumb in &event.breadcrumbs {
        let message = crumb.message.0.as_deref().unwrap_or_default();
        let mut text = cut(message).to_owned();
        data_of(crumb, &mut text);
        if !text.is_empty() {
            texts.push(text);
        }
    }
    texts
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(CRUMB_BYTES_MAX);
    text.get(..end).unwrap_or_default()
}

/// Adds the names and values that a breadcrumb's data holds, up to its limit.
fn data_of(crumb: &Breadcrumb<'_>, text: &mut String) {
    let Some(data) = &crumb.data else { return };
    let Ok(data) = serde_json::from_str::<Value>(data.get()) else {
        return;
    };
    // Data is no deeper than the reader lets through; what is left is read in its order.
    let mut left = vec![&data];
    while let Some(value) = left.pop() {
        if text.len() >= CRUMB_BYTES_MAX {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter().rev() {
                    match value {
                        Value::Object(_) | Value::Array(_) => left.push(value),
                        _ => {
                            add(text, name);
                            add_plain(text, value);
                        }
                    }
                }
            }
            Value::Array(values) => left.extend(values.iter().rev()),
            plain => add_plain(text, plain),
        }
    }
}

fn add_plain(text: &mut String, value: &Value) {
    match value {
        Value::String(words) => add(text, words),
        Value::Number(number) => add(text, &number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}

fn add(text: &mut String, words: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(cut(words));
}

/// Facts that have keys of their own in the search, by the context and field they stand in.
const FACTS: &[(&str, &str, &str)] = &[
    ("app.in_foreground", "app", "in_foreground"),
    ("device.arch", "device", "arch"),
    ("device.battery_level", "device", "battery_level"),
    ("device.brand", "device", "brand"),
    ("device.charging", "device", "charging"),
    ("device.locale", "device", "locale"),
    ("device.locale", "culture", "locale"),
    ("device.model_id", "device", "model_id"),
    ("device.name", "device", "name"),
    ("device.online", "device", "online"),
    ("device.orientation", "device", "orientation"),
    ("device.screen_density", "device", "screen_density"),
    ("device.screen_dpi", "device", "screen_dpi"),
    (
        "device.screen_height_pixels",
        "device",
        "screen_height_pixels",
    ),
    (
        "device.screen_width_pixels",
        "device",
        "screen_width_pixels",
    ),
    ("device.simulator", "device", "simulator"),
    ("device.uuid", "device", "device_unique_identifier"),
    ("device.uuid", "device", "id"),
    ("http.status_code", "response", "status_code"),
    ("os.build", "os", "build"),
    ("os.distribution_name", "os", "distribution_name"),
    ("os.distribution_version", "os", "distribution_version"),
    ("os.kernel_version", "os", "kernel_version"),
    ("trace.parent_span", "trace", "parent_span_id"),
    ("trace.span", "trace", "span_id"),
    ("transaction.op", "trace", "op"),
    ("transaction.status", "trace", "status"),
    ("unreal.crash_type", "unreal", "crash_type"),
];

fn facts(event: &NormalEvent<'_>) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |key: &'static str, value: Option<Cow<'_, str>>| {
        let value = value.map(|value| value.trim().to_owned());
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((key, value));
        }
    };
    for (name, raw) in &event.contexts.0 {
        let wanted = FACTS.iter().filter(|(_, context, _)| name == context);
        let mut wanted = wanted.peekable();
        if wanted.peek().is_none() {
            continue;
        }
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(raw.get()) else {
            continue;
        };
        for (key, _, field) in wanted {
            let value = fields.get(*field).map(|value| match value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                plain => Cow::Owned(plain.to_string()),
            });
            add(key, value);
        }
    }
    let request = event.request.as_deref();
    let referer = request.and_then(|request| request.headers.get("Referer"));
    add("http.referer", referer.map(Cow::Borrowed));
    let user = event.user.as_deref();
    let shown = user.and_then(|user| {
        let names = [&user.email, &user.username, &user.id, &user.ip_address];
        names.into_iter().find_map(Option::clone)
    });
    add("user.display", shown);
    let main = is_on_main_thread(event).map(|is_so| if is_so { "true" } else { "false" });
    add("error.main_thread", main.map(Cow::Borrowed));
    facts
}

/// What was switched on and off, as the tags that `flags[name]` looks for.
fn flags(event: &NormalEvent<'_>) -> Vec<(String, String)> {
    let Some(flags) = event.contexts.get("flags") else {
        return Vec::new();
    };
    let flags: Value = serde_json::from_str(flags.get()).unwrap_or_default();
    let values = flags.get("values").and_then(Value::as_array);
    let each = values.into_iter().flatten().take(FLAGS_MAX);
    each.filter_map(|each| {
        let name = each.get("flag").and_then(Value::as_str)?;
        let result = match each.get("result")? {
            Value::String(result) => result.clone(),
            result => result.to_string(),
        };
        Some((format!("flags.{name}"), result))
    })
    .collect()
}

/// Whether the exception happened on the thread that the event calls its main one.
fn is_on_main_thread(event: &NormalEvent<'_>) -> Option<bool> {
    let of = event.main_exception()?.thread_id.as_ref()?;
    let mut threads = event.threads.iter();
    let thread = threads.find(|thread| thread.id.as_ref() == Some(of))?;
    thread.main
}
