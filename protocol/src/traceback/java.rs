//! Java and what else runs on its machine: the newest call first, causes behind.

use super::{Exception, Frame, Phase, Step, head, is_indented};

const CAUSE: &str = "Caused by: ";

pub(super) fn is_frame(line: &str) -> bool {
    is_indented(line) && frame(line).is_some()
}

pub(super) fn step(_: Phase, line: &str) -> Step {
    let text = line.trim();
    let is_more = text.starts_with("... ") && text.ends_with(" more");
    let belongs = line.starts_with(CAUSE)
        || (is_indented(line) && (is_more || text.starts_with("Suppressed: ") || is_frame(line)));
    if belongs {
        Step::Yes(Phase::Frames)
    } else {
        Step::No
    }
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    // What was suppressed is a branch that the chain does not go through.
    let mut is_aside = false;
    for line in lines {
        if let Some(frame) = frame(line) {
            if let Some(last) = exceptions.last_mut().filter(|_| !is_aside) {
                last.frames.push(frame);
            }
        } else if line.trim_start().starts_with("Suppressed: ") {
            is_aside = true;
        } else if exceptions.is_empty() || line.starts_with(CAUSE) {
            is_aside = false;
            let text = line.strip_prefix(CAUSE).unwrap_or(line).trim();
            let text = thrown(text);
            let (ty, value) = head(text);
            exceptions.push(Exception {
                ty: ty.unwrap_or_else(|| "Exception".to_owned()),
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

/// What follows `Exception in thread "main" `.
fn thrown(text: &str) -> &str {
    let rest = text.strip_prefix("Exception in thread \"");
    rest.and_then(|rest| rest.split_once("\" "))
        .map_or(text, |(_, rest)| rest)
}

/// `at com.example.Shop.pay(Shop.java:7)`, with a module before it or not.
fn frame(line: &str) -> Option<Frame> {
    let text = line.trim().strip_prefix("at ")?;
    let (call, place) = text.strip_suffix(')')?.split_once('(')?;
    let call = call.rsplit('/').next()?;
    let (module, function) = call.rsplit_once('.')?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '<' | '>' | '-');
    if call.is_empty() || !call.chars().all(is_name) {
        return None;
    }
    let (file, number) = match place.split_once(':') {
        Some((file, number)) => (file, Some(number.parse().ok()?)),
        None if matches!(place, "Native Method" | "Unknown Source") => ("", None),
        None if place.contains('.') && !place.contains('/') => (place, None),
        None => return None,
    };
    if file.contains(['/', ' ']) {
        return None;
    }
    Some(Frame {
        function: function.to_owned(),
        module: module.to_owned(),
        file: file.to_owned(),
        line: number,
        ..Frame::default()
    })
}
