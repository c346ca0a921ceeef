//! The application's own idea of which events belong together.

use std::borrow::Cow;

use protocol::event::{Exception, Frame};

use crate::normalise::NormalEvent;

use super::explain::{Component, Variant};
use super::hash::Hash;
use super::rules::Fingerprint;
use super::{Way, message, stack};

/// What names the issue: an exception and the frame it came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash<'e, 'a> {
    pub(super) exception: Option<&'e Exception<'a>>,
    /// The application's own frame nearest the crash, or else the last of all.
    pub(super) frame: Option<&'e Frame<'a>>,
}

impl<'e, 'a> Crash<'e, 'a> {
    pub(super) fn of(
        event: &'e NormalEvent<'a>,
        exception: Option<&'e Exception<'a>>,
        way: Way<'_>,
    ) -> Self {
        let stack = exception
            .and_then(|exception| exception.stacktrace.as_deref())
            .or(event.stacktrace.as_deref())
            .or_else(|| event.stacktraces().next());
        let frame = stack.and_then(|stack| {
            let marks = stack::marks(stack, exception, event.platform, way);
            let mut marked = stack.frames.iter().zip(&marks.frames).rev();
            let own = marked.find(|(_, mark)| mark.in_app);
            own.map(|(frame, _)| frame).or_else(|| stack.frames.last())
        });
        Self { exception, frame }
    }
}

/// Puts checksum, rule or fingerprint into force over the default variants.
pub(super) fn apply(
    event: &NormalEvent<'_>,
    crash: Crash<'_, '_>,
    rule: Option<&Fingerprint>,
    way: Way<'_>,
    variants: &mut Vec<Variant>,
) {
    if let Some(checksum) = event
        .checksum
        .as_deref()
        .map(str::trim)
        .filter(|c| !c.is_empty())
    {
        silence(variants, "the checksum takes precedence");
        variants.insert(0, by_checksum(checksum));
        return;
    }
    let parts: Vec<&str> = match rule {
        Some(rule) => rule.parts.iter().map(String::as_str).collect(),
        None => event.fingerprint.iter().map(AsRef::as_ref).collect(),
    };
    let deciding = rule.map(ToString::to_string);
    let n_default = parts.iter().filter(|part| is_default(part)).count();
    if parts.is_empty() || (rule.is_none() && n_default == parts.len()) {
        return;
    }
    if n_default == 0 {
        silence(
            variants,
            match rule {
                Some(_) => "a rule's fingerprint takes precedence",
                None => "the fingerprint takes precedence",
            },
        );
        let parts = parts.iter().map(|part| resolve(part, event, crash, way));
        let component = Component::of("fingerprint", parts.collect());
        let mut variant = Variant::of("custom_fingerprint", "fingerprint", component);
        variant.rule = deciding;
        variants.insert(0, variant);
        return;
    }
    if n_default == parts.len() {
        // The rule asks for what there is anyhow, whatever the SDK's fingerprint says.
        for variant in variants.iter_mut().filter(|variant| variant.contributes) {
            variant.rule.clone_from(&deciding);
        }
        return;
    }
    for variant in variants.iter_mut().filter(|variant| variant.contributes) {
        let own = std::mem::replace(&mut variant.component, Component::of("", Vec::new()));
        let mut slot = Some(own);
        let salted = parts.iter().filter_map(|part| {
            if is_default(part) {
                slot.take()
            } else {
                Some(resolve(part, event, crash, way))
            }
        });
        variant.component = Component::of("salted", salted.collect());
        variant.hash = Some(variant.component.hash());
        variant.hint = Some("joined with the fingerprint");
        variant.rule.clone_from(&deciding);
    }
}

fn silence(variants: &mut [Variant], hint: &'static str) {
    for variant in variants {
        variant.silence(hint);
    }
}

/// 32 hexadecimal digits are the hash itself.
fn by_checksum(checksum: &str) -> Variant {
    let component = Component::leaf("checksum", checksum);
    let mut bytes = [0; 16];
    let is_hash = hex::decode_to_slice(checksum, &mut bytes).is_ok();
    let mut variant = Variant::of(
        if is_hash {
            "checksum"
        } else {
            "hashed_checksum"
        },
        "checksum",
        component,
    );
    if is_hash {
        variant.hash = Some(Hash::from_bytes(bytes));
    }
    variant
}

/// The name in `{{ name }}`.
fn variable(part: &str) -> Option<&str> {
    let inner = part.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{")).then(|| inner.trim())
}

fn is_default(part: &str) -> bool {
    variable(part) == Some("default")
}

/// A text with its variables filled in; those that the event has not are named.
pub(super) fn fill(text: &str, event: &NormalEvent<'_>, crash: Crash<'_, '_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match lookup(name.trim(), event, crash) {
            Some(Ok(value)) => out.push_str(&value),
            Some(Err(missing)) => out.push_str(&format!("<no-{missing}>")),
            None => out.push_str(&format!("<unrecognized-variable-{}>", name.trim())),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A part with its variable looked up.
fn resolve(part: &str, event: &NormalEvent<'_>, crash: Crash<'_, '_>, way: Way<'_>) -> Component {
    let Some(name) = variable(part) else {
        return match part.contains("{{") {
            true => Component::leaf("value", fill(part, event, crash)).with_hint("with variables"),
            false => literal(part, event, way),
        };
    };
    match lookup(name, event, crash) {
        Some(Ok(text)) => Component::leaf("value", text).with_hint("a variable"),
        Some(Err(missing)) => {
            Component::leaf("value", format!("<no-{missing}>")).with_hint("the event has none")
        }
        None => Component::leaf("value", format!("<unrecognized-variable-{name}>"))
            .with_hint("there is no such variable"),
    }
}

/// A text that is the event's message is treated as one.
fn literal(part: &str, event: &NormalEvent<'_>, way: Way<'_>) -> Component {
    let is_message = event.message_text() == Some(part)
        || event
            .exceptions
            .iter()
            .any(|exception| exception.value.0.as_deref() == Some(part));
    if is_message {
        message::component("value", part, way.version)
    } else {
        Component::leaf("value", part)
    }
}

/// The variable's value, `Err` with its name where the event has none; `None` for no variable.
fn lookup<'e>(
    name: &str,
    event: &'e NormalEvent<'_>,
    crash: Crash<'e, '_>,
) -> Option<Result<Cow<'e, str>, String>> {
    let (main, frame) = (crash.exception, crash.frame);
    let of = |text: Option<&'e str>, missing: &str| {
        Some(text.map(Cow::Borrowed).ok_or_else(|| missing.to_owned()))
    };
    match name {
        "transaction" => of(event.transaction.as_deref(), "transaction"),
        "message" => of(
            event.message_text().or_else(|| main?.value.0.as_deref()),
            "message",
        ),
        "type" | "error.type" => of(main.and_then(|main| main.ty.as_deref()), "type"),
        "value" | "error.value" => of(main.and_then(|main| main.value.0.as_deref()), "value"),
        "function" | "stack.function" => of(
            frame.and_then(|frame| frame.function.as_deref()),
            "function",
        ),
        "path" | "stack.abs_path" => of(
            frame.and_then(|frame| frame.abs_path.as_deref()),
            "abs-path",
        ),
        "stack.filename" => of(
            frame.and_then(|frame| frame.filename.as_deref()),
            "filename",
        ),
        "module" | "stack.module" => of(frame.and_then(|frame| frame.module.as_deref()), "module"),
        "package" | "stack.package" => {
            let package = frame.and_then(|frame| frame.package.as_deref());
            of(
                package.and_then(|path| path.rsplit(['/', '\\']).next()),
                "package",
            )
        }
        "level" => of(Some(event.level.name()), "level"),
        "logger" => of(event.logger.as_deref(), "logger"),
        _ => {
            let tag = name.strip_prefix("tags.")?;
            Some(
                event
                    .tag(tag)
                    .map(Cow::Borrowed)
                    .ok_or_else(|| format!("value-for-tag-{tag}")),
            )
        }
    }
}
