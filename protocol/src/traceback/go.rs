//! Go: the panic, then its goroutine's calls in pairs of lines, the newest first.

use super::{Exception, Frame, Phase, Step, place};

pub(super) fn begins(line: &str) -> Option<Phase> {
    title(line).map(|_| Phase::Head)
}

fn title(line: &str) -> Option<(&'static str, &str)> {
    let of = |ty: &'static str, mark: &str| Some((ty, line.strip_prefix(mark)?));
    of("panic", "panic: ").or_else(|| of("fatal error", "fatal error: "))
}

pub(super) fn step(phase: Phase, line: &str) -> Step {
    let is_goroutine = line.starts_with("goroutine ") && line.trim_end().ends_with("]:");
    match phase {
        _ if line.trim().is_empty() => Step::Unsure,
        _ if is_goroutine => Step::Yes(Phase::Frames),
        Phase::Head if line.starts_with(['\t', '[']) || title(line).is_some() => {
            Step::Yes(Phase::Head)
        }
        Phase::Frames if line.starts_with("exit status ") => Step::Yes(Phase::Done),
        Phase::Frames
            if line.starts_with('\t')
                || line.starts_with("created by ")
                || line.starts_with("runtime stack:")
                || function(line).is_some() =>
        {
            Step::Yes(Phase::Frames)
        }
        Phase::Head | Phase::Frames | Phase::Open | Phase::Done => Step::No,
    }
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let Some((ty, value)) = lines.first().and_then(|line| title(line)) else {
        return Vec::new();
    };
    let mut frames: Vec<Frame> = Vec::new();
    let is_head = |line: &&String| line.starts_with("goroutine ");
    let first = lines.iter().skip_while(|line| !is_head(line)).skip(1);
    for line in first.take_while(|line| !is_head(line)) {
        if let Some(at) = line.strip_prefix('\t') {
            if let Some(frame) = frames.last_mut() {
                let at = at.split(" +0x").next().unwrap_or_default();
                (frame.file, frame.line, _) = place(at);
            }
        } else if let Some(name) = function(line) {
            let slash = name.rfind('/').map_or(0, |at| at + 1);
            let dot = name.get(slash..).and_then(|rest| rest.find('.'));
            let split = dot.map_or(0, |dot| slash + dot);
            let (module, function) = name.split_at_checked(split).unwrap_or(("", name));
            frames.push(Frame {
                function: function.trim_start_matches('.').to_owned(),
                module: module.to_owned(),
                ..Frame::default()
            });
        }
    }
    frames.reverse();
    vec![Exception {
        ty: ty.to_owned(),
        value: value.to_owned(),
        frames,
    }]
}

/// `main.pay(0x1, ...)`, `created by main.serve in goroutine 1`.
fn function(line: &str) -> Option<&str> {
    if let Some(name) = line.strip_prefix("created by ") {
        return name.split(" in goroutine ").next();
    }
    let call = line.trim_end().strip_suffix(')')?;
    // Methods have their receiver in parentheses too.
    let name = call.get(..call.rfind('(')?)?;
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace) && name.contains('.');
    is_name.then_some(name)
}
