//! Messages without what differs between events: ids, numbers, addresses, times.

use std::borrow::Cow;

use super::explain::Component;

/// The component of a message: its first lines, with placeholders.
pub(super) fn component(id: &'static str, text: &str) -> Component {
    let lines = first_lines(text);
    Component::leaf(id, lines)
}

/// The first two lines that are not empty; `...` stands for more.
pub(super) fn first_lines(text: &str) -> Cow<'_, str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (None, _, _) => Cow::Borrowed(""),
        (Some(one), None, _) => Cow::Borrowed(one),
        (Some(one), Some(two), None) => Cow::Owned(format!("{one}\n{two}")),
        (Some(one), Some(two), Some(_)) => Cow::Owned(format!("{one}\n{two}\n...")),
    }
}

/// The host of an `http` address, the scheme of others.
pub(super) fn origin(uri: &str) -> &str {
    match uri.split_once("://") {
        Some(("http" | "https" | "ws" | "wss", rest)) => {
            rest.split(['/', '?', '#']).next().unwrap_or(rest)
        }
        _ => uri.split(':').next().unwrap_or(uri),
    }
}
