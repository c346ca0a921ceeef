//! Stacks: oldest call first, bounded, with files and the application's own code marked.
//!
//! Clients write empty texts and `?` for what they do not know; leaving that out is no correction.

use std::borrow::Cow;

use protocol::event::{Frame, Stacktrace};
use serde_json::value::RawValue;

use super::in_app;
use super::journal::{CorrectionKind, Journal, Limit, Remark};
use super::json;
use super::names::filled;

/// Longer stacks keep their ends.
const FRAMES_MAX: usize = 250;
/// How many frames of the oldest are kept of a long stack.
const FRAMES_FIRST: usize = 50;
/// How many frames keep their variables and the lines around.
const DETAILED_MAX: usize = 50;

const FUNCTION: Limit = Limit::new(512, 20);
const FILE: Limit = Limit::new(256, 40);
const MODULE: Limit = Limit::new(256, 20);
const SYMBOL: Limit = Limit::new(512, 0);
/// Of a line of source; minified programs have lines of megabytes.
const LINE: Limit = Limit::new(1024, 100);

/// Normalises a stack; one without frames says nothing and is left out.
pub(super) fn normalise(
    slot: &mut Option<Box<Stacktrace<'_>>>,
    platform: &'static str,
    path: &str,
    journal: &mut Journal,
) {
    let Some(stack) = slot else { return };
    if stack.frames.is_empty() {
        let expected = serde_json::json!({"expected": "frames"});
        journal.correct(CorrectionKind::InvalidData, path, Some(expected));
        *slot = None;
        return;
    }
    bound(stack, path, journal);
    for (at, frame) in stack.frames.iter_mut().enumerate() {
        one(frame, platform);
        let path = |field: &'static str| move || format!("{path}.frames.{at}.{field}");
        journal.cut(&mut frame.function, FUNCTION, path("function"));
        journal.cut(&mut frame.raw_function, FUNCTION, path("raw_function"));
        journal.cut(&mut frame.symbol, SYMBOL, path("symbol"));
        journal.cut(&mut frame.module, MODULE, path("module"));
        journal.cut(&mut frame.package, FILE, path("package"));
        journal.cut(&mut frame.filename, FILE, path("filename"));
        journal.cut(&mut frame.abs_path, FILE, path("abs_path"));
        journal.cut(&mut frame.context_line, LINE, path("context_line"));
        json::trim(
            &mut frame.pre_context,
            json::LINES,
            journal,
            path("pre_context"),
        );
        json::trim(
            &mut frame.post_context,
            json::LINES,
            journal,
            path("post_context"),
        );
        json::trim(&mut frame.vars, json::VARS, journal, path("vars"));
        json::trim(&mut frame.data, json::VARS, journal, path("data"));
    }
    slim(&mut stack.frames, path, journal);
}

/// Cuts the middle out of a long stack, and says so.
fn bound(stack: &mut Stacktrace<'_>, path: &str, journal: &mut Journal) {
    let n_frames = stack.frames.len();
    if n_frames <= FRAMES_MAX {
        return;
    }
    let n_last = FRAMES_MAX - FRAMES_FIRST;
    stack.frames.drain(FRAMES_FIRST..n_frames - n_last);
    let facts = serde_json::json!({"omitted": n_frames - FRAMES_MAX});
    let path = format!("{path}.frames");
    journal.correct(CorrectionKind::ValueTooLong, path, Some(facts));
    let omitted = format!("[{FRAMES_FIRST},{}]", n_frames - n_last);
    stack.frames_omitted = RawValue::from_string(omitted).ok().map(Cow::Owned);
}

fn one(frame: &mut Frame<'_>, platform: &'static str) {
    frame.function = filled(frame.function.take()).filter(|function| function != "?");
    frame.symbol = filled(frame.symbol.take()).filter(|symbol| symbol != "?");
    frame.module = filled(frame.module.take());
    frame.filename = filled(frame.filename.take());
    frame.abs_path = filled(frame.abs_path.take());
    if frame.abs_path.is_none() {
        frame.abs_path = frame.filename.clone();
    } else if frame.filename.is_none() {
        frame.filename = frame.abs_path.clone();
    }
    if let Some(path) = frame.filename.as_deref().and_then(url_path) {
        frame.filename = Some(Cow::Owned(path.to_owned()));
    }
    let platform = frame.platform.as_deref().unwrap_or(platform);
    frame.in_app = Some(in_app::decide(frame, platform));
}

/// The path of an `http` URL, without query and fragment; none for the root.
fn url_path(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let path = rest.get(rest.find('/')?..)?;
    let path = path.split(['?', '#']).next()?;
    (path.len() > 1).then_some(path)
}

/// Leaves details to the frames that matter: the application's own, nearest the crash first.
fn slim(frames: &mut [Frame<'_>], path: &str, journal: &mut Journal) {
    if frames.len() <= DETAILED_MAX {
        return;
    }
    let n_own = frames.iter().filter(|f| f.in_app == Some(true)).count();
    let mut own_left = DETAILED_MAX;
    let mut others_left = DETAILED_MAX.saturating_sub(n_own);
    for (at, frame) in frames.iter_mut().enumerate().rev() {
        let left = if frame.in_app == Some(true) {
            &mut own_left
        } else {
            &mut others_left
        };
        if *left > 0 {
            *left -= 1;
            continue;
        }
        let details = [
            ("vars", frame.vars.take()),
            ("pre_context", frame.pre_context.take()),
            ("post_context", frame.post_context.take()),
        ];
        for (name, raw) in details {
            let Some(raw) = raw else { continue };
            journal.remark(Remark {
                path: format!("{path}.frames.{at}.{name}"),
                len: raw.get().len(),
                mark: None,
            });
        }
    }
}
