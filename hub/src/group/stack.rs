//! The default ways of looking at an event: exceptions, threads, stacks, template, message.

use std::borrow::Cow;

use protocol::event::{Exception, Frame, Stacktrace, Thread};

use crate::normalise::{EventKind, NormalEvent};

use super::explain::{Component, Variant};
use super::{frame, message, tree};

/// Which frames count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Only the application's own.
    App,
    /// All.
    System,
}

/// Every variant of the event; exactly one strategy of them contributes.
pub(super) fn variants(event: &NormalEvent<'_>) -> Vec<Variant> {
    let mut variants = Vec::with_capacity(4);
    strategy(&mut variants, exceptions(event));
    strategy(&mut variants, threads(event));
    strategy(&mut variants, stacktrace(event));
    strategy(&mut variants, template(event));
    strategy(&mut variants, security(event));
    strategy(&mut variants, message(event));
    if !variants.iter().any(|variant| variant.contributes) {
        variants.push(fallback(event));
    }
    variants
}

/// Adds a strategy's variants; those after the first strategy that contributes stay silent.
fn strategy(all: &mut Vec<Variant>, new: Vec<Variant>) {
    let winner = all
        .iter()
        .find(|variant| variant.contributes)
        .map(|variant| variant.component.id);
    for mut variant in new {
        if let Some(winner) = winner {
            variant.silence(match winner {
                "exception" | "chained_exception" => "an exception takes precedence",
                "threads" => "a thread's stack takes precedence",
                "stacktrace" => "the stack trace takes precedence",
                "template" => "the template takes precedence",
                _ => "the security report takes precedence",
            });
        }
        all.push(variant);
    }
}

/// Marks the variant without the application's frames silent, and one without any stack beside
/// one that has a stack.
fn app_and_system(
    id: &'static str,
    description: &'static str,
    app: Component,
    system: Component,
) -> Vec<Variant> {
    let app_has_stack = has_stack(&app);
    let system_has_stack = has_stack(&system);
    let mut app = Variant::of("app", description, app);
    let mut system = Variant::of("system", description, system);
    debug_assert!(app.component.id == id);
    if !app_has_stack {
        app.silence("none of the application's own frames");
        app.hash = None;
    } else if !system_has_stack {
        system.silence("no frame counts");
    }
    vec![app, system]
}

fn has_stack(component: &Component) -> bool {
    component.contributes && (component.id == "stacktrace" || component.parts().any(has_stack))
}

fn exceptions(event: &NormalEvent<'_>) -> Vec<Variant> {
    const DESCRIPTION: &str = "exception";
    let chosen = tree::chosen(event);
    let of = |scope: Scope| match chosen.list.as_slice() {
        [] => None,
        [only] => Some(exception(only, event, scope)),
        list => {
            let parts = list.iter().map(|one| exception(one, event, scope));
            Some(Component::of("chained_exception", parts.collect()))
        }
    };
    match (of(Scope::App), of(Scope::System)) {
        (Some(mut app), Some(mut system)) => {
            if let Some(hint) = chosen.hint {
                app.hint = Some(hint);
                system.hint = Some(hint);
            }
            app_and_system(app.id, DESCRIPTION, app, system)
        }
        _ => Vec::new(),
    }
}

fn exception(exception: &Exception<'_>, event: &NormalEvent<'_>, scope: Scope) -> Component {
    let mut parts = Vec::with_capacity(3);
    let is_synthetic = exception
        .mechanism
        .as_ref()
        .is_some_and(|mechanism| mechanism.synthetic == Some(true));
    let stack = exception
        .stacktrace
        .as_deref()
        .map(|stack| frames(stack, event.platform, scope));
    // Where any frame counts the words do not, be it the application's own or not.
    let has_stack = stack.as_ref().is_some_and(|stack| stack.contributes)
        || (scope == Scope::App
            && exception
                .stacktrace
                .as_deref()
                .is_some_and(|stack| frames(stack, event.platform, Scope::System).contributes));
    if let Some(ty) = &exception.ty {
        let part = Component::leaf("type", ty.as_ref());
        parts.push(if is_synthetic {
            part.ignored("made up by the SDK")
        } else {
            part
        });
    }
    if let Some(value) = exception.value.0.as_deref() {
        parts.push(if has_stack {
            Component::leaf("value", message::first_lines(value))
                .ignored("the stack trace takes precedence")
        } else {
            message::component("value", value)
        });
    }
    parts.extend(stack);
    Component::of("exception", parts)
}

/// Frames of a stack, repeated calls counted once.
fn frames(stack: &Stacktrace<'_>, platform: &'static str, scope: Scope) -> Component {
    let mut parts = Vec::with_capacity(stack.frames.len());
    let mut previous: Option<&Frame<'_>> = None;
    for one in &stack.frames {
        let mut part = frame::component(one, platform);
        if part.contributes {
            if scope == Scope::App && one.in_app != Some(true) {
                part = part.ignored("not the application's own");
            } else if previous.is_some_and(|previous| is_same_call(previous, one)) {
                part = part.ignored("the same call as the frame before");
            }
        }
        previous = Some(one);
        parts.push(part);
    }
    let component = Component::of("stacktrace", parts);
    match stack.frames.as_slice() {
        [only] if frame::is_bare_script(only, platform) => {
            component.ignored("a single frame of a page without a function")
        }
        _ => component,
    }
}

fn is_same_call(a: &Frame<'_>, b: &Frame<'_>) -> bool {
    a.abs_path == b.abs_path
        && a.package == b.package
        && a.module == b.module
        && a.filename == b.filename
        && a.function == b.function
        && a.lineno == b.lineno
        && a.colno == b.colno
}

fn of_stack(
    id: &'static str,
    description: &'static str,
    stack: &Stacktrace<'_>,
    event: &NormalEvent<'_>,
) -> Vec<Variant> {
    let of = |scope| {
        let stack = frames(stack, event.platform, scope);
        if id == "stacktrace" {
            stack
        } else {
            Component::of(id, vec![stack])
        }
    };
    app_and_system(id, description, of(Scope::App), of(Scope::System))
}

fn threads(event: &NormalEvent<'_>) -> Vec<Variant> {
    let stack = telling_thread(&event.threads).and_then(|thread| thread.stacktrace.as_deref());
    stack.map_or_else(Vec::new, |stack| {
        of_stack("threads", "thread", stack, event)
    })
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

fn stacktrace(event: &NormalEvent<'_>) -> Vec<Variant> {
    event.stacktrace.as_deref().map_or_else(Vec::new, |stack| {
        of_stack("stacktrace", "stack trace", stack, event)
    })
}

fn template(event: &NormalEvent<'_>) -> Vec<Variant> {
    let Some(template) = &event.template else {
        return Vec::new();
    };
    let leaf = |id, text: &Option<Cow<'_, str>>| {
        text.as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| Component::leaf(id, text))
    };
    let file = template
        .filename
        .clone()
        .or_else(|| template.abs_path.clone());
    let parts = [
        leaf("filename", &file),
        leaf("context_line", &template.context_line),
    ];
    let component = Component::of("template", parts.into_iter().flatten().collect());
    vec![Variant::of("default", "template", component)]
}

fn security(event: &NormalEvent<'_>) -> Vec<Variant> {
    let Some(csp) = &event.csp else {
        return Vec::new();
    };
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
    vec![Variant::of(
        "default",
        "content security policy",
        Component::of("csp", parts),
    )]
}

fn message(event: &NormalEvent<'_>) -> Vec<Variant> {
    let text = match (&event.message, event.kind) {
        (_, EventKind::Feedback) => event.facts.feedback_message.as_deref(),
        // The text before its parameters were put in is what all such events share.
        (Some(entry), _) => entry.message.0.as_deref().or(entry.formatted.0.as_deref()),
        (None, _) => None,
    };
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Vec::new();
    };
    let component = message::component("message", text);
    vec![Variant::of("default", "message", component)]
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
