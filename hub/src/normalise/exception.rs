//! The chain of exceptions: types and values in their places, mechanisms, stacks.

use std::borrow::Cow;

use protocol::event::{Event, Exception, Mechanism};

use super::journal::{CorrectionKind, Journal, Limit, Remark};
use super::names::filled;
use super::signals::{self, System};
use super::{frames, json};

const NAME: Limit = Limit::new(256, 20);
const VALUE: Limit = Limit::new(8192, 200);
const THREAD_NAME: Limit = Limit::new(1024, 100);

/// Longer chains keep their ends.
const EXCEPTIONS_MAX: usize = 100;

/// Normalises exceptions, the event's own stack and threads.
pub(super) fn chain(
    event: &mut Event<'_>,
    platform: &'static str,
    system: System,
    journal: &mut Journal,
) {
    let n_exceptions = event.exceptions.len();
    if n_exceptions > EXCEPTIONS_MAX {
        let half = EXCEPTIONS_MAX / 2;
        event.exceptions.drain(half..n_exceptions - half);
        journal.remark(Remark {
            path: "exception.values".to_owned(),
            len: n_exceptions,
            mark: None,
        });
    }
    let mut index = 0;
    event.exceptions.retain_mut(|exception| {
        let at = index;
        index += 1;
        one(exception, at, platform, system, journal)
    });
    frames::normalise(&mut event.stacktrace, platform, "stacktrace", journal);
    if let [only] = event.exceptions.as_mut_slice()
        && only.stacktrace.is_none()
    {
        only.stacktrace = event.stacktrace.take();
    }
    for (at, thread) in event.threads.iter_mut().enumerate() {
        let path = |field| move || format!("threads.values.{at}.{field}");
        journal.cut(&mut thread.id, NAME, path("id"));
        journal.cut(&mut thread.name, THREAD_NAME, path("name"));
        // Threads of which nothing is known are common: that is no mistake.
        thread.stacktrace = thread
            .stacktrace
            .take()
            .filter(|stack| !stack.frames.is_empty());
        let at = path("stacktrace")();
        frames::normalise(&mut thread.stacktrace, platform, &at, journal);
    }
}

/// Whether the exception says anything; what says nothing is left out.
fn one(
    exception: &mut Exception<'_>,
    at: usize,
    platform: &'static str,
    system: System,
    journal: &mut Journal,
) -> bool {
    let path = |field: &'static str| move || format!("exception.values.{at}.{field}");
    exception.ty = filled(exception.ty.take());
    exception.value.0 = exception.value.0.take().filter(|value| !value.is_empty());
    if exception.ty.is_none() {
        split_type(exception);
    }
    let at_stack = path("stacktrace")();
    frames::normalise(&mut exception.stacktrace, platform, &at_stack, journal);
    // A stack alone is still worth keeping.
    let is_empty = exception.ty.is_none() && exception.value.0.is_none();
    if is_empty {
        journal.correct(CorrectionKind::MissingAttribute, path("type")(), None);
        if exception.stacktrace.is_none() {
            return false;
        }
    }
    journal.cut(&mut exception.ty, NAME, path("type"));
    journal.cut(&mut exception.module, NAME, path("module"));
    journal.cut(&mut exception.value.0, VALUE, path("value"));
    journal.cut(&mut exception.thread_id, NAME, path("thread_id"));
    if let Some(mechanism) = exception.mechanism.as_deref_mut() {
        let at = path("mechanism")();
        put_right(mechanism, &at, system, journal);
    }
    true
}

/// A value of the form `Word: text` without a type holds the type.
fn split_type(exception: &mut Exception<'_>) {
    let Some(value) = &exception.value.0 else {
        return;
    };
    let Some((word, rest)) = value.split_once(':') else {
        return;
    };
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_word {
        let (word, rest) = (word.to_owned(), rest.trim().to_owned());
        exception.ty = Some(Cow::Owned(word));
        exception.value.0 = (!rest.is_empty()).then_some(Cow::Owned(rest));
    }
}

fn put_right(mechanism: &mut Mechanism<'_>, at: &str, system: System, journal: &mut Journal) {
    const TYPE: Limit = Limit::new(128, 0);
    const TEXT: Limit = Limit::new(1024, 100);
    let path = |field: &'static str| move || format!("{at}.{field}");
    mechanism.ty = filled(mechanism.ty.take()).or(Some(Cow::Borrowed("generic")));
    journal.cut(&mut mechanism.ty, TYPE, path("type"));
    journal.cut(&mut mechanism.description, TEXT, path("description"));
    journal.cut(&mut mechanism.help_link, TEXT, path("help_link"));
    journal.cut(&mut mechanism.source, TEXT, path("source"));
    json::trim(&mut mechanism.data, json::CONTEXT, journal, path("data"));
    json::trim(&mut mechanism.meta, json::CONTEXT, journal, path("meta"));
    if let Some(meta) = &mut mechanism.meta {
        signals::name(meta, system);
    }
}

/// Whether the program dealt with the error: not if any exception says it did not.
pub(super) fn handled(exceptions: &[Exception<'_>]) -> Option<bool> {
    let said = exceptions
        .iter()
        .filter_map(|exception| exception.mechanism.as_ref()?.handled);
    said.reduce(|all, one| all && one)
}
