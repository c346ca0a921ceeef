//! What an issue is called, and where it happened.

use protocol::event::{Frame, Level};
use serde::Serialize;

use crate::normalise::{EventKind, NormalEvent};

use super::fingerprint::Crash;
use super::{Way, mark};

/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 256;
const VALUE_CHARS_MAX: usize = 1024;
const CULPRIT_CHARS_MAX: usize = 200;

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Some day.
    Low = 25,
    /// Soon.
    Medium = 50,
    /// First.
    High = 75,
}

impl Priority {
    /// The number in store and API.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }
}

/// What list and page show of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The title.
    pub title: String,
    /// The exception's class.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<String>,
    /// The exception's or event's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The file of the frame that crashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Its function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// `in-app-only`, `system-only` or `mixed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_app_frame_mix: Option<&'static str>,
    /// The priority the issue begins with.
    pub initial_priority: Priority,
    /// The client library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
}

#[derive(Debug)]
pub(super) struct Heading {
    pub(super) title: String,
    pub(super) culprit: String,
    pub(super) location: Option<String>,
    pub(super) metadata: Metadata,
}

/// `named` is the title that a rule gives.
pub(super) fn heading(
    event: &NormalEvent<'_>,
    crash: Crash<'_, '_>,
    named: Option<&str>,
    way: Way<'_>,
) -> Heading {
    let frame = crash.frame;
    let (ty, value) = type_and_value(event, crash);
    let named = named.and_then(first_line);
    let title = match (&ty, value.as_deref().and_then(first_line)) {
        _ if named.is_some() => cut(named.unwrap_or_default(), TITLE_CHARS_MAX),
        (Some(ty), Some(line)) => cut(&format!("{ty}: {line}"), TITLE_CHARS_MAX),
        (Some(ty), None) => cut(ty, TITLE_CHARS_MAX),
        (None, Some(line)) => cut(line, TITLE_CHARS_MAX),
        (None, None) => "<unlabeled event>".to_owned(),
    };
    let own = |text: Option<&str>| text.map(str::to_owned);
    let location = own(frame.and_then(|frame| frame.filename.as_deref()));
    let directive = event
        .csp
        .as_ref()
        .and_then(|csp| csp.effective_directive.as_deref());
    let culprit = match event.transaction.as_deref().or(directive) {
        Some(named) => cut(named, CULPRIT_CHARS_MAX),
        None => frame.map(place).unwrap_or_default(),
    };
    Heading {
        metadata: Metadata {
            title: title.clone(),
            ty,
            value: value.map(|value| cut(&value, VALUE_CHARS_MAX)),
            filename: location.clone(),
            function: own(frame.and_then(|frame| frame.function.as_deref())),
            in_app_frame_mix: mark::frame_mix(event, way),
            initial_priority: priority(event),
            sdk: own(event.sdk.as_ref().and_then(|sdk| sdk.name.as_deref())),
        },
        title,
        culprit,
        location,
    }
}

/// The two halves of a title.
fn type_and_value(
    event: &NormalEvent<'_>,
    crash: Crash<'_, '_>,
) -> (Option<String>, Option<String>) {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let message = || text(event.message_text());
    let function = || text(crash.frame.and_then(|frame| frame.function.as_deref()));
    let Some(main) = crash.exception else {
        let value = match event.kind {
            EventKind::Feedback => event.facts.feedback_message.clone(),
            EventKind::Error | EventKind::Default | EventKind::Csp | EventKind::Transaction => {
                message()
            }
        };
        // A stack without words is called after the function that crashed.
        return if value.as_deref().and_then(first_line).is_none() {
            (function(), None)
        } else {
            (None, value)
        };
    };
    let is_synthetic = main
        .mechanism
        .as_ref()
        .is_some_and(|mechanism| mechanism.synthetic == Some(true));
    // A type that the SDK made up says less than the function that crashed.
    let ty = match text(main.ty.as_deref()) {
        Some(_) if is_synthetic && function().is_some() => function(),
        Some(ty) => Some(ty),
        None if main.value.0.is_none() => function(),
        None => None,
    };
    let value = text(main.value.0.as_deref());
    if ty.is_none() && value.is_none() {
        return (None, message());
    }
    (ty, value)
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(chars_max - 3).collect();
    cut.push_str("...");
    cut
}

/// `module in function`, with the file where there is no module, or image and offset.
fn place(frame: &Frame<'_>) -> String {
    let place = super::frame::place(frame);
    let where_ = frame.module.as_deref().or(frame.filename.as_deref());
    let where_ = where_.or(place.as_deref().filter(|_| frame.function.is_none()));
    let text = match (where_, frame.function.as_deref()) {
        (Some(place), Some(function)) => format!("{place} in {function}"),
        (Some(place), None) => place.to_owned(),
        (None, Some(function)) => function.to_owned(),
        (None, None) => String::new(),
    };
    cut(&text, CULPRIT_CHARS_MAX)
}

fn priority(event: &NormalEvent<'_>) -> Priority {
    match (event.level, event.handled) {
        (Level::Fatal, _) | (Level::Error, Some(false)) => Priority::High,
        (Level::Error, _) => Priority::Medium,
        (Level::Debug | Level::Info | Level::Warning, _) => Priority::Low,
    }
}
