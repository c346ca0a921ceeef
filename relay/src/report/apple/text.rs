//! The older form: headings, lines of calls, and lines of images.
//!
//! ```text
//! Exception Type:  EXC_BAD_ACCESS (SIGSEGV)
//!
//! Thread 1 Crashed:
//! 0   Shop    0x0000000100a05e60 -[Till charge:] + 96 (Till.m:42)
//!
//! Binary Images:
//! 0x100a00000 - 0x100a0bfff Shop arm64  <3ab1…> /path/Shop
//! ```

use protocol::crash::Image;
use uuid::Uuid;

use super::{Call, Stack, Told, bounded};

/// Most threads, calls of one, and last words that are read.
const THREADS_READ_MAX: usize = 2000;
const CALLS_READ_MAX: usize = 100;
const WORDS_MAX: usize = 16;

/// What the lines below a heading are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Words,
    Raised,
    Thread,
    Images,
    Other,
}

/// Reads a report; `None` where it says neither why nor where.
pub(super) fn read(text: &str) -> Option<Told> {
    let mut told = Told::default();
    let mut section = Section::Head;
    for line in text.lines().map(str::trim_end) {
        if let Some(begun) = begin(line, &mut told) {
            section = begun;
            continue;
        }
        if line.is_empty() {
            // Between their heading and the first of them there may be one.
            if !matches!(section, Section::Head | Section::Images) {
                section = Section::Head;
            }
            continue;
        }
        match section {
            Section::Head => head(line, &mut told),
            Section::Words if told.words.len() < WORDS_MAX => told.words.push(line.to_owned()),
            Section::Raised => raised(line, &mut told),
            Section::Thread => {
                if let (Some(call), Some(stack)) = (call(line), told.threads.last_mut()) {
                    add(&mut stack.calls, call);
                }
            }
            Section::Images => {
                if let Some(image) = image(line) {
                    told.add_image(image);
                }
            }
            Section::Words | Section::Other => {}
        }
    }
    (!told.exception.is_empty() && !told.threads.is_empty()).then_some(told)
}

fn add(calls: &mut Vec<Call>, call: Call) {
    if calls.len() < CALLS_READ_MAX {
        calls.push(call);
    }
}

/// What a heading begins.
fn begin(line: &str, told: &mut Told) -> Option<Section> {
    match line {
        "Application Specific Information:" => return Some(Section::Words),
        "Last Exception Backtrace:" => return Some(Section::Raised),
        "Binary Images:" => return Some(Section::Images),
        _ => {}
    }
    let rest = line.strip_prefix("Thread ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (id, rest) = rest.split_at_checked(end)?;
    let id = id.parse().ok()?;
    if let Some(name) = rest.strip_prefix(" name:") {
        stack(told, id)?.name = bounded(name);
        return Some(Section::Head);
    }
    let (is_crashed, name) = match rest.strip_prefix(" Crashed:") {
        Some(name) => (true, name),
        None => match rest.strip_prefix(':') {
            Some(name) => (false, name),
            // The state of its processor, and the like.
            None => return Some(Section::Other),
        },
    };
    let stack = stack(told, id)?;
    stack.is_crashed = is_crashed;
    if let Some(name) = name.strip_prefix(':') {
        stack.name = bounded(name);
    }
    Some(Section::Thread)
}

/// The thread of a number, which is the last one that is told of.
fn stack(told: &mut Told, id: u32) -> Option<&mut Stack> {
    let is_known = told.threads.last().is_some_and(|last| last.id == id);
    if !is_known && told.threads.len() < THREADS_READ_MAX {
        told.threads.push(Stack {
            id,
            ..Stack::default()
        });
    }
    told.threads.last_mut().filter(|last| last.id == id)
}

/// A line `Name: value`.
fn head(line: &str, told: &mut Told) {
    let Some((name, value)) = line.split_once(':') else {
        return;
    };
    let value = value.trim();
    let [app, identifier, version, build] = &mut told.app;
    match name.trim() {
        "Process" => *app = before(value, " [").to_owned(),
        "Identifier" => *identifier = value.to_owned(),
        "Version" => {
            let (first, second) = in_brackets(value);
            // Systems differ in which comes first; the build is the plainer number.
            let dots = |text: &str| text.matches('.').count();
            let (shown, number) = if dots(second) > dots(first) {
                (second, first)
            } else {
                (first, second)
            };
            (*version, *build) = (shown.to_owned(), number.to_owned());
        }
        "Hardware Model" => value.clone_into(&mut told.model),
        "Code Type" => told.cpu = before(value, " (").to_owned(),
        "Date/Time" => value.clone_into(&mut told.time),
        "OS Version" => {
            let (system, build) = in_brackets(value);
            (told.system, told.build) = (system.to_owned(), build.to_owned());
        }
        "Exception Type" => {
            let (exception, signal) = in_brackets(value);
            (told.exception, told.signal) = (exception.to_owned(), signal.to_owned());
        }
        "Exception Subtype" => value.clone_into(&mut told.subtype),
        // Numbers alone say nothing that is not said by name.
        "Exception Codes" if value.contains(" at ") => value.clone_into(&mut told.subtype),
        "Termination Reason" => value.clone_into(&mut told.termination),
        "Triggered by Thread" | "Crashed Thread" => {
            told.crashed = before(value, " ").parse().ok();
        }
        _ => {}
    }
}

fn before<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end)
        .map_or(text, |(before, _)| before)
        .trim()
}

/// `a (b)` as its two parts.
fn in_brackets(text: &str) -> (&str, &str) {
    let parts = text
        .strip_suffix(')')
        .and_then(|text| text.split_once(" ("));
    parts.map_or((text, ""), |(a, b)| (a.trim(), b.trim()))
}

/// Where an exception was raised: calls, or their addresses alone in brackets.
fn raised(line: &str, told: &mut Told) {
    let Some(addresses) = line.strip_prefix('(') else {
        if let Some(call) = call(line) {
            add(&mut told.raised, call);
        }
        return;
    };
    for address in addresses.trim_end_matches(')').split_ascii_whitespace() {
        if let Some(address) = hex(address) {
            let call = Call {
                address,
                ..Call::default()
            };
            add(&mut told.raised, call);
        }
    }
}

/// `1   Shop   0x100a05e60 -[Till charge:] + 96 (Till.m:42)`; names of images may have spaces.
fn call(line: &str) -> Option<Call> {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() == line.len() {
        return None;
    }
    let at = [" 0x", "\t0x"]
        .iter()
        .filter_map(|sign| rest.find(sign))
        .min()?;
    let (image, rest) = rest.split_at_checked(at)?;
    let rest = rest.get(3..)?;
    let (address, symbol) = rest.split_once(' ').unwrap_or((rest, ""));
    let address = u64::from_str_radix(address, 16).ok()?;
    let image = image.trim();
    let (symbol, place) = place(symbol.trim());
    let symbol = before(symbol, " (in ");
    let symbol = symbol.strip_suffix(" [inlined]").unwrap_or(symbol);
    let (function, offset) = symbol.rsplit_once(" + ").unwrap_or((symbol, "0"));
    // What stands for a name is the image's, or where it begins.
    let is_name = !function.starts_with("0x") && function != image && function != "<redacted>";
    let (file, line) = place.unwrap_or_default();
    Some(Call {
        address,
        image: if image == "???" {
            String::new()
        } else {
            bounded(image)
        },
        function: if is_name {
            bounded(function)
        } else {
            String::new()
        },
        offset: offset.parse().unwrap_or_default(),
        file: bounded(file),
        line: (line > 0).then_some(line),
    })
}

/// A symbol, and the file and line behind it in brackets.
fn place(text: &str) -> (&str, Option<(&str, u64)>) {
    let found = text.strip_suffix(')').and_then(|text| {
        let (symbol, place) = text.rsplit_once(" (")?;
        let (file, line) = place.rsplit_once(':')?;
        Some((symbol, (file, line.parse().ok()?)))
    });
    found.map_or((text, None), |(symbol, place)| (symbol, Some(place)))
}

/// `0x100a00000 - 0x100a0bfff Shop arm64  <3ab1…> /path/Shop`; on macOS with a `+` before what is
/// not the system's.
fn image(line: &str) -> Option<Image> {
    let (start, rest) = line.trim_start().split_once(" - ")?;
    let (end, rest) = rest.trim_start().split_once(' ')?;
    let (start, end) = (hex(start.trim())?, hex(end)?);
    let (name, rest) = rest.split_once('<')?;
    let (id, path) = rest.split_once('>')?;
    let id = Uuid::parse_str(id.trim()).ok();
    let path = path.trim();
    let name = name.trim().trim_start_matches('+');
    Some(Image {
        file: bounded(if path.is_empty() { name } else { path }),
        debug_id: id.map(|id| id.hyphenated().to_string()),
        code_id: id.map(|id| id.simple().to_string()),
        address: start,
        size: end.checked_sub(start)?.saturating_add(1),
    })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
