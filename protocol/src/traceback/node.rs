//! Node: the newest call first; what an error carries besides, its cause too, in braces behind.

use super::{Exception, Frame, Phase, Step, head, is_indented, place};

const CAUSE: &str = "[cause]: ";

pub(super) fn is_frame(line: &str) -> bool {
    is_indented(line) && frame(line).is_some()
}

/// In [`Phase::Open`] the braces are open.
pub(super) fn step(phase: Phase, line: &str) -> Step {
    let line = line.trim_end();
    match phase {
        Phase::Open if line == "}" => Step::Yes(Phase::Done),
        Phase::Open if is_indented(line) => Step::Yes(Phase::Open),
        Phase::Frames if is_indented(line) && line.ends_with(" {") && frame(line).is_some() => {
            Step::Yes(Phase::Open)
        }
        Phase::Frames if is_frame(line) => Step::Yes(Phase::Frames),
        Phase::Frames | Phase::Done if line.is_empty() => Step::Unsure,
        Phase::Frames | Phase::Done if line.starts_with("Node.js v") => Step::Yes(Phase::Done),
        Phase::Open | Phase::Frames | Phase::Done | Phase::Head => Step::No,
    }
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for line in lines {
        let text = line.trim();
        if let Some(frame) = frame(line) {
            if let Some(last) = exceptions.last_mut() {
                last.frames.push(frame);
            }
        } else if exceptions.is_empty() || text.starts_with(CAUSE) {
            let text = text.strip_prefix(CAUSE).unwrap_or(text);
            let text = text.strip_prefix("Uncaught ").unwrap_or(text);
            let (ty, value) = head(text);
            // `Error [ERR_X]: text`
            let coded = value.split_once("]: ").filter(|_| ty.is_none());
            let coded = coded.and_then(|(head, value)| Some((head.split_once(" [")?.0, value)));
            let (ty, value) = match coded {
                Some((ty, value)) => (ty.to_owned(), value.to_owned()),
                None => (ty.unwrap_or_else(|| "Error".to_owned()), value),
            };
            exceptions.push(Exception {
                ty,
                value,
                frames: Vec::new(),
            });
        }
    }
    for exception in &mut exceptions {
        exception.frames.reverse();
    }
    exceptions.reverse();
    exceptions
}

/// `at pay (/srv/shop.js:7:3)` or `at /srv/shop.js:7:3`.
fn frame(line: &str) -> Option<Frame> {
    let text = line.trim().strip_prefix("at ")?;
    let text = text.strip_suffix(" {").unwrap_or(text);
    let (function, at) = match text.strip_suffix(')') {
        Some(text) => text.rsplit_once(" (")?,
        None => ("", text),
    };
    if at == "native" || at == "<anonymous>" {
        return (!function.is_empty()).then(|| named(function, Frame::default()));
    }
    let (file, line, column) = place(at);
    let (line, column) = (Some(line?), Some(column?));
    let file = file.strip_prefix("async ").unwrap_or(&file);
    let file = file.strip_prefix("file://").unwrap_or(file).to_owned();
    let frame = Frame {
        file,
        line,
        column,
        ..Frame::default()
    };
    Some(named(function, frame))
}

fn named(function: &str, frame: Frame) -> Frame {
    let function = function.strip_prefix("async ").unwrap_or(function);
    Frame {
        function: function.to_owned(),
        ..frame
    }
}
