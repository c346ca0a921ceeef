//! The form of today: a line about the report, and the report.

use protocol::crash::Image;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Call, Stack, Told, bounded};

/// Reads a report, and what the line in front of it says; `None` where it says neither why nor where.
pub(super) fn read(report: &Map<String, Value>, head: Option<Map<String, Value>>) -> Option<Told> {
    let head = Value::Object(head.unwrap_or_default());
    let of = |object: &str, name: &str| {
        let found = report.get(object).and_then(|object| object.get(name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let first = |found: &[Option<&Value>]| {
        let mut texts = found
            .iter()
            .filter_map(|value| value.and_then(Value::as_str));
        texts.next().unwrap_or_default().to_owned()
    };
    let bundle = |name: &str| report.get("bundleInfo").and_then(|bundle| bundle.get(name));
    let images: Vec<Image> = list(report, "usedImages").map(image).collect();
    let calls = |frames: &Value| calls(frames, &images);
    let mut told = Told {
        exception: of("exception", "type"),
        signal: of("exception", "signal"),
        subtype: of("exception", "subtype"),
        termination: of("termination", "indicator"),
        words: words(report),
        system: of("osVersion", "train"),
        build: of("osVersion", "build"),
        cpu: first(&[report.get("cpuType")]),
        model: first(&[report.get("modelCode")]),
        time: first(&[report.get("captureTime"), head.get("timestamp")]),
        app: [
            first(&[head.get("app_name"), report.get("procName")]),
            first(&[bundle("CFBundleIdentifier"), head.get("bundleID")]),
            first(&[
                bundle("CFBundleShortVersionString"),
                head.get("app_version"),
            ]),
            first(&[bundle("CFBundleVersion"), head.get("build_version")]),
        ],
        crashed: None,
        threads: list(report, "threads")
            .map(|one| stack(one, &calls))
            .collect(),
        raised: report
            .get("lastExceptionBacktrace")
            .map(calls)
            .unwrap_or_default(),
        images: Vec::new(),
    };
    let faulting = report.get("faultingThread").and_then(Value::as_u64);
    let faulting = faulting.and_then(|nth| usize::try_from(nth).ok());
    if let Some(stack) = faulting.and_then(|nth| told.threads.get_mut(nth)) {
        stack.is_crashed = true;
    }
    for image in images {
        told.add_image(image);
    }
    (!told.exception.is_empty() && !told.threads.is_empty()).then_some(told)
}

fn list<'r>(report: &'r Map<String, Value>, name: &str) -> impl Iterator<Item = &'r Value> {
    let list = report.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The last words, which each library has for itself.
fn words(report: &Map<String, Value>) -> Vec<String> {
    let by_image = report.get("asi").and_then(Value::as_object);
    let texts = by_image.into_iter().flat_map(Map::values);
    let texts = texts.filter_map(Value::as_array).flatten();
    let texts = texts.filter_map(Value::as_str).map(str::trim);
    texts
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

fn stack(thread: &Value, calls: &impl Fn(&Value) -> Vec<Call>) -> Stack {
    let text = |name: &str| thread.get(name).and_then(Value::as_str).map(bounded);
    let id = thread.get("id").and_then(Value::as_u64);
    Stack {
        id: id.and_then(|id| u32::try_from(id).ok()).unwrap_or_default(),
        name: text("name").or_else(|| text("queue")).unwrap_or_default(),
        is_crashed: thread.get("triggered").and_then(Value::as_bool) == Some(true),
        calls: thread.get("frames").map(calls).unwrap_or_default(),
    }
}

fn calls(frames: &Value, images: &[Image]) -> Vec<Call> {
    let frames = frames.as_array().into_iter().flatten();
    frames
        .take(super::FRAMES_MAX)
        .map(|frame| call(frame, images))
        .collect()
}

fn call(frame: &Value, images: &[Image]) -> Call {
    let text = |name: &str| frame.get(name).and_then(Value::as_str).map(bounded);
    let number = |name: &str| frame.get(name).and_then(Value::as_u64);
    let image = number("imageIndex").and_then(|nth| images.get(usize::try_from(nth).ok()?));
    let base = image.map(|image| image.address).unwrap_or_default();
    Call {
        address: base.saturating_add(number("imageOffset").unwrap_or_default()),
        image: image.map(|image| image.file.clone()).unwrap_or_default(),
        function: text("symbol")
            .filter(|name| name != "<redacted>")
            .unwrap_or_default(),
        offset: number("symbolLocation").unwrap_or_default(),
        file: text("sourceFile").unwrap_or_default(),
        line: number("sourceLine").filter(|line| *line > 0),
    }
}

fn image(image: &Value) -> Image {
    let text = |name: &str| image.get(name).and_then(Value::as_str);
    let number = |name: &str| image.get(name).and_then(Value::as_u64).unwrap_or_default();
    let id = text("uuid").and_then(|id| Uuid::parse_str(id).ok());
    Image {
        file: bounded(text("path").or_else(|| text("name")).unwrap_or_default()),
        debug_id: id.map(|id| id.hyphenated().to_string()),
        code_id: id.map(|id| id.simple().to_string()),
        address: number("base"),
        size: number("size"),
    }
}
