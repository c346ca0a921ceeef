//! What of a frame tells calls apart: module or file, function, line of source.

use protocol::event::Frame;

use super::explain::Component;
use super::version::Version;
use super::{function, module};

/// Longer lines are minified code.
const CONTEXT_CHARS_MAX: usize = 120;
/// Names of minified functions have no more characters.
const MINIFIED_CHARS_MAX: usize = 2;

pub(super) fn component(frame: &Frame<'_>, platform: &str, version: Version) -> Component {
    let platform = frame.platform.as_deref().unwrap_or(platform);
    let mut parts = Vec::with_capacity(4);
    let module = module::module(frame, platform, version);
    let has_module = module.as_ref().is_some_and(|module| module.contributes);
    parts.extend(module);
    if let Some(file) = module::file(frame, platform) {
        parts.push(if has_module && file.contributes {
            file.ignored("the module takes precedence")
        } else {
            file
        });
    }
    let function = function::component(frame, platform, version);
    parts.extend(match is_minified(frame, platform, version) {
        true => function.map(|function| function.ignored("a name that a minifier made")),
        false => function,
    });
    parts.extend(context_line(frame, platform));
    if parts.is_empty() {
        parts.extend(place(frame).map(|place| Component::leaf("place", place)));
    }
    let component = Component::of("frame", parts);
    match plumbing(frame, platform) {
        Some(hint) if component.contributes => component.ignored(hint),
        _ => component,
    }
}

/// Whether a minifier named the function, so that each build names it anew.
pub(super) fn is_minified(frame: &Frame<'_>, platform: &str, version: Version) -> bool {
    if version.is_first() || !matches!(platform, "javascript" | "node") {
        return false;
    }
    let path = frame.abs_path.as_deref().unwrap_or_default();
    let file = frame.filename.as_deref().unwrap_or_default();
    let is_built = module::is_url(path) || module::is_build(file);
    let has_source = frame
        .context_line
        .as_deref()
        .is_some_and(|line| line.trim().chars().count() <= CONTEXT_CHARS_MAX);
    let name = frame.function.as_deref().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or(name);
    let name = match version < Version::Fourth {
        true => name,
        false => function::without_words(name),
    };
    let is_short = !name.is_empty() && name.chars().count() <= MINIFIED_CHARS_MAX && name != "?";
    is_built && is_short && !has_source
}

/// Image and offset of a call that a crash dump names by its address alone: the offset is the same
/// wherever the system has put the image.
pub(super) fn place(frame: &Frame<'_>) -> Option<String> {
    frame.trust.as_ref()?;
    let file = frame.package.as_deref()?;
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let at = address(frame.instruction_addr.as_deref()?)?;
    let offset = at.checked_sub(address(frame.image_addr.as_deref()?)?)?;
    Some(format!("{name}+{offset:#x}"))
}

fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Whether it is a word of a stack that looked like a call.
pub(super) fn is_guess(frame: &Frame<'_>) -> bool {
    frame.trust.as_deref() == Some("scan")
}

/// Whether it is a place in a page's script of which no function is known.
pub(super) fn is_bare_script(frame: &Frame<'_>, platform: &str) -> bool {
    matches!(platform, "javascript" | "node")
        && frame.function.is_none()
        && frame.abs_path.as_deref().is_some_and(module::is_url)
}

fn context_line(frame: &Frame<'_>, platform: &str) -> Option<Component> {
    if !matches!(platform, "javascript" | "node" | "python" | "php" | "ruby") {
        return None;
    }
    let line = frame.context_line.as_deref()?;
    if line.len() > CONTEXT_CHARS_MAX * 8 {
        return Some(Component::leaf("context_line", "").ignored("the line is too long"));
    }
    let mut words = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    if words.is_empty() {
        return None;
    }
    let is_long = words.chars().count() > CONTEXT_CHARS_MAX;
    let is_page = platform == "javascript"
        && frame.function.is_none()
        && frame.abs_path.as_deref().is_some_and(module::is_url);
    let part = Component::leaf("context_line", words);
    Some(if is_long {
        part.ignored("the line is too long")
    } else if is_page {
        part.ignored("a line of a page's script without a function")
    } else {
        part
    })
}

/// Calls that only carry an error to the SDK, or start a program.
fn plumbing(frame: &Frame<'_>, platform: &str) -> Option<&'static str> {
    const SDK: &str = "part of the SDK";
    const RUNTIME: &str = "part of the runtime";
    let function = frame.function.as_deref().unwrap_or_default();
    let module = frame.module.as_deref().unwrap_or_default();
    let path = frame.abs_path.as_deref().unwrap_or_default();
    let starts = |text: &str, list: &[&str]| list.iter().any(|start| text.starts_with(start));
    match platform {
        "python" if starts(module, &["sentry_sdk.", "raven."]) => Some(SDK),
        "python" if path.starts_with("<frozen ") => Some(RUNTIME),
        "javascript" | "node" if path.contains("/@sentry/") => Some(SDK),
        "node" if starts(path, &["node:internal/", "internal/"]) => Some(RUNTIME),
        "javascript" | "node" if is_script_marker(function) && module.is_empty() => {
            Some("not a function")
        }
        "java" if module.starts_with("io.sentry.") => Some(SDK),
        "native" if starts(function, &["sentry::", "sentry_", "<sentry"]) => Some(SDK),
        "native"
            if starts(
                function,
                &[
                    "std::panicking",
                    "std::panic::",
                    "core::panicking",
                    "std::rt::",
                    "std::sys::",
                    "std::sys_common::",
                    "backtrace::",
                    "rust_begin_unwind",
                    "__rust_",
                    "__libc_start",
                    "_start",
                ],
            ) =>
        {
            Some(RUNTIME)
        }
        _ => None,
    }
}

fn is_script_marker(function: &str) -> bool {
    matches!(
        function,
        "eval" | "[native code]" | "native code" | "eval code" | "<anonymous>"
    )
}
