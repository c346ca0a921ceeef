//! The default ways of looking at an event: exceptions, threads, stacks, template, message.

use std::borrow::Cow;

use protocol::event::{Csp, Exception, Frame, MechanismMeta, Stacktrace, Template, Thread};

use crate::normalise::{EventKind, NormalEvent};

use super::explain::{Component, Variant};
use super::hash::{Hash, Hasher};
use super::rules::{Mark, Marks};
use super::tree::Chosen;
use super::{Way, frame, in_app, message};

/// Longest round of calls whose repetition counts once.
const ROUND_MAX: usize = 10;

/// Which frames count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Only the application's own.
    App,
    /// All.
    System,
}

/// Every variant of the event; those of one strategy contribute.
///
/// Strategies that come too late are only named, since nobody needs their frames.
pub(super) fn variants(
    event: &NormalEvent<'_>,
    chosen: &Chosen<'_, '_>,
    way: Way<'_>,
) -> Vec<Variant> {
    let mut variants = exceptions(event, chosen, way);
    let mut winner = contributes(&variants).then_some("an exception takes precedence");
    if let Some(thread) = telling_thread(&event.threads)
        && let Some(stack) = thread.stacktrace.as_deref()
    {
        add(
            &mut variants,
            &mut winner,
            "thread",
            "a thread takes precedence",
            || of_stack("threads", "thread", stack, event, way),
        );
    }
    if let Some(stack) = event.stacktrace.as_deref() {
        const HINT: &str = "the stack trace takes precedence";
        add(&mut variants, &mut winner, "stack trace", HINT, || {
            of_stack("stacktrace", "stack trace", stack, event, way)
        });
    }
    if let Some(place) = event.template.as_deref() {
        const HINT: &str = "the template takes precedence";
        add(&mut variants, &mut winner, "template", HINT, || {
            vec![template(place)]
        });
    }
    if let Some(csp) = event.csp.as_deref() {
        const HINT: &str = "the security report takes precedence";
        add(&mut variants, &mut winner, "security report", HINT, || {
            vec![security(csp)]
        });
    }
    if let Some(text) = message_text(event) {
        const HINT: &str = "the message takes precedence";
        add(&mut variants, &mut winner, "message", HINT, || {
            let component = message::component("message", text, way.version);
            vec![Variant::of("default", "message", component)]
        });
    }
    if winner.is_none() {
        variants.push(fallback(event));
    }
    variants
}

fn contributes(variants: &[Variant]) -> bool {
    variants.iter().any(|variant| variant.contributes)
}

/// Adds a strategy's variants, or its name where another has won.
fn add(
    variants: &mut Vec<Variant>,
    winner: &mut Option<&'static str>,
    description: &'static str,
    wins: &'static str,
    make: impl FnOnce() -> Vec<Variant>,
) {
    if let Some(hint) = *winner {
        variants.push(Variant::unused(description, hint));
        return;
    }
    let made = make();
    *winner = contributes(&made).then_some(wins);
    variants.extend(made);
}

/// Two variants where any frame counts, of which that of the application's own frames is silent
/// when it has none; one variant of words where no frame counts.
fn app_and_system(description: &'static str, app: Component, system: Component) -> Vec<Variant> {
    if !has_stack(&system) {
        return vec![Variant::of("default", description, system)];
    }
    let app_has_stack = has_stack(&app);
    let mut app = Variant::of("app", description, app);
    if !app_has_stack {
        app.silence("none of the application's own frames");
        app.hash = None;
    }
    vec![app, Variant::of("system", description, system)]
}

fn has_stack(component: &Component) -> bool {
    component.contributes && (component.id == "stacktrace" || component.parts().any(has_stack))
}

fn exceptions(event: &NormalEvent<'_>, chosen: &Chosen<'_, '_>, way: Way<'_>) -> Vec<Variant> {
    let of = |scope: Scope| match chosen.list.as_slice() {
        [] => None,
        [only] => Some(exception(only, event, scope, way)),
        list => {
            let parts = list.iter().map(|one| exception(one, event, scope, way));
            Some(Component::of("chained_exception", parts.collect()))
        }
    };
    match (of(Scope::App), of(Scope::System)) {
        (Some(mut app), Some(mut system)) => {
            if let Some(hint) = chosen.hint {
                app.hint = Some(hint);
                system.hint = Some(hint);
            }
            app_and_system("exception", app, system)
        }
        _ => Vec::new(),
    }
}

/// Tells exceptions of one event apart.
pub(super) fn hash_of(one: &Exception<'_>, event: &NormalEvent<'_>, way: Way<'_>) -> Hash {
    exception(one, event, Scope::System, way).hash()
}

fn exception(
    exception: &Exception<'_>,
    event: &NormalEvent<'_>,
    scope: Scope,
    way: Way<'_>,
) -> Component {
    let mut parts = Vec::with_capacity(3);
    let is_synthetic = exception
        .mechanism
        .as_ref()
        .is_some_and(|mechanism| mechanism.synthetic == Some(true));
    let stack = exception
        .stacktrace
        .as_deref()
        .map(|stack| frames(stack, Some(exception), event, scope, way));
    if let Some(ty) = &exception.ty {
        let part = Component::leaf("type", ty.as_ref());
        parts.push(if is_synthetic {
            part.ignored("made up by the SDK")
        } else {
            part
        });
    }
    let ns_error = ns_error(exception);
    // Where any frame counts the words do not, be it the application's own or not; but where some
    // have lost their names, the words tell more than the rest.
    let has_stack = stack
        .as_ref()
        .is_some_and(|stack| stack.any_frame && !stack.is_minified);
    if let Some(value) = exception.value.0.as_deref() {
        let shown = || Component::leaf("value", message::first_lines(value));
        parts.push(if has_stack {
            shown().ignored("the stack trace takes precedence")
        } else if ns_error.is_some() {
            shown().ignored("domain and code take precedence")
        } else {
            message::component("value", value, way.version)
        });
    }
    parts.extend(ns_error);
    parts.extend(stack.map(|stack| stack.component));
    Component::of("exception", parts)
}

/// Domain and code of Apple's kind of error.
fn ns_error(exception: &Exception<'_>) -> Option<Component> {
    let meta = exception.mechanism.as_ref()?.meta.as_ref()?;
    let error = MechanismMeta::of(meta)?.ns_error?;
    let leaf = |id, text: Option<Cow<'_, str>>| text.map(|text| Component::leaf(id, text));
    let parts = [leaf("domain", error.domain), leaf("code", error.code)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Component::of("ns_error", parts))
}

/// A stack, looked at.
struct Frames {
    component: Component,
    /// Whether any frame counts, the application's own or not.
    any_frame: bool,
    /// Whether a minifier named functions of it.
    is_minified: bool,
}

/// What the built-in knowledge and the project's rules say of a stack's frames.
pub(super) fn marks(
    stack: &Stacktrace<'_>,
    exception: Option<&Exception<'_>>,
    platform: &str,
    way: Way<'_>,
) -> Marks {
    let own = |at: usize| {
        stack.frames.get(at).is_some_and(|frame| {
            frame.in_app == Some(true)
                && (way.version.is_first() || !in_app::is_framework(frame, platform))
        })
    };
    way.rules
        .enhancements
        .marks(stack, exception, platform, own)
}

/// Frames of a stack, repeated calls counted once.
fn frames(
    stack: &Stacktrace<'_>,
    exception: Option<&Exception<'_>>,
    event: &NormalEvent<'_>,
    scope: Scope,
    way: Way<'_>,
) -> Frames {
    let platform = event.platform;
    let marks = marks(stack, exception, platform, way);
    let guess = likely_guess(stack, &marks);
    let mut parts = Vec::with_capacity(stack.frames.len());
    let mut previous: Option<&Frame<'_>> = None;
    let (mut n_frames, mut is_minified) = (0_usize, false);
    for (at, (one, mark)) in stack.frames.iter().zip(&marks.frames).enumerate() {
        let mut part = frame::component(one, platform, way.version);
        if part.contributes && frame::is_guess(one) && guess != Some(at) {
            part = part.ignored("read off the stack, and perhaps no call");
        }
        part = marked(part, mark, way);
        n_frames += usize::from(part.contributes);
        is_minified |= frame::is_minified(one, platform, way.version);
        if part.contributes {
            if scope == Scope::App && !mark.in_app {
                let rule = way.rules.enhancements.app_rule(mark);
                part = part.ignored("not the application's own").by(rule);
            } else if previous.is_some_and(|previous| is_same_call(previous, one)) {
                part = part.ignored("the same call as the frame before");
            }
        }
        previous = Some(one);
        parts.push(part);
    }
    if !way.version.is_first() {
        fold(&mut parts);
    }
    if let Some(max) = marks.max_frames {
        let counting = parts.iter_mut().rev().filter(|part| part.contributes);
        for part in counting.skip(max) {
            part.contributes = false;
            part.hint = Some("beyond the frames that a rule lets count");
        }
    }
    let is_short = marks
        .min_frames
        .is_some_and(|min| parts.iter().filter(|part| part.contributes).count() < min);
    let mut component = Component::of("stacktrace", parts);
    let mut any_frame = n_frames > 0;
    if let [only] = stack.frames.as_slice()
        && frame::is_bare_script(only, platform)
    {
        any_frame = false;
        component = component.ignored("a single frame of a page without a function");
    } else if is_short {
        any_frame = false;
        component = component.ignored("fewer frames than a rule demands");
    }
    Frames {
        component,
        any_frame,
        is_minified,
    }
}

/// Of calls that were read off a stack the nearest of the application's own, where the crash was in
/// a library or nowhere: any other may be what was left by earlier calls.
fn likely_guess(stack: &Stacktrace<'_>, marks: &Marks) -> Option<usize> {
    let is_own = |at: usize| marks.frames.get(at).is_some_and(|mark| mark.in_app);
    let last = stack.frames.len().checked_sub(1)?;
    let mut guesses = stack.frames.iter().enumerate().rev();
    let own = guesses.find(|(at, frame)| frame::is_guess(frame) && is_own(*at));
    own.map(|(at, _)| at).filter(|_| !is_own(last))
}

/// A frame as the rules have it.
fn marked(part: Component, mark: &Mark, way: Way<'_>) -> Component {
    let rule = || way.rules.enhancements.group_rule(mark);
    match mark.counts {
        Some(false) if part.contributes => part.ignored("a rule leaves it out").by(rule()),
        Some(true) if !part.contributes && part.parts().any(|one| one.contributes) => Component {
            contributes: true,
            hint: Some("a rule lets it count"),
            ..part
        }
        .by(rule()),
        _ => part,
    }
}

/// Lets a round of calls that repeats count once, so that the depth of a recursion does not
/// matter. The round nearest the crash stays: its last line is where it went wrong.
fn fold(parts: &mut [Component]) {
    let mut kept: Vec<(usize, Hash)> = Vec::with_capacity(parts.len());
    for place in 0..parts.len() {
        let Some(part) = parts.get(place).filter(|part| part.contributes) else {
            continue;
        };
        kept.push((place, call_of(part)));
        while let Some(round) = repeated(&kept) {
            let to = kept.len() - round;
            for (place, _) in kept.drain(to - round..to) {
                if let Some(part) = parts.get_mut(place) {
                    part.contributes = false;
                    part.hint = Some("a recursion: the calls after it are the same");
                }
            }
        }
    }
}

/// The length of the round that the list ends with twice.
fn repeated(kept: &[(usize, Hash)]) -> Option<usize> {
    (1..=ROUND_MAX).find(|round| {
        let Some(from) = kept.len().checked_sub(2 * round) else {
            return false;
        };
        let (before, last) = kept.get(from..).unwrap_or_default().split_at(*round);
        before.iter().zip(last).all(|(a, b)| a.1 == b.1)
    })
}

/// What is called, whatever the line.
fn call_of(frame: &Component) -> Hash {
    let mut hasher = Hasher::default();
    let named = || {
        frame
            .parts()
            .filter(|part| part.contributes && part.id == "function")
    };
    if named().next().is_none() {
        return frame.hash();
    }
    for part in frame.parts().filter(|part| part.contributes) {
        if let Some(text) = part.text().filter(|_| part.id != "context_line") {
            hasher.text(part.id);
            hasher.text(text);
        }
    }
    hasher.finish()
}

fn is_same_call(a: &Frame<'_>, b: &Frame<'_>) -> bool {
    a.abs_path == b.abs_path
        && a.package == b.package
        && a.module == b.module
        && a.filename == b.filename
        && a.function == b.function
        && a.lineno == b.lineno
        && a.colno == b.colno
        && frame::place(a) == frame::place(b)
}

fn of_stack(
    id: &'static str,
    description: &'static str,
    stack: &Stacktrace<'_>,
    event: &NormalEvent<'_>,
    way: Way<'_>,
) -> Vec<Variant> {
    let of = |scope| {
        let stack = frames(stack, None, event, scope, way).component;
        if id == "stacktrace" {
            stack
        } else {
            Component::of(id, vec![stack])
        }
    };
    app_and_system(description, of(Scope::App), of(Scope::System))
}

/// The one that crashed, or the one that made the event, or the only one.
fn telling_thread<'t, 'a>(threads: &'t [Thread<'a>]) -> Option<&'t Thread<'a>> {
    let only = |is: &dyn Fn(&Thread<'a>) -> bool| {
        let mut fitting = threads.iter().filter(|thread| is(thread));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    };
    only(&|thread| thread.crashed == Some(true))
        .or_else(|| only(&|thread| thread.current == Some(true)))
        .or_else(|| only(&|_| true))
}

fn template(template: &Template<'_>) -> Variant {
    let leaf = |id, text: Option<&str>| {
        text.map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| Component::leaf(id, text))
    };
    let file = template
        .filename
        .as_deref()
        .or(template.abs_path.as_deref());
    let parts = [
        leaf("filename", file),
        leaf("context_line", template.context_line.as_deref()),
    ];
    let component = Component::of("template", parts.into_iter().flatten().collect());
    Variant::of("default", "template", component)
}

fn security(csp: &Csp<'_>) -> Variant {
    let directive = csp.effective_directive.as_deref().unwrap_or_default();
    let blocked = csp.blocked_uri.as_deref().unwrap_or("self");
    let violation = match blocked {
        "self" | "" => "'self'",
        "inline" | "unsafe-inline" => "'unsafe-inline'",
        "eval" | "unsafe-eval" => "'unsafe-eval'",
        uri => message::origin(uri),
    };
    let parts = vec![
        Component::leaf("directive", directive),
        Component::leaf("uri", violation),
    ];
    Variant::of("default", "security report", Component::of("csp", parts))
}

/// The words that such events share: the text before its parameters were put in.
fn message_text<'e>(event: &'e NormalEvent<'_>) -> Option<&'e str> {
    let text = match (&event.message, event.kind) {
        (_, EventKind::Feedback) => event.facts.feedback_message.as_deref(),
        (Some(entry), _) => entry.message.0.as_deref().or(entry.formatted.0.as_deref()),
        (None, _) => None,
    };
    text.filter(|text| !text.trim().is_empty())
}

/// What else tells events apart when nothing of the usual contributes.
fn fallback(event: &NormalEvent<'_>) -> Variant {
    let types: Vec<_> = event
        .exceptions
        .iter()
        .filter_map(|exception| exception.ty.as_deref())
        .map(|ty| Component::leaf("type", ty))
        .collect();
    let (parts, hint) = if types.is_empty() {
        let leaf =
            |id, text: &Option<Cow<'_, str>>| text.as_deref().map(|text| Component::leaf(id, text));
        let parts = [
            leaf("transaction", &event.transaction),
            leaf("logger", &event.logger),
            leaf(
                "server_name",
                &event
                    .server_name
                    .clone()
                    .filter(|_| event.transaction.is_none()),
            ),
            Some(Component::leaf("platform", event.platform)),
        ];
        (
            parts.into_iter().flatten().collect(),
            "neither stack, message nor type: grouped by where it comes from",
        )
    } else {
        (types, "neither stack nor message: grouped by type")
    };
    let mut variant = Variant::of("fallback", "fallback", Component::of("fallback", parts));
    variant.hint = Some(hint);
    variant
}
