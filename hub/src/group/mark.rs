//! What the built-in knowledge and a project's rules say of frames, put on the event itself: what
//! people see, search and own code by is what issues are made by.

use std::borrow::Cow;

use protocol::event::{Exception, Frame, Raw, Stacktrace};
use serde_json::{Map, Value};

use crate::normalise::NormalEvent;

use super::rules::{Fingerprint, FrameFacts, Mark, Marks, Rules};
use super::version::Version;
use super::{Way, stack};

/// Puts on an event's frames whether they are the application's own, and their category. What an
/// SDK said is kept beside where it differs.
///
/// Grouping comes first: it begins with what the SDK said.
pub fn mark(event: &mut NormalEvent<'_>, rules: &Rules) {
    let way = Way::of(rules);
    let platform = event.platform;
    for exception in &mut event.exceptions {
        let Some(stack) = exception.stacktrace.as_deref() else {
            continue;
        };
        let marks = stack::marks(stack, Some(&*exception), platform, way);
        if let Some(stack) = exception.stacktrace.as_deref_mut() {
            put(stack, &marks, way);
        }
    }
    let threads = event.threads.iter_mut();
    let threads = threads.filter_map(|thread| thread.stacktrace.as_deref_mut());
    for stack in event.stacktrace.as_deref_mut().into_iter().chain(threads) {
        let marks = stack::marks(stack, None, platform, way);
        put(stack, &marks, way);
    }
}

fn put(stack: &mut Stacktrace<'_>, marks: &Marks, way: Way<'_>) {
    for (frame, mark) in stack.frames.iter_mut().zip(&marks.frames) {
        let said = frame.in_app == Some(true);
        frame.in_app = Some(mark.in_app);
        let category = way.rules.enhancements.category(mark);
        if said != mark.in_app || category.is_some() {
            note(frame, said, category);
        }
    }
}

/// Keeps in a frame's details what was changed of it.
fn note(frame: &mut Frame<'_>, said: bool, category: Option<&str>) {
    let data = frame.data.as_ref();
    let data = data.and_then(|data| serde_json::from_str::<Map<String, Value>>(data.get()).ok());
    let mut data = data.unwrap_or_default();
    if frame.in_app != Some(said) {
        data.insert("orig_in_app".to_owned(), i64::from(said).into());
    }
    if let Some(category) = category {
        data.insert("category".to_owned(), category.into());
    }
    let data: Option<Raw<'_>> = serde_json::value::to_raw_value(&data).ok().map(Cow::Owned);
    if data.is_some() {
        frame.data = data;
    }
}

/// The stacks of an event with their marks, in the order of [`NormalEvent::stacktraces`].
pub(super) fn stacks<'e, 'a>(
    event: &'e NormalEvent<'a>,
    way: Way<'e>,
) -> impl Iterator<Item = (&'e Stacktrace<'a>, Marks)> {
    let exceptions = event.exceptions.iter().filter_map(|exception| {
        let stack = exception.stacktrace.as_deref()?;
        Some((stack, Some(exception)))
    });
    let threads = event.threads.iter().map(|t| t.stacktrace.as_deref());
    let others = [event.stacktrace.as_deref()].into_iter().chain(threads);
    let others = others
        .flatten()
        .map(|stack| (stack, None::<&Exception<'a>>));
    exceptions.chain(others).map(move |(stack, exception)| {
        let marks = stack::marks(stack, exception, event.platform, way);
        (stack, marks)
    })
}

/// The rule about fingerprints that an event fits.
pub(super) fn rule<'r>(event: &NormalEvent<'_>, way: Way<'r>) -> Option<&'r Fingerprint> {
    let rules = &way.rules.fingerprints;
    if rules.is_empty() {
        return None;
    }
    if way.version < Version::Third {
        let frames = event.stacktraces().flat_map(|stack| &stack.frames);
        let facts =
            frames.map(|frame| FrameFacts::of(frame, event.platform, frame.in_app == Some(true)));
        return rules.find(event, &facts.collect::<Vec<_>>());
    }
    let mut facts = Vec::new();
    for (stack, marks) in stacks(event, way) {
        for (frame, mark) in stack.frames.iter().zip(&marks.frames) {
            let mut one = FrameFacts::of(frame, event.platform, mark.in_app);
            one.category = way.rules.enhancements.category(mark);
            facts.push(one);
        }
    }
    rules.find(event, &facts)
}

/// Whether an event's frames are the application's own: all, none, or some.
pub(super) fn frame_mix(event: &NormalEvent<'_>, way: Way<'_>) -> Option<&'static str> {
    let marks = stacks(event, way).flat_map(|(_, marks)| marks.frames);
    let mut own = marks.map(|Mark { in_app, .. }| in_app);
    let first = own.next()?;
    Some(match first {
        _ if own.any(|own| own != first) => "mixed",
        true => "in-app-only",
        false => "system-only",
    })
}
