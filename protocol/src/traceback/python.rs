//! Python: frames in pairs of lines, then the exception; chains with a sentence between them.

use super::{Exception, Frame, Phase, Step, head, is_indented};

const START: &str = "Traceback (most recent call last):";
const DIRECT: &str = "The above exception was the direct cause of the following exception:";
const DURING: &str = "During handling of the above exception, another exception occurred:";

pub(super) fn begins(line: &str) -> Option<Phase> {
    line.trim_end().ends_with(START).then_some(Phase::Open)
}

pub(super) fn step(phase: Phase, line: &str) -> Step {
    let line = line.trim_end();
    match phase {
        Phase::Open if is_indented(line) => Step::Yes(Phase::Open),
        Phase::Open if is_exception(line) => Step::Yes(Phase::Done),
        // Between two exceptions.
        Phase::Head if line.is_empty() => Step::Yes(Phase::Head),
        Phase::Head if line == START => Step::Yes(Phase::Open),
        Phase::Done if line.is_empty() => Step::Unsure,
        Phase::Done if line == DIRECT || line == DURING => Step::Yes(Phase::Head),
        Phase::Open | Phase::Head | Phase::Done | Phase::Frames => Step::No,
    }
}

fn is_exception(line: &str) -> bool {
    head(line).0.is_some()
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    for line in lines {
        let line = line.trim_end();
        if line.ends_with(START) {
            frames = Vec::new();
        } else if let Some(frame) = frame(line) {
            frames.push(frame);
        } else if is_indented(line) {
            // The source, and marks under a part of it.
            let text = line.trim();
            let is_marks = text.chars().all(|c| matches!(c, '^' | '~' | ' '));
            if let Some(frame) = frames
                .last_mut()
                .filter(|f| f.context.is_empty() && !is_marks)
            {
                text.clone_into(&mut frame.context);
            }
        } else if let (Some(ty), value) = head(line)
            && !matches!(line, DIRECT | DURING)
        {
            exceptions.push(Exception {
                ty,
                value,
                frames: std::mem::take(&mut frames),
            });
        }
    }
    exceptions
}

/// `  File "/srv/shop.py", line 7, in pay`.
fn frame(line: &str) -> Option<Frame> {
    let (file, rest) = line
        .trim_start()
        .strip_prefix("File \"")?
        .split_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: number.trim().parse().ok(),
        ..Frame::default()
    })
}
