//! A crash's event, of what its dump says.
//!
//! What the client said of the event stays; the dump adds what is missing: the exception with the
//! stack of the thread that crashed, the other threads, the images, the system.

use protocol::crash::{Crash, CrashError, Frame, Image, Thread};
use serde_json::{Map, Value, json};

/// The note of a dump that cannot be read. Source: ingest specification, outcomes.
const UNREADABLE: &str = "invalid_minidump";

/// Adds what a dump says to an event, or the reason why it says nothing; `file` is its name.
pub(super) fn tell(event: &mut Map<String, Value>, dump: &Result<Crash, CrashError>, file: &str) {
    match dump {
        Ok(crash) => put(event, crash, &json!({"type": "minidump", "handled": false})),
        Err(error) => note(event, UNREADABLE, &error.to_string(), file),
    }
}

/// Adds what is known of a crash to its event, and by what it came to be known.
pub(super) fn put(event: &mut Map<String, Value>, crash: &Crash, mechanism: &Value) {
    let is_raised = !crash.raised.is_empty();
    let threads = crash.threads.iter().map(|one| thread(one, is_raised));
    let defaults = [
        ("platform", json!("native")),
        ("level", json!("fatal")),
        ("threads", json!({"values": threads.collect::<Vec<_>>()})),
        (
            "debug_meta",
            json!({"images": crash.images.iter().map(|one| image(one, &crash.os)).collect::<Vec<_>>()}),
        ),
    ];
    for (name, value) in defaults {
        event.entry(name).or_insert(value);
    }
    let contexts = event.entry("contexts").or_insert_with(|| json!({}));
    if let Some(contexts) = contexts.as_object_mut() {
        let system = json!({"name": system_name(&crash.os), "version": crash.os_version});
        contexts.entry("os").or_insert(system);
        let device = json!({"arch": crash.cpu});
        contexts.entry("device").or_insert(device);
    }
    except(event, crash, mechanism);
}

/// The exception: the client's own, with the stack where it came without, or one of the reason.
fn except(event: &mut Map<String, Value>, crash: &Crash, mechanism: &Value) {
    let crashed = crash.threads.iter().find(|thread| thread.crashed);
    let frames = crashed.map_or(&[][..], |thread| &thread.frames);
    let frames = Some(crash.raised.as_slice())
        .filter(|raised| !raised.is_empty())
        .unwrap_or(frames);
    let stack = (!frames.is_empty()).then(|| stack_of(frames));
    let given = match event.get_mut("exception") {
        Some(Value::Array(values)) => values.last_mut(),
        Some(Value::Object(one)) if one.contains_key("values") => {
            let values = one.get_mut("values").and_then(Value::as_array_mut);
            values.and_then(|values| values.last_mut())
        }
        given => given,
    };
    if let Some(Value::Object(given)) = given {
        if let (Some(thread), Some(stack)) = (crashed, stack)
            && !given.contains_key("stacktrace")
        {
            given.insert("thread_id".to_owned(), json!(thread.id));
            given.insert("stacktrace".to_owned(), stack);
        }
        return;
    }
    let value = match (&crash.reason, crash.address) {
        (Some(_), Some(address)) => Some(format!("at {address:#x}")),
        (Some(_), None) => None,
        (None, _) => Some("of a program that did not crash".to_owned()),
    };
    let value = crash.details.clone().or(value);
    let exception = json!({"values": [{
        "type": crash.reason.as_deref().unwrap_or("Minidump"),
        "value": value,
        "thread_id": crashed.map(|thread| thread.id),
        "stacktrace": stack,
        "mechanism": mechanism,
    }]});
    event.insert("exception".to_owned(), exception);
}

/// The crashed thread's stack is the exception's, unless that was raised elsewhere.
fn thread(thread: &Thread, is_raised: bool) -> Value {
    let has_own = (!thread.crashed || is_raised) && !thread.frames.is_empty();
    let stack = has_own.then(|| stack_of(&thread.frames));
    json!({"id": thread.id, "name": thread.name, "crashed": thread.crashed, "stacktrace": stack})
}

fn stack_of(frames: &[Frame]) -> Value {
    json!({"frames": frames.iter().map(frame).collect::<Vec<_>>()})
}

/// Which images are the system's the hub knows by their place.
fn frame(frame: &Frame) -> Value {
    json!({
        "platform": "native",
        "instruction_addr": format!("{:#x}", frame.address),
        "package": frame.image,
        "image_addr": frame.image_address.map(|at| format!("{at:#x}")),
        "function": frame.function,
        "symbol_addr": frame.function_address.map(|at| format!("{at:#x}")),
        "filename": frame.file,
        "lineno": frame.line,
        "in_app": frame.image.is_some(),
        "trust": frame.trust,
    })
}

fn image(image: &Image, os: &str) -> Value {
    let kind = match os {
        "windows" => "pe",
        "mac" | "ios" | "tvos" | "watchos" | "visionos" => "macho",
        _ => "elf",
    };
    json!({
        "type": kind,
        "code_file": image.file,
        "code_id": image.code_id,
        "debug_id": image.debug_id,
        "image_addr": format!("{:#x}", image.address),
        "image_size": image.size,
    })
}

/// The name of a system as people write it.
pub(super) fn system_name(os: &str) -> &str {
    match os {
        "windows" => "Windows",
        "mac" => "macOS",
        "ios" => "iOS",
        "tvos" => "tvOS",
        "watchos" => "watchOS",
        "visionos" => "visionOS",
        "linux" => "Linux",
        "android" => "Android",
        other => other,
    }
}

/// Tells the event's reader what of a file cannot be read, once for each.
pub(super) fn note(event: &mut Map<String, Value>, what: &str, why: &str, file: &str) {
    let errors = event.entry("errors").or_insert_with(|| json!([]));
    let Some(errors) = errors.as_array_mut() else {
        return;
    };
    let is = |error: &Value, name: &str, text: &str| {
        error.get(name).and_then(Value::as_str) == Some(text)
    };
    let is_known = |error: &Value| is(error, "type", what) && is(error, "name", file);
    if !errors.iter().any(is_known) {
        errors.push(json!({"type": what, "name": file, "value": why}));
    }
}
