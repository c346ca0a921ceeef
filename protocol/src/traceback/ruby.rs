//! Ruby: the exception with its newest call on one line, the other calls behind.

use super::{Exception, Frame, Phase, Step, is_indented, place};

pub(super) fn begins(line: &str) -> Option<Phase> {
    title(line).map(|_| Phase::Frames)
}

pub(super) fn step(_: Phase, line: &str) -> Step {
    let text = line.trim();
    let is_call = is_indented(line) && text.starts_with("from ");
    let is_more = is_indented(line) && text.starts_with("... ") && text.ends_with(" levels...");
    // A cause is printed like the exception itself.
    if is_call || is_more || title(line).is_some() {
        Step::Yes(Phase::Frames)
    } else {
        Step::No
    }
}

pub(super) fn parse(lines: &[String]) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for line in lines {
        if let Some(exception) = title(line) {
            exceptions.push(exception);
        } else if let Some(call) = line.trim().strip_prefix("from ")
            && let (Some(frame), Some(last)) = (frame(call), exceptions.last_mut())
        {
            last.frames.push(frame);
        }
    }
    for exception in &mut exceptions {
        exception.frames.reverse();
    }
    exceptions.reverse();
    exceptions
}

/// ``shop.rb:7:in `pay': no money (RuntimeError)``
fn title(line: &str) -> Option<Exception> {
    if is_indented(line) {
        return None;
    }
    let (call, rest) = line.trim_end().split_once("': ")?;
    let (value, ty) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    let is_class = ty.starts_with(|c: char| c.is_uppercase())
        && ty
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    let frame = frame(&format!("{call}'")).filter(|_| is_class)?;
    Some(Exception {
        ty: ty.to_owned(),
        value: value.to_owned(),
        frames: vec![frame],
    })
}

/// ``shop.rb:7:in `pay'``, since 3.4 `shop.rb:7:in 'Shop#pay'`.
fn frame(text: &str) -> Option<Frame> {
    let (at, function) = match text.split_once(":in ") {
        Some((at, name)) => (at, name.trim_matches(['`', '\''])),
        None => (text, ""),
    };
    let (file, line, column) = place(at);
    let line = line.filter(|_| column.is_none() && !file.is_empty())?;
    Some(Frame {
        function: function.to_owned(),
        file,
        line: Some(line),
        ..Frame::default()
    })
}
