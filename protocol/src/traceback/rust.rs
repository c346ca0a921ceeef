//! Rust: where it panicked, why, and with `RUST_BACKTRACE` the calls, the newest first.

use super::{Exception, Frame, Phase, Step, is_indented, place};

pub(super) fn begins(line: &str) -> Option<Phase> {
    let (_, at) = panicked(line)?;
    // Until 2023 the message stood on the same line.
    Some(if at.starts_with('\'') {
        Phase::Done
    } else {
        Phase::Head
    })
}

/// The thread, and what follows `panicked at `.
fn panicked(line: &str) -> Option<(&str, &str)> {
    let (thread, at) = line.strip_prefix("thread '")?.split_once(" panicked at ")?;
    let (thread, id) = thread.rsplit_once('\'')?;
    let is_id = id.is_empty() || (id.starts_with(" (") && id.ends_with(')'));
    is_id.then_some((thread, at))
}

/// In [`Phase::Head`] the message is to come, in [`Phase::Frames`] calls come.
pub(super) fn step(phase: Phase, line: &str) -> Step {
    let line = line.trim_end();
    let is_note = line.starts_with("note: ");
    match phase {
        Phase::Head => Step::Yes(Phase::Done),
        Phase::Done if line == "stack backtrace:" => Step::Yes(Phase::Frames),
        // Further lines of a message.
        Phase::Done if is_note || is_indented(line) => Step::Yes(Phase::Done),
        Phase::Frames if is_note => Step::Yes(Phase::Done),
        Phase::Frames if is_call(line) => Step::Yes(Phase::Frames),
        Phase::Done | Phase::Frames | Phase::Open => Step::No,
    }
}

fn is_call(line: &str) -> bool {
    is_indented(line) && (line.trim_start().starts_with("at ") || function(line).is_some())
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let Some((_, at)) = lines.first().and_then(|line| panicked(line)) else {
        return Vec::new();
    };
    let old = at
        .strip_prefix('\'')
        .and_then(|rest| rest.rsplit_once("', "));
    let (mut message, at) = match old {
        Some((message, at)) => (vec![message], at),
        None => (Vec::new(), at.trim_end().trim_end_matches(':')),
    };
    let rest = lines.get(1..).unwrap_or_default();
    let n_message = rest
        .iter()
        .position(|line| line.starts_with("note: ") || line.trim_end() == "stack backtrace:");
    let (said, calls) = rest
        .split_at_checked(n_message.unwrap_or(rest.len()))
        .unwrap_or_default();
    message.extend(said.iter().map(String::as_str));
    let mut frames = frames(calls);
    if frames.is_empty() {
        let (file, line, column) = place(at);
        frames.push(Frame {
            file,
            line,
            column,
            ..Frame::default()
        });
    }
    vec![Exception {
        ty: "panic".to_owned(),
        value: message.join("\n"),
        frames,
    }]
}

/// The calls up to the one that panicked: those behind it are the panic's own.
fn frames(lines: &[String]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in lines {
        if let Some(name) = function(line) {
            frames.push(Frame {
                function: name.to_owned(),
                ..Frame::default()
            });
        } else if let Some(at) = line.trim_start().strip_prefix("at ")
            && let Some(frame) = frames.last_mut()
        {
            (frame.file, frame.line, frame.column) = place(at.trim_end());
        }
    }
    let own = |frame: &Frame| {
        let function = frame.function.as_str();
        [
            "rust_begin_unwind",
            "__rustc::rust_begin_unwind",
            "core::panicking::",
            "std::panicking::",
        ]
        .iter()
        .any(|mark| function.starts_with(mark))
    };
    let n_own = frames.iter().take_while(|frame| own(frame)).count();
    frames.drain(..n_own);
    frames.reverse();
    frames
}

/// `   7: shop::pay`.
fn function(line: &str) -> Option<&str> {
    let (number, name) = line.trim().split_once(": ")?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(name)
}
