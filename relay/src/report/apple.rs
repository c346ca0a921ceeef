//! Crash reports of Apple's systems: of today in JSON, of before in text. Both say why the program
//! ended, where its threads were by name and address, and which images were loaded.
//!
//! Bounded: of the thread that crashed, and of where an exception was raised, the last hundred calls
//! are told, of each other thread the last fifty, and of all others together four hundred.

mod json;
mod text;

use protocol::crash::{Crash, Frame, Image, Thread};
use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::bounded::{Room, Unread};
use super::{dump, fields};

/// What the report's item is.
pub(super) const TYPE: &str = "event.applecrashreport";
/// The note of one that cannot be read.
pub(super) const INVALID: &str = "invalid_crash_report";
/// Most calls of the thread that crashed, and of where an exception was raised.
const FRAMES_MAX: usize = 100;
/// Most calls of another thread, and of all others together.
const OTHER_FRAMES_MAX: usize = 50;
const ALL_OTHER_FRAMES_MAX: usize = 400;
/// Most threads that are told of.
const THREADS_MAX: usize = 100;
/// Most images that are told of, and most that calls are looked up in.
const IMAGES_MAX: usize = 100;
const KNOWN_IMAGES_MAX: usize = 4096;
/// Longest text, in characters.
const CHARS_MAX: usize = 256;
/// Longest text that people read, in characters.
const DETAILS_CHARS_MAX: usize = 2048;
/// How far calls are to be believed: the system followed them.
const TRUST: &str = "prewalked";

/// What a report says.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) crash: Crash,
    pub(super) mechanism: Value,
    /// What it says of the application, the system and the time.
    pub(super) beside: Map<String, Value>,
}

/// Reads a report.
pub(super) fn read(file: &[u8], room: &Room) -> Result<Report, Unread> {
    let file = file.trim_ascii();
    // A line of JSON stands in front of either form.
    let (first, rest) = file.split_at(memchr::memchr(b'\n', file).unwrap_or(file.len()));
    let rest = rest.trim_ascii();
    let told = match (first.first(), rest.first()) {
        (Some(b'{'), Some(b'{')) => json::read(&room.json(rest)?, room.json(first).ok()),
        (Some(b'{'), Some(b'A'..=b'Z')) if room.json(first).is_ok() => text::read(&lossy(rest)),
        (Some(b'{'), _) => json::read(&room.json(file)?, None),
        _ => text::read(&lossy(file)),
    };
    told.map(Told::report).ok_or(Unread::Broken)
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// What either form tells, as it is written.
#[derive(Debug, Default)]
struct Told {
    /// `EXC_BAD_ACCESS`
    exception: String,
    /// `SIGSEGV`
    signal: String,
    /// What the system says of it: `KERN_INVALID_ADDRESS at 0x10`.
    subtype: String,
    /// Why it was ended, where somebody did so.
    termination: String,
    /// The application's last words.
    words: Vec<String>,
    /// `iPhone OS 17.1`
    system: String,
    /// `21B74`
    build: String,
    /// `ARM-64`
    cpu: String,
    /// `iPhone14,2`
    model: String,
    /// `2026-11-20 19:21:03.8512 +0100`
    time: String,
    /// Name, identifier, version and build of the application.
    app: [String; 4],
    /// The number of the crashed thread.
    crashed: Option<u32>,
    threads: Vec<Stack>,
    /// Where the exception was raised that nobody caught, the last call first.
    raised: Vec<Call>,
    images: Vec<Image>,
}

/// A thread, the last call first.
#[derive(Debug, Default)]
struct Stack {
    id: u32,
    name: String,
    is_crashed: bool,
    calls: Vec<Call>,
}

/// A call, as it is written.
#[derive(Debug, Default)]
struct Call {
    address: u64,
    image: String,
    function: String,
    /// How far into the function.
    offset: u64,
    file: String,
    line: Option<u64>,
}

impl Told {
    fn report(mut self) -> Report {
        let (name, reason) = self.uncaught().unzip();
        let details = [
            reason.as_deref(),
            self.words.first().map(String::as_str),
            Some(&self.subtype),
            Some(&self.termination),
            Some(&self.signal),
        ];
        let details = details.into_iter().flatten().find(|text| !text.is_empty());
        let details = details.map(|text| bounded_to(text, DETAILS_CHARS_MAX));
        let (os, version) = system(&self.system);
        let beside = self.beside(os, version);
        let mechanism = self.mechanism();
        let n_threads = self.threads.len();
        let mut stacks = std::mem::take(&mut self.threads);
        stacks.sort_by_key(|stack| !self.is_crashed(stack));
        stacks.truncate(THREADS_MAX);
        let mut left = ALL_OTHER_FRAMES_MAX;
        let threads = stacks.iter().map(|stack| self.thread(stack, &mut left));
        let crash = Crash {
            reason: Some(bounded(name.as_deref().unwrap_or(&self.exception))),
            address: None,
            details,
            raised: self.frames(&self.raised, FRAMES_MAX),
            os: os.to_owned(),
            os_version: bounded(version),
            cpu: cpu(&self.cpu),
            threads: threads.collect(),
            n_threads,
            n_images: self.images.len(),
            images: self.images.iter().take(IMAGES_MAX).cloned().collect(),
        };
        Report {
            crash,
            mechanism,
            beside,
        }
    }

    fn is_crashed(&self, stack: &Stack) -> bool {
        self.crashed.map_or(stack.is_crashed, |id| stack.id == id)
    }

    fn thread(&self, stack: &Stack, left: &mut usize) -> Thread {
        let crashed = self.is_crashed(stack);
        let frames = if crashed {
            self.frames(&stack.calls, FRAMES_MAX)
        } else {
            self.frames(&stack.calls, OTHER_FRAMES_MAX.min(*left))
        };
        *left -= if crashed { 0 } else { frames.len() };
        Thread {
            id: stack.id,
            name: named(&stack.name),
            crashed,
            frames,
        }
    }

    /// The last calls, the oldest first.
    fn frames(&self, calls: &[Call], max: usize) -> Vec<Frame> {
        let calls = calls.iter().take(max);
        let mut frames: Vec<_> = calls.map(|call| self.frame(call)).collect();
        frames.reverse();
        frames
    }

    fn frame(&self, call: &Call) -> Frame {
        let is_in = |image: &&Image| {
            let offset = call.address.checked_sub(image.address);
            offset.is_some_and(|offset| offset < image.size)
        };
        let image = self.images.iter().find(is_in);
        let is_known = !call.function.is_empty();
        Frame {
            address: call.address,
            image: image.map_or_else(|| named(&call.image), |image| Some(image.file.clone())),
            image_address: image.map(|image| image.address),
            function: named(&call.function),
            function_address: call.address.checked_sub(call.offset).filter(|_| is_known),
            file: named(&call.file),
            line: call.line,
            trust: TRUST,
        }
    }

    /// Name and reason of an exception of Objective-C that nobody caught, of the application's words.
    fn uncaught(&self) -> Option<(String, String)> {
        let mut words = self.words.iter();
        words.find_map(|text| {
            let (_, rest) = text.split_once("uncaught exception '")?;
            let (name, rest) = rest.split_once("', reason: '")?;
            let reason = rest.strip_suffix('\'').unwrap_or(rest);
            Some((name.to_owned(), reason.to_owned()))
        })
    }

    fn mechanism(&self) -> Value {
        let mut meta = Map::new();
        for (what, name) in [
            ("mach_exception", &self.exception),
            ("signal", &self.signal),
        ] {
            let prefix = if what == "signal" { "SIG" } else { "EXC_" };
            if name.starts_with(prefix) {
                meta.insert(what.to_owned(), json!({ "name": bounded(name) }));
            }
        }
        json!({"type": "applecrashreport", "handled": false, "meta": meta})
    }

    fn beside(&self, os: &str, version: &str) -> Map<String, Value> {
        let [name, identifier, version_of_app, build] = &self.app;
        let os = json!({"name": dump::system_name(os), "version": named(version), "build": named(&self.build)});
        let device = json!({"arch": cpu(&self.cpu), "model": named(&self.model)});
        let app = json!({"app_name": named(name), "app_identifier": named(identifier),
            "app_version": named(version_of_app), "app_build": named(build)});
        let mut event = Map::new();
        let contexts = [("os", os), ("device", device), ("app", app)];
        let contexts = contexts
            .into_iter()
            .filter_map(|(name, context)| Some((name.to_owned(), fields::without_nulls(context)?)));
        event.insert("contexts".to_owned(), Value::Object(contexts.collect()));
        if !identifier.is_empty() && !version_of_app.is_empty() {
            // As its SDK names releases.
            let mut release = format!("{}@{}", bounded(identifier), bounded(version_of_app));
            if !build.is_empty() {
                release = format!("{release}+{}", bounded(build));
                event.insert("dist".to_owned(), json!(bounded(build)));
            }
            event.insert("release".to_owned(), json!(release));
        }
        if let Some(time) = time(&self.time) {
            event.insert("timestamp".to_owned(), json!(time));
        }
        event
    }

    fn add_image(&mut self, image: Image) {
        if self.images.len() < KNOWN_IMAGES_MAX {
            self.images.push(image);
        }
    }
}

/// The system's short name and its version: `iPhone OS 17.1`.
fn system(text: &str) -> (&'static str, &str) {
    const NAMES: &[(&str, &str)] = &[
        ("iPhone OS ", "ios"),
        ("iOS ", "ios"),
        ("iPadOS ", "ios"),
        ("Mac OS X ", "mac"),
        ("macOS ", "mac"),
        ("Apple TVOS ", "tvos"),
        ("tvOS ", "tvos"),
        ("Watch OS ", "watchos"),
        ("watchOS ", "watchos"),
        ("visionOS ", "visionos"),
        ("xrOS ", "visionos"),
    ];
    let mut names = NAMES.iter();
    let found = names.find_map(|(long, short)| Some((*short, text.strip_prefix(long)?.trim())));
    found.unwrap_or(("ios", ""))
}

fn cpu(text: &str) -> String {
    match text {
        "ARM-64" => "arm64".to_owned(),
        "ARM" => "arm".to_owned(),
        "X86-64" => "x86_64".to_owned(),
        "X86" => "x86".to_owned(),
        other => bounded(other),
    }
}

/// `2026-11-20 19:21:03.8512 +0100` as other events have it.
fn time(text: &str) -> Option<String> {
    let mut parts = text.split(' ');
    let (day, hour, zone) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = zone.split_at_checked(3)?;
    let time = format!("{day}T{hour}{hours}:{minutes}");
    Timestamp::parse(&time).is_ok().then_some(time)
}

fn bounded(text: &str) -> String {
    bounded_to(text, CHARS_MAX)
}

/// What cannot be seen would take six times its length in JSON.
fn bounded_to(text: &str, max: usize) -> String {
    let seen = text.trim().chars().filter(|c| !c.is_control());
    seen.take(max).collect()
}

fn named(text: &str) -> Option<String> {
    Some(bounded(text)).filter(|text| !text.is_empty())
}
