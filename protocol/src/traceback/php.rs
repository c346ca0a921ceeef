//! PHP: the exception with its place, then numbered calls, the newest first.

use super::{Exception, Frame, Phase, Step, head, place};

const UNCAUGHT: &str = "Uncaught ";
const NEXT: &str = "Next ";

pub(super) fn begins(line: &str) -> Option<Phase> {
    title(line).map(|_| Phase::Head)
}

/// What follows `Fatal error: Uncaught`; logs put a time and `PHP` before it.
fn title(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("Fatal error: ")?;
    rest.trim_start().strip_prefix(UNCAUGHT)
}

pub(super) fn step(phase: Phase, line: &str) -> Step {
    let text = line.trim_end();
    match phase {
        Phase::Head | Phase::Frames if text == "Stack trace:" => Step::Yes(Phase::Frames),
        Phase::Frames if call(text).is_some() => Step::Yes(Phase::Frames),
        Phase::Frames if text.is_empty() => Step::Unsure,
        Phase::Frames if text.starts_with(NEXT) => Step::Yes(Phase::Frames),
        Phase::Frames if text.starts_with("  thrown in ") => Step::Yes(Phase::Done),
        Phase::Head | Phase::Frames | Phase::Open | Phase::Done => Step::No,
    }
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    // Where the newest call of an exception was made stands on its own line.
    for line in lines {
        let text = line.trim_end();
        if let Some(text) = title(text).or_else(|| text.strip_prefix(NEXT)) {
            let (said, at) = text.rsplit_once(" in ").unwrap_or((text, ""));
            let (ty, value) = head(said);
            let (file, line, _) = place(at);
            exceptions.push(Exception {
                ty: ty.unwrap_or_else(|| "Exception".to_owned()),
                value,
                frames: vec![Frame {
                    file,
                    line,
                    ..Frame::default()
                }],
            });
        } else if let (Some((at, function)), Some(last)) = (call(text), exceptions.last_mut()) {
            // A call names what it calls, and where it stands: the name is of the frame before.
            if let Some(inner) = last.frames.last_mut() {
                function.clone_into(&mut inner.function);
            }
            if let Some((file, line)) = at {
                last.frames.push(Frame {
                    file: file.to_owned(),
                    line: Some(line),
                    ..Frame::default()
                });
            }
        }
    }
    for exception in &mut exceptions {
        exception.frames.reverse();
    }
    exceptions
}

type At<'a> = Option<(&'a str, u32)>;

/// `#0 /srv/shop.php(7): pay()`, `#1 {main}`, `#2 [internal function]: pay()`.
fn call(text: &str) -> Option<(At<'_>, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(' ')?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if rest == "{main}" {
        return Some((None, rest));
    }
    let (at, call) = rest.split_once(": ")?;
    let function = call.split('(').next().unwrap_or_default();
    let place = at.strip_suffix(')').and_then(|at| at.rsplit_once('('));
    let place = place.and_then(|(file, line)| Some((file, line.parse().ok()?)));
    Some((place, function))
}
